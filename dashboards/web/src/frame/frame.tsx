/** The frame around every page: alert bar, status bar, connection states, the spoken region. Always present, always live. */
import { lazy, type ReactNode, Suspense, useEffect, useMemo, useState } from 'react'
import { NavLink, useNavigate } from 'react-router'
import type { Me } from '../api/types.ts'
import { loadDictionary } from '../i18n/dictionary.ts'
import { useText } from '../i18n/use-text.ts'
import { Icon, type IconName } from '../kit/icons.tsx'
import { useKeys } from '../kit/keyboard.ts'
import { connection, phaseOf } from '../live/connection.ts'
import { mayDo, mayEnter } from '../live/session.ts'
import { otherLanguage } from '../live/settings.ts'
import { play, silence } from '../live/sound.ts'
import { usePart } from '../live/use-signal.ts'
import { AlertBar } from './alert-bar.tsx'
import { Banners, loadPhones } from './banners.tsx'
import { Boundary } from './boundary.tsx'
import css from './frame.module.css'
import { Spoken } from './spoken.tsx'
import { StatusBar } from './status-bar.tsx'

const loadPalette = () => import('./palette.tsx')
const loadHelp = () => import('./help.tsx')
const Palette = lazy(loadPalette)
const Help = lazy(loadHelp)
/** What the first key may open is fetched this long after the page, and the other language with it. */
const PREFETCH_MS = 3000
/** What a cut link needs comes before that. */
const PHONES_MS = 300

export interface NavItem {
  to: string
  text: string
  icon: IconName
  area: 'duty' | 'eng' | 'gov' | 'me'
  /** One of the few that have room in the bar of a phone. */
  tab: boolean
}

export function useNav(account: Me): NavItem[] {
  const t = useText()
  return useMemo(() => {
    const items: NavItem[] = []
    const add = (to: string, text: string, icon: IconName, area: NavItem['area'], needs?: string, tab = false) => {
      if (area !== 'me' && !mayEnter(account, area)) return
      if (!needs || mayDo(account, needs)) items.push({ to, text, icon, area, tab })
    }
    add('/duty/alerts', t('nav.alerts'), 'list', 'duty', 'alerts:read', true)
    add('/duty/plan', t('nav.plan'), 'plan', 'duty', 'plan:read', true)
    add('/duty/cameras', t('nav.cameras'), 'camera', 'duty', 'video:read', true)
    add('/duty/incidents', t('nav.incidents'), 'incident', 'duty', 'alerts:read')
    add('/duty/shift', t('nav.shift'), 'shift', 'duty', 'shift:keep', true)
    add('/duty/search', t('nav.search'), 'search', 'duty', 'alerts:read')
    if (mayDo(account, 'alerts:read')) add('/duty/reports', t('nav.reports'), 'list', 'duty', 'indicators:read')
    add('/eng/devices', t('nav.devices'), 'devices', 'eng', 'devices:read', account.role !== 'officer')
    add('/eng/health', t('nav.health'), 'health', 'eng', 'health:read')
    add('/eng/quality', t('nav.quality'), 'search', 'eng', 'quality:read')
    add('/gov/overview', t('nav.overview'), 'gov', 'gov', undefined, true)
    add('/gov/indicators', t('nav.indicators'), 'health', 'gov', undefined, true)
    items.push({ to: '/me', text: t('nav.me'), icon: 'person', area: 'me', tab: true })
    return items
  }, [account, t])
}

/** After G, the next letter within 1.5 s says where to. */
const GO: Record<string, string> = {
  a: '/duty/alerts',
  m: '/duty/plan',
  c: '/duty/cameras',
  s: '/duty/shift',
  i: '/duty/incidents',
  f: '/duty/search',
  r: '/duty/reports',
  d: '/eng/devices',
  h: '/eng/health',
}
const GO_MS = 1500

export function Frame({ account, children }: { account: Me; children: ReactNode }) {
  const t = useText()
  const navigate = useNavigate()
  const nav = useNav(account)
  const [help, setHelp] = useState(false)
  const [palette, setPalette] = useState(false)
  const [goUntil, setGoUntil] = useState(0)
  const phase = usePart(connection, phaseOf)

  useEffect(() => {
    const phones = setTimeout(() => void loadPhones().catch(() => null), PHONES_MS)
    const timer = setTimeout(() => {
      for (const fetched of [loadHelp(), loadPalette(), loadDictionary(otherLanguage())]) fetched.catch(() => null)
    }, PREFETCH_MS)
    return () => {
      clearTimeout(phones)
      clearTimeout(timer)
    }
  }, [])
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
    'Ctrl+K': () => setPalette(true),
  })

  return (
    <div className={css.frame} data-phase={phase}>
      <a className={css.skip} href="#main">
        {t('nav.skip')}
      </a>
      <AlertBar account={account} />
      <StatusBar account={account} nav={nav} onHelp={() => setHelp(true)} />
      <Banners account={account} />
      <main id="main" className={css.main} data-lost={phase === 'lost'} tabIndex={-1}>
        {children}
      </main>
      <nav className={css.tabs} aria-label={t('nav.audience')}>
        {nav
          .filter((item) => item.tab)
          .map((item) => (
            <NavLink key={item.to} to={item.to} className={css.tab}>
              <Icon name={item.icon} size={18} />
              {item.text}
            </NavLink>
          ))}
      </nav>
      <Spoken />
      {(palette || help) && (
        <Boundary over>
          <Suspense fallback={null}>
            {palette && <Palette nav={nav} onClose={() => setPalette(false)} onHelp={() => setHelp(true)} />}
            {help && <Help onClose={() => setHelp(false)} />}
          </Suspense>
        </Boundary>
      )}
    </div>
  )
}
