/**
 * The live stream and the proof that it lives: opens it, resumes it by `Last-Event-ID`, and says at every moment how old
 * what we know is. It never guesses: late from 2 s without a heartbeat, lost from 10 s (console.md section 7).
 */
import type { AlertChange } from '../api/types.ts'
import { giveUpDesk, streamQuery } from './lease.ts'
import { serverClock } from './server-clock.ts'
import { Signal } from './signal.ts'
import { backoffMs, type OpenStream, openEvents } from './sse.ts'

export const LATE_AFTER_MS = 2000
export const LOST_AFTER_MS = 10_000
/** A stream that gives no byte for so long is dead, whatever TCP believes. */
const SILENCE_MS = 6000

export type Phase = 'connecting' | 'live' | 'late' | 'lost'

export interface Recovered {
  count: number
  from: number
  to: number
  gap: boolean
}

export interface ConnectionState {
  phase: Phase
  /** `performance.now()` of the last heartbeat or event; null before the first. */
  lastHeardAt: number | null
  /** Server time of the last heartbeat. */
  dataAsOf: number | null
  seq: number | null
  serverOpen: number | null
  attempts: number
  /** `performance.now()` of the next attempt while waiting. */
  retryAt: number | null
  recovered: Recovered | null
}

export interface Beat {
  seq: number
  time: number
  openAlerts: number | null
  /** Which console of each desk sounds. */
  sounding?: Record<string, string | null>
  attended?: number
  /** The last end-to-end test of the edge. */
  test?: { okAt: number | null; latencyMs: number | null; failing: boolean }
}

export interface StreamHandlers {
  alert(change: AlertChange, id: string | null): void
  heartbeat(beat: Beat): void
  device(device: unknown): void
  facility(facility: unknown): void
  /** Called after each (re)connection: `resumed` is false when state must be fetched anew. */
  opened(resumed: boolean): void
  gap(from: number, to: number): void
  loggedOut(): void
}

const initial: ConnectionState = {
  phase: 'connecting',
  lastHeardAt: null,
  dataAsOf: null,
  seq: null,
  serverOpen: null,
  attempts: 0,
  retryAt: null,
  recovered: null,
}

/** Screens are told at most so often what number and age the last event had; a change of phase is told at once. */
const TELL_MS = 200

class ConnectionSignal extends Signal<ConnectionState> {
  #due: ReturnType<typeof setTimeout> | null = null

  patch(part: Partial<ConnectionState>): void {
    const before = this.get()
    this.put({ ...before, ...part })
    if (part.phase !== undefined && part.phase !== before.phase) this.#now()
    else this.#due ??= setTimeout(this.#now, TELL_MS)
  }
  /** As `patch`, told at once. */
  patchNow(part: Partial<ConnectionState>): void {
    this.put({ ...this.get(), ...part })
    this.#now()
  }
  readonly #now = (): void => {
    if (this.#due !== null) clearTimeout(this.#due)
    this.#due = null
    this.tell()
  }
}

export const connection = new ConnectionSignal(initial)

const patch = (part: Partial<ConnectionState>) => connection.patchNow(part)

export const phaseOf = (state: ConnectionState): Phase => state.phase
export const isLost = (state: ConnectionState): boolean => state.phase === 'lost'

export function ageMs(state: ConnectionState, now = performance.now()): number | null {
  return state.lastHeardAt === null ? null : Math.max(0, now - state.lastHeardAt)
}

export function phaseAt(lastHeardAt: number | null, startedAt: number, now: number): Phase {
  if (lastHeardAt === null) return now - startedAt > LOST_AFTER_MS ? 'lost' : 'connecting'
  const age = now - lastHeardAt
  return age >= LOST_AFTER_MS ? 'lost' : age >= LATE_AFTER_MS ? 'late' : 'live'
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return null
  }
}

/** Ids are `<epoch>-<seq>` for alerts and `<epoch>-<seq>.<n>` for what stands between two alerts. */
const seqOf = (id: string | null): number | null => {
  const n = id === null ? Number.NaN : Number.parseInt(id.slice(id.lastIndexOf('-') + 1), 10)
  return Number.isFinite(n) ? n : null
}

