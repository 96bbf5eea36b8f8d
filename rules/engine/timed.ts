/**
 * Conditions that must hold for a time, for operators whose conditions are code rather than CEL: several parts with their
 * own delay, an end with its own. True starts a delay, false and unknown stop it, unknown never ends an alert.
 */
import type { Cx, Mark } from './operator.ts'

export interface TimedPart {
  since: number | null
  /** The reading that made it true. */
  opening: Mark | null
  fired: boolean
  /** Standstill counted when it began. */
  stood: number
}
export interface Timed {
  parts: TimedPart[]
  overSince: number | null
  active: boolean
}

/** `null` = unknown. `wait` = not proven yet at this instant, but not broken either. */
export type Verdict = boolean | null | 'wait'
export interface Verdicts {
  parts: Verdict[]
  over: boolean | null
}

export interface TimedSpec<S extends Timed> {
  forMs: readonly number[]
  clearMs: number
  /** The conditions as they stand at `at`; asked when a delay ends. */
  verdicts(key: string, at: number, cx: Cx<S>): Verdicts
  /** A part held for its time; `due` is when it had. */
  fire(key: string, state: S, part: number, due: number, cx: Cx<S>): void
  /** The end held for its time: the caller forgets what it wants; `cx.clear` was called. */
  ended?(key: string, state: S, cx: Cx<S>): void
  /** Time for which the key's timers have stood still until `at`, ms. */
  stood?(key: string, at: number, cx: Cx<S>): number
}

export function newTimed(parts: number): Timed {
  const made: TimedPart[] = []
  for (let i = 0; i < parts; i++) made.push({ since: null, opening: null, fired: false, stood: 0 })
  return { parts: made, overSince: null, active: false }
}

export const isIdle = (state: Timed): boolean => !state.active && state.parts.every((p) => p.since === null)

const OVER = 'over'

export function timed<S extends Timed>(spec: TimedSpec<S>) {
  const stood = (key: string, at: number, cx: Cx<S>): number => spec.stood?.(key, at, cx) ?? 0

  function fire(key: string, state: S, part: number, due: number, cx: Cx<S>): void {
    ;(state.parts[part] as TimedPart).fired = true
    state.active = true
    spec.fire(key, state, part, due, cx)
  }

  function end(key: string, state: S, cx: Cx<S>): void {
    state.overSince = null
    state.active = false
    for (const p of state.parts) p.fired = false
    cx.clear(key)
    spec.ended?.(key, state, cx)
  }

  /** Takes over the conditions as they stand at `at`; `cause` is the reading that brought it about. */
  function apply(key: string, state: S, at: number, verdicts: Verdicts, cause: Mark | null, cx: Cx<S>): void {
    for (let i = 0; i < state.parts.length; i++) {
      const p = state.parts[i] as TimedPart
      const verdict = verdicts.parts[i]
      const forMs = spec.forMs[i] as number
      if (verdict === true || verdict === 'wait') {
        if (p.since === null) {
          p.since = at
          p.opening = cause
          p.stood = stood(key, at, cx)
          if (forMs > 0) cx.wake(key, at + forMs, 'sustained')
        }
        if (!p.fired && verdict === true && at - p.since - (stood(key, at, cx) - p.stood) >= forMs)
          fire(key, state, i, at, cx)
      } else {
        p.since = null
        if (!p.fired) p.opening = null
        if (verdict === false) p.fired = false
      }
    }
    if (!state.active) {
      state.overSince = null
      return
    }
    cx.stale(key, verdicts.over === null)
    if (verdicts.over !== true) {
      state.overSince = null
      return
    }
    if (spec.clearMs === 0) end(key, state, cx)
    else if (state.overSince === null) {
      state.overSince = at
      cx.wake(key, at + spec.clearMs, 'sustained', OVER)
    }
  }

  /** To be called for wake-ups with the tags '' and 'over'. */
  function wake(key: string, tag: string, cx: Cx<S>): void {
    const state = cx.peek(key)
    if (!state) return
    if (tag === OVER) {
      if (state.overSince === null) return
      const due = state.overSince + spec.clearMs
      if (due > cx.now) cx.wake(key, due, 'sustained', OVER)
      else if (spec.verdicts(key, due, cx).over === true) end(key, state, cx)
      else state.overSince = null
      return
    }
    for (const [i, p] of state.parts.entries()) {
      if (p.since === null || p.fired) continue
      const due = p.since + (spec.forMs[i] as number) + (stood(key, cx.now, cx) - p.stood)
      if (due > cx.now) {
        cx.wake(key, due, 'sustained')
        continue
      }
      // What made it true must still speak at the due time: a sample that expired on the way proves nothing.
      const verdict = spec.verdicts(key, due, cx).parts[i]
      if (verdict === true) fire(key, state, i, due, cx)
      else if (verdict !== 'wait') {
        p.since = null
        p.opening = null
      }
    }
  }

  return { apply, wake }
}

/** `eventTime` of a hit that was due before this instant (late readings, a restart). */
export const dueAt = (due: number, now: number): { eventTime?: number } => (due === now ? {} : { eventTime: due })

/** The earliest of some marks in order of (time, id). */
export function earliestMark(marks: readonly (Mark | null | undefined)[]): Mark | null {
  let best: Mark | null = null
  for (const m of marks) if (m && (!best || m.t < best.t || (m.t === best.t && m.id < best.id))) best = m
  return best
}
