/**
 * Errands of single persons by day: to the infirmary, to a visit. An officer of the ward fetches the man at his cell, the
 * escort is entered, both walk, wait and come back, and the escort ends. Only where the caller can change the context:
 * without an entered escort such a walk would rightly be an alert. Officers have errands of their own: the command centre,
 * a meal; by card through every door.
 */
import type { ContextChange } from '#model/context/kinds.ts'
import { localTime, minuteOf } from '#model/local-time.ts'
import type { Chance } from '../chance.ts'
import type { Plan } from '../facility/plan.ts'
import type { Inmate, Inmates } from './inmates.ts'
import type { Borrowed, Officers } from './officers.ts'
import { type Spot, seatIn } from './walker.ts'

interface Goal {
  zone: string
  hours: [from: string, to: string][]
  /** Calls of one ward in an hour of these. */
  perHour: number
  /** At the same time, from the whole house. */
  places: number
  staysMin: [number, number]
}

const GOALS: Goal[] = [
  {
    zone: 'MED',
    hours: [
      ['08:40', '10:40'],
      ['13:40', '16:00'],
    ],
    perHour: 1.2,
    places: 4,
    staysMin: [6, 20],
  },
  {
    zone: 'VISIT',
    hours: [
      ['09:00', '10:30'],
      ['13:30', '15:50'],
    ],
    perHour: 0.4,
    places: 4,
    staysMin: [20, 30],
  },
]
/** What an officer goes to, and for how long; of each ward every so many minutes, at night half as often. */
const OWN = { zones: ['OFFICE', 'CANTEEN'], everyMin: 75, staysMin: [8, 25] as [number, number] }
/** Time for the ways, beside the stay. */
const WAYS_MS = 25 * 60_000
/** The officer walks so far behind, in seconds. */
const BEHIND_S = 1

interface Errand {
  id: string
  inmate: Inmate
  officer: Borrowed
  goal: Goal
  place: number
  state: 'fetch' | 'go' | 'there' | 'back'
  until: number
  trail: Spot[]
}

export class Errands {
  readonly #plan: Plan
  readonly #chance: Chance
  readonly #timezone: string
  readonly #inmates: Inmates
  readonly #officers: Officers
  readonly #isBusy: (person: string) => boolean
  readonly #change: (change: ContextChange) => void
  readonly #goals: Goal[]
  readonly #running = new Set<Errand>()
  readonly #away = new Set<{ officer: Borrowed; ward: string; until: number | null }>()
  readonly #own: string[]
  readonly #out = new Set<string>()
  #count = 0

  constructor(options: {
    plan: Plan
    chance: Chance
    timezone: string
    inmates: Inmates
    officers: Officers
    isBusy: (person: string) => boolean
    change: (change: ContextChange) => void
  }) {
    this.#plan = options.plan
    this.#chance = options.chance
    this.#timezone = options.timezone
    this.#inmates = options.inmates
    this.#officers = options.officers
    this.#isBusy = options.isBusy
    this.#change = options.change
    this.#goals = GOALS.filter((g) => options.plan.middle.has(g.zone))
    this.#own = OWN.zones.filter((z) => options.plan.middle.has(z))
  }

  tick(now: number): void {
    for (const errand of this.#running) this.#step(errand, now)
    for (const one of this.#away) {
      if (one.until === null && one.officer.hasArrived())
        one.until = now + this.#chance.between(...OWN.staysMin) * 60_000
      if (one.until === null || now < one.until) continue
      one.officer.giveBack()
      this.#out.delete(one.ward)
      this.#away.delete(one)
    }
    const { minuteOfDay } = localTime(this.#timezone, now)
    if (minuteOfDay % 1 !== 0) return
    for (const goal of this.#goals) {
      if (!goal.hours.some(([from, to]) => minuteOfDay >= minuteOf(from) && minuteOfDay < minuteOf(to))) continue
      for (const { id } of this.#plan.wards)
        if (!this.#out.has(id) && this.#chance.next() < goal.perHour / 60) this.#begin(goal, id, now)
    }
    const often = minuteOfDay >= 6 * 60 && minuteOfDay < 22 * 60 ? 1 : 0.5
    for (const { id } of this.#plan.wards)
      if (!this.#out.has(id) && this.#chance.next() < often / OWN.everyMin) this.#goAlone(id, now)
  }

  #goAlone(ward: string, now: number): void {
    const officer = this.#own.length > 0 ? this.#officers.borrow(ward) : null
    if (!officer) return
    const zone = this.#chance.pick(this.#own)
    officer.goTo(zone, seatIn(this.#plan, zone, this.#chance.whole(0, 11), 12), now)
    this.#out.add(ward)
    this.#away.add({ officer, ward, until: null })
  }

  #begin(goal: Goal, ward: string, now: number): void {
    const taken = new Set([...this.#running].filter((e) => e.goal === goal).map((e) => e.place))
    const place = Array.from({ length: goal.places }, (_, i) => i).find((i) => !taken.has(i))
    if (place === undefined) return
    const inmate = this.#inmates.callable(ward, now, WAYS_MS + goal.staysMin[1] * 60_000, this.#isBusy)
    const officer = inmate ? this.#officers.borrow(ward) : null
    if (!inmate || !officer) return
    const { corridor } = this.#plan.wards.find((w) => w.id === ward) ?? {}
    const middle = corridor ? this.#plan.middle.get(corridor) : undefined
    if (!corridor || !middle) {
      officer.giveBack()
      return
    }
    officer.goTo(corridor, { ...middle, x_m: inmate.home.x_m }, now)
    this.#out.add(ward)
    const id = `ES-${++this.#count}`
    this.#running.add({ id, inmate, officer, goal, place, state: 'fetch', until: 0, trail: [] })
  }

  #step(errand: Errand, now: number): void {
    const { inmate, officer, goal } = errand
    if (errand.state === 'fetch') {
      if (!officer.hasArrived()) return
      // Meanwhile his cell went to the day room, or he to the toilet: the officer comes again another time.
      if (inmate.walk || inmate.zone !== inmate.cell.id || inmate.cell.plan || this.#isBusy(inmate.person)) {
        this.#end(errand)
        return
      }
      const item = { id: errand.id, persons: [inmate.person], officers: [officer.staff] }
      this.#change({ context: 'escorts', op: 'put', id: errand.id, item, time: now })
      officer.follow(() => errand.trail[0] ?? inmate.at)
      errand.trail = [{ ...inmate.at, y_m: this.#plan.middle.get(inmate.cell.id)?.y_m ?? inmate.at.y_m }]
      this.#inmates.callOut(inmate, goal.zone, seatIn(this.#plan, goal.zone, errand.place * 3, goal.places * 3), now)
      errand.state = 'go'
      return
    }
    if (inmate.walk) {
      errand.trail = [...errand.trail, inmate.at].slice(-1 - BEHIND_S)
      return
    }
    if (errand.state === 'go') {
      errand.state = 'there'
      errand.until = now + this.#chance.between(...goal.staysMin) * 60_000
    } else if (errand.state === 'there' && now >= errand.until) {
      this.#inmates.callHome(inmate, now)
      errand.state = 'back'
    } else if (errand.state === 'back') {
      this.#inmates.cameHome(inmate)
      this.#change({ context: 'escorts', op: 'delete', id: errand.id, time: now })
      this.#end(errand)
    }
  }

  #end(errand: Errand): void {
    errand.officer.giveBack()
    this.#out.delete(errand.inmate.cell.ward.id)
    this.#running.delete(errand)
  }
}
