/**
 * The facility as rules see it: places, devices, people and permissions, indexed for questions asked on every reading.
 * Changed only by context changes, in their order; it must never look at a clock: the instant is always an argument.
 */
import { inHours, localTime, minuteOf } from '../local-time.ts'
import type { Site } from '../site/load.ts'
import { FloorPlan } from './floor-plan.ts'
import {
  CONTEXT_KINDS,
  type ContextChange,
  type ContextItems,
  type ContextKind,
  contextItemId,
  type Device,
  type DoorPair,
  type Escort,
  type Mode,
  type Person,
  type Staff,
  type TimetableSlot,
  type Zone,
} from './kinds.ts'
import { isLockUp } from './lock-up.ts'
import { covers, instant, Permits } from './permits.ts'
import { narrowed, Steady } from './steady.ts'

export { instant } from './permits.ts'

type Items = { [K in ContextKind]: Map<string, ContextItems[K]> }
export type ContextSnapshot = { [K in ContextKind]?: ContextItems[K][] }

const NONE: ReadonlySet<string> = new Set()
const DEFAULT_TIMEZONE = 'Asia/Shanghai'
const DEFAULT_NIGHT = '22:00-06:00'

/** Changed without touching what is derived of places, devices and people. */
const APART: ReadonlySet<ContextKind> = new Set([
  'passes',
  'escorts',
  'work-orders',
  'lists',
  'modes',
  'manning',
  'posts',
  'shifts',
  'tools',
  'groups',
  'keep-apart',
  'patrols',
])
/** Questions whose answers are kept. */
const FORBIDDEN = 0
const LAWFUL = 1
const QUARTER_MS = 900_000
const DAY_MS = 86_400_000

export class FacilityContext {
  readonly facility: string
  /** Null where the site file does not say: then the rules of both kinds run. */
  readonly kind: 'prison' | 'detox' | null
  readonly timezone: string
  readonly night: string
  /** Grows with every change; whoever caches an answer compares it. */
  version = 1
  readonly #items: Items
  #index: Index | null = null
  #permits: Permits | null = null
  // The rules ask about the same person, device and place one after the other.
  #lastPerson: { id: string; item: Person | undefined } = { id: '', item: undefined }
  #lastStaff: { id: string; item: Staff | undefined } = { id: '', item: undefined }
  #lastDevice: { id: string; item: Device | undefined } = { id: '', item: undefined }
  #lastZone: { id: string; item: Zone | undefined } = { id: '', item: undefined }
  readonly #steady = new Steady(2, (at) => this.#spanAround(at))
  #lists: { [K in ContextKind]?: ContextItems[K][] } = {}
  /** `--adopt`: devices nobody registered, taken as devices of the zone of their first reading. */
  readonly #adopted = new Map<string, Device>()

  constructor(site: Site) {
    this.facility = site.facility.id
    this.kind = site.facility.kind ?? null
    this.timezone = site.facility.timezone ?? DEFAULT_TIMEZONE
    this.night = site.facility.night ?? DEFAULT_NIGHT
    this.#items = Object.fromEntries(CONTEXT_KINDS.map((k) => [k, new Map()])) as unknown as Items
    this.restore(site)
  }

  /** Takes over all items, replacing what was there. */
  restore(snapshot: ContextSnapshot): void {
    for (const kind of CONTEXT_KINDS) {
      const map = this.#items[kind] as Map<string, unknown>
      map.clear()
      for (const item of snapshot[kind] ?? []) map.set(contextItemId(kind, item as Record<string, unknown>), item)
    }
    this.#touch()
  }

