/**
 * R63: a person's days become unusual: sleep, activity by hour, presence at meals, each against his own last fourteen days
 * by a robust z; two such days running are told. Judged at local midnight; a day with too little data is no day.
 */
import type { FacilityContext } from '#model/context/facility-context.ts'
import { minuteOf } from '#model/local-time.ts'
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'
import {
  addSample,
  type DaySums,
  hourlyMeans,
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
  /** Deviating days running, and the first reading of the first of them. */
  running: number
  opening: Mark | null
  active: boolean
  activityByHour: (number | null)[][]
  sleepHours: number[]
  meals: number[]
}

/** A slot of the timetable at which a zone eats: minutes of the day. */
interface Meal {
  from: number
  to: number
  name: string
}

const DAY_MS = 86_400_000
const NIGHT_HOURS = [22, 23, 0, 1, 2, 3, 4, 5]
/** Below these spreads a habit is as good as constant. */
const FLOORS = { sleepHours: 0.5, activity: 0.03, meals: 0.2 }

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

    function today(person: string, state: State, input: Input, cx: C): NonNullable<State['day']> | null {
      if (state.day && input.time < state.day.midnight) return null
      if (state.day && input.time >= state.day.midnight + DAY_MS) close(person, state, cx)
      if (!state.day) {
        state.day = { ...newDay(cx.site.timezone, input.time), low: Array<number>(24).fill(0), meals: [] }
        state.first = mark(input)
        // Readings of the last instant of the day still belong to it.
        cx.wake(person, state.day.midnight + DAY_MS, 'sustained')
      }
      return state.day
    }

    function vitals(person: string, input: Input, cx: C): void {
      const { activity, confidence } = input.value
      if (typeof activity !== 'number' || (confidence as number) < MIN_VITALS_CONFIDENCE) return
      if (cx.signals.last(input.device, 'band.worn')?.value.worn === false) return
      const day = today(person, cx.state(person), input, cx)
      if (!day) return
      addSample(day, input.time, activity)
      if (activity > asleep) return
      const hour = Math.min(23, Math.floor((input.time - day.midnight) / 3_600_000))
      day.low[hour] = (day.low[hour] as number) + 1
    }

    /** Meals of his ward: the slots of the timetable that say so. */
    function mealSlots(person: string, cx: C) {
      const entry = cx.site.person(person)
      return cx.site
        .all('timetable')
        .filter(
          (s) =>
            s.activity === 'meal' &&
            (!s.wards?.length || s.wards.some((w) => w === entry?.ward || cx.site.within(entry?.cell ?? null, w))),
        )
    }

    // Asked on every fix of everybody: the meals of the timetable, as the context stands.
    let meals: { site: FacilityContext; version: number; byZone: Map<string, Meal[]> } | null = null
    function mealsIn(zone: string, site: FacilityContext): readonly Meal[] {
      if (!meals || meals.site !== site || meals.version !== site.version)
        meals = { site, version: site.version, byZone: new Map() }
      let found = meals.byZone.get(zone)
      if (!found) {
        found = site
          .all('timetable')
          .filter((slot) => slot.activity === 'meal' && site.within(zone, slot.zone))
          .map((slot) => ({ from: minuteOf(slot.from), to: minuteOf(slot.to), name: `${slot.zone}|${slot.from}` }))
        meals.byZone.set(zone, found)
      }
      return found
    }

    function position(person: string, input: Input, cx: C): void {
      if (!input.usableFix || input.zone === null) return
      const here = mealsIn(input.zone, cx.site)
      if (here.length === 0) return
      const state = cx.peek(person)
      if (!state?.day || input.time < state.day.midnight || input.time >= state.day.midnight + DAY_MS) return
      const minute = (input.time - state.day.midnight) / 60_000
      for (const { from, to, name } of here)
        if (minute >= from && minute < to && !state.day.meals.includes(name)) state.day.meals.push(name)
    }

    function close(person: string, state: State, cx: C): void {
      const { day } = state
      if (!day) return
      state.day = null
      const end = day.midnight + DAY_MS
      const hours = hourlyMeans(day, minSamples)
      if (hours.filter((h) => h !== null).length < minHours) {
        cx.count('day with too little data')
        state.running = 0
        state.opening = null
        return
      }
      const night = NIGHT_HOURS.filter((h) => hours[h] !== null)
      const sleep =
        night.length < NIGHT_HOURS.length - 1
          ? null
          : Math.round(
              night.reduce((sum, h) => sum + (day.low[h] as number) / Math.max(1, day.counts[h] as number), 0) * 100,
            ) / 100
      const slots = mealSlots(person, cx)
      const meals = slots.length > 0 ? day.meals.length : null

      const odd: { code: string; z: number }[] = []
      const past = <T>(feature: 'activityByHour' | 'sleepHours' | 'meals', is: (v: unknown) => v is T): T[] =>
        [...seeds(cx.site, person, feature, is), ...(state[feature] as unknown as T[])].slice(-14)
      const judge = (code: string, x: number | null, usual: number[], floor: number): void => {
        const z = x === null ? null : robustZ(x, usual, minDays, floor)
        if (z !== null && Math.abs(z) > limit) odd.push({ code, z: Math.round(z * 10) / 10 })
      }
      judge('sleep', sleep, past('sleepHours', isNumber), FLOORS.sleepHours)
      judge('meals', meals, past('meals', isNumber), FLOORS.meals)
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
      if (meals !== null) remember(state.meals, meals)

      if (odd.length === 0) {
        state.running = 0
        state.opening = null
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
        const end = state.day.midnight + DAY_MS
        if (end > cx.now) cx.wake(person, end, 'sustained')
        else close(person, state, cx)
      },
    }
  },
}
