/**
 * A part of an ordinary day of a make-believe facility, straight into the rules engine in virtual time with a modelled
 * operator: what was annunciated an hour and desk, and by which rules. Shared by the benchmark and its test; prints nothing.
 */
import type { AlertChange } from '#model/alert/alert.ts'
import { contextItemId } from '#model/context/kinds.ts'
import { CATALOGUE_DIR, loadRules } from '#rules/catalogue/load.ts'
import { Engine } from '#rules/engine/engine.ts'
import { OPERATORS } from '#rules/engine/operators/index.ts'
import { buildFacility, type Facility, type Size } from '#simulators/facility/facility.ts'
import { Life } from '#simulators/life/life.ts'

/** Annunciated alerts an hour and console that the design allows; in no hour more, and no red at all. */
export const BAR_PER_HOUR = 6

export interface DayOptions {
  size: Size
  /** Which facility of the make-believe province. */
  facility?: number
  seed: number
  startMs: number
  hours: number
  /** Seconds between two positions of somebody who stands still, and between two sets of vital signs. */
  positionsS: number
  vitalsS: number
  /** False: nothing goes wrong. A number multiplies the rates of what does. */
  lifelike: boolean | number
  /** Seconds until the modelled operator acknowledges and resolves; null = never. */
  ackS: number | null
  resolveS: number | null
  onAlert?: (change: AlertChange) => void
  /** An hour is over; of its last five seconds not everything is decided yet. */
  onHour?: (hour: number, soFar: Day) => void
}

interface Counted {
  raised: Record<string, number>
  annunciated: Record<string, number>
}

export interface Day {
  facility: Facility
  readings: number
  /** Readings by type. */
  types: Record<string, number>
  contexts: number
  refused: number
  perHour: Record<string, number>
  byHour: number[]
  byLevel: Record<string, number>
  reds: number
  incidents: number
  byRule: Map<string, Counted>
}

const add = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1
}

export function runDay(o: DayOptions): Day {
  const facility = buildFacility(o.size, o.facility ?? 0)
  const life = new Life(facility, {
    seed: o.seed,
    positionEveryS: o.positionsS,
    vitalsEveryS: o.vitalsS,
    withEdge: true,
    lifelike: o.lifelike,
  })
  const seconds = Math.round(o.hours * 3600)
  const day: Day = {
    facility,
    readings: 0,
    types: {},
    contexts: 0,
    refused: 0,
    perHour: {},
    byHour: Array.from({ length: Math.ceil(seconds / 3600) }, () => 0),
    byLevel: {},
    reds: 0,
    incidents: 0,
    byRule: new Map(),
  }
  const engine = new Engine({
    site: facility.site,
    rules: loadRules(CATALOGUE_DIR, facility.site.rules ?? {}),
    operators: OPERATORS,
    operatorModel: {
      ackMs: o.ackS === null ? null : o.ackS * 1000,
      resolveMs: o.resolveS === null ? null : o.resolveS * 1000,
    },
    trustIds: true,
    onChange: (change) => {
      note(day, change, o.startMs)
      o.onAlert?.(change)
    },
  })
  life.onContext = (change) => {
    day.contexts++
    engine.line({ ...change, id: change.id || contextItemId(change.context, change.item ?? {}) })
  }
  const say = (draft: ReturnType<Life['tick']>[number]): void => {
    day.readings++
    add(day.types, draft.type)
    engine.line({
      id: `r${day.readings.toString(36)}`,
      device: draft.device,
      type: draft.type,
      time: draft.time,
      received: draft.time + 40,
      quality: draft.quality ?? 'good',
      zone: null,
      subject: draft.subject ?? null,
      value: draft.value,
    })
  }
  for (const draft of life.initial(o.startMs)) say(draft)
  for (let second = 1; second <= seconds; second++) {
    for (const draft of life.tick(o.startMs + second * 1000)) say(draft)
    if (second % 3600 === 0) o.onHour?.(second / 3600, day)
  }
  engine.finish(o.startMs + seconds * 1000)
  const totals = engine.book.totals()
  day.refused = engine.counts.quarantined
  day.incidents = totals.incidents
  day.perHour = Object.fromEntries(
    Object.entries(totals.sounded).map(([desk, n]) => [desk, Math.round((n / o.hours) * 100) / 100]),
  )
  return day
}

/** Counts a change as the design does: raised, risen or re-activated; annunciated as its line says. */
function note(day: Day, { at, change, alert }: AlertChange, startMs: number): void {
  const rises = change === 'raised' || change === 'escalated'
  const rule = day.byRule.get(alert.code) ?? { raised: {}, annunciated: {} }
  if (rises) add(rule.raised, alert.level)
  if (rises && alert.level === 'red') day.reds++
  if (alert.annunciated && (rises || change === 'updated')) {
    add(rule.annunciated, alert.level)
    add(day.byLevel, alert.level)
    const hour = Math.max(0, Math.floor((at - startMs) / 3_600_000))
    day.byHour[hour] = (day.byHour[hour] ?? 0) + 1
  }
  if (rises) day.byRule.set(alert.code, rule)
}
