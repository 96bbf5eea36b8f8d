import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Act } from './acts.ts'
import type { Alert, Level } from './alert.ts'
import { type AlertRecord, applyAct, applyCondition, legalVerbs, newRecord } from './lifecycle.ts'

const T = 1_795_284_600_000

function alert(level: Level, more: Partial<Alert> = {}): Alert {
  return {
    id: 'aX',
    rule: 'door-forced',
    code: 'R07',
    ruleVersion: '1',
    domain: 'behaviour',
    level,
    facility: 'js-03',
    zone: 'A',
    device: 'D1',
    subject: null,
    key: 'D1',
    incident: null,
    subjects: [],
    raisedAt: T,
    eventTime: T,
    delayed: false,
    drill: false,
    test: false,
    state: 'unacknowledged',
    evidence: [],
    reasons: [],
    explanation: { zh: '', en: '' },
    plan: null,
    number: null,
    conditionActive: true,
    activations: 1,
    handling: 'none',
    annunciated: true,
    advice: [],
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
    evidenceCount: 0,
    stale: false,
    escalationStep: 0,
    ...more,
  }
}

function act(record: AlertRecord, verb: Act['act'], by: string, more: Partial<Act> = {}): AlertRecord {
  const result = applyAct(record, { act: verb, by, time: record.last.at + 1000, ...more })
  if (!result.ok) throw new Error(`${verb}: ${result.status}`)
  return result.record
}

const clear = (record: AlertRecord) => applyCondition(record, { event: 'cleared', at: record.last.at + 1000 })

