/**
 * R63: a person's days become unusual: sleep, activity by hour, presence at meals, each against his own last fourteen days
 * by a robust z; two such days running are told. Judged at local midnight; a day with too little data is no day
 * (docs/decisions/0030).
 */
import type { FacilityContext } from '#model/context/facility-context.ts'
import type { Person, TimetableSlot } from '#model/context/kinds.ts'
import { inHours, localTime } from '#model/local-time.ts'
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'
import {
  addSample,
  type DaySums,
  hourlyMeans,
  hourOf,
  isHours,
  isNumber,
  newDay,
  remember,
  robustZ,
  seeds,
} from '../profile.ts'
import { MIN_VITALS_CONFIDENCE } from '../views.ts'

interface State {
  day: (DaySums & { low: number[]; meals: string[] }) | null
  first: Mark | null
  /** The midnight that ended the day judged last: the next one must begin there, or it is not a day running. */
  closedAt: number | null
  /** Deviating days running, and the first reading of the first of them. */
  running: number
  opening: Mark | null
  active: boolean
  activityByHour: (number | null)[][]
  sleepHours: number[]
  meals: number[]
}

const HOURS = Array.from({ length: 24 }, (_h, hour) => hour)
/** Below these spreads a habit is as good as constant. */
const FLOORS = { sleepHours: 0.5, activity: 0.03, meals: 0.2 }

const nameOf = (slot: TimetableSlot): string => `${slot.zone}|${slot.from}`
const isOwn = (slot: TimetableSlot, person: Person | undefined, site: FacilityContext): boolean =>
  !slot.wards?.length || slot.wards.some((w) => w === person?.ward || site.within(person?.cell ?? null, w))

/** How many meals the timetable has for him on the day that begins at a midnight. */
function mealsOn(person: Person | undefined, midnight: number, site: FacilityContext): number {
  const { weekday } = localTime(site.timezone, midnight)
  const names = site
    .all('timetable')
    .filter((slot) => slot.activity === 'meal' && isOwn(slot, person, site) && site.slotBeginsOn(slot, weekday))
    .map(nameOf)
  return new Set(names).size
}

