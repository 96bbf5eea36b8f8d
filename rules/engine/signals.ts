/**
 * What each device last said and how long that speaks (`semantics.md` 3): states hold until the next one, samples for
 * their validity, detections as the device says. Unknown is an answer of its own. Never overwritten by older values.
 */
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { ReadingValue } from '#model/reading.ts'

export interface Signal {
  id: string
  time: number
  value: ReadingValue
  bad: boolean
  /** Vital signs that a band told while nobody wore it: they speak of nobody, also when it is put on again. */
  unworn?: true
  /** Time since which the value has been the same kind of thing without a gap; used for "said nothing through the window". */
  since: number
}

export interface DeviceRecord {
  id: string
  /** Engine time of the last message of the device itself (not of a driver speaking about it). Null: never spoke. */
  spokeAt: number | null
  /** Null: nobody said. */
  online: boolean | null
  onlineChangedAt: number
  signals: Record<string, Signal>
}

const DETECTION_HOLD_MS = 2_000
const DETECTION_ACTIVE_MS = 600_000

/** How long a value of a type speaks after its time, ms. */
export function validMs(type: string, value: ReadingValue): number {
  const signal = READING_TYPES.get(type)?.signal
  switch (signal?.kind) {
    case 'sample':
      return signal.validMs ?? Number.POSITIVE_INFINITY
    case 'detection':
      return value.active === true ? DETECTION_ACTIVE_MS : value.active === false ? 0 : DETECTION_HOLD_MS
    case 'state':
      return Number.POSITIVE_INFINITY
    default:
      return 0
  }
}

/** Below this activity a person is at rest, ms of it are counted from `restSince`. */
const REST_ACTIVITY = 0.2
/** As long as a sample of activity speaks. */
const REST_VALID_MS = 15_000

export class Signals {
  readonly #devices = new Map<string, DeviceRecord>()
  /** Since when each person's activity has been low without a gap; null = it is not. */
  readonly #restSince = new Map<string, number | null>()
  /** Time of the last sure sample of each person's activity. */
  readonly #restAt = new Map<string, number>()

  /** A sample of activity: keeps since when the person rests. */
  rest(person: string, activity: number, time: number, afterGap: boolean): void {
    const since = this.#restSince.get(person)
    const isGap = afterGap || time - (this.#restAt.get(person) ?? time) > REST_VALID_MS
    this.#restAt.set(person, time)
    if (activity >= REST_ACTIVITY) {
      if (since !== null) this.#restSince.set(person, null)
    } else if (since === undefined || since === null || isGap) this.#restSince.set(person, time)
  }
  /** A bad word about his activity, or an unsure one after a silence: nobody knows whether he rested meanwhile. */
  unrest(person: string): void {
    if (this.#restSince.get(person)) this.#restSince.set(person, null)
  }
  restSince(person: string): number | null {
    return this.#restSince.get(person) ?? null
  }

  /** The record that was asked for last: the rules ask about the same device one after the other. */
  #recent: DeviceRecord | undefined

  record(device: string): DeviceRecord {
    let record = this.find(device)
    if (!record) {
      record = { id: device, spokeAt: null, online: null, onlineChangedAt: 0, signals: {} }
      this.#devices.set(device, record)
    }
    return record
  }
  find(device: string): DeviceRecord | undefined {
    if (this.#recent?.id === device) return this.#recent
    const record = this.#devices.get(device)
    if (record !== undefined) this.#recent = record
    return record
  }
  records(): IterableIterator<DeviceRecord> {
    return this.#devices.values()
  }

  /** Stores a reading; answers whether the value before it had stopped speaking (a gap). */
  store(record: DeviceRecord, type: string, id: string, time: number, value: ReadingValue, bad: boolean): boolean {
    const before = record.signals[type]
    const unworn = type === 'band.vitals' && this.isUnworn(record.id)
    if (!before) {
      record.signals[type] = { id, time, value, bad, since: time, ...(unworn ? { unworn } : {}) }
      return true
    }
    if (time < before.time) return false
    const gap =
      before.bad || before.unworn || record.online === false || time > before.time + validMs(type, before.value)
    before.id = id
    before.time = time
    before.value = value
    before.bad = bad
    if (unworn) before.unworn = true
    else if (before.unworn) delete before.unworn
    if (gap) before.since = time
    return gap
  }

  /** The signal that speaks at `at`, or null when it is unknown: none, bad, expired, or the device offline. */
  at(device: string, type: string, at: number): Signal | null {
    const record = this.find(device)
    const signal = record?.signals[type]
    if (!record || !signal || signal.bad || signal.unworn || record.online === false) return null
    return at <= signal.time + validMs(type, signal.value) ? signal : null
  }

  /** The last value whatever its age; null when none was ever said. */
  last(device: string, type: string): Signal | null {
    return this.find(device)?.signals[type] ?? null
  }

  /** The band said that nobody wears it. A bad word says nothing. */
  isUnworn(device: string): boolean {
    const worn = this.last(device, 'band.worn')
    return worn !== null && !worn.bad && worn.value.worn === false
  }

  snapshot(): { records: DeviceRecord[]; rest: [string, number | null, number][] } {
    return {
      records: [...this.#devices.values()],
      rest: [...this.#restSince].map(([p, since]) => [p, since, this.#restAt.get(p) ?? 0]),
    }
  }
  restore(snapshot: ReturnType<Signals['snapshot']>): void {
    this.#devices.clear()
    this.#recent = undefined
    for (const record of snapshot.records) this.#devices.set(record.id, record)
    this.#restSince.clear()
    this.#restAt.clear()
    for (const [person, since, at] of snapshot.rest) {
      this.#restSince.set(person, since)
      this.#restAt.set(person, at)
    }
  }
}
