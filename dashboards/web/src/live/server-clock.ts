/**
 * The server's time in this browser: taken from heartbeats, carried on by the monotonic clock, so that a wrong desk clock
 * never shows. Ticks once a second on the server's full second for everything that counts up.
 */
import { Signal } from './signal.ts'

let offsetMs: number | null = null

export const serverClock = {
  /** Server time now; the desk's own until the first heartbeat. */
  now: (): number => (offsetMs === null ? Date.now() : performance.timeOrigin + performance.now() + offsetMs),
  known: (): boolean => offsetMs !== null,
  /** A heartbeat carries the time at which it was made. A sudden jump (the server was set) is taken at once. */
  learn(serverTime: number): void {
    const sample = serverTime - (performance.timeOrigin + performance.now())
    // The transport only ever makes a message late, so the largest sample of a while is the truest.
    offsetMs = offsetMs === null || Math.abs(sample - offsetMs) > 2000 ? sample : Math.max(sample, offsetMs - 0.2)
  },
}

/** Server time cut to the second. */
export const second = new Signal<number>(0)
/** Steps five times a second: for data ages with one decimal. */
export const fifth = new Signal<number>(0)

export function startTicking(): () => void {
  const tick = () => {
    const now = serverClock.now()
    second.set(Math.floor(now / 1000) * 1000)
    fifth.set(Math.floor(performance.now() / 200))
  }
  tick()
  const timer = setInterval(tick, 200)
  return () => clearInterval(timer)
}
