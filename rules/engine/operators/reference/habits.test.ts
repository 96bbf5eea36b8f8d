/** Days of a person that are not like his others, beside their reference: sleep, activity by hour, meals. */
import fc from 'fast-check'
import { describe } from 'vitest'
import { type Bench, catalogueRule, holdsAsReference, type Line, T0 } from './bench.ts'
import { type Habits, habitSteps, usableVitals } from './habits.ts'
import { usableFixes } from './places.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
type Values = Record<string, unknown>

/** A sort of day: how active he is by night and by day, how many meals he takes, which hours nobody measures. */
interface Sort {
  night: number
  day: number
  meals: number
  silent: 'none' | 'all' | 'half' | 'night' | 'one hour'
}
const usual: Sort = { night: 0.02, day: 0.3, meals: 3, silent: 'none' }
const sort: fc.Arbitrary<Sort> = fc.oneof(
  { weight: 14, arbitrary: fc.constant(usual) },
  { weight: 4, arbitrary: fc.constantFrom(0.3, 0.1, 0.12).map((night) => ({ ...usual, night })) },
  { weight: 2, arbitrary: fc.constantFrom(0.02, 0.42, 0.9).map((day) => ({ ...usual, day })) },
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 2).map((meals) => ({ ...usual, meals })) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom('all', 'half', 'night', 'one hour'), fc.constantFrom(0.02, 0.3))
      .map(([silent, night]) => ({ ...usual, night, silent }) as Sort),
  },
)
/** A long time of one sort and then something else: what a habit needs. */
const sorts = fc
  .array(fc.tuple(sort, fc.constantFrom(1, 1, 1, 2, 2, 3)), { minLength: 3, maxLength: 8 })
  .map((list) => list.flatMap(([s, n]) => Array.from({ length: n }, () => s)))

const isSilent = (s: Sort, hour: number): boolean =>
  s.silent === 'all' ||
  (s.silent === 'half' && hour < 12) ||
  (s.silent === 'night' && hour < 3) ||
  (s.silent === 'one hour' && hour === 2)

/** Even dice; small numbers are the ordinary, so that what is left of a counterexample is ordinary. */
const dice = fc.noBias(fc.array(fc.integer({ min: 0, max: 199 }), { minLength: 97, maxLength: 97 }))

const MEALS_AT = [7, 12, 18]
/** Within the hour, at its edges too; by the half second. */
const OFFSETS = [0, 500, 1_500_000, HOUR - 500]

/** What a band says over such days. The middle of the night of the first day is `first`, ms after T0. */
function daysOf(device: string, first: number, longest: number): fc.Arbitrary<Line[]> {
  return fc.tuple(sorts, dice).map(([list, dice]) => {
    const lines: Line[] = []
    let n = 0
    const die = (): number => dice[n++ % dice.length] as number
    const say = (type: string, time: number, value: Values, quality: 'good' | 'bad' = 'good'): void => {
      if (time >= 0 && lines.every((l) => l.time !== time)) lines.push({ device, type, time, value, quality })
    }
    for (const [d, s] of list.slice(0, longest).entries())
      for (let hour = 0; hour < 24; hour++) {
        const begin = first + d * DAY + hour * HOUR
        const meal = MEALS_AT.indexOf(hour)
        if (meal >= 0) {
          const table = { x_m: 10, y_m: 90, floor: 1, accuracy_m: die() > 190 ? 3.5 : 1 }
          const away = { ...table, x_m: 30, y_m: 12 }
          say('band.position', begin + 60_000, away)
          // At the bell, in the middle, when it is just over.
          const at = begin + ([600_000, 0, 1_800_000 - 500, 1_800_000][die() < 150 ? 0 : die() % 4] as number)
          say('band.position', at, meal < s.meals ? table : away, die() > 194 ? 'bad' : 'good')
        }
        if (die() === 0) say('band.worn', begin + 1_000, { worn: false }, die() < 60 ? 'bad' : 'good')
        else if (die() < 20) say('band.worn', begin + 1_000, { worn: true })
        if (isSilent(s, hour)) continue
        const activity = hour < 6 || hour >= 22 ? s.night : s.day
        for (const offset of die() < 180 ? [OFFSETS[die() % 4], OFFSETS[die() % 4]] : [OFFSETS[die() % 4]]) {
          const odd = die()
          say(
            'band.vitals',
            begin + (offset as number),
            { activity: odd > 197 ? 0.5 : activity, confidence: odd === 197 ? 0.5 : 0.9 },
            odd === 196 ? 'bad' : 'good',
          )
        }
      }
    return lines.sort((a, b) => a.time - b.time)
  })
}

