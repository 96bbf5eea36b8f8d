import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ACK_SLA_MS, type Alert, LEVELS } from '#model/alert/alert.ts'
import { deskLoad, indicatorsOfLoad } from './alarm-load.ts'
import { midnightsOf } from './facility-indicators.ts'
import { CLOSING_SLA_MS, countedAlerts, indicatorsOfAlerts } from './indicator-alerts.ts'
import { indicatorsOfFacts } from './indicator-facts.ts'
import { INDICATORS, quantile } from './indicators.ts'
import { penalty, SAFETY_PARTS, safetyIndex, trendOf } from './safety-index.ts'
import { sampleAlert, T0 } from './sample-facility.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const window = { from: T0, to: T0 + DAY }
/** Opened its own incident, so it counts. */
const own = (id: string, more: Partial<Alert> = {}): Alert => sampleAlert(id, { incident: `i${id}`, ...more })
const of = (alerts: Alert[], more: Partial<Parameters<typeof indicatorsOfAlerts>[0]> = {}) =>
  indicatorsOfAlerts({
    alerts,
    earlier: [],
    window,
    now: T0 + DAY,
    personDays: 200,
    midnights: [],
    complete: true,
    ...more,
  })

describe('indicators of alerts', () => {
  test('of nothing there is no share: every ratio is null, never 0 or 1', () => {
    const values = of([], { personDays: null })
    for (const id of ['I01', 'I03', 'I04', 'I05', 'I06', 'I07', 'I08', 'I13', 'I14', 'I15', 'I31', 'I33'])
      expect(values.get(id)!.value, id).toBeNull()
    expect(values.get('I02')).toMatchObject({ value: 0, n: 0 })
  })

  test('drills, tests, S02 and silent members of an incident are in none of them', () => {
    const base = of([own('a', { ackAt: T0 + 1000, result: 'false', closedAt: T0 + 5000 })])
    const noise = [
      own('d', { drill: true }),
      own('t', { test: true }),
      own('s', { code: 'S02' }),
      sampleAlert('f', { incident: 'ia', annunciated: false }),
      own('before', { raisedAt: T0 - 1 }),
      own('after', { raisedAt: T0 + DAY }),
    ]
    const values = of([own('a', { ackAt: T0 + 1000, result: 'false', closedAt: T0 + 5000 }), ...noise])
    for (const { id } of INDICATORS) expect(values.get(id), id).toEqual(base.get(id))
  })

  test('a member that sounded asked somebody for an act of his own: it counts', () => {
    expect(countedAlerts([sampleAlert('m', { incident: 'ia', annunciated: true })], window)).toHaveLength(1)
  })

  test('worked example: four alerts of a day', () => {
    const alerts = [
      own('r', { level: 'red', ackAt: T0 + 20_000, closedAt: T0 + 2 * HOUR, result: 'confirmed', code: 'R01' }),
      own('o', { level: 'orange', ackAt: T0 + 90_000, closedAt: T0 + HOUR, result: 'false', code: 'R03' }),
      own('y', { level: 'yellow', ackAt: null, escalationStep: 1, evidenceCount: 0 }),
      own('b', { level: 'blue', raisedAt: T0 + DAY - 60_000 }),
    ]
    const values = of(alerts)
    expect(values.get('I01')!.value).toBe(2)
    expect(values.get('I02')).toMatchObject({ value: 1, n: 2 })
    expect(values.get('I03')).toMatchObject({ value: 60_000, n: 4 })
    // Blue is neither acknowledged nor overdue: three are judged, red alone was in time.
    expect(values.get('I04')).toMatchObject({ value: 1 / 3, n: 3 })
    expect(values.get('I04')!.detail!.redAndOrange).toEqual({ value: 0.5, n: 2 })
    expect(values.get('I05')).toMatchObject({ value: HOUR, detail: { p95: 2 * HOUR } })
    // Red took two hours of one; orange was in time; yellow fell due after a day and stands open; blue is not yet due.
    expect(values.get('I06')).toMatchObject({ value: 1 / 3, n: 3 })
    expect(values.get('I07')).toMatchObject({ value: 0.5, n: 2 })
    expect(values.get('I08')!.value, 'too few judged').toBeNull()
    expect(values.get('I13')!.value).toBe(1)
    expect(values.get('I14')!.value).toBeCloseTo((0.24 + 0.2 + 0.1 + 0.54) / 2, 10)
    expect(values.get('I15')).toMatchObject({ value: 0.25, n: 4 })
    expect(values.get('I33')).toMatchObject({ value: 0.5, n: 4 })
  })

  test('precision of a rule is shown from twenty judged alerts on', () => {
    const judged = Array.from({ length: 20 }, (_, i) =>
      own(`p${i}`, { code: 'R04', result: i < 15 ? 'confirmed' : 'false' }),
    )
    expect(of(judged.slice(1)).get('I08')!.value).toBeNull()
    expect(of(judged).get('I08')).toMatchObject({
      value: 0.75,
      n: 20,
      detail: { rules: { R04: { value: 0.75, n: 20 } } },
    })
  })

  test('medical response: arrived within four minutes, of those whose time was up', () => {
    const health = (id: string, arrived: number | null, raisedAt = T0) =>
      own(id, { level: 'red', plan: 'RP7', raisedAt, arrivedAt: arrived === null ? null : raisedAt + arrived })
    const values = of([
      health('1', 240_000),
      health('2', 240_001),
      health('3', null),
      health('4', null, T0 + DAY - 1000),
      own('x', { level: 'red', plan: 'RP1' }),
    ])
    expect(values.get('I31')).toMatchObject({ value: 1 / 3, n: 3, detail: { per1000PersonDays: 20 } })
  })

  test('stale: active for more than a day at midnight', () => {
    const midnight = T0 + 8 * HOUR
    const old = (id: string, more: Partial<Alert>) => own(id, { raisedAt: midnight - DAY - 1, ...more })
    const values = of([], {
      midnights: [midnight],
      earlier: [
        old('1', {}),
        old('2', { clearedAt: midnight + 1, conditionActive: false }),
        old('3', { clearedAt: midnight - 1, conditionActive: false }),
        old('4', { closedAt: midnight - 1 }),
        own('5', { raisedAt: midnight - DAY }),
        old('6', { drill: true }),
      ],
    })
    expect(values.get('I12')!.detail!.stale).toBe(2)
  })

  test('equal to the slow obvious way on any alerts (property)', () => {
    const maybe = fc.option(fc.integer({ min: 0, max: 30 * HOUR }), { nil: null })
    const anAlert = fc.record({
      level: fc.constantFrom(...LEVELS),
      at: fc.integer({ min: 0, max: DAY - 1 }),
      ack: maybe,
      close: maybe,
      result: fc.constantFrom('confirmed', 'false', 'nuisance', null),
      step: fc.integer({ min: 0, max: 2 }),
    })
    fc.assert(
      fc.property(fc.array(anAlert, { maxLength: 40 }), (rows) => {
        const alerts = rows.map((r, i) =>
          own(`x${i}`, {
            level: r.level,
            raisedAt: T0 + r.at,
            ackAt: r.ack === null ? null : T0 + r.at + r.ack,
            closedAt: r.close === null ? null : T0 + r.at + r.close,
            result: r.result as Alert['result'],
            escalationStep: r.step,
          }),
        )
        const now = T0 + DAY
        const values = of(alerts)
        const share = (part: number, whole: number) => (whole === 0 ? null : part / whole)
        let acked = 0
        let ackDue = 0
        let closed = 0
        let closeDue = 0
        for (const a of alerts) {
          if (a.ackAt !== null || now - a.raisedAt > ACK_SLA_MS[a.level]) ackDue++
          if (a.ackAt !== null && a.ackAt - a.raisedAt <= ACK_SLA_MS[a.level]) acked++
          if (a.raisedAt + CLOSING_SLA_MS[a.level] <= now) {
            closeDue++
            if (a.closedAt !== null && a.closedAt - a.raisedAt <= CLOSING_SLA_MS[a.level]) closed++
          }
        }
        expect(values.get('I04')!.value).toBe(share(acked, ackDue))
        expect(values.get('I06')!.value).toBe(share(closed, closeDue))
        const count = (result: string) => alerts.filter((a) => a.result === result).length
        expect(values.get('I07')!.value).toBe(share(count('false'), count('false') + count('confirmed')))
        expect(values.get('I15')!.value).toBe(share(alerts.filter((a) => a.escalationStep > 0).length, alerts.length))
        for (const id of ['I04', 'I06', 'I07', 'I13', 'I14', 'I15', 'I33']) {
          const { value } = values.get(id)!
          if (value !== null) {
            expect(value, id).toBeGreaterThanOrEqual(0)
            expect(value, id).toBeLessThanOrEqual(1)
          }
        }
      }),
      { seed: 4, numRuns: 200 },
    )
  })

  test('nearest rank: the smallest value that at least the share of the values does not exceed (property)', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), fc.double({ min: 0.01, max: 1, noNaN: true }), (xs, p) => {
        const sorted = [...xs].sort((a, b) => a - b)
        const slow = sorted.find((x) => sorted.filter((y) => y <= x).length >= p * sorted.length - 1e-9)
        expect(quantile(sorted, p)).toBe(slow)
      }),
      { seed: 1, numRuns: 200 },
    )
    expect(quantile([], 0.5)).toBeNull()
  })
})

