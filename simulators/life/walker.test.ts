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

  it.each(['demo', 'full'] as const)(
    'keeps out of yards and of what is closed to the people in custody, in the %s facility',
    (size) => {
      const facility = size === 'demo' ? { site, plan } : buildFacility('full')
      const context = new FacilityContext(facility.site)
      const at = Date.parse('2026-11-23T11:41:00+08:00')
      for (const ward of facility.plan.wards) {
        const person = facility.site.people?.find((p) => p.cell !== undefined && ward.cells.includes(p.cell))
        for (const cell of [ward.cells[0], ward.cells.at(-1)] as string[])
          for (const goal of ['CANTEEN', 'WORKSHOP-1', 'WORKSHOP-2', 'MED', 'VISIT']) {
            const there = { zone: goal, spot: seatIn(facility.plan, goal, 0, 24) }
            const here = { zone: cell, spot: seatIn(facility.plan, cell, 0, 4) }
            for (const way of [journey(facility.plan, here, there), journey(facility.plan, there, here)])
              for (const { x_m, y_m, floor } of way.spots) {
                const zone = context.zoneAt(floor, x_m, y_m)
                if (zone && person && zone !== cell && zone !== goal)
                  expect(context.isForbidden(person, zone, at), `${cell} to ${goal}: ${zone} at ${x_m},${y_m}`).toBe(
                    false,
                  )
              }
          }
      }
    },
  )

  it.each(['demo', 'full'] as const)(
    'goes around every house that is not its beginning or end, in the %s facility',
    (size) => {
      const facility = size === 'demo' ? { site, plan } : buildFacility('full')
      const context = new FacilityContext(facility.site)
      const houses = [
        'WORKSHOP-1',
        'WORKSHOP-2',
        'CANTEEN',
        'KITCHEN',
        'MED',
        'VISIT',
        'BOILER',
        'STORE',
        'OFFICE',
        'MACHINE',
      ]
      const posts = facility.plan.wards.filter((w) => w.floor === 1).map((w) => w.post)
      for (const from of [...houses, ...posts.slice(0, 3)])
        for (const to of houses) {
          if (from === to) continue
          const [a, b] = [seatIn(facility.plan, from, 0, 9), seatIn(facility.plan, to, 4, 9)]
          const allowed = [from, to, 'SITE', ...(/^W\d/.test(from) ? [from.replace('POST', 'COR')] : [])]
          for (const { x_m, y_m, floor } of journey(facility.plan, { zone: from, spot: a }, { zone: to, spot: b })
            .spots) {
            const zone = context.zoneAt(floor, x_m, y_m)
            if (zone && !/^B\d+$/.test(zone)) expect(allowed, `${from} to ${to} at ${x_m},${y_m}`).toContain(zone)
          }
        }
    },
  )

  it('over open ground to a spot beyond the ward buildings keeps to the roads between them', () => {
    const context = new FacilityContext(site)
    const goal = { x_m: 132, y_m: 47, floor: 1 }
    const way = [...wayBetween(plan, 'W3-C204', 'SITE', goal).slice(0, -1), { zone: 'SITE', spot: goal }]
    const zones = new Set(walkInTime(way, 90).map((s) => context.zoneAt(s.floor, s.x_m, s.y_m)))
    expect([...zones].filter((z) => z !== 'B2')).toEqual(['W3-C204', 'W3-COR', 'SITE'])
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
