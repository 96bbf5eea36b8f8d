/**
 * The connection to the province: MQTT, one of several paths at a time, tried again for ever with jittered back-off.
 * Needs nothing inbound but the acknowledgements; where it is let in, it hears acts of the province over the same connection.
 * Must never keep messages of its own: the outbox does.
 */
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import type { Clock, Timer } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'

export interface LinkOptions {
  /** Addresses in order of preference: primary, backup. */
  urls: string[]
  clientId: string
  user?: string
  password?: string
  /** PEM texts, asked for at each connection: what was renewed meanwhile is in force then. */
  certificates?(): { ca?: string; cert?: string; key?: string }
  clock: Clock
  random(): number
  connectTimeoutMs?: number
  /** How long an acknowledgement may take before the connection is given up. */
  ackTimeoutMs?: number
  maxBackoffMs?: number
  /** Nothing but acknowledgements may come in: a province that sends anything else is disconnected, and it is said. */
  oneWay?: boolean
  /** Where acts of the province come from, and who makes them durable; they are acknowledged after that. Never with `oneWay`. */
  downTopic?: string
  onAct?(text: string): Promise<void>
  onUp(): void
  onDown(reason: string): void
}

/** What the sender needs of its connection. */
export interface UplinkLink {
  readonly connected: boolean
  /** The address in use, or the last one tried. */
  readonly url: string
  /** Resolves when the province has acknowledged. */
  publish(topic: string, payload: string): Promise<void>
  close(): Promise<void>
}

const MIN_BACKOFF_MS = 500
const ACKNOWLEDGEMENTS: ReadonlySet<string> = new Set(['connack', 'puback', 'pingresp', 'disconnect'])

export class Link implements UplinkLink {
  readonly #options: LinkOptions
  #client: MqttClient | null = null
  #connected = false
  #attempt = 0
  #retry: Timer | null = null
  #open = true
  /** The address in use, or the last one tried. */
  url: string

  constructor(options: LinkOptions) {
    this.#options = options
    this.url = options.urls[0]!
    this.#connect()
  }

  get connected(): boolean {
    return this.#connected
  }

  /** Resolves when the province has acknowledged. */
  publish(topic: string, payload: string): Promise<void> {
    const client = this.#client
    if (!client || !this.#connected)
      return Promise.reject(new WardwatchError('uplink-down', 'The province is not connected.'))
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.after(this.#options.ackTimeoutMs ?? 20_000, () => {
        reject(new WardwatchError('uplink-down', 'The province did not acknowledge in time.'))
        this.#drop(client, 'no acknowledgement in time')
      })
      client.publish(topic, payload, { qos: 1 }, (error) => {
        timer.cancel()
        if (error) reject(new WardwatchError('uplink-down', error.message))
        else resolve()
      })
    })
  }

  async close(): Promise<void> {
    this.#open = false
    this.#retry?.cancel()
    const client = this.#client
    this.#client = null
    this.#connected = false
    if (client) await client.endAsync(true).catch(() => undefined)
  }

  #connect(): void {
    const { urls, clientId, user, password, connectTimeoutMs } = this.#options
    this.url = urls[this.#attempt % urls.length]!
    const options: IClientOptions = {
      clientId,
      clean: true,
      reconnectPeriod: 0,
      connectTimeout: connectTimeoutMs ?? 10_000,
      keepalive: 30,
      queueQoSZero: false,
      resubscribe: false,
    }
    if (user !== undefined) options.username = user
    if (password !== undefined) options.password = password
    let client: MqttClient
    let reason = 'the connection was closed'
    try {
      Object.assign(options, this.#options.certificates?.())
      client = mqtt.connect(this.url, options)
    } catch (error) {
      this.#later((error as Error).message)
      return
    }
    this.#client = client
    if (this.#options.oneWay)
      client.on('packetreceive', ({ cmd }) => {
        if (ACKNOWLEDGEMENTS.has(cmd)) return
        reason = `the province sent ${cmd}, and uplink.one-way lets nothing in but acknowledgements`
        this.#drop(client, reason)
      })
    const { downTopic, onAct } = this.#options
    if (downTopic !== undefined && onAct && !this.#options.oneWay) {
      client.handleMessage = ({ topic, payload }, done) => {
        if (topic !== downTopic) return done()
        // Not acknowledged, it comes again with the next connection.
        onAct(payload.toString()).then(
          () => done(),
          (error) => this.#drop(client, `an act of the province could not be kept: ${(error as Error).message}`),
        )
      }
      // A province that knows of no acts refuses; the uplink goes on without.
      client.on('connect', () => void client.subscribe(downTopic, { qos: 1 }, () => undefined))
    }
    client.on('connect', () => {
      if (this.#client !== client) return
      this.#connected = true
      this.#attempt = 0
      this.#options.onUp()
    })
    client.on('error', (error) => {
      reason = error.message || (error as { code?: string }).code || 'the connection failed'
      this.#drop(client, reason)
    })
    client.on('close', () => this.#drop(client, reason))
  }

  #drop(client: MqttClient, reason: string): void {
    if (this.#client !== client) return
    this.#client = null
    this.#connected = false
    client.end(true)
    this.#later(reason)
  }

  #later(reason: string): void {
    this.#options.onDown(`${this.url}: ${reason}`)
    if (!this.#open) return
    // One round over all paths per step; half of the step is chance.
    const round = Math.floor(this.#attempt / this.#options.urls.length)
    this.#attempt++
    const step = Math.min(this.#options.maxBackoffMs ?? 60_000, MIN_BACKOFF_MS * 2 ** Math.min(round, 12))
    this.#retry = this.#options.clock.after(step / 2 + (this.#options.random() * step) / 2, () => {
      if (this.#open) this.#connect()
    })
  }
}
