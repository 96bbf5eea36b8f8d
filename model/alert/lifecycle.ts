/**
 * The life of an alert: ISA-18.2 states and handling as one pure transition function (`semantics.md` 5 and 6).
 * The rules' alert book, the desk of the edge and the province all run this code; nobody else changes a state.
 * It must never consult a clock, a store or a role: who may act is decided before, when is an argument.
 */
import type { Act, Verb } from './acts.ts'
import {
  type Alert,
  type AlertResult,
  type AlertState,
  type ChangeKind,
  higherLevel,
  type Level,
  levelRank,
} from './alert.ts'

/** An alert with what the life cycle must remember beyond the printed fields. Serialisable. */
export interface AlertRecord {
  alert: Alert
  /** Outcome proposed for a red or orange alert, waiting for a second person. */
  pending: { verb: 'resolve' | 'dismiss'; by: string; at: number } | null
  /** State to return to when shelving ends, and until when it is shelved, ms. */
  shelf: { state: AlertState; until: number; by: string } | null
  /** Who changed the state last and when: the answer of a conflict. A comment or a plan step is no such change. */
  last: { by: string | null; at: number }
  /** The same for the handling; absent until somebody has changed it. */
  handled?: { by: string; at: number }
  /** Panic, duress and tamper cannot be shelved. */
  shelvable: boolean
}

/** What the condition of the rule does, as told by the engine. */
export type ConditionEvent =
  | { event: 'cleared'; at: number }
  | { event: 'reactivated'; at: number }
  | { event: 'escalated'; at: number; level: Level }
  | { event: 'unsuppressed'; at: number }
  | { event: 'shelf-expired'; at: number }
  /** Waited longer than allowed: told to the next person on duty. The level stays. */
  | { event: 'overdue'; at: number; note: string }

export interface Step {
  change: ChangeKind
  alert: Alert
  by: string | null
  note: string | null
}

export type Transition =
  | { ok: true; record: AlertRecord; steps: Step[] }
  | { ok: false; status: 409; by: string | null; at: number; state: AlertState; detail: string }
  | { ok: false; status: 422; field: string; detail: string }
  | { ok: false; status: 403; detail: string }

/** Nobody may hide an alert for longer than one shift, ms. */
export const MAX_SHELVE_MS = 8 * 3_600_000

const RESULTS: readonly string[] = ['confirmed', 'false', 'nuisance', 'drill', 'test', 'returned']
const isClosed = (alert: Alert): boolean => alert.state === 'resolved' || alert.state === 'dismissed'
/** Red and orange latch until a person resets them and close only with a second person. */
export const isLatching = (level: Level): boolean => levelRank(level) >= 3

export function newRecord(alert: Alert, shelvable: boolean): AlertRecord {
  return { alert, pending: null, shelf: null, last: { by: null, at: alert.raisedAt }, shelvable }
}

/** Applies what the condition does. `steps` is empty when nothing changes. */
export function applyCondition(record: AlertRecord, event: ConditionEvent): { record: AlertRecord; steps: Step[] } {
  const { alert } = record
  if (isClosed(alert)) return { record, steps: [] }
  switch (event.event) {
    case 'cleared':
      return clear(record, event.at)
    case 'reactivated': {
      const wasSeen =
        alert.state === 'acknowledged' || alert.state === 'latched' || alert.state === 'returned-unacknowledged'
      const next: Alert = {
        ...alert,
        conditionActive: true,
        clearedAt: null,
        activations: alert.activations + 1,
        state: wasSeen ? 'unacknowledged' : alert.state,
      }
      // On the shelf it is the state to return to that changes.
      const shelf = record.shelf ? { ...record.shelf, state: 'unacknowledged' as const } : null
      return one({ ...record, shelf }, next, 'updated', null, null, event.at)
    }
    case 'escalated': {
      const level = higherLevel(alert.level, event.level)
      if (level === alert.level) return { record, steps: [] }
      // A more serious alert is a new thing to acknowledge, even if its lower level was seen.
      const state = unseen(alert.state)
      if (alert.state !== 'shelved' || !record.shelf)
        return one(record, { ...alert, level, state }, 'escalated', null, null, event.at)
      // Nothing hides red, not even a person who put aside what was less; what rises below red waits on the shelf, unseen.
      const back = unseen(record.shelf.state)
      if (level !== 'red')
        return one(
          { ...record, shelf: { ...record.shelf, state: back } },
          { ...alert, level },
          'escalated',
          null,
          null,
          event.at,
        )
      return one({ ...record, shelf: null }, { ...alert, level, state: back }, 'escalated', null, null, event.at)
    }
    case 'unsuppressed':
      if (alert.state !== 'suppressed-by-design' && alert.state !== 'out-of-service') return { record, steps: [] }
      return one(
        record,
        { ...alert, state: alert.conditionActive ? 'unacknowledged' : 'returned-unacknowledged' },
        'updated',
        null,
        null,
        event.at,
      )
    case 'overdue': {
      const next: Alert = { ...alert, escalationStep: alert.escalationStep + 1 }
      // Nobody did anything: who changed the state last, and when, stays the answer to a conflict.
      return {
        record: { ...record, alert: next },
        steps: [{ change: 'escalated', alert: next, by: 'system', note: event.note }],
      }
    }
    case 'shelf-expired':
      return record.shelf ? unshelve(record, record.shelf.state, 'system', null, event.at) : { record, steps: [] }
  }
}

