/** Only for tests: persons without a trace, and signs of a riot, from the whole list of traces and alerts. */
import type { Moment } from './alerts.ts'
import type { Span } from './waits.ts'

/** Time without a trace, from each trace to the next; traces for a while end it. */
export function lostSpans(
  traces: readonly number[],
  key: string,
  limits: { orangeMs: number; redMs: number; backMs: number },
  end: number,
): Span[] {
  return traces.flatMap((trace, i): Span[] => {
    const next = traces.slice(i + 1).find((t) => t > trace) ?? Number.POSITIVE_INFINITY
    const to = next + limits.backMs <= end ? next + limits.backMs : null
    const orange = trace + limits.orangeMs
    const red = trace + limits.redMs
    return [
      ...(next > orange ? [{ key, level: 'orange' as const, from: orange, to }] : []),
      ...(next > red ? [{ key, level: 'red' as const, from: red, to }] : []),
    ]
  })
}

/** A crowd, or bands taken off by many, and another sign beside it; or three different signs. */
export function riotTimes(
  moments: readonly (Moment & { rise: boolean })[],
  areLinked: (a: string | null, b: string | null) => boolean,
  withinMs: number,
): { key: string; at: number }[] {
  const raises = moments.filter((m) => !m.rise || m.code === 'R22')
  return raises.flatMap((last, i) => {
    const near = raises.slice(0, i + 1).filter((m) => last.at - m.at <= withinMs && areLinked(m.zone, last.zone))
    const codes = new Set(near.map((m) => m.code))
    const removed = new Set(near.filter((m) => m.code === 'R28').map((m) => m.evidence))
    const isCrowd =
      near.some((m) => m.code === 'R22' && (m.level === 'orange' || m.level === 'red')) || removed.size >= 3
    const isOther = ['R36', 'R07', 'R39', 'R49'].some((code) => codes.has(code))
    return last.zone !== null && ((isCrowd && isOther) || codes.size >= 3) ? [{ key: last.zone, at: last.at }] : []
  })
}
