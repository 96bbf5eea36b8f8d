/**
 * The twin of everything that speaks MQTT: gateways with their bands and tags, and devices of their own, as real clients
 * over real sockets. It builds its payloads itself and shares no code with the driver; it never looks into the edge.
 */
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import type { Clock } from '#model/clock.ts'

export interface FleetDevice {
  id: string
  password?: string
  /** Gateway that publishes for it; such a device has no connection of its own. */
  via?: string
}

export interface FleetOptions {
  /** `mqtt://`, `mqtts://` or `ws://` of the broker. */
  url: string
  /** Client certificates by device id, and the authority of the broker. */
  tls?: { ca?: string | Buffer; certificates?: Record<string, { cert: string | Buffer; key: string | Buffer }> }
  facility: string
  devices: readonly FleetDevice[]
  clock: Clock
  /** 0 ≤ x < 1. */
  chance(): number
  /** Connections opened at the same time (default 50). */
  parallel?: number
  /** Say `{"online":true}` retained for each device after connecting (default true). */
  announce?: boolean
  /** What happens to clients, e.g. a refused connection; for logs of the simulation. */
  onEvent?(event: 'connected' | 'closed' | 'refused', client: string, detail: string): void
}

export interface FleetReading {
  device: string
  type: string
  value: Record<string, unknown>
  /** Time of the source, ms; null = the message carries none. */
  time: number | null
  id?: string
  quality?: 'good' | 'uncertain' | 'bad'
}

export interface FleetCounters {
  connected: number
  sent: number
  acknowledged: number
  duplicated: number
  dropped: number
}

/** Messages that one silent client may hold back before the oldest is forgotten, as a gateway with a small memory does. */
const MAX_BACKLOG = 20_000
const RECONNECT_MS = 1000

interface Line {
  id: string
  client: MqttClient | null
  /** Kept while the line is cut on purpose: a gateway buffers and delivers late. */
  backlog: { topic: string; payload: string | Buffer; done: () => void }[]
  cut: boolean
}

export interface MqttFleet {
  readonly counters: FleetCounters
  /** Connects all; resolves when every client that is accepted is connected. */
  start(): Promise<void>
  /** Resolves when the broker has acknowledged it. */
  emitReading(reading: FleetReading): Promise<void>
  /** Several readings of one device and type in one message, as gateways send them. */
  emitBatch(readings: readonly FleetReading[]): Promise<void>
  /** Any payload on any topic through the connection of this device, e.g. a maker's own layout. */
  publish(
    device: string,
    topic: string,
    payload: string | Buffer,
    options?: { qos?: 0 | 1 | 2; retain?: boolean },
  ): Promise<void>
  status(device: string, online: boolean): Promise<void>
  /** Power off: the line breaks without good-bye, so the broker publishes the will. What is emitted meanwhile waits. */
  disconnect(device: string): Promise<void>
  reconnect(device: string): Promise<void>
  faults: FleetFaults
  isConnected(device: string): boolean
  close(): Promise<void>
}

export interface FleetFaults {
  /** Share of messages sent twice, 0 to 1. */
  duplicates: number
  /** Each message waits up to this long, so that they overtake each other. */
  delayMs: number
  /** A payload that is cut off in the middle. */
  malformed(device: string, type?: string): Promise<void>
  /** A packet far above the limit of the broker. */
  oversize(device: string, bytes?: number): Promise<void>
  /** A publish below the id of another device. */
  foreignTopic(device: string, victim: string): Promise<void>
}

export function createMqttFleet(options: FleetOptions): MqttFleet {
  return new Fleet(options)
}

class Fleet implements MqttFleet {
  readonly counters: FleetCounters = { connected: 0, sent: 0, acknowledged: 0, duplicated: 0, dropped: 0 }
  readonly faults: FleetFaults
  readonly #options: FleetOptions
  readonly #devices: Map<string, FleetDevice>
  readonly #lines = new Map<string, Line>()
  #closed = false

  constructor(options: FleetOptions) {
    this.#options = options
    this.#devices = new Map(options.devices.map((device) => [device.id, device]))
    for (const device of options.devices) {
      const id = device.via ?? device.id
      if (!this.#lines.has(id)) this.#lines.set(id, { id, client: null, backlog: [], cut: false })
    }
    this.faults = {
      duplicates: 0,
      delayMs: 0,
      malformed: (device, type = 'band.vitals') => this.#mischief(device, this.#topic(device, type), '{"time":1795300'),
      oversize: (device, bytes = 1024 * 1024) =>
        this.#mischief(device, this.#topic(device, 'band.vitals'), Buffer.alloc(bytes, 0x20)),
      foreignTopic: (device, victim) => this.#mischief(device, this.#topic(victim, 'band.sos'), '{}'),
    }
  }

  #topic(device: string, type: string): string {
    return `ww/v1/${this.#options.facility}/dev/${device}/${type}`
  }

