/** Geofence, pair, group and all-of-a-set, beside their references. */
import fc from 'fast-check'
import { describe } from 'vitest'
import { catalogueRule, holdsAsReference, type Line, stepsOf, streamOf } from './bench.ts'
import { heldSteps } from './held.ts'
import { fenceSpans, fullestCircle, metres, placeAt, usableFixes } from './places.ts'

type Event = Omit<Line, 'time'>
const END = 150_000
const fix = (device: string, x: fc.Arbitrary<number>, y: fc.Arbitrary<number>): fc.Arbitrary<Event> =>
  fc
    .record({
      x_m: x,
      y_m: y,
      floor: fc.constantFrom(1, 1, 1, 1, 1, 1, 1, 0),
      accuracy_m: fc.constantFrom(1, 1, 1, 3, 3.5),
      bad: fc.integer({ min: 0, max: 15 }),
    })
    .map(({ bad, ...value }) => ({
      device,
      type: device.endsWith('T') ? 'tag.position' : 'band.position',
      value,
      quality: bad === 0 ? ('bad' as const) : ('good' as const),
    }))
const worn = (device: string): fc.Arbitrary<Event> =>
  fc.boolean().map((w) => ({ device, type: 'band.worn', value: { worn: w } }))

describe('geofence', () => {
  // The yard is orange, the belt red, the corridor of no class; P1 may be in his ward.
  const zoneOf = (x: number): string => (x === 2 ? 'C1' : x === 110 ? 'YARD' : 'BELT')
  holdsAsReference('consecutive fixes inside', {
    rules: [catalogueRule('geofence-breach')],
    lines: streamOf(
      fc.oneof(
        {
          weight: 20,
          arbitrary: fix('B1', fc.constantFrom(2, 110, 110, 110, 162), fc.constant(3)).map((e) => ({
            ...e,
            value: { ...e.value, floor: 1 },
          })),
        },
        { weight: 1, arbitrary: worn('B1') },
      ),
      90_000,
      { min: 10, max: 70 },
    ),
    end: END,
    runs: 150,
    reference(lines) {
      const fixes = usableFixes(lines, 'B1').map((f) => ({ ...f, zone: zoneOf(f.x) }))
      return stepsOf(
        fenceSpans(fixes, new Set(['YARD', 'BELT']), 5_000, 3, 10_000, END).map(({ zone, from, to }) => ({
          key: `P1|${zone}`,
          level: zone === 'BELT' ? ('red' as const) : ('orange' as const),
          from,
          to,
        })),
      )
    },
  })
})

const BANDS = ['B1', 'B2', 'B3', 'B4', 'B5']
/** Each band repeats its last good fix before that runs out. */
function heardThroughout(lines: Line[]): Line[] {
  const sound = lines.map((l) => ({ ...l, quality: 'good' as const, value: { ...l.value, floor: 1, accuracy_m: 1 } }))
  const more = BANDS.flatMap((device) => {
    const own = sound.filter((l) => l.device === device)
    return own.flatMap((l, i) => {
      const until = own[i + 1]?.time ?? END
      const filled: Line[] = []
      for (let t = l.time + 9_000; t < until; t += 9_000) filled.push({ ...l, time: t })
      return filled
    })
  })
  return [...sound, ...more].sort((a, b) => a.time - b.time)
}

describe('proximity', () => {
  const walk = fc.constantFrom(100, 101, 102.9, 103, 104, 104.5, 110)
  const still = fc.constant(3)

  holdsAsReference('of a pair that must be kept apart', {
    rules: [catalogueRule('keep-apart-proximity')],
    site: { 'keep-apart': [{ id: 'KA', persons: ['P1', 'P2'] }] },
    lines: streamOf(fc.oneof(fix('B1', walk, still), fix('B2', walk, still)), 90_000, { min: 12, max: 80 }),
    end: END,
    reference(lines) {
      const [a, b] = [usableFixes(lines, 'B1'), usableFixes(lines, 'B2')]
      const compare = (judge: (d: number) => boolean) => (at: number) => {
        const [pa, pb] = [placeAt(a, at), placeAt(b, at)]
        return pa && pb ? judge(metres(pa, pb)) : null
      }
      return heldSteps({
        key: 'P1|P2',
        parts: [
          { level: 'yellow', forMs: 10_000, holds: compare((d) => d < 3) },
          { level: 'orange', forMs: 10_000, holds: compare((d) => d < 1.5) },
        ],
        over: compare((d) => d > 4),
        overMs: 10_000,
        end: END,
        tickMs: 500,
      })
    },
  })

  holdsAsReference('to every one of a set: an escort', {
    rules: [catalogueRule('escort-separation')],
    site: { escorts: [{ id: 'E1', persons: ['P1'], officers: ['S1', 'S2'], route: ['YARD'] }] },
    lines: streamOf(
      fc.oneof(
        fix('B1', fc.constantFrom(100, 100, 101, 104), still),
        fix('S1T', fc.constantFrom(106, 107, 110, 105), still),
        fix('S2T', fc.constantFrom(106, 109, 110, 105), still),
      ),
      60_000,
      { min: 20, max: 110 },
    ),
    end: END,
    reference(lines) {
      const person = usableFixes(lines, 'B1')
      const officers = ['S1T', 'S2T'].map((d) => usableFixes(lines, d))
      /** True = an officer is near, false = all are known to be far, null = nobody knows. */
      const near = (at: number): boolean | null => {
        const p = placeAt(person, at)
        if (!p) return null
        const distances = officers.map((o) => {
          const place = placeAt(o, at)
          return place ? metres(p, place) : null
        })
        if (distances.some((d) => d !== null && d <= 5)) return true
        return distances.some((d) => d === null) ? null : false
      }
      const not = (v: boolean | null): boolean | null => (v === null ? null : !v)
      return heldSteps({
        key: 'P1',
        parts: [{ level: 'orange', forMs: 10_000, holds: (at) => not(near(at)) }],
        over: near,
        overMs: 10_000,
        end: END,
        tickMs: 500,
      })
    },
  })

  holdsAsReference('of a group in a circle', {
    least: { rise: 0.2, off: 0 },
    rules: [catalogueRule('abnormal-gathering', { yellowFrom: 3, orangeFrom: 4, sustained: 8, fewerFor: 6 })],
    lines: streamOf(
      fc.constantFrom(...BANDS).chain((band) => fix(band, fc.constantFrom(101, 105, 109, 113), still)),
      60_000,
      { min: 3, max: 90 },
    ).map(heardThroughout),
    end: END,
    runs: 40,
    reference(lines) {
      const fixes = BANDS.map((d) => usableFixes(lines, d))
      const count = (at: number): number =>
        fullestCircle(
          fixes.flatMap((f) => placeAt(f, at) ?? []),
          5,
        )
      return heldSteps({
        key: 'YARD',
        parts: [
          { level: 'yellow', forMs: 8_000, holds: (at) => count(at) >= 3 },
          { level: 'orange', forMs: 8_000, holds: (at) => count(at) >= 4 },
        ],
        over: (at) => count(at) < 3,
        overMs: 6_000,
        end: END,
        tickMs: 500,
      })
    },
  })
})
