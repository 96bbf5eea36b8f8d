/**
 * The alert book: at most one open alert per rule and key. It turns hits and clearings of operators into the life of
 * alerts (states by `model/alert/lifecycle.ts`), joins them to incidents, decides what sounds, and prints one line per
 * alert and instant. It never decides whether a pattern is true.
 */
import type { Act } from '#model/alert/acts.ts'
import { type Alert, type AlertChange, type ChangeKind, type Level, levelRank } from '#model/alert/alert.ts'
import {
  type AlertRecord,
  applyAct,
  applyCondition,
  type ConditionEvent,
  newRecord,
  type Step,
} from '#model/alert/lifecycle.ts'
import type { FacilityContext } from '#model/context/facility-context.ts'
import { alertId } from '#model/ids.ts'
import type { AlertEvent, AlertsView, Hit, Mark, WakeClass } from '../engine/operator.ts'
import type { Rule } from '../engine/rule.ts'
import type { Signals } from '../engine/signals.ts'
import { explain } from './explain.ts'
import { HeldBack } from './held-back.ts'
import { Incidents } from './incidents.ts'
import { goesOnAfterFire, inhibition } from './inhibition.ts'

/** `replay --operator ack=20,resolve=120`: seconds after the raise. */
export interface OperatorModel {
  ackMs: number | null
  resolveMs: number | null
}

export interface BookOptions {
  site: FacilityContext
  desks: readonly { id: string; zones: readonly string[] }[]
  signals: Signals
  rules: readonly Rule[]
  operatorModel: OperatorModel | null
  emit: (change: AlertChange) => void
  announce: (event: AlertEvent) => void
  wake: (key: string, tag: string, at: number, cls: WakeClass) => void
}

interface Entry {
  record: AlertRecord
  slug: string
  opening: string
  /** Time of the newest evidence; end of a pulse pattern counts from it. */
  evidenceAt: number
  /** Newest evidence counted, to count each reading once. */
  counted: Mark[]
  lastCountedAt: number
  printedAt: number
  evidencePrinted: number
  untilPerson: boolean
  /** Code of the rule that holds it suppressed by design. */
  suppressedBy: string | null
}

interface Staged {
  id: string
  kind: ChangeKind
  alert: Alert
  by: string | null
  note: string | null
  /** Of a raise, an escalation or a re-activation: these may join incidents and sound. */
  stirs: boolean
  reactivated: boolean
}

interface Closed {
  id: string
  at: number
  /** The level at which a person closed it while its condition went on, until the condition ends; null = it had ended. */
  goesOn: Level | null
  /** The level it had reached; missing in states kept by earlier versions. */
  level?: Level
}

/** What is worse than the alert that was closed waits no longer than this, however long the rule's own cool-down is. */
const LONGEST_WAIT_OF_WORSE_MS = 60_000
/** R58, the alarm flood. */
const FLOOD = 'R58'
const MAX_EVIDENCE = 20
const MAX_SUBJECTS = 20
const EVIDENCE_EVERY_MS = 10_000
/** Alerts closed so recently that comments and cool-downs may still ask for them. */
const MAX_CLOSED = 20_000
/** Alerts counted by level for the summary; an edge that runs for years forgets the oldest. */
const MAX_COUNTED = 1_000_000

export class AlertBook implements AlertsView {
  readonly #o: BookOptions
  readonly #rules = new Map<string, Rule>()
  readonly #slugs = new Map<string, string>()
  readonly #open = new Map<string, Entry>()
  readonly #byCode = new Map<string, Set<Entry>>()
  readonly #byId = new Map<string, Entry>()
  /** Last closed alert by rule and key: cool-down, and the guard against reopening the same id. */
  readonly #closed = new Map<string, Closed>()
  readonly #heldBack = new HeldBack()
  readonly #incidents: Incidents
  #staged: Staged[] = []
  /** Final level per alert, by code: the summary of a replay. */
  readonly #levels = new Map<string, { code: string; level: string }>()
  readonly #sounded = new Map<string, number>()
  #annunciations = 0
  #suppressed: Record<string, number> = {}

