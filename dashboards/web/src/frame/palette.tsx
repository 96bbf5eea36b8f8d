/** Ctrl+K: pages, open alerts and the few commands of the frame, by typing a part of their name. Shows each one's own key. */
import { useEffect, useState, useSyncExternalStore } from 'react'
import { useNavigate } from 'react-router'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Dialog } from '../kit/dialog.tsx'
import { shownKey } from '../kit/keyboard.ts'
import kit from '../kit/kit.module.css'
import { alertName, zoneName } from '../kit/wording.ts'
import { compareAlerts, isOpen, isUnacknowledged } from '../live/alert-store.ts'
import { facility } from '../live/facility-data.ts'
import { alertLink, evidenceLink } from '../live/links.ts'
import { store } from '../live/runtime.ts'
import { logOut } from '../live/session.ts'
import { chooseLanguage, otherLanguage, settings, shownTheme } from '../live/settings.ts'
import { silence } from '../live/sound.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './frame.module.css'
import type { NavItem } from './frame.tsx'
import { pageCommands } from './page-commands.ts'

const MAX_ALERTS = 6
const MAX_SHOWN = 40
const KEY_OF: Record<string, string> = {
  '/duty/alerts': 'G A',
  '/duty/plan': 'G M',
  '/duty/cameras': 'G C',
  '/duty/shift': 'G S',
  '/duty/incidents': 'G I',
  '/duty/search': 'G F',
  '/duty/reports': 'G R',
  '/eng/devices': 'G D',
  '/eng/health': 'G H',
}

interface Command {
  id: string
  text: string
  note: string
  key: string
  alert?: { level: 'red' | 'orange' | 'yellow' | 'blue'; filled: boolean }
  run(): void
}

export default function Palette({ nav, onClose, onHelp }: { nav: NavItem[]; onClose(): void; onHelp(): void }) {
  const t = useText()
  const navigate = useNavigate()
  const data = useSignal(facility)
  useSyncExternalStore(store.subscribeList, store.version)
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const go = (to: string) => () => void navigate(to)
  const duty = nav.some((item) => item.area === 'duty')
  const [page] = useState(() => pageCommands.get()())
  const commands: Command[] = [
    ...page.map((command) => ({
      id: `page-${command.key}`,
      text: t(command.text),
      note: command.note === null ? t('palette.command') : t('palette.act', { number: command.note }),
      key: shownKey(command.key),
      run: command.run,
    })),
    ...nav.map((item) => ({
      id: item.to,
      text: item.text,
      note: t('palette.page'),
      key: KEY_OF[item.to] ?? '',
      run: go(item.to),
    })),
    ...(duty
      ? [
          { id: 'wall', text: t('role.wall'), note: t('palette.page'), key: '', run: go('/duty/wall') },
          { id: 'print', text: t('print.title'), note: t('palette.page'), key: '', run: go('/duty/print') },
        ]
      : []),
    {
      id: 'silence',
      text: t('help.s'),
      note: t('palette.command'),
      key: shownKey('S'),
      run: silence,
    },
    {
      id: 'theme',
      text: t('status.theme'),
      note: t('palette.command'),
      key: '',
      run: () => settings.change({ theme: shownTheme() === 'dark' ? 'light' : 'dark' }),
    },
    {
      id: 'language',
      text: `中 / EN ${t('status.language')}`,
      note: t('palette.command'),
      key: '',
      run: () => void chooseLanguage(otherLanguage()),
    },
    { id: 'help', text: t('help.title'), note: t('palette.command'), key: shownKey('?'), run: onHelp },
    { id: 'logout', text: t('nav.logout'), note: t('palette.command'), key: '', run: () => void logOut() },
  ]
  const wanted = text.trim().toLowerCase()
  const alerts: Command[] = duty
    ? [...store.values()]
        .filter(isOpen)
        .sort(compareAlerts)
        .map((a) => ({
          id: a.id,
          text: `${zoneName(t, data, a.zone)} ${alertName(t, data, a)}`,
          note: `${a.number ?? ''} ${a.code}`,
          key: '',
          alert: { level: a.level, filled: isUnacknowledged(a) },
          run: go(a.handling === 'closed' ? evidenceLink(a.id) : alertLink(a.id)),
        }))
    : []
  const fits = (c: Command) => wanted === '' || `${c.text} ${c.note} ${c.id}`.toLowerCase().includes(wanted)
  const shown = [...alerts.filter(fits).slice(0, wanted === '' ? 3 : MAX_ALERTS), ...commands.filter(fits)].slice(
    0,
    MAX_SHOWN,
  )
  const chosen = Math.min(at, Math.max(0, shown.length - 1))
  useEffect(() => {
    document.getElementById(`palette-${chosen}`)?.scrollIntoView({ block: 'nearest' })
  }, [chosen])
  const run = (command: Command | undefined) => {
    if (!command) return
    onClose()
    command.run()
  }
  return (
    <Dialog title={t('palette.title')} onClose={onClose}>
      <input
        autoFocus
        className={kit.input}
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={shown[chosen] ? `palette-${chosen}` : undefined}
        aria-label={t('palette.title')}
        placeholder={t('palette.hint')}
        value={text}
        onChange={(e) => {
          setText(e.target.value)
          setAt(0)
        }}
        onKeyDown={(e) => {
          if (e.nativeEvent.isComposing) return
          if (e.key === 'ArrowDown') setAt(Math.min(chosen + 1, shown.length - 1))
          else if (e.key === 'ArrowUp') setAt(Math.max(chosen - 1, 0))
          else if (e.key === 'Enter') run(shown[chosen])
          else return
          e.preventDefault()
        }}
      />
      <div className={css.palette} id="palette-list" role="listbox" aria-label={t('palette.title')}>
        {shown.map((command, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: keys are handled by the field above
          <div
            key={command.id}
            id={`palette-${i}`}
            role="option"
            aria-selected={i === chosen}
            onClick={() => run(command)}
          >
            {command.alert && <Badge level={command.alert.level} filled={command.alert.filled} size={18} />}
            <span>{command.text}</span>
            <span className="muted">{command.note}</span>
            {command.key && <kbd>{command.key}</kbd>}
          </div>
        ))}
      </div>
      {shown.length === 0 && <p className="muted">{t('palette.none')}</p>}
    </Dialog>
  )
}
