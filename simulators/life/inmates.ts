/**
 * The people in custody on an ordinary day. Mates of a cell go together: to meals, work and sport when the timetable says
 * so, and now and then to the day room; to the toilet each by himself, shortly. Nobody is out when the house is locked.
 */
import type { Chance } from '../chance.ts'
import type { Plan } from '../facility/plan.ts'
import type { Attendance, Programme } from './programme.ts'
import { Roads } from './roads.ts'
import { type Journey, journey, type Spot, seatIn } from './walker.ts'

export interface Inmate {
  person: string
  band: string
  offset: number
  zone: string
  at: Spot
  walk: Journey | null
  step: number
  /** Time at which the walk begins (mates leave one after the other). */
  from: number
  going: string
  backAt: number
  toiletAt: number
  hr: number
  hrRest: number
  /** Place in a shared room, by number in the ward. */
  seat: number
  home: Spot
  cell: Cell
}

export interface Cell {
  id: string
  ward: { id: string; toilet: string; day: string; people: number; corridorFreeAt: number; inToilet: number }
  mates: Inmate[]
  /** Where they are as a party. */
  zone: string
  plan: { zone: string; depart: number; leave: number; activity: string } | null
  /** One of them is on an errand: his mates stay where they are until he is back. */
  away: number
  /** Attendance that was missed: not tried again. */
  skipped: number
  dayRoomAt: number
  activity: string
}

export interface Comings {
  /** Somebody passes the door of a zone at a time. */
  pass(zone: string, at: number): void
  /** Somebody moves through a zone at a time. */
  move(zone: string, at: number): void
  /** How long a person is in the toilet, ms. */
  toiletMs?(person: string): number
}

/** One at a time: four men with one more on the way are no crowd. */
const TOILET_PLACES = 1
/** So long before the programme begins nobody goes away by himself. */
const READY_MS = 6 * 60_000
/** From any seat of a shared house or yard one is out of it in this time. */
const LARGE_ROOM_S = 60
/** Mates walk two abreast. */
const MATES_APART_MS = 1000
const CELLS_APART_MS = 15_000
/** So long a party waits for the road before it gives up. */
const WAITS_MS = 12 * 60_000

export class Inmates {
  readonly all: Inmate[] = []
  readonly #cells = new Map<string, Cell>()
  readonly #wards = new Map<string, Cell['ward']>()
  readonly #plan: Plan
  readonly #chance: Chance
  readonly #programme: Programme
  readonly #pace: number
  readonly #comings: Comings
  readonly #kept = new Set<string>()
  readonly #travel = new Map<string, number>()
  readonly #roads = new Roads()

  constructor(plan: Plan, programme: Programme, chance: Chance, pace: number, comings: Comings) {
    this.#plan = plan
    this.#programme = programme
    this.#chance = chance
    this.#pace = pace
    this.#comings = comings
  }