  constructor(options: BookOptions) {
    this.#o = options
    for (const rule of options.rules) {
      this.#rules.set(rule.id, rule)
      this.#slugs.set(rule.code, rule.id)
    }
    this.#incidents = new Incidents(options.site)
  }

  // What operators ask.

  open(code: string): readonly Alert[] {
    const set = this.#byCode.get(code)
    return set ? [...set].map((e) => e.record.alert) : []
  }
  find(code: string, key: string): Alert | undefined {
    const slug = this.#slugs.get(code)
    return slug === undefined ? undefined : this.#open.get(`${slug}|${key}`)?.record.alert
  }
  get(id: string): Alert | undefined {
    return this.#byId.get(id)?.record.alert
  }
  record(id: string): AlertRecord | undefined {
    return this.#byId.get(id)?.record
  }
  openAlerts(): Alert[] {
    return [...this.#open.values()].map((e) => e.record.alert)
  }

  // What `why` asks.

  rules(): Rule[] {
    return [...this.#rules.values()]
  }
  heldBack(rule: Rule, key: string): ReturnType<HeldBack['find']> {
    return this.#heldBack.find(`${rule.id}|${key}`)
  }
  closedAt(rule: Rule, key: string): number | null {
    return this.#closed.get(`${rule.id}|${key}`)?.at ?? null
  }
  /** The alert that a person settled while its condition went on, as it still does. */
  settledAt(rule: Rule, key: string): { id: string; at: number; level: Level } | null {
    const closed = this.#closed.get(`${rule.id}|${key}`)
    const { by } = rule.file.clear
    return closed?.goesOn && by === 'operator' ? { id: closed.id, at: closed.at, level: closed.goesOn } : null
  }
  /** What would hold back the least serious alert of the rule there, about these persons. */
  inhibitionAt(rule: Rule, zone: string, persons: readonly string[], at: number): string | null {
    return inhibition(rule, zone, 'blue', persons, at, this.#o.site, this.#o.signals)
  }

  // What operators say.

  /** @param judged where the run stands: after an outage of the edge `now` is the end of that, and later. */
  hit(rule: Rule, hit: Hit, now: number, delayed: boolean, eventTime: number, judged = now): void {
    const name = `${rule.id}|${hit.key}`
    const entry = this.#open.get(name)
    if (entry) this.#again(entry, rule, hit, now, delayed)
    else this.#raise(name, rule, hit, now, delayed, eventTime, judged)
  }

  #raise(name: string, rule: Rule, hit: Hit, now: number, delayed: boolean, eventTime: number, judged: number): void {
    const zone = hit.zone ?? null
    const why = this.#inhibitedBy(rule, hit, now)
    if (why !== null) {
      this.#count(`${rule.code}:inhibited: ${why}`)
      if (goesOnAfterFire(rule)) this.#heldBack.hold(name, rule.id, hit, 'fire', now)
      return
    }
    const closed = this.#closed.get(name)
    if (closed && this.#isSettled(closed, rule, hit)) {
      this.#count(`${rule.code}:suppressed: goes on`)
      return
    }
    // What a cool-down held back must not come through because the edge was down until it was over.
    const coolDownMs = closed ? coolDownOf(rule, closed, hit) : 0
    if (closed && judged - closed.at < coolDownMs) {
      this.#count(`${rule.code}:suppressed: cool-down`)
      // A condition that goes on (no pulse) is a new alert when the cool-down is over.
      if (rule.file.clear.by !== 'quiet') {
        this.#heldBack.hold(name, rule.id, hit, 'cool-down', now)
        this.#o.wake(name, 'cool', closed.at + coolDownMs, 'absence')
      }
      return
    }
    this.#heldBack.release(name)
    let opening = hit.opening
    let id = alertId(rule.id, hit.key, opening)
    if (this.#byId.has(id) || closed?.id === id) {
      // The condition went on over the end of its alert: what is new begins with the newest evidence.
      opening = newest(hit.evidence)?.id ?? `due:${new Date(now).toISOString()}`
      id = alertId(rule.id, hit.key, opening)
      if (this.#byId.has(id) || closed?.id === id) {
        opening = `due:${new Date(now).toISOString()}`
        id = alertId(rule.id, hit.key, opening)
      }
    }
    const subjects = [...new Set(hit.subjects ?? [])].filter((s) => s !== null)
    const device = hit.device ?? null
    const drill = this.#isDrill(rule, zone, now)
    const marks = sortedMarks(hit.evidence)
    const alert: Alert = {
      id,
      rule: rule.id,
      code: rule.code,
      ruleVersion: rule.file.version,
      domain: rule.file.domain,
      level: hit.level,
      facility: this.#o.site.facility,
      zone,
      device,
      subject: subjects[0] ?? null,
      key: hit.key,
      incident: null,
      subjects: [...subjects].sort().slice(0, MAX_SUBJECTS),
      raisedAt: now,
      eventTime,
      delayed,
      drill,
      test: false,
      state: hit.suppressed
        ? 'suppressed-by-design'
        : device !== null && this.#o.site.isInMaintenance(device, now)
          ? 'out-of-service'
          : 'unacknowledged',
      evidence: marks.slice(0, MAX_EVIDENCE).map((m) => m.id),
      reasons: hit.reasons.map(reason),
      explanation: { zh: '', en: '' },
      plan: hit.plan ?? rule.file.plan,
      number: null,
      conditionActive: true,
      activations: 1,
      handling: 'none',
      annunciated: false,
      advice: [...(hit.advice ?? [])],
      result: null,
      cause: null,
      assignee: null,
      confirmed: null,
      ackAt: null,
      clearedAt: null,
      dispatchedAt: null,
      arrivedAt: null,
      resolvedAt: null,
      closedAt: null,
      evidenceCount: marks.length,
      stale: false,
      escalationStep: 0,
    }
    const entry: Entry = {
      record: newRecord(alert, rule.file.shelvable && hit.unshelvable !== true),
      slug: rule.id,
      opening,
      evidenceAt: hit.lastsUntil ?? newest(marks)?.t ?? now,
      counted: marks.slice(-MAX_EVIDENCE),
      lastCountedAt: newest(marks)?.t ?? now,
      printedAt: now,
      evidencePrinted: marks.length,
      untilPerson: hit.untilPerson === true,
      suppressedBy: hit.suppressed ? rule.code : null,
    }
    this.#open.set(name, entry)
    this.#byId.set(id, entry)
    this.#codeSet(rule.code).add(entry)
    this.#stage(entry, 'raised', null, hit.note ?? null, true)
    this.#o.announce({ change: 'raised', alert, at: now })
    this.#armQuiet(name, entry, rule, now)
    this.#armOperator(entry, now)
  }

  /**
   * A person settled this while it went on, and it has not ended since by the rule's own end: a value that hovers about its
   * limit is the same condition, not a new alert. Only yellow and blue, only where a rule knows the end of its condition.
   */
  #isSettled(closed: Closed, rule: Rule, hit: Hit): boolean {
    const { by } = rule.file.clear
    if (!closed.goesOn || by === 'quiet' || by === 'person' || levelRank(hit.level) > levelRank('yellow')) return false
    return levelRank(hit.level) <= levelRank(closed.goesOn)
  }

  #again(entry: Entry, rule: Rule, hit: Hit, now: number, delayed: boolean): void {
    const before = entry.record.alert
    const added = this.#addEvidence(entry, hit.evidence)
    const subjects = mergeSubjects(before.subjects, hit.subjects ?? [])
    const advice = [...before.advice, ...(hit.advice ?? []).filter((a) => !before.advice.includes(a))]
    const subjectsGrew = subjects.length !== before.subjects.length
    const adviceGrew = advice.length !== before.advice.length
    let reasons = before.reasons
    const newReasons = hit.reasons.filter((r) => !reasons.some((old) => old.code === r.code))
    const overridden = newReasons.some((r) => r.code === 'advice-overridden')
    const higher = levelRank(hit.level) > levelRank(before.level)
    // A reason is retold only with a change that is printed: its numbers are those of the decision.
    if (newReasons.length > 0 || higher)
      reasons = [...reasons.filter((old) => !hit.reasons.some((r) => r.code === old.code)), ...hit.reasons.map(reason)]
    entry.record = {
      ...entry.record,
      alert: {
        ...entry.record.alert,
        subjects,
        subject: before.subject ?? hit.subjects?.[0] ?? null,
        advice,
        reasons,
        delayed: before.delayed || (higher && delayed),
        stale: false,
      },
    }
    if (hit.untilPerson) entry.untilPerson = true
    if (hit.lastsUntil !== undefined) entry.evidenceAt = hit.lastsUntil
    if (hit.unshelvable) entry.record = { ...entry.record, shelvable: false }
    if (!before.conditionActive) {
      this.#apply(entry, { event: 'reactivated', at: now }, hit.note ?? null, true, true)
      this.#o.announce({ change: 'reactivated', alert: entry.record.alert, at: now })
      this.#armOperator(entry, now)
    }
    if (higher) {
      this.#apply(entry, { event: 'escalated', at: now, level: hit.level }, hit.note ?? null, true, false)
      // A flood holds back blue and yellow only, and nothing hides red.
      if (
        entry.record.alert.state === 'suppressed-by-design' &&
        (hit.level === 'red' || (entry.suppressedBy === FLOOD && hit.level === 'orange'))
      )
        this.#apply(entry, { event: 'unsuppressed', at: now }, null, true, false)
      this.#o.announce({ change: 'escalated', alert: entry.record.alert, at: now })
      this.#armOperator(entry, now)
    } else if (before.conditionActive && (subjectsGrew || adviceGrew || overridden || hit.note)) {
      this.#stage(entry, 'updated', null, hit.note ?? null, false)
      this.#o.announce({ change: 'updated', alert: entry.record.alert, at: now })
    } else if (before.conditionActive && added) {
      const due = entry.printedAt + EVIDENCE_EVERY_MS
      if (now >= due) this.#stage(entry, 'updated', null, null, false)
      else this.#o.wake(entry.record.alert.id, 'evidence', due, 'absence')
    }
    this.#armQuiet(`${entry.slug}|${before.key}`, entry, rule, now)
  }

