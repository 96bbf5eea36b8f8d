/** Second line of the frame: navigation, proof of liveness, sound, server clock, duty name, language and theme. */
import { NavLink } from 'react-router'
import type { Me } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Icon } from '../kit/icons.tsx'
import { ServerTime } from '../kit/time.tsx'
import { ageMs, connection } from '../live/connection.ts'
import { perimeterCover } from '../live/coverage.ts'
import { facility } from '../live/facility-data.ts'
import { ageSeconds, duration, grouped } from '../live/format.ts'
import { fifth } from '../live/server-clock.ts'
import { logOut } from '../live/session.ts'
import { settings, shownTheme } from '../live/settings.ts'
import { silence, sound, unlockSound } from '../live/sound.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './frame.module.css'
import type { NavItem } from './frame.tsx'

export function ConnectionChip() {
  const t = useText()
  useSignal(fifth)
  const state = useSignal(connection)
  const age = ageMs(state)
  const text =
    state.phase === 'connecting' || age === null
      ? t('status.connecting')
      : state.phase === 'live'
        ? t('status.live', { age: ageSeconds(age) })
        : state.phase === 'late'
          ? t('status.late', { age: Math.round(age / 1000) })
          : t('status.lost', { age: duration(age) })
  return (
    <span className={css.chip} data-phase={state.phase} data-testid="connection">
      <Icon name="live" size={14} />
      {text}
    </span>
  )
}

function Sequence() {
  const t = useText()
  const { seq, phase } = useSignal(connection)
  if (seq === null) return null
  return (
    <span className={css.quiet} data-testid="sequence">
      {t(phase === 'lost' ? 'status.seqStopped' : 'status.seq', { seq: grouped(seq) })}
    </span>
  )
}

function Coverage() {
  const t = useText()
  const data = useSignal(facility)
  const cover = perimeterCover(data)
  if (cover.total === 0) return null
  return (
    <span className={css.quiet} data-gap={cover.seen < cover.total}>
      {t('status.coveragePerimeter', { seen: cover.seen, total: cover.total })}
    </span>
  )
}

export function SoundSwitch() {
  const t = useText()
  useSignal(fifth)
  const { state, silencedUntil } = useSignal(sound)
  const text =
    state === 'on'
      ? t('status.sound.on')
      : state === 'silenced'
        ? t('status.sound.silenced', { s: Math.max(0, Math.ceil(((silencedUntil ?? 0) - performance.now()) / 1000)) })
        : t(state === 'blocked' ? 'status.sound.blocked' : 'status.sound.off')
  return (
    <button
      type="button"
      className={css.tool}
      aria-keyshortcuts="S"
      data-alarm={state === 'blocked'}
      onClick={() => (state === 'on' ? silence() : void unlockSound())}
    >
      <Icon name={state === 'on' ? 'sound' : 'mute'} />
      {text}
    </button>
  )
}

export function StatusBar({ account, nav, onHelp }: { account: Me; nav: NavItem[]; onHelp(): void }) {
  const t = useText()
  const { language } = useSignal(settings)
  const dark = shownTheme() === 'dark'
  return (
    <div className={css.statusBar}>
      <nav className={css.nav} aria-label={t('nav.main')}>
        {nav.map((item) => (
          <NavLink key={item.to} to={item.to} className={css.navLink}>
            {item.text}
          </NavLink>
        ))}
      </nav>
      <div className={css.status} role="group" aria-label={t('status.label')}>
        <ConnectionChip />
        <Sequence />
        <Coverage />
        <SoundSwitch />
        <span className={css.clock}>
          <b>
            <ServerTime />
          </b>
          <span className="muted">{t('status.beijing')}</span>
        </span>
        <span className={css.who}>
          {account.name.includes(' ')
            ? account.name
            : t('status.account', { role: t.code('role', account.role), name: account.name })}
        </span>
        <button type="button" className={`${css.tool} ${css.desktop}`} onClick={() => void logOut()}>
          {t('nav.logout')}
        </button>
        <button
          type="button"
          className={`${css.tool} ${css.desktop}`}
          aria-label={`${t(dark ? 'status.themeDark' : 'status.themeLight')} ${t('status.theme')}`}
          onClick={() => settings.change({ theme: dark ? 'light' : 'dark' })}
        >
          {t(dark ? 'status.themeDark' : 'status.themeLight')}
        </button>
        <button
          type="button"
          className={css.tool}
          aria-label={`中 / EN ${t('status.language')}`}
          onClick={() => settings.change({ language: language === 'zh' ? 'en' : 'zh' })}
        >
          中 / EN
        </button>
        <button type="button" className={css.helpKey} aria-label={`? ${t('status.help')}`} onClick={onHelp}>
          <kbd>?</kbd>
        </button>
      </div>
    </div>
  )
}
