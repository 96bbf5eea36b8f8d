/**
 * `replay --why RULE --key KEY [--at T]`: what the rule saw for the key at one moment, predicate by predicate, and what held
 * it back: late readings, dead sensors, inhibition, cool-down, suppression. It looks at the engine that ran and states
 * facts; it never runs a rule itself.
 */

import type { Alert, AlertChange, Bilingual } from '#model/alert/alert.ts'
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { Ability } from './ability/monitor.ts'
import type { Engine, LateReading } from './engine/engine.ts'
import type { Rule } from './engine/rule.ts'
import { type Signal, validMs } from './engine/signals.ts'
import { conditionsOf, limitsOf } from './why-conditions.ts'
import { askedOf } from './why-predicates.ts'
import { speakersOf } from './why-speakers.ts'
import { inWords } from './why-words.ts'

export interface WhyQuestion {
  /** Slug or code. */
  rule: string
  key: string
  /** Null: the end of the run. */
  at: number | null
}

export interface Because {
  predicate: string
  value: unknown
  limit: unknown
  source: string | null
  /** Of the value at the moment, ms. */
  age: number | null
  cause: string | null
  /** The same in words. */
  text: Bilingual
}
type Fact = Omit<Because, 'text'>

export interface WhyAnswer {
  rule: string
  key: string
  at: number | null
  fired: boolean
  because: Because[]
}

type Unworded = Omit<WhyAnswer, 'because'> & { because: Fact[] }

function worded(facts: readonly Fact[], parameters: readonly { name: string; zh: string; en: string }[]): Because[] {
  const named = new Map(parameters.map(({ name, zh, en }) => [name, { zh, en }]))
  return facts.map((f) => ({ ...f, text: inWords(f, named) }))
}

const MAX_NOTED = 200
const MAX_SOURCES = 12

/** Watches one run and answers at its moment. */
export class WhyWatch {
  readonly #question: WhyQuestion
  readonly #rule: Rule | undefined
  readonly #late: LateReading[] = []
  readonly #refused: { device: string | null; detail: string }[] = []
  readonly #changes: AlertChange[] = []
  #answer: Unworded | null = null

  constructor(question: WhyQuestion, rules: readonly Rule[]) {
    this.#question = question
    this.#rule = rules.find((r) => r.id === question.rule || r.code === question.rule)
  }

  get at(): number | null {
    return this.#question.at
  }

