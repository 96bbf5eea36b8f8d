/** Routes and the gate before them: who may see which part. Pages other than the duty console come as lazy chunks. */
import { lazy, type ReactNode, Suspense, useEffect } from 'react'
import { BrowserRouter, Link, Navigate, Outlet, Route, Routes, useLocation } from 'react-router'
import { AlertsPage } from './duty/alerts-page.tsx'
import { Frame } from './frame/frame.tsx'
import { useText } from './i18n/use-text.ts'
import { Message } from './kit/controls.tsx'
import { startRuntime, store } from './live/runtime.ts'
import { homeOf, mayEnter, rolesOf, session } from './live/session.ts'
import { setPageTheme } from './live/settings.ts'
import { startSounding } from './live/sound.ts'
import { useSignal } from './live/use-signal.ts'
import { LoginPage } from './login/login-page.tsx'

const PlanPage = lazy(() => import('./plan/plan-page.tsx'))
const DevicesPage = lazy(() => import('./eng/devices-page.tsx'))
const DevicePage = lazy(() => import('./eng/device-page.tsx'))
const OverviewPage = lazy(() => import('./gov/overview-page.tsx'))
const MePage = lazy(() => import('./me/me-page.tsx'))
const GalleryPage = lazy(() => import('./gallery/gallery-page.tsx'))

function Loading() {
  const t = useText()
  return <Message title={t('region.loading')} />
}

/** Lazy pages and their theme: dark for duty, light for engineers and the province. */
function Page({ theme, children }: { theme: 'dark' | 'light'; children: ReactNode }) {
  useEffect(() => setPageTheme(theme), [theme])
  return <Suspense fallback={<Loading />}>{children}</Suspense>
}

function Gate() {
  const now = useSignal(session)
  const location = useLocation()
  const account = now.known ? now.me : null
  useEffect(() => {
    if (!account) return
    const stop = startRuntime(account)
    const quiet = startSounding(store)
    return () => {
      stop()
      quiet()
    }
  }, [account])
  if (!now.known) return null
  if (!account) return <Navigate to="/login" replace state={{ from: location.pathname }} />
  return (
    <Frame account={account}>
      <Outlet />
    </Frame>
  )
}

function Area({ area, children }: { area: 'duty' | 'eng' | 'gov'; children: ReactNode }) {
  const now = useSignal(session)
  const t = useText()
  const account = now.known ? now.me : null
  if (!account) return null
  if (mayEnter(account, area)) return children
  const roles = rolesOf(area)
    .map((role) => t.code('role', role))
    .join('、')
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
    <BrowserRouter>
      <Routes>
        <Route path="/login" element={<LoginPage />} />
        <Route element={<Gate />}>
          <Route index element={<Home />} />
          <Route path="/duty" element={<Navigate to="/duty/alerts" replace />} />
          {['/duty/alerts', '/duty/alerts/:id'].map((path) => (
            <Route
              key={path}
              path={path}
              element={
                <Area area="duty">
                  <Page theme="dark">
                    <AlertsPage />
                  </Page>
                </Area>
              }
            />
          ))}
          <Route
            path="/duty/plan"
            element={
              <Area area="duty">
                <Page theme="dark">
                  <PlanPage />
                </Page>
              </Area>
            }
          />
          <Route path="/eng" element={<Navigate to="/eng/devices" replace />} />
          <Route
            path="/eng/devices"
            element={
              <Area area="eng">
                <Page theme="light">
                  <DevicesPage />
                </Page>
              </Area>
            }
          />
          <Route
            path="/eng/devices/:id"
            element={
              <Area area="eng">
                <Page theme="light">
                  <DevicePage />
                </Page>
              </Area>
            }
          />
          <Route path="/gov" element={<Navigate to="/gov/overview" replace />} />
          <Route
            path="/gov/overview"
            element={
              <Area area="gov">
                <Page theme="light">
                  <OverviewPage />
                </Page>
              </Area>
            }
          />
          <Route
            path="/me"
            element={
              <Page theme="light">
                <MePage />
              </Page>
            }
          />
          <Route
            path="/gallery"
            element={
              <Page theme="dark">
                <GalleryPage />
              </Page>
            }
          />
          <Route path="*" element={<NotFound />} />
        </Route>
      </Routes>
    </BrowserRouter>
  )
}