/** The state of an alert that rose: its lower level may have been seen, this one has not. */
export function unseen(state: AlertState): AlertState {
  if (state === 'acknowledged') return 'unacknowledged'
  return state === 'latched' ? 'returned-unacknowledged' : state
}

/** Back to what it was; what was acknowledged and ended on the shelf is over now. */
function unshelve(record: AlertRecord, state: AlertState, by: string, note: string | null, at: number) {
  const { alert } = record
  const back = one({ ...record, shelf: null }, { ...alert, state }, 'unshelved', by, note, at)
  if (state !== 'acknowledged' || alert.conditionActive || isLatching(alert.level)) return back
  const over = close(back.record, 'resolved', 'returned', 'system', null, at, 'resolved')
  return { record: over.record, steps: [...back.steps, ...over.steps] }
}

function clear(record: AlertRecord, at: number): { record: AlertRecord; steps: Step[] } {
  const { alert } = record
  if (!alert.conditionActive) return { record, steps: [] }
  const cleared: Alert = { ...alert, conditionActive: false, clearedAt: at }
  const afterShelf = record.shelf ? { ...record.shelf, state: stateAfterClear(record.shelf.state, alert.level) } : null
  // A test waits for nobody: what it was to prove is proved.
  if (alert.test) {
    const first = one(record, cleared, 'cleared', null, null, at)
    const second = close(first.record, 'resolved', 'test', 'system', null, at, 'resolved')
    return { record: second.record, steps: [...first.steps, ...second.steps] }
  }
  if (alert.state === 'acknowledged' && !isLatching(alert.level) && alert.handling !== 'pending-review') {
    const first = one(record, cleared, 'cleared', null, null, at)
    const second = close(first.record, 'resolved', 'returned', 'system', null, at, 'resolved')
    return { record: second.record, steps: [...first.steps, ...second.steps] }
  }
  if (alert.state === 'suppressed-by-design' || alert.state === 'out-of-service') {
    const first = one(record, cleared, 'cleared', null, null, at)
    const second = close(first.record, 'resolved', 'returned', 'system', null, at, 'resolved')
    return { record: second.record, steps: [...first.steps, ...second.steps] }
  }
  return one(
    { ...record, shelf: afterShelf },
    { ...cleared, state: stateAfterClear(alert.state, alert.level) },
    'cleared',
    null,
    null,
    at,
  )
}

/** When an act of shelving ends; undefined when it does not say. */
export const shelfLimit = (act: Act): number | undefined =>
  act.until ?? (act.minutes === undefined ? undefined : act.time + act.minutes * 60_000)

export function stateAfterClear(state: AlertState, level: Level): AlertState {
  if (state === 'unacknowledged') return 'returned-unacknowledged'
  if (state === 'acknowledged') return isLatching(level) ? 'latched' : 'acknowledged'
  return state
}

function one(
  record: AlertRecord,
  alert: Alert,
  change: ChangeKind,
  by: string | null,
  note: string | null,
  at: number,
) {
  return {
    record: { ...record, alert, ...whoChanged(record, alert, by, at) },
    steps: [{ change, alert, by, note }] as Step[],
  }
}

