/** I22: how soon after its own time a reading must come to be in time. Drivers of devices are looked up now and then. */
import { READING_TYPES } from '#model/catalogue/types.ts'
import type { WatchedDevice } from './inspect.ts'

/** By driver (`semantics.md` 2); samples have more. */
const IN_TIME_MS: Record<string, number> = { opcua: 1000, onvif: 2000, mqtt: 5000 }
const DEFAULT_MS = 5000
const SAMPLE_MOST_MS = 30_000
const FRESH_MS = 60_000

export class InTime {
  readonly #devices: () => readonly WatchedDevice[]
  #drivers = new Map<string, string | null>()
  #readAt = Number.NEGATIVE_INFINITY

  constructor(devices: () => readonly WatchedDevice[]) {
    this.#devices = devices
  }

  readonly #byType = new Map<string, number>()

  /** What is said every ten seconds serves its end when it comes within five; an event must come at once. */
  limitMs(device: string, type: string, now: number): number {
    const driver = this.#driverOf(device, now)
    const own = IN_TIME_MS[driver ?? ''] ?? DEFAULT_MS
    return Math.max(own, this.#byType.get(type) ?? this.#ofType(type))
  }

  #ofType(type: string): number {
    const { kind, periodMs = 0 } = READING_TYPES.get(type)?.signal ?? { kind: 'event' }
    const limitMs = kind === 'sample' ? Math.min(periodMs / 2, SAMPLE_MOST_MS) : 0
    if (READING_TYPES.has(type)) this.#byType.set(type, limitMs)
    return limitMs
  }

  #driverOf(device: string, now: number): string | null {
    if (Math.abs(now - this.#readAt) > FRESH_MS) {
      this.#readAt = now
      this.#drivers = new Map(this.#devices().map((d) => [d.id, d.driver]))
    }
    return this.#drivers.get(device) ?? null
  }
}
