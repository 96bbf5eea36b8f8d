/**
 * Ordinary life of the make-believe facility, one second at a time: people sleep, sit, walk along corridors, doors
 * follow, hearts beat, sensors drift. Nothing in it is an incident; the same seed and start give the same life.
 */
import type { Device, Staff } from '#model/context/kinds.ts'
import { inHours } from '#model/local-time.ts'
import { type Chance, seededChance } from '../chance.ts'
import type { Facility } from '../facility/facility.ts'
import type { Draft } from './draft.ts'
import { type Spot, walkAlong, wayBetween } from './walker.ts'

export interface LifeOptions {
  seed?: number
  /** Shortens the quiet stretches between errands by this factor. */
  pace?: number
  /** Seconds between two positions of one band; the period of the catalogue is 1. */
  positionEveryS?: number
  /** Only these persons and devices live (a cut of the facility); undefined = all. */
  only?: { persons: ReadonlySet<string>; devices: ReadonlySet<string> }
  /** Vital signs of all bands on the same second (recordings: the notation counts in whole periods from the start). */
  inStep?: boolean
  /** The edge is simulated too (recordings): its heartbeats are written. Live, the edge speaks for itself. */
  withEdge?: boolean
}

interface Inmate {
  person: string
  band: string
  home: string
  toilet: string
  day: string
  zone: string
  at: Spot
  walk: Iterator<Spot> | null
  going: string | null
  backAt: number
  nextErrandAt: number
  hr: number
  hrRest: number
  offset: number
}

interface Officer {
  tag: string
  at: Spot
  base: Spot
  offset: number
}

interface Sensor {
  device: string
  type: string
  field: string
  everyS: number
  level: number
  mean: number
  swing: number
  min: number
  digits: number
  more?: Record<string, unknown>
}

const round = (x: number, digits: number): number => Math.round(x * 10 ** digits) / 10 ** digits

export class Life {
  readonly #facility: Facility
  readonly #chance: Chance
  readonly #options: LifeOptions
  readonly #inmates: Inmate[] = []
  readonly #officers: Officer[] = []
  readonly #sensors: Sensor[] = []
  readonly #onDuty = new Map<string, Staff[]>()
  readonly #doors = new Map<string, Device>()
  readonly #later: Draft[] = []
  readonly #motionUntil = new Map<string, number>()
  readonly #camerasOf = new Map<string, string[]>()
  readonly #timezone: string
  readonly #night: string
  #tick = 0

  constructor(facility: Facility, options: LifeOptions = {}) {
    this.#facility = facility
    this.#options = options
    this.#chance = seededChance((options.seed ?? 1) + 7919)
    this.#timezone = facility.site.facility.timezone ?? 'Asia/Shanghai'
    this.#night = facility.site.facility.night ?? '22:00-06:00'
    const lives = (kind: 'persons' | 'devices', id: string): boolean =>
      options.only === undefined || options.only[kind].has(id)
    this.#settlePeople(lives)
    this.#settleDevices(lives)
  }

