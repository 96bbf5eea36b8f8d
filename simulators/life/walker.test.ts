import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FacilityContext } from '#model/context/facility-context.ts'
import { buildFacility } from '../facility/facility.ts'
import { planOfSite } from '../facility/plan-of-site.ts'
import { journey, seatIn, WALK_M_PER_S, walkInTime, wayBetween } from './walker.ts'

const { site, plan } = buildFacility('demo')
const rooms = [
  ...plan.wards.flatMap((w) => [...w.cells, w.toilet, w.day, w.post]),
  'CANTEEN',
  'WORKSHOP-1',
  'MED',
  'OFFICE',
]

describe('a walk', () => {
  it('goes at walking pace from any room to any other, and ends where it should', () => {
    fc.assert(
      fc.property(fc.constantFrom(...rooms), fc.constantFrom(...rooms), (from, to) => {
        const [a, b] = [seatIn(plan, from, 1, 4), seatIn(plan, to, 2, 4)]
        const { spots, passages } = journey(plan, { zone: from, spot: a }, { zone: to, spot: b })
        expect(spots[0]).toEqual(a)
        expect(spots.at(-1)).toEqual(b)
        for (let i = 1; i < spots.length; i++) {
          const [p, q] = [spots[i - 1] as typeof a, spots[i] as typeof a]
          expect(Math.hypot(p.x_m - q.x_m, p.y_m - q.y_m)).toBeLessThanOrEqual(WALK_M_PER_S + 1e-9)
        }
        for (const { second } of passages) expect(second).toBeLessThanOrEqual(spots.length)
        if (from !== to) expect(passages[0]).toMatchObject({ zone: from, inward: false })
        if (from !== to) expect(passages.at(-1)).toMatchObject({ zone: to, inward: true })
      }),
      { seed: 7, numRuns: 60 },
    )
  })

  it('to the canteen keeps out of yards and of houses that are closed to the people in custody', () => {
    const context = new FacilityContext(site)
    const person = context.person('P017')
    const at = Date.parse('2026-11-23T11:41:00+08:00')
    const { spots } = journey(
      plan,
      { zone: 'W3-C204', spot: seatIn(plan, 'W3-C204', 0, 4) },
      { zone: 'CANTEEN', spot: seatIn(plan, 'CANTEEN', 7, 60) },
    )
    for (const { x_m, y_m, floor } of spots) {
      const zone = context.zoneAt(floor, x_m, y_m)
      if (zone && person) expect(context.isForbidden(person, zone, at), `${zone} at ${x_m},${y_m}`).toBe(false)
    }
  })

  it('is the same over the plan that is read out of the site file', () => {
    const read = planOfSite(site)
    for (const [from, to] of [
      ['W3-C204', 'CANTEEN'],
      ['W1-POST', 'W1-COR'],
      ['W2-C105', 'TZ2'],
    ] as const)
      expect(wayBetween(read, from, to)).toEqual(wayBetween(plan, from, to))
  })

  it('in a given time has one place a second and arrives on the last', () => {
    const way = wayBetween(plan, 'W3-C204', 'YARD-E')
    const spots = walkInTime(way, 80)
    expect(spots).toHaveLength(81)
    expect(spots[80]).toEqual(way.at(-1)?.spot)
  })

  it('finds different seats for different people, all in the room', () => {
    const context = new FacilityContext(site)
    const seats = Array.from({ length: 60 }, (_, i) => seatIn(plan, 'W3-DAY', i, 60))
    expect(new Set(seats.map((s) => `${s.x_m},${s.y_m}`)).size).toBe(60)
    for (const s of seats) expect(context.zoneAt(s.floor, s.x_m, s.y_m)).toBe('W3-DAY')
  })
})
