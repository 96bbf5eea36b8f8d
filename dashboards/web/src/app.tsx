/** Routes and the gate before them: who may see which part. Pages other than the duty console come as lazy chunks. */
import { type ComponentType, lazy, type ReactNode, Suspense, useEffect } from 'react'
import { BrowserRouter, Link, Navigate, Outlet, Route, Routes, useLocation } from 'react-router'
import type { Me } from './api/types.ts'
import { AlertsPage } from './duty/alerts-page.tsx'
import { Boundary } from './frame/boundary.tsx'
import { Frame } from './frame/frame.tsx'
import { useText } from './i18n/use-text.ts'
import { Message } from './kit/controls.tsx'
import { startRuntime, store } from './live/runtime.ts'
import { homeOf, mayDo, mayEnter, rolesOf, session } from './live/session.ts'
import { setPageTheme } from './live/settings.ts'
import { startSounding } from './live/sound.ts'
import { useSignal } from './live/use-signal.ts'
import { LoginPage } from './login/login-page.tsx'

type AreaName = 'duty' | 'eng' | 'gov'
interface PageEntry {
  path: string
  page: ComponentType
  /** Fetches the page before it is opened. */
  load?: () => Promise<unknown>
  area: AreaName | null
  theme: 'dark' | 'light'
  /** What the server must allow for the page to be of use. */
  needs?: string
}

const later = (load: () => Promise<{ default: ComponentType }>) => ({ page: lazy(load), load })

/** Every page of the console, one line each. */
const PAGES: PageEntry[] = [
  { path: '/duty/alerts', page: AlertsPage, area: 'duty', theme: 'dark' },
  { path: '/duty/alerts/:id', ...later(() => import('./evidence/evidence-page.tsx')), area: 'duty', theme: 'dark' },
  { path: '/duty/plan', ...later(() => import('./plan/plan-page.tsx')), area: 'duty', theme: 'dark' },
  {
    path: '/duty/cameras',
    ...later(() => import('./cameras/cameras-page.tsx')),
    area: 'duty',
    theme: 'dark',
    needs: 'video:read',
  },
  { path: '/duty/incidents', ...later(() => import('./history/incidents-page.tsx')), area: 'duty', theme: 'dark' },
  { path: '/duty/search', ...later(() => import('./history/search-page.tsx')), area: 'duty', theme: 'dark' },
  {
    path: '/duty/shift',
    ...later(() => import('./shift/shift-page.tsx')),
    area: 'duty',
    theme: 'dark',
    needs: 'shift:keep',
  },
  {
    path: '/duty/print',
    ...later(() => import('./shift/print-page.tsx')),
    area: 'duty',
    theme: 'light',
    needs: 'headcount:read',
  },
  {
    path: '/duty/reports',
    ...later(() => import('./reports/reports-page.tsx')),
    area: 'duty',
    theme: 'dark',
    needs: 'indicators:read',
  },
  { path: '/eng/devices', ...later(() => import('./eng/devices-page.tsx')), area: 'eng', theme: 'light' },
  { path: '/eng/devices/:id', ...later(() => import('./eng/device-page.tsx')), area: 'eng', theme: 'light' },
  { path: '/eng/health', ...later(() => import('./eng/health-page.tsx')), area: 'eng', theme: 'light' },
  {
    path: '/eng/quality',
    ...later(() => import('./eng/quality-page.tsx')),
    area: 'eng',
    theme: 'light',
    needs: 'quality:read',
  },
  { path: '/gov/indicators', ...later(() => import('./gov/indicators-page.tsx')), area: 'gov', theme: 'light' },
  { path: '/gov/indicators/:id', ...later(() => import('./gov/indicator-page.tsx')), area: 'gov', theme: 'light' },
  { path: '/gov/overview', ...later(() => import('./gov/overview-page.tsx')), area: 'gov', theme: 'light' },
  { path: '/me', ...later(() => import('./me/me-page.tsx')), area: null, theme: 'light' },
  { path: '/gallery', ...later(() => import('./gallery/gallery-page.tsx')), area: null, theme: 'dark' },
]
/**
 * Who lost the server must still be able to open the plan or the print-out: the pages a person may use are fetched while
 * there is time, one after the other.
 */