/** Who stands for the state and for the handling after a change: the condition (`by` null) takes nobody's place. */
export function whoChanged(
  { alert: before, last, handled }: AlertRecord,
  after: Alert,
  by: string | null,
  at: number,
): Pick<AlertRecord, 'last' | 'handled'> {
  const word = by === null ? null : { by, at }
  const hand = word && after.handling !== before.handling ? word : handled
  return { last: word && after.state !== before.state ? word : last, ...(hand ? { handled: hand } : {}) }
}

function close(
  record: AlertRecord,
  state: 'resolved' | 'dismissed',
  result: AlertResult,
  by: string,
  note: string | null,
  at: number,
  change: ChangeKind,
) {
  const alert: Alert = {
    ...record.alert,
    state,
    result,
    handling: 'closed',
    resolvedAt: record.alert.resolvedAt ?? at,
    closedAt: at,
  }
  return one({ ...record, pending: null, shelf: null }, alert, change, by, note, at)
}

/** Applies a person's act. `at` is the act's time; the verbs and bodies are those of `semantics.md` 6. */
export function applyAct(record: AlertRecord, act: Act): Transition {
  const { alert } = record
  const { by, time: at } = act
  const note = act.note ?? null
  const done = (result: { record: AlertRecord; steps: Step[] }): Transition => ({ ok: true, ...result })
  const conflict = (detail: string, who: AlertRecord['last'] = record.last): Transition => ({
    ok: false,
    status: 409,
    by: who.by,
    at: who.at,
    state: alert.state,
    detail,
  })
  const missing = (field: string, detail: string): Transition => ({ ok: false, status: 422, field, detail })

  if (act.act === 'comment')
    return note ? done(one(record, alert, 'commented', by, note, at)) : missing('note', 'a comment needs text')
  if (isClosed(alert)) return conflict(`the alert is already ${alert.state}`)

  switch (act.act) {
    case 'acknowledge': {
      const ackedAlert: Alert = { ...alert, ackAt: alert.ackAt ?? at, confirmed: act.confirmed ?? alert.confirmed }
      if (alert.state === 'unacknowledged')
        return done(one(record, { ...ackedAlert, state: 'acknowledged' }, 'acknowledged', by, note, at))
      if (alert.state !== 'returned-unacknowledged') return conflict(`the alert is ${alert.state}`)
      if (isLatching(alert.level))
        return done(one(record, { ...ackedAlert, state: 'latched' }, 'acknowledged', by, note, at))
      const seen = one(record, { ...ackedAlert, state: 'acknowledged' }, 'acknowledged', by, note, at)
      const closed = close(seen.record, 'resolved', 'returned', 'system', null, at, 'resolved')
      return done({ record: closed.record, steps: [...seen.steps, ...closed.steps] })
    }
    case 'dispatch': {
      if (alert.handling === 'pending-review')
        return conflict('the alert waits for review', record.pending ?? undefined)
      if (!Array.isArray(act.units) || act.units.length === 0) return missing('units', 'name at least one unit to send')
      return done(
        one(
          record,
          { ...alert, handling: 'dispatched', dispatchedAt: alert.dispatchedAt ?? at },
          'dispatched',
          by,
          note,
          at,
        ),
      )
    }
    case 'escalate':
      return done(one(record, { ...alert, escalationStep: alert.escalationStep + 1 }, 'escalated', by, note, at))
    case 'resolve':
    case 'dismiss':
      return finish(record, act, conflict, missing)
    case 'approve': {
      if (alert.handling !== 'pending-review' || !record.pending)
        return conflict('nothing waits for approval', record.handled)
      if (record.pending.by === by)
        return { ok: false, status: 403, detail: `${by} proposed this outcome; a second person must approve it` }
      const state = record.pending.verb === 'dismiss' ? 'dismissed' : 'resolved'
      return done(close(record, state, alert.result ?? 'confirmed', by, note, at, 'approved'))
    }
    case 'reject': {
      if (alert.handling !== 'pending-review' || !record.pending)
        return conflict('nothing waits for approval', record.handled)
      if (record.pending.by === by)
        return { ok: false, status: 403, detail: `${by} proposed this outcome; a second person must judge it` }
      if (!note) return missing('note', 'say why the outcome is rejected')
      const back: Alert = {
        ...alert,
        handling: alert.dispatchedAt === null ? 'none' : 'dispatched',
        result: null,
        cause: null,
        resolvedAt: null,
      }
      return done(one({ ...record, pending: null }, back, 'rejected', by, note, at))
    }
    case 'shelve': {
      if (!record.shelvable)
        return { ok: false, status: 403, detail: 'panic, duress and tamper alerts cannot be shelved' }
      if (alert.state === 'shelved') return conflict('the alert is already shelved')
      if (alert.handling === 'pending-review')
        return conflict('the alert waits for review', record.pending ?? undefined)
      const until = shelfLimit(act)
      if (until === undefined || !(until > at))
        return missing(act.until === undefined ? 'minutes' : 'until', 'say until when, later than now')
      if (until - at > MAX_SHELVE_MS) return missing(act.until === undefined ? 'minutes' : 'until', 'at most 8 hours')
      return done(
        one(
          { ...record, shelf: { state: alert.state, until, by } },
          { ...alert, state: 'shelved' },
          'shelved',
          by,
          note,
          at,
        ),
      )
    }
    case 'unshelve': {
      if (!record.shelf) return conflict('the alert is not shelved')
      return done(unshelve(record, record.shelf.state, by, note, at))
    }
    case 'assign':
      return act.to
        ? done(one(record, { ...alert, assignee: act.to }, 'reassigned', by, note, at))
        : missing('to', 'name the account')
    case 'plan-step': {
      if (!act.step) return missing('step', 'name the step of the plan')
      if (act.done !== true && act.skipped !== true) return missing('done', 'say done or skipped')
      const arrived = act.done === true && act.step === 'arrival' ? (alert.arrivedAt ?? at) : alert.arrivedAt
      const text = JSON.stringify({
        step: act.step,
        done: act.done === true,
        skipped: act.skipped === true,
        note,
        ...(act.answer === undefined ? {} : { answer: act.answer }),
      })
      return done(one(record, { ...alert, arrivedAt: arrived }, 'plan-step', by, text, at))
    }
  }
}

