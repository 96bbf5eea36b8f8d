/**
 * All indicators of one facility for a window, from what the edge keeps: alerts, facts, data quality, ledger. What the
 * facility cannot know (I20: when the province received) is left to the province. Asks stores; decides nothing.
 */
import { ACK_SLA_MS, type Alert, type AlertChange } from '#model/alert/alert.ts'
import type { Escort, Mode } from '#model/context/kinds.ts'
import { localTime } from '#model/local-time.ts'
import type { AlertDesk } from '#model/ports/alert-desk.ts'
import type { Plan, RuleInfo } from '#model/ports/facility.ts'
import type { QualityTotals } from '#model/ports/quality.ts'
import { type DeskLoad, deskLoad, indicatorsOfLoad, TEN_MINUTES_MS } from './alarm-load.ts'
import { countedAlerts, indicatorsOfAlerts } from './indicator-alerts.ts'
import { FACT_NAMES, type FactSums, indicatorsOfFacts, totalOf } from './indicator-facts.ts'
import { type IndicatorValue, MAX_ALERTS, ratio, type Window } from './indicators.ts'
import { hasPlan, openSteps, type PlanView, planOfAlert } from './plan-progress.ts'
import { safetyIndex, trendOf } from './safety-index.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const PAGE = 1000
/** An alert older than this that still stands is looked for among the open ones alone. */
const TREND_DAYS = 90
/** Serious alerts whose evidence is looked at one by one. */
const MAX_EVIDENCE = 500

export interface FacilityFacts {
  sums(names: readonly string[], window: Window): Promise<FactSums>
  marks(names: readonly string[], window: Window): Promise<{ name: string; at: number; part: string; n: number }[]>
  quality(window: Window): QualityTotals
  /** Values of all indicators of whole days, oldest first. */
  daily(fromDay: string, toDay: string): Promise<{ id: string; day: string; value: number | null }[]>
  /** Entries of the ledger and how many of them fit; kept for a while by whoever answers. */
  ledger(): Promise<{ entries: number; verified: number }>
  /** Is a picture with its hash kept as evidence? */
  hasPicture(alert: string): Promise<boolean>
}

export interface FacilityIndicatorsOptions {
  desk: AlertDesk
  facts: FacilityFacts
  timezone: string
  now(): number
  desks(): readonly string[]
  plans(): readonly Plan[]
  rules(): readonly RuleInfo[]
  escorts(): readonly Escort[]
  modes(): readonly Mode[]
  /** Accounts that may act on alerts. */
  roster(): number
}

const instant = (text: string | number | undefined | null): number | null =>
  text === undefined || text === null ? null : typeof text === 'number' ? text : Date.parse(text)

export class FacilityIndicators {
  readonly #o: FacilityIndicatorsOptions

  constructor(options: FacilityIndicatorsOptions) {
    this.#o = options
  }

