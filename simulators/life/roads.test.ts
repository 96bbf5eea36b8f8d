import { describe, expect, it } from 'vitest'
import { buildFacility } from '../facility/facility.ts'
import { Roads } from './roads.ts'
import { journey, seatIn } from './walker.ts'

const { plan } = buildFacility('demo')
const seat = (zone: string) => ({ zone, spot: seatIn(plan, zone, 0, 9) })
const out = journey(plan, seat('W3-C204'), seat('CANTEEN'))
const home = journey(plan, seat('CANTEEN'), seat('W3-C204'))

describe('the roads', () => {
  it('let a second party follow at a distance, but not at once', () => {
    const roads = new Roads()
    expect(roads.book('C1', out, 0)).toBe(true)
    expect(roads.book('C2', out, 0)).toBe(false)
    expect(roads.book('C2', out, 8000)).toBe(false)
    expect(roads.book('C2', out, 18_000)).toBe(true)
  })

  it('keep a party waiting until those who come towards it have passed', () => {
    const roads = new Roads()
    expect(roads.book('C1', out, 0)).toBe(true)
    expect(roads.book('C2', home, 10_000)).toBe(false)
    expect(roads.book('C2', home, out.spots.length * 1000)).toBe(true)
  })

  it('never count a party against itself, and forget what is past', () => {
    const roads = new Roads()
    expect(roads.book('C1', out, 0)).toBe(true)
    expect(roads.book('C1', out, 2000)).toBe(true)
    roads.forgetBefore(10_000_000)
    expect(roads.book('C2', out, 0)).toBe(true)
  })

  it('of two floors over each other do not get in each other’s way', () => {
    const roads = new Roads()
    const upper = journey(plan, seat('W4-C300'), seat('W4-DAY'))
    expect(roads.book('C1', upper, 0)).toBe(true)
    expect(roads.book('C2', journey(plan, seat('W3-C200'), seat('W3-DAY')), 0)).toBe(true)
  })
})
