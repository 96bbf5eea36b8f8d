import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Alert, AlertChange, ChangeKind } from '#model/alert/alert.ts'
import { FacilityContext } from '#model/context/facility-context.ts'
import type { DeviceState, PersonPosition } from '#model/ports/facility.ts'
import type { JournalRecord } from '#model/ports/journal.ts'
import type { Site } from '#model/site/load.ts'
import { sampleAlert, sampleReading } from '../journal/sample-records.ts'
import { EventFacts } from './event-facts.ts'
import { Facts, HOUR_MS } from './facts.ts'
import { PatrolFacts } from './patrol-facts.ts'
import { PresenceFacts, type Seen } from './presence-facts.ts'

const MINUTE = 60_000
/** 2026-11-22 08:00 in Shanghai. */
const T0 = Date.parse('2026-11-22T00:00:00Z')

let seq = 0
const reading = (type: string, time: number, value: Record<string, unknown>): JournalRecord => ({
  seq: ++seq,
  at: time,
  body: { kind: 'reading', reading: sampleReading(seq, { type, time, value, device: 'RC1' }) },
})
const change = (kind: ChangeKind, at: number, alert: Partial<Alert>, by: string | null = null): JournalRecord => ({
  seq: ++seq,
  at,
  body: {
    kind: 'alert',
    change: {
      at,
      change: kind,
      alert: sampleAlert(1, { subject: 'P1', ...alert }),
      by,
      note: null,
    } satisfies AlertChange,
  },
})
const events = (facts = new Facts()) => ({
  facts,
  follower: new EventFacts({ facts, desksOf: () => ['d1'], isWatch: (route) => route === 'WATCH' }),
})
const sums = (facts: Facts): Record<string, number> => {
  const taken = facts.take()
  const out: Record<string, number> = {}
  for (const { name, part, value } of taken.facts) {
    const key = part ? `${name} ${part}` : name
    out[key] = (out[key] ?? 0) + value
  }
  for (const { name, part, n } of taken.marks) out[`mark ${name} ${part}`] = (out[`mark ${name} ${part}`] ?? 0) + n
  return out
}

describe('sums and marks', () => {
  test('what could not be saved is given back and counts once (property)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.nat({ max: 5 * HOUR_MS }), fc.nat({ max: 9 })), {
          maxLength: 50,
        }),
        fc.integer({ min: 0, max: 50 }),
        (adds, cut) => {
          const facts = new Facts()
          for (const [name, at, value] of adds.slice(0, cut)) facts.add(name, 'x', at, value)
          const taken = facts.take()
          for (const [name, at, value] of adds.slice(cut)) facts.add(name, 'x', at, value)
          facts.giveBack(taken)
          const slow: Record<string, number> = {}
          for (const [name, at, value] of adds) {
            const key = `${name} ${Math.floor(at / HOUR_MS)}`
            slow[key] = (slow[key] ?? 0) + value
          }
          const got = Object.fromEntries(facts.take().facts.map((f) => [`${f.name} ${f.hour / HOUR_MS}`, f.value]))
          expect(got).toEqual(slow)
        },
      ),
      { seed: 2, numRuns: 100 },
    )
  })
})

describe('roll-calls', () => {
  const started = (count: string, at: number, kind = 'scheduled') =>
    reading('rollcall.started', at, { count, kind, expected: 100, out_count: 5 })
  const closed = (count: string, at: number, present: number, attempt = 1) =>
    reading('rollcall.closed', at, { count, attempt, present })

  test('on time, mismatch at the first close, cleared by the recount; other kinds are none of it', () => {
    const { facts, follower } = events()
    for (const record of [
      started('c1', T0),
      closed('c1', T0 + 5 * MINUTE, 95),
      started('c2', T0 + HOUR_MS),
      closed('c2', T0 + HOUR_MS + 11 * MINUTE, 94),
      closed('c2', T0 + HOUR_MS + 14 * MINUTE, 95, 2),
      started('c3', T0 + 2 * HOUR_MS),
      started('e1', T0, 'emergency'),
      closed('e1', T0 + MINUTE, 1),
      closed('unknown', T0, 95),
    ])
      follower.apply(record)
    expect(sums(facts)).toEqual({
      'rollcall.scheduled': 3,
      'rollcall.held': 2,
      'rollcall.on-time': 1,
      'rollcall.mismatch': 1,
      'rollcall.cleared': 2,
      'rollcall.clear-ms': 19 * MINUTE,
    })
  })

  test('a restart in the middle of a roll-call changes nothing', () => {
    const before = events()
    before.follower.apply(started('c1', T0))
    const meta = before.follower.meta()
    const after = events(before.facts)
    after.follower.restore(meta)
    after.follower.apply(closed('c1', T0 + MINUTE, 95))
    expect(sums(after.facts)).toMatchObject({ 'rollcall.scheduled': 1, 'rollcall.held': 1, 'rollcall.on-time': 1 })
  })
})

