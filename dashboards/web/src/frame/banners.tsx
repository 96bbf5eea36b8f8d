/** Full-width lines for what must not be overlooked: lost connection, blocked sound, recovered events, a storm. */
import { useEffect, useState } from 'react'
import type { Me } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Button, Hatch } from '../kit/controls.tsx'
import { Icon } from '../kit/icons.tsx'
import { connection, forgetRecovered } from '../live/connection.ts'
import { clockTime, grouped } from '../live/format.ts'
import { lease } from '../live/lease.ts'
import { store } from '../live/runtime.ts'
import { fifth, serverClock } from '../live/server-clock.ts'
import { sound, unlockSound } from '../live/sound.ts'
import { soundedSince } from '../live/sounded.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './frame.module.css'
import { later } from './later.tsx'
import { Notices } from './notices.tsx'

/** Fetched while there is a link; the numbers themselves are held by the page. */
export const loadPhones = () => import('./phones.tsx')
const PhonesOfPage = later(async () => (await loadPhones()).PhonesOfPage)

const RECOVERED_SHOWN_MS = 20_000
const STORM_LIMIT = 10
const STORM_WINDOW_MS = 600_000

function Lost() {
  const t = useText()
  useSignal(fifth)
  const state = useSignal(connection)
  const lost = state.phase === 'lost'
  useEffect(() => {
    if (!lost) return
    // A page that is loaded anew from a server that is gone is an empty one: the browser asks first.
    const hold = (event: BeforeUnloadEvent) => event.preventDefault()
    window.addEventListener('beforeunload', hold)
    return () => window.removeEventListener('beforeunload', hold)
  }, [lost])
  if (!lost) return null
  const wait = state.retryAt === null ? 0 : Math.max(0, Math.ceil((state.retryAt - performance.now()) / 1000))
  return (
    <>
      <div className={`${css.banner} ${css.lost} hatch`} role="alert" data-testid="lost">
        <Hatch />
        <b>{t('lost.title', { time: state.dataAsOf === null ? '—' : clockTime(state.dataAsOf) })}</b>
        <span className={css.bannerNote}>{t('lost.actions')}</span>
        <span className={css.bannerEnd}>
          {state.retryAt === null
            ? t('lost.retrying', { n: Math.max(1, state.attempts) })
            : t('lost.retry', { n: state.attempts + 1, s: wait })}
        </span>
      </div>
      <PhonesOfPage waiting={null} />
    </>
  )
}

function Recovered() {
  const t = useText()
  const { recovered } = useSignal(connection)
  useEffect(() => {
    if (!recovered) return
    const timer = setTimeout(forgetRecovered, RECOVERED_SHOWN_MS)
    return () => clearTimeout(timer)
  }, [recovered])
  if (!recovered) return null
  const range = { from: grouped(recovered.from), to: grouped(recovered.to) }
  return (
    <div className={css.banner} role="status" data-testid="recovered">
      <b>{t('recovered.n', { n: recovered.count })}</b>
      <span className="muted">{t(recovered.gap ? 'recovered.gap' : 'recovered.noGap', range)}</span>
      <span className={css.bannerEnd}>
        <Button small onClick={forgetRecovered}>
          {t('recovered.dismiss')}
        </Button>
      </span>
    </div>
  )
}

function MuteBar() {
  const t = useText()
  const { state } = useSignal(sound)
  if (state !== 'blocked') return null
  return (
    <button type="button" className={`${css.banner} ${css.muteBar}`} onClick={() => void unlockSound()}>
      <Icon name="mute" />
      <b>{t('sound.enable')}</b>
      <span className={css.bannerEnd}>{t('sound.recorded')}</span>
    </button>
  )
}

/** The address named a desk that the site file does not have. */
function WrongDesk() {
  const t = useText()
  const { refused } = useSignal(lease)
  if (refused === null) return null
  return (
    <div className={css.banner} role="status" data-testid="wrong-desk">
      <b>{t('desk.unknown', { desk: refused })}</b>
      <span className="muted">{t('desk.unknownNote')}</span>
      <span className={css.bannerEnd}>
        <Button small onClick={() => lease.set({ ...lease.get(), refused: null })}>
          {t('recovered.dismiss')}
        </Button>
      </span>
    </div>
  )
}

function Storm() {
  const t = useText()
  const [count, setCount] = useState(0)
  useEffect(() => {
    const raised: number[] = []
    const stop = store.onChange((change) => {
      if (change.change === 'raised' && change.alert.annunciated) raised.push(performance.now())
    })
    const timer = setInterval(() => {
      const limit = performance.now() - STORM_WINDOW_MS
      while (raised.length > 0 && raised[0]! < limit) raised.shift()
      // A page that was loaded in the middle of a storm heard only its end: what it was given counts as well.
      const since = serverClock.now() - STORM_WINDOW_MS
      setCount(Math.max(raised.length, soundedSince(since, store.values()).length))
    }, 1000)
    return () => {
      stop()
      clearInterval(timer)
    }
  }, [])
  if (count <= STORM_LIMIT) return null
  return (
    <div className={css.banner} role="status" data-testid="storm">
      <b>{t('storm.title', { n: count })}</b>
      <span className="muted">{t('storm.note')}</span>
    </div>
  )
}

export function Banners({ account }: { account: Me }) {
  return (
    <div>
      <Lost />
      <MuteBar />
      <Recovered />
      <WrongDesk />
      <Storm />
      <Notices account={account} />
    </div>
  )
}
