/**
 * The engine: lines in, alert changes out, in the order in which things happened. Pure and synchronous: its only clock
 * is V, the largest arrival time it was shown. The same lines give the same changes in any order within the lateness.
 */
import type { AlertChange } from '#model/alert/alert.ts'
import { FacilityContext } from '#model/context/facility-context.ts'
import type { Site } from '#model/site/load.ts'
import { AlertBook, type OperatorModel } from '../alerts/book.ts'
import { type Deadline, Deadlines } from './deadlines.ts'
import { Enrichment } from './enrichment.ts'
import { Gateways } from './gateways.ts'
import { Intake, ownDevice, type TakenReading } from './intake.ts'
import type { AlertEvent, Cx, Hit, Input, Operator, Prepared, WakeClass } from './operator.ts'
import { CLASS, EventOrder, type Queued } from './order.ts'
import { type Rule, watchedCodes } from './rule.ts'
import { SeenIds, type SeenSnapshot } from './seen.ts'
import { type DeviceRecord, Signals } from './signals.ts'
import { REST_FOR_MS } from './views.ts'
import { type Fix, Whereabouts } from './whereabouts.ts'

export interface EngineOptions {
  site: Site
  rules: readonly Rule[]
  operators: ReadonlyMap<string, Operator>
  /** Older readings are late, ms. */
  latenessMs?: number
  /** How long the run waits for stragglers, ms: the lateness (the ordered run), or 0 (the eager run, on arrival). */
  waitMs?: number
  /** Extra wait, so that a `device.clock` can still move readings that came before it, ms. */
  clockSlackMs?: number
  /** Late readings younger than this are evaluated, older ones only recorded, ms. */
  stillMattersMs?: number
  adopt?: boolean
  /** Looks once when the run has passed an instant: everything up to it has happened, nothing after it. */
  probe?: { at: number; look: (engine: Engine) => void }
  /** A reading came after its lateness: evaluated as delayed, or only recorded. */
  onLate?: (reading: LateReading) => void
  /** The end of the run if it is known beforehand: no deadline after it fires. */
  until?: number
  /** A modelled operator of `replay --operator`. */
  operatorModel?: OperatorModel
  onChange: (change: AlertChange) => void
  /** A line that was refused: cause, sentence. */
  onRefused?: (cause: string, detail: string, device: string | null, origin: number) => void
  /** Live: the journal holds only checked and complete readings, and has refused duplicates already. */
  trustIds?: boolean
  /** A live edge: configured devices that never speak are told. */
  live?: boolean
}

export interface LateReading {
  device: string
  subject: string | null
  type: string
  time: number
  value: unknown
  latenessMs: number
  limitMs: number
  evaluated: boolean
}

export interface EngineCounts {
  readings: number
  duplicates: number
  quarantined: number
  late: number
  recordedOnly: number
  context: number
  acts: number
}

export interface EngineSnapshot {
  json: string
  /** Null: the journal recognises duplicates (`trustIds`). */
  seen: SeenSnapshot | null
}

interface Running {
  rule: Rule
  index: number
  prepared: Prepared<object>
  states: Map<string, object>
  cx: Cx<object>
}

const MODES = 'modes'

export class Engine {
  readonly site: FacilityContext
  readonly counts: EngineCounts = {
    readings: 0,
    duplicates: 0,
    quarantined: 0,
    late: 0,
    recordedOnly: 0,
    context: 0,
    acts: 0,
  }
  readonly book: AlertBook
  readonly #options: EngineOptions
  readonly #latenessMs: number
  readonly #waitMs: number
  readonly #slackMs: number
  readonly #stillMattersMs: number
  readonly #intake: Intake
  /** Devices that context lines deleted. */
  readonly #gone = new Set<string>()
  /** Whose reading is being judged. */
  #speaking: string | null = null
  readonly #seen = new SeenIds()
  readonly #order = new EventOrder()
  readonly #deadlines = new Deadlines()
  readonly #signals = new Signals()
  readonly #people = new Whereabouts()
  readonly #gateways = new Gateways()
  readonly #enrichment: Enrichment
  readonly #running: Running[] = []
  readonly #byIndex: (Running | undefined)[] = []
  readonly #byType = new Map<string, Running[]>()
  readonly #ofAll: Running[] = []
  readonly #byCode = new Map<string, Running[]>()
  readonly #onContext: Running[] = []
  readonly #onStart: Running[] = []
  readonly #alertEvents: AlertEvent[] = []
  /** Lines of the present instant: they are handed out in order of alert id, then of happening. */
  #printed: AlertChange[] = []
  readonly #tallies = new Map<string, number>()
  /** V: the largest arrival time seen. */
  #arrived = Number.NEGATIVE_INFINITY
  /** Time of the ordered run. */
  #now = Number.NEGATIVE_INFINITY
  #deadlineLimit = Number.POSITIVE_INFINITY
  /** The input being worked on came late: what it completes is `delayed`. */
  #late = false
  /** Deadlines up to this instant passed while the edge was down. */
  #downUntil = Number.NEGATIVE_INFINITY