  add(person: string, band: string, cellId: string, wardId: string, offset: number): void {
    const wardPlan = this.#plan.wards.find((w) => w.id === wardId)
    const middle = this.#plan.middle.get(cellId)
    if (!wardPlan || !middle) return
    const ward = this.#wards.get(wardId) ?? {
      id: wardId,
      toilet: wardPlan.toilet,
      day: wardPlan.day,
      people: 0,
      corridorFreeAt: 0,
      inToilet: 0,
    }
    this.#wards.set(wardId, ward)
    const cell = this.#cells.get(cellId) ?? {
      id: cellId,
      ward,
      mates: [],
      zone: cellId,
      plan: null,
      away: 0,
      skipped: 0,
      dayRoomAt: 0,
      activity: 'rest',
    }
    this.#cells.set(cellId, cell)
    const place = cell.mates.length
    const home = {
      ...middle,
      x_m: middle.x_m + ((place % 2) * 2 - 1) * 1.1,
      y_m: middle.y_m + ((Math.floor(place / 2) % 2) * 2 - 1) * 1.3,
    }
    const hrRest = this.#chance.between(58, 76)
    const inmate: Inmate = {
      person,
      band,
      offset,
      zone: cellId,
      at: home,
      walk: null,
      step: 0,
      from: 0,
      going: cellId,
      backAt: 0,
      toiletAt: 0,
      hr: hrRest,
      hrRest,
      seat: ward.people++,
      home,
      cell,
    }
    cell.mates.push(inmate)
    this.all.push(inmate)
  }

  /** A story needs these persons: they, and the mates of their cells, are sent home and stay there. */
  keepHome(persons: Iterable<string>): void {
    for (const person of persons) this.#kept.add(person)
  }
  release(): void {
    this.#kept.clear()
  }

  /** What an inmate does, for his pulse. */
  doing(inmate: Inmate, night: boolean): string {
    if (inmate.walk && inmate.step > 0) return 'walk'
    if (inmate.zone === inmate.cell.id) return night ? 'sleep' : 'rest'
    return inmate.cell.activity
  }

  tick(now: number, night: boolean): void {
    if (now % 60_000 < 1000) this.#roads.forgetBefore(now)
    for (const cell of this.#cells.values()) this.#live(cell, now, night)
    for (const inmate of this.all) if (inmate.walk) this.#walk(inmate, now)
  }

  #walk(inmate: Inmate, now: number): void {
    if (now < inmate.from || !inmate.walk) return
    const { spots } = inmate.walk
    const spot = spots[inmate.step]
    if (spot) {
      inmate.at = spot
      inmate.step++
      if (inmate.step < spots.length) return
    }
    if (inmate.zone === inmate.cell.ward.toilet && inmate.going !== inmate.zone) inmate.cell.ward.inToilet--
    inmate.zone = inmate.going
    inmate.walk = null
    inmate.step = 0
    inmate.backAt = 0
    if (inmate.zone !== inmate.cell.ward.toilet) return
    inmate.backAt = now + (this.#comings.toiletMs?.(inmate.person) ?? this.#chance.between(40, 90) * 1000)
  }

  /** Somebody of the ward who is in his cell, with time until the next programme; null = nobody now. */
  callable(ward: string, now: number, neededMs: number, isBusy: (person: string) => boolean): Inmate | null {
    const next = this.#programme.next(ward, now)
    if (next && next.from - now < neededMs) return null
    const all = this.all.filter(
      ({ cell, person }) =>
        cell.ward.id === ward &&
        cell.zone === cell.id &&
        cell.plan === null &&
        cell.away === 0 &&
        !this.#kept.has(person) &&
        !cell.mates.some((m) => m.walk || m.zone !== cell.id) &&
        !isBusy(person),
    )
    return all.length === 0 ? null : this.#chance.pick(all)
  }

  /** He is called out of his cell to a place; his mates stay. */
  callOut(inmate: Inmate, zone: string, spot: Spot, now: number): void {
    inmate.cell.away++
    this.#send(inmate, zone, spot, now)
  }
  callHome(inmate: Inmate, now: number): void {
    this.#send(inmate, inmate.cell.id, inmate.home, now)
  }
  cameHome(inmate: Inmate): void {
    inmate.cell.away--
  }

  #live(cell: Cell, now: number, night: boolean): void {
    const { ward } = cell
    let settled = true
    for (const inmate of cell.mates) {
      if (inmate.walk) settled = false
      else if (inmate.zone === ward.toilet) {
        settled = false
        if (now >= inmate.backAt) this.#send(inmate, cell.id, inmate.home, now)
      }
    }
    const isKept = this.#kept.size > 0 && cell.mates.some((m) => this.#kept.has(m.person))
    if (cell.zone !== cell.id) {
      // From a shared house they leave in the order of the programme, from the day room when the corridor is free.
      const isDay = cell.zone === ward.day && cell.activity === 'class'
      const isTime = settled && (isKept || now >= (cell.plan?.leave ?? 0))
      const isFree = isDay ? () => this.#corridorIsFree(cell, now) : () => this.#roadIsFree(cell, cell.id, now)
      if (isTime && isFree()) {
        cell.zone = cell.id
        cell.plan = null
        this.#sendAll(cell, now)
      }
      return
    }
    if (isKept || cell.away > 0) return
    const next = this.#programme.next(ward.id, now)
    if (cell.plan) {
      if (now >= cell.plan.depart && settled && this.#roadIsFree(cell, cell.plan.zone, now)) {
        cell.zone = cell.plan.zone
        cell.activity = cell.plan.activity
        this.#sendAll(cell, now)
      } else if (now > cell.plan.depart + (settled ? WAITS_MS : 60_000)) cell.plan = null
      return
    }
    if (next && now >= next.from - 20 * 60_000 && cell.skipped !== next.from) {
      this.#attend(cell, next, now)
      return
    }
    const freeUntil = (next?.from ?? Number.POSITIVE_INFINITY) - READY_MS
    if (settled && !night) this.#dayRoom(cell, now, freeUntil)
    if (!cell.plan && now + 4 * 60_000 < freeUntil) this.#toilet(cell, now, night)
  }

  #attend(cell: Cell, next: Attendance, now: number): void {
    const travel = this.#travelMs(cell, next.zone)
    const given = this.#programme.reserve(next, now + travel + 5000)
    cell.skipped = next.from
    if (given)
      cell.plan = { zone: next.zone, activity: next.activity, depart: given.arrive - travel, leave: given.leave }
  }

  #dayRoom(cell: Cell, now: number, freeUntil: number): void {
    if (cell.dayRoomAt === 0) cell.dayRoomAt = now + this.#idle(5, 3600)
    if (now < cell.dayRoomAt) return
    const until = this.#programme.dayRoomUntil(cell.ward.id, cell.ward.day, now)
    const stayMs = this.#chance.between(600, 1500) * 1000
    // Back before the room is locked, and before the next programme begins.
    const latest = Math.min((until ?? 0) - 6 * 60_000, freeUntil - 4 * 60_000)
    if (now + 5 * 60_000 > latest) {
      cell.dayRoomAt = now + this.#idle(300, 900)
      return
    }
    if (!this.#corridorIsFree(cell, now)) return
    cell.dayRoomAt = now + stayMs + this.#idle(1800, 6000)
    cell.plan = { zone: cell.ward.day, activity: 'class', depart: now, leave: Math.min(now + stayMs, latest) }
    cell.zone = cell.ward.day
    cell.activity = 'class'
    this.#sendAll(cell, now)
  }

  #toilet(cell: Cell, now: number, night: boolean): void {
    for (const inmate of cell.mates) {
      if (inmate.toiletAt === 0) inmate.toiletAt = now + this.#idle(30, night ? 18_000 : 7200)
      if (inmate.walk || inmate.zone !== cell.id || now < inmate.toiletAt) continue
      if (cell.ward.inToilet >= TOILET_PLACES) continue
      if (cell.mates.some((m) => m.walk || m.zone !== cell.id)) continue
      if (!this.#corridorIsFree(cell, now)) continue
      inmate.toiletAt = now + this.#idle(night ? 10_800 : 7200, night ? 21_600 : 16_200)
      const seat = seatIn(this.#plan, cell.ward.toilet, cell.ward.inToilet, TOILET_PLACES)
      cell.ward.inToilet++
      this.#send(inmate, cell.ward.toilet, seat, now)
    }
  }

  #idle(fromS: number, toS: number): number {
    return (this.#chance.between(fromS, toS) * 1000) / this.#pace
  }

  #corridorIsFree(cell: Cell, now: number): boolean {
    if (now < cell.ward.corridorFreeAt) return false
    cell.ward.corridorFreeAt = now + CELLS_APART_MS
    return true
  }

  /** Over the open ground one goes when no other party is beside one; the way is booked then. */
  #roadIsFree(cell: Cell, zone: string, now: number): boolean {
    const first = cell.mates[0] as Inmate
    if (zone === cell.ward.day) return true
    const spot = zone === cell.id ? first.home : this.#seatOf(first, zone)
    const way = journey(this.#plan, { zone: first.zone, spot: first.at }, { zone, spot })
    return this.#roads.book(cell.id, way, now + this.#waitsMs(first, way))
  }

  #seatOf(inmate: Inmate, zone: string): Spot {
    return seatIn(this.#plan, zone, inmate.seat, Math.max(inmate.cell.ward.people, 24))
  }

  /** Seconds of walking from a cell to a place, in ms. */
  #travelMs(cell: Cell, zone: string): number {
    const key = `${cell.id}>${zone}`
    let ms = this.#travel.get(key)
    if (ms === undefined) {
      const first = cell.mates[0] as Inmate
      const seat = seatIn(this.#plan, zone, 0, 1)
      ms = journey(this.#plan, { zone: cell.id, spot: first.home }, { zone, spot: seat }).spots.length * 1000
      this.#travel.set(key, ms)
    }
    return ms
  }

  #sendAll(cell: Cell, now: number): void {
    for (const [i, inmate] of cell.mates.entries()) {
      const spot = cell.zone === cell.id ? inmate.home : this.#seatOf(inmate, cell.zone)
      this.#send(inmate, cell.zone, spot, now + Math.floor(i / 2) * MATES_APART_MS)
    }
  }

  /** Whoever sits near the door of a large room waits, so that cells leave it in the order in which they got up. */
  #waitsMs({ cell, zone }: Inmate, walk: Journey): number {
    const isLarge = ![cell.id, cell.ward.toilet, cell.ward.day].includes(zone)
    return isLarge ? Math.max(0, LARGE_ROOM_S - walk.outAfterS) * 1000 : 0
  }

  #send(inmate: Inmate, zone: string, spot: Spot, setsOut: number): void {
    if (inmate.zone === zone && !inmate.walk) return
    const walk = journey(this.#plan, { zone: inmate.zone, spot: inmate.at }, { zone, spot })
    const at = setsOut + this.#waitsMs(inmate, walk)
    inmate.walk = walk
    inmate.step = 0
    inmate.from = at
    inmate.going = zone
    for (const passage of walk.passages) this.#comings.pass(passage.zone, at + passage.second * 1000)
    for (const through of walk.zones) this.#comings.move(through, at)
  }
}
