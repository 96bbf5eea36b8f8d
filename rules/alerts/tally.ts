/** What the book has raised, sounded and held back, counted: the summary of a replay, and the causes that `why` names. */
import type { Alert } from '#model/alert/alert.ts'
import type { FacilityContext } from '#model/context/facility-context.ts'

/** Alerts counted by level for the summary; an edge that runs for years forgets the oldest. */
const MAX_COUNTED = 1_000_000

export interface Desk {
  id: string
  zones: readonly string[]
}

export interface Totals {
  alerts: Record<string, Record<string, number>>
  incidents: number
  annunciations: number
  sounded: Record<string, number>
  suppressed: Record<string, number>
}

export interface TallySnapshot {
  levels: [string, { code: string; level: string }][]
  sounded: [string, number][]
  annunciations: number
  suppressed: Record<string, number>
}

export class Tally {
  readonly #desks: readonly Desk[]
  readonly #site: FacilityContext
  /** Final level per alert, by code. */
  readonly #levels = new Map<string, { code: string; level: string }>()
  readonly #sounded = new Map<string, number>()
  #annunciations = 0
  #suppressed: Record<string, number> = {}

  constructor(desks: readonly Desk[], site: FacilityContext) {
    this.#desks = desks.length > 0 ? desks : [{ id: 'console-1', zones: ['*'] }]
    this.#site = site
  }

  note({ id, code, level }: Alert): void {
    this.#levels.set(id, { code, level })
    if (this.#levels.size > MAX_COUNTED) this.#levels.delete(this.#levels.keys().next().value as string)
  }

  /** An alert sounds: the desks that hear it. */
  sound(alert: Alert): string[] {
    this.#annunciations++
    const heard = this.#desks.filter(
      (desk) => desk.zones.includes('*') || desk.zones.some((z) => this.#site.within(alert.zone, z)),
    )
    for (const desk of heard) this.#sounded.set(desk.id, (this.#sounded.get(desk.id) ?? 0) + 1)
    return heard.map((desk) => desk.id)
  }

  /** Something that did not become an alert, or an act that was refused. */
  count(name: string): void {
    this.#suppressed[name] = (this.#suppressed[name] ?? 0) + 1
  }

  totals(incidents: number): Totals {
    const alerts: Record<string, Record<string, number>> = {}
    for (const { code, level } of [...this.#levels.values()].sort((a, b) =>
      a.code < b.code ? -1 : a.code > b.code ? 1 : 0,
    )) {
      const counts = alerts[code] ?? {}
      alerts[code] = counts
      counts[level] = (counts[level] ?? 0) + 1
    }
    return {
      alerts,
      incidents,
      annunciations: this.#annunciations,
      sounded: Object.fromEntries(this.#desks.map((d) => [d.id, this.#sounded.get(d.id) ?? 0])),
      suppressed: { ...this.#suppressed },
    }
  }

  snapshot(): TallySnapshot {
    return {
      levels: [...this.#levels],
      sounded: [...this.#sounded],
      annunciations: this.#annunciations,
      suppressed: this.#suppressed,
    }
  }

  restore(snapshot: TallySnapshot): void {
    this.#levels.clear()
    this.#sounded.clear()
    for (const [id, level] of snapshot.levels) this.#levels.set(id, level)
    for (const [desk, n] of snapshot.sounded) this.#sounded.set(desk, n)
    this.#annunciations = snapshot.annunciations
    this.#suppressed = snapshot.suppressed
  }
}
