/**
 * Only for tests: cameras that fail beside each other, an alarm of the fence that nobody saw, signs of fire, each from the whole
 * list of what was said.
 */
import type { Level } from '#model/alert/alert.ts'
import type { LevelPulse } from './access.ts'
import type { Line, Step } from './bench.ts'
import type { HeldSpan } from './held.ts'

/** Faults of single cameras; a second one beside it within the time makes both orange, also one that is over meanwhile. */
export function besideSteps(
  asked: readonly HeldSpan[],
  areBeside: (a: string, b: string) => boolean,
  withinMs: number,
): Step[] {
  const spans = asked.filter((s) => !asked.some((o) => o !== s && o.key === s.key && isInside(s, o)))
  const orangeAt = (key: string): number => {
    const times = spans.flatMap((a) =>
      spans.flatMap((b) =>
        a.key === key && areBeside(a.key, b.key) && Math.abs(a.from - b.from) <= withinMs
          ? [Math.max(a.from, b.from)]
          : [],
      ),
    )
    return Math.min(Number.POSITIVE_INFINITY, ...times)
  }
  return [...new Set(spans.map((s) => s.key))].flatMap((key): Step[] => {
    const own = spans.filter((s) => s.key === key)
    const orange = orangeAt(key)
    const level = (at: number): Level => (at >= orange ? 'orange' : 'yellow')
    const steps = own.flatMap(({ from, to }): Step[] => [
      { at: from, what: 'on', key, level: level(from) },
      ...(to === null ? [] : [{ at: to, what: 'off' as const, key, level: level(to) }]),
    ])
    const isRise = Number.isFinite(orange) && own.every((s) => s.from !== orange)
    return isRise ? [...steps, { at: orange, what: 'rise', key, level: 'orange' }] : steps
  })
}

/** Alarms of a fence that no camera confirmed, each judged once. */
export function singlePulses(
  alarms: readonly number[],
  confirmedAt: number,
  explained: (alarm: number) => boolean,
  decideMs: number,
  repeatMs: number,
  key: string,
  newest: (alarm: number) => number,
): LevelPulse[] {
  const isOpen = (alarm: number): boolean => confirmedAt <= alarm + decideMs
  const unverified = alarms.filter((a) => !isOpen(a) && !explained(a))
  return alarms
    .filter((a) => !isOpen(a))
    .map((a): LevelPulse => {
      const again = unverified.some((b) => b < a && b >= a - repeatMs)
      const level = explained(a) ? 'blue' : again ? 'orange' : 'yellow'
      return { at: a + decideMs, key, level, last: newest(a) }
    })
}

export interface Sign {
  name: string
  zone: string
  from: number
  to: number
}

/** The first two different signs of one scope within the time. */
export function firstPair(signs: readonly Sign[], withinMs: number): { at: number; zones: [string, string] } | null {
  let best: { at: number; zones: [string, string] } | null = null
  for (const a of signs)
    for (const b of signs) {
      if (a.name >= b.name) continue
      const [first, second] = a.from <= b.from ? [a, b] : [b, a]
      if (second.from - first.to > withinMs) continue
      if (!best || second.from < best.at) best = { at: second.from, zones: [a.zone, b.zone] }
    }
  return best
}

/** Samples that lie so far above one of twenty seconds to a minute before that it is so much a minute. */
export const riseTimes = (samples: readonly Line[], perMinute: number): number[] =>
  samples
    .filter((l) =>
      samples.some((before) => {
        const ms = l.time - before.time
        const rise = (l.value.celsius as number) - (before.value.celsius as number)
        return ms >= 20_000 && ms <= 60_000 && rise >= (perMinute * ms) / 60_000
      }),
    )
    .map((l) => l.time)

/** Came true again while it had not ended yet. */
const isInside = (a: HeldSpan, b: HeldSpan): boolean => a.from > b.from && (b.to === null || a.from < b.to)
