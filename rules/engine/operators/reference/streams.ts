/** Only for tests: readings of random streams, and the few questions that every reference asks of a list of readings. */
import fc from 'fast-check'
import type { Line } from './bench.ts'

export type Event = Omit<Line, 'time'>
type Values = fc.Arbitrary<Record<string, unknown>>

const quality = fc.integer({ min: 0, max: 11 }).map((n) => (n === 0 ? ('bad' as const) : ('good' as const)))

/** A reading of a device, sometimes of bad quality. */
export const event = (
  device: string,
  type: string,
  value: Values | Record<string, unknown> = {},
): fc.Arbitrary<Event> =>
  fc
    .tuple(value instanceof fc.Arbitrary ? value : fc.constant(value), quality)
    .map(([v, q]) => ({ device, type, value: v, quality: q }))

/** A reading of any of the devices. */
export const eventOfAny = (devices: readonly string[], type: string, value: Values | Record<string, unknown> = {}) =>
  fc.constantFrom(...devices).chain((device) => event(device, type, value))

export const status = (device: string): fc.Arbitrary<Event> =>
  fc.boolean().map((online) => ({ device, type: 'device.status', value: { online } }))

/** Where a band or tag says it is; mostly usable. */
export const fix = (device: string, x: readonly number[], y: readonly number[] = [3]): fc.Arbitrary<Event> =>
  fc
    .tuple(fc.constantFrom(...x), fc.constantFrom(...y), fc.constantFrom(1, 1, 1, 1, 1, 3, 3.5), quality)
    .map(([x_m, y_m, accuracy_m, q]) => ({
      device,
      type: device.endsWith('T') ? 'tag.position' : 'band.position',
      value: { x_m, y_m, floor: 1, accuracy_m },
      quality: q,
    }))

export const oneOf = (...weighted: readonly [number, fc.Arbitrary<Event>][]): fc.Arbitrary<Event> =>
  fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })))

export const good = (lines: readonly Line[]): Line[] => lines.filter((l) => l.quality !== 'bad')
export const ofType = (lines: readonly Line[], ...types: string[]): Line[] =>
  lines.filter((l) => types.includes(l.type))
export const secondsOf = (n: number): number => n * 1_000

/** The middle of some numbers, or what lies between the two in the middle. */
export const middleOf = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return ((sorted[Math.ceil(sorted.length / 2) - 1] as number) + (sorted[Math.floor(sorted.length / 2)] as number)) / 2
}

/** Somebody who stays a while in one place after another, heard every few seconds and sometimes not. */
export function walk(
  device: string,
  places: readonly (readonly [number, number])[],
  segments: { min: number; max: number },
  lastMs: number,
): fc.Arbitrary<Line[]> {
  const segment = fc.record({
    place: fc.constantFrom(...places),
    fixes: fc.integer({ min: 1, max: 8 }),
    everyMs: fc.constantFrom(1_000, 2_500, 5_000, 9_500, 10_500),
    quality: fc.integer({ min: 0, max: 14 }),
  })
  return fc
    .tuple(fc.integer({ min: 0, max: 20 }), fc.array(segment, { minLength: segments.min, maxLength: segments.max }))
    .map(([start, list]) => {
      let time = start * 500
      const lines: Line[] = []
      for (const { place, fixes, everyMs, quality: q } of list)
        for (let i = 0; i < fixes; i++, time += everyMs) {
          const value = { x_m: place[0], y_m: place[1], floor: 1, accuracy_m: q === 1 ? 3.5 : 1 }
          const type = device.endsWith('T') ? 'tag.position' : 'band.position'
          lines.push({ device, type, time, value, quality: q === 0 ? 'bad' : 'good' })
        }
      return lines.filter((l) => l.time <= lastMs)
    })
}

/** Several streams as one, in order of time. */
export const together = (...streams: fc.Arbitrary<Line[]>[]): fc.Arbitrary<Line[]> =>
  fc.tuple(...streams).map((lists) => lists.flat().sort((a, b) => a.time - b.time))
