/**
 * Only for tests: what bands, tags and bed radars say about a person, looked up anew for every instant: removed bands, falls, signs
 * of life, an officer who lies still.
 */
import type { Level } from '#model/alert/alert.ts'
import type { Line } from './bench.ts'
import { isOff } from './habits.ts'
import { speaking, type Truth } from './held.ts'
import type { Span } from './waits.ts'

export type Vitals = Record<string, unknown>

/** What the band says of its wearer: worn, sure enough, not too old. */
export function vitalsOf(lines: readonly Line[], band: string, floor = 0.6): (at: number) => Vitals | null {
  // What it told while it was off speaks of nobody, also when it is on again: as good as bad.
  const told = lines.map((l) =>
    l.device === band && l.type === 'band.vitals' && isOff(lines, l) ? { ...l, quality: 'bad' as const } : l,
  )
  const said = speaking(told, band, 'band.vitals', 15_000)
  return (at) => {
    const value = said(at)
    const worn = lines.findLast((l) => l.device === band && l.type === 'band.worn' && l.time <= at)
    const isOff = worn !== undefined && worn.quality !== 'bad' && worn.value.worn === false
    return value && !isOff && (value.confidence as number) >= floor ? value : null
  }
}

export const compared = (value: unknown, judge: (n: number) => boolean): Truth =>
  typeof value === 'number' ? judge(value) : null

/** The instants of one key at which so many different keys came within the time. */
export function crowdTimes(raises: readonly { key: string; at: number }[], many: number, withinMs: number) {
  return raises.flatMap((r) => {
    const group = raises.filter((o) => o.at <= r.at && o.at >= r.at - withinMs)
    const keys = [...new Set(group.map((o) => o.key))]
    return keys.length >= many ? keys.map((key) => ({ key, at: r.at })) : []
  })
}

/** Since when something has been so without a break until just before the instant, asked tick by tick. */
export function sinceWhen(holds: (at: number) => Truth, at: number, tickMs: number): number | null {
  let since: number | null = null
  for (let t = at - tickMs; t >= 0 && holds(t) === true && holds(t + tickMs - 1) === true; t -= tickMs) since = t
  return since
}

/** An officer who lies still, does not answer, and perhaps somebody pressed a button. */
export function downSpans(
  isStill: (at: number) => Truth,
  answers: readonly number[],
  panicFrom: number,
  limits: { stillMs: number; answerMs: number; movingMs: number },
  key: string,
  end: number,
  tickMs: number,
): Span[] {
  const spans: Span[] = []
  const { stillMs, answerMs, movingMs } = limits
  let answered = Number.NEGATIVE_INFINITY
  let open: { from: number; level: Level }[] = []
  for (let t = 0; t <= end; t += tickMs) {
    const before = sinceWhen(isStill, t, tickMs)
    if (open.length > 0) {
      const moving = sinceWhen((at) => (isStill(at) === null ? null : !isStill(at)), t, tickMs)
      // A timer that ends now comes before the button that is pressed now.
      if (moving !== null && t - moving >= movingMs) {
        for (const o of open) spans.push({ key, ...o, to: t })
        open = []
      } else {
        const level: Level = t >= panicFrom ? 'red' : 'orange'
        if (open.every((o) => o.level !== level)) open.push({ from: t, level })
      }
      continue
    }
    if (before === null) continue
    const since = Math.max(before, answered)
    const lasted = t - since
    const isPanic = t >= panicFrom
    // An answer during the pre-alert, its last instant included; with a panic alert open nobody waits for one.
    if (!isPanic && answers.includes(t) && lasted >= stillMs && lasted <= stillMs + answerMs) {
      answered = t
      continue
    }
    const isOver = lasted === stillMs || isStill(t) === true
    if (isPanic && lasted >= stillMs && isOver) open = [{ from: t, level: 'red' }]
    else if (lasted >= stillMs + answerMs && isStill(t) === true) open = [{ from: t, level: 'orange' }]
  }
  for (const o of open) spans.push({ key, ...o, to: null })
  return spans
}

/** Who fell and lies still, soon after it or since before; one whose alert stands is counted each time he lies still again. */
export function fallSpans(
  isStill: (at: number) => Truth,
  isMoving: (at: number) => Truth,
  falls: readonly number[],
  limits: { orangeMs: number; redMs: number; withinMs: number; movingMs: number },
  key: string,
  end: number,
  tickMs: number,
): Span[] {
  const spans: Span[] = []
  let open: { from: number; level: Level }[] = []
  let overAt = Number.NEGATIVE_INFINITY
  for (let t = 0; t <= end; t += tickMs) {
    const moving = sinceWhen(isMoving, t, tickMs)
    if (open.length > 0 && moving !== null && t - moving >= limits.movingMs) {
      for (const o of open) spans.push({ key, ...o, to: t })
      open = []
      overAt = t
    }
    const begin = sinceWhen(isStill, t, tickMs)
    if (begin === null) continue
    const counts = falls
      .filter((f) => f < t && f >= overAt && begin <= f + limits.withinMs)
      .map((f) => Math.max(f, begin))
    const since = counts.length > 0 ? Math.min(...counts) : open.length > 0 ? begin : t
    const reaches = (ms: number): boolean => t - since === ms || (t - since > ms && isStill(t) === true)
    if (open.length === 0 && reaches(limits.orangeMs)) open.push({ from: t, level: 'orange' })
    if (open.length === 1 && reaches(limits.redMs)) open.push({ from: t, level: 'red' })
  }
  for (const o of open) spans.push({ key, ...o, to: null })
  return spans
}
