/**
 * The staff on an ordinary day: posts are manned, rounds are walked at irregular intervals and checked in at the patrol
 * points, watched persons are looked at, cells are counted, tools are given out and come back within the shift.
 */
import type { Device, Patrol, Staff } from '#model/context/kinds.ts'
import { inHours, localTime, minuteOf } from '#model/local-time.ts'
import type { Site } from '#model/site/load.ts'
import type { Chance } from '../chance.ts'
import type { Plan } from '../facility/plan.ts'
import type { Card } from './doors.ts'
import type { Draft } from './draft.ts'
import type { Slip } from './mishaps.ts'
import { type Journey, journey, type Spot } from './walker.ts'

interface Officer {
  staff: Staff
  tag: string
  base: string
  baseSpot: Spot
  zone: string
  at: Spot
  offset: number
  walk: Journey | null
  step: number
  going: string
  /** Points still to visit on this round. */
  points: string[]
  standUntil: number
  /** On an errand: he stays where he was sent, or walks where this says. */
  isBorrowed: boolean
  leash: (() => Spot) | null
}

/** An officer who accompanies somebody. */
export interface Borrowed {
  staff: string
  goTo(zone: string, spot: Spot, now: number): void
  hasArrived(): boolean
  follow(where: () => Spot): void
  /** He goes back to his post. */
  giveBack(): void
}

interface Beat {
  officer: Officer
  points: string[]
  nextAt: number
  /** Shortest and longest time between two rounds, seconds, by day and by night. */
  day: [number, number]
  night: [number, number]
}

interface RollCall {
  device: string
  ward: string
  running: { id: string; since: number; asked: number; missed: boolean } | null
}

/** Counts in the morning before anybody leaves, and in the evening when all are back. */
const COUNTS = ['06:30', '21:40']
const COUNT_TAKES_S = 150
const RECOUNT_TAKES_S = 120

export class Officers {
  readonly all: Officer[] = []
  readonly #plan: Plan
  readonly #site: Site
  readonly #chance: Chance
  readonly #timezone: string
  readonly #night: string
  readonly #points = new Map<string, Device>()
  readonly #beats: Beat[] = []
  readonly #byZone = new Map<string, Officer[]>()
  readonly #lastCheck = new Map<string, number>()
  readonly #rollCalls: RollCall[] = []
  readonly #cabinets: { device: string; tool: string }[] = []
  readonly #kept = new Set<string>()
  readonly #lives: (device: string) => boolean
  readonly #pass: (zone: string, at: number, card: Card) => void
  readonly #happens: (slip: Slip) => boolean

  constructor(
    site: Site,
    plan: Plan,
    chance: Chance,
    lives: (device: string) => boolean,
    pass: (zone: string, at: number, card: Card) => void,
    happens: (slip: Slip) => boolean = () => false,
  ) {
    this.#happens = happens
    this.#site = site
    this.#plan = plan
    this.#chance = chance
    this.#lives = lives
    this.#pass = pass
    this.#timezone = site.facility.timezone ?? 'Asia/Shanghai'
    this.#night = site.facility.night ?? '22:00-06:00'
    this.#settle()
  }