describe('alarm load (ISA-18.2)', () => {
  const minutes = (n: number) => T0 + n * 60_000

  test('alarms per ten minutes and console, from the time the console was watched', () => {
    const load = deskLoad('d1', [minutes(1), minutes(2), minutes(3)], { from: T0, to: minutes(60) }, 3600)
    expect(load).toMatchObject({ annunciated: 3, per10Min: 0.5, peak: 3, floodSeconds: 0 })
    expect(load.series).toHaveLength(6 + (T0 % 600_000 ? 1 : 0))
    expect(deskLoad('d1', [], { from: T0, to: minutes(60) }, 0).per10Min).toBeNull()
    expect(indicatorsOfLoad([deskLoad('d1', [], { from: T0, to: minutes(60) }, 0)], 0).get('I09')!.value).toBeNull()
  })

  test('a flood begins with the eleventh in ten minutes and ends below five', () => {
    // One a second for eleven seconds: they leave one after the other ten minutes later.
    const times = Array.from({ length: 11 }, (_, i) => T0 + i * 1000)
    const load = deskLoad('d1', times, { from: T0, to: minutes(60) }, 3600)
    // Below five when the seventh has left: second 6 + 600.
    expect(load.floods).toEqual([{ from: T0 + 10_000, to: T0 + 606_000 }])
    expect(load.floodSeconds).toBe(596)
    expect(deskLoad('d1', times.slice(1), { from: T0, to: minutes(60) }, 3600).floods).toEqual([])
    const two = indicatorsOfLoad([load, deskLoad('d2', [], { from: T0, to: minutes(60) }, 3600)], 2)
    expect(two.get('I10')!.value).toBeCloseTo(596 / 7200, 10)
    expect(two.get('I11')!.value).toBe(11)
    expect(two.get('I09')!.value).toBeCloseTo(11 / 12, 10)
    expect(two.get('I12')!.value).toBe(2)
  })

  test('a flood that began before the window is cut to it', () => {
    const times = Array.from({ length: 12 }, (_, i) => T0 - 12_000 + i * 1000)
    const [flood] = deskLoad('d1', times, { from: T0, to: minutes(60) }, 3600).floods
    expect(flood!.from).toBe(T0)
  })

  test('peak and flood seconds are those of a walk second by second (property)', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2400 }), { maxLength: 60 }), (seconds) => {
        const times = seconds.map((s) => T0 + s * 1000).sort((a, b) => a - b)
        const load = deskLoad('d', times, { from: T0, to: T0 + 3_600_000 }, 3600)
        let peak = 0
        let flood = 0
        let inFlood = false
        for (let s = 0; s < 3600; s++) {
          const at = T0 + s * 1000
          const count = times.filter((t) => t > at - 600_000 && t <= at).length
          peak = Math.max(peak, count)
          inFlood = inFlood ? count >= 5 : count > 10
          if (inFlood) flood++
        }
        expect(load.peak).toBe(peak)
        expect(load.floodSeconds).toBe(flood)
      }),
      { seed: 9, numRuns: 40 },
    )
  })
})

