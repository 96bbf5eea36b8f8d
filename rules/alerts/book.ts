/**
 * The alert book: at most one open alert per rule and key. It turns hits and clearings of operators into the life of
 * alerts (states by `model/alert/lifecycle.ts`), joins them to incidents, decides what sounds, and prints one line per
 * alert and instant. It never decides whether a pattern is true.
 */
import type { Act } from '#model/alert/acts.ts'
import { type Alert, type AlertChange, type Level, levelRank } from '#model/alert/alert.ts'
import { type AlertRecord, applyAct, applyCondition, type ConditionEvent, type Step } from '#model/alert/lifecycle.ts'
import type { FacilityContext } from '#model/context/facility-context.ts'
import type { AlertEvent, AlertsView, Hit, Mark, WakeClass } from '../engine/operator.ts'
import type { Rule } from '../engine/rule.ts'
import type { Signals } from '../engine/signals.ts'
import { Entries, type EntriesSnapshot, type Entry, isOpen } from './entries.ts'
import { explain } from './explain.ts'
import { HeldBack } from './held-back.ts'
import { Incidents } from './incidents.ts'
import { goesOnAfterFire, inhibition } from './inhibition.ts'
import { sortedMarks } from './marks.ts'
import { coolDownOf, identity, isSettled, MAX_EVIDENCE, MAX_SUBJECTS, newEntry, planOf, reasonOf } from './raising.ts'
import { Stage, type Staged } from './stage.ts'
import { type Desk, Tally, type TallySnapshot, type Totals } from './tally.ts'

/** `replay --operator ack=20,resolve=120`: seconds after the raise. */
export interface OperatorModel {
  ackMs: number | null
  resolveMs: number | null
}

export interface BookOptions {
  site: FacilityContext
  desks: readonly Desk[]
  signals: Signals
  rules: readonly Rule[]
  operatorModel: OperatorModel | null
  emit: (change: AlertChange) => void
  announce: (event: AlertEvent) => void
  wake: (key: string, tag: string, at: number, cls: WakeClass) => void
}

/** R58, the alarm flood. */
const FLOOD = 'R58'
const EVIDENCE_EVERY_MS = 10_000
export class AlertBook implements AlertsView {
  readonly #o: BookOptions
  readonly #rules = new Map<string, Rule>()
  readonly #slugs = new Map<string, string>()
  readonly #entries = new Entries()
  readonly #heldBack = new HeldBack()
  readonly #incidents: Incidents
  readonly #stage = new Stage()
  readonly #tally: Tally

  constructor(options: BookOptions) {
    this.#o = options
    for (const rule of options.rules) {
      this.#rules.set(rule.id, rule)
      this.#slugs.set(rule.code, rule.id)
    }
    this.#incidents = new Incidents(options.site)
    this.#tally = new Tally(options.desks, options.site)
  }

  // What operators ask.

