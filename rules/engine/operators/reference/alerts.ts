/**
 * Only for tests: patterns over alerts (composites, the flood of alarms) and over schedules and doors, told from the whole
 * list of what was said.
 */
import type { AlertChange, Level } from '#model/alert/alert.ts'
import type { Line } from './bench.ts'
import type { Span } from './waits.ts'

export interface Moment {
  at: number
  code: string
  level: Level
  zone: string | null
  subjects: readonly string[]
  evidence: string
}

/** When alerts were raised or became active again, and when they rose. */
export function momentsOf(changes: readonly AlertChange[], t0: number): (Moment & { rise: boolean })[] {
  const activations = new Map<string, number>()
  return changes.flatMap((c) => {
    const { alert } = c
    const before = activations.get(alert.id) ?? 0
    activations.set(alert.id, alert.activations)
    const again = alert.activations > before
    if (!again && c.change !== 'escalated') return []
    const { code, level, zone, subjects } = alert
    return [{ at: c.at - t0, code, level, zone, subjects, evidence: alert.id, rise: !again }]
  })
}

/** A person who should not be there and a wall that is not whole: key and time of every wall that has a person to it. */
export function pairsWithin(
  moments: readonly (Moment & { rise: boolean })[],
  isPerson: (m: Moment) => boolean,
  isWall: (m: Moment) => boolean,
  needsLevel: (m: Moment) => boolean,
  areLinked: (a: string | null, b: string | null) => boolean,
  withinMs: number,
): { key: string; at: number }[] {
  const count = moments.filter((m) => !m.rise || needsLevel(m))
  return count.filter(isWall).flatMap((wall) =>
    count.filter(isPerson).flatMap((person) => {
      const common = person.subjects.some((s) => wall.subjects.includes(s))
      const near = common || areLinked(person.zone, wall.zone)
      return near && wall.zone !== null && Math.abs(person.at - wall.at) <= withinMs
        ? [{ key: wall.zone, at: Math.max(person.at, wall.at) }]
        : []
    }),
  )
}

/** More sounded within the window than can be followed; over when fewer than the lower limit are left in it. */
export function floodSpans(
  sounded: readonly number[],
  more: number,
  fewer: number,
  windowMs: number,
  end: number,
): Span[] {
  const spans: Span[] = []
  const inWindow = (t: number): number => sounded.filter((s) => s <= t && s >= t - windowMs).length
  let from: number | null = null
  for (const t of [...sounded, ...sounded.map((s) => s + windowMs + 1)].sort((a, b) => a - b)) {
    if (t > end) break
    if (from === null && inWindow(t) > more) from = t
    else if (from !== null && inWindow(t) < fewer) {
      spans.push({ key: 'console-1', level: 'blue', from, to: t })
      from = null
    }
  }
  if (from !== null) spans.push({ key: 'console-1', level: 'blue', from, to: null })
  return spans
}

/** Openings that nobody had a right to; over when the door was closed for a while. */
export function forcedSpans(
  lines: readonly Line[],
  permits: readonly number[],
  beforeMs: number,
  afterMs: number,
  closedMs: number,
  key: string,
  end: number,
): Span[] {
  const states = lines.filter((l) => l.type === 'door.state')
  const changes = states.filter((l, i) => l.value.state !== states[i - 1]?.value.state)
  return changes.flatMap((opening, i) => {
    if (opening.value.state !== 'open') return []
    const { time } = opening
    if (permits.some((p) => p >= time - beforeMs && p <= time + afterMs)) return []
    const closing = changes
      .slice(i + 1)
      .find(
        (c, k, rest) =>
          c.value.state === 'closed' && (rest[k + 1]?.time ?? Number.POSITIVE_INFINITY) >= c.time + closedMs,
      )
    const from = time + afterMs
    const to = closing ? Math.max(from, closing.time + closedMs) : null
    return [{ key, level: 'orange' as const, from, to: to !== null && to <= end ? to : null }]
  })
}

/** Intervals since a visit (or the beginning) in which nobody came, not even a little late; two in a row weigh more. */
export function missedSpans(
  visits: readonly number[],
  first: number,
  everyMs: number,
  toleranceMs: number,
  key: string,
  end: number,
): Span[] {
  return [first, ...visits].flatMap((since, i) => {
    const next = visits.slice(i).find((v) => v > since) ?? null
    const until = next ?? end + 1
    const spans: Span[] = []
    for (let due = since + everyMs; due + toleranceMs < until; due += everyMs)
      spans.push({ key, level: spans.length === 0 ? 'yellow' : 'orange', from: due + toleranceMs, to: next })
    return spans
  })
}
