/**
 * The MQTT driver: devices that speak to the facility's broker. Either the embedded broker hands over what it received
 * (`ingest`, `session`), or the driver is a client of an external one. It never invents a value, and never
 * lets a message be acknowledged before `host.accept` has resolved.
 */
import type { Device } from '#model/context/kinds.ts'
import type { RawReading } from '#model/reading.ts'
import type { DeviceCheck, DeviceHealth, Driver, DriverHost } from '../contract.ts'
import { QuietLog } from '../supervision.ts'
import { tooLarge } from './decoded.ts'
import { type Decoded, type MessageFlags, MqttDecoder, type QuarantineItem, type Speaker } from './decoder.ts'
import { type ExternalBroker, IngestClient } from './ingest-client.ts'
import { rebirthCommand } from './sparkplug.ts'

export interface MqttMessage {
  topic: string
  payload: Uint8Array
  will?: boolean
  retain?: boolean
  /** Who said it, as the embedded broker knows; null from an external broker. */
  device: Speaker | null
  receivedMs: number
  /** Its whole size, when it was too large to be taken; the payload is then its beginning. */
  oversizeBytes?: number
}

export interface MqttSession {
  device: { id: string }
  event: 'connected' | 'disconnected'
  reason: 'clean' | 'keepalive' | 'session-lost' | 'broker' | null
  remaining: number
}

interface Liveness {
  online: boolean | null
  reason: string | null
  lastSeen: number | null
  offsetMs: number | null
  /** Time of the last device.status, so that the next one is later: two of one millisecond have no order. */
  statusMs: number
}

/** Topics nobody mapped that are kept once each; more are only counted. */
const MAX_UNMAPPED = 1000
/** A node is asked for its birth at most this often: one that does not answer must not be pestered. */
const REBIRTH_EVERY_MS = 10_000
/** An external broker may be restarted: its devices are not called lost before this. */
const BROKER_LOST_MS = 10_000

export class MqttDriver implements Driver {
  readonly name = 'mqtt' as const
  readonly #host: DriverHost
  readonly #external: ExternalBroker | null
  readonly #own: readonly Device[]
  readonly #log: QuietLog
  readonly #decoder: MqttDecoder
  readonly #unmapped = new Set<string>()
  #devices = new Map<string, Device>()
  #known: readonly Device[] = []
  #alive = new Map<string, Liveness>()
  #client: IngestClient | null = null
  #brokerFault: string | null = null
  #brokerLost = false
  readonly #rebirths = new Map<string, number>()
  #publish: ((topic: string, payload: Uint8Array) => void) | null = null
  #stopped = false

  /** @param own the edge itself as a device: it is understood, and is no device of the facility in any other way. */
  constructor(host: DriverHost, external: ExternalBroker | null = null, own: readonly Device[] = []) {
    this.#host = host
    this.#own = own
    this.#external = external
    this.#log = new QuietLog(host.log, host.clock)
    this.#decoder = new MqttDecoder(host.facility, [], host.modelDirs, (node) => this.#askRebirth(node))
  }