  async compute(window: Window): Promise<Map<string, IndicatorValue>> {
    const { facts } = this.#o
    const now = this.#o.now()
    const hours = wholeHours(window)
    const [found, standing, sums, marks] = await Promise.all([
      this.#alerts(window),
      this.#standing(window),
      facts.sums(FACT_NAMES, hours),
      facts.marks(['annunciated', 'chatter', 'watch'], { from: window.from - TEN_MINUTES_MS, to: window.to }),
    ])
    const personDays = totalOf(sums, 'population')
    const values = indicatorsOfAlerts({
      alerts: found.alerts,
      earlier: standing,
      window,
      now,
      personDays: personDays > 0 ? personDays : null,
      midnights: midnightsOf(window, this.#o.timezone, now),
      complete: found.complete,
    })
    const stale = values.get('I12')
    const loads = this.#loads(sums, marks, window)
    const chatter = new Set(marks.filter((m) => m.name === 'chatter' && m.at >= window.from).map((m) => m.part)).size
    for (const [id, value] of indicatorsOfLoad(loads, chatter)) values.set(id, value)
    const chattering = values.get('I12')!
    values.set('I12', { ...chattering, detail: { ...chattering.detail, stale: stale?.detail?.stale ?? null } })
    const rounds = new Map<string, number[]>()
    for (const { name, part, at } of marks) if (name === 'watch') rounds.set(part, [...(rounds.get(part) ?? []), at])
    for (const [id, value] of indicatorsOfFacts(sums, rounds)) values.set(id, value)
    this.#quality(values, window)
    const operators = sums.get('operator')?.size ?? 0
    const use = values.get('I33')!
    values.set('I33', {
      ...use,
      detail: {
        ...use.detail,
        activeOperators: operators,
        rostered: this.#o.roster(),
        active: ratio(operators, this.#o.roster()),
      },
    })
    values.set('I32', this.#escorts(found.alerts, window, now))
    values.set('I34', await this.#evidence(countedAlerts(found.alerts, window)))
    const { entries, verified } = await facts.ledger()
    values.set('I35', { value: ratio(verified, entries), n: entries })
    values.set('I37', await this.#drills(found.alerts, window, now))
    const severe = values.get('I04')?.detail?.redAndOrange as IndicatorValue | undefined
    const index = safetyIndex(
      new Map([...values].map(([id, v]) => [id, id === 'I04' ? (severe?.value ?? null) : v.value] as const)),
    )
    values.set('I39', index)
    values.set('I38', await this.#trend(values, window))
    return values
  }

  /** Load of each desk, for I09 to I11 and for the shift page. */
  async load(window: Window): Promise<{ desks: DeskLoad[]; chatter: { what: string; times: number }[] }> {
    const [sums, marks] = await Promise.all([
      this.#o.facts.sums(['desk.seconds'], wholeHours(window)),
      this.#o.facts.marks(['annunciated', 'chatter'], { from: window.from - TEN_MINUTES_MS, to: window.to }),
    ])
    const chatter = new Map<string, number>()
    for (const m of marks)
      if (m.name === 'chatter' && m.at >= window.from) {
        const code = m.part.split('|')[0]!
        chatter.set(code, (chatter.get(code) ?? 0) + m.n)
      }
    return {
      desks: this.#loads(sums, marks, window),
      chatter: [...chatter].map(([what, times]) => ({ what, times })).sort((a, b) => b.times - a.times),
    }
  }

  #loads(sums: FactSums, marks: readonly { name: string; at: number; part: string; n: number }[], window: Window) {
    const seconds = sums.get('desk.seconds')
    const length = (Math.min(window.to, this.#o.now()) - window.from) / 1000
    return this.#o.desks().map((desk) =>
      deskLoad(
        desk,
        marks
          .filter((m) => m.name === 'annunciated' && m.part === desk)
          .flatMap((m) => Array.from({ length: Math.min(m.n, 1000) }, () => m.at)),
        window,
        // Sums stand in whole hours; no desk was watched over for longer than the window.
        Math.max(0, Math.min(seconds?.get(desk) ?? 0, length)),
      ),
    )
  }

  async #alerts(window: Window): Promise<{ alerts: Alert[]; complete: boolean }> {
    const found: Alert[] = []
    let cursor: string | undefined
    do {
      const page = await this.#o.desk.list({ from: window.from, to: window.to }, cursor, PAGE)
      found.push(...page.items)
      cursor = page.next ?? undefined
    } while (cursor && found.length < MAX_ALERTS)
    return { alerts: found, complete: cursor === undefined }
  }

  /** Alerts from before the window that may be stale within it. */
  async #standing(window: Window): Promise<Alert[]> {
    const [open, recent] = await Promise.all([
      this.#o.desk.list({ open: true, to: window.from - 1 }, undefined, PAGE),
      this.#o.desk.list({ from: window.from - 7 * DAY, to: window.from - 1 }, undefined, PAGE),
    ])
    const all = new Map([...open.items, ...recent.items].map((a) => [a.id, a]))
    return [...all.values()].filter((a) => a.raisedAt < window.from)
  }

  #quality(values: Map<string, IndicatorValue>, window: Window): void {
    const t = this.#o.facts.quality(window)
    const completeness = ratio(t.arrived, t.expected)
    const timeliness = ratio(t.timely, t.received)
    const validity = ratio(t.valid, t.judged)
    values.set('I21', { value: completeness, n: t.expected })
    values.set('I22', { value: timeliness, n: t.received })
    values.set('I23', { value: validity, n: t.judged })
    values.set('I24', {
      value:
        completeness === null || timeliness === null || validity === null
          ? null
          : 100 * (0.4 * completeness + 0.3 * timeliness + 0.3 * validity),
      n: t.judged,
    })
  }

  /** I32: an escort that ended in the window and during which nobody of it was apart from the officers. */
  #escorts(alerts: readonly Alert[], window: Window, now: number): IndicatorValue {
    const done = this.#o.escorts().filter((e) => {
      const to = instant(e.to)
      return to !== null && to >= window.from && to < Math.min(window.to, now)
    })
    const kept = done.filter((e) => {
      const from = instant(e.from) ?? Number.NEGATIVE_INFINITY
      const to = instant(e.to)!
      return !alerts.some(
        (a) =>
          a.code === 'R21' &&
          !a.drill &&
          !a.test &&
          a.raisedAt >= from &&
          a.raisedAt <= to &&
          a.subjects.some((s) => e.persons.includes(s)),
      )
    })
    return { value: ratio(kept.length, done.length), n: done.length }
  }

