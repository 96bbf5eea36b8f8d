/**
 * Only for tests: conditions that hold for a time, judged tick by tick over everything that was said. Slow and obvious:
 * no state is carried, each tick looks back over all the ticks that its duration needs.
 */
import type { Level } from '#model/alert/alert.ts'
import type { Line, Step } from './bench.ts'
import { stepsOf } from './bench.ts'

export type Truth = boolean | null

export interface HeldReference {
  key: string
  parts: { level: Level; forMs: number; holds: (at: number) => Truth }[]
  together?: { parts: number; level: Level }
  over: (at: number) => Truth
  overMs: number
  /** Nothing before it matters. */
  from?: number
  end: number
  tickMs: number
}

/** `holds(t)`: what is true just after everything of the instant t was said. */
export function heldSteps(r: HeldReference): Step[] {
  return stepsOf(heldSpans(r))
}

export interface HeldSpan {
  key: string
  level: Level
  from: number
  to: number | null
}

export function heldSpans(asked: HeldReference): HeldSpan[] {
  const r = { ...asked, parts: asked.parts.map((p) => ({ ...p, holds: once(p.holds) })), over: once(asked.over) }
  const spans: HeldSpan[] = []
  /** True without a break from t − ms up to just before t. */
  const lasted = (holds: (at: number) => Truth, t: number, ms: number): boolean => {
    if (t < ms) return false
    // What was said changes at ticks only; a sample may cease to speak in between.
    for (let u = t - ms; u < t; u += r.tickMs) if (holds(u) !== true || holds(u + r.tickMs - 1) !== true) return false
    return true
  }
  const firedAt: (number | null)[] = r.parts.map(() => null)
  let open: { from: number; level: Level }[] = []
  for (let t = r.from ?? 0; t <= r.end; t += r.tickMs) {
    const ending = open.length > 0 && r.overMs > 0 && lasted(r.over, t, r.overMs)
    // Timers that end now come before what is said now.
    r.parts.forEach((p, i) => {
      if (firedAt[i] === null && p.forMs > 0 && lasted(p.holds, t, p.forMs)) fire(i, t)
    })
    if (ending) close(t)
    r.parts.forEach((p, i) => {
      const now = p.holds(t)
      if (now === false) firedAt[i] = null
      if (p.forMs === 0 && now === true && firedAt[i] === null) fire(i, t)
    })
    if (open.length > 0 && r.overMs === 0 && r.over(t) === true) close(t)
  }
  for (const o of open) spans.push({ key: r.key, level: o.level, from: o.from, to: null })
  return spans

  function fire(i: number, t: number): void {
    firedAt[i] = t
    const fired = firedAt.filter((f) => f !== null).length
    const level = r.together && fired >= r.together.parts ? r.together.level : (r.parts[i] as { level: Level }).level
    open.push({ from: t, level })
  }
  function close(t: number): void {
    for (const o of open) spans.push({ key: r.key, level: o.level, from: o.from, to: t })
    open = []
    firedAt.fill(null)
  }
}

/** The value of a field that speaks at t: the newest one said, unless it is bad, too old, or the device is offline. */
export function speaking(
  lines: readonly Line[],
  device: string,
  type: string,
  validMs: number,
): (at: number) => Record<string, unknown> | null {
  return (at) => {
    let last: Line | null = null
    let online = true
    for (const line of lines) {
      if (line.device !== device || line.time > at) continue
      if (line.type === 'device.status') {
        if (line.quality !== 'bad') online = line.value.online === true
      } else {
        // A device that speaks is there.
        online = true
        if (line.type === type) last = line
      }
    }
    if (!last || last.quality === 'bad' || !online || at > last.time + validMs) return null
    return last.value
  }
}

/** The same answer to the same question, without asking twice. */
export function once<T>(ask: (at: number) => T): (at: number) => T {
  const known = new Map<number, T>()
  return (at) => {
    if (!known.has(at)) known.set(at, ask(at))
    return known.get(at) as T
  }
}