  async start(devices: Device[]): Promise<void> {
    this.#stopped = false
    this.#take(devices)
    if (!this.#external) return
    this.#client = new IngestClient({
      broker: this.#external,
      clientId: `ww-edge-${this.#host.facility}`,
      filters: this.#decoder.filters(),
      clock: this.#host.clock,
      random: () => this.#host.random(),
      onMessages: (batch) => this.ingest(batch.map((message) => ({ ...message, device: null }))),
      onUp: () => {
        this.#brokerFault = null
        this.#brokerLost = false
        this.#host.log.info('mqtt.broker-up', { url: this.#external?.url })
      },
      onDown: (reason) => this.#brokerDown(reason),
    })
    this.#client.start()
  }

  #take(devices: readonly Device[]): void {
    const mine = devices.filter((device) => device.driver === 'mqtt' || device.driver === undefined)
    this.#known = mine
    this.#devices = new Map(mine.map((device) => [device.id, device]))
    this.#decoder.update([...this.#own, ...mine])
    const alive = new Map<string, Liveness>()
    for (const device of mine) {
      alive.set(
        device.id,
        this.#alive.get(device.id) ?? { online: null, reason: null, lastSeen: null, offsetMs: null, statusMs: 0 },
      )
      const fault = this.#decoder.modelFault(device)
      if (fault) this.#log.warn(device.id, 'mqtt.model-invalid', { detail: fault })
    }
    this.#alive = alive
  }

  async update(devices: Device[]): Promise<void> {
    this.#take(devices)
    this.#unmapped.clear()
    this.#client?.setFilters(this.#decoder.filters())
  }

  /** For the embedded broker: how the driver says something to a device. The external one is spoken to as a client. */
  speakBy(publish: (topic: string, payload: Uint8Array) => void): void {
    this.#publish = publish
  }

  /** A Sparkplug host must ask for the birth of a node that it does not know: without it aliases stay without a name. */
  #askRebirth(node: string): void {
    const now = this.#host.clock.now()
    if (now - (this.#rebirths.get(node) ?? Number.NEGATIVE_INFINITY) < REBIRTH_EVERY_MS) return
    if (this.#rebirths.size >= MAX_UNMAPPED) this.#rebirths.clear()
    this.#rebirths.set(node, now)
    const [group, name] = node.split('/')
    this.#host.log.info('mqtt.rebirth-asked', { node })
    const topic = `spBv1.0/${group}/NCMD/${name}`
    if (this.#client) this.#client.publish(topic, rebirthCommand(now))
    else this.#publish?.(topic, rebirthCommand(now))
  }

  /** For the embedded broker: may this device hear what a filter of another layout asks for? */
  mayHear(device: Speaker, filter: string): boolean {
    return this.#decoder.mayHear(device, filter)
  }

  /** For the embedded broker: may this device publish on a topic of another layout? */
  mayPublish(device: Speaker, topic: string): boolean {
    return this.#decoder.mayPublish(device, topic)
  }

  /**
   * Takes what a broker received. Resolves when all of it is durably kept, as readings or in quarantine; rejects when
   * it is not, and then nothing of it may be acknowledged.
   */
  async ingest(batch: readonly MqttMessage[]): Promise<void> {
    if (this.#stopped) throw new Error('the MQTT driver is stopped')
    const readings: RawReading[] = []
    const quarantine: QuarantineItem[] = []
    let waiting: Promise<void>[] | null = null
    for (const message of batch) {
      if (message.oversizeBytes !== undefined) {
        this.#sort(tooLarge(message.topic, message.oversizeBytes, message.payload), message, readings, quarantine)
        continue
      }
      const decoded = this.#decoder.decode(
        message.topic,
        message.payload,
        message.device,
        message.receivedMs,
        message as MessageFlags,
      )
      if (decoded instanceof Promise) {
        waiting ??= []
        waiting.push(decoded.then((done) => this.#sort(done, message, readings, quarantine)))
      } else this.#sort(decoded, message, readings, quarantine)
    }
    if (waiting) await Promise.all(waiting)
    if (this.#stopped) throw new Error('the MQTT driver is stopped')
    const kept: Promise<void>[] = quarantine.map((item) => this.#host.quarantine(item))
    if (readings.length > 0) kept.push(this.#host.accept(readings))
    await Promise.all(kept)
  }

  /** Reads a message again by the model files of today, for the quarantine. Keeps nothing and changes nothing. */
  async reread(message: Omit<MqttMessage, 'retain'>): Promise<Decoded> {
    return this.#decoder.decode(message.topic, message.payload, message.device, message.receivedMs)
  }

  #sort(decoded: Decoded, message: MqttMessage, readings: RawReading[], quarantine: QuarantineItem[]): void {
    for (const reading of decoded.readings) {
      this.#hear(reading, message, readings)
      readings.push(reading)
    }
    for (const item of decoded.quarantine) {
      const device = item.device ?? message.device?.id ?? undefined
      if (item.cause === 'unmapped') {
        this.#host.count('unmapped', device)
        if (this.#unmapped.has(item.source) || this.#unmapped.size >= MAX_UNMAPPED) continue
        this.#unmapped.add(item.source)
      } else this.#host.count('quarantined', device)
      this.#log.warn(device ?? 'unknown', `mqtt.${item.cause}`, { source: item.source, detail: item.detail })
      // Who spoke answers for what could not be read; a stranger's name is kept apart from his gateway's.
      const speaker = item.cause === 'unknown-device' ? item.device : (device ?? null)
      quarantine.push({ ...item, device: speaker, received: message.receivedMs })
    }
  }

  /** Keeps the state of the device in step with what it says; a device that was never heard, or is called offline, comes online by speaking. */
  #hear(reading: RawReading, message: MqttMessage, readings: RawReading[]): void {
    const state = this.#alive.get(reading.device)
    if (!state) return
    if (reading.type === 'device.status') {
      state.statusMs = Math.max(state.statusMs, reading.time ?? 0)
      state.online = reading.value.online === true
      state.reason = state.online
        ? null
        : reading.value.reason === 'will'
          ? 'its connection was lost (the broker published its will)'
          : 'it said that it goes offline'
      if (state.online) state.lastSeen = message.receivedMs
      return
    }
    state.lastSeen = message.receivedMs
    if (reading.type === 'device.clock') state.offsetMs = reading.value.offset_ms as number
    if (state.online === true || message.retain) return
    // Called offline, it speaks again: it is back, unless this was said before it went (a gateway's backlog).
    if (state.online === false && (reading.time ?? message.receivedMs) <= state.statusMs) return
    state.online = true
    state.reason = null
    readings.push(this.#status(reading.device, true, message.receivedMs))
  }

  #status(device: string, online: boolean, now: number, reason?: 'session-lost' | 'keepalive'): RawReading {
    const state = this.#alive.get(device)
    // A device whose own clock is ahead must not push the edge's word into the future for long.
    const at = state && state.statusMs >= now && state.statusMs - now < 1000 ? state.statusMs + 1 : now
    if (state) state.statusMs = at
    return { device, type: 'device.status', time: at, received: now, value: { online, ...(reason ? { reason } : {}) } }
  }

  /**
   * For the embedded broker: a device connected or its connection ended. A clean good-bye is no fault: many sensors
   * connect only to speak, and what they said holds on.
   */
  session(session: MqttSession): void {
    const { id } = session.device
    const state = this.#alive.get(id)
    if (!state || this.#stopped) return
    const now = this.#host.clock.now()
    if (session.event === 'connected') {
      state.lastSeen = now
      if (state.online === true) return
      state.online = true
      state.reason = null
      this.#report([this.#status(id, true, now)])
      return
    }
    if (session.reason !== 'clean') this.#host.count('disconnects', id)
    if (session.remaining > 0 || session.reason === 'clean' || state.online === false) return
    const keepalive = session.reason === 'keepalive'
    state.online = false
    state.reason = keepalive
      ? 'it has gone silent (keep-alive)'
      : session.reason === 'broker'
        ? 'the broker closed its connection, see the refusals'
        : 'its connection was lost'
    this.#log.warn(id, 'mqtt.device-lost', { reason: state.reason })
    this.#report([this.#status(id, false, now, keepalive ? 'keepalive' : 'session-lost')])
  }

  #report(readings: RawReading[]): void {
    this.#host
      .accept(readings)
      .catch((error: Error) => this.#log.warn('driver', 'mqtt.status-not-kept', { error: error.message }))
  }

  #brokerDown(reason: string): void {
    this.#host.count('reconnects')
    this.#log.warn('broker', 'mqtt.broker-down', { reason })
    if (this.#brokerFault === null)
      this.#host.clock.after(BROKER_LOST_MS, () => {
        if (this.#stopped || this.#brokerFault === null || this.#brokerLost) return
        this.#brokerLost = true
        this.#loseAll()
      })
    this.#brokerFault = reason
  }

  /** The path to every device is gone. Those behind a gateway follow their gateway. */
  #loseAll(): void {
    const now = this.#host.clock.now()
    const lost: RawReading[] = []
    for (const device of this.#known) {
      const state = this.#alive.get(device.id)
      if (state?.online !== true) continue
      // Null, not false: without a status of its own it is online again as soon as it speaks.
      state.online = null
      state.reason = this.#brokerFault
      if (!device.via) lost.push(this.#status(device.id, false, now, 'session-lost'))
    }
    if (lost.length > 0) this.#report(lost)
  }

  async stop(): Promise<void> {
    await this.#client?.stop()
    this.#stopped = true
    this.#client = null
  }

  health(): DeviceHealth[] {
    return this.#known.map((device) => {
      const state = this.#alive.get(device.id) as Liveness
      const gateway = device.via ? this.#alive.get(device.via) : undefined
      const online = state.online === true && this.#brokerFault === null && gateway?.online !== false
      return {
        device: device.id,
        online,
        reason: online
          ? null
          : (this.#decoder.modelFault(device) ??
            this.#brokerFault ??
            (gateway?.online === false ? `its gateway ${device.via} is offline` : null) ??
            state.reason ??
            'it has not spoken yet'),
        lastSeen: state.lastSeen,
        offsetMs: state.offsetMs,
      }
    })
  }

  async check(device: Device): Promise<DeviceCheck[]> {
    const fault = this.#decoder.modelFault(device)
    if (fault) return [{ device: device.id, level: 'fault', message: fault }]
    if (device.via && !this.#devices.has(device.via))
      return [
        {
          device: device.id,
          level: 'fault',
          message: `its gateway ${device.via} is not in the site file: add it, or correct "via"`,
        },
      ]
    const health = this.health().find((entry) => entry.device === device.id)
    if (!health) return [{ device: device.id, level: 'fault', message: `${device.id} is not a device of this driver` }]
    if (health.online) return [{ device: device.id, level: 'ok', message: 'connected and heard' }]
    if (this.#brokerFault) return [{ device: device.id, level: 'fault', message: this.#brokerFault }]
    return [
      {
        device: device.id,
        level: 'warning',
        message: `${health.reason}: an MQTT device comes by itself; check its power, its network and the broker address set in it`,
      },
    ]
  }
}
