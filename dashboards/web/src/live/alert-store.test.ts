import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AlertChange, Level, ListedAlert } from '../api/types.ts'
import { AlertStore, CAPACITY, compareAlerts, type Scheduler, sortAlerts } from './alert-store.ts'
import { AlertView, LANE_ROWS } from './alert-view.ts'

class HandScheduler implements Scheduler {
  time = 0
  #tasks: { at: number; task: () => void }[] = []
  now = () => this.time
  frame = (task: () => void) => {
    this.#tasks.push({ at: this.time, task })
  }
  after = (ms: number, task: () => void) => {
    this.#tasks.push({ at: this.time + ms, task })
  }
  advance(ms: number): void {
    this.time += ms
    for (let round = 0; round < 10; round++) {
      const due = this.#tasks.filter((t) => t.at <= this.time)
      this.#tasks = this.#tasks.filter((t) => t.at > this.time)
      if (due.length === 0) return
      for (const { task } of due) task()
    }
  }
}

function alert(id: string, level: Level = 'yellow', more: Partial<ListedAlert> = {}): ListedAlert {
  return {
    id,
    rule: `rule-${id}`,
    code: 'R08',
    ruleVersion: '1',
    domain: 'equipment',
    level,
    facility: 'f',
    zone: 'Z',
    device: null,
    subject: null,
    key: id,
    incident: null,
    subjects: [],
    raisedAt: 1000,
    eventTime: 1000,
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
const change = (a: ListedAlert, kind: AlertChange['change'] = 'raised'): AlertChange => ({
  at: 1,
  change: kind,
  alert: a,
  by: null,
  note: null,
})

function make() {
  const scheduler = new HandScheduler()
  const store = new AlertStore(scheduler)
  const view = new AlertView(store, () => scheduler.time)
  return { scheduler, store, view, ids: () => [...view.get().lane, ...view.get().rows.map((r) => r.id)] }
}

describe('the alert store', () => {
  test('commits a burst once per frame and counts what is open and unacknowledged', () => {
    const { scheduler, store } = make()
    let commits = 0
    store.subscribeList(() => commits++)
    for (let i = 0; i < 15; i++) store.apply(change(alert(`a${i}`)))
    store.apply(change(alert('b', 'red', { state: 'acknowledged' })))
    scheduler.advance(1)
    expect(commits).toBeLessThanOrEqual(2)
    expect(store.counts().yellow).toEqual({ open: 15, unacknowledged: 15 })
    expect(store.counts().red).toEqual({ open: 1, unacknowledged: 0 })
  })
  test('commits at most ten times a second in a storm and loses nothing', () => {
    const { scheduler, store } = make()
    let commits = 0
    store.subscribeList(() => commits++)
    for (let i = 0; i < 400; i++) {
      store.apply(change(alert(`a${i}`)))
      scheduler.advance(5)
    }
    scheduler.advance(200)
    expect(store.openCount()).toBe(400)
    expect(commits).toBeLessThanOrEqual(2 * 10 + 25)
  })
  test('lets a red bypass the brake of a storm', () => {
    const { scheduler, store } = make()
    for (let i = 0; i < 60; i++) {
      store.apply(change(alert(`a${i}`)))
      scheduler.advance(5)
    }
    store.apply(change(alert('red', 'red')))
    scheduler.advance(0)
    expect(store.get('red')).toBeDefined()
  })
  test('tells only the row that changed', () => {
    const { scheduler, store } = make()
    store.load([alert('a'), alert('b')])
    const told: string[] = []
    store.subscribeRow('a', () => told.push('a'))
    store.subscribeRow('b', () => told.push('b'))
    store.apply(change(alert('b', 'yellow', { state: 'acknowledged' }), 'acknowledged'))
    scheduler.advance(1)
    expect(told).toEqual(['b'])
  })
  test('keeps at most its capacity, drops low and old first, and counts what it dropped', () => {
    const { store } = make()
    const many = Array.from({ length: CAPACITY }, (_, i) => alert(`blue${i}`, 'blue', { raisedAt: 1000 + i }))
    store.load([
      ...many,
      alert('red', 'red', { raisedAt: 1 }),
      alert('closed', 'orange', { state: 'resolved', handling: 'closed' }),
    ])
    expect(store.get('red')).toBeDefined()
    expect(store.get('closed')).toBeUndefined()
    expect(store.get('blue0')).toBeUndefined()
    expect(store.dropped()).toBe(1)
  })
  test('trusts the stream over a list that was asked for before: nothing that arrived meanwhile is lost or set back', () => {
    const { scheduler, store } = make()
    store.load([alert('old'), alert('acked')])
    store.beginLoad()
    store.apply(change(alert('new', 'red')))
    store.apply(change(alert('acked', 'yellow', { state: 'acknowledged' }), 'acknowledged'))
    scheduler.advance(1)
    store.load([alert('acked')])
    expect(store.get('new')).toBeDefined()
    expect(store.get('acked')?.state).toBe('acknowledged')
    expect(store.get('old')).toBeUndefined()
  })
  test('forgets old allowed actions once the state has moved', () => {
    const { scheduler, store } = make()
    store.load([alert('a', 'yellow', { allowedActions: ['acknowledge'] })])
    store.apply(change(alert('a', 'yellow', { state: 'acknowledged' }), 'acknowledged'))
    scheduler.advance(1)
    expect(store.get('a')?.allowedActions).toBeUndefined()
  })
})

describe('the view of the list', () => {
  test('sorts unacknowledged, then level, then newest, whatever the order of arrival', () => {
    const some = [
      alert('a', 'blue'),
      alert('b', 'orange'),
      alert('c', 'red', { state: 'acknowledged' }),
      alert('d', 'red'),
      alert('e', 'orange', { raisedAt: 2000 }),
      alert('f', 'yellow', { state: 'latched' }),
    ]
    fc.assert(
      fc.property(fc.shuffledSubarray(some, { minLength: some.length }), (order) => {
        expect([...order].sort(compareAlerts).map((a) => a.id)).toEqual(['d', 'e', 'b', 'a', 'c', 'f'])
      }),
    )
  })
  test('never moves a row while it is held: what is new waits and is counted', () => {
    const { scheduler, store, view, ids } = make()
    store.load([alert('a'), alert('b', 'blue')])
    const before = ids()
    view.hold(true)
    store.apply(change(alert('new', 'orange')))
    store.apply(change(alert('a', 'yellow', { state: 'acknowledged' }), 'acknowledged'))
    store.apply(change(alert('b', 'blue', { state: 'resolved', handling: 'closed' }), 'resolved'))
    scheduler.advance(1)
    expect(ids()).toEqual(before)
    expect(view.get().pending).toMatchObject({ total: 1, byLevel: { orange: 1 } })
    view.release()
    expect(ids()).toEqual(['new', 'a'])
    expect(view.get().pending).toBeNull()
  })
  test('does not hold back the first row of an empty list, so that calm is never false', () => {
    const { scheduler, store, view, ids } = make()
    store.load([])
    view.hold(true)
    store.apply(change(alert('first')))
    scheduler.advance(1)
    expect(ids()).toEqual(['first'])
  })
  test('brings a red into its lane at once, held, frozen or filtered', () => {
    const { scheduler, store, view } = make()
    store.load([alert('a')])
    view.setFilter({ level: 'blue' })
    view.hold(true)
    view.freeze(true)
    store.apply(change(alert('red', 'red')))
    scheduler.advance(1)
    expect(view.get().lane).toEqual(['red'])
  })
  test('keeps the reds of a held lane in their places: a new one comes last, one that is dealt with stays', () => {
    const { scheduler, store, view } = make()
    store.load([alert('r1', 'red', { raisedAt: 1 }), alert('r2', 'red', { raisedAt: 2 }), alert('a')])
    expect(view.get().lane).toEqual(['r2', 'r1'])
    view.hold(true)
    store.apply(change(alert('r3', 'red', { raisedAt: 3 })))
    store.apply(change(alert('r2', 'red', { raisedAt: 2, state: 'resolved', handling: 'closed' }), 'resolved'))
    scheduler.advance(150)
    expect(view.get().lane).toEqual(['r2', 'r1', 'r3'])
    for (const n of [4, 5, 6]) store.apply(change(alert(`r${n}`, 'red', { raisedAt: n })))
    scheduler.advance(150)
    expect(view.get().lane).toHaveLength(LANE_ROWS)
    expect(view.get()).toMatchObject({ laneMore: 1, pending: { total: 1, byLevel: { red: 1 } } })
    view.hold(false)
    expect(view.get()).toMatchObject({ lane: ['r6', 'r5', 'r4', 'r3', 'r1'], laneMore: 0, pending: null })
  })
  test('stays held when devices speak, and when a fold is opened in it', () => {
    const { scheduler, store, view, ids } = make()
    const same = (id: string, raisedAt: number) => alert(id, 'blue', { rule: 'x', raisedAt })
    store.load([alert('a'), same('b1', 0), same('b2', 10), alert('c', 'blue', { raisedAt: -9 })])
    const before = ids()
    view.freeze(true)
    store.apply(change(alert('new', 'orange')))
    scheduler.advance(150)
    view.setContext({ account: 'x', zoneGroup: () => 'public', text: () => '' })
    expect(ids()).toEqual(before)
    view.toggleFold('b1')
    expect(view.get().rows.map((r) => `${r.id}${r.child ? '/' : ''}`)).toEqual(['a', 'b1', 'b2/', 'b1/', 'c'])
    view.toggleFold('b1')
    expect(ids()).toEqual(before)
    expect(view.get().pending).toMatchObject({ total: 1 })
  })
  test('shows at most five reds in the lane, says how many more there are, and lists those below', () => {
    const { store, view, ids } = make()
    store.load(Array.from({ length: 9 }, (_, i) => alert(`r${i}`, 'red', { raisedAt: i })))
    expect(view.get().lane).toHaveLength(LANE_ROWS)
    expect(view.get().laneMore).toBe(4)
    expect(ids()).toHaveLength(9)
  })
  test('folds yellow and blue of one rule and zone within a minute, never red or orange, and the numbers reconcile', () => {
    const { store, view } = make()
    const same = (id: string, level: Level, raisedAt: number) => alert(id, level, { rule: 'x', raisedAt })
    store.load([
      same('b1', 'blue', 0),
      same('b2', 'blue', 50_000),
      same('b3', 'blue', 100_000),
      same('b4', 'blue', 300_000),
      same('o1', 'orange', 0),
      same('o2', 'orange', 10),
    ])
    const { rows, matched, folded } = view.get()
    expect(rows.map((r) => r.members.length)).toEqual([1, 1, 1, 3])
    expect(matched - folded).toBe(rows.length)
    view.toggleFold(rows[3]!.id)
    expect(view.get().rows.filter((r) => r.child)).toHaveLength(3)
  })
  test('keeps every open alert in exactly one place for any history', () => {
    const levels: Level[] = ['red', 'orange', 'yellow', 'blue']
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            id: fc.integer({ min: 0, max: 30 }),
            level: fc.constantFrom(...levels),
            closed: fc.boolean(),
            hold: fc.boolean(),
          }),
          { maxLength: 80 },
        ),
        (steps) => {
          const { scheduler, store, view } = make()
          for (const s of steps) {
            view.hold(s.hold)
            store.apply(change(alert(`a${s.id}`, s.level, s.closed ? { state: 'resolved', handling: 'closed' } : {})))
            scheduler.advance(150)
          }
          view.hold(false)
          view.release()
          const shown = [
            ...view.get().lane,
            ...view
              .get()
              .rows.filter((r) => !r.child)
              .flatMap((r) => r.members),
          ]
          const open = [...store.values()].filter((a) => a.handling !== 'closed').map((a) => a.id)
          expect(shown.sort()).toEqual(open.sort())
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('the order of a whole list', () => {
  test('is the order of two alerts, whatever comes first', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            level: fc.constantFrom<Level>('red', 'orange', 'yellow', 'blue'),
            state: fc.constantFrom('unacknowledged', 'acknowledged', 'returned-unacknowledged', 'shelved'),
            raisedAt: fc.integer({ min: 0, max: 20 }),
          }),
          { maxLength: 60 },
        ),
        (facts) => {
          const alerts = facts.map((f, i) => alert(`a${i}`, f.level, f as Partial<ListedAlert>))
          expect(sortAlerts([...alerts]).map((a) => a.id)).toEqual([...alerts].sort(compareAlerts).map((a) => a.id))
        },
      ),
    )
  })
})

