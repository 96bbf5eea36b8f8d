/**
 * `replay --against`: what another set of rules would have raised over the same readings: alerts gained, lost and changed
 * in level, and how both sets would load the consoles. Compares two finished runs; runs nothing itself.
 */
import { type AlertChange, LEVELS, type Level } from '#model/alert/alert.ts'
import { FacilityContext } from '#model/context/facility-context.ts'
import type { Site } from '#model/site/load.ts'

const WINDOW_MS = 600_000

export interface ComparedAlert {
  id: string
  code: string
  key: string
  level: Level
  at: number
}

export interface Run<Summary> {
  alerts: ReadonlyMap<string, ComparedAlert>
  load: ConsoleLoad
  summary: Summary
}

export type ByLevel = Record<Level, number>
/** Alarms that sounded per 10 minutes at each console: over the whole run, and in the worst ten minutes. */
export type ConsoleLoad = Record<string, { mean: number; peak: number }>

/** Collects one run. Hand it every change in the order of the output. */
export class RunCollector {
  readonly alerts = new Map<string, ComparedAlert>()
  readonly #site: FacilityContext
  readonly #desks: readonly { id: string; zones: readonly string[] }[]
  readonly #sounded = new Map<string, number[]>()

  constructor(site: Site) {
    this.#site = new FacilityContext(site)
    const desks = site.console?.desks ?? []
    this.#desks = desks.length > 0 ? desks : [{ id: 'console-1', zones: ['*'] }]
    for (const desk of this.#desks) this.#sounded.set(desk.id, [])
  }

  take({ at, alert }: AlertChange): void {
    const { id, code, key, level, raisedAt } = alert
    this.alerts.set(id, { id, code, key, level, at: raisedAt })
    if (!alert.annunciated) return
    for (const { id: desk, zones } of this.#desks)
      if (zones.includes('*') || zones.some((z) => this.#site.within(alert.zone, z))) this.#sounded.get(desk)?.push(at)
  }

  load(from: number | null, to: number | null): ConsoleLoad {
    const windows = from !== null && to !== null && to > from ? (to - from) / WINDOW_MS : 0
    return Object.fromEntries(
      [...this.#sounded].map(([desk, times]) => [
        desk,
        { mean: windows > 0 ? round(times.length / windows) : times.length, peak: peak(times) },
      ]),
    )
  }
}

/** Most in any ten minutes; the times ascend. */
function peak(times: readonly number[]): number {
  let most = 0
  for (let from = 0, to = 0; to < times.length; to++) {
    while ((times[to] as number) - (times[from] as number) >= WINDOW_MS) from++
    most = Math.max(most, to - from + 1)
  }
  return most
}

const round = (n: number): number => Math.round(n * 1000) / 1000

export interface Comparison<Summary> {
  gained: ComparedAlert[]
  lost: ComparedAlert[]
  levelChanged: (ComparedAlert & { to: Level })[]
  levels: { base: ByLevel; against: ByLevel; gained: ByLevel; lost: ByLevel }
  load: { base: Record<string, number>; against: Record<string, number> }
  peak: { base: Record<string, number>; against: Record<string, number> }
  base: Summary
  against: Summary
}

export function comparison<Summary>(base: Run<Summary>, against: Run<Summary>): Comparison<Summary> {
  const only = (a: Run<Summary>, b: Run<Summary>) => [...a.alerts.values()].filter(({ id }) => !b.alerts.has(id))
  const gained = only(against, base)
  const lost = only(base, against)
  const of = (name: 'mean' | 'peak', load: ConsoleLoad) =>
    Object.fromEntries(Object.entries(load).map(([desk, l]) => [desk, l[name]]))
  return {
    gained,
    lost,
    levelChanged: [...base.alerts.values()].flatMap((alert) => {
      const other = against.alerts.get(alert.id)
      return other && other.level !== alert.level ? [{ ...alert, to: other.level }] : []
    }),
    levels: {
      base: byLevel(base.alerts.values()),
      against: byLevel(against.alerts.values()),
      gained: byLevel(gained),
      lost: byLevel(lost),
    },
    load: { base: of('mean', base.load), against: of('mean', against.load) },
    peak: { base: of('peak', base.load), against: of('peak', against.load) },
    base: base.summary,
    against: against.summary,
  }
}

function byLevel(alerts: Iterable<{ level: Level }>): ByLevel {
  const counts = Object.fromEntries(LEVELS.map((l) => [l, 0])) as ByLevel
  for (const { level } of alerts) counts[level]++
  return counts
}

export function comparisonText(c: Comparison<unknown>): string {
  const list = (title: string, items: readonly (ComparedAlert & { to?: Level })[]): string =>
    `${title}: ${items.length}\n${items
      .map((i) => `  ${new Date(i.at).toISOString()} ${i.code} ${i.key} ${i.level}${i.to ? ` → ${i.to}` : ''}\n`)
      .join('')}`
  const rows = LEVELS.map(
    (l) =>
      `${l.padEnd(7)} ${c.levels.base[l]} → ${c.levels.against[l]}  (+${c.levels.gained[l]} −${c.levels.lost[l]})\n`,
  ).join('')
  const desks = [...new Set([...Object.keys(c.load.base), ...Object.keys(c.load.against)])]
  const loads = desks.map(
    (desk) =>
      `${desk}: ${c.load.base[desk] ?? 0} → ${c.load.against[desk] ?? 0} alarms per 10 min, ` +
      `worst ${c.peak.base[desk] ?? 0} → ${c.peak.against[desk] ?? 0}\n`,
  )
  return list('gained', c.gained) + list('lost', c.lost) + list('level changed', c.levelChanged) + rows + loads.join('')
}
