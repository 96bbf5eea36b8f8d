import { describe, expect, test } from 'vitest'
import type { Alert } from '#model/alert/alert.ts'
import { VirtualClock } from '#model/clock.ts'
import type { Plan } from '#model/ports/facility.ts'
import { type FacilityFacts, FacilityIndicators } from './facility-indicators.ts'
import { SampleDesk, sampleAlert, T0 } from './sample-facility.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOW = T0 + 20 * HOUR
const window = { from: T0 - HOUR, to: T0 + DAY }

const PLAN: Plan = {
  id: 'RP7',
  version: '1',
  name: { zh: '', en: '' },
  steps: [
    { id: 'dispatch', channel: 'people', text: { zh: '', en: '' }, required: true, targetS: 60 },
    { id: 'arrival', channel: 'people', text: { zh: '', en: '' }, required: true, targetS: 240 },
    { id: 'history', channel: 'data', text: { zh: '', en: '' }, required: false, targetS: null },
  ],
}

class House {
  readonly desk = new SampleDesk(new VirtualClock(NOW))
  facts: FacilityFacts = {
    sums: async () => new Map(),
    marks: async () => [],
    quality: () => ({ expected: 0, arrived: 0, received: 0, timely: 0, valid: 0, judged: 0 }),
    daily: async () => [],
    ledger: async () => ({ entries: 0, verified: 0 }),
    hasPicture: async () => true,
  }
  escorts: never[] = []
  modes: never[] = []

  add(id: string, more: Partial<Alert> = {}): Alert {
    const alert = sampleAlert(id, { incident: `i${id}`, ...more })
    this.desk.publish(alert)
    return alert
  }

  say(
    alert: Alert,
    change: 'plan-step' | 'pending-review' | 'approved',
    by: string,
    step: string | null,
    at: number,
  ): void {
    this.desk.changes.push({
      seq: this.desk.changes.length,
      change: { at, change, alert, by, note: step === null ? null : JSON.stringify({ step, done: true }) },
    })
  }

  compute() {
    return new FacilityIndicators({
      desk: this.desk,
      facts: this.facts,
      timezone: 'Asia/Shanghai',
      now: () => NOW,
      desks: () => ['d1'],
      plans: () => [PLAN],
      rules: () => [],
      escorts: () => this.escorts,
      modes: () => this.modes,
      roster: () => 4,
    }).compute(window)
  }
}