  open(code: string): readonly Alert[] {
    return this.#entries.ofCode(code)
  }
  find(code: string, key: string): Alert | undefined {
    const slug = this.#slugs.get(code)
    return slug === undefined ? undefined : this.#entries.find(`${slug}|${key}`)?.record.alert
  }
  get(id: string): Alert | undefined {
    return this.#entries.get(id)?.record.alert
  }
  record(id: string): AlertRecord | undefined {
    return this.#entries.get(id)?.record
  }
  openAlerts(): Alert[] {
    return [...this.#entries.open()].map((e) => e.record.alert)
  }

  // What `why` asks.

  rules(): Rule[] {
    return [...this.#rules.values()]
  }
  heldBack(rule: Rule, key: string): ReturnType<HeldBack['find']> {
    return this.#heldBack.find(`${rule.id}|${key}`)
  }
  closedAt(rule: Rule, key: string): number | null {
    return this.#entries.closed(`${rule.id}|${key}`)?.at ?? null
  }
  /** The alert that a person settled while its condition went on, as it still does. */
  settledAt(rule: Rule, key: string): { id: string; at: number; level: Level } | null {
    const closed = this.#entries.closed(`${rule.id}|${key}`)
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
    const entry = this.#entries.find(name)
    // An open alert whose condition had ended is held back by a fire like a new one; one that goes on was there before it.
    if (entry && (entry.record.alert.conditionActive || !this.#isHeldByFire(name, rule, hit, now)))
      this.#again(entry, rule, hit, now, delayed)
    else if (!entry) this.#raise(name, rule, hit, now, delayed, eventTime, judged)
  }

  /** Counts what is held, and keeps it where it outlives the fire. */
  #isHeldByFire(name: string, rule: Rule, hit: Hit, now: number): boolean {
    const why = this.#inhibitedBy(rule, hit, now)
    if (why === null) return false
    this.#tally.count(`${rule.code}:inhibited: ${why}`)
    if (goesOnAfterFire(rule)) this.#heldBack.hold(name, rule.id, hit, 'fire', now)
    return true
  }

  #raise(name: string, rule: Rule, hit: Hit, now: number, delayed: boolean, eventTime: number, judged: number): void {
    if (this.#isHeldByFire(name, rule, hit, now)) return
    const closed = this.#entries.closed(name)
    if (closed && isSettled(closed, rule, hit.level)) {
      this.#tally.count(`${rule.code}:suppressed: goes on`)
      return
    }
    // What a cool-down held back must not come through because the edge was down until it was over.
    const coolDownMs = closed ? coolDownOf(rule, closed, hit) : 0
    if (closed && judged - closed.at < coolDownMs) {
      this.#tally.count(`${rule.code}:suppressed: cool-down`)
      // A condition that goes on (no pulse) is a new alert when the cool-down is over.
      if (rule.file.clear.by !== 'quiet') {
        this.#heldBack.hold(name, rule.id, hit, 'cool-down', now)
        this.#o.wake(name, 'cool', closed.at + coolDownMs, 'absence')
      }
      return
    }
    this.#heldBack.release(name)
    const beginning = identity(rule, hit, now, (id) => this.#entries.get(id) !== undefined || closed?.id === id)
    const entry = newEntry(rule, hit, { ...beginning, now, eventTime, delayed }, this.#o.site)
    this.#entries.add(name, entry)
    this.#stage.add(
      { change: 'raised', alert: entry.record.alert, by: null, note: hit.note ?? null },
      hit.note ?? null,
      true,
      false,
    )
    this.#o.announce({ change: 'raised', alert: entry.record.alert, at: now })
    this.#armQuiet(name, entry, rule, now)
    this.#armOperator(entry, now)
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
      reasons = [
        ...reasons.filter((old) => !hit.reasons.some((r) => r.code === old.code)),
        ...hit.reasons.map(reasonOf),
      ]
    entry.record = {
      ...entry.record,
      alert: {
        ...entry.record.alert,
        subjects,
        subject: before.subject ?? hit.subjects?.[0] ?? null,
        advice,
        reasons,
        plan: higher ? planOf(rule, hit.level) : before.plan,
        delayed: before.delayed || (higher && delayed),
        stale: false,
      },
    }
    if (hit.untilPerson) entry.untilPerson = true
    if (hit.lastsUntil !== undefined) entry.evidenceAt = hit.lastsUntil
    if (hit.unshelvable) entry.record = { ...entry.record, shelvable: false }
    if (!before.conditionActive && !hit.risesOnly) {
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
      this.#update(entry, hit.note ?? null)
      this.#o.announce({ change: 'updated', alert: entry.record.alert, at: now })
    } else if (before.conditionActive && added) {
      const due = entry.printedAt + EVIDENCE_EVERY_MS
      if (now >= due) this.#update(entry, null)
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
    this.#entries.settle(name)
    const entry = this.#entries.find(name)
    // A rule that ends after a quiet time, or by a person, says so: the pattern has no say in it.
    if (!entry || entry.untilPerson || rule.file.clear.by !== 'operator' || !entry.record.alert.conditionActive) return
    this.#clear(entry, now)
  }

  #clear(entry: Entry, now: number): void {
    this.#apply(entry, { event: 'cleared', at: now }, null, false, false)
    this.#o.announce({ change: 'cleared', alert: entry.record.alert, at: now })
    this.#closeIfDone(entry, now)
  }

  stale(rule: Rule, key: string, stale: boolean): void {
    const entry = this.#entries.find(`${rule.id}|${key}`)
    if (entry && entry.record.alert.stale !== stale)
      entry.record = { ...entry.record, alert: { ...entry.record.alert, stale } }
  }

  suppress(code: string, key: string, suppressed: boolean, by: string, now: number): void {
    const entry = this.#entries.find(`${this.#slug(code)}|${key}`)
    if (!entry) return
    entry.suppressedBy = suppressed ? by : null
    const { alert } = entry.record
    if (suppressed && (alert.state === 'unacknowledged' || alert.state === 'returned-unacknowledged')) {
      entry.record = { ...entry.record, alert: { ...alert, state: 'suppressed-by-design' } }
      this.#update(entry, 'suppressed-by-design')
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
      const entry = this.#entries.find(key)
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
    const entry = this.#entries.get(key)
    if (!entry) return
    const { alert } = entry.record
    if (tag === 'evidence') {
      if (isOpen(alert) && alert.evidenceCount > entry.evidencePrinted && alert.conditionActive) {
        const due = entry.printedAt + EVIDENCE_EVERY_MS
        if (due > now) this.#o.wake(key, 'evidence', due, 'absence')
        else this.#update(entry, null)
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
    const entry = this.#entries.get(act.alert as string)
    if (entry && isOpen(entry.record.alert)) this.act(act, now)
  }

  /** Modes began or ended (a context change, a `from` or `to` that passed, the mode of a door). */
  modesChanged(now: number): void {
    for (const entry of this.#entries.open()) {
      const { alert } = entry.record
      if (alert.device === null) continue
      const inMaintenance = this.#o.site.isInMaintenance(alert.device, now)
      if (inMaintenance && (alert.state === 'unacknowledged' || alert.state === 'returned-unacknowledged')) {
        entry.record = { ...entry.record, alert: { ...alert, state: 'out-of-service' } }
        this.#update(entry, 'out-of-service')
      } else if (!inMaintenance && alert.state === 'out-of-service')
        this.#apply(entry, { event: 'unsuppressed', at: now }, null, false, false)
    }
    for (const name of this.#heldBack.heldBy('fire')) this.#raiseHeld(name, now)
  }

  /** A condition that went on while something held it back becomes an alert now, unless it is still held. */
  #raiseHeld(name: string, now: number): void {
    const held = this.#heldBack.release(name)
    const rule = held && this.#rules.get(held.slug)
    if (!held || !rule) return
    const entry = this.#entries.find(name)
    if (entry && held.by !== 'fire') return
    if (held.by === 'fire' && this.#inhibitedBy(rule, held.hit, now) !== null)
      this.#heldBack.hold(name, held.slug, held.hit, 'fire', held.since)
    else if (entry) this.#again(entry, rule, held.hit, now, false)
    else this.#raise(name, rule, held.hit, now, false, now, now)
  }

  #inhibitedBy(rule: Rule, hit: Hit, now: number): string | null {
    return inhibition(rule, hit.zone ?? null, hit.level, hit.subjects ?? [], now, this.#o.site, this.#o.signals)
  }

  // People.

  /** Applies an act; an act that the state does not allow changes nothing and is counted. */
  act(act: Act, now: number): boolean {
    this.flush(now)
    const entry = act.alert
      ? this.#entries.get(act.alert)
      : this.#entries.find(`${this.#slug(act.rule as string)}|${act.key}`)
    if (!entry) {
      this.#tally.count('act:not-found')
      return false
    }
    const result = applyAct(entry.record, { ...act, alert: entry.record.alert.id })
    if (!result.ok) {
      this.#tally.count(`act:${result.status}`)
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
    for (const step of steps) this.#stage.add(step, note, stirs, reactivated)
  }

  #update(entry: Entry, note: string | null): void {
    this.#stage.add({ change: 'updated', alert: entry.record.alert, by: null, note }, note, false, false)
  }

  /** The instant is over: joins incidents in order of alert id, decides what sounds, prints. */
  flush(at: number): void {
    if (this.#stage.isEmpty) return
    for (const s of this.#stage.take()) {
      const entry = this.#entries.get(s.id)
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
    this.#o.announce({ change: 'annunciated', alert, at, desks: this.#tally.sound(alert) })
  }

  #print(step: Step, at: number): void {
    const entry = this.#entries.get(step.alert.id)
    const rule = entry && this.#rules.get(entry.slug)
    const explanation = rule ? explain(rule.file, step.alert, this.#o.site) : step.alert.explanation
    const alert = { ...step.alert, explanation }
    if (entry) entry.record = { ...entry.record, alert: { ...entry.record.alert, explanation } }
    this.#tally.note(alert)
    this.#incidents.note(alert)
    this.#o.emit({ at, change: step.change, alert, by: step.by, note: step.note })
  }

  #closeIfDone(entry: Entry, now: number): void {
    const { alert } = entry.record
    if (isOpen(alert)) return
    // The closing line may still wait for the end of the instant; the entry stays reachable by id.
    if (!this.#entries.close(`${entry.slug}|${alert.key}`, entry, now)) return
    this.#o.announce({ change: 'closed', alert, at: now })
  }

  /** Counts for the summary of a replay. */
  totals(): Totals {
    return this.#tally.totals(this.#incidents.opened)
  }

  snapshot(): unknown {
    return {
      ...this.#entries.snapshot(),
      heldBack: this.#heldBack.snapshot(),
      incidents: this.#incidents.snapshot(),
      staged: this.#stage.snapshot(),
      ...this.#tally.snapshot(),
    }
  }

  restore(snapshot: unknown): void {
    const s = snapshot as EntriesSnapshot &
      TallySnapshot & {
        heldBack: ReturnType<HeldBack['snapshot']>
        incidents: ReturnType<Incidents['snapshot']>
        staged: Staged[]
      }
    this.#entries.restore(s)
    this.#heldBack.restore(s.heldBack ?? [])
    this.#incidents.restore(s.incidents)
    this.#stage.restore(s.staged)
    this.#tally.restore(s)
  }
}

function mergeSubjects(known: string[], more: readonly string[]): string[] {
  const fresh = more.filter((s) => !known.includes(s))
  return fresh.length === 0 ? known : [...new Set([...known, ...fresh])].sort().slice(0, MAX_SUBJECTS)
}
