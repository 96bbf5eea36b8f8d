import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { INDICATORS } from '#dashboards/indicators.ts'
import { byFacility, daysOf, indicatorOf, LEAST_RANKED, merge, ranking, shown } from './indicators.ts'
import type { IndicatorRow } from './store/queries.ts'

const DAY = 86_400_000
const row = (facility: string, indicator: string, value: number | null, n: number, day = 0): IndicatorRow => ({
  facility,
  indicator,
  from: day * DAY,
  to: (day + 1) * DAY,
  value,
  n,
})
const of = (id: string) => indicatorOf(id)!

describe('values of facilities as one', () => {
  test('shares are weighted by what they are made of, counts are added, peaks are the highest, percentiles the median', () => {
    expect(merge(of('I16'), [row('a', 'I16', 1, 900), row('b', 'I16', 0.5, 100)]).value).toBeCloseTo(0.95, 10)
    expect(merge(of('I02'), [row('a', 'I02', 2, 3), row('b', 'I02', 1, 1)])).toEqual({ value: 3, n: 4 })
    expect(merge(of('I11'), [row('a', 'I11', 4, 9), row('b', 'I11', 12, 30)]).value).toBe(12)
    expect(merge(of('I03'), [row('a', 'I03', 10, 1), row('b', 'I03', 20, 1), row('c', 'I03', 90, 1)]).value).toBe(20)
  })

  test('what is null takes no part; of nothing comes null', () => {
    for (const indicator of INDICATORS) {
      expect(merge(indicator, []), indicator.id).toEqual({ value: null, n: 0 })
      expect(merge(indicator, [row('a', indicator.id, null, 5)]).value, indicator.id).toBeNull()
    }
    expect(merge(of('I16'), [row('a', 'I16', null, 900), row('b', 'I16', 0.5, 100)]).value).toBe(0.5)
  })

  test('a weighted value lies between the lowest and the highest, and is that of all samples together (property)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 1000 }), fc.integer({ min: 1, max: 1000 })), { minLength: 1, maxLength: 20 }),
        (parts) => {
          const rows = parts.map(([good, whole], i) => row(`f${i}`, 'I16', Math.min(good, whole) / whole, whole))
          const good = parts.reduce((sum, [g, w]) => sum + Math.min(g, w), 0)
          const whole = parts.reduce((sum, [, w]) => sum + w, 0)
          expect(merge(of('I16'), rows).value).toBeCloseTo(good / whole, 10)
        },
      ),
      { seed: 3, numRuns: 200 },
    )
  })
})

test('fewer than five persons are not shown, neither as a value nor as a number', () => {
  expect(shown(of('I31'), 'a', { value: 0.5, n: 4 })).toEqual({ facility: 'a', value: null, n: 0, small: true })
  expect(shown(of('I31'), 'a', { value: 0.5, n: 5 })).toMatchObject({ value: 0.5, n: 5, small: false })
  expect(shown(of('I31'), 'a', { value: null, n: 0 })).toMatchObject({ small: false })
  expect(shown(of('I16'), 'a', { value: 0.5, n: 4 }), 'a count of seconds').toMatchObject({ value: 0.5 })
  expect(daysOf(of('I31'), [row('a', 'I31', 0.5, 2), row('b', 'I31', 1, 9)])[0]).toMatchObject({ low: 1, high: 1 })
})

test('days stand in their order with the band of the facilities', () => {
  const rows = [row('a', 'I16', 0.9, 10, 1), row('b', 'I16', 0.7, 10, 1), row('a', 'I16', 1, 10, 0)]
  expect(daysOf(of('I16'), rows)).toEqual([
    { from: 0, to: DAY, value: 1, n: 10, low: 1, high: 1, facilities: 1 },
    { from: DAY, to: 2 * DAY, value: expect.closeTo(0.8, 10), n: 20, low: 0.7, high: 0.9, facilities: 2 },
  ])
  expect(byFacility(of('I16'), rows).map((f) => [f.facility, f.value])).toEqual([
    ['a', 0.95],
    ['b', 0.7],
  ])
})

describe('ranking', () => {
  const week = (facility: string, index: number | null, alerts: number) => [
    row(facility, 'I39', index, 8),
    row(facility, 'I04', 0.8, alerts),
    row(facility, 'I16', 0.89, 1000),
  ]

  test('by the index, with the change and what costs most; too little is shown without a rank', () => {
    const rows = [
      ...week('a', 90, 30),
      ...week('b', 95, 25),
      ...week('c', 99, LEAST_RANKED - 1),
      ...week('d', null, 50),
    ]
    const ranked = ranking(['a', 'b', 'c', 'd', 'e'], rows, [row('a', 'I39', 88, 8)])
    expect(ranked.map((r) => [r.facility, r.rank])).toEqual([
      ['b', 1],
      ['a', 2],
      ['c', null],
      ['d', null],
      ['e', null],
    ])
    const a = ranked.find((r) => r.facility === 'a')!
    expect(a).toMatchObject({ index: 90, change: 2, n: 30 })
    // I04: 0.15 · 100·(0.95−0.8)/0.35; I16: 0.10 · 100·(0.98−0.89)/0.18.
    expect(a.reasons.map((r) => [r.id, Math.round(r.points * 100) / 100])).toEqual([
      ['I04', 6.43],
      ['I16', 5],
    ])
    expect(ranked.find((r) => r.facility === 'b')!.change).toBeNull()
  })
})