export function startConnection(handlers: StreamHandlers): () => void {
  connection.patchNow(initial)
  const startedAt = performance.now()
  let stopped = false
  let stream: OpenStream | null = null
  let lastId: string | null = null
  let lastByteAt = performance.now()
  let waiting: ReturnType<typeof setTimeout> | undefined
  let attempts = 0
  /** Set from a reconnection to the first heartbeat after it: what came in between was missed. */
  let recovering: { from: number; to: number; count: number; gap: boolean } | null = null

  const heard = () => {
    attempts = 0
    connection.patch({ lastHeardAt: performance.now(), phase: 'live', attempts: 0, retryAt: null })
  }

  const receive = (event: { id: string | null; event: string; data: string }) => {
    const body = parse(event.data)
    if (body === null || typeof body !== 'object') return
    if (event.id) lastId = event.id
    if (event.event === 'alert') {
      heard()
      const seq = seqOf(event.id)
      if (recovering && seq !== null) {
        recovering.count++
        recovering.to = Math.max(recovering.to, seq)
      }
      if (seq !== null) connection.patch({ seq: Math.max(seq, connection.get().seq ?? 0) })
      handlers.alert(body as AlertChange, event.id)
    } else if (event.event === 'heartbeat') {
      const beat = body as { seq?: number; time?: number; openAlerts?: number | Record<string, number> }
      if (typeof beat.time === 'number') serverClock.learn(beat.time)
      heard()
      const seq = typeof beat.seq === 'number' ? beat.seq : (seqOf(event.id) ?? connection.get().seq ?? 0)
      const open =
        typeof beat.openAlerts === 'number'
          ? beat.openAlerts
          : beat.openAlerts && typeof beat.openAlerts === 'object'
            ? Object.values(beat.openAlerts).reduce((a, b) => a + b, 0)
            : null
      patch({ seq, dataAsOf: beat.time ?? serverClock.now(), serverOpen: open })
      if (recovering) {
        const { from, to, count, gap } = recovering
        recovering = null
        if (count > 0 || gap) patch({ recovered: { count, from, to: Math.max(to, from), gap } })
      }
      const { sounding, attended, test } = body as Beat
      handlers.heartbeat({
        seq,
        time: beat.time ?? serverClock.now(),
        openAlerts: open,
        ...(sounding ? { sounding } : {}),
        ...(attended === undefined ? {} : { attended }),
        ...(test ? { test } : {}),
      })
    } else if (event.event === 'gap') {
      const gap = body as { from?: number; to?: number }
      if (recovering) recovering.gap = true
      handlers.gap(Number(gap.from ?? 0), Number(gap.to ?? 0))
    } else if (event.event === 'device') {
      heard()
      handlers.device(body)
    } else if (event.event === 'facility') {
      heard()
      handlers.facility(body)
    }
  }

  const open = () => {
    if (stopped) return
    attempts++
    patch({ attempts, retryAt: null })
    lastByteAt = performance.now()
    const resumeFrom = lastId
    const mine = openEvents(`/api/v1/stream${streamQuery()}`, resumeFrom, {
      open: () => {
        if (resumeFrom) {
          const from = (seqOf(resumeFrom) ?? 0) + 1
          recovering = { from, to: from, count: 0, gap: false }
        }
        handlers.opened(resumeFrom !== null)
      },
      event: receive,
      bytes: () => {
        lastByteAt = performance.now()
      },
    })
    stream = mine
    void mine.ended.then(({ status }) => {
      if (stopped || stream !== mine) return
      stream = null
      if (status === 401) return handlers.loggedOut()
      if (status === 422 && giveUpDesk()) return open()
      const wait = backoffMs(attempts, Math.random())
      patch({ retryAt: performance.now() + wait, attempts })
      waiting = setTimeout(open, wait)
    })
  }

  const look = () => {
    const now = performance.now()
    const state = connection.get()
    const phase = phaseAt(state.lastHeardAt, startedAt, now)
    if (phase !== state.phase) patch({ phase })
    if (stream && now - lastByteAt > SILENCE_MS) stream.close()
  }
  const watch = setInterval(look, 250)
  // A tab that was hidden or a desk that slept has slow timers behind it: what it shows is judged before it is seen.
  const seenAgain = () => {
    if (document.hidden) return
    look()
    online()
  }
  const online = () => {
    // The network is back: no reason to sit out the rest of a long wait.
    if (!stream && !stopped && waiting !== undefined) {
      clearTimeout(waiting)
      waiting = undefined
      open()
    }
  }
  window.addEventListener('online', online)
  document.addEventListener('visibilitychange', seenAgain)
  document.addEventListener('resume', seenAgain)
  open()
  return () => {
    stopped = true
    clearInterval(watch)
    clearTimeout(waiting)
    window.removeEventListener('online', online)
    document.removeEventListener('visibilitychange', seenAgain)
    document.removeEventListener('resume', seenAgain)
    stream?.close()
  }
}

export function forgetRecovered(): void {
  patch({ recovered: null })
}
