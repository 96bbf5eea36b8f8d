/** For screen readers: a red is spoken at once; everything else as one digest every 10 s, so that nothing talks over it. */
import { useEffect, useState } from 'react'
import { useText } from '../i18n/use-text.ts'
import { alertName, zoneName } from '../kit/wording.ts'
import { facility } from '../live/facility-data.ts'
import { store } from '../live/runtime.ts'

const DIGEST_MS = 10_000

export function Spoken() {
  const t = useText()
  const [red, setRed] = useState('')
  const [digest, setDigest] = useState('')
  useEffect(() => {
    let fresh = 0
    const stop = store.onChange(({ change, alert }) => {
      if (change !== 'raised' && change !== 'escalated') return
      if (alert.level !== 'red') {
        fresh++
        return
      }
      const data = facility.get()
      setRed(
        t('live.red', {
          level: t('level.red.spoken'),
          zone: zoneName(t, data, alert.zone),
          kind: alertName(t, data, alert),
        }),
      )
    })
    const timer = setInterval(() => {
      if (fresh === 0) return
      const counts = Object.values(store.counts())
      setDigest(t('live.digest', { n: fresh, u: counts.reduce((sum, c) => sum + c.unacknowledged, 0) }))
      fresh = 0
    }, DIGEST_MS)
    return () => {
      stop()
      clearInterval(timer)
    }
  }, [t])
  return (
    <>
      <div className="unseen" aria-live="assertive" data-testid="spoken-red">
        {red}
      </div>
      <div className="unseen" aria-live="polite">
        {digest}
      </div>
    </>
  )
}
