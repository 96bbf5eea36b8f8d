/**
 * Indicators of a running edge: what is watched second by second, what is asked of the stores, and the values of each day
 * that are kept here and told to the province. Sums and shares leave; nothing about one person does.
 */
import type { Accounts } from '#dashboards/accounts.ts'
import { FacilityIndicators, localMidnight, nextMidnight } from '#dashboards/facility-indicators.ts'
import type { FactSums } from '#dashboards/indicator-facts.ts'
import type { IndicatorValue, Window } from '#dashboards/indicators.ts'
import type { IndicatorSource } from '#dashboards/server.ts'
import { EventFacts } from '#ingest/facts/event-facts.ts'
import { Facts } from '#ingest/facts/facts.ts'
import { type PatrolDefaults, PatrolFacts } from '#ingest/facts/patrol-facts.ts'
import { PresenceFacts } from '#ingest/facts/presence-facts.ts'
import type { EdgeLedger } from '#ingest/ledger/ledger.ts'
import type { Follower, Quality } from '#ingest/quality/quality.ts'
import type { Uplink } from '#ingest/uplink/uplink.ts'
import type { Clock, Timer } from '#model/clock.ts'
import { localTime } from '#model/local-time.ts'
import { may } from '#model/permissions.ts'
import type { AlertDesk } from '#model/ports/alert-desk.ts'
import type { Plan, RuleInfo } from '#model/ports/facility.ts'
import type { IndicatorPoint, SeriesSink } from '#model/ports/series.ts'
import type { Site } from '#model/site/load.ts'
import { formula } from '#rules/engine/operators/under-manned.ts'
import type { ContextStore } from '../context-store.ts'
import type { DeviceTable } from '../device-table.ts'
import type { EvidencePictures } from '../evidence-pictures.ts'
import type { Log } from '../log.ts'

const LOOK_MS = 10_000
const FIRST_MS = 60_000
/** The day that runs is told anew so often. */
const TELL_MS = 600_000
const DAY_MS = 86_400_000
/** What comes late still counts for the day that is over. */
const CLOSED_AFTER_MS = 600_000
const VERIFIED_MS = 3_600_000
const ASKED_MS = 5000
/** Values that wait for a store: about ten days of them. */
const MOST_UNWRITTEN = 60_000

export interface IndicatorFactsPart {
  site: Site
  context: ContextStore
}

/** What follows the journal and the clock for the indicators; opened before the quality that saves it. */
export class IndicatorFacts {
  readonly #part: IndicatorFactsPart
  readonly #patrols: PatrolFacts
  readonly presence: PresenceFacts
  readonly #events: EventFacts

  constructor(part: IndicatorFactsPart) {
    this.#part = part
    const facts = new Facts()
    this.#events = new EventFacts({
      facts,
      desksOf: (zone) => this.#desksOf(zone),
      isWatch: (route) => part.context.context.item('patrols', route)?.kind === 'watch',
    })
    this.#patrols = new PatrolFacts({
      facts,
      context: () => part.context.context,
      defaults: () => this.#defaults,
    })
    this.presence = new PresenceFacts({ facts, formula })
  }

  get followers(): Follower[] {
    const nothing = () => ({ facts: [], marks: [] })
    return [
      this.#events,
      this.#patrols,
      {
        apply: () => {},
        takeFacts: nothing,
        giveBack: () => {},
        meta: () => this.presence.meta(),
        restore: (meta) => this.presence.restore(meta),
      },
    ]
  }

  desks(): string[] {
    const desks = this.#part.site.console?.desks ?? []
    return desks.length > 0 ? desks.map((d) => d.id) : ['console-1']
  }

  #desksOf(zone: string | null): string[] {
    const desks = this.#part.site.console?.desks ?? []
    if (desks.length === 0) return ['console-1']
    const { context } = this.#part.context
    return desks.filter((d) => d.zones.includes('*') || d.zones.some((z) => context.within(zone, z))).map((d) => d.id)
  }

  /** Intervals of R41, where a route does not name its own. */
  #defaults: PatrolDefaults = patrolDefaults([])

  tick(now: number, rules: readonly RuleInfo[]): void {
    this.#defaults = patrolDefaults(rules)
    this.#patrols.tick(now)
  }
}