  #probe: { at: number; look: (engine: Engine) => void } | null

  constructor(options: EngineOptions) {
    this.#options = options
    this.#probe = options.probe ?? null
    this.#latenessMs = options.latenessMs ?? 5_000
    this.#slackMs = options.clockSlackMs ?? 1_000
    this.#waitMs = (options.waitMs ?? this.#latenessMs) + this.#slackMs
    this.#stillMattersMs = options.stillMattersMs ?? 300_000
    if (options.until !== undefined) this.#deadlineLimit = options.until
    this.site = new FacilityContext(options.site)
    this.#intake = new Intake(this.site, options.adopt ?? false, options.trustIds === true)
    this.#enrichment = new Enrichment(this.site, this.#signals, this.#people, this.#gateways)
    const bookIndex = options.rules.length
    this.book = new AlertBook({
      site: this.site,
      desks: options.site.console?.desks ?? [],
      signals: this.#signals,
      rules: options.rules,
      operatorModel: options.operatorModel ?? null,
      emit: (change) => this.#printed.push(change),
      announce: (event) => this.#alertEvents.push(event),
      wake: (key, tag, at, cls) => this.#deadlines.ask(bookIndex, key, tag, at, CLASS[cls]),
    })
    for (const [index, rule] of options.rules.entries()) {
      if (!rule.enabled) continue
      if (!this.site.isOfKind(rule.file.scope)) continue
      // The province raises it: two alerts of one loss would be one too many.
      if (rule.file.tier === 'province' && options.live === true) continue
      this.#add(rule, index)
    }
  }