export const operator: Operator<State> = {
  name: 'habits',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const limit = rule.num('z')
    const daysRunning = rule.num('daysRunning')
    const minDays = rule.num('minDays')
    const minHours = rule.num('minHours')
    const oddHours = rule.num('oddHours')
    const minSamples = rule.num('minSamples')
    const asleep = rule.num('asleep')
    type C = Cx<State>

    /** The day of a reading; null: it is over, and a late word does not open it again. */
    function today(person: string, state: State, input: Input, cx: C): NonNullable<State['day']> | null {
      if (state.day && input.time < state.day.midnight) return null
      if (state.day && input.time >= state.day.end) close(person, state, cx)
      if (!state.day) {
        const day = newDay(cx.site.timezone, input.time)
        if (day.end <= cx.now) return null
        // A whole day without a word lies between.
        if (state.closedAt !== day.midnight) breakOff(state)
        state.day = { ...day, low: Array<number>(24).fill(0), meals: [] }
        state.first = mark(input)
        // Before the readings of midnight itself: they are of the next day.
        cx.wake(person, day.end, 'sustained')
      }
      return state.day
    }

    function breakOff(state: State): void {
      state.running = 0
      state.opening = null
    }

    function vitals(person: string, input: Input, cx: C): void {
      const { activity, confidence } = input.value
      if (typeof activity !== 'number' || (confidence as number) < MIN_VITALS_CONFIDENCE) return
      if (cx.signals.isUnworn(input.device)) return
      const day = today(person, cx.state(person), input, cx)
      if (!day) return
      const hour = hourOf(cx.site.timezone, input.time)
      addSample(day, hour, activity)
      if (activity <= asleep) day.low[hour] = (day.low[hour] as number) + 1
    }

    // Asked on every fix of everybody: the meals of the timetable, as the context stands.
    let meals: { site: FacilityContext; version: number; byZone: Map<string, TimetableSlot[]> } | null = null
    function mealsIn(zone: string, site: FacilityContext): readonly TimetableSlot[] {
      if (!meals || meals.site !== site || meals.version !== site.version)
        meals = { site, version: site.version, byZone: new Map() }
      let found = meals.byZone.get(zone)
      if (!found) {
        found = site.all('timetable').filter((slot) => slot.activity === 'meal' && site.within(zone, slot.zone))
        meals.byZone.set(zone, found)
      }
      return found
    }

    function position(person: string, input: Input, cx: C): void {
      if (!input.usableFix || input.zone === null) return
      const here = mealsIn(input.zone, cx.site)
      if (here.length === 0) return
      const entry = cx.site.person(person) as Person
      for (const slot of here) {
        if (!isOwn(slot, entry, cx.site) || !cx.site.slotCovers(slot, input.time)) continue
        const day = today(person, cx.state(person), input, cx)
        const name = nameOf(slot)
        if (day && !day.meals.includes(name)) day.meals.push(name)
      }
    }

    function close(person: string, state: State, cx: C): void {
      const { day } = state
      if (!day) return
      state.day = null
      state.closedAt = day.end
      const { end } = day
      const hours = hourlyMeans(day, minSamples)
      if (hours.filter((h) => h !== null).length < minHours) {
        cx.count('day with too little data')
        breakOff(state)
        return
      }
      const night = HOURS.filter((h) => inHours('UTC', cx.site.night, h * 3_600_000))
      const measured = night.filter((h) => hours[h] !== null)
      const sleep =
        measured.length < night.length - 1
          ? null
          : Math.round(measured.reduce((sum, h) => sum + (day.low[h] as number) / (day.counts[h] as number), 0) * 100) /
            100
      const served = mealsOn(cx.site.person(person), day.midnight, cx.site)
      const eaten = served > 0 ? Math.min(served, day.meals.length) : null

      const odd: { code: string; z: number }[] = []
      const past = <T>(feature: 'activityByHour' | 'sleepHours' | 'meals', is: (v: unknown) => v is T): T[] =>
        [...seeds(cx.site, person, feature, is), ...(state[feature] as unknown as T[])].slice(-14)
      const judge = (code: string, x: number | null, usual: number[], floor: number): void => {
        const z = x === null ? null : robustZ(x, usual, minDays, floor)
        if (z !== null && Math.abs(z) > limit) odd.push({ code, z: Math.round(z * 10) / 10 })
      }
      judge('sleep', sleep, past('sleepHours', isNumber), FLOORS.sleepHours)
      // Of two meals nobody can eat three: days with more of them are no reproach.
      const usualMeals = past('meals', isNumber).map((n) => Math.min(n, served))
      judge('meals', eaten, usualMeals, FLOORS.meals)
      const profile = past('activityByHour', isHours)
      const zs = hours.flatMap((h, i) => {
        const z =
          h === null
            ? null
            : robustZ(
                h,
                profile.flatMap((d) => d[i] ?? []),
                minDays,
                FLOORS.activity,
              )
        return z !== null && Math.abs(z) > limit ? [z] : []
      })
      const strongest = zs.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0)
      if (zs.length >= oddHours) odd.push({ code: 'activity', z: Math.round(strongest * 10) / 10 })

      remember(state.activityByHour, hours)
      if (sleep !== null) remember(state.sleepHours, sleep)
      if (eaten !== null) remember(state.meals, eaten)

      if (odd.length === 0) {
        breakOff(state)
        if (state.active) cx.clear(person)
        state.active = false
        return
      }
      state.running++
      state.opening ??= state.first
      if (state.running < daysRunning || !state.opening) return
      state.active = true
      cx.hit({
        key: person,
        level: 'blue',
        opening: state.opening.id,
        evidence: [state.opening, ...(state.first ? [state.first] : [])],
        zone: cx.people.last(person)?.zone ?? cx.site.person(person)?.cell ?? null,
        subjects: [person],
        reasons: odd.map(({ code, z }) => ({ code, params: { person, z, days: state.running }, class: 'L4' })),
        ...(end === cx.now ? {} : { eventTime: end }),
      })
    }

    return {
      initial: () => ({
        day: null,
        first: null,
        closedAt: null,
        running: 0,
        opening: null,
        active: false,
        activityByHour: [],
        sleepHours: [],
        meals: [],
      }),
      on(input, cx) {
        const person = input.subject
        if (person === null || input.quality === 'bad' || !cx.site.person(person)) return
        if (input.type === 'band.vitals') vitals(person, input, cx)
        else position(person, input, cx)
      },
      wake(person, _tag, cx) {
        const state = cx.peek(person)
        if (!state?.day) return
        if (state.day.end > cx.now) cx.wake(person, state.day.end, 'sustained')
        else close(person, state, cx)
      },
    }
  },
}
