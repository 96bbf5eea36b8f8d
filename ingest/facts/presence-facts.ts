/**
 * Facts that are time: seconds in which something was as it should be, of the seconds in which it should have been. Asked
 * every few seconds of what is known now; time that nobody looked at is in neither sum.
 */
import type { FacilityContext } from '#model/context/facility-context.ts'
import type { Device } from '#model/context/kinds.ts'
import { inHours, localTime } from '#model/local-time.ts'
import type { DeviceState, PersonPosition } from '#model/ports/facility.ts'
import type { Facts } from './facts.ts'

export interface Seen {
  now: number
  context: FacilityContext
  state(device: string): DeviceState
  positions: readonly PersonPosition[]
  /** Null where no province is named. */
  uplink: boolean | null
  rules: readonly { code: string; mandatory: boolean; enabled: boolean }[]
  /** Codes of rules of which an alert is shelved now. */
  shelved: ReadonlySet<string>
  desks: readonly string[]
}

/** A look that comes later than this after the last one: what was between them nobody saw. */
const LONGEST_MS = 30_000
/** I30: a fix older or less exact than this is none. */
const FIX = { ageMs: 30_000, accuracyM: 3 }
/** A person is where his last fix says for so long (sample of 10 s). */
const HERE_MS = 10_000
/** R03: a fence below this share of its voltage is down. */
const FENCE_LEAST = 0.7

export class PresenceFacts {
  readonly #facts: Facts
  readonly #formula: (text: string) => (inmates: number) => number
  readonly #formulas = new Map<string, (inmates: number) => number>()
  #lastAt: number | null = null
  #lastDay = ''

  constructor(options: { facts: Facts; formula(text: string): (inmates: number) => number }) {
    this.#facts = options.facts
    this.#formula = options.formula
  }

  look(seen: Seen): void {
    const { now } = seen
    const spent = this.#lastAt === null ? 0 : now - this.#lastAt
    this.#lastAt = now
    this.#population(seen)
    if (spent <= 0 || spent > LONGEST_MS) return
    const seconds = spent / 1000
    const add = (name: string, part: string, good: boolean): void => {
      this.#facts.add(`${name}.required`, part, now, seconds)
      if (good) this.#facts.add(`${name}.good`, part, now, seconds)
    }
    for (const desk of seen.desks) this.#facts.add('desk.seconds', desk, now, seconds)
    if (seen.uplink !== null) add('uplink', '', seen.uplink)
    for (const rule of seen.rules)
      if (rule.mandatory) add('rule', rule.code, rule.enabled && !seen.shelved.has(rule.code))
    this.#devices(seen, add)
    this.#perimeter(seen, add)
    this.#bands(seen, add)
    const zoneOf = whereabouts(seen)
    this.#posts(seen, zoneOf, add)
    this.#manning(seen, zoneOf, add)
  }

  /** Midnight population, or that of the first look at a day. Kept once a day, whatever restarts. */
  #population({ now, context }: Seen): void {
    const { date, midnight } = localTime(context.timezone, now)
    if (date === this.#lastDay) return
    this.#lastDay = date
    this.#facts.add('population', date, midnight, context.all('people').length)
  }

  #devices({ context, state, now }: Seen, add: Add): void {
    for (const device of context.all('devices')) {
      if (!device.driver || context.isInMaintenance(device.id, now)) continue
      const { online, latest } = state(device.id)
      add('device', device.kind ?? 'other', online === true)
      if (device.kind === 'camera') add('video', '', online === true && pictureIsGood(latest))
    }
  }

  /** I17: every layer of a perimeter zone is up; a layer is the fence, the cameras, the drone detectors of the zone. */
  #perimeter({ context, state, now }: Seen, add: Add): void {
    const links = context.all('links')
    for (const zone of context.all('zones')) {
      if (zone.perimeter !== true) continue
      const devices = new Map<string, Device>()
      for (const d of context.devicesOf(zone.id)) devices.set(d.id, d)
      for (const id of context.camerasOf(zone.id)) devices.set(id, context.device(id)!)
      for (const link of links) if (link.zone === zone.id) devices.set(link.fence, context.device(link.fence)!)
      const layers = [...devices.values()].filter(
        (d) => d && ['fence', 'camera', 'drone-detector'].includes(d.kind ?? '') && !context.isInMaintenance(d.id, now),
      )
      if (layers.length === 0) continue
      add(
        'perimeter',
        zone.id,
        layers.every((d) => isUp(d, state(d.id))),
      )
    }
  }

  #bands({ context, state, positions, now }: Seen, add: Add): void {
    const fixes = new Map(positions.map((p) => [p.person, p]))
    for (const device of context.devicesOfKind('band')) {
      const person = device.subject
      if (!person || !context.person(person) || context.isInMaintenance(device.id, now)) continue
      const { online, latest } = state(device.id)
      if (context.isOnList('charging', person) || context.isOnList('medical', person)) continue
      if (latest['band.charging']?.value.charging === true) continue
      // Whether an unreachable band is worn, nobody knows; that is not wearing.
      add('band', '', online !== false && latest['band.worn']?.value.worn === true)
      const fix = fixes.get(person)
      add('fix', '', fix !== undefined && now - fix.time <= FIX.ageMs && fix.accuracy_m <= FIX.accuracyM)
    }
  }

  #posts({ context, now }: Seen, zoneOf: ReadonlyMap<string, string>, add: Add): void {
    for (const post of context.all('posts')) {
      if (post.hours && !inHours(context.timezone, post.hours, now)) continue
      let here = 0
      for (const [person, zone] of zoneOf) if (context.staff(person) && context.within(zone, post.zone)) here++
      add('post', post.id, here >= (post.count ?? 1))
    }
  }

  #manning({ context }: Seen, zoneOf: ReadonlyMap<string, string>, add: Add): void {
    const plans = new Map<string, string>()
    for (const zone of context.all('zones')) if (zone.manning) plans.set(zone.id, zone.manning)
    for (const item of context.all('manning')) plans.set(item.zone, String(item.officers))
    for (const [zone, text] of plans) {
      let officers = 0
      let inmates = 0
      for (const [person, place] of zoneOf) {
        if (!context.within(place, zone)) continue
        if (context.staff(person)) officers++
        else inmates++
      }
      // Denominator: time in which there is anybody to watch.
      if (inmates > 0) add('manning', zone, officers >= this.#need(text, inmates))
    }
  }

  #need(text: string, inmates: number): number {
    const known = this.#formulas.get(text) ?? this.#formula(text)
    this.#formulas.set(text, known)
    return known(inmates)
  }

  meta(): Record<string, string> {
    return { populationDay: this.#lastDay }
  }

  restore(meta: Record<string, string>): void {
    this.#lastDay = meta.populationDay ?? ''
  }
}

type Add = (name: string, part: string, good: boolean) => void

function whereabouts({ positions, now }: Seen): Map<string, string> {
  const zones = new Map<string, string>()
  for (const { person, zone, time } of positions) if (zone !== null && now - time <= HERE_MS) zones.set(person, zone)
  return zones
}

function pictureIsGood(latest: DeviceState['latest']): boolean {
  return latest['camera.signal']?.value.present !== false && latest['camera.tamper']?.value.active !== true
}

function isUp(device: Device, { online, latest }: DeviceState): boolean {
  if (online !== true) return false
  if (device.kind === 'camera') return pictureIsGood(latest)
  if (device.kind !== 'fence') return true
  const voltage = latest['fence.voltage']
  if (!voltage) return true
  const { kv, nominal_kv: nominal } = voltage.value as Record<string, number>
  return !(Number(kv) < FENCE_LEAST * Number(nominal))
}