  async #evidence(alerts: readonly Alert[]): Promise<IndicatorValue> {
    const closed = alerts
      .filter((a) => a.closedAt !== null && (a.level === 'red' || a.level === 'orange'))
      .slice(0, MAX_EVIDENCE)
    let whole = 0
    const lacks = { clip: 0, steps: 0, signatures: 0 }
    for (const alert of closed) {
      const timeline = await this.#o.desk.timeline(alert.id)
      const clip = await this.#o.facts.hasPicture(alert.id)
      const steps = this.#requiredStepsDone(alert, timeline)
      const signatures = hasTwoSignatures(timeline)
      if (!clip) lacks.clip++
      if (!steps) lacks.steps++
      if (!signatures) lacks.signatures++
      if (timeline.length > 0 && clip && steps && signatures) whole++
    }
    return { value: ratio(whole, closed.length), n: closed.length, detail: { lacks } }
  }

  #planOf(alert: Alert, timeline: readonly AlertChange[]): PlanView | null {
    const isKnown = this.#o.plans().some((plan) => plan.id === alert.plan)
    return isKnown && hasPlan(alert) ? planOfAlert(alert, this.#o, timeline) : null
  }

  #requiredStepsDone(alert: Alert, timeline: readonly AlertChange[]): boolean {
    const plan = this.#planOf(alert, timeline)
    return plan ? openSteps(plan).length === 0 : alert.plan === null
  }

  /** I37: a drill meets its targets when each alert of it was acknowledged, and each timed step done, in time. */
  async #drills(alerts: readonly Alert[], window: Window, now: number): Promise<IndicatorValue> {
    const held = this.#o.modes().filter((mode) => {
      const to = instant(mode.to)
      return mode.mode === 'drill' && to !== null && to >= window.from && to < Math.min(window.to, now)
    })
    let met = 0
    let n = 0
    for (const drill of held) {
      const from = instant(drill.from) ?? window.from
      const to = instant(drill.to)!
      const mine = alerts.filter((a) => a.drill && a.raisedAt >= from && a.raisedAt <= to)
      if (mine.length === 0) continue
      n++
      const verdicts = await Promise.all(mine.map((a) => this.#inTime(a)))
      if (verdicts.every(Boolean)) met++
    }
    return { value: ratio(met, n), n }
  }

  async #inTime(alert: Alert): Promise<boolean> {
    if (alert.ackAt === null || alert.ackAt - alert.raisedAt > ACK_SLA_MS[alert.level]) return false
    const plan = this.#planOf(alert, await this.#o.desk.timeline(alert.id))
    if (!plan) return true
    const done = new Map(plan.progress.map((word) => [word.step, word.at]))
    return plan.steps.every((step) => {
      if (step.targetS === null || step.moot) return true
      const at = done.get(step.id)
      return at === undefined ? !step.required : at - alert.raisedAt <= step.targetS * 1000
    })
  }

  /** I38: every indicator against its own last 90 days; the value is that of the safety index. */
  async #trend(values: ReadonlyMap<string, IndicatorValue>, window: Window): Promise<IndicatorValue> {
    const midnight = localMidnight(this.#o.timezone, window.from)
    const first = localTime(this.#o.timezone, midnight - TREND_DAYS * DAY).date
    const last = localTime(this.#o.timezone, midnight - 1).date
    const days = new Map<string, (number | null)[]>()
    for (const { id, value } of await this.#o.facts.daily(first, last)) days.set(id, [...(days.get(id) ?? []), value])
    const trends: Record<string, ReturnType<typeof trendOf>> = {}
    for (const [id, { value }] of values) {
      const trend = trendOf(days.get(id) ?? [], value)
      // Less than thirty days say nothing and are not shown.
      if (trend.ewma !== null && trend.mean !== null) trends[id] = trend
    }
    const index = trendOf(days.get('I39') ?? [], values.get('I39')?.value ?? null)
    return { value: index.z, n: index.n, detail: { trends } }
  }
}

/** The one who asked for the closing and another who approved it. */
function hasTwoSignatures(timeline: readonly AlertChange[]): boolean {
  const first = timeline.findLast((c) => c.change === 'pending-review')?.by ?? null
  const second = timeline.findLast((c) => c.change === 'approved')?.by ?? null
  return first !== null && second !== null && first !== second
}

export const wholeHours = ({ from, to }: Window): Window => ({
  from: Math.floor(from / HOUR) * HOUR,
  to: Math.ceil(to / HOUR) * HOUR,
})

/** Local midnights within a window that are over. */
export function midnightsOf(window: Window, timezone: string, now: number): number[] {
  const found: number[] = []
  for (let at = localMidnight(timezone, window.from); at < window.to && at <= now; ) {
    if (at >= window.from) found.push(at)
    at = nextMidnight(timezone, at)
    if (found.length > 400) break
  }
  return found
}

/** The instant at which the local day of `at` began, also where the clocks were changed since. */
export function localMidnight(timezone: string, at: number): number {
  const { midnight } = localTime(timezone, at)
  const minute = localTime(timezone, midnight).minuteOfDay
  return minute === 0 ? midnight : midnight + (minute > 720 ? 1440 - minute : -minute) * 60_000
}

/** A day has 23 to 25 hours. */
export const nextMidnight = (timezone: string, midnight: number): number =>
  localMidnight(timezone, midnight + 36 * HOUR)