describe('indicators of a facility', () => {
  test('of a facility that knows nothing everything is null, but for what is counted', async () => {
    const values = await new House().compute()
    for (const [id, { value }] of values) if (id !== 'I02') expect(value, id).toBeNull()
    expect(values.has('I20'), 'the province alone knows').toBe(false)
    expect(values.size).toBe(38)
  })

  test('evidence is whole with a picture, the required steps and two different signatures', async () => {
    const h = new House()
    const closed = { closedAt: T0 + HOUR, result: 'confirmed' as const }
    const whole = h.add('w', closed)
    const alone = h.add('s', closed)
    const skipped = h.add('k', closed)
    h.add('y', { ...closed, level: 'yellow' })
    h.add('o', { closedAt: null })
    for (const [alert, steps, second] of [
      [whole, ['dispatch', 'arrival'], 'S02'],
      [alone, ['dispatch', 'arrival'], 'S01'],
      [skipped, ['dispatch'], 'S02'],
    ] as const) {
      for (const step of steps) h.say(alert, 'plan-step', 'S01', step, T0 + 1000)
      h.say(alert, 'pending-review', 'S01', null, T0 + 2000)
      h.say(alert, 'approved', second, null, T0 + 3000)
    }
    const values = await h.compute()
    expect(values.get('I34')).toMatchObject({
      value: 1 / 3,
      n: 3,
      detail: { lacks: { clip: 0, steps: 1, signatures: 1 } },
    })
    h.facts.hasPicture = async (id) => id !== 'w'
    expect((await h.compute()).get('I34')!.value).toBe(0)
  })

  test('an escort counts when it is over, and is whole when nobody of it was apart', async () => {
    const h = new House()
    h.escorts = [
      { id: 'E1', persons: ['P1'], officers: [], route: [], from: T0, to: T0 + HOUR },
      { id: 'E2', persons: ['P2'], officers: [], route: [], from: T0, to: T0 + HOUR },
      { id: 'E3', persons: ['P3'], officers: [], route: [], from: T0, to: NOW + HOUR },
    ] as never[]
    h.add('r', { code: 'R21', subjects: ['P2'], raisedAt: T0 + 60_000 })
    h.add('later', { code: 'R21', subjects: ['P1'], raisedAt: T0 + 2 * HOUR })
    expect((await h.compute()).get('I32')).toMatchObject({ value: 0.5, n: 2 })
  })

  test('a drill meets its targets when every alert of it does; its alerts are in no other indicator', async () => {
    const h = new House()
    h.modes = [
      { id: 'D1', mode: 'drill', from: T0, to: T0 + HOUR },
      { id: 'D2', mode: 'drill', from: T0 + 2 * HOUR, to: T0 + 3 * HOUR },
      { id: 'D3', mode: 'drill', from: T0 + 4 * HOUR, to: T0 + 5 * HOUR },
      { id: 'F1', mode: 'fire', from: T0, to: T0 + HOUR },
    ] as never[]
    const good = h.add('g', { drill: true, ackAt: T0 + 10_000 })
    h.say(good, 'plan-step', 'S01', 'dispatch', T0 + 60_000)
    h.say(good, 'plan-step', 'S01', 'arrival', T0 + 240_000)
    const late = h.add('l', { drill: true, raisedAt: T0 + 2 * HOUR, ackAt: T0 + 2 * HOUR + 10_000 })
    h.say(late, 'plan-step', 'S01', 'dispatch', T0 + 2 * HOUR + 61_000)
    h.say(late, 'plan-step', 'S01', 'arrival', T0 + 2 * HOUR + 100_000)
    const values = await h.compute()
    expect(values.get('I37')).toMatchObject({ value: 0.5, n: 2 })
    expect(values.get('I04')!.n).toBe(0)
  })

  test('the index, the ledger, the roster and the trend come from what is kept', async () => {
    const h = new House()
    const parts = (name: string, good: number): [string, Map<string, number>][] => [
      [`${name}.good`, new Map([['', good]])],
      [`${name}.required`, new Map([['', 100]])],
    ]
    h.facts.sums = async () =>
      new Map([
        ...parts('device', 98),
        ...parts('perimeter', 99.9),
        ...parts('uplink', 99.9),
        ...parts('band', 98),
        ['rollcall.scheduled', new Map([['', 2]])],
        ['rollcall.on-time', new Map([['', 2]])],
        ['patrol.due', new Map([['', 100]])],
        ['patrol.visited', new Map([['', 98]])],
        ['population', new Map([['2026-11-22', 200]])],
        [
          'operator',
          new Map([
            ['S01', 3],
            ['S02', 1],
          ]),
        ],
      ])
    h.facts.quality = () => ({ expected: 100, arrived: 95, received: 100, timely: 95, valid: 95, judged: 100 })
    h.facts.ledger = async () => ({ entries: 10, verified: 7 })
    h.facts.daily = async (from, to) => {
      expect([from, to]).toEqual(['2026-08-24', '2026-11-21'])
      return Array.from({ length: 40 }, (_, i) => ({ id: 'I39', day: `d${i}`, value: i % 2 ? 100 : 98 }))
    }
    h.add('a', { ackAt: T0 + 1000, closedAt: T0 + 2000 })
    const values = await h.compute()
    expect(values.get('I24')!.value).toBeCloseTo(95, 10)
    expect(values.get('I39')!.value).toBeCloseTo(100, 10)
    expect(values.get('I38')!.value).toBeCloseTo(1 / Math.sqrt(40 / 39), 6)
    expect(values.get('I35')).toMatchObject({ value: 0.7, n: 10 })
    expect(values.get('I33')!.detail).toMatchObject({ activeOperators: 2, rostered: 4, active: 0.5 })
    expect(values.get('I01')!.value).toBe(0.5)
  })
})