describe('what is dear to draw', () => {
  test('is told twice a second at most, a red at once, and never misses the last change', () => {
    const scheduler = new HandScheduler()
    const store = new AlertStore(scheduler)
    const told: number[] = []
    store.subscribeCalmly(() => told.push(scheduler.time))
    for (let i = 0; i < 100; i++) {
      store.apply({ at: 0, change: 'raised', alert: alert(`b${i}`, 'blue'), by: null, note: null })
      scheduler.advance(10)
    }
    expect(told.length).toBeLessThanOrEqual(3)
    const before = told.length
    store.apply({ at: 0, change: 'raised', alert: alert('r', 'red'), by: null, note: null })
    scheduler.advance(0)
    expect(told.length).toBe(before + 1)
    store.apply({ at: 0, change: 'raised', alert: alert('last', 'blue'), by: null, note: null })
    scheduler.advance(2000)
    expect(told.length).toBe(before + 2)
  })
})

describe('the alert that stands in the bar', () => {
  test('is the most serious unacknowledged one, the newest of its level', () => {
    const store = new AlertStore(new HandScheduler())
    expect(store.highestUnacknowledged()).toBeNull()
    store.load([
      alert('o1', 'orange', { raisedAt: 1 }),
      alert('o2', 'orange', { raisedAt: 2 }),
      alert('y', 'yellow', { raisedAt: 9 }),
      alert('r', 'red', { state: 'acknowledged' }),
    ])
    expect(store.highestUnacknowledged()?.id).toBe('o2')
  })
})