const FETCH_PAGES_MS = 6000
async function fetchPages(account: Me, stopped: () => boolean): Promise<void> {
  for (const { area, needs, load } of PAGES) {
    if (stopped()) return
    if (!load || (area && !mayEnter(account, area)) || (needs && !mayDo(account, needs))) continue
    await load().catch(() => null)
  }
}

const WallPage = lazy(() => import('./wall/wall-page.tsx'))

function Loading() {
  const t = useText()
  return <Message title={t('region.loading')} />
}

/** Lazy pages and their theme: dark for duty, light for engineers and the province. */
function Page({ theme, children }: { theme: 'dark' | 'light'; children: ReactNode }) {
  const { pathname } = useLocation()
  useEffect(() => setPageTheme(theme), [theme])
  return (
    <Boundary of={pathname} unattended={pathname === '/duty/wall'}>
      <Suspense fallback={<Loading />}>{children}</Suspense>
    </Boundary>
  )
}

/** Logged in, with the live stores running. A wall has no frame and no sound. */
function Gate({ bare }: { bare: boolean }) {
  const now = useSignal(session)
  const location = useLocation()
  const account = now.known ? now.me : null
  useEffect(() => {
    if (!account) return
    const stop = startRuntime(account)
    const quiet = bare ? () => {} : startSounding(store)
    let gone = false
    const timer = bare ? undefined : setTimeout(() => void fetchPages(account, () => gone), FETCH_PAGES_MS)
    return () => {
      gone = true
      clearTimeout(timer)
      stop()
      quiet()
    }
  }, [account, bare])
  if (!now.known) return null
  if (!account) return <Navigate to="/login" replace state={{ from: location.pathname }} />
  if (bare) return <Outlet />
  return (
    <Frame account={account}>
      <Outlet />
    </Frame>
  )
}

function Area({ area, needs, children }: { area: AreaName; needs?: string; children: ReactNode }) {
  const now = useSignal(session)
  const t = useText()
  const account = now.known ? now.me : null
  if (!account) return null
  const permitted = !needs || mayDo(account, needs)
  if (mayEnter(account, area) && permitted) return children
  const roles = t.list(
    (permitted ? rolesOf(area) : (['officer', 'chief'] as const)).map((role) => t.code('role', role)),
  )
  return (
    <Message title={t('denied.title')}>
      <p>{t('denied.needs', { role: roles, mine: t.code('role', account.role) })}</p>
      <p>
        <Link to={homeOf(account)}>{t('notfound.home')}</Link>
      </p>
    </Message>
  )
}

function Home() {
  const now = useSignal(session)
  return now.known && now.me ? <Navigate to={homeOf(now.me)} replace /> : null
}

function NotFound() {
  const t = useText()
  return (
    <Message title={t('notfound.title')}>
      <Link to="/">{t('notfound.home')}</Link>
    </Message>
  )
}

export function App() {
  return (
    // Not as a transition: those wait for every live update, and in a storm the panel of an alert would never open.
    <BrowserRouter useTransitions={false}>
      <Routes>
        <Route path="/login" element={<LoginPage />} />
        <Route element={<Gate bare />}>
          <Route
            path="/duty/wall"
            element={
              <Area area="duty">
                <Page theme="dark">
                  <WallPage />
                </Page>
              </Area>
            }
          />
        </Route>
        <Route element={<Gate bare={false} />}>
          <Route index element={<Home />} />
          <Route path="/duty" element={<Navigate to="/duty/alerts" replace />} />
          <Route path="/eng" element={<Navigate to="/eng/devices" replace />} />
          <Route path="/gov" element={<Navigate to="/gov/overview" replace />} />
          {PAGES.map(({ path, page: Content, area, theme, needs }) => {
            const content = (
              <Page theme={theme}>
                <Content />
              </Page>
            )
            return (
              <Route
                key={path}
                path={path}
                element={
                  area ? (
                    <Area area={area} needs={needs}>
                      {content}
                    </Area>
                  ) : (
                    content
                  )
                }
              />
            )
          })}
          <Route path="*" element={<NotFound />} />
        </Route>
      </Routes>
    </BrowserRouter>
  )
}