function finish(
  record: AlertRecord,
  act: Act,
  conflict: (detail: string, who?: AlertRecord['last']) => Transition,
  missing: (field: string, detail: string) => Transition,
): Transition {
  const { alert } = record
  if (alert.handling === 'pending-review')
    return conflict('the alert already waits for review', record.pending ?? undefined)
  const verb = act.act as 'resolve' | 'dismiss'
  if (!act.result) return missing('result', verb === 'resolve' ? `one of ${RESULTS.join(', ')}` : 'false or nuisance')
  if (verb === 'resolve' && !RESULTS.includes(act.result)) return missing('result', `one of ${RESULTS.join(', ')}`)
  if (verb === 'dismiss' && act.result !== 'false' && act.result !== 'nuisance')
    return missing('result', 'false or nuisance')
  if (verb === 'dismiss' && !act.cause)
    return missing('cause', 'weather, animal, equipment, test, person error or other')
  const result = act.result as AlertResult
  const proposed: AlertRecord = { ...record, alert: { ...alert, result, cause: act.cause ?? alert.cause } }
  if (!isLatching(alert.level)) {
    const state = verb === 'dismiss' ? 'dismissed' : 'resolved'
    return { ok: true, ...close(proposed, state, result, act.by, act.note ?? null, act.time, state) }
  }
  const waiting: Alert = { ...proposed.alert, handling: 'pending-review', resolvedAt: act.time }
  return {
    ok: true,
    ...one(
      { ...proposed, pending: { verb, by: act.by, at: act.time } },
      waiting,
      'pending-review',
      act.by,
      act.note ?? null,
      act.time,
    ),
  }
}

/** The verbs that the state allows, whoever asks. Roles and the second person are checked by the desk. */
export function legalVerbs(record: AlertRecord): Verb[] {
  const { alert } = record
  if (isClosed(alert)) return ['comment']
  const verbs: Verb[] = []
  if (alert.state === 'unacknowledged' || alert.state === 'returned-unacknowledged') verbs.push('acknowledge')
  const pending = alert.handling === 'pending-review'
  if (!pending) verbs.push('dispatch')
  verbs.push('escalate')
  if (pending) verbs.push('approve', 'reject')
  else verbs.push('resolve', 'dismiss')
  if (record.shelvable && alert.state !== 'shelved' && !pending) verbs.push('shelve')
  if (record.shelf) verbs.push('unshelve')
  verbs.push('comment', 'assign', 'plan-step')
  return verbs
}