  #addEvidence(entry: Entry, evidence: Mark[]): boolean {
    let { evidence: ids, evidenceCount } = entry.record.alert
    let added = false
    for (const m of sortedMarks(evidence)) {
      if (entry.counted.some((c) => c.id === m.id)) continue
      evidenceCount++
      entry.counted.push(m)
      if (entry.counted.length > 2 * MAX_EVIDENCE) entry.counted.shift()
      if (m.t > entry.evidenceAt) entry.evidenceAt = m.t
      if (ids.length < MAX_EVIDENCE) ids = [...ids, m.id]
      added = true
    }
    if (added) entry.record = { ...entry.record, alert: { ...entry.record.alert, evidence: ids, evidenceCount } }
    return added
  }

  clear(rule: Rule, key: string, now: number): void {
    const name = `${rule.id}|${key}`
    this.#heldBack.release(name)
    const closed = this.#closed.get(name)
    if (closed?.goesOn) this.#closed.set(name, { ...closed, goesOn: null })
    const entry = this.#open.get(name)
    if (!entry || entry.untilPerson || rule.file.clear.by === 'person' || !entry.record.alert.conditionActive) return
    this.#clear(entry, now)
  }

  #clear(entry: Entry, now: number): void {
    this.#apply(entry, { event: 'cleared', at: now }, null, false, false)
    this.#o.announce({ change: 'cleared', alert: entry.record.alert, at: now })
    this.#closeIfDone(entry, now)
  }

  stale(rule: Rule, key: string, stale: boolean): void {
    const entry = this.#open.get(`${rule.id}|${key}`)
    if (entry && entry.record.alert.stale !== stale)
      entry.record = { ...entry.record, alert: { ...entry.record.alert, stale } }
  }

  suppress(code: string, key: string, suppressed: boolean, by: string, now: number): void {
    const entry = this.#open.get(`${this.#slug(code)}|${key}`)
    if (!entry) return
    entry.suppressedBy = suppressed ? by : null
    const { alert } = entry.record
    if (suppressed && (alert.state === 'unacknowledged' || alert.state === 'returned-unacknowledged')) {
      entry.record = { ...entry.record, alert: { ...alert, state: 'suppressed-by-design' } }
      this.#stage(entry, 'updated', null, 'suppressed-by-design', false)
    } else if (!suppressed) this.#apply(entry, { event: 'unsuppressed', at: now }, null, false, false)
  }

  // Time.

  #armQuiet(name: string, entry: Entry, rule: Rule, now: number): void {
    const { clear } = rule.file
    if (clear.by !== 'quiet' || entry.untilPerson) return
    this.#o.wake(name, 'quiet', Math.max(now, entry.evidenceAt + clear.quietMs), 'sustained')
  }

  #armOperator(entry: Entry, now: number): void {
    const model = this.#o.operatorModel
    if (!model) return
    const id = entry.record.alert.id
    if (model.ackMs !== null) this.#o.wake(id, 'ack', now + model.ackMs, 'sustained')
    if (model.resolveMs !== null) this.#o.wake(id, 'resolve', now + model.resolveMs, 'sustained')
  }

  wake(key: string, tag: string, now: number): void {
    if (tag === 'quiet') {
      const entry = this.#open.get(key)
      const rule = entry && this.#rules.get(entry.slug)
      if (!entry || !rule || rule.file.clear.by !== 'quiet' || entry.untilPerson || !entry.record.alert.conditionActive)
        return
      const due = entry.evidenceAt + rule.file.clear.quietMs
      if (due > now) this.#o.wake(key, 'quiet', due, 'sustained')
      else this.#clear(entry, now)
      return
    }
    if (tag === 'cool') {
      if (this.#heldBack.find(key)?.by === 'cool-down') this.#raiseHeld(key, now)
      return
    }
    const entry = this.#byId.get(key)
    if (!entry) return
    const { alert } = entry.record
    if (tag === 'evidence') {
      if (isOpen(alert) && alert.evidenceCount > entry.evidencePrinted && alert.conditionActive) {
        const due = entry.printedAt + EVIDENCE_EVERY_MS
        if (due > now) this.#o.wake(key, 'evidence', due, 'absence')
        else this.#stage(entry, 'updated', null, null, false)
      }
    } else if (tag === 'ack') this.#modelled({ act: 'acknowledge', alert: key, time: now, by: 'operator' }, now)
    else if (tag === 'resolve')
      this.#modelled({ act: 'resolve', alert: key, time: now, by: 'operator', result: 'confirmed' }, now)
    else if (tag === 'shelf' && entry.record.shelf) {
      if (entry.record.shelf.until > now) this.#o.wake(key, 'shelf', entry.record.shelf.until, 'sustained')
      else this.#apply(entry, { event: 'shelf-expired', at: now }, null, false, false)
    }
  }

  #modelled(act: Act, now: number): void {
    const entry = this.#byId.get(act.alert as string)
    if (entry && isOpen(entry.record.alert)) this.act(act, now)
  }

  /** Modes began or ended (a context change, a `from` or `to` that passed, the mode of a door). */
  modesChanged(now: number): void {
    for (const entry of this.#open.values()) {
      const { alert } = entry.record
      if (alert.device === null) continue
      const inMaintenance = this.#o.site.isInMaintenance(alert.device, now)
      if (inMaintenance && (alert.state === 'unacknowledged' || alert.state === 'returned-unacknowledged')) {
        entry.record = { ...entry.record, alert: { ...alert, state: 'out-of-service' } }
        this.#stage(entry, 'updated', null, 'out-of-service', false)
      } else if (!inMaintenance && alert.state === 'out-of-service')
        this.#apply(entry, { event: 'unsuppressed', at: now }, null, false, false)
    }
    for (const name of this.#heldBack.heldBy('fire')) this.#raiseHeld(name, now)
  }

  /** A condition that went on while something held it back becomes an alert now, unless it is still held. */
  #raiseHeld(name: string, now: number): void {
    const held = this.#heldBack.release(name)
    const rule = held && this.#rules.get(held.slug)
    if (!held || !rule || this.#open.has(name)) return
    if (held.by === 'fire' && this.#inhibitedBy(rule, held.hit, now) !== null)
      this.#heldBack.hold(name, held.slug, held.hit, 'fire', held.since)
    else this.#raise(name, rule, held.hit, now, false, now, now)
  }

  #inhibitedBy(rule: Rule, hit: Hit, now: number): string | null {
    return inhibition(rule, hit.zone ?? null, hit.level, hit.subjects ?? [], now, this.#o.site, this.#o.signals)
  }

  // People.

  /** Applies an act; an act that the state does not allow changes nothing and is counted. */
  act(act: Act, now: number): boolean {
    this.flush(now)
    const entry = act.alert ? this.#byId.get(act.alert) : this.#open.get(`${this.#slug(act.rule as string)}|${act.key}`)
    if (!entry) {
      this.#count('act:not-found')
      return false
    }
    const result = applyAct(entry.record, { ...act, alert: entry.record.alert.id })
    if (!result.ok) {
      this.#count(`act:${result.status}`)
      return false
    }
    entry.record = result.record
    for (const step of result.steps) this.#print(step, now)
    if (act.act === 'acknowledge') this.#o.announce({ change: 'acknowledged', alert: entry.record.alert, at: now })
    if (act.act === 'shelve') {
      this.#o.wake(entry.record.alert.id, 'shelf', (entry.record.shelf?.until ?? now) as number, 'sustained')
      this.#o.announce({ change: 'shelved', alert: entry.record.alert, at: now })
    }
    this.#closeIfDone(entry, now)
    return true
  }

  #slug(ruleOrCode: string): string {
    return this.#slugs.get(ruleOrCode) ?? ruleOrCode
  }

  // Printing.

  #apply(entry: Entry, event: ConditionEvent, note: string | null, stirs: boolean, reactivated: boolean): void {
    const { record, steps } = applyCondition(entry.record, event)
    entry.record = record
    for (const step of steps) this.#stageStep(entry, step, note, stirs, reactivated)
  }

  #stageStep(entry: Entry, step: Step, note: string | null, stirs: boolean, reactivated: boolean): void {
    const last = this.#staged.findLast((s) => s.id === step.alert.id)
    const rising: ChangeKind[] = ['raised', 'escalated', 'updated']
    // At one instant an alert prints one line, with the highest level that holds.
    if (last && rising.includes(last.kind) && (step.change === 'escalated' || step.change === 'updated')) {
      last.kind = last.kind === 'raised' ? 'raised' : last.kind === 'escalated' ? 'escalated' : step.change
      last.alert = step.alert
      last.note = last.note ?? step.note ?? note
      last.stirs = last.stirs || stirs
      last.reactivated = last.reactivated || reactivated
      return
    }
    this.#staged.push({
      id: step.alert.id,
      kind: step.change,
      alert: step.alert,
      by: step.by,
      note: step.note ?? note,
      stirs,
      reactivated,
    })
    void entry
  }

  #stage(entry: Entry, kind: ChangeKind, by: string | null, note: string | null, stirs: boolean): void {
    this.#stageStep(entry, { change: kind, alert: entry.record.alert, by, note }, note, stirs, false)
  }

  /** The instant is over: joins incidents in order of alert id, decides what sounds, prints. */
  flush(at: number): void {
    if (this.#staged.length === 0) return
    const staged = this.#staged
    this.#staged = []
    const order = staged
      .map((s, i) => ({ s, i }))
      .sort((a, b) => (a.s.id < b.s.id ? -1 : a.s.id > b.s.id ? 1 : a.i - b.i))
    for (const { s } of order) {
      const entry = this.#byId.get(s.id)
      if (!entry) continue
      // What the flush decided for an earlier line of this instant holds for the later ones.
      let alert: Alert = { ...s.alert, incident: entry.record.alert.incident }
      let sounds = false
      if (s.stirs && this.#rules.get(entry.slug)?.file.incident !== false) {
        const verdict = this.#incidents.stir(
          alert,
          s.kind === 'raised' ? 'raise' : s.reactivated ? 'reactivate' : 'escalate',
          at,
        )
        alert = { ...alert, incident: verdict.incident }
        sounds = verdict.sounds
      }
      entry.record = { ...entry.record, alert: { ...entry.record.alert, incident: alert.incident } }
      alert = { ...alert, annunciated: sounds }
      if (sounds) this.#sound(alert, at)
      entry.printedAt = at
      entry.evidencePrinted = alert.evidenceCount
      this.#print({ change: s.kind, alert, by: s.by, note: s.note }, at)
    }
  }

  #sound(alert: Alert, at: number): void {
    this.#annunciations++
    const desks = this.#o.desks.length > 0 ? this.#o.desks : [{ id: 'console-1', zones: ['*'] }]
    const heard = desks.filter(
      (desk) => desk.zones.includes('*') || desk.zones.some((z) => this.#o.site.within(alert.zone, z)),
    )
    for (const desk of heard) this.#sounded.set(desk.id, (this.#sounded.get(desk.id) ?? 0) + 1)
    this.#o.announce({ change: 'annunciated', alert, at, desks: heard.map((desk) => desk.id) })
  }

  #print(step: Step, at: number): void {
    const entry = this.#byId.get(step.alert.id)
    const rule = entry && this.#rules.get(entry.slug)
    const explanation = rule ? explain(rule.file, step.alert, this.#o.site) : step.alert.explanation
    const alert = { ...step.alert, explanation }
    if (entry) entry.record = { ...entry.record, alert: { ...entry.record.alert, explanation } }
    this.#levels.set(alert.id, { code: alert.code, level: alert.level })
    if (this.#levels.size > MAX_COUNTED) this.#levels.delete(this.#levels.keys().next().value as string)
    this.#incidents.note(alert)
    this.#o.emit({ at, change: step.change, alert, by: step.by, note: step.note })
  }

  #closeIfDone(entry: Entry, now: number): void {
    const { alert } = entry.record
    if (isOpen(alert)) return
    // The closing line may still wait for the end of the instant; the entry stays reachable by id.
    const name = `${entry.slug}|${alert.key}`
    if (this.#open.get(name) !== entry) return
    this.#open.delete(name)
    this.#codeSet(alert.code).delete(entry)
    this.#closed.delete(name)
    this.#closed.set(name, {
      id: alert.id,
      at: now,
      goesOn: alert.conditionActive ? alert.level : null,
      level: alert.level,
    })
    if (this.#closed.size > MAX_CLOSED) {
      const oldest = this.#closed.keys().next().value as string
      const id = this.#closed.get(oldest)?.id
      this.#closed.delete(oldest)
      if (id && !isOpen(this.#byId.get(id)?.record.alert)) this.#byId.delete(id)
    }
    this.#o.announce({ change: 'closed', alert, at: now })
  }

  #isDrill(rule: Rule, zone: string | null, at: number): boolean {
    if (rule.code === 'R14' || rule.code === 'R38' || rule.code === 'R39') return false
    return this.#o.site
      .modesAt(zone, at, 'drill')
      .some((mode) => !mode.rules?.length || mode.rules.includes(rule.id) || mode.rules.includes(rule.code))
  }

  #codeSet(code: string): Set<Entry> {
    let set = this.#byCode.get(code)
    if (!set) {
      set = new Set()
      this.#byCode.set(code, set)
    }
    return set
  }

  #count(name: string): void {
    this.#suppressed[name] = (this.#suppressed[name] ?? 0) + 1
  }

  /** Counts for the summary of a replay. */
  totals(): {
    alerts: Record<string, Record<string, number>>
    incidents: number
    annunciations: number
    sounded: Record<string, number>
    suppressed: Record<string, number>
  } {
    const alerts: Record<string, Record<string, number>> = {}
    for (const { code, level } of [...this.#levels.values()].sort((a, b) =>
      a.code < b.code ? -1 : a.code > b.code ? 1 : 0,
    )) {
      const counts = alerts[code] ?? {}
      alerts[code] = counts
      counts[level] = (counts[level] ?? 0) + 1
    }
    const desks = this.#o.desks.length > 0 ? this.#o.desks : [{ id: 'console-1', zones: ['*'] }]
    return {
      alerts,
      incidents: this.#incidents.opened,
      annunciations: this.#annunciations,
      sounded: Object.fromEntries(desks.map((d) => [d.id, this.#sounded.get(d.id) ?? 0])),
      suppressed: { ...this.#suppressed },
    }
  }

  snapshot(): unknown {
    return {
      entries: [...this.#byId.values()],
      open: [...this.#open].map(([name, entry]) => [name, entry.record.alert.id]),
      closed: [...this.#closed],
      heldBack: this.#heldBack.snapshot(),
      incidents: this.#incidents.snapshot(),
      staged: this.#staged,
      levels: [...this.#levels],
      sounded: [...this.#sounded],
      annunciations: this.#annunciations,
      suppressed: this.#suppressed,
    }
  }

  restore(snapshot: unknown): void {
    const s = snapshot as {
      entries: Entry[]
      open: [string, string][]
      closed: [string, Closed][]
      heldBack: ReturnType<HeldBack['snapshot']>
      incidents: ReturnType<Incidents['snapshot']>
      staged: Staged[]
      levels: [string, { code: string; level: string }][]
      sounded: [string, number][]
      annunciations: number
      suppressed: Record<string, number>
    }
    this.#open.clear()
    this.#byCode.clear()
    this.#byId.clear()
    this.#closed.clear()
    this.#levels.clear()
    this.#sounded.clear()
    for (const entry of s.entries) this.#byId.set(entry.record.alert.id, entry)
    for (const [name, id] of s.open) {
      const entry = this.#byId.get(id) as Entry
      this.#open.set(name, entry)
      this.#codeSet(entry.record.alert.code).add(entry)
    }
    for (const [name, closed] of s.closed) this.#closed.set(name, closed)
    this.#heldBack.restore(s.heldBack ?? [])
    this.#incidents.restore(s.incidents)
    this.#staged = s.staged
    for (const [id, level] of s.levels) this.#levels.set(id, level)
    for (const [desk, n] of s.sounded) this.#sounded.set(desk, n)
    this.#annunciations = s.annunciations
    this.#suppressed = s.suppressed
  }
}

const isOpen = (alert: Alert | undefined): boolean =>
  alert !== undefined && alert.state !== 'resolved' && alert.state !== 'dismissed'

/** How long after the closed one nothing new is raised: what is worse than it was waits a minute at most. */
function coolDownOf(rule: Rule, closed: Closed, hit: Hit): number {
  const isWorse = closed.level !== undefined && levelRank(hit.level) > levelRank(closed.level)
  return isWorse ? Math.min(rule.file.coolDownMs, LONGEST_WAIT_OF_WORSE_MS) : rule.file.coolDownMs
}

const sortedMarks = (marks: readonly Mark[]): Mark[] => {
  const seen = new Set<string>()
  // Copies: an operator may go on writing into the marks of its state.
  return marks
    .map(({ id, t }) => ({ id, t }))
    .sort((a, b) => a.t - b.t || (a.id < b.id ? -1 : 1))
    .filter((m) => !seen.has(m.id) && seen.add(m.id) !== undefined)
}

function newest(marks: readonly Mark[]): Mark | undefined {
  let best: Mark | undefined
  for (const m of marks) if (!best || m.t > best.t || (m.t === best.t && m.id > best.id)) best = m
  return best
}

function mergeSubjects(known: string[], more: readonly string[]): string[] {
  const fresh = more.filter((s) => !known.includes(s))
  return fresh.length === 0 ? known : [...new Set([...known, ...fresh])].sort().slice(0, MAX_SUBJECTS)
}

function reason(r: Hit['reasons'][number]): Alert['reasons'][number] {
  return { code: r.code, params: { ...r.params }, class: r.class ?? 'L2' }
}