  snapshot(): ContextSnapshot {
    const out: Record<string, unknown[]> = {}
    for (const kind of CONTEXT_KINDS) if (this.#items[kind].size > 0) out[kind] = [...this.#items[kind].values()]
    return out as ContextSnapshot
  }

  apply(change: ContextChange): void {
    const map = this.#items[change.context] as Map<string, unknown>
    if (change.op === 'delete') map.delete(change.id)
    else map.set(change.id, change.item ?? {})
    this.#touch(change.context)
  }

  #touch(kind?: ContextKind): void {
    this.version++
    if (kind === undefined || !APART.has(kind)) this.#index = null
    this.#permits = null
    this.#lists = {}
    this.#steady.forget()
    this.#forgetLast()
  }

  #forgetLast(): void {
    this.#lastPerson.id = ''
    this.#lastStaff.id = ''
    this.#lastDevice.id = ''
    this.#lastZone.id = ''
  }

  /** In which nothing that permits begins or ends. */
  #spanAround(at: number): [number, number] {
    const quarter = Math.floor(at / QUARTER_MS) * QUARTER_MS
    const span: [number, number] = [quarter, quarter + QUARTER_MS]
    for (const change of this.#p.changes) narrowed(span, change, at)
    const { midnight } = localTime(this.timezone, at)
    for (const slot of this.#items.timetable.values())
      for (const text of [slot.from, slot.to]) narrowed(span, midnight + minuteOf(text) * 60_000, at)
    narrowed(span, midnight, at)
    narrowed(span, midnight + DAY_MS, at)
    return span
  }

  get #i(): Index {
    this.#index ??= new Index(this.#items, this.#adopted)
    return this.#index
  }
  get #p(): Permits {
    this.#permits ??= new Permits(this.#items)
    return this.#permits
  }

  adopt(device: Device): void {
    this.#adopted.set(device.id, device)
    this.#forgetLast()
    this.#index?.addDevice(device)
  }
  /** What a device is may be left out of the site file: its readings tell. */
  learnKind(id: string, kind: NonNullable<Device['kind']>): void {
    const adopted = this.#adopted.get(id)
    const known = adopted ?? this.#items.devices.get(id)
    if (!known || known.kind !== undefined) return
    const device = { ...known, kind }
    this.#forgetLast()
    if (adopted) this.#adopted.set(id, device)
    else {
      this.#items.devices.set(id, device)
      this.#lists = {}
    }
    this.#index?.replaceDevice(known, device)
  }
  adopted(): Device[] {
    return [...this.#adopted.values()]
  }

  /** All items of a kind. The list is shared until the next change: copy it before you write into it. */
  all<K extends ContextKind>(kind: K): ContextItems[K][] {
    let list = this.#lists[kind] as ContextItems[K][] | undefined
    if (!list) {
      list = [...this.#items[kind].values()]
      ;(this.#lists as Record<string, unknown>)[kind] = list
    }
    return list
  }
  item<K extends ContextKind>(kind: K, id: string): ContextItems[K] | undefined {
    return this.#items[kind].get(id)
  }

  // Places.
  zone(id: string | null | undefined): Zone | undefined {
    if (!id) return undefined
    if (id !== this.#lastZone.id) {
      this.#lastZone.item = this.#items.zones.get(id)
      this.#lastZone.id = id
    }
    return this.#lastZone.item
  }
  /** The zone and its ancestors, nearest first. */
  upward(id: string | null): readonly string[] {
    return id ? this.#i.upward(id) : []
  }
  /** Is `inner` the zone `outer` or inside it? */
  within(inner: string | null, outer: string): boolean {
    return inner !== null && this.upward(inner).includes(outer)
  }
  children(id: string): readonly string[] {
    return this.#i.children.get(id) ?? []
  }
  /** Same zone, parent, child, or joined by `adjacent`. */
  linked(id: string | null): ReadonlySet<string> {
    return id ? this.#i.linked(id) : NONE
  }
  areLinked(a: string | null, b: string | null): boolean {
    return a !== null && b !== null && (a === b || this.linked(a).has(b))
  }
  /** At most two linking steps: only for folding. */
  areNear(a: string | null, b: string | null): boolean {
    if (a === null || b === null) return false
    if (a === b) return true
    const around = this.linked(b)
    for (const step of this.linked(a)) if (step === b || around.has(step)) return true
    return false
  }
  /** The smallest polygon of the floor that holds the point (on the edge = inside). */
  zoneAt(floor: number, x: number, y: number): string | null {
    return this.#i.plan.zoneAt(floor, x, y)
  }
  isPerimeter(zone: string | null): boolean {
    return this.zone(zone)?.perimeter === true
  }

  // Devices.
  device(id: string | null | undefined): Device | undefined {
    if (!id) return undefined
    if (id !== this.#lastDevice.id) {
      this.#lastDevice.item = this.#items.devices.get(id) ?? this.#adopted.get(id)
      this.#lastDevice.id = id
    }
    return this.#lastDevice.item
  }
  devicesOf(zone: string): readonly Device[] {
    return this.#i.devicesByZone.get(zone) ?? []
  }
  devicesOfKind(kind: string): readonly Device[] {
    return this.#i.devicesByKind.get(kind) ?? []
  }
  childrenOfGateway(gateway: string): readonly string[] {
    return this.#i.viaChildren.get(gateway) ?? []
  }
  /** Zone of a device; a fence's zone is that of its `links` entry. */
  zoneOfDevice(id: string): string | null {
    return this.#i.fenceZone.get(id) ?? this.device(id)?.zone ?? null
  }
  /** Zones a camera speaks for: its own and those it watches. */
  zonesOfCamera(id: string): readonly string[] {
    return this.#i.cameraZones.get(id) ?? []
  }
  camerasOf(zone: string): readonly string[] {
    return this.#i.zoneCameras.get(zone) ?? []
  }
  /** Cameras that see the zone or a linked one. */
  camerasLinkedTo(zone: string): readonly string[] {
    const found = new Set<string>()
    for (const z of this.linked(zone)) for (const camera of this.camerasOf(z)) found.add(camera)
    return [...found].sort()
  }
  /** Do two cameras stand side by side: `adjacent` of either; without any such list, the same zone. */
  areAdjacentCameras(a: string, b: string): boolean {
    const da = this.device(a)
    const db = this.device(b)
    if (!da || !db || a === b) return false
    if (da.adjacent?.includes(b) || db.adjacent?.includes(a)) return true
    if (da.adjacent?.length || db.adjacent?.length) return false
    return (da.zone ?? null) !== null && this.areLinked(da.zone ?? null, db.zone ?? null)
  }
  /** The door a reader, camera line or button belongs to: `door:`; else the only door of its zone. */
  doorOf(id: string): string | null {
    const device = this.device(id)
    if (!device) return null
    if (this.#isDoor(device)) return id
    if (device.door) return device.door
    const doors = this.devicesOf(device.zone ?? '').filter((d) => this.#isDoor(d))
    return doors.length === 1 ? (doors[0]?.id ?? null) : null
  }
  /** Doors for which this reader speaks: `door:`; else every door of its zone. */
  doorsOf(id: string): readonly string[] {
    const device = this.device(id)
    if (!device) return []
    if (this.#isDoor(device)) return [id]
    if (device.door) return [device.door]
    return this.devicesOf(device.zone ?? '').flatMap((d) => (this.#isDoor(d) ? [d.id] : []))
  }
  #isDoor(device: Device): boolean {
    return device.kind === 'door' || (device.kind === undefined && this.#i.doors.has(device.id))
  }
  doorPairsOf(door: string): readonly DoorPair[] {
    return this.#i.pairsByDoor.get(door) ?? []
  }

  /** Is something meant for one kind of facility meant for this one? */
  isOfKind(scope: 'prison' | 'detox' | 'both'): boolean {
    return scope === 'both' || this.kind === null || this.kind === scope
  }

  // People.
  person(id: string | null | undefined): Person | undefined {
    if (!id) return undefined
    if (id !== this.#lastPerson.id) {
      this.#lastPerson.item = this.#items.people.get(id)
      this.#lastPerson.id = id
    }
    return this.#lastPerson.item
  }
  staff(id: string | null | undefined): Staff | undefined {
    if (!id) return undefined
    if (id !== this.#lastStaff.id) {
      this.#lastStaff.item = this.#items.staff.get(id)
      this.#lastStaff.id = id
    }
    return this.#lastStaff.item
  }
  /** A camera may name a person by id or by the id of the face. */
  personOfFace(name: string): string {
    return this.#i.personByFace.get(name) ?? name
  }
  holderOfCredential(credential: string): string | null {
    return this.#i.holderByCredential.get(credential) ?? null
  }
  /** Person who wears or holds a device, or lies in the bed it watches. */
  subjectOfDevice(id: string): string | null {
    return this.device(id)?.subject ?? this.#i.holderByTag.get(id) ?? null
  }
  /** Devices (band, bed radar, tag) that speak about a person. */
  devicesOfSubject(person: string): readonly string[] {
    return this.#i.subjectDevices.get(person) ?? []
  }
  isOnList(list: string, person: string): boolean {
    return this.#p.isOnList(list, person)
  }
  escortOf(person: string, at: number): Escort | undefined {
    return this.#p.escortOf(person, at)
  }
  /** Is there a valid pass, escort or work order of the person for the zone? Escorts without a route cover every zone. */
  hasPermit(person: string, zone: string | null, at: number): boolean {
    return zone !== null && this.#p.hasPermit(person, this.upward(zone), at)
  }
  /** A work order for the zone (and, when a person is given and the order names persons, for that person). */
  hasWorkOrder(zone: string, at: number, person?: string): boolean {
    return this.#p.hasOrder(this.upward(zone), at, person)
  }
  /** A pass or an order sends the person there, or his timetable. */
  isLawfullyIn(person: string, zone: string | null, at: number): boolean {
    if (zone === null) return false
    const known = this.#steady.known(LAWFUL, person, zone, at)
    if (known !== undefined) return known
    const entry = this.person(person)
    const yes = this.hasPermit(person, zone, at) || (entry !== undefined && this.isInSlot(entry, zone, at))
    return this.#steady.learn(LAWFUL, person, zone, yes)
  }
  /** Slots of the timetable in force for a ward (or, without one, for the zone) at an instant. */
  slotsAt(at: number): TimetableSlot[] {
    return [...this.#items.timetable.values()].filter((slot) => this.slotCovers(slot, at))
  }
  slotCovers(slot: TimetableSlot, at: number): boolean {
    const now = localTime(this.timezone, at)
    const [from, to] = [minuteOf(slot.from), minuteOf(slot.to)]
    const late = now.minuteOfDay < from && from > to
    const weekday = late ? ((now.weekday + 5) % 7) + 1 : now.weekday
    if (!this.slotBeginsOn(slot, weekday)) return false
    return from <= to
      ? now.minuteOfDay >= from && now.minuteOfDay < to
      : now.minuteOfDay >= from || now.minuteOfDay < to
  }
  /** Monday = 1. */
  slotBeginsOn(slot: TimetableSlot, weekday: number): boolean {
    return !slot.days || days(slot.days).has(weekday)
  }
  /** Does the timetable send him there now? A lock-up sends everybody to his own cell, and nobody anywhere else in its zone. */
  isInSlot(person: Person, zone: string, at: number): boolean {
    for (const place of this.upward(zone))
      for (const slot of this.#i.slotsByZone.get(place) ?? [])
        if (
          !isLockUp(slot) &&
          (!slot.wards?.length || slot.wards.some((w) => w === person.ward || this.within(person.cell ?? null, w))) &&
          this.slotCovers(slot, at)
        )
          return true
    return false
  }
  isGathering(zone: string, at: number): boolean {
    for (const place of this.upward(zone))
      for (const slot of this.#i.slotsByZone.get(place) ?? [])
        if (slot.gathering === true && this.slotCovers(slot, at)) return true
    return false
  }
  /** Own cell, or a toilet or washroom that belongs to it. */
  isOwnCell(person: Person, zone: string | null): boolean {
    if (zone === null || !person.cell) return false
    if (this.within(zone, person.cell)) return true
    return (this.zone(person.cell)?.['allowed-with'] ?? []).some((z) => this.within(zone, z))
  }
  /** `semantics.md` 4: is the person forbidden in the zone at this instant? */
  isForbidden(person: Person, zone: string, at: number): boolean {
    return (
      this.#steady.known(FORBIDDEN, person.id, zone, at) ??
      this.#steady.learn(FORBIDDEN, person.id, zone, this.#findForbidden(person, zone, at))
    )
  }
  #findForbidden(person: Person, zone: string, at: number): boolean {
    const place = this.zone(zone)
    if (!place || (place.class ?? 'none') === 'none') return false
    if (this.isOwnCell(person, zone)) return false
    const up = this.upward(zone)
    if (person.allowed?.some((z) => up.includes(z))) return false
    if (this.isInSlot(person, zone, at) || this.hasPermit(person.id, zone, at)) return false
    return !(place.kind === 'medical' && this.isOnList('medical', person.id))
  }

  // Time and modes.
  isNight(at: number): boolean {
    return inHours(this.timezone, this.night, at)
  }
  isQuiet(zone: string | null, at: number): boolean {
    for (const id of this.upward(zone)) {
      const quiet = this.zone(id)?.quiet
      if (quiet) return inHours(this.timezone, quiet, at)
    }
    return false
  }
  /** Modes in force that touch the zone (a named zone includes its children; no zones = the whole facility). */
  modesAt(zone: string | null, at: number, kind: Mode['mode']): Mode[] {
    if (this.#items.modes.size === 0) return []
    const up = this.upward(zone)
    return [...this.#items.modes.values()].filter(
      (mode) =>
        mode.mode === kind && covers(mode, at) && (!mode.zones?.length || mode.zones.some((z) => up.includes(z))),
    )
  }
  /** The next instant after `after` at which a mode begins or ends by its own `from` or `to`. */
  nextModeChange(after: number): number | null {
    let next: number | null = null
    for (const mode of this.#items.modes.values())
      for (const at of [instant(mode.from), instant(mode.to)])
        if (at !== null && at > after && (next === null || at < next)) next = at
    return next
  }
  isInMaintenance(device: string, at: number): boolean {
    for (const mode of this.#items.modes.values())
      if (mode.mode === 'maintenance' && covers(mode, at) && mode.devices?.includes(device)) return true
    return false
  }
}

const daySets = new Map<string, ReadonlySet<number>>()
function days(text: string): ReadonlySet<number> {
  let set = daySets.get(text)
  if (!set) {
    const numbers = new Set<number>()
    for (const part of text.split(',')) {
      const [from, to = from] = part.split('-').map(Number) as [number, number?]
      for (let day = from; day <= to; day++) numbers.add(day)
    }
    set = numbers
    daySets.set(text, set)
  }
  return set
}

function pushTo<K, V>(map: Map<K, V[]>, key: K | null | undefined, value: V): void {
  if (key === null || key === undefined) return
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}

/** Everything derived from the items; thrown away whole when any of them changes. */
class Index {
  readonly children = new Map<string, string[]>()
  readonly devicesByZone = new Map<string, Device[]>()
  readonly devicesByKind = new Map<string, Device[]>()
  readonly viaChildren = new Map<string, string[]>()
  readonly fenceZone = new Map<string, string>()
  readonly cameraZones = new Map<string, string[]>()
  readonly zoneCameras = new Map<string, string[]>()
  readonly pairsByDoor = new Map<string, DoorPair[]>()
  /** Devices that others name as a door. */
  readonly doors = new Set<string>()
  readonly personByFace = new Map<string, string>()
  readonly holderByCredential = new Map<string, string>()
  readonly holderByTag = new Map<string, string>()
  readonly subjectDevices = new Map<string, string[]>()
  readonly slotsByZone = new Map<string, TimetableSlot[]>()
  readonly plan: FloorPlan
  readonly #items: Items
  readonly #upward = new Map<string, string[]>()
  readonly #linked = new Map<string, Set<string>>()
  readonly #adjacent = new Map<string, Set<string>>()

  constructor(items: Items, adopted: Map<string, Device>) {
    this.#items = items
    for (const zone of items.zones.values()) {
      pushTo(this.children, zone.parent, zone.id)
      for (const other of zone.adjacent ?? []) {
        this.#join(zone.id, other)
        this.#join(other, zone.id)
      }
    }
    for (const slot of items.timetable.values()) pushTo(this.slotsByZone, slot.zone, slot)
    for (const link of items.links.values()) this.fenceZone.set(link.fence, link.zone)
    for (const member of items.staff.values()) {
      for (const credential of member.credentials ?? []) this.holderByCredential.set(credential, member.id)
      if (member.tag) {
        this.holderByTag.set(member.tag, member.id)
        if (items.devices.get(member.tag)?.subject !== member.id) pushTo(this.subjectDevices, member.id, member.tag)
      }
    }
    for (const person of [...items.people.values(), ...items.staff.values()])
      if (person.face) this.personByFace.set(person.face, person.id)
    for (const pair of items['door-pairs'].values()) {
      this.doors.add(pair.a)
      this.doors.add(pair.b)
      pushTo(this.pairsByDoor, pair.a, pair)
      pushTo(this.pairsByDoor, pair.b, pair)
    }
    for (const device of items.devices.values()) {
      this.addDevice(device)
      if (device.door) this.doors.add(device.door)
    }
    for (const device of adopted.values()) if (!items.devices.has(device.id)) this.addDevice(device)
    this.plan = new FloorPlan([...items.zones.values()])
  }

  replaceDevice(old: Device, device: Device): void {
    const sameZone = this.devicesByZone.get(device.zone ?? '')
    const place = sameZone?.indexOf(old) ?? -1
    if (sameZone && place >= 0) sameZone[place] = device
    this.#addKind(device)
  }

  addDevice(device: Device): void {
    pushTo(this.devicesByZone, device.zone, device)
    this.#addKind(device)
    pushTo(this.viaChildren, device.via, device.id)
    pushTo(this.subjectDevices, device.subject, device.id)
  }

  #addKind(device: Device): void {
    pushTo(this.devicesByKind, device.kind, device)
    if (
      (device.kind ?? (device.driver === 'onvif' ? 'camera' : null)) === 'camera' &&
      !this.cameraZones.has(device.id)
    ) {
      const zones = [...new Set([...(device.zone ? [device.zone] : []), ...(device.watches ?? [])])]
      this.cameraZones.set(device.id, zones)
      for (const zone of zones) pushTo(this.zoneCameras, zone, device.id)
    }
  }

  #join(a: string, b: string): void {
    const set = this.#adjacent.get(a)
    if (set) set.add(b)
    else this.#adjacent.set(a, new Set([b]))
  }

  upward(id: string): string[] {
    let chain = this.#upward.get(id)
    if (!chain) {
      chain = []
      for (let at: string | null | undefined = id; at && !chain.includes(at); at = this.#items.zones.get(at)?.parent)
        chain.push(at)
      this.#upward.set(id, chain)
    }
    return chain
  }

  linked(id: string): Set<string> {
    let set = this.#linked.get(id)
    if (!set) {
      set = new Set([id])
      const parent = this.#items.zones.get(id)?.parent
      if (parent) set.add(parent)
      for (const child of this.children.get(id) ?? []) set.add(child)
      for (const other of this.#adjacent.get(id) ?? []) set.add(other)
      this.#linked.set(id, set)
    }
    return set
  }
}
