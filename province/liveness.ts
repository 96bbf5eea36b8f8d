/**
 * Which facilities are heard. A facility that was heard once and then sends no heartbeat for 90 s is lost (R55); one that
 * has never spoken is never lost. It asks the clock for one timer per facility and never polls.
 */
import type { Clock, Timer } from '#model/clock.ts'

export const SILENT_MS = 90_000

export interface Liveness {
  /** A heartbeat that is in the store. */
  heard(facility: string, heartbeatId: string, at: number): void
  /** Any message: the link is up, though only heartbeats say that the edge is well. */
  seen(facility: string, at: number): void
  /** It was heard once and is not heard now. */
  lost(facility: string): boolean
  /** The link is up and the facility is not lost. */
  connected(facility: string): boolean
  /** Since when something is heard without a break of 90 s; null while the link is down. */
  connectedSince(facility: string): number | null
  close(): void
}

interface Watch {
  lastId: string
  lastAt: number
  since: number | null
  timer: Timer | null
}

export interface LivenessOptions {
  clock: Clock
  silentMs?: number
  onLost(facility: string, lastHeartbeatId: string, at: number): void
  onBack(facility: string, at: number): void
  /** What the store remembers: the province may have been off, so each gets the full time from now to be heard again. */
  remembered: { facility: string; heartbeatId: string; lost: boolean }[]
}

export function createLiveness(options: LivenessOptions): Liveness {
  const { clock, onLost, onBack } = options
  const silentMs = options.silentMs ?? SILENT_MS
  const watches = new Map<string, Watch>()
  const links = new Map<string, { since: number; last: number }>()

  function arm(facility: string, watch: Watch): void {
    watch.timer = clock.after(watch.lastAt + silentMs - clock.now(), () => {
      watch.timer = null
      // Heartbeats only move the deadline; the timer looks at it when it fires.
      if (clock.now() < watch.lastAt + silentMs) return arm(facility, watch)
      watch.since = null
      onLost(facility, watch.lastId, watch.lastAt + silentMs)
    })
  }

  for (const { facility, heartbeatId, lost } of options.remembered) {
    const watch: Watch = { lastId: heartbeatId, lastAt: clock.now(), since: null, timer: null }
    watches.set(facility, watch)
    if (!lost) arm(facility, watch)
  }

  function seen(facility: string, at: number): void {
    const link = links.get(facility)
    if (link && at - link.last < silentMs) link.last = Math.max(link.last, at)
    else links.set(facility, { since: at, last: at })
  }

  function connectedSince(facility: string): number | null {
    const link = links.get(facility)
    return link && clock.now() - link.last < silentMs ? link.since : null
  }

  const isLost = (facility: string): boolean => watches.get(facility)?.since === null

  return {
    seen,
    heard(facility, heartbeatId, at) {
      seen(facility, at)
      let watch = watches.get(facility)
      if (!watch) {
        watch = { lastId: heartbeatId, lastAt: at, since: null, timer: null }
        watches.set(facility, watch)
      }
      watch.lastId = heartbeatId
      watch.lastAt = Math.max(watch.lastAt, at)
      if (watch.since === null) {
        watch.since = at
        onBack(facility, at)
      }
      if (!watch.timer) arm(facility, watch)
    },
    lost: isLost,
    connected: (facility) => connectedSince(facility) !== null && !isLost(facility),
    connectedSince,
    close() {
      for (const watch of watches.values()) watch.timer?.cancel()
      watches.clear()
      links.clear()
    },
  }
}
