/**
 * I26: points of patrol routes that were due, and those that were visited in their interval or within its tolerance. The
 * intervals are those of R41: from the beginning of the route's hours; one that had begun before is nobody's fault.
 */
import type { FacilityContext } from '#model/context/facility-context.ts'
import type { Patrol } from '#model/context/kinds.ts'
import { durationMs, localTime, minuteOf } from '#model/local-time.ts'
import type { JournalRecord } from '#model/ports/journal.ts'
import type { Follower } from '../quality/quality.ts'
import type { Facts } from './facts.ts'

const DAY_MS = 86_400_000
const MAX_VISITS = 32
/** Defaults of R41 where a route does not say. */
export interface PatrolDefaults {
  everyMs: Record<Patrol['kind'], number>
  toleranceMs: number
}

interface Watched {
  due: number
  visits: number[]
}

export class PatrolFacts implements Follower {
  readonly #context: () => FacilityContext
  readonly #defaults: () => PatrolDefaults
  readonly #facts: Facts
  readonly #points = new Map<string, Watched>()

  constructor(options: { context(): FacilityContext; defaults(): PatrolDefaults; facts: Facts }) {
    this.#context = options.context
    this.#defaults = options.defaults
    this.#facts = options.facts
  }

  apply({ body }: JournalRecord): void {
    if (body.kind !== 'reading' || body.reading.type !== 'patrol.checkin' || body.reading.quality === 'bad') return
    const { value, time } = body.reading
    const watched = this.#points.get(`${value.route}|${value.point}`)
    if (watched) watched.visits = [...watched.visits, time].slice(-MAX_VISITS)
  }

  /** Closes the intervals that are over. */
  tick(now: number): void {
    const names = new Set<string>()
    for (const route of this.#context().all('patrols'))
      for (const point of route.points) {
        const name = `${route.id}|${point}`
        names.add(name)
        const watched = this.#points.get(name) ?? { due: this.#nextDue(route, now), visits: [] }
        this.#points.set(name, watched)
        while (watched.due + this.#grace(route) <= now) this.#settle(route, watched)
      }
    for (const name of this.#points.keys()) if (!names.has(name)) this.#points.delete(name)
  }

  #settle(route: Patrol, watched: Watched): void {
    const { due } = watched
    const deadline = due + this.#grace(route)
    const inTime = watched.visits.some((v) => v >= due - this.#every(route) && v <= due)
    const late = watched.visits.find((v) => v > due && v <= deadline)
    watched.visits = watched.visits.filter((v) => v > due && (inTime || v !== late))
    this.#facts.add('patrol.due', route.id, due)
    if (inTime || late !== undefined) this.#facts.add('patrol.visited', route.id, due)
    watched.due = this.#nextDue(route, due)
  }

  #every = (route: Patrol): number => durationMs(route.every ?? '') ?? this.#defaults().everyMs[route.kind]
  #grace = (route: Patrol): number => durationMs(route.tolerance ?? '') ?? this.#defaults().toleranceMs

  #hoursOf(route: Patrol): string | null {
    if (route.hours) return route.hours
    const [from, to] = this.#context().night.split('-') as [string, string]
    return route.kind === 'night' ? `${from}-${to}` : route.kind === 'day' ? `${to}-${from}` : null
  }

  /** End of the first interval that begins at or after `at`. */
  #nextDue(route: Patrol, at: number): number {
    const hours = this.#hoursOf(route)
    const every = this.#every(route)
    const { timezone } = this.#context()
    const fromMinute = hours === null ? 0 : minuteOf(hours.slice(0, 5))
    const { midnight } = localTime(timezone, at)
    for (const day of [-1, 0, 1, 2]) {
      const start = localTime(timezone, midnight + day * DAY_MS + DAY_MS / 2).midnight + fromMinute * 60_000
      const length = hours === null ? DAY_MS : lengthOf(hours)
      const first = start + Math.max(0, Math.ceil((at - start) / every)) * every
      if (first + every <= start + length) return first + every
    }
    return at + every
  }

  takeFacts() {
    return { facts: [], marks: [] }
  }

  giveBack(): void {}

  meta(): Record<string, string> {
    return { patrols: JSON.stringify([...this.#points]) }
  }

  restore(meta: Record<string, string>): void {
    for (const [name, watched] of JSON.parse(meta.patrols ?? '[]') as [string, Watched][])
      this.#points.set(name, watched)
  }
}

function lengthOf(hours: string): number {
  const from = minuteOf(hours.slice(0, 5))
  const to = minuteOf(hours.slice(6))
  return ((to - from + 1440) % 1440 || 1440) * 60_000
}