  #add(rule: Rule, index: number): void {
    const operator = this.#options.operators.get(rule.file.operator)
    if (!operator) throw new Error(`rule ${rule.id} names the operator "${rule.file.operator}", which does not exist`)
    const prepared = operator.prepare(rule) as Prepared<object>
    const running: Running = { rule, index, prepared, states: new Map(), cx: null as never }
    running.cx = this.#contextOf(running)
    this.#running.push(running)
    this.#byIndex[index] = running
    for (const type of rule.file.inputs) push(this.#byType, type, running)
    if (rule.file.inputs.includes('*')) this.#ofAll.push(running)
    if (prepared.alert)
      for (const code of watchedCodes(rule.file, this.#options.rules)) push(this.#byCode, code, running)
    if (prepared.context) this.#onContext.push(running)
    if (prepared.start) this.#onStart.push(running)
  }

  #contextOf(running: Running): Cx<object> {
    const engine = this
    const { rule, index, prepared, states } = running
    return {
      rule,
      rules: this.#options.rules,
      site: this.site,
      signals: this.#signals,
      people: this.#people,
      gateways: this.#gateways,
      alerts: this.book,
      live: this.#options.live ?? false,
      get now() {
        return engine.#now
      },
      state(key) {
        let state = states.get(key)
        if (state === undefined) {
          state = prepared.initial(key)
          states.set(key, state)
        }
        return state
      },
      peek: (key) => states.get(key),
      begin: (key) => {
        const state = {}
        states.set(key, state)
        return state
      },
      forget: (key) => {
        states.delete(key)
      },
      keys: () => states.keys(),
      wake(key, at, cls: WakeClass, tag = '') {
        // A deadline of a late pattern may lie in the past: more of the same burst may still contradict it.
        const due = at < engine.#now ? engine.#now + engine.#latenessMs : at
        engine.#deadlines.ask(index, key, tag, due, CLASS[cls])
      },
      hit(hit: Hit) {
        // A device that was taken out of the register has no alerts any more; a timer may still run for it.
        if (hit.device && engine.#isGone(hit.device)) {
          engine.tally(`${rule.code}:device deleted`)
          return
        }
        const wasDown = engine.#now <= engine.#downUntil
        const delayed =
          engine.#late ||
          wasDown ||
          // The eager run sees readings out of order; that alone is no delay.
          (engine.#waitMs > 0 && hit.eventTime !== undefined && hit.eventTime < engine.#now)
        const at = wasDown ? engine.#downUntil : engine.#now
        engine.book.hit(rule, hit, at, delayed, hit.eventTime ?? engine.#now, engine.#now)
      },
      clear: (key) => engine.book.clear(rule, key, engine.#now),
      stale: (key, stale) => engine.book.stale(rule, key, stale),
      suppress: (code, key, suppressed) => engine.book.suppress(code, key, suppressed, rule.code, engine.#now),
      count: (name) => engine.tally(`${rule.code}:${name}`),
    }
  }

  tally(name: string): void {
    this.#tallies.set(name, (this.#tallies.get(name) ?? 0) + 1)
  }
  tallies(): Record<string, number> {
    return Object.fromEntries([...this.#tallies].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
  // What `why` asks.
  records(): Iterable<DeviceRecord> {
    return this.#signals.records()
  }
  record(device: string): DeviceRecord | undefined {
    return this.#signals.find(device)
  }
  fixOf(person: string): Fix | undefined {
    return this.#people.last(person)
  }
  /** Who is heard in a zone, prisoners and staff. */
  heardIn(zone: string, at: number): string[] {
    return this.#people.inZone(zone, at)
  }
  statesOf(rule: string): Iterable<[string, object]> {
    return this.#running.find((r) => r.rule.id === rule)?.states ?? []
  }
  gatewayUnhealthySince(gateway: string, at: number): number | null {
    return this.#gateways.unhealthySince(gateway, at)
  }
  /** Has the person been at rest for long enough; null when nobody knows. */
  restsAt(person: string, at: number): boolean | null {
    const since = this.#signals.restSince(person)
    return since === null ? null : at - since >= REST_FOR_MS
  }
  /** What a rule tells beyond its alerts; undefined when it does not run or tells nothing. */
  report(code: string): unknown {
    const running = this.#running.find((r) => r.rule.code === code)
    return running?.prepared.report?.(running.cx)
  }
  get arrived(): number {
    return this.#arrived
  }
  get now(): number {
    return this.#now
  }

  /**
   * Takes one parsed line and lets everything happen that no earlier line can precede any more.
   * @param origin number of the line, for what is refused only when its turn comes.
   * @returns the time the line speaks of; null when it could not be read.
   */
  line(line: unknown, origin = 0): number | null {
    const taken = this.#intake.take(line, origin)
    switch (taken.kind) {
      case 'refused':
        this.counts.quarantined++
        this.#options.onRefused?.(taken.cause, taken.detail, taken.device, origin)
        return null
      case 'context':
        if (this.#seen.add(taken.id, this.#arrived)) {
          this.counts.duplicates++
          return taken.change.time
        }
        this.counts.context++
        this.#arrive(taken.change.time)
        this.#order.push(queuedLine(taken.change.time, CLASS.context, taken.id, taken.change, null))
        break
      case 'act':
        if (this.#seen.add(taken.id, this.#arrived)) {
          this.counts.duplicates++
          return taken.act.time
        }
        this.counts.acts++
        this.#arrive(taken.act.time)
        this.#order.push(queuedLine(taken.act.time, CLASS.act, taken.id, null, taken.act))
        break
      case 'reading':
        if (taken.adopt)
          this.site.adopt({ id: taken.reading.device, ...(taken.reading.zone ? { zone: taken.reading.zone } : {}) })
        this.#takeReading(taken.reading)
        break
    }
    this.#run(this.#arrived - this.#waitMs)
    return taken.kind === 'reading' ? taken.reading.time : taken.kind === 'act' ? taken.act.time : taken.change.time
  }

  #arrive(time: number): void {
    if (time > this.#arrived) this.#arrived = time
  }

  #takeReading(reading: TakenReading): void {
    if (this.#options.trustIds !== true && this.#seen.add(reading.id, this.#arrived)) {
      this.counts.duplicates++
      return
    }
    this.counts.readings++
    this.#arrive(reading.received)
    if (reading.type === 'device.clock' && reading.quality !== 'bad') this.#order.learnClock(reading, () => {})
    const time = this.#order.corrected(reading)
    const lateness = this.#arrived - time
    const late = lateness > this.#latenessMs
    const evaluated = lateness <= this.#stillMattersMs
    if (late) this.#tellLate(reading, time, lateness, evaluated)
    if (!evaluated) {
      if (this.#isUnregistered(reading)) {
        this.#refuseStranger(reading)
        return
      }
      this.counts.recordedOnly++
      return
    }
    if (late) this.counts.late++
    // A late reading takes its place at the moment of its decision, so that incidents and levels see one order.
    const at = late ? this.#arrived : Math.max(time, this.#now)
    this.#order.push(queuedReading(at, reading, time, late))
  }

  #tellLate(
    { device, subject, type, value }: TakenReading,
    time: number,
    latenessMs: number,
    evaluated: boolean,
  ): void {
    const person = subject ?? this.site.subjectOfDevice(device)
    const limitMs = this.#latenessMs
    this.#options.onLate?.({ device, subject: person, type, time, value, latenessMs, limitMs, evaluated })
  }

  /** Time passes without lines (live: the clock; replay: `--until`). */
  advance(to: number): void {
    this.#arrive(to)
    this.#run(this.#arrived - this.#waitMs)
  }

  /** The instant is over: decides incidents and sound, hands out its lines. */
  #endInstant(): void {
    this.book.flush(Math.max(this.#now, this.#downUntil))
    // What sounded may itself be the beginning of something (a flood of alarms): still of this instant.
    if (this.#alertEvents.length > 0) {
      this.#tell()
      this.book.flush(Math.max(this.#now, this.#downUntil))
    }
    const lines = this.#printed
    if (lines.length === 0) return
    this.#printed = []
    if (lines.length > 1)
      lines.sort((a, b) => a.at - b.at || (a.alert.id < b.alert.id ? -1 : a.alert.id > b.alert.id ? 1 : 0))
    for (const line of lines) this.#options.onChange(line)
  }

  /** The eager run prints what it knows now, without waiting for the end of the instant. */
  settle(): void {
    this.#endInstant()
  }

  /** The end of a replay: deadlines up to E fire, later ones do not; then the buffers are drained. */
  finish(end: number): void {
    this.#arrive(end)
    this.#deadlineLimit = end
    this.#run(Number.POSITIVE_INFINITY)
    this.#endInstant()
    if (this.#probe) this.#look()
  }

  #look(): void {
    this.#endInstant()
    const probe = this.#probe
    this.#probe = null
    probe?.look(this)
  }

  /**
   * The edge was down until `at`: deadlines that passed meanwhile fire as delayed, and no source is judged absent for
   * a time in which nobody listened.
   */
  resume(at: number): void {
    if (at <= this.#arrived) return
    // At the very first start there was nothing to listen to, and absence is armed by a first word in any case.
    if (Number.isFinite(this.#arrived)) this.#gateways.pauseAll(this.#arrived, at + 120_000)
    this.#downUntil = at
    this.advance(at)
  }

  #run(limit: number): void {
    for (;;) {
      const item = this.#order.peek()
      const deadline = this.#deadlines.peek()
      const itemAt = item ? item.at : Number.POSITIVE_INFINITY
      const wakeAt = deadline && deadline.at <= this.#deadlineLimit ? deadline.at : Number.POSITIVE_INFINITY
      const wakeFirst =
        wakeAt < itemAt ||
        (wakeAt === itemAt && deadline !== undefined && item !== undefined && deadline.cls < item.cls)
      const at = wakeFirst ? wakeAt : itemAt
      if (this.#probe && Math.min(at, limit) > this.#probe.at) this.#look()
      if (at > limit || at === Number.POSITIVE_INFINITY) {
        // Nothing can come any more for the instant that was being worked on.
        if (this.#now <= limit) this.#endInstant()
        // The end of the instant may have asked for a deadline that is due in this run.
        const next = this.#deadlines.peek()
        if (next && next.at <= limit && next.at <= this.#deadlineLimit) continue
        return
      }
      if (at > this.#now) {
        this.#endInstant()
        const isFirst = this.#now === Number.NEGATIVE_INFINITY
        this.#now = at
        if (isFirst) {
          for (const running of this.#onStart) running.prepared.start?.(running.cx)
          this.#armModes()
          continue
        }
      }
      if (wakeFirst) this.#wake()
      else this.#process(this.#order.pop() as Queued)
      if (this.#alertEvents.length > 0) this.#tell()
    }
  }

  #wake(): void {
    const deadline = this.#deadlines.pop()
    if (!deadline) return
    this.#late = false
    if (deadline.rule === this.#options.rules.length) {
      if (deadline.tag === MODES) this.#contextChanged()
      else this.book.wake(deadline.key, deadline.tag, this.#now)
      return
    }
    const running = this.#byIndex[deadline.rule]
    running?.prepared.wake?.(deadline.key, deadline.tag, running.cx)
  }

  /**
   * Who is registered is told by the context of the moment that a reading speaks of, whichever of the two lines came first:
   * a device that a context line adds is known from then on, one that it deletes is a stranger.
   */
  #isUnregistered(reading: TakenReading): boolean {
    return (
      this.#options.adopt !== true &&
      this.site.device(reading.device) === undefined &&
      reading.device !== ownDevice(this.site)
    )
  }

  /** Deleted while it ran, and not what is speaking now: a stranger that speaks is an observation of its own. */
  #isGone(device: string): boolean {
    return this.#gone.size > 0 && this.#gone.has(device) && this.#speaking !== device
  }

  #refuseStranger(reading: TakenReading): void {
    this.counts.readings--
    this.counts.quarantined++
    const detail = `device "${reading.device}" is not in the site file; add it there or use --adopt`
    this.#options.onRefused?.('unknown-device', detail, reading.device, reading.origin ?? 0)
  }

  #process(item: Queued): void {
    this.#late = item.late
    if (item.reading) {
      let { reading } = item
      if (this.#isUnregistered(reading)) {
        this.#refuseStranger(reading)
        if (item.late) this.counts.late--
        // A stranger on the network is itself an observation (R60).
        const value = { client: reading.device, cause: 'unknown-device' }
        reading = { ...reading, type: 'security.rejected', quality: 'good', zone: null, subject: null, value }
      }
      const input = this.#enrichment.enrich(reading, item.time, item.late, this.#now)
      this.#speaking = reading.device
      this.#dispatch(input)
      this.#speaking = null
      if (input.type === 'door.mode') this.book.modesChanged(this.#now)
      return
    }
    if (item.change) {
      if (item.change.context === 'devices') {
        if (item.change.op === 'delete') this.#gone.add(item.change.id)
        else this.#gone.delete(item.change.id)
      }
      this.site.apply(item.change)
      this.#contextChanged()
      return
    }
    if (item.act) this.book.act(item.act, this.#now)
  }

  #contextChanged(): void {
    this.book.modesChanged(this.#now)
    for (const running of this.#onContext) running.prepared.context?.(running.cx)
    this.#armModes()
  }

  /** A mode that begins or ends by its own times does so without a line; it stands where a context line would. */
  #armModes(): void {
    const at = this.site.nextModeChange(this.#now)
    if (at !== null) this.#deadlines.ask(this.#options.rules.length, '', MODES, at, CLASS.context)
  }

  #dispatch(input: Input): void {
    const running = this.#byType.get(input.type)
    if (running)
      for (let i = 0; i < running.length; i++) (running[i] as Running).prepared.on(input, (running[i] as Running).cx)
    const all = this.#ofAll
    for (let i = 0; i < all.length; i++) (all[i] as Running).prepared.on(input, (all[i] as Running).cx)
  }

  #tell(): void {
    for (let event = this.#alertEvents.shift(); event; event = this.#alertEvents.shift())
      for (const running of this.#byCode.get(event.alert.code) ?? []) running.prepared.alert?.(event, running.cx)
  }

  /** @param byId readings that wait only by their ids: `restore` is then given the readings themselves. */
  snapshot(byId = false): EngineSnapshot {
    const json = JSON.stringify({
      arrived: this.#arrived,
      now: this.#now,
      // What passed in an outage is judged up to the lateness after its end: a second restart may come in between.
      downUntil: this.#downUntil,
      counts: this.counts,
      tallies: [...this.#tallies],
      context: this.site.snapshot(),
      adopted: this.site.adopted(),
      gone: [...this.#gone],
      order: this.#order.snapshot(byId),
      // By the id of the rule: after an update of the catalogue the same number may be another rule.
      deadlines: this.#deadlines.snapshot().map((d) => ({ ...d, rule: this.#options.rules[d.rule]?.id ?? null })),
      signals: this.#signals.snapshot(),
      people: this.#people.snapshot(),
      gateways: this.#gateways.snapshot(),
      book: this.book.snapshot(),
      printed: this.#printed,
      rules: Object.fromEntries(this.#running.map((r) => [r.rule.id, [...r.states]])),
      made: Object.fromEntries(this.#running.map((r) => [r.rule.id, madeOf(r.rule)])),
    })
    return { json, seen: this.#seen.snapshot() }
  }

  /**
   * Continues where a snapshot stood, also with other rules (a hot reload, an update): where only parameters changed the
   * state is kept and its timers are looked at again; where operator, pattern or key changed, and for new rules, it starts
   * empty. Open alerts stay in every case.
   */
  restore(snapshot: EngineSnapshot, readings?: ReadonlyMap<string, TakenReading>): void {
    const s = JSON.parse(snapshot.json)
    this.#arrived = s.arrived ?? Number.NEGATIVE_INFINITY
    this.#now = s.now ?? Number.NEGATIVE_INFINITY
    this.#downUntil = s.downUntil ?? Number.NEGATIVE_INFINITY
    Object.assign(this.counts, s.counts)
    this.#tallies.clear()
    for (const [name, n] of s.tallies) this.#tallies.set(name, n)
    this.site.restore(s.context)
    for (const device of s.adopted) this.site.adopt(device)
    this.#gone.clear()
    for (const device of s.gone ?? []) this.#gone.add(device)
    this.#order.restore(s.order, readings)
    const made = (s.made ?? {}) as Record<string, ReturnType<typeof madeOf>>
    const index = new Map(this.#running.map((r) => [r.rule.id, r.index]))
    const fresh = new Set<string>()
    const tuned = new Set<string>()
    for (const { rule } of this.#running) {
      const [was, is] = [made[rule.id], madeOf(rule)]
      if (was === undefined ? s.rules[rule.id] === undefined : was.shape !== is.shape) fresh.add(rule.id)
      else if (was && was.values !== is.values) tuned.add(rule.id)
    }
    this.#deadlines.restore(
      (s.deadlines as (Omit<Deadline, 'rule'> & { rule: string | null })[]).flatMap((d) => {
        const rule = d.rule === null ? this.#options.rules.length : index.get(d.rule)
        if (rule === undefined || (d.rule !== null && fresh.has(d.rule))) return []
        // Timers are lazy: woken early, a rule compares with its new limits and asks again for the rest.
        return [{ ...d, rule, at: d.rule !== null && tuned.has(d.rule) ? Math.min(d.at, this.#now) : d.at }]
      }),
    )
    this.#signals.restore(s.signals)
    this.#people.restore(s.people)
    this.#gateways.restore(s.gateways)
    this.book.restore(s.book)
    this.#printed = s.printed
    for (const running of this.#running) {
      running.states.clear()
      if (!fresh.has(running.rule.id)) {
        for (const [key, state] of s.rules[running.rule.id] ?? []) running.states.set(key, state)
        if (this.#now > Number.NEGATIVE_INFINITY) running.prepared.restored?.(running.cx)
      } else if (this.#now > Number.NEGATIVE_INFINITY) running.prepared.start?.(running.cx)
    }
    if (snapshot.seen) this.#seen.restore(snapshot.seen)
  }
}

const madeOf = (rule: Rule): { shape: string; values: string } => ({
  shape: rule.shape,
  values: JSON.stringify(rule.values()),
})

const queuedReading = (at: number, reading: TakenReading, time: number, late: boolean): Queued => ({
  at,
  cls: CLASS.reading,
  id: reading.id,
  reading,
  time,
  late,
  change: null,
  act: null,
})
const queuedLine = (at: number, cls: number, id: string, change: Queued['change'], act: Queued['act']): Queued => ({
  at,
  cls,
  id,
  reading: null,
  time: at,
  late: false,
  change,
  act,
})

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}
