/**
 * Only for tests: what is usual for a person and which of his days are not, every day made anew from all that was ever said, on
 * the wall clock of the facility. Words: `domain.md` R63 and docs/decisions/0030.
 */
import type { Line, Step } from './bench.ts'
import { middleOf } from './streams.ts'

const HOURS = Array.from({ length: 24 }, (_h, h) => h)
const MINUTE_MS = 60_000
export const PROFILE_DAYS = 14

export interface WallClock {
  date: string
  hour: number
  minuteOfDay: number
  /** Monday = 1. */
  weekday: number
}

/** What a clock on the wall says, asked of the platform's own calendar. */
export function wallClock(timezone: string): (at: number) => WallClock {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: timezone,
    dateStyle: 'short',
    timeStyle: 'medium',
  })
  const known = new Map<number, WallClock>()
  return (at) => {
    const before = known.get(at)
    if (before) return before
    const [date, time] = format.format(at).split(' ') as [string, string]
    const [hour, minute, second] = time.split(':').map(Number) as [number, number, number]
    const weekday = new Date(`${date}T12:00:00Z`).getUTCDay() || 7
    const said = { date, hour, minuteOfDay: hour * 60 + minute + second / 60, weekday }
    known.set(at, said)
    return said
  }
}

/** Distance from the middle of the own days, in spreads of the own days; null: too few days are known. */
export function zOf(x: number, usual: readonly number[], minDays: number, leastSpread: number): number | null {
  if (usual.length < minDays) return null
  const centre = middleOf(usual)
  return (0.6745 * (x - centre)) / Math.max(leastSpread, middleOf(usual.map((v) => Math.abs(v - centre))))
}

const hundredths = (x: number): number => Math.round(x * 100) / 100

/** Does the band that says this say, last before it, that nobody wears it? */
export function isOff(lines: readonly Line[], said: Line): boolean {
  const worn = lines.slice(0, lines.indexOf(said)).findLast((w) => w.device === said.device && w.type === 'band.worn')
  return worn !== undefined && worn.quality !== 'bad' && worn.value.worn === false
}

/** Vital signs that may be used: sure, and of a band that is not known to be off. */
export const usableVitals = (lines: readonly Line[], band: string): Line[] =>
  lines.filter(
    (l) =>
      l.device === band &&
      l.type === 'band.vitals' &&
      l.quality !== 'bad' &&
      (l.value.confidence as number) >= 0.6 &&
      typeof l.value.activity === 'number' &&
      !isOff(lines, l),
  )

export interface Habits {
  z: number
  daysRunning: number
  minDays: number
  minHours: number
  oddHours: number
  minSamples: number
  asleep: number
}
export interface Meal {
  days: readonly number[]
  /** Minutes of the day. */
  from: number
  to: number
}
interface Person {
  key: string
  timezone: string
  /** "HH:MM-HH:MM". */
  night: string
  samples: readonly Line[]
  /** Times of usable fixes where his meals are taken. */
  atTable: readonly number[]
  meals: readonly Meal[]
  seeds: { sleepHours: number[]; meals: number[]; activityByHour: (number | null)[][] }
}

interface Day {
  hours: (number | null)[]
  sleep: number | null
  meals: number | null
  /** Meals that the timetable has for him on that day. */
  served: number
}

function dayOf(p: Person, samples: readonly Line[], hourOf: (at: number) => WallClock, date: string, h: Habits): Day {
  const of = (hour: number): number[] =>
    samples.filter((l) => hourOf(l.time).hour === hour).map((l) => l.value.activity as number)
  const hours = HOURS.map((hour) => {
    const all = of(hour)
    return all.length >= h.minSamples ? hundredths(all.reduce((a, b) => a + b, 0) / all.length) : null
  })
  // Hours that begin at night; one of them may be unknown.
  const [from, to] = p.night.split('-').map((t) => Number(t.slice(0, 2)) * 60 + Number(t.slice(3))) as [number, number]
  const night = HOURS.filter((hour) =>
    from < to ? hour * 60 >= from && hour * 60 < to : hour * 60 >= from || hour * 60 < to,
  )
  const known = night.filter((hour) => hours[hour] !== null)
  const sleep =
    known.length < night.length - 1
      ? null
      : hundredths(
          known
            .map((hour) => of(hour).filter((a) => a <= h.asleep).length / of(hour).length)
            .reduce((a, b) => a + b, 0),
        )
  const weekday = new Date(`${date}T12:00:00Z`).getUTCDay() || 7
  const served = p.meals.filter((m) => m.days.includes(weekday))
  const eaten = served.filter((m) =>
    p.atTable.some((t) => {
      const { date: on, minuteOfDay } = hourOf(t)
      return on === date && minuteOfDay >= m.from && minuteOfDay < m.to
    }),
  )
  return { hours, sleep, meals: served.length > 0 ? eaten.length : null, served: served.length }
}

/** Does anything of the day lie far from the own days before it? */
function isOdd(day: Day, before: readonly Day[], p: Person, h: Habits): boolean {
  const past = <T>(seeds: readonly T[], own: readonly (T | null)[]): T[] =>
    [...seeds, ...own.filter((v) => v !== null)].slice(-PROFILE_DAYS)
  const odd = (x: number | null, usual: readonly number[], leastSpread: number): boolean => {
    const z = x === null ? null : zOf(x, usual, h.minDays, leastSpread)
    return z !== null && Math.abs(z) > h.z
  }
  const profile = past(
    p.seeds.activityByHour,
    before.map((d) => d.hours),
  )
  const strange = HOURS.filter((hour) =>
    odd(
      day.hours[hour] ?? null,
      profile.map((d) => d[hour] ?? null).filter((v) => v !== null),
      0.03,
    ),
  )
  const sleeps = past(
    p.seeds.sleepHours,
    before.map((d) => d.sleep),
  )
  // Nobody can eat more meals than there are.
  const meals = past(
    p.seeds.meals,
    before.map((d) => d.meals),
  ).map((n) => Math.min(n, day.served))
  return strange.length >= h.oddHours || odd(day.sleep, sleeps, 0.5) || odd(day.meals, meals, 0.2)
}

/** Told at the midnight that ends the last of so many odd days in a row, over at the one that ends a usual day. */
export function habitSteps(p: Person, h: Habits, t0: number, end: number): Step[] {
  const clock = wallClock(p.timezone)
  const hourOf = (at: number): WallClock => clock(t0 + at)
  const steps: Step[] = []
  const before: Day[] = []
  let running = 0
  let isOn = false
  // Quarter by quarter: a day is over when the date has changed. Nothing is told before the first word.
  const begin = Math.min(...p.samples.map((l) => l.time), ...p.atTable, end)
  let date = hourOf(begin).date
  for (let at = begin; at <= end; at += 15 * MINUTE_MS - ((t0 + at) % (15 * MINUTE_MS))) {
    const today = hourOf(at).date
    if (today === date) continue
    const samples = p.samples.filter((l) => hourOf(l.time).date === date)
    const day = dayOf(p, samples, hourOf, date, h)
    date = today
    if (day.hours.filter((x) => x !== null).length < h.minHours) {
      running = 0
      continue
    }
    const odd = isOdd(day, before, p, h)
    before.push(day)
    running = odd ? running + 1 : 0
    if (running >= h.daysRunning && !isOn) {
      steps.push({ at, what: 'on', key: p.key, level: 'blue' })
      isOn = true
    } else if (!odd && isOn) {
      steps.push({ at, what: 'off', key: p.key, level: 'blue' })
      isOn = false
    }
  }
  return steps
}
