/** Things that count: each renders itself alone once a second (or five times), never the page around it. */
import { useText } from '../i18n/use-text.ts'
import { ageSeconds, clockTime, duration } from '../live/format.ts'
import { fifth, second } from '../live/server-clock.ts'
import { useSignal } from '../live/use-signal.ts'

/** Time since `since` (server time). */
export function Elapsed({ since }: { since: number }) {
  const now = useSignal(second)
  return <>{duration(now - since)}</>
}

/** The server's clock. */
export function ServerTime() {
  return <>{clockTime(useSignal(second))}</>
}

/** "数据 0.3 s" of anything heard at `heardAt` (performance.now()). */
export function DataAge({ heardAt }: { heardAt: number | null }) {
  useSignal(fifth)
  const t = useText()
  if (heardAt === null) return <>—</>
  return <>{t('region.age', { age: ageSeconds(Math.max(0, performance.now() - heardAt)) })}</>
}
