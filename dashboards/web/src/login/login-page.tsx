/** Log-in with a local account. The click that logs in is the one that may unlock sound: browsers allow it only then. */
import { type ComponentType, type FormEvent, lazy, Suspense, useEffect, useState } from 'react'
import { Navigate, useLocation } from 'react-router'
import { ApiError } from '../api/client.ts'
import { useText } from '../i18n/use-text.ts'
import { Button, Field } from '../kit/controls.tsx'
import { Icon } from '../kit/icons.tsx'
import kit from '../kit/kit.module.css'
import { homeOf, logIn, recall, session } from '../live/session.ts'
import { chooseLanguage, otherLanguage, setPageTheme } from '../live/settings.ts'
import { unlockSound } from '../live/sound.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './login.module.css'

/** In the cache of a browser that was logged in before; where it is not, the page does without. */
const HeldPhones = lazy(
  (): Promise<{ default: ComponentType }> =>
    import('../frame/phones.tsx').then(
      (part) => ({ default: part.HeldPhones }),
      () => ({ default: () => null }),
    ),
)

/** Asks the server every 3 s whether it is there: nobody should type a password into a dead page. */
function useServiceOnline(): boolean | null {
  const [online, setOnline] = useState<boolean | null>(null)
  useEffect(() => {
    let stopped = false
    const ask = () =>
      fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(2500) })
        .then((r) => r.status < 500)
        .catch(() => false)
        .then((ok) => {
          if (!stopped) setOnline(ok)
        })
    void ask()
    const timer = setInterval(ask, 3000)
    return () => {
      stopped = true
      clearInterval(timer)
    }
  }, [])
  return online
}

export function LoginPage() {
  const t = useText()
  const now = useSignal(session)
  const location = useLocation()
  const online = useServiceOnline()
  const [account, setAccount] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<string | null>(null)
  useEffect(() => setPageTheme('dark'), [])
  // Opened while nobody answered (a wall after a power cut): who sits here is asked again as soon as somebody does.
  const unasked = now.known && !now.me && !now.reachable
  useEffect(() => {
    if (online && unasked) void recall()
  }, [online, unasked])

  if (now.known && now.me) {
    const from = (location.state as { from?: string } | null)?.from
    return <Navigate to={from && from !== '/' ? from : homeOf(now.me)} replace />
  }

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    void unlockSound()
    setBusy(true)
    setFault(null)
    try {
      await logIn(account.trim(), password)
    } catch (error) {
      const status = error instanceof ApiError ? error.status : 0
      setFault(
        status === 401 || status === 403 || status === 422
          ? t('login.wrong')
          : status === 429 || status === 423
            ? t('login.locked')
            : t('login.unreachable'),
      )
    } finally {
      setBusy(false)
    }
  }

  return (
    <main className={css.page}>
      <form className={css.box} onSubmit={submit}>
        <h1 className={css.title}>{t('login.title')}</h1>
        <p className="muted">wardwatch</p>
        <Field label={t('login.account')}>
          <input
            className={kit.input}
            name="account"
            autoComplete="username"
            value={account}
            onChange={(e) => setAccount(e.target.value)}
            required
            // biome-ignore lint/a11y/noAutofocus: the page has one purpose, and it starts here
            autoFocus
          />
        </Field>
        <Field label={t('login.password')}>
          <input
            className={kit.input}
            name="password"
            type="password"
            autoComplete="current-password"
            value={password}
            onChange={(e) => setPassword(e.target.value)}
            required
          />
        </Field>
        <div className={css.submit}>
          <Button type="submit" primary disabled={busy}>
            {busy ? t('login.busy') : t('login.submit')}
          </Button>
        </div>
        <p className={css.note}>
          <Icon name="sound" /> {t('login.toneNote')}
        </p>
        <p className={css.note} data-testid="one-factor">
          <Icon name="lock" /> {t('login.oneFactor')}
        </p>
        <p role="alert" className={fault ? kit.fault : 'unseen'}>
          {fault}
        </p>
        {online === false && (
          <Suspense fallback={null}>
            <HeldPhones />
          </Suspense>
        )}
        <footer className={css.foot}>
          <span className={css.online}>
            <Icon name={online === false ? 'mute' : 'live'} size={14} />
            {online === false ? t('login.offline') : t('login.online')}
          </span>
          <span>{t('login.noAlerts')}</span>
          <button
            type="button"
            className={css.language}
            aria-label={`中 / EN ${t('status.language')}`}
            onClick={() => void chooseLanguage(otherLanguage())}
          >
            中 / EN
          </button>
        </footer>
      </form>
    </main>
  )
}