const activityByHour = (night: number, day: number): number[] =>
  Array.from({ length: 24 }, (_h, h) => (h < 6 || h >= 22 ? night : day))

interface Setting {
  timezone?: string
  night?: string
  timetable?: Values[]
  seeded?: boolean
  limits?: Partial<Habits>
  /** Midnight of the first day, ms after T0. */
  first?: number
  days?: number
  runs?: number
}

const every = '1-7'
const THREE = MEALS_AT.map((hour) => ({
  zone: 'KITCHEN',
  days: every,
  from: `${String(hour).padStart(2, '0')}:00`,
  to: `${String(hour).padStart(2, '0')}:30`,
  activity: 'meal',
  wards: ['W1'],
}))

function bench(set: Setting): Bench {
  const { timezone = 'Asia/Shanghai', night = '22:00-06:00', timetable = THREE, seeded = true, days = 12 } = set
  // T0 is ten in the morning.
  const first = set.first ?? -10 * HOUR
  const seeds = {
    sleepHours: [7.9, 8, 8, 7.8, 8, 8, 7.9],
    meals: [3, 3, 3, 3, 3, 3, 3],
    activityByHour: Array.from({ length: 7 }, () => activityByHour(0.02, 0.3)),
  }
  const limits: Habits = {
    z: 3,
    daysRunning: 2,
    minDays: 7,
    minHours: 12,
    oddHours: 3,
    minSamples: 1,
    asleep: 0.1,
    ...set.limits,
  }
  const end = first + (days + 1) * DAY + HOUR
  const numbers = (text: string): number[] =>
    text.split(',').flatMap((part) => {
      const [a, b = a] = part.split('-').map(Number) as [number, number?]
      return [1, 2, 3, 4, 5, 6, 7].filter((d) => d >= a && d <= (b as number))
    })
  return {
    rules: [catalogueRule('behaviour-baseline-deviation', { ...limits })],
    site: {
      facility: { timezone, night },
      timetable,
      ...(seeded ? { baselines: [{ id: 'BL1', person: 'P1', features: seeds }] } : {}),
    },
    lines: daysOf('B1', first, days),
    end,
    runs: set.runs ?? 15,
    reference: (lines) =>
      habitSteps(
        {
          key: 'P1',
          timezone,
          night,
          samples: usableVitals(lines, 'B1'),
          atTable: usableFixes(lines, 'B1')
            .filter((f) => f.y === 90)
            .map((f) => f.at),
          meals: (timetable as typeof THREE)
            .filter((slot) => slot.activity === 'meal' && (!slot.wards || slot.wards.includes('W1')))
            .map((slot) => ({
              days: numbers(slot.days),
              from: Number(slot.from.slice(0, 2)) * 60 + Number(slot.from.slice(3)),
              to: Number(slot.to.slice(0, 2)) * 60 + Number(slot.to.slice(3)),
            })),
          seeds: seeded ? seeds : { sleepHours: [], meals: [], activityByHour: [] },
        },
        limits,
        T0,
        end,
      ),
  }
}

describe('habits', () => {
  holdsAsReference('days against a baseline that was given', bench({}))
  holdsAsReference('days against a baseline that he makes himself', bench({ seeded: false, limits: { minDays: 3 } }))
  holdsAsReference(
    'three days in a row, hours of two samples, a night by other hours',
    bench({ night: '21:00-05:00', limits: { daysRunning: 3, minSamples: 2, minHours: 8, oddHours: 5, asleep: 0.11 } }),
  )
  holdsAsReference(
    'other meals on Sundays, and the meals of other wards',
    bench({
      timetable: [
        { ...THREE[0], days: '1-5' },
        { ...THREE[1] },
        { ...THREE[2], wards: undefined },
        { ...THREE[2], wards: ['W2'], from: '18:05', to: '18:25' },
        { ...THREE[0], wards: ['W2'], days: '6,7' },
      ].map((slot) => JSON.parse(JSON.stringify(slot))),
      limits: { minDays: 4 },
    }),
  )
  holdsAsReference('days of 23 hours', bench({ timezone: 'America/New_York', first: 3 * HOUR, days: 9, runs: 12 }))
  holdsAsReference(
    'days of 25 hours',
    // The night of 25 October in Berlin: T0 is 237 days before it.
    bench({ timezone: 'Europe/Berlin', first: 232 * DAY - 4 * HOUR, days: 9, runs: 12 }),
  )
})
