/**
 * Ordinary life of the make-believe facility, one second at a time: people keep the programme of the house, officers walk
 * their rounds, doors follow, hearts beat, sensors drift. Nothing in it is an incident; the same seed and start give the
 * same life.
 */
import type { ContextChange, Device } from '#model/context/kinds.ts'
import { inHours, localTime } from '#model/local-time.ts'
import { type Chance, seededChance } from '../chance.ts'
import type { Facility } from '../facility/facility.ts'
import { batteryPercent, chargedNow } from './batteries.ts'
import { Bodies } from './bodies.ts'
import { type Card, Doors } from './doors.ts'
import type { Draft } from './draft.ts'
import { Errands } from './errands.ts'
import { type Inmate, Inmates } from './inmates.ts'
import { Mishaps, type Slip, UNWORN } from './mishaps.ts'
import { Officers } from './officers.ts'
import { Programme } from './programme.ts'
import { Sensors } from './sensors.ts'
import type { Spot } from './walker.ts'

export interface LifeOptions {
  seed?: number
  /** Shortens the quiet stretches between errands by this factor. */
  pace?: number
  /** Seconds between two positions of one band; the period of the catalogue is 1. */
  positionEveryS?: number
  /** Seconds between two sets of vital signs; the period of the catalogue is 5. */
  vitalsEveryS?: number
  /** Only these persons and devices live (a cut of the facility); undefined = all. */
  only?: { persons: ReadonlySet<string>; devices: ReadonlySet<string> }
  /** Vital signs of all bands on the same second (recordings: the notation counts in whole periods from the start). */
  inStep?: boolean
  /**
   * All that an ordinary day brings: small faults of devices, slips of people, people of different health, errands under
   * escort. Recordings and the demo leave it out, so that nothing but their story stands out. A number multiplies the
   * rates of faults and slips.
   */
  lifelike?: boolean | number
  /** The edge is simulated too (recordings): its heartbeats are written. Live, the edge speaks for itself. */
  withEdge?: boolean
}

/** Pulse above rest and restlessness of what people do. */
const DOINGS: Record<string, { pulse: number; activity: [number, number]; posture: string }> = {
  sleep: { pulse: -4, activity: [0.01, 0.09], posture: 'lying' },
  rest: { pulse: 4, activity: [0.06, 0.3], posture: 'sitting' },
  walk: { pulse: 22, activity: [0.4, 0.65], posture: 'standing' },
  class: { pulse: 4, activity: [0.08, 0.3], posture: 'sitting' },
  meal: { pulse: 8, activity: [0.1, 0.35], posture: 'sitting' },
  visit: { pulse: 8, activity: [0.1, 0.3], posture: 'sitting' },
  work: { pulse: 14, activity: [0.25, 0.55], posture: 'standing' },
  sport: { pulse: 62, activity: [0.5, 0.95], posture: 'standing' },
}
/** Share of oxygen, and breaths a minute, of somebody who is well; and how much of the spread of a sample is the sensor's. */
const USUAL = { spo2: 97.5, resp: 15.5 } as const
const SAMPLE_NOISE = 0.4
const OUTDOORS = ['yard', 'belt', 'wall', 'fence', 'roof', 'outside', 'gate']
const round = (x: number, digits: number): number => Math.round(x * 10 ** digits) / 10 ** digits

export class Life {
  readonly #facility: Facility
  readonly #chance: Chance
  readonly #options: LifeOptions
  readonly #inmates: Inmates
  readonly #officers: Officers
  readonly #sensors: Sensors
  readonly #doors: Doors
  readonly #mishaps: Mishaps | null
  readonly #bodies: Bodies | null
  readonly #living: { person: string; band: string; ward: string }[] = []
  readonly #later = new Map<number, Draft[]>()
  readonly #motionUntil = new Map<string, number>()
  readonly #camerasOf = new Map<string, string[]>()
  readonly #doorZone = new Map<string, string>()
  readonly #timezone: string
  readonly #night: string
  /** Set by a caller that can change the context (a bench): then bands are charged in a rota, on the charging list. */
  onContext: ((change: ContextChange) => void) | null = null
  #errands: Errands | null = null
  #charging: readonly string[] = []
  /** The bands of those. */
  #onCharger: ReadonlySet<string> = new Set()
  #listAt = 0
  #tick = 0

