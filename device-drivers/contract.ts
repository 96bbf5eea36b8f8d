/**
 * What a driver owes the edge, and what the edge owes a driver. One driver = one protocol family; a maker's product is
 * a model file (data). Every obligation below is checked by `device-drivers/conformance.ts`, which each driver's test runs.
 */
import type { Clock } from '#model/clock.ts'
import type { Device } from '#model/context/kinds.ts'
import type { Quarantined, RawReading } from '#model/reading.ts'

export interface DriverLog {
  info(event: string, fields?: Record<string, unknown>): void
  warn(event: string, fields?: Record<string, unknown>): void
}

/** What the edge gives to a driver. */
export interface DriverHost {
  facility: string
  clock: Clock
  /** Chance for jitter: 0 ≤ x < 1. */
  random(): number
  log: DriverLog
  /**
   * Hands readings over. Resolves when they are durably in the journal; a driver that can acknowledge to its source
   * does so only then, and lets at most `maxUnacknowledged` readings wait.
   */
  accept(readings: RawReading[]): Promise<void>
  /** Something that arrived and could not be read: never dropped silently. Resolves when it is durably kept. */
  quarantine(item: Omit<Quarantined, 'received'> & { received?: number }): Promise<void>
  /** Named counter of the driver (`reconnects`, `unmapped`, `events`…); shown in metrics and on the device page. */
  count(name: string, device?: string, by?: number): void
  /** Folder for this driver's own files (certificates…). */
  dataDir: string
  /** Folders with the site's own model files, searched before `device-drivers/<driver>/models` (`model-files.ts`). */
  modelDirs: string[]
}

export type DeviceHealth = {
  device: string
  online: boolean
  /** Reason in one sentence when offline or degraded. */
  reason: string | null
  lastSeen: number | null
  /** Device clock minus edge clock, ms; null when it cannot be measured. */
  offsetMs: number | null
}

/** A proof for the doctor and the commissioning wizard: ok, warning or fault with the remedy in one sentence. */
export interface DeviceCheck {
  device: string
  level: 'ok' | 'warning' | 'fault'
  message: string
}

export interface Driver {
  readonly name: 'mqtt' | 'opcua' | 'onvif'
  /**
   * Starts all devices. Returns once every device has been *begun*, never waits for one to answer: a camera that is
   * off at three in the morning is retried for ever (back-off with jitter, at most 60 s), and harms no other device.
   */
  start(devices: Device[]): Promise<void>
  /** The site file changed: begins new devices, ends removed ones, restarts changed ones, leaves the others alone. */
  update(devices: Device[]): Promise<void>
  /** Emits nothing afterwards; resolves within 3 s whatever the devices do. */
  stop(): Promise<void>
  health(): DeviceHealth[]
  /** Connects once, without side effects, and says what it found. */
  check(device: Device): Promise<DeviceCheck[]>
}

/** As far as the collection list goes: ±1e12 ms, 31 years. */
const MOST_OFFSET_MS = 1e12

/** A clock that stands at 1970 is further off than the collection list goes; it is said as far as that, or nobody would hear of it. */
export const saidOffset = (offsetMs: number): number => Math.max(-MOST_OFFSET_MS, Math.min(MOST_OFFSET_MS, offsetMs))

/**
 * Obligations of every driver:
 *  1. Emits `device.status` {online} when a device comes or goes, and `device.clock` {offset_ms} when it can measure it
 *     (at start, then at least every 10 min, and when it moves by more than 200 ms).
 *  2. `time` is the source's own time; absent source time = time of arrival with quality `uncertain`.
 *  3. A value it cannot map goes to `quarantine`; a topic or node nobody mapped is counted as `unmapped` and kept once.
 *  4. Bad status of the protocol = quality `bad`, never an invented value.
 *  5. A state source that only pulses is followed by its `false` after 2 s.
 *  6. Each log line of a repeated fault appears at most once a minute a device, with the count since the last.
 */
export type DriverFactory = (host: DriverHost) => Driver