  #settle(): void {
    const { middle, wards } = this.#plan
    const shared = ['OFFICE', 'OFFICE', 'OFFICE', 'WORKSHOP-1', 'WORKSHOP-2', 'MED', 'SALLY-2', 'VISIT', 'CANTEEN']
    const bases = [...wards.flatMap((w) => [w.post, w.post, w.post]), ...shared.filter((z) => middle.has(z))]
    const places = bases.length > 0 ? bases : [...middle.keys()]
    for (const [offset, staff] of (this.#site.staff ?? []).entries()) {
      if (!staff.tag || !this.#lives(staff.tag)) continue
      const base = places[offset % places.length] as string
      const spot = middle.get(base)
      if (!spot) continue
      const baseSpot = { ...spot, x_m: spot.x_m + (offset % 3) * 0.8 - 0.8 }
      const officer: Officer = {
        staff,
        tag: staff.tag,
        base,
        baseSpot,
        zone: base,
        at: baseSpot,
        offset,
        walk: null,
        step: 0,
        going: base,
        points: [],
        standUntil: 0,
        isBorrowed: false,
        leash: null,
      }
      this.all.push(officer)
      this.#byZone.set(base, [...(this.#byZone.get(base) ?? []), officer])
    }
    for (const device of this.#site.devices ?? []) {
      if (!this.#lives(device.id)) continue
      if (device.kind === 'patrol-point') this.#points.set(device.id, device)
      if (device.kind === 'roll-call' && wards.some((w) => w.id === device.zone))
        this.#rollCalls.push({ device: device.id, ward: device.zone as string, running: null })
    }
    for (const tool of this.#site.tools ?? [])
      if (this.#lives(tool.cabinet)) this.#cabinets.push({ device: tool.cabinet, tool: tool.id })
    this.#settleBeats()
  }

  #settleBeats(): void {
    const isIn = (zone: string | undefined, ward: string): boolean =>
      this.#plan.wards.some((w) => w.id === ward && [w.id, w.corridor, w.day, w.post].includes(zone ?? ''))
    for (const ward of this.#plan.wards) {
      const points = [...this.#points.values()].filter((p) => isIn(p.zone, ward.id)).map((p) => p.id)
      const officer = this.#byZone.get(ward.post)?.at(-1)
      if (!officer || points.length === 0) continue
      const watched = (this.#site.people ?? []).some((p) => p.ward === ward.id && p.watch === true)
      const often: [number, number] = [330, 840]
      this.#beats.push({
        officer,
        points,
        nextAt: 0,
        day: watched ? often : [2000, 2900],
        night: watched ? often : [1000, 1500],
      })
    }
    const shared = [...this.#points.values()].filter((p) => !this.#plan.wards.some((w) => isIn(p.zone, w.id)))
    const officer = this.#byZone.get('OFFICE')?.at(-1)
    if (officer && shared.length > 0)
      this.#beats.push({
        officer,
        points: shared.map((p) => p.id),
        nextAt: 0,
        day: [3000, 5400],
        night: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
      })
  }

  /** A story moves these officers itself: they walk no rounds. */
  keep(staff: Iterable<string>): void {
    for (const id of staff) this.#kept.add(id)
  }
  release(): void {
    this.#kept.clear()
  }

  /** Who opens a door of this zone: an officer of its ward. */
  onDutyFor(zone: string): Staff | undefined {
    const ward = this.#plan.wards.find(
      (w) => w.id === zone || [w.day, w.post, w.toilet, w.corridor].includes(zone) || w.cells.includes(zone),
    )
    return this.#byZone.get(ward?.post ?? 'OFFICE')?.[0]?.staff
  }

  /** The officer of a ward who accompanies; null = he is not at the post. The first of a post opens its doors, the last walks its rounds. */
  borrow(ward: string): Borrowed | null {
    const post = this.#plan.wards.find((w) => w.id === ward)?.post ?? ''
    const own = this.#byZone.get(post) ?? []
    const officer = own.length > 2 ? own[1] : undefined
    if (!officer || officer.walk || officer.isBorrowed || officer.points.length > 0) return null
    if (this.#kept.has(officer.staff.id)) return null
    officer.isBorrowed = true
    return {
      staff: officer.staff.id,
      goTo: (zone, spot, now) => this.#send(officer, zone, spot, now),
      hasArrived: () => officer.walk === null,
      follow: (where) => {
        officer.leash = where
      },
      giveBack: () => {
        officer.isBorrowed = false
        officer.leash = null
      },
    }
  }

  tick(now: number, persons: readonly { person: string; band: string; ward: string }[]): Draft[] {
    const drafts: Draft[] = []
    for (const beat of this.#beats) this.#round(beat, now)
    for (const officer of this.all) this.#walk(officer, now, drafts)
    for (const call of this.#rollCalls) this.#count(call, now, persons, drafts)
    this.#tools(now, drafts)
    return drafts
  }

  #round(beat: Beat, now: number): void {
    const range = inHours(this.#timezone, this.#night, now) ? beat.night : beat.day
    if (range[0] === Number.POSITIVE_INFINITY) {
      beat.nextAt = 0
      return
    }
    const soon = this.#chance.between(range[0], range[1]) * 1000
    // The first round of a run comes soon: a route must be walked in its first interval.
    if (beat.nextAt === 0) beat.nextAt = now + soon / 3
    if (now < beat.nextAt || beat.officer.walk || beat.officer.points.length > 0) return
    if (this.#kept.has(beat.officer.staff.id)) return
    beat.nextAt = now + soon + (this.#happens('round-late') ? 8 * 60_000 : 0)
    beat.officer.points = [...beat.points]
  }

  #walk(officer: Officer, now: number, drafts: Draft[]): void {
    if (officer.leash) {
      officer.at = officer.leash()
      return
    }
    if (officer.walk) {
      const spot = officer.walk.spots[officer.step++]
      if (spot) {
        officer.at = spot
        return
      }
      officer.walk = null
      officer.zone = officer.going
      const point = officer.points[0]
      if (point !== undefined && this.#points.get(point)?.zone === officer.zone) {
        officer.points.shift()
        officer.standUntil = now + this.#chance.between(10, 25) * 1000
        this.#checkIn(officer, point, now, drafts)
      }
      return
    }
    if (now < officer.standUntil || officer.isBorrowed) return
    const next = officer.points[0] === undefined ? undefined : this.#points.get(officer.points[0])
    if (next?.zone) {
      const middle = this.#plan.middle.get(next.zone) as Spot
      this.#send(officer, next.zone, next.at ? { ...middle, x_m: next.at.x_m, y_m: next.at.y_m } : middle, now)
    } else if (officer.zone !== officer.base) this.#send(officer, officer.base, officer.baseSpot, now)
    else {
      const away = Math.sin((now / 1000 + officer.offset * 37) / 40) * 1.2
      officer.at = { ...officer.baseSpot, x_m: officer.baseSpot.x_m + away }
    }
  }

  #send(officer: Officer, zone: string, spot: Spot, now: number): void {
    const walk = journey(this.#plan, { zone: officer.zone, spot: officer.at }, { zone, spot })
    officer.walk = walk
    officer.step = 0
    officer.going = zone
    const credential = officer.staff.credentials?.[0]
    if (credential)
      for (const { zone: door, second, inward } of walk.passages)
        this.#pass(door, now + second * 1000, { credential, direction: inward ? 'in' : 'out' })
  }

  #checkIn(officer: Officer, point: string, now: number, drafts: Draft[]): void {
    const ward = this.#plan.wards.find((w) => w.post === officer.base)?.id
    const isNight = inHours(this.#timezone, this.#night, now)
    for (const route of this.#site.patrols ?? []) {
      if (!route.points.includes(point)) continue
      if (route.kind !== 'watch') {
        if (isNight === (route.kind === 'night') && this.#isDue(route, point, now))
          drafts.push({ device: point, type: 'patrol.checkin', time: now, value: this.#visit(route, point, officer) })
        continue
      }
      const watched = (this.#site.people ?? []).filter((p) => p.watch === true && p.ward === ward)
      for (const [i, person] of watched.entries())
        drafts.push({
          device: point,
          type: 'patrol.checkin',
          time: now + i * 1000,
          value: { ...this.#visit(route, point, officer), person: person.id },
        })
    }
  }

  #visit(route: Patrol, point: string, officer: Officer): Record<string, unknown> {
    return { route: route.id, point, officer: officer.staff.id }
  }

  /** A round that passes a point more often than its route asks is noted once in a while only. */
  #isDue(route: Patrol, point: string, now: number): boolean {
    const key = `${route.id}|${point}`
    const everyMs = (route.kind === 'night' ? 30 : 60) * 60_000
    if (now - (this.#lastCheck.get(key) ?? 0) < everyMs * 0.3) return false
    this.#lastCheck.set(key, now)
    return true
  }

  #count(
    call: RollCall,
    now: number,
    persons: readonly { person: string; band: string; ward: string }[],
    drafts: Draft[],
  ): void {
    if (call.running === null) {
      const local = localTime(this.#timezone, now)
      const due = COUNTS.find((c) => local.minuteOfDay >= minuteOf(c) && local.minuteOfDay < minuteOf(c) + 1)
      if (!due) return
      const id = `RC-${call.ward}-${local.date}-${due.replace(':', '')}`
      call.running = { id, since: now, asked: 0, missed: this.#happens('miscount') }
      const expected = persons.filter((p) => p.ward === call.ward).length
      drafts.push({
        device: call.device,
        type: 'rollcall.started',
        time: now,
        value: { count: id, kind: 'scheduled', expected, out_count: 0 },
      })
      return
    }
    const { id, since } = call.running
    const mine = persons.filter((p) => p.ward === call.ward)
    const answered = Math.ceil(Math.min(1, (now - since) / 1000 / COUNT_TAKES_S) * mine.length)
    for (const p of mine.slice(call.running.asked, answered))
      drafts.push({
        device: call.device,
        type: 'rollcall.response',
        time: now,
        value: { count: id, person: p.person, method: 'band' },
      })
    call.running.asked = answered
    const takesS = COUNT_TAKES_S + 20
    const { missed } = call.running
    const passed = Math.round((now - since) / 1000)
    const close = (attempt: number, present: number): void => {
      drafts.push({ device: call.device, type: 'rollcall.closed', time: now, value: { count: id, attempt, present } })
      if (present === mine.length) call.running = null
    }
    if (passed === takesS) close(1, mine.length - (missed ? 1 : 0))
    else if (missed && passed === takesS + RECOUNT_TAKES_S) close(2, mine.length)
  }

  #tools(now: number, drafts: Draft[]): void {
    const { minuteOfDay, weekday } = localTime(this.#timezone, now)
    if (weekday === 7 || Math.abs(minuteOfDay % 1) > 1e-6) return
    for (const [i, { device, tool }] of this.#cabinets.entries()) {
      if (minuteOfDay === 510 + i) drafts.push({ device, type: 'tool.out', time: now, value: { tool } })
      if (minuteOfDay === 670 + i) drafts.push({ device, type: 'tool.in', time: now, value: { tool } })
    }
  }
}