  late(reading: LateReading): void {
    if (this.#late.length < MAX_NOTED && this.#rule && looksAt(this.#rule, reading.type)) this.#late.push(reading)
  }
  refused(device: string | null, detail: string): void {
    if (this.#refused.length < MAX_NOTED) this.#refused.push({ device, detail })
  }
  change(change: AlertChange): void {
    if (change.alert.rule === this.#rule?.id && change.alert.key === this.#question.key) this.#changes.push(change)
  }

  /** The run stands at the moment: everything up to it has happened, nothing after it. */
  look(engine: Engine, at: number): void {
    if (this.#rule) this.#answer ??= this.#explain(this.#rule, engine, at)
  }

  /** What came late is known only when the whole file was read. */
  answer(engine: Engine): WhyAnswer {
    const { rule: name, key, at } = this.#question
    if (!this.#rule) {
      const because = [fact('rule', null, null, null, null, 'there is no such rule')]
      return { rule: name, key, at, fired: false, because: worded(because, []) }
    }
    const moment = at ?? engine.now
    const answer = this.#answer ?? this.#explain(this.#rule, engine, moment)
    const speakers = speakersOf(this.#rule, key, engine.site)
    const isOurs = (device: string | null, subject: string | null = null): boolean =>
      device !== null &&
      (speakers.all || speakers.devices.has(device) || (subject !== null && speakers.parts.has(subject)))
    for (const l of this.#late)
      if (l.time <= moment && isOurs(l.device, l.subject))
        answer.because.push(
          fact(
            `${l.type} on time`,
            l.value,
            l.limitMs / 1000,
            l.device,
            moment - l.time,
            l.evaluated
              ? `late reading: came ${seconds(l.latenessMs)} s late, evaluated at its arrival as delayed`
              : `late reading: came ${seconds(l.latenessMs)} s late, recorded only`,
          ),
        )
    for (const r of this.#refused)
      if (isOurs(r.device))
        answer.because.push(fact('legal reading', null, null, r.device, null, `quarantined: ${r.detail}`))
    return {
      ...answer,
      at,
      because: worded(answer.fired ? answer.because : causesFirst(answer.because), this.#rule.file.parameters),
    }
  }

  #explain(rule: Rule, engine: Engine, at: number): Unworded {
    const { key } = this.#question
    const before = this.#changes.filter((c) => c.at <= at)
    const raised = before.some((c) => c.change === 'raised')
    const last = before.at(-1)?.alert
    const isOpen = last !== undefined && last.state !== 'resolved' && last.state !== 'dismissed'
    // Without a moment the question is about the whole run.
    const fired = this.#question.at === null ? raised : raised && isOpen
    const because: Fact[] = []
    if (last) because.push(...this.#alertFacts(rule, last, before, at))
    because.push(...holders(rule, key, engine, at))
    because.push(...conditionFacts(rule, key, engine, at))
    because.push(...patternFacts(rule, key, engine, at))
    because.push(...abilityFacts(rule, key, engine))
    because.push(...stateFacts(rule, key, engine, at))
    if (!fired)
      because.push(...[...rule.file.parameters].map((p) => fact(p.name, null, rule.value(p.name), 'rule', null, null)))
    return { rule: rule.id, key, at, fired, because }
  }

  #alertFacts(rule: Rule, alert: Alert, changes: readonly AlertChange[], at: number): Fact[] {
    const limits = limitsOf(rule)
    const facts = alert.reasons.flatMap((reason) => {
      const params = Object.entries(reason.params)
      if (params.length === 0) return [fact(reason.code, true, null, alert.device, at - alert.eventTime, reason.code)]
      return params.map(([name, value]) =>
        fact(
          `${reason.code}.${name}`,
          value,
          limits.get(name) ?? null,
          alert.device,
          at - alert.eventTime,
          reason.code,
        ),
      )
    })
    const open = alert.state !== 'resolved' && alert.state !== 'dismissed'
    facts.push(
      fact('alert', alert.state, null, alert.id, at - (changes.at(-1)?.at ?? at), open ? 'it is open' : 'it is closed'),
    )
    if (!alert.conditionActive && open)
      facts.push(fact('condition', false, null, alert.id, null, 'the condition has ended'))
    if (alert.state === 'suppressed-by-design' || alert.state === 'out-of-service' || alert.state === 'shelved')
      facts.push(fact('suppression', alert.state, null, alert.id, null, alert.state))
    return facts
  }
}

/** What may stand between a pattern and its alert. */
function holders(rule: Rule, key: string, engine: Engine, at: number): Fact[] {
  const facts: Fact[] = []
  const { site } = engine
  if (!rule.enabled) facts.push(fact('enabled', false, true, 'site file', null, 'the rule is switched off'))
  if (!site.isOfKind(rule.file.scope))
    facts.push(fact('scope', site.kind, rule.file.scope, 'rule', null, 'the rule is not for this kind of facility'))
  const held = engine.book.heldBack(rule, key)
  if (held)
    facts.push(
      fact(
        held.by === 'fire' ? 'inhibition' : 'cool-down',
        held.hit.level,
        held.by === 'fire' ? null : rule.file.coolDownMs / 1000,
        null,
        at - held.since,
        held.by === 'fire' ? 'inhibited: fire' : 'suppressed: cool-down',
      ),
    )
  const closedAt = engine.book.closedAt(rule, key)
  if (!held && closedAt !== null && at - closedAt < rule.file.coolDownMs)
    facts.push(
      fact(
        'cool-down',
        (at - closedAt) / 1000,
        rule.file.coolDownMs / 1000,
        null,
        at - closedAt,
        'suppressed: cool-down',
      ),
    )
  const settled = engine.book.settledAt(rule, key)
  if (settled)
    facts.push(
      fact(
        'settled',
        settled.level,
        null,
        settled.id,
        at - settled.at,
        'suppressed: goes on since a person settled it',
      ),
    )
  const zones = zonesOf(rule, key, engine)
  const persons = key.split('|').filter((part) => site.person(part) !== undefined)
  for (const zone of zones) {
    if (engine.book.inhibitionAt(rule, zone, persons, at) !== null)
      facts.push(fact('inhibition', 'fire', null, zone, null, 'inhibited: fire'))
    if (site.modesAt(zone, at, 'drill').length > 0) facts.push(fact('drill', true, null, zone, null, 'a drill is on'))
  }
  const { devices } = speakersOf(rule, key, site)
  for (const device of devices)
    if (site.isInMaintenance(device, at))
      facts.push(
        fact('maintenance', true, null, device, null, 'the device is in maintenance: its alerts are out of service'),
      )
  if (rule.code === 'R18') facts.push(...permissions(key, engine, at))
  const counts = { ...engine.tallies(), ...engine.book.totals().suppressed }
  for (const [name, n] of Object.entries(counts))
    if (name.startsWith(`${rule.code}:`))
      facts.push(
        fact(name.slice(rule.code.length + 1), n, null, null, null, 'held back, counted for all keys of the rule'),
      )
  return facts
}

/** Why a zone is not forbidden to a person. */
function permissions(key: string, engine: Engine, at: number): Fact[] {
  const [who, zone] = key.split('|')
  const { site } = engine
  const person = site.person(who)
  if (!person || !zone) return [fact('forbidden', null, true, null, null, `there is no person ${who}`)]
  const forbidden = site.isForbidden(person, zone, at)
  const why = forbidden
    ? null
    : (site.zone(zone)?.class ?? 'none') === 'none'
      ? 'a zone of class none is never forbidden'
      : site.isOwnCell(person, zone)
        ? 'it is his own cell or belongs to it'
        : person.allowed?.some((z) => site.within(zone, z))
          ? 'it is among his allowed zones'
          : site.isInSlot(person, zone, at)
            ? 'the timetable has him there now'
            : site.hasPermit(person.id, zone, at)
              ? 'a pass, an escort or a work order is valid'
              : 'he is on the medical list'
  return [fact('forbidden', forbidden, true, zone, null, why)]
}

const zonesOf = (rule: Rule, key: string, engine: Engine): string[] => {
  const { parts, devices } = speakersOf(rule, key, engine.site)
  const zones = new Set<string>()
  for (const part of parts) if (engine.site.zone(part)) zones.add(part)
  if (zones.size === 0)
    for (const device of devices) {
      const zone = engine.site.zoneOfDevice(device)
      if (zone !== null && parts.has(device)) zones.add(zone)
    }
  return [...zones]
}

/** Each input of the rule: what spoke last for the key, whether it still speaks, and each condition over it. */
function conditionFacts(rule: Rule, key: string, engine: Engine, at: number): Fact[] {
  const facts: Fact[] = []
  const speakers = speakersOf(rule, key, engine.site)
  for (const type of rule.file.inputs) {
    if (type === '*') continue
    const found: { device: string; signal: Signal }[] = []
    for (const record of engine.records()) {
      if (!speakers.all && !speakers.devices.has(record.id)) continue
      const signal = record.signals[type]
      if (signal) found.push({ device: record.id, signal })
    }
    found.sort((a, b) => b.signal.time - a.signal.time || (a.device < b.device ? -1 : 1))
    if (found.length === 0) {
      const able = [...speakers.devices].filter((d) =>
        READING_TYPES.get(type)?.producers.includes(engine.site.device(d)?.kind ?? ''),
      )
      const cause = speakers.all || able.length > 0 ? 'no reading of this type came' : 'no such device here'
      facts.push(fact(type, null, null, able[0] ?? null, null, cause))
      continue
    }
    const conditions = conditionsOf(rule, type)
    for (const { device, signal } of found.slice(0, MAX_SOURCES)) {
      const dumb = dumbness(type, device, signal, engine, at)
      facts.push(fact(type, signal.value, null, device, at - signal.time, dumb))
      for (const c of conditions) {
        const { verdict, value } = c.judge(signal.value, device, engine, at)
        const cause = dumb ?? (verdict === null ? 'unknown: not measured' : verdict ? null : 'not true')
        facts.push(fact(c.text, value, c.limit, device, at - signal.time, cause))
      }
    }
  }
  return facts
}

/** Why a reading speaks no more; null when it still does. */
function dumbness(type: string, device: string, signal: Signal, engine: Engine, at: number): string | null {
  const record = engine.record(device)
  if (signal.bad) return 'bad quality'
  if (record?.online === false) return 'dead sensor: the device is offline'
  const via = engine.site.device(device)?.via
  if (via && engine.gatewayUnhealthySince(via, at) !== null) return `dead sensor: its gateway ${via} is not healthy`
  if (signal.value.confidence !== undefined && type.endsWith('.vitals') && (signal.value.confidence as number) < 0.6)
    return 'confidence below 0.6'
  const worn = record?.signals['band.worn']
  if (type.startsWith('band.') && worn?.bad === false && worn.value.worn === false) return 'the band is not worn'
  if (type.endsWith('.position') && (signal.value.accuracy_m as number) > 3) return 'position less accurate than 3 m'
  const valid = validMs(type, signal.value)
  const kind = READING_TYPES.get(type)?.signal.kind
  if (kind === 'sample' && at > signal.time + valid)
    return `dead sensor: silent, the value was valid for ${valid / 1000} s`
  return null
}

/** What a pattern that is code asks of the facility, predicate by predicate. */
function patternFacts(rule: Rule, key: string, engine: Engine, at: number): Fact[] {
  return askedOf(rule, key, engine, at).map((a) =>
    fact(
      a.predicate,
      a.value,
      a.limit ?? null,
      a.source ?? null,
      a.ageMs ?? null,
      a.holds === true ? null : (a.cause ?? (a.holds === null ? 'unknown' : 'not true')),
    ),
  )
}

/** Places of the key at which the rule lacks the devices that it needs. */
function abilityFacts(rule: Rule, key: string, engine: Engine): Fact[] {
  const ability = engine.report('S01') as Ability | undefined
  const zones = new Set(zonesOf(rule, key, engine))
  for (const part of key.split('|')) {
    const cell = engine.site.person(part)?.cell
    if (cell) zones.add(cell)
  }
  return (ability?.unable ?? [])
    .filter((u) => u.code === rule.code && zones.has(u.zone))
    .map((u) =>
      fact(
        'can fire here',
        false,
        u.lacks.map((l) => `${l.kinds.join('/')} ≥${l.atLeast}`),
        u.zone,
        engine.now - u.since,
        `cannot fire here: ${u.lacks
          .map((l) =>
            l.devices.length === 0
              ? `${l.kinds.join('/')} missing`
              : l.devices.map((d) => `${d.id} ${d.cause}`).join(', '),
          )
          .join('; ')}`,
      ),
    )
}

/** What stopped it stands before what only was not there, and both before what is merely so; else as it was asked. */
function causesFirst(facts: readonly Fact[]): Fact[] {
  const rank = ({ cause }: Fact): number =>
    cause === null ? 2 : /^(no reading of this type came|no such device here|cannot fire here)/.test(cause) ? 1 : 0
  return [0, 1, 2].flatMap((n) => facts.filter((f) => rank(f) === n))
}

/** What the operator remembers of the key: running timers, counts, evidence. */
function stateFacts(rule: Rule, key: string, engine: Engine, at: number): Fact[] {
  const facts: Fact[] = []
  for (const [name, state] of engine.statesOf(rule.id)) {
    if (!namesKey(name, key)) continue
    for (const [field, value] of Object.entries(state)) {
      if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) continue
      const isTime = typeof value === 'number' && Math.abs(at - value) < 30 * 86_400_000 && value > 1e11
      facts.push(fact(`state.${field}`, value, null, name, isTime ? at - value : null, null))
    }
  }
  return facts.slice(0, MAX_NOTED)
}

const namesKey = (name: string, key: string): boolean =>
  name === key ||
  name.split('|').some((part) => part === key) ||
  (key.includes('|') && name.includes(key)) ||
  key.split('|')[0] === name

const looksAt = (rule: Rule, type: string): boolean => rule.file.inputs.includes(type) || rule.file.inputs.includes('*')
const seconds = (ms: number): number => Math.round(ms) / 1000

function fact(
  predicate: string,
  value: unknown,
  limit: unknown,
  source: string | null,
  age: number | null,
  cause: string | null,
): Fact {
  return { predicate, value: value ?? null, limit: limit ?? null, source, age, cause }
}