  #settlePeople(lives: (kind: 'persons' | 'devices', id: string) => boolean): void {
    const { site, plan } = this.#facility
    const bandOf = new Map(
      (site.devices ?? []).filter((d) => d.kind === 'band' && d.subject).map((d) => [d.subject as string, d.id]),
    )
    for (const [offset, person] of (site.people ?? []).entries()) {
      const band = bandOf.get(person.id)
      const ward = plan.wards.find((w) => w.id === person.ward)
      if (!band || !ward || !person.cell) continue
      const middle = plan.middle.get(person.cell) as Spot
      const hrRest = this.#chance.between(58, 76)
      const at = {
        ...middle,
        x_m: middle.x_m + ((offset % 2) * 2 - 1) * 1.1,
        y_m: middle.y_m + ((Math.floor(offset / 2) % 2) * 2 - 1) * 1.3,
      }
      const inmate: Inmate = {
        person: person.id,
        band,
        home: person.cell,
        toilet: ward.toilet,
        day: ward.day,
        zone: person.cell,
        at,
        walk: null,
        going: null,
        backAt: 0,
        nextErrandAt: 0,
        hr: hrRest,
        hrRest,
        offset,
      }
      // Drawn for everybody, so that a cut of the facility lives the same life as the whole.
      if (lives('persons', person.id)) this.#inmates.push(inmate)
    }
    const bases = [
      ...plan.wards.flatMap((w) => [w.post, w.post, w.post]),
      'OFFICE',
      'OFFICE',
      'OFFICE',
      'WORKSHOP-1',
      'WORKSHOP-2',
      'MED',
      'SALLY-2',
      'VISIT',
      'CANTEEN',
    ]
    for (const [offset, officer] of (site.staff ?? []).entries()) {
      if (!officer.tag || !lives('devices', officer.tag)) continue
      const place = bases[offset % bases.length] as string
      const middle = plan.middle.get(place) as Spot
      this.#onDuty.set(place, [...(this.#onDuty.get(place) ?? []), officer])
      const base = { ...middle, x_m: middle.x_m + (offset % 3) * 0.8 - 0.8 }
      this.#officers.push({ tag: officer.tag, at: base, base, offset })
    }
  }

  #settleDevices(lives: (kind: 'persons' | 'devices', id: string) => boolean): void {
    for (const device of this.#facility.site.devices ?? []) {
      if (!lives('devices', device.id)) continue
      if (device.kind === 'door') this.#doors.set(device.id, device)
      if (device.kind === 'camera')
        for (const zone of device.watches ?? [])
          this.#camerasOf.set(zone, [...(this.#camerasOf.get(zone) ?? []), device.id])
      for (const sensor of sensorsOf(device)) this.#sensors.push({ ...sensor, device: device.id })
    }
  }

  /** What every device says when it comes up: states that hold until something changes. */
  initial(now: number): Draft[] {
    const drafts: Draft[] = []
    const say = (device: string, type: string, value: Record<string, unknown>) =>
      drafts.push({ device, type, time: now, value })
    for (const device of this.#facility.site.devices ?? []) {
      if (this.#options.only && !this.#options.only.devices.has(device.id)) continue
      if (device.kind === 'door') {
        say(device.id, 'door.mode', { mode: 'normal' })
        say(device.id, 'door.lock', { state: 'locked' })
        say(device.id, 'door.state', { state: 'closed' })
      }
      if (device.kind === 'gate')
        for (const leaf of ['inner', 'outer']) say(device.id, 'gate.state', { leaf, state: 'closed' })
      if (device.kind === 'camera') {
        say(device.id, 'camera.signal', { present: true })
        say(device.id, 'camera.motion', { active: false })
      }
      if (device.kind === 'power') say(device.id, 'power.mains', { on: true })
      if (device.kind === 'leak') say(device.id, 'env.leak', { active: false })
      if (device.kind === 'call-point') say(device.id, 'env.call-point', { active: false })
    }
    for (const inmate of this.#inmates) say(inmate.band, 'band.worn', { worn: true })
    return drafts
  }

  /** One second of life. Call with times one second apart. */
  tick(now: number): Draft[] {
    const drafts: Draft[] = []
    const night = inHours(this.#timezone, this.#night, now)
    const positionEvery = this.#options.positionEveryS ?? 1
    for (const inmate of this.#inmates) {
      this.#live(inmate, now, night)
      if ((this.#tick + inmate.offset) % positionEvery === 0)
        drafts.push(this.#position(inmate.band, 'band.position', inmate.at, now, 0.12))
      if ((this.#tick + (this.#options.inStep ? 0 : inmate.offset)) % 5 === 0)
        drafts.push(this.#vitals(inmate, now, night))
      if ((this.#tick + inmate.offset) % 600 === 0)
        drafts.push({
          device: inmate.band,
          type: 'band.battery',
          time: now,
          value: { percent: 55 + ((inmate.offset * 7) % 45) },
        })
    }
    for (const officer of this.#officers) {
      const away = Math.sin((this.#tick + officer.offset * 37) / 40) * 1.2
      officer.at = { ...officer.base, x_m: officer.base.x_m + away }
      if ((this.#tick + officer.offset) % positionEvery === 0)
        drafts.push(this.#position(officer.tag, 'tag.position', officer.at, now, 0.15))
      if ((this.#tick + officer.offset) % 5 === 0)
        drafts.push({
          device: officer.tag,
          type: 'tag.activity',
          time: now,
          value: { activity: round(this.#chance.between(0.12, 0.45), 2) },
        })
    }
    for (const [i, sensor] of this.#sensors.entries()) {
      if ((this.#tick + i) % sensor.everyS !== 0) continue
      sensor.level = Math.max(
        sensor.min,
        sensor.level + this.#chance.bell(sensor.swing) + (sensor.mean - sensor.level) * 0.05,
      )
      drafts.push({
        device: sensor.device,
        type: sensor.type,
        time: now,
        value: { [sensor.field]: round(sensor.level, sensor.digits), ...sensor.more },
      })
    }
    for (const [camera, until] of this.#motionUntil)
      if (until <= now) {
        this.#motionUntil.delete(camera)
        drafts.push({ device: camera, type: 'camera.motion', time: now, value: { active: false } })
      }
    if (this.#options.withEdge && this.#tick % 30 === 0)
      drafts.push({ device: 'EDGE', type: 'agent.heartbeat', time: now, value: { queue_depth: 0, uplink: 'up' } })
    while ((this.#later[0]?.time ?? Number.POSITIVE_INFINITY) <= now) drafts.push(this.#later.shift() as Draft)
    this.#tick++
    return drafts
  }

  #position(device: string, type: string, at: Spot, now: number, noise: number): Draft {
    return {
      device,
      type,
      time: now,
      value: {
        x_m: round(at.x_m + this.#chance.bell(noise), 2),
        y_m: round(at.y_m + this.#chance.bell(noise), 2),
        floor: at.floor,
        accuracy_m: round(this.#chance.between(0.4, 1.2), 1),
      },
    }
  }

  #vitals(inmate: Inmate, now: number, night: boolean): Draft {
    const walking = inmate.walk !== null
    const goal = inmate.hrRest + (walking ? 22 : night ? -4 : 4)
    inmate.hr += (goal - inmate.hr) * 0.15 + this.#chance.bell(1)
    const activity = walking
      ? this.#chance.between(0.4, 0.7)
      : night
        ? this.#chance.between(0.01, 0.09)
        : this.#chance.between(0.06, 0.3)
    return {
      device: inmate.band,
      type: 'band.vitals',
      time: now,
      value: {
        hr: Math.round(inmate.hr),
        spo2: 96 + Math.round(this.#chance.between(0, 3)),
        skin_celsius: round(33.2 + this.#chance.bell(0.15), 1),
        resp: Math.round(this.#chance.between(13, 18)),
        activity: round(activity, 2),
        posture: walking ? 'standing' : night ? 'lying' : 'sitting',
        confidence: round(this.#chance.between(0.85, 0.98), 2),
      },
    }
  }

  #live(inmate: Inmate, now: number, night: boolean): void {
    if (inmate.walk) {
      const step = inmate.walk.next()
      if (step.done) {
        inmate.walk = null
        inmate.zone = inmate.going as string
        inmate.going = null
        const stayS =
          inmate.zone === inmate.home
            ? 0
            : inmate.zone === inmate.toilet
              ? this.#chance.between(40, 90)
              : this.#chance.between(300, 900)
        inmate.backAt = now + stayS * 1000
      } else inmate.at = step.value
      return
    }
    if (inmate.zone !== inmate.home) {
      if (now >= inmate.backAt) this.#send(inmate, inmate.home, now)
      return
    }
    if (inmate.nextErrandAt === 0) inmate.nextErrandAt = now + this.#idle(10, night ? 14_400 : 2400)
    if (now < inmate.nextErrandAt) return
    inmate.nextErrandAt = now + this.#idle(night ? 7200 : 1200, night ? 21_600 : 4800)
    this.#send(inmate, night || this.#chance.next() < 0.55 ? inmate.toilet : inmate.day, now)
  }

  #idle(fromS: number, toS: number): number {
    return (this.#chance.between(fromS, toS) * 1000) / (this.#options.pace ?? 1)
  }

  #send(inmate: Inmate, to: string, now: number): void {
    const way = wayBetween(this.#facility.plan, inmate.zone, to)
    if (way[0]) way[0] = { ...way[0], spot: inmate.at }
    inmate.going = to
    inmate.walk = walkAlong(way)
    for (const zone of [inmate.zone, to]) this.#openDoorOf(zone, now)
    for (const { zone } of way) this.#seeMotion(zone, now + 8000)
  }

  /** The post opens a cell by command, a room by an officer's card; the door is closed again within seconds. */
  #openDoorOf(zone: string, now: number): void {
    const door = [...this.#doors.values()].find((d) => d.zone === zone)
    if (!door) return
    const reader = (this.#facility.site.devices ?? []).find((d) => d.kind === 'reader' && d.door === door.id)
    const officer = this.#officerOf(zone)
    const first: Draft = reader
      ? {
          device: reader.id,
          type: 'access.granted',
          time: now + 1000,
          value: { credential: officer?.credentials?.[0] ?? 'C-0001' },
        }
      : {
          device: door.id,
          type: 'door.command',
          time: now + 1000,
          value: { command: 'open', ...(officer ? { by: officer.id } : {}) },
        }
    this.#soon(first)
    this.#soon({ device: door.id, type: 'door.state', time: now + 2000, value: { state: 'open' } })
    this.#soon({ device: door.id, type: 'door.state', time: now + 7000, value: { state: 'closed' } })
  }

  /** Who is on duty in the ward of the zone; a card used far from its holder's tag would be an alert (R11). */
  #officerOf(zone: string): Staff | undefined {
    const ward = this.#facility.plan.wards.find(
      (w) => w.id === zone || [w.day, w.post, w.toilet, w.corridor, ...w.cells].includes(zone),
    )
    const mine = this.#onDuty.get(ward?.post ?? '') ?? []
    return mine.length === 0 ? undefined : this.#chance.pick(mine)
  }

  #seeMotion(zone: string, until: number): void {
    for (const camera of this.#camerasOf.get(zone) ?? []) {
      if (!this.#motionUntil.has(camera))
        this.#soon({ device: camera, type: 'camera.motion', time: until - 7000, value: { active: true } })
      this.#motionUntil.set(camera, until)
    }
  }

  #soon(draft: Draft): void {
    this.#later.push(draft)
    this.#later.sort((a, b) => a.time - b.time)
  }
}

/** The quantities that a sensor keeps measuring, with their ordinary level and swing. */
function sensorsOf(device: Device): Omit<Sensor, 'device'>[] {
  const slow = (
    type: string,
    field: string,
    mean: number,
    swing: number,
    digits: number,
    everyS = 10,
    more?: Record<string, unknown>,
  ): Omit<Sensor, 'device'> => ({ type, field, everyS, level: mean, mean, swing, min: 0, digits, more })
  switch (device.kind) {
    case 'fence':
      return [slow('fence.voltage', 'kv', 6.1, 0.02, 2, 1, { nominal_kv: 6 })]
    case 'climate':
      return [
        slow('env.temperature', 'celsius', 22, 0.04, 2),
        slow('env.humidity', 'percent', 48, 0.2, 1),
        slow('env.co2', 'ppm', 640, 4, 0),
      ]
    case 'smoke':
      return [slow('env.smoke', 'percent_per_m', 0.05, 0.01, 2), slow('env.temperature', 'celsius', 22, 0.04, 2)]
    case 'gas':
      return [slow('env.co', 'ppm', 2, 0.2, 0), slow('env.gas', 'lel_percent', 0.3, 0.05, 1)]
    case 'noise':
      return [slow('env.noise', 'db', 48, 1.2, 1)]
    case 'light':
      return [slow('env.light', 'lux', 180, 2, 0)]
    case 'power':
      return [slow('power.ups', 'percent', 99, 0.1, 0, 60)]
    default:
      return []
  }
}
