/**
 * Which facilities are heard. A facility that was heard once and then sends no heartbeat for 90 s is lost (R55); one that
 * has never spoken is never lost. It asks the clock for one timer per facility and never polls.
 */
import type { Clock, Timer } from '#model/clock.ts'

export const SILENT_MS = 90_000

export interface Liveness {
  /** A heartbeat that is in the store. */
  heard(facility: string, heartbeatId: string, at: number): void
  connected(facility: string): boolean
  /** Since when it is heard without a break; null while it is not. */
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

  return {
    heard(facility, heartbeatId, at) {
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
    connected: (facility) => (watches.get(facility)?.since ?? null) !== null,
    connectedSince: (facility) => watches.get(facility)?.since ?? null,
    close() {
      for (const watch of watches.values()) watch.timer?.cancel()
      watches.clear()
    },
  }
}