function patrolDefaults(rules: readonly RuleInfo[]): PatrolDefaults {
  const values = rules.find((r) => r.code === 'R41')?.parameters ?? []
  const ms = (name: string, standard: number): number =>
    Number(values.find((p) => p.name === name)?.value ?? standard) * 1000
  return {
    everyMs: { day: ms('dayEvery', 3600), night: ms('nightEvery', 1800), watch: ms('watchEvery', 900) },
    toleranceMs: ms('tolerance', 300),
  }
}

export interface IndicatorsPart {
  site: Site
  clock: Clock
  log: Log
  facts: IndicatorFacts
  quality: Quality
  desk: AlertDesk
  ledger: EdgeLedger
  context: ContextStore
  table: DeviceTable
  pictures: EvidencePictures
  accounts: Accounts
  uplink(): Uplink | null
  /** Stores that may keep the values too. */
  sinks: readonly SeriesSink[]
  rules(): RuleInfo[]
  plans(): readonly Plan[]
}

export interface EdgeIndicators extends IndicatorSource {
  /** Computes the running day and the day before, keeps them and tells them. */
  tell(): Promise<void>
  close(): void
}

export function openEdgeIndicators(part: IndicatorsPart): EdgeIndicators {
  const { clock, log, quality, site } = part
  const timezone = site.facility.timezone ?? 'Asia/Shanghai'
  let verified: { at: number; entries: number; verified: number } | null = null
  let savedAt = Number.NEGATIVE_INFINITY
  const timers = new Set<Timer>()
  let open = true

  /** Sums stand in the file once saved; several questions at once share one save. */
  const fresh = async (): Promise<void> => {
    if (clock.now() - savedAt < ASKED_MS) return
    savedAt = clock.now()
    await quality.save()
  }

  const indicators = new FacilityIndicators({
    desk: part.desk,
    timezone,
    now: () => clock.now(),
    desks: () => part.facts.desks(),
    plans: part.plans,
    rules: part.rules,
    escorts: () => part.context.context.all('escorts'),
    modes: () => part.context.context.all('modes'),
    roster: () => part.accounts.list().filter((a) => !a.disabled && may(a.role, 'shift:keep')).length,
    facts: {
      async sums(names, window) {
        await fresh()
        return sumsOf(await quality.facts([...names], window.from, window.to))
      },
      async marks(names, window) {
        await fresh()
        return quality.marks([...names], window.from, window.to)
      },
      quality: (window) => quality.totals(window),
      async daily(fromDay, toDay) {
        const rows = await quality.daily(null, fromDay, toDay)
        return rows.map(({ id, day, body }) => ({ id, day, value: (JSON.parse(body) as IndicatorValue).value }))
      },
      async ledger() {
        if (verified === null || clock.now() - verified.at > VERIFIED_MS) {
          const { entries, ok, badSeq } = await part.ledger.verify()
          verified = { at: clock.now(), entries, verified: ok || badSeq === null ? entries : badSeq - 1 }
        }
        return verified
      },
      hasPicture: async (alert) => (await part.pictures.evidenceOf(alert)) !== null,
    },
  })

  const every = (ms: number, first: number, work: () => unknown): void => {
    const timer = clock.after(first, () => {
      timers.delete(timer)
      if (!open) return
      Promise.resolve()
        .then(work)
        .catch((error: Error) => log.warn('indicators.failed', { error: error.message }))
        .finally(() => {
          if (open) every(ms, ms, work)
        })
    })
    timers.add(timer)
  }

  const look = async (): Promise<void> => {
    const now = clock.now()
    const context = part.context.context
    const rules = part.rules()
    part.facts.tick(now, rules)
    const state = part.uplink()?.state()
    const shelved = await part.desk.list({ state: ['shelved'] }, undefined, 200)
    part.facts.presence.look({
      now,
      context,
      state: (id) => part.table.row(id),
      positions: part.table.positions(),
      uplink: state ? state.connected : null,
      rules,
      shelved: new Set(shelved.items.map((a) => a.code)),
      desks: part.facts.desks(),
    })
  }

  const dayOf = (at: number): { day: string; window: Window } => {
    const from = localMidnight(timezone, at)
    return { day: localTime(timezone, at).date, window: { from, to: nextMidnight(timezone, from) } }
  }

  let unwritten: IndicatorPoint[] = []
  /** A store that is away gets the values with the next ones: a day told twice is one point. */
  const writeOut = async (): Promise<void> => {
    const points = unwritten.slice(-MOST_UNWRITTEN)
    unwritten = []
    for (const sink of part.sinks)
      await sink.writeIndicators?.(points).catch((error: Error) => {
        unwritten = points
        log.warn('indicators.not-written', { sink: sink.name, error: error.message })
      })
  }

  const listeners = new Set<(value: unknown) => void>()
  const told = new Map<string, string>()
  const keep = async (day: string, window: Window): Promise<void> => {
    const values = await indicators.compute(window)
    // A day of which nothing is known (before the first start) is no day of nulls.
    if (![...values.values()].some(({ n }) => n > 0)) return
    const rows = [...values].map(([id, value]) => ({ day, id, body: JSON.stringify(value) }))
    await quality.putDaily(rows)
    unwritten.push(
      ...[...values].map(([id, { value, n }]) => ({
        facility: site.facility.id,
        indicator: id,
        ...window,
        value,
        n,
      })),
    )
    await writeOut()
    // Only what has changed: the province keeps the newest word about a day.
    const news = [...values].flatMap(([id, { value, n }]) => {
      const said = `${value}|${n}`
      if (told.get(`${day}|${id}`) === said) return []
      told.set(`${day}|${id}`, said)
      return [{ indicator: id, from: window.from, to: window.to, value, n }]
    })
    for (const value of news) for (const listener of listeners) listener(value)
    await part.uplink()?.sendIndicators(news)
  }

  let closedDay = ''
  const tell = async (): Promise<void> => {
    const now = clock.now()
    const today = dayOf(now)
    if (now - today.window.from >= CLOSED_AFTER_MS && closedDay !== today.day) {
      const before = dayOf(today.window.from - 1)
      await keep(before.day, before.window)
      closedDay = today.day
      for (const key of told.keys()) if (!key.startsWith(today.day)) told.delete(key)
    }
    await keep(today.day, today.window)
  }

  every(LOOK_MS, LOOK_MS, look)
  every(TELL_MS, FIRST_MS, tell)

  return {
    async list({ from, to }) {
      const end = to ?? clock.now()
      const window = { from: from ?? end - DAY_MS, to: end }
      const values = await indicators.compute(window)
      return [...values].map(([id, value]) => ({ id, ...value, ...window }))
    },
    async days(id, count) {
      const now = clock.now()
      const rows = await quality.daily(id, dayOf(now - count * DAY_MS).day, dayOf(now).day)
      return rows.map(({ day, body }) => {
        const { value, n } = JSON.parse(body) as IndicatorValue
        return { day, value, n }
      })
    },
    onValue(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    load: (window) => indicators.load(window),
    tell,
    close() {
      open = false
      for (const timer of timers) timer.cancel()
    },
  }
}

function sumsOf(rows: readonly { name: string; part: string; value: number }[]): FactSums {
  const sums = new Map<string, Map<string, number>>()
  for (const { name, part, value } of rows) {
    const parts = sums.get(name) ?? new Map<string, number>()
    parts.set(part, value)
    sums.set(name, parts)
  }
  return sums
}