describe('life cycle of an alert', () => {
  test('a yellow alert that is acknowledged and then clears is resolved by the system as returned', () => {
    const acked = act(newRecord(alert('yellow'), true), 'acknowledge', 'S01')
    const { record, steps } = clear(acked)
    expect(steps.map((s) => [s.change, s.by])).toEqual([
      ['cleared', null],
      ['resolved', 'system'],
    ])
    expect(record.alert).toMatchObject({ state: 'resolved', result: 'returned', handling: 'closed' })
  })

  test('a red alert latches until a second person approves its outcome', () => {
    const latched = clear(act(newRecord(alert('red'), true), 'acknowledge', 'S01')).record
    expect(latched.alert.state).toBe('latched')
    const waiting = act(latched, 'resolve', 'S01', { result: 'confirmed' })
    expect(waiting.alert).toMatchObject({ handling: 'pending-review', state: 'latched' })
    expect(applyAct(waiting, { act: 'approve', by: 'S01', time: T })).toMatchObject({ ok: false, status: 403 })
    expect(act(waiting, 'approve', 'S02').alert).toMatchObject({
      state: 'resolved',
      result: 'confirmed',
      handling: 'closed',
    })
    const rejected = act(waiting, 'reject', 'S02', { note: '录像不符' })
    expect(rejected.alert).toMatchObject({ handling: 'none', result: null, state: 'latched' })
  })

  test('a condition that clears before anyone saw it stays on the list until it is acknowledged', () => {
    const returned = clear(newRecord(alert('blue'), true)).record
    expect(returned.alert.state).toBe('returned-unacknowledged')
    expect(act(returned, 'acknowledge', 'S01').alert).toMatchObject({ state: 'resolved', result: 'returned' })
    const red = clear(newRecord(alert('red'), true)).record
    expect(act(red, 'acknowledge', 'S01').alert.state).toBe('latched')
  })

  test('a condition that comes back makes a seen alert unacknowledged again', () => {
    const latched = clear(act(newRecord(alert('orange'), true), 'acknowledge', 'S01')).record
    const { record, steps } = applyCondition(latched, { event: 'reactivated', at: T + 9000 })
    expect(record.alert).toMatchObject({
      state: 'unacknowledged',
      activations: 2,
      conditionActive: true,
      clearedAt: null,
    })
    expect(steps[0]?.change).toBe('updated')
  })

  test('a level only rises, and a risen level must be acknowledged anew', () => {
    const acked = act(newRecord(alert('orange'), true), 'acknowledge', 'S01')
    expect(applyCondition(acked, { event: 'escalated', at: T, level: 'yellow' }).steps).toEqual([])
    expect(applyCondition(acked, { event: 'escalated', at: T, level: 'red' }).record.alert).toMatchObject({
      level: 'red',
      state: 'unacknowledged',
    })
  })

  test('a conflict names who acted and when; a missing field is named', () => {
    const acked = act(newRecord(alert('orange'), true), 'acknowledge', 'S01')
    expect(applyAct(acked, { act: 'acknowledge', by: 'S02', time: T + 5000 })).toMatchObject({
      ok: false,
      status: 409,
      by: 'S01',
      at: T + 1000,
      state: 'acknowledged',
    })
    expect(applyAct(acked, { act: 'resolve', by: 'S02', time: T })).toMatchObject({ status: 422, field: 'result' })
    expect(applyAct(acked, { act: 'dismiss', by: 'S02', time: T, result: 'false' })).toMatchObject({
      status: 422,
      field: 'cause',
    })
  })

  test('a conflict names whoever changed the state, not who wrote a comment, sent a patrol or was told since', () => {
    const later = (record: AlertRecord, verb: Act['act'], s: number, by: string, more: Partial<Act> = {}) =>
      applyAct(record, { act: verb, by, time: T + s * 1000, ...more })
    const done = (record: AlertRecord, verb: Act['act'], s: number, by: string, more: Partial<Act> = {}) => {
      const result = later(record, verb, s, by, more)
      if (!result.ok) throw new Error(`${verb}: ${result.status}`)
      return result.record
    }
    let record = done(newRecord(alert('red'), true), 'acknowledge', 1, 'S01')
    record = done(record, 'comment', 2, 'S02', { note: 'x' })
    record = done(record, 'dispatch', 3, 'S03', { units: ['P1'] })
    record = done(record, 'plan-step', 4, 'S04', { step: 'live', done: true })
    record = applyCondition(record, { event: 'cleared', at: T + 5000 }).record
    expect(later(record, 'acknowledge', 6, 'S05')).toMatchObject({ status: 409, by: 'S01', at: T + 1000 })
    record = done(record, 'resolve', 7, 'S01', { result: 'confirmed' })
    record = done(record, 'comment', 8, 'S02', { note: 'y' })
    expect(later(record, 'dismiss', 9, 'S05', { result: 'false' })).toMatchObject({ by: 'S01', at: T + 7000 })
    const rejected = done(record, 'reject', 10, 'S02', { note: 'z' })
    expect(later(rejected, 'approve', 11, 'S03')).toMatchObject({ status: 409, by: 'S02', at: T + 10_000 })
    record = done(record, 'approve', 12, 'S02')
    record = done(record, 'comment', 13, 'S05', { note: 'closed' })
    expect(later(record, 'resolve', 14, 'S03', { result: 'false' })).toMatchObject({ by: 'S02', at: T + 12_000 })
  })

  test('what rises to red leaves the shelf and is unacknowledged; what rises below red stays there, and comes back unseen', () => {
    const seen = act(newRecord(alert('yellow'), true), 'acknowledge', 'S01')
    const shelved = act(seen, 'shelve', 'S01', { minutes: 10 })
    const orange = applyCondition(shelved, { event: 'escalated', at: T + 60_000, level: 'orange' })
    expect(orange.record.alert).toMatchObject({ state: 'shelved', level: 'orange' })
    expect(applyCondition(orange.record, { event: 'shelf-expired', at: T + 600_000 }).record.alert.state).toBe(
      'unacknowledged',
    )
    const red = applyCondition(orange.record, { event: 'escalated', at: T + 120_000, level: 'red' })
    expect(red.record).toMatchObject({ shelf: null, alert: { state: 'unacknowledged', level: 'red' } })
    expect(red.steps.map((s) => s.change)).toEqual(['escalated'])
    expect(applyCondition(red.record, { event: 'shelf-expired', at: T + 600_000 }).steps).toEqual([])
  })

  test('a shelved alert returns to its state; what cleared meanwhile returns as cleared; panic cannot be shelved', () => {
    const shelved = act(newRecord(alert('yellow'), true), 'shelve', 'S01', { minutes: 10 })
    expect(shelved.alert.state).toBe('shelved')
    const cleared = clear(shelved).record
    expect(applyCondition(cleared, { event: 'shelf-expired', at: T + 600_000 }).record.alert.state).toBe(
      'returned-unacknowledged',
    )
    expect(applyAct(newRecord(alert('red'), false), { act: 'shelve', by: 'S01', time: T, minutes: 5 })).toMatchObject({
      status: 403,
    })
    expect(applyAct(newRecord(alert('blue'), true), { act: 'shelve', by: 'S01', time: T, minutes: 600 })).toMatchObject(
      { status: 422 },
    )
  })

  test('whatever happens, a closed alert stays closed, a level never falls and red never closes by one person', () => {
    const step = fc.record({
      verb: fc.constantFrom(
        'acknowledge',
        'dispatch',
        'resolve',
        'dismiss',
        'approve',
        'reject',
        'shelve',
        'unshelve',
        'clear',
        'again',
        'up',
      ),
      by: fc.constantFrom('S01', 'S02'),
    })
    fc.assert(
      fc.property(
        fc.constantFrom<Level>('red', 'orange', 'yellow', 'blue'),
        fc.array(step, { maxLength: 25 }),
        (level, steps) => {
          let record = newRecord(alert(level), true)
          const signers = new Set<string>()
          for (const [i, { verb, by }] of steps.entries()) {
            const before = record.alert
            const at = T + i * 1000
            if (verb === 'clear') record = applyCondition(record, { event: 'cleared', at }).record
            else if (verb === 'again') record = applyCondition(record, { event: 'reactivated', at }).record
            else if (verb === 'up') record = applyCondition(record, { event: 'escalated', at, level: 'orange' }).record
            else {
              const legal = legalVerbs(record).includes(verb as never)
              const result = applyAct(record, {
                act: verb as Act['act'],
                by,
                time: at,
                result: 'false',
                cause: 'animal',
                units: ['巡1'],
                minutes: 5,
                note: 'n',
              })
              if (result.ok) {
                expect(legal).toBe(true)
                record = result.record
                if (['resolve', 'dismiss'].includes(verb)) signers.clear()
                if (['resolve', 'dismiss', 'approve'].includes(verb)) signers.add(by)
              } else expect(legal && result.status !== 403, `${verb} in ${before.state}`).toBe(false)
            }
            if (before.state === 'resolved' || before.state === 'dismissed')
              expect(record.alert.state).toBe(before.state)
            const wasOpen = before.closedAt === null
            if (
              wasOpen &&
              record.alert.closedAt !== null &&
              ['red', 'orange'].includes(record.alert.level) &&
              record.alert.result !== 'returned'
            )
              expect(signers.size).toBe(2)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