  #lineOf(device: string): Line {
    const line = this.#lines.get(this.#devices.get(device)?.via ?? device)
    if (!line) throw new Error(`device ${device} is not in this fleet`)
    return line
  }

  async start(): Promise<void> {
    const queue = [...this.#lines.values()]
    const worker = async () => {
      for (let line = queue.shift(); line; line = queue.shift()) await this.#connect(line)
    }
    await Promise.all(Array.from({ length: this.#options.parallel ?? 50 }, worker))
  }

  async #connect(line: Line): Promise<void> {
    if (this.#closed) return
    const { url, tls, onEvent } = this.#options
    const password = this.#devices.get(line.id)?.password
    const settings: IClientOptions = {
      clientId: `twin-${line.id}`,
      username: line.id,
      ...(password === undefined ? {} : { password }),
      ...(tls?.ca ? { ca: tls.ca } : {}),
      ...(tls?.certificates?.[line.id] ?? {}),
      reconnectPeriod: RECONNECT_MS,
      connectTimeout: 10_000,
      keepalive: 30,
      will: { topic: this.#topic(line.id, 'status'), payload: Buffer.from('{"online":false}'), qos: 1, retain: true },
    }
    const client = mqtt.connect(url, settings)
    line.client = client
    line.cut = false
    await new Promise<void>((resolve) => {
      client.on('connect', () => {
        this.counters.connected++
        onEvent?.('connected', line.id, '')
        if (this.#options.announce !== false) this.#announce(line)
        resolve()
      })
      client.on('close', () => {
        if (client.disconnected) onEvent?.('closed', line.id, '')
      })
      client.on('error', (error) => {
        onEvent?.('refused', line.id, error.message)
        resolve()
      })
    })
    for (const waiting of line.backlog.splice(0))
      this.#send(line, waiting.topic, waiting.payload, 1, false).then(waiting.done, waiting.done)
  }

  #announce(line: Line): void {
    for (const device of this.#devices.values())
      if (device.id === line.id || device.via === line.id) this.status(device.id, true).catch(() => {})
  }

  status(device: string, online: boolean): Promise<void> {
    return this.publish(device, this.#topic(device, 'status'), JSON.stringify({ online }), { qos: 1, retain: true })
  }

  emitReading(reading: FleetReading): Promise<void> {
    return this.#emit(reading.device, reading.type, JSON.stringify(body(reading)))
  }

  emitBatch(readings: readonly FleetReading[]): Promise<void> {
    const first = readings[0]
    if (!first) return Promise.resolve()
    if (readings.some((r) => r.device !== first.device || r.type !== first.type))
      throw new Error('a batch is of one device and one type: its topic says both')
    return this.#emit(first.device, first.type, JSON.stringify(readings.map(body)))
  }

  async #emit(device: string, type: string, payload: string): Promise<void> {
    const { clock, chance } = this.#options
    const line = this.#lineOf(device)
    if (this.faults.delayMs > 0)
      await new Promise<void>((resolve) => clock.after(chance() * this.faults.delayMs, resolve))
    if (this.faults.duplicates > 0 && chance() < this.faults.duplicates) {
      this.counters.duplicated++
      this.#send(line, this.#topic(device, type), payload, 1, false).catch(() => {})
    }
    await this.#send(line, this.#topic(device, type), payload, 1, false)
  }

  publish(
    device: string,
    topic: string,
    payload: string | Buffer,
    { qos = 1, retain = false }: { qos?: 0 | 1 | 2; retain?: boolean } = {},
  ): Promise<void> {
    return this.#send(this.#lineOf(device), topic, payload, qos, retain)
  }

  #send(line: Line, topic: string, payload: string | Buffer, qos: 0 | 1 | 2, retain: boolean): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('the fleet is closed'))
    if (line.cut || !line.client)
      return new Promise((done) => {
        if (line.backlog.length >= MAX_BACKLOG) {
          line.backlog.shift()?.done()
          this.counters.dropped++
        }
        line.backlog.push({ topic, payload, done })
      })
    this.counters.sent++
    return line.client.publishAsync(topic, payload, { qos, retain }).then(() => {
      this.counters.acknowledged++
    })
  }

  /** Says something forbidden or broken: the broker may close the connection, and must not be told again and again. */
  async #mischief(device: string, topic: string, payload: string | Buffer): Promise<void> {
    const line = this.#lineOf(device)
    if (!line.client?.connected) throw new Error(`${device} is not connected`)
    // QoS 0 is not repeated after a reconnect; the client comes back by itself, as a real one would.
    await line.client.publishAsync(topic, payload, { qos: 0 }).catch(() => {})
  }

  async disconnect(device: string): Promise<void> {
    const line = this.#lineOf(device)
    const { client } = line
    if (!client || line.cut) return
    line.cut = true
    line.client = null
    // Reconnecting is switched off before the line breaks; no DISCONNECT is sent, so the will is published.
    client.options.reconnectPeriod = 0
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
    client.stream?.destroy()
    if (client.connected) await closed
    this.counters.connected--
    await client.endAsync(true)
  }

  async reconnect(device: string): Promise<void> {
    const line = this.#lineOf(device)
    if (line.cut) await this.#connect(line)
  }

  isConnected(device: string): boolean {
    return this.#lineOf(device).client?.connected ?? false
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#lines.values()].map((line) => line.client?.endAsync(true)))
  }
}

function body(reading: FleetReading): Record<string, unknown> {
  return {
    ...(reading.time === null ? {} : { time: reading.time }),
    ...(reading.id === undefined ? {} : { id: reading.id }),
    ...(reading.quality === undefined ? {} : { quality: reading.quality }),
    value: reading.value,
  }
}
