/** The frame around every page: alert bar, status bar, connection states, the spoken region. Always present, always live. */
import { type ReactNode, useEffect, useMemo, useState } from 'react'
import { NavLink, useNavigate } from 'react-router'
import type { Me } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Icon, type IconName } from '../kit/icons.tsx'
import { useKeys } from '../kit/keyboard.ts'
import { connection } from '../live/connection.ts'
import { mayEnter } from '../live/session.ts'
import { play, silence } from '../live/sound.ts'
import { useSignal } from '../live/use-signal.ts'
import { AlertBar } from './alert-bar.tsx'
import { Banners } from './banners.tsx'
import css from './frame.module.css'
import { Help } from './help.tsx'
import { Spoken } from './spoken.tsx'
import { StatusBar } from './status-bar.tsx'

export interface NavItem {
  to: string
  text: string
  icon: IconName
  area: 'duty' | 'eng' | 'gov' | 'me'
}

export function useNav(account: Me): NavItem[] {
  const t = useText()
  return useMemo(() => {
    const items: NavItem[] = []
    if (mayEnter(account, 'duty')) {
      items.push({ to: '/duty/alerts', text: t('nav.alerts'), icon: 'list', area: 'duty' })
      items.push({ to: '/duty/plan', text: t('nav.plan'), icon: 'plan', area: 'duty' })
    }
    if (mayEnter(account, 'eng'))
      items.push({ to: '/eng/devices', text: t('nav.devices'), icon: 'devices', area: 'eng' })
    if (mayEnter(account, 'gov')) items.push({ to: '/gov/overview', text: t('nav.overview'), icon: 'gov', area: 'gov' })
    items.push({ to: '/me', text: t('nav.me'), icon: 'person', area: 'me' })
    return items
  }, [account, t])
}

/** After G, the next letter within 1.5 s says where to. */
const GO: Record<string, string> = { a: '/duty/alerts', m: '/duty/plan', d: '/eng/devices' }
const GO_MS = 1500

export function Frame({ account, children }: { account: Me; children: ReactNode }) {
  const t = useText()
  const navigate = useNavigate()
  const nav = useNav(account)
  const [help, setHelp] = useState(false)
  const [goUntil, setGoUntil] = useState(0)
  const { phase } = useSignal(connection)

  useEffect(() => {
    if (phase === 'lost') play('lost')
  }, [phase])

  useEffect(() => {
    if (goUntil === 0) return
    const listen = (event: KeyboardEvent) => {
      const to = GO[event.key.toLowerCase()]
      setGoUntil(0)
      if (!to || performance.now() > goUntil) return
      event.preventDefault()
      event.stopPropagation()
      navigate(to)
    }
    window.addEventListener('keydown', listen, { capture: true, once: true })
    return () => window.removeEventListener('keydown', listen, { capture: true })
  }, [goUntil, navigate])

  useKeys({
    '?': () => setHelp(true),
    s: () => silence(),
    g: () => setGoUntil(performance.now() + GO_MS),
  })

  return (
    <div className={css.frame} data-phase={phase}>
      <a className={css.skip} href="#main">
        {t('nav.skip')}
      </a>
      <AlertBar account={account} />
      <StatusBar account={account} nav={nav} onHelp={() => setHelp(true)} />
      <Banners />
      <main id="main" className={css.main} data-lost={phase === 'lost'} tabIndex={-1}>
        {children}
      </main>
      <nav className={css.tabs} aria-label={t('nav.audience')}>
        {nav.map((item) => (
          <NavLink key={item.to} to={item.to} className={css.tab}>
            <Icon name={item.icon} size={18} />
            {item.text}
          </NavLink>
        ))}
      </nav>
      <Spoken />
      {help && <Help onClose={() => setHelp(false)} />}
    </div>
  )
}
