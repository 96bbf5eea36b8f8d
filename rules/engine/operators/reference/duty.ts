/**
 * Only for tests: what duty demands at its time: tools that come back, watched persons that are looked after, counts that come
 * out, rounds that nobody can foresee. Each from the whole list of what was said.
 */
import type { Level } from '#model/alert/alert.ts'
import type { Line } from './bench.ts'
import type { Span } from './waits.ts'

/** Given out and not back a while after the end of the shift in which it was given out. */
export function overdueSpans(lines: readonly Line[], shiftEnds: readonly number[], graceMs: number): Span[] {
  return lines.flatMap((out, i) => {
    if (out.type !== 'tool.out') return []
    const own = (l: Line): boolean => l.value.tool === out.value.tool
    const before = lines.slice(0, i).findLast(own)
    // Who gives it on to the next does not bring it back.
    if (before?.type === 'tool.out') return []
    const back = lines.slice(i + 1).find((l) => own(l) && l.type === 'tool.in')?.time ?? Number.POSITIVE_INFINITY
    const end = shiftEnds.find((t) => t > out.time)
    if (end === undefined || back <= end + graceMs) return []
    const to = back === Number.POSITIVE_INFINITY ? null : back
    return [{ key: out.value.tool as string, level: 'orange' as const, from: end + graceMs, to }]
  })
}

/** Nobody looked after him for so long since he was last looked after. */
export function uncheckedSpans(
  checks: readonly number[],
  key: string,
  limits: readonly { ms: number; level: Level }[],
): Span[] {
  return checks.flatMap((check, i) => {
    const next = checks[i + 1] ?? Number.POSITIVE_INFINITY
    return limits
      .filter((l) => check + l.ms < next)
      .map((l) => ({ key, level: l.level, from: check + l.ms, to: next === Number.POSITIVE_INFINITY ? null : next }))
  })
}

/** A count that does not come out, or not in time, and no recount that does. */
export function countSpans(lines: readonly Line[], count: string, closeMs: number, recountMs: number): Span[] {
  const of = lines.filter((l) => l.value.count === count)
  const start = of.find((l) => l.type === 'rollcall.started')
  if (!start) return []
  const closes = of.slice(of.indexOf(start)).filter((l) => l.type === 'rollcall.closed')
  const comesOut = (c: Line): boolean =>
    (start.value.expected as number) - (start.value.out_count as number) - (c.value.present as number) === 0
  const inTime = closes.find((c) => c.time <= start.time + closeMs)
  if (inTime && comesOut(inTime)) return []
  const from = inTime?.time ?? start.time + closeMs
  const right = closes.find((c) => c !== inTime && c.time >= from && comesOut(c))
  const to = right?.time ?? null
  // A count that is closed late is recounted from then; one that nobody closes is as one that did not come out.
  const late = closes.find((c) => c.time > start.time + closeMs && c.time <= start.time + closeMs + recountMs)
  const red = (inTime ?? late)?.time === undefined ? from + recountMs : ((inTime ?? late) as Line).time + recountMs
  return [
    { key: count, level: 'orange', from, to },
    ...(to === null || to > red ? [{ key: count, level: 'red' as const, from: red, to }] : []),
  ]
}

/** Rounds at intervals that are nearly the same. */
export function regularSpans(rounds: readonly number[], key: string, intervals: number, minSpread: number): Span[] {
  const spreadAt = (i: number): number | null => {
    if (i < intervals) return null
    const last = rounds.slice(i - intervals, i + 1)
    const gaps = last.slice(1).map((t, k) => t - (last[k] as number))
    const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length
    const variance = gaps.reduce((a, b) => a + (b - mean) ** 2, 0) / gaps.length
    return Math.sqrt(variance) / mean
  }
  return rounds.flatMap((from, i) => {
    const spread = spreadAt(i)
    if (spread === null || spread >= minSpread) return []
    const next = rounds.find((_t, k) => k > i && (spreadAt(k) as number) >= minSpread)
    return [{ key, level: 'blue' as const, from, to: next ?? null }]
  })
}