describe('alerts', () => {
  test('what sounds is marked once at each desk, and again only when it comes back after an acknowledgement', () => {
    const { facts, follower } = events()
    const a = { id: 'a1', annunciated: true, conditionActive: true }
    for (const record of [
      change('raised', T0, { ...a, activations: 1 }),
      change('updated', T0 + 1000, { ...a, activations: 1 }),
      change('updated', T0 + 2000, { ...a, activations: 2 }),
      change('acknowledged', T0 + 3000, { ...a, activations: 2, ackAt: T0 + 3000 }, 'S01'),
      change('updated', T0 + 3000 + 59_000, { ...a, activations: 3, ackAt: null }),
      change('acknowledged', T0 + 70_000, { ...a, activations: 3, ackAt: T0 + 70_000 }, 'S01'),
      change('updated', T0 + 70_000 + 60_000, { ...a, activations: 4, ackAt: null }),
      change('raised', T0, { id: 'a2', annunciated: false }),
      change('escalated', T0 + 9000, { id: 'a2', annunciated: true }),
    ])
      follower.apply(record)
    expect(sums(facts)['mark annunciated d1']).toBe(3)
  })

  test('three raises of one rule and person within a minute chatter; drills, tests and S02 are nowhere', () => {
    const { facts, follower } = events()
    for (let i = 0; i < 3; i++) follower.apply(change('raised', T0 + i * 20_000, { id: `a${i}`, annunciated: true }))
    for (let i = 0; i < 3; i++)
      follower.apply(change('raised', T0 + i * 31_000, { id: `b${i}`, subject: 'P2', annunciated: true }))
    for (const more of [{ drill: true }, { test: true }, { code: 'S02' }])
      for (let i = 0; i < 5; i++)
        follower.apply(change('raised', T0 + i, { id: `n${i}`, subject: 'P3', annunciated: true, ...more }, 'S09'))
    const got = sums(facts)
    expect(Object.entries(got).filter(([key]) => key.startsWith('mark chatter'))).toHaveLength(1)
    expect(got['mark annunciated d1']).toBe(6)
    expect(got['operator S09']).toBeUndefined()
  })
})

const SITE = {
  facility: { id: 'js-03', timezone: 'Asia/Shanghai' },
  zones: [
    { id: 'BELT', kind: 'belt', perimeter: true },
    { id: 'W3', kind: 'ward', manning: 'ceil(inmates/2)' },
    { id: 'POST', kind: 'post', parent: 'W3' },
  ],
  devices: [
    { id: 'F1', driver: 'opcua', kind: 'fence', zone: 'BELT' },
    { id: 'K1', driver: 'onvif', kind: 'camera', zone: 'BELT', watches: ['BELT'] },
    { id: 'W1', driver: 'mqtt', kind: 'band', subject: 'P1' },
    { id: 'W2', driver: 'mqtt', kind: 'band', subject: 'P2' },
  ],
  people: [{ id: 'P1' }, { id: 'P2' }, { id: 'P3' }],
  staff: [{ id: 'S1' }, { id: 'S2' }],
  posts: [{ id: 'PO', zone: 'POST', hours: '08:00-09:00' }],
  patrols: [{ id: 'RT', kind: 'watch', points: ['A', 'B'], every: '60m', tolerance: '5m' }],
} as unknown as Site

