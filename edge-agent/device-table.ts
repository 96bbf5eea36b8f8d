/**
 * What each device said last: for the device page, the floor plan and coverage. Bounded by the site file (one row a
 * device, one value a type); a view of the journal, never a source of truth.
 */

import type { DeviceState, PersonPosition } from '#model/ports/facility.ts'
import type { Reading } from '#model/reading.ts'

/** How far before the edge's clock a device may be and still be taken by its word. */
const AHEAD_MS = 1000

/** Is what is known newer than what came? What says it is of the future hides nothing of the present. */
const isNewer = (knownTime: number, came: Reading): boolean =>
  knownTime > came.time && knownTime <= came.received + AHEAD_MS

/** Health of a source that says so itself; other devices are online while they speak. */
export class DeviceTable {
  readonly #rows = new Map<string, DeviceState>()
  readonly #positions = new Map<string, PersonPosition>()
  readonly #moved = new Map<string, PersonPosition>()
  readonly #changed = new Set<string>()

  /** @param place zone and person of a reading, resolved from context. */
  note(reading: Reading, place: { zone: string | null; subject: string | null; staff: boolean }): void {
    const row = this.row(reading.device)
    row.readings++
    row.lastSeen = Math.max(row.lastSeen ?? 0, reading.received)
    const before = row.online
    if (reading.type === 'device.status') {
      row.online = reading.value.online === true
      row.reason = row.online ? null : String(reading.value.reason ?? 'offline')
    } else if (reading.type !== 'device.clock' && row.online !== true && reading.quality !== 'bad') {
      row.online = true
      row.reason = null
    }
    if (reading.type === 'device.clock') row.offsetMs = Number(reading.value.offset_ms)
    const known = row.latest[reading.type]
    if (!known || !isNewer(known.time, reading))
      row.latest[reading.type] = { time: reading.time, value: reading.value, quality: reading.quality }
    // Positions and vitals change every second: the device stream tells comings, goings and states.
    if (before !== row.online || !/\.(position|vitals|activity|voltage)$|^env\./.test(reading.type))
      this.#changed.add(reading.device)
    if ((reading.type === 'band.position' || reading.type === 'tag.position') && place.subject !== null)
      this.#place(reading, place)
  }

  quarantined(device: string | null): void {
    if (device !== null && this.#rows.has(device)) this.row(device).quarantined++
  }

  #place(reading: Reading, place: { zone: string | null; subject: string | null; staff: boolean }): void {
    const subject = place.subject as string
    const known = this.#positions.get(subject)
    if (known && isNewer(known.time, reading)) return
    const { x_m, y_m, floor, accuracy_m } = reading.value as Record<string, number>
    const position: PersonPosition = {
      person: subject,
      staff: place.staff,
      device: reading.device,
      zone: place.zone,
      floor: floor ?? 0,
      x_m: x_m ?? 0,
      y_m: y_m ?? 0,
      accuracy_m: accuracy_m ?? 0,
      time: reading.time,
    }
    this.#positions.set(subject, position)
    this.#moved.set(subject, position)
  }

  row(device: string): DeviceState {
    let row = this.#rows.get(device)
    if (!row) {
      row = {
        id: device,
        online: null,
        lastSeen: null,
        offsetMs: null,
        reason: null,
        readings: 0,
        quarantined: 0,
        latest: {},
      }
      this.#rows.set(device, row)
    }
    return row
  }

  /** Rows for exactly these devices, in this order. */
  states(devices: Iterable<string>): DeviceState[] {
    return [...devices].map((id) => this.row(id))
  }

  /** Forgets devices and persons that left the site file. */
  keepOnly(devices: ReadonlySet<string>): void {
    for (const id of this.#rows.keys()) if (!devices.has(id)) this.#rows.delete(id)
    for (const [person, position] of this.#positions) if (!devices.has(position.device)) this.#positions.delete(person)
  }

  positions(): PersonPosition[] {
    return [...this.#positions.values()]
  }

  /** Newest position of everybody who moved since the last call. */
  takeMoved(): PersonPosition[] {
    const moved = [...this.#moved.values()]
    this.#moved.clear()
    return moved
  }

  /** Devices whose state changed since the last call. */
  takeChanged(): DeviceState[] {
    const changed = [...this.#changed].map((id) => this.row(id))
    this.#changed.clear()
    return changed
  }
}