describe('indicators of facts', () => {
  const sums = (rows: Record<string, Record<string, number>>) =>
    new Map(Object.entries(rows).map(([name, parts]) => [name, new Map(Object.entries(parts))]))

  test('nothing watched is null', () => {
    for (const [id, value] of indicatorsOfFacts(new Map(), new Map())) expect(value.value, id).toBeNull()
  })

  test('shares of time, roll-calls, patrols and rules', () => {
    const values = indicatorsOfFacts(
      sums({
        'device.good': { camera: 90, band: 300 },
        'device.required': { camera: 100, band: 300 },
        'rule.required': { R01: 100, R04: 100 },
        'rule.good': { R01: 100, R04: 50 },
        'patrol.due': { A: 8, B: 2 },
        'patrol.visited': { A: 8, B: 1 },
        'rollcall.scheduled': { '': 4 },
        'rollcall.held': { '': 4 },
        'rollcall.on-time': { '': 3 },
        'rollcall.mismatch': { '': 1 },
        'rollcall.cleared': { '': 4 },
        'rollcall.clear-ms': { '': 1_200_000 },
      }),
      new Map([
        ['clockwork', [0, 600, 1200, 1800]],
        ['human', [0, 500, 1300, 1800]],
        ['new', [0, 600]],
      ]),
    )
    expect(values.get('I16')).toMatchObject({ value: 390 / 400, n: 400, detail: { parts: { camera: 0.9, band: 1 } } })
    expect(values.get('I36')).toMatchObject({ value: 0.75, n: 2, detail: { weak: ['R04'] } })
    expect(values.get('I26')).toMatchObject({ value: 0.9, n: 10, detail: { watchRegularity: { value: 0.5, n: 2 } } })
    expect(values.get('I25')).toMatchObject({ value: 0.75, n: 4, detail: { clearMs: 300_000, mismatch: 0.25 } })
  })
})