describe('presence', () => {
  const state = (online: boolean, latest: Record<string, Record<string, unknown>> = {}): DeviceState => ({
    id: '',
    online,
    lastSeen: null,
    offsetMs: null,
    reason: null,
    readings: 0,
    quarantined: 0,
    latest: Object.fromEntries(Object.entries(latest).map(([t, value]) => [t, { time: T0, value, quality: 'good' }])),
  })
  const at = (person: string, zone: string, time: number, accuracy = 1): PersonPosition => ({
    person,
    staff: person.startsWith('S'),
    device: '',
    zone,
    floor: 1,
    x_m: 0,
    y_m: 0,
    accuracy_m: accuracy,
    time,
  })

  test('counts the seconds in which something was as it should be, of those in which it should have been', () => {
    const facts = new Facts()
    const presence = new PresenceFacts({ facts, formula: () => (inmates) => Math.ceil(inmates / 2) })
    const context = new FacilityContext(SITE)
    const states: Record<string, DeviceState> = {
      F1: state(true, { 'fence.voltage': { kv: 5, nominal_kv: 6 } }),
      K1: state(true),
      W1: state(true, { 'band.worn': { worn: true } }),
      W2: state(false, { 'band.worn': { worn: true } }),
    }
    const look = (now: number, more: Partial<Seen> = {}): void =>
      presence.look({
        now,
        context,
        state: (id) => states[id]!,
        positions: [at('P1', 'W3', now), at('P2', 'W3', now - 20_000, 5), at('P3', 'W3', now), at('S1', 'POST', now)],
        uplink: true,
        rules: [
          { code: 'R01', mandatory: true, enabled: true },
          { code: 'R06', mandatory: false, enabled: false },
        ],
        shelved: new Set(),
        desks: ['d1'],
        ...more,
      })
    look(T0)
    look(T0 + 10_000)
    states.K1 = state(true, { 'camera.tamper': { tamper: 'covered', active: true } })
    look(T0 + 20_000, { uplink: false, shelved: new Set(['R01']) })
    states.F1 = state(true, { 'fence.voltage': { kv: 4, nominal_kv: 6 } })
    states.K1 = state(true)
    look(T0 + 30_000)
    // Nobody looked for two minutes: they are in no sum.
    look(T0 + 150_000)
    const got = sums(facts)
    expect(got).toMatchObject({
      'desk.seconds d1': 30,
      'uplink.required': 30,
      'uplink.good': 20,
      'rule.required R01': 30,
      'rule.good R01': 20,
      'device.required camera': 30,
      'device.good camera': 30,
      'device.required band': 60,
      'device.good band': 30,
      'video.required': 30,
      'video.good': 20,
      'perimeter.required BELT': 30,
      'perimeter.good BELT': 10,
      'band.required': 60,
      'band.good': 30,
      'fix.required': 60,
      'fix.good': 30,
      'post.required PO': 30,
      'post.good PO': 30,
      'manning.required W3': 30,
      'manning.good W3': 30,
      'population 2026-11-22': 3,
    })
    expect(got['rule.required R06']).toBeUndefined()
  })

  test('a band on the charger owes nothing, a post has hours, a population is counted once a day', () => {
    const facts = new Facts()
    const presence = new PresenceFacts({ facts, formula: () => () => 0 })
    const context = new FacilityContext({ ...SITE, lists: [{ id: 'charging', persons: ['P1', 'P2'] }] } as Site)
    const seen = (now: number): Seen => ({
      now,
      context,
      state: () => state(true, { 'band.charging': { charging: false } }),
      positions: [],
      uplink: null,
      rules: [],
      shelved: new Set(),
      desks: [],
    })
    presence.look(seen(T0 + 90 * MINUTE))
    presence.look(seen(T0 + 90 * MINUTE + 10_000))
    const again = new PresenceFacts({ facts, formula: () => () => 0 })
    again.restore(presence.meta())
    again.look(seen(T0 + 91 * MINUTE))
    const got = sums(facts)
    expect(got['band.required']).toBeUndefined()
    expect(got['post.required PO']).toBeUndefined()
    expect(got['uplink.required']).toBeUndefined()
    expect(got['population 2026-11-22']).toBe(3)
  })
})

describe('patrols', () => {
  const context = new FacilityContext(SITE)
  const open = (facts: Facts) =>
    new PatrolFacts({
      facts,
      context: () => context,
      defaults: () => ({ everyMs: { day: HOUR_MS, night: HOUR_MS, watch: HOUR_MS }, toleranceMs: 0 }),
    })
  const visit = (point: string, time: number) => reading('patrol.checkin', time, { route: 'RT', point, officer: 'S1' })

  test('a point is due each hour of the clock, and visited in time, late within the tolerance, or not', () => {
    const facts = new Facts()
    const patrols = open(facts)
    patrols.tick(T0)
    for (const [point, minute] of [
      ['A', 30],
      ['A', 64],
      ['B', 66],
    ] as const)
      patrols.apply(visit(point, T0 + minute * MINUTE))
    patrols.tick(T0 + 66 * MINUTE)
    // A was visited in the first hour; B came six minutes late, which is of the second hour.
    expect(sums(facts)).toEqual({ 'patrol.due RT': 2, 'patrol.visited RT': 1 })
    patrols.tick(T0 + 126 * MINUTE)
    expect(sums(facts)).toEqual({ 'patrol.due RT': 2, 'patrol.visited RT': 2 })
  })

  test('a late visit counts for one interval only, and a restart forgets none', () => {
    const facts = new Facts()
    const patrols = open(facts)
    patrols.tick(T0)
    patrols.apply(visit('A', T0 + 62 * MINUTE))
    const again = open(facts)
    again.restore(patrols.meta())
    again.tick(T0 + 65 * MINUTE)
    again.tick(T0 + 126 * MINUTE)
    expect(sums(facts)).toEqual({ 'patrol.due RT': 4, 'patrol.visited RT': 1 })
  })
})