  constructor(facility: Facility, options: LifeOptions = {}) {
    const { site, plan } = facility
    this.#facility = facility
    this.#options = options
    this.#chance = seededChance((options.seed ?? 1) + 7919)
    this.#timezone = site.facility.timezone ?? 'Asia/Shanghai'
    this.#night = site.facility.night ?? '22:00-06:00'
    const lives = (device: string): boolean => options.only === undefined || options.only.devices.has(device)
    const devices = (site.devices ?? []).filter((d) => lives(d.id))
    const seed = options.seed ?? 1
    const factor = Number(options.lifelike ?? 0)
    const isLifelike = factor > 0
    this.#mishaps = isLifelike ? new Mishaps(site, devices, seed, (d) => this.#onCharger.has(d), factor) : null
    this.#bodies = isLifelike ? new Bodies(seed) : null
    const happens = (slip: Slip): boolean => this.#mishaps?.happens(slip) ?? false
    this.#doors = new Doors(happens, isLifelike)
    this.#sensors = new Sensors(this.#chance, this.#timezone, isLifelike)
    this.#inmates = new Inmates(plan, new Programme(site), this.#chance, options.pace ?? 1, {
      pass: (zone, at) => this.#doors.pass(zone, at),
      move: (zone, at) => this.#seeMotion(zone, at + 8000),
      ...(this.#mishaps ? { toiletMs: (person) => (this.#mishaps as Mishaps).toiletMs(person) } : {}),
    })
    this.#settlePeople()
    const pass = (zone: string, at: number, card: Card): void => this.#doors.pass(zone, at, card)
    this.#officers = new Officers(site, plan, this.#chance, lives, pass, happens)
    this.#settleDevices(devices)
  }

  #settlePeople(): void {
    const { site } = this.#facility
    const bandOf = new Map(
      (site.devices ?? []).filter((d) => d.kind === 'band' && d.subject).map((d) => [d.subject as string, d.id]),
    )
    for (const [offset, person] of (site.people ?? []).entries()) {
      const band = bandOf.get(person.id)
      if (!band || !person.cell || !person.ward) continue
      if (this.#options.only && !this.#options.only.persons.has(person.id)) continue
      this.#inmates.add(person.id, band, person.cell, person.ward, offset)
      this.#living.push({ person: person.id, band, ward: person.ward })
    }
  }

  #settleDevices(devices: readonly Device[]): void {
    const readers = devices.filter((d) => d.kind === 'reader')
    const pairs = new Set((this.#facility.site['door-pairs'] ?? []).flatMap((p) => [p.a, p.b]))
    const kinds = new Map(this.#facility.plan.zones.map((z) => [z.id, z.kind]))
    for (const device of devices) {
      if (device.kind === 'door' && !pairs.has(device.id)) {
        this.#doors.add(device, readers, kinds.get(device.zone ?? '') === 'cell')
        this.#doorZone.set(device.id, device.zone ?? '')
      }
      if (device.kind === 'camera')
        for (const zone of device.watches ?? [])
          this.#camerasOf.set(zone, [...(this.#camerasOf.get(zone) ?? []), device.id])
      const kind = kinds.get(device.zone ?? '') ?? ''
      this.#sensors.add(device, OUTDOORS.includes(kind) ? 'outdoors' : 'indoors', kind)
    }
  }

  /** A story begins: these persons (with the mates of their cells) go home and stay there, officers walk no rounds. */
  keepHome(persons: Iterable<string>): void {
    const kept = [...persons]
    this.#inmates.keepHome(kept)
    this.#officers.keep(kept)
  }
  /** The story is over. */
  release(): void {
    this.#inmates.release()
    this.#officers.release()
  }

  /** What every device says when it comes up: states that hold until something changes. */
  initial(now: number): Draft[] {
    const drafts: Draft[] = []
    for (const device of this.#facility.site.devices ?? []) {
      if (this.#options.only && !this.#options.only.devices.has(device.id)) continue
      drafts.push(...firstWords(device, now))
    }
    for (const { band } of this.#living)
      drafts.push({ device: band, type: 'band.worn', time: now, value: { worn: true } })
    return drafts
  }

  /** One second of life. Call with times one second apart. */
  tick(now: number): Draft[] {
    const drafts: Draft[] = []
    const night = inHours(this.#timezone, this.#night, now)
    const positionEvery = this.#options.positionEveryS ?? 1
    const vitalsEvery = this.#options.vitalsEveryS ?? 5
    this.#inmates.tick(now, night)
    if (this.onContext) this.#chargingRota(now, drafts)
    if (this.onContext && this.#mishaps) this.#runErrands(now)
    for (const inmate of this.#inmates.all) {
      const isCharging = this.#onCharger.has(inmate.band)
      // Thinned positions are those of people who stand still: where somebody walks to is told every other second.
      const everyS = inmate.walk ? Math.min(positionEvery, 2) : positionEvery
      if ((this.#tick + inmate.offset * (everyS === positionEvery ? 1 : 0)) % everyS === 0 && !isCharging)
        drafts.push(this.#position(inmate.band, 'band.position', inmate.at, now, 0.12))
      if ((this.#tick + (this.#options.inStep ? 0 : inmate.offset)) % vitalsEvery === 0)
        drafts.push(isCharging ? unworn(inmate.band, now) : this.#vitals(inmate, now, night))
      if ((this.#tick + inmate.offset) % 600 === 0)
        drafts.push({
          device: inmate.band,
          type: 'band.battery',
          time: now,
          value: { percent: this.#mishaps ? this.#battery(inmate, now) : 55 + ((inmate.offset * 7) % 45) },
        })
    }
    drafts.push(...this.#officers.tick(now, this.#living))
    for (const officer of this.#officers.all) {
      // A card is compared with where its holder's tag was last: tags are thinned less than bands.
      if ((this.#tick + officer.offset) % Math.min(positionEvery, officer.leash ? 2 : 5) === 0)
        drafts.push(this.#position(officer.tag, 'tag.position', officer.at, now, 0.15))
      if ((this.#tick + officer.offset) % 5 === 0)
        drafts.push({
          device: officer.tag,
          type: 'tag.activity',
          time: now,
          value: { activity: round(this.#chance.between(0.12, 0.45), 2) },
        })
    }
    for (const draft of this.#sensors.tick(this.#tick, now)) this.#soonOr(draft, now, drafts)
    const byWhom = (door: string): string | undefined => this.#officers.onDutyFor(this.#doorZone.get(door) ?? '')?.id
    for (const draft of this.#doors.tick(now, byWhom)) this.#soonOr(draft, now, drafts)
    for (const [camera, until] of this.#motionUntil)
      if (until <= now) {
        this.#motionUntil.delete(camera)
        drafts.push({ device: camera, type: 'camera.motion', time: now, value: { active: false } })
      }
    if (this.#options.withEdge && this.#tick % 30 === 0)
      drafts.push({ device: 'EDGE', type: 'agent.heartbeat', time: now, value: { queue_depth: 0, uplink: 'up' } })
    for (const [due, waiting] of this.#later)
      if (due * 1000 <= now) {
        drafts.push(...waiting)
        this.#later.delete(due)
      }
    this.#tick++
    if (!this.#mishaps) return drafts
    drafts.push(...this.#mishaps.tick(now))
    return drafts.flatMap((draft) => this.#mishaps?.heard(draft) ?? [])
  }

  #runErrands(now: number): void {
    this.#errands ??= new Errands({
      plan: this.#facility.plan,
      chance: seededChance((this.#options.seed ?? 1) + 27_644_437),
      timezone: this.#timezone,
      inmates: this.#inmates,
      officers: this.#officers,
      isBusy: (person) => this.#charging.includes(person),
      change: (change) => this.onContext?.(change),
    })
    this.#errands.tick(now)
  }

  #battery(inmate: Inmate, now: number): number {
    return batteryPercent(inmate.seat, inmate.cell.ward.people, inmate.offset, localTime(this.#timezone, now))
  }

  /** What a device says now, out of its turn: after a story has spoken for it. Null: nothing, it has no samples of this type. */
  sample(device: string, type: string, now: number): Draft | null {
    const inmate = this.#inmates.all.find((i) => i.band === device)
    if (inmate && type === 'band.position') return this.#position(device, type, inmate.at, now, 0.12)
    if (inmate && type === 'band.vitals') return this.#vitals(inmate, now, inHours(this.#timezone, this.#night, now))
    const officer = this.#officers.all.find((o) => o.tag === device)
    if (officer && type === 'tag.position') return this.#position(device, type, officer.at, now, 0.15)
    return this.#sensors.sample(device, type, now)
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
    const doing = DOINGS[this.#inmates.doing(inmate, night)] ?? (DOINGS.rest as (typeof DOINGS)[string])
    const isAsleep = night && doing === DOINGS.sleep
    // In this order, so that life without bodies of their own stays what it was recorded as.
    const bell = this.#chance.bell(1)
    const air = this.#chance.between(0, 3)
    const skin = this.#chance.bell(0.15)
    const breath = this.#chance.between(13, 18)
    const own = this.#bodies ? this.#bodily(this.#bodies, inmate.person, now, isAsleep, air, breath) : null
    inmate.hr += (inmate.hrRest + (own?.pulse ?? 0) + doing.pulse - inmate.hr) * 0.15 + bell
    return {
      device: inmate.band,
      type: 'band.vitals',
      time: now,
      value: {
        hr: Math.round(inmate.hr),
        spo2: own?.spo2 ?? 96 + Math.round(air),
        skin_celsius: round(33.2 + skin, 1),
        resp: own?.resp ?? Math.round(breath),
        activity: round(this.#chance.between(...doing.activity), 2),
        posture: doing.posture,
        confidence: round(this.#chance.between(0.85, 0.98), 2),
      },
    }
  }

  /** Of a body of its own: breath and oxygen wander slowly, and what a sensor adds to a single sample is small. */
  #bodily(bodies: Bodies, person: string, now: number, isAsleep: boolean, air: number, breath: number) {
    const { pulse, spo2, resp } = bodies.at(person, now)
    const isPaused =
      isAsleep && bodies.of(person, Math.floor(now / 86_400_000)).isApnoeic && bodies.isPaused(person, now)
    const drift = bodies.wander(person, this.#options.vitalsEveryS ?? 5)
    if (isPaused) return { pulse, spo2: 86 + Math.round(air), resp: 7 }
    return {
      pulse,
      spo2: Math.min(100, Math.round(USUAL.spo2 + spo2 + drift.spo2 + (air - 1.5) * SAMPLE_NOISE)),
      resp: Math.round(USUAL.resp + resp + drift.resp + (breath - USUAL.resp) * SAMPLE_NOISE),
    }
  }

  /** Some bands of each ward lie on the charger at a time; their holders are on the list, in their cells. */
  #chargingRota(now: number, drafts: Draft[]): void {
    const list = (persons: readonly string[]): void =>
      this.onContext?.({ context: 'lists', op: 'put', id: 'charging', item: { id: 'charging', persons }, time: now })
    // Bands are put on again before their holders leave the list.
    if (this.#listAt > 0 && now >= this.#listAt) {
      list(this.#charging)
      this.#listAt = 0
    }
    const local = localTime(this.#timezone, now)
    const turn = chargedNow(local)
    if (turn === null) return
    const before = this.#charging
    const wards = Map.groupBy(this.#inmates.all, (i) => i.cell.ward.id)
    const next = [...wards.values()].flatMap((people) => turn(people.length).map((at) => people[at] as Inmate))
    const fit = next.filter((i) => i.zone === i.cell.id && !i.walk)
    this.#charging = [...new Set(fit.map((i) => i.person))]
    this.#onCharger = new Set(fit.map((i) => i.band))
    list([...before, ...this.#charging])
    for (const { person, band } of this.#living) {
      const goes = this.#charging.includes(person)
      if (goes === before.includes(person)) continue
      drafts.push({ device: band, type: 'band.charging', time: now, value: { charging: goes } })
      drafts.push({
        device: band,
        type: 'band.worn',
        time: now,
        value: goes ? { worn: false, charging: true } : { worn: true },
      })
    }
    this.#listAt = now + 60_000
  }

  #seeMotion(zone: string, until: number): void {
    for (const camera of this.#camerasOf.get(zone) ?? []) {
      if (!this.#motionUntil.has(camera))
        this.#soon({ device: camera, type: 'camera.motion', time: until - 7000, value: { active: true } })
      this.#motionUntil.set(camera, until)
    }
  }

  #soonOr(draft: Draft, now: number, drafts: Draft[]): void {
    if (draft.time <= now) drafts.push(draft)
    else this.#soon(draft)
  }

  #soon(draft: Draft): void {
    const due = Math.ceil(draft.time / 1000)
    const waiting = this.#later.get(due)
    if (waiting) waiting.push(draft)
    else this.#later.set(due, [draft])
  }
}

function unworn(device: string, time: number): Draft {
  return {
    device,
    type: 'band.vitals',
    time,
    value: UNWORN,
  }
}

/** States that hold until something changes. */
function firstWords(device: Device, time: number): Draft[] {
  const say = (type: string, value: Record<string, unknown>): Draft => ({ device: device.id, type, time, value })
  switch (device.kind) {
    case 'door':
      return [
        say('door.mode', { mode: 'normal' }),
        say('door.lock', { state: 'locked' }),
        say('door.state', { state: 'closed' }),
      ]
    case 'gate':
      return ['inner', 'outer'].map((leaf) => say('gate.state', { leaf, state: 'closed' }))
    case 'camera':
      return [say('camera.signal', { present: true }), say('camera.motion', { active: false })]
    case 'power':
      return [say('power.mains', { on: true })]
    case 'leak':
      return [say('env.leak', { active: false })]
    case 'call-point':
      return [say('env.call-point', { active: false })]
    default:
      return []
  }
}