describe('safety index and trend', () => {
  const perfect = new Map(SAFETY_PARTS.map((p) => [p.id, p.target] as const))

  test('weights are one, targets met are 100, floors are 0, half-way is 50', () => {
    expect(SAFETY_PARTS.reduce((sum, p) => sum + p.weight, 0)).toBeCloseTo(1, 10)
    expect(safetyIndex(perfect).value).toBeCloseTo(100, 10)
    expect(safetyIndex(new Map(SAFETY_PARTS.map((p) => [p.id, p.floor] as const))).value).toBeCloseTo(0, 10)
    const half = new Map(SAFETY_PARTS.map((p) => [p.id, (p.target + p.floor) / 2] as const))
    expect(safetyIndex(half).value).toBeCloseTo(50, 10)
  })

  test('lower is better for false alarms, by the same expression', () => {
    const i07 = SAFETY_PARTS.find((p) => p.id === 'I07')!
    expect([penalty(i07, 0.1), penalty(i07, 0.4), penalty(i07, 0.9)]).toEqual([0, expect.closeTo(50, 9), 100])
  })

  test('unknown parts give their weight to the others; more than 0.30 unknown is 数据不足', () => {
    const some = new Map<string, number | null>([...perfect, ['I17', null], ['I04', null]])
    expect(safetyIndex(some)).toMatchObject({ value: 100, n: 8 })
    expect(safetyIndex(new Map([...some, ['I29', null]])).value).toBeNull()
    const bad = new Map<string, number | null>([...perfect, ['I17', null], ['I19', 0.95]])
    expect(safetyIndex(bad).value).toBeCloseTo(100 - (0.1 * 100) / 0.85, 10)
  })

  test('a trend needs thirty days; z and the moving average are those of the definition', () => {
    const days = Array.from({ length: 30 }, (_, i) => i % 2)
    expect(trendOf(days.slice(1), 1).z).toBeNull()
    const trend = trendOf([...days, null], 2)
    const sd = Math.sqrt((30 * 0.25) / 29)
    expect(trend.z).toBeCloseTo(1.5 / sd, 10)
    let ewma = 0
    for (const x of [...days.slice(1), 2]) ewma = 0.2 * x + 0.8 * ewma
    expect(trend.ewma).toBeCloseTo(ewma, 10)
    expect(trendOf(Array(40).fill(3), 3).z, 'no spread, no z').toBeNull()
  })
})

test('midnights are local ones, whatever the length of the day', () => {
  const from = Date.parse('2026-03-27T12:00:00Z')
  const found = midnightsOf({ from, to: from + 4 * DAY }, 'Europe/Berlin', from + 10 * DAY)
  expect(found.map((at) => new Date(at).toISOString())).toEqual([
    '2026-03-27T23:00:00.000Z',
    '2026-03-28T23:00:00.000Z',
    '2026-03-29T22:00:00.000Z',
    '2026-03-30T22:00:00.000Z',
  ])
})
