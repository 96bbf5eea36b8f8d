/**
 * A small MQTT 3.1.1 client for one purpose: take QoS 1 messages from an external broker and acknowledge each only after
 * it is durably kept. It is not the `mqtt` package because that acknowledges serially or too early (decision in README);
 * all it ever publishes is the driver's question for a Sparkplug birth.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import mqttPacket from 'mqtt-packet'
import type { Clock, Timer } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import { Backoff } from '../supervision.ts'
import { PacketSieve } from './packet-sieve.ts'

export interface ExternalBroker {
  /** `mqtt://host:1883` or `mqtts://host:8883`. */
  url: string
  user?: string
  password?: string
  ca?: string | Buffer
  cert?: string | Buffer
  key?: string | Buffer
}

export interface ReceivedMessage {
  topic: string
  payload: Uint8Array
  qos: 0 | 1 | 2
  retain: boolean
  receivedMs: number
  /** Its whole size, when it was too large to be taken; the payload is then its beginning. */
  oversizeBytes?: number
}

export interface IngestOptions {
  broker: ExternalBroker
  clientId: string
  filters: string[]
  clock: Clock
  random(): number
  /** Keeps the batch durably. A rejection closes the connection: the broker delivers again. */
  onMessages(batch: ReceivedMessage[]): Promise<void>
  onUp(): void
  /** The connection is down; `reason` is one sentence. Called for every failed attempt. */
  onDown(reason: string): void
}

const KEEPALIVE_S = 30
const CONNECT_LIMIT_MS = 10_000
/** Unacknowledged messages: reading pauses above the first and goes on below the second. */
const PAUSE_ABOVE = 5000
const RESUME_BELOW = 2500
/** Bytes of one packet; of a larger message the beginning goes to the quarantine, and it is acknowledged. */
const MAX_PACKET_BYTES = 1024 * 1024

/** Host and port of a broker URL. @throws WardwatchError `site-invalid` */
export function brokerAddress(url: string): { host: string; port: number; tls: boolean } {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (!parsed || !['mqtt:', 'mqtts:', 'tcp:', 'ssl:', 'tls:'].includes(parsed.protocol) || parsed.hostname === '')
    throw new WardwatchError('site-invalid', `broker.url "${url}" must be mqtt://HOST:PORT or mqtts://HOST:PORT`)
  const tls = ['mqtts:', 'ssl:', 'tls:'].includes(parsed.protocol)
  return { host: parsed.hostname.replace(/^\[|\]$/g, ''), port: Number(parsed.port) || (tls ? 8883 : 1883), tls }
}

const REFUSALS = [
  '',
  'it does not speak MQTT 3.1.1',
  'it refuses the client id',
  'it is not available',
  'user name or password is wrong',
  'this client is not authorised',
]

export class IngestClient {
  readonly #options: IngestOptions
  readonly #address: { host: string; port: number; tls: boolean }
  readonly #backoff: Backoff
  #socket: Socket | null = null
  #timers = new Set<Timer>()
  #stopped = false
  #filters: string[]
  #up = false
  #messageId = 0
  /** Filters of a SUBSCRIBE that is not yet answered. */
  readonly #asked = new Map<number, string[]>()
  readonly #running = new Set<Promise<void>>()

  /** @throws WardwatchError `site-invalid` when the URL cannot be used */
  constructor(options: IngestOptions) {
    this.#options = options
    this.#address = brokerAddress(options.broker.url)
    this.#backoff = new Backoff(options.random)
    this.#filters = options.filters
  }

  get up(): boolean {
    return this.#up
  }

