/** What keeps a screen alive that nobody touches for months: a new page at 04:00 and when the heap has grown too far. */
import { clockMinute } from '../live/format.ts'
import { reloadIfAnswered } from '../live/reload.ts'
import { serverClock } from '../live/server-clock.ts'

export const HEAP_LIMIT_BYTES = 600 * 1024 * 1024
const CHECK_MS = 20_000
/** A page younger than this is never reloaded: a leak at the start must not become a loop. */
const LEAST_AGE_MS = 10 * 60_000
const RELOAD_HOUR = 4

export interface Vitals {
  /** Hour and minute of the facility's clock. */
  hour: number
  minute: number
  /** Age of the page. */
  ageMs: number
  /** Bytes in use; null where the browser does not say. */
  heapBytes: number | null
}

/** Why the page should start anew, or null. */
export function reasonToReload(v: Vitals): 'night' | 'heap' | null {
  if (v.ageMs < LEAST_AGE_MS) return null
  if (v.heapBytes !== null && v.heapBytes > HEAP_LIMIT_BYTES) return 'heap'
  return v.hour === RELOAD_HOUR && v.minute === 0 ? 'night' : null
}

export function keepFresh(): () => void {
  const startedAt = performance.now()
  const timer = setInterval(() => {
    const [hour, minute] = clockMinute(serverClock.now()).split(':').map(Number) as [number, number]
    const memory = (performance as { memory?: { usedJSHeapSize: number } }).memory
    const heapBytes = memory?.usedJSHeapSize ?? null
    // A wall without a server keeps its last picture and its age; a browser's error page would never come back by itself.
    if (reasonToReload({ hour, minute, ageMs: performance.now() - startedAt, heapBytes })) void reloadIfAnswered()
  }, CHECK_MS)
  return () => clearInterval(timer)
}