  start(): void {
    if (!this.#stopped) this.#connect()
  }

  /** Subscribes to what is new and leaves what is gone, without losing the connection. */
  setFilters(filters: string[]): void {
    const added = filters.filter((filter) => !this.#filters.includes(filter))
    const removed = this.#filters.filter((filter) => !filters.includes(filter))
    this.#filters = filters
    if (!this.#up || !this.#socket) return
    if (removed.length > 0)
      this.#socket.write(
        mqttPacket.generate({ cmd: 'unsubscribe', messageId: this.#nextId(), unsubscriptions: removed }),
      )
    if (added.length > 0) this.#subscribe(this.#socket, added)
  }

  /** QoS 0, and only while the connection stands: what asks for an answer is asked again. */
  publish(topic: string, payload: Uint8Array): void {
    if (!this.#up) return
    this.#socket?.write(
      mqttPacket.generate({ cmd: 'publish', topic, payload: Buffer.from(payload), qos: 0, dup: false, retain: false }),
    )
  }

  #nextId(): number {
    this.#messageId = this.#messageId >= 65_535 ? 1 : this.#messageId + 1
    return this.#messageId
  }

  #subscribe(socket: Socket, filters: string[]): void {
    const messageId = this.#nextId()
    this.#asked.set(messageId, filters)
    socket.write(
      mqttPacket.generate({
        cmd: 'subscribe',
        messageId,
        subscriptions: filters.map((topic) => ({ topic, qos: 1 as const })),
      }),
    )
  }

  #after(ms: number, task: () => void): Timer {
    const timer = this.#options.clock.after(ms, () => {
      this.#timers.delete(timer)
      task()
    })
    this.#timers.add(timer)
    return timer
  }

  #connect(): void {
    const { broker, clientId } = this.#options
    const { host, port, tls } = this.#address
    const socket: Socket = tls
      ? connectTls({ host, port, ca: broker.ca, cert: broker.cert, key: broker.key, servername: host })
      : connectTcp({ host, port, noDelay: true })
    this.#socket = socket
    this.#asked.clear()
    const parser = mqttPacket.parser({ protocolVersion: 4 })
    let lastHeard = this.#options.clock.now()
    let unacknowledged = 0
    let batch: { message: ReceivedMessage; messageId: number | undefined }[] = []
    let ended = false

    const end = (reason: string) => {
      if (ended) return
      ended = true
      this.#up = false
      deadline.cancel()
      socket.destroy()
      if (this.#stopped) return
      this.#options.onDown(reason)
      this.#after(this.#backoff.nextMs(), () => this.#connect())
    }
    const deadline = this.#after(CONNECT_LIMIT_MS, () =>
      end(`the broker ${host}:${port} did not answer in ${CONNECT_LIMIT_MS / 1000} s`),
    )
    const watch = () =>
      this.#after((KEEPALIVE_S * 1000) / 2, () => {
        if (ended) return
        if (this.#options.clock.now() - lastHeard > KEEPALIVE_S * 1500)
          end(`the broker ${host}:${port} has gone silent`)
        else {
          socket.write(mqttPacket.generate({ cmd: 'pingreq' }))
          watch()
        }
      })

    const flush = () => {
      const part = batch
      batch = []
      const run = this.#options
        .onMessages(part.map((entry) => entry.message))
        .then(
          () => {
            if (ended) return
            socket.cork()
            for (const { messageId, message } of part)
              if (messageId !== undefined)
                socket.write(mqttPacket.generate({ cmd: message.qos === 2 ? 'pubrec' : 'puback', messageId }))
            socket.uncork()
          },
          (error: Error) =>
            end(`messages could not be kept (${error.message}); the broker keeps them and delivers again`),
        )
        .finally(() => {
          this.#running.delete(run)
          unacknowledged -= part.length
          if (!ended && unacknowledged < RESUME_BELOW && socket.isPaused()) socket.resume()
        })
      this.#running.add(run)
    }

    const take = (message: ReceivedMessage, messageId: number | undefined): void => {
      unacknowledged++
      batch.push({ message, messageId })
      if (batch.length === 1) setImmediate(flush)
      if (unacknowledged > PAUSE_ABOVE) socket.pause()
    }
    const sieve = new PacketSieve(
      MAX_PACKET_BYTES,
      (bytes) => parser.parse(bytes),
      ({ messageId, head, bytes, ...large }) => {
        if (ended) return
        const receivedMs = this.#options.clock.now()
        take({ ...large, payload: head, receivedMs, oversizeBytes: bytes }, messageId)
      },
    )

    parser.on('packet', (packet) => {
      if (ended) return
      if (packet.cmd === 'connack') {
        deadline.cancel()
        if (packet.returnCode) {
          end(
            `the broker ${host}:${port} refuses: ${REFUSALS[packet.returnCode] ?? `return code ${packet.returnCode}`}`,
          )
          return
        }
        this.#subscribe(socket, this.#filters)
        watch()
      } else if (packet.cmd === 'suback') {
        const asked = this.#asked.get(packet.messageId as number) ?? []
        this.#asked.delete(packet.messageId as number)
        const refused = asked.filter((_, i) => packet.granted[i] === 128)
        if (refused.length > 0) {
          end(`the broker ${host}:${port} does not allow to subscribe to ${refused.join(', ')}`)
          return
        }
        this.#backoff.reset()
        if (!this.#up) {
          this.#up = true
          this.#options.onUp()
        }
      } else if (packet.cmd === 'publish') {
        const { topic, payload, qos, retain } = packet
        const receivedMs = this.#options.clock.now()
        take({ topic, payload: payload as Buffer, qos, retain, receivedMs }, qos > 0 ? packet.messageId : undefined)
      } else if (packet.cmd === 'pubrel') {
        socket.write(mqttPacket.generate({ cmd: 'pubcomp', messageId: packet.messageId as number }))
      }
    })
    parser.on('error', (error) => end(`the broker ${host}:${port} sent something that is not MQTT (${error.message})`))
    socket.on('data', (chunk) => {
      lastHeard = this.#options.clock.now()
      try {
        sieve.push(chunk)
      } catch (error) {
        end(`the broker ${host}:${port} sent something that is not MQTT (${(error as Error).message})`)
      }
    })
    socket.on('error', (error) => end(`the broker ${host}:${port} cannot be reached (${error.message})`))
    socket.on('close', () => end(`the broker ${host}:${port} closed the connection`))
    socket.once(tls ? 'secureConnect' : 'connect', () =>
      socket.write(
        mqttPacket.generate({
          cmd: 'connect',
          protocolId: 'MQTT',
          protocolVersion: 4,
          clean: false,
          clientId,
          keepalive: KEEPALIVE_S,
          ...(broker.user === undefined ? {} : { username: broker.user }),
          ...(broker.password === undefined ? {} : { password: Buffer.from(broker.password) }),
        }),
      ),
    )
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#up = false
    for (const timer of this.#timers) timer.cancel()
    const socket = this.#socket
    if (socket && !socket.destroyed) {
      // What is already kept is still acknowledged; the session stays with the broker.
      await Promise.race([
        Promise.all(this.#running),
        new Promise<void>((resolve) => this.#options.clock.after(1000, resolve)),
      ])
      socket.end(mqttPacket.generate({ cmd: 'disconnect' }))
      await new Promise<void>((resolve) => {
        socket.once('close', () => resolve())
        this.#options.clock.after(500, resolve)
      })
      socket.destroy()
    }
  }
}
