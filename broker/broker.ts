/**
 * The facility's MQTT 3.1.1 broker: aedes behind identities, topic permissions and limits. A device's QoS 1 message is
 * acknowledged only after `onPublish` has resolved, i.e. after the journal has it on disk; never before, never instead.
 */
import type { Duplex } from 'node:stream'
import { Aedes, type AedesPublishPacket, type AuthenticateError, type Subscription } from 'aedes'
import { parseDeviceTopic } from '#model/topics.ts'
import { admit, type ConnectFacts, screenConnect } from './access.ts'
import { Audience, followSubscriptions } from './audience.ts'
import { BackPressure } from './back-pressure.ts'
import { type AedesClient, ClientSession, certificateSerial, peerCertificate } from './client-session.ts'
import {
  type ClientIdentity,
  Directory,
  hasNonsense,
  type Identities,
  isOwnTopic,
  mayReceive,
  maySubscribe,
  secretOf,
} from './identities.ts'
import { Listeners, type Ports, type TlsOptions } from './listeners.ts'
import { type BrokerMetrics, newMetrics } from './metrics.ts'
import { type Broker, type BrokerLimits, type BrokerOptions, DEFAULT_LIMITS } from './options.ts'
import { guardConnection, TokenBucket } from './packet-guard.ts'
import { Presence } from './presence.ts'
import { type InboundPublish, PublishBatch } from './publish-batch.ts'
import { printable, Rejections } from './rejections.ts'
import { SessionStore } from './sessions.ts'

const CONNACK_ID_REJECTED = Buffer.from([0x20, 2, 0, 2])
const MAX_DELAY_MS = 5000
const MAX_THROTTLED_MS = 60_000
const RETAIN_MAX_BYTES = 4096
/** How long a closing broker waits for a journal that stands still. */
const CLOSE_WAIT_MS = 2000

/** @throws WardwatchError `port-taken`, `data-unwritable` */
export async function createBroker(options: BrokerOptions): Promise<Broker> {
  const broker = new FacilityBroker(options)
  await broker.open()
  return broker
}

class FacilityBroker implements Broker {
  readonly #options: BrokerOptions
  readonly #limits: BrokerLimits
  readonly #metrics = newMetrics()
  readonly #audience = new Audience()
  readonly #rejections: Rejections
  readonly #batch: PublishBatch
  readonly #clients = new Set<AedesClient>()
  readonly #presence: Presence
  readonly #buckets = new Map<string, TokenBucket>()
  readonly #pressure: BackPressure
  #directory: Directory
  #aedes!: Aedes
  #sessions!: SessionStore
  #listeners!: Listeners
  #closing = false

  constructor(options: BrokerOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#directory = new Directory(options.identities)
    this.#pressure = new BackPressure(this.#limits, this.#metrics)
    this.#presence = new Presence((session) => options.onSession?.(session))
    this.#rejections = new Rejections(
      options.clock,
      (rejection) => {
        options.log?.warn('broker.rejected', rejection)
        options.onRejected?.(rejection)
      },
      () => this.#metrics.rejectionsFolded++,
    )
    this.#batch = new PublishBatch(
      (batch) => options.onPublish(batch),
      this.#metrics,
      (error) => options.log?.warn('broker.journal-failed', { error: error.message }),
    )
  }

  async open(): Promise<void> {
    const { options, limits } = { options: this.#options, limits: this.#limits }
    this.#sessions = await SessionStore.open(
      options.dataDir,
      { queue: limits.sessionQueue, sessions: limits.sessions },
      {
        maySubscribe: (client, filter) => this.#maySubscribe(client as unknown as AedesClient, filter),
        onQueueFull: () => this.#metrics.sessionQueueFull++,
        onFilters: (filters) => this.#audience.durable(filters),
        now: () => options.clock.now(),
        onDamage: (damage) => options.onDamage?.(damage),
      },
      (clientId) => this.#directory.byName(clientId.split('/')[0] as string) !== null,
    )
    try {
      this.#aedes = await Aedes.createBroker({
        // Sorts by start, so that what an earlier run queued for a subscriber is delivered first.
        id: `ww-${options.clock.now().toString(36).padStart(9, '0')}`,
        persistence: this.#sessions,
        // A message being written to one slow subscriber holds one slot: enough that none waits for it; the slow one
        // is cut at `subscriberBytes`.
        concurrency: 10_000,
        drainTimeout: limits.drainTimeoutMs,
        connectTimeout: 10_000,
        maxClientsIdLength: 512,
        preConnect: (client, packet, done) => this.#preConnect(client as unknown as AedesClient, packet, done),
        authenticate: (client, user, password, done) =>
          this.#authenticate(client as unknown as AedesClient, user, password, done),
        authorizePublish: (client, packet, done) =>
          this.#authorizePublish(client as unknown as AedesClient | null, packet as AedesPublishPacket, done),
        authorizeSubscribe: (client, subscription, done) =>
          this.#authorizeSubscribe(client as unknown as AedesClient, subscription, done),
        authorizeForward: (client, packet) => this.#authorizeForward(client as unknown as AedesClient, packet),
      })
      this.#watch()
      this.#listeners = await Listeners.open({
        host: options.host ?? '127.0.0.1',
        tcp: options.tcp ?? null,
        tls: options.tls ?? null,
        ws: options.ws ?? null,
        maxConnections: limits.connections,
        maxPacketBytes: limits.packetBytes,
        onConnection: (conn, request) => this.#accept(conn, request),
        onRefused: (reason) => this.#refused(reason),
      })
    } catch (error) {
      await new Promise<void>((resolve) => (this.#aedes ? this.#aedes.close(() => resolve()) : resolve()))
      await this.#sessions.destroy()
      throw error
    }
  }

  get ports(): Ports {
    return this.#listeners.ports
  }

  metrics(): BrokerMetrics {
    this.#metrics.clients = this.#aedes.connectedClients
    this.#metrics.connections = this.#listeners.connections
    return { ...this.#metrics, refused: { ...this.#metrics.refused } }
  }

  wanted(topic: string): boolean {
    return this.#audience.wants(topic)
  }

  isConnected(device: string): boolean {
    return this.#presence.has(device)
  }

  publish(topic: string, payload: string | Uint8Array, { qos = 0, retain = false } = {}): Promise<void> {
    if (this.#closing || (!retain && !this.#audience.wants(topic))) return Promise.resolve()
    this.#metrics.localPublished++
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload)
    return new Promise((resolve, reject) => {
      this.#aedes.publish({ cmd: 'publish', topic, payload: bytes, qos: qos as 0 | 1, retain, dup: false }, (error) =>
        error ? reject(error) : resolve(),
      )
    })
  }

  /** Hooks for which aedes has events or methods, but no options. */
  #watch(): void {
    const aedes = this.#aedes
    followSubscriptions(aedes, this.#audience)
    aedes.on('clientReady', (client) => this.#presence.joined(client as unknown as AedesClient))
    aedes.on('clientDisconnect', (client) => this.#gone(client as unknown as AedesClient))
    aedes.on('keepaliveTimeout', (client) => {
      const session = (client as unknown as AedesClient).ww
      if (session) session.endedBy = 'keepalive'
    })
    aedes.on('clientError', () => {})
    aedes.on('connectionError', (client, error) => {
      if (error.message === 'Invalid protocol') this.#malformed(client as unknown as AedesClient, error)
    })
    aedes.on(
      'error' as 'closed',
      ((error: Error) => this.#options.log?.warn('broker.error', { error: error.message })) as () => void,
    )
  }

  #accept(conn: Duplex, request?: unknown): void {
    const { clock } = this.#options
    const remote =
      (conn as { remoteAddress?: string }).remoteAddress ??
      (request as { socket?: { remoteAddress?: string } } | undefined)?.socket?.remoteAddress ??
      'unknown'
    const session = new ClientSession(new TokenBucket(this.#limits.rate, this.#limits.burst, clock.now()), remote)
    session.guard = guardConnection(conn, {
      clock,
      maxPacketBytes: this.#limits.packetBytes,
      maxDelayMs: MAX_DELAY_MS,
      maxThrottledMs: MAX_THROTTLED_MS,
      bucket: () => session.bucket,
      full: () => this.#pressure.holds(session),
      onOversize: () => {
        this.#metrics.oversize++
        session.endedBy = 'broker'
        this.#rejections.add(
          session.name,
          'malformed',
          `a packet larger than ${this.#limits.packetBytes} bytes was refused and the connection closed; send smaller messages`,
        )
      },
      onThrottle: () => this.#metrics.throttled++,
      onOverrun: () => {
        this.#metrics.overrun++
        session.endedBy = 'broker'
        this.#options.log?.warn('broker.rate-overrun', { client: session.name })
      },
    })
    const client = this.#aedes.handle(conn as never, request as never) as unknown as AedesClient
    client.ww = session
    client._parser.on('error', (error) => this.#malformed(client, error))
    this.#clients.add(client)
    conn.once('close', () => {
      this.#clients.delete(client)
      this.#pressure.forget(session)
    })
  }

  #refused(reason: string): void {
    this.#metrics.refused[reason] = (this.#metrics.refused[reason] ?? 0) + 1
  }

  #malformed(client: AedesClient, error: Error): void {
    this.#metrics.malformed++
    if (client.ww) client.ww.endedBy = 'broker'
    this.#rejections.add(
      client.ww?.name ?? 'unknown',
      'malformed',
      `bytes that are not MQTT 3.1.1 were received (${printable(error.message).slice(0, 120)}) and the connection closed`,
    )
  }

  #preConnect(client: AedesClient, packet: ConnectFacts, done: (error: Error | null, ok: boolean) => void): void {
    if (this.#closing) {
      done(new Error('the broker is closing'), false)
      return
    }
    const screened = screenConnect(this.#directory, packet, peerCertificate(client.conn))
    if (screened === 'no-client-id') {
      this.#refused('client-id')
      client.conn.write(CONNACK_ID_REJECTED)
      done(new Error('a session to be kept needs a client id'), false)
      return
    }
    // aedes itself answers another version with CONNACK return code 1.
    if (screened === 'mqtt-5') this.#refused('protocol-version')
    else packet.clientId = screened.clientId
    done(null, true)
  }

  #authenticate(
    client: AedesClient,
    user: string | undefined,
    password: Buffer | undefined,
    done: (error: AuthenticateError | null, ok: boolean | null) => void,
  ): void {
    const session = client.ww as ClientSession
    const verdict = admit(this.#directory, {
      certificate: peerCertificate(client.conn),
      user,
      password,
      clientName: String(client.id).split('/')[0] as string,
      remote: session.remote,
      anonymous: this.#options.anonymous === true,
    })
    const will = client._will
    if ('identity' in verdict && (!will || this.#mayPublish(verdict.identity, will.topic))) {
      session.become(verdict.identity, this.#bucketOf(verdict.identity))
      done(null, true)
      return
    }
    const { name, cause, detail } =
      'identity' in verdict
        ? {
            name: verdict.identity.id,
            cause: 'topic-denied' as const,
            detail: `the will of ${verdict.identity.id} is on topic "${printable(will?.topic ?? '').slice(0, 200)}", which is not its own`,
          }
        : verdict
    this.#refused(cause)
    session.endedBy = 'broker'
    this.#rejections.add(name, cause, detail)
    done(Object.assign(new Error(detail), { returnCode: cause === 'topic-denied' ? 5 : 4 }), false)
  }

  #bucketOf(identity: ClientIdentity): TokenBucket {
    const known = this.#buckets.get(identity.id)
    if (known) return known
    const device = identity.kind === 'device' ? identity.device : null
    const voices = 1 + (device?.children.length ?? 0)
    const rate = device?.rate ?? this.#limits.rate * voices
    const burst = device?.burst ?? Math.max(this.#limits.burst * voices, rate * 2)
    const bucket = new TokenBucket(rate, burst, this.#options.clock.now())
    this.#buckets.set(identity.id, bucket)
    return bucket
  }

  #mayPublish(identity: ClientIdentity, topic: string): boolean {
    if (identity.kind !== 'device' || hasNonsense(topic) || topic.startsWith('$')) return false
    if (isOwnTopic(this.#options.facility, identity.device, topic)) return true
    // The contract's branch belongs to its owners alone, whatever a model file says.
    if (topic.startsWith('ww/')) return false
    return this.#options.mayPublish?.(identity.device, topic) ?? false
  }

  #authorizePublish(
    client: AedesClient | null,
    packet: AedesPublishPacket,
    done: (error?: Error | null) => void,
  ): void {
    const session = client?.ww
    const identity = session?.identity
    if (!client || !session || !identity) {
      done(new Error('no identity'))
      return
    }
    const will = client.will === (packet as unknown)
    // A closing broker tells nobody that its devices are dead.
    if (will && this.#closing) {
      done(new Error('the broker is closing'))
      return
    }
    const { topic } = packet
    if (!session.mayPublish(topic, (t) => this.#mayPublish(identity, t)) || identity.kind !== 'device') {
      this.#metrics.topicDenied++
      session.endedBy = 'broker'
      this.#rejections.add(
        identity.id,
        'topic-denied',
        `${identity.id} published on "${printable(topic).slice(0, 200)}", which is not its own; the connection was closed`,
      )
      done(new Error('topic denied'))
      return
    }
    const payload = packet.payload as Buffer
    const message: InboundPublish = {
      topic,
      payload,
      qos: packet.qos as 0 | 1 | 2,
      retain: packet.retain,
      will,
      device: identity.device,
      receivedMs: this.#options.clock.now(),
    }
    // Only the latest status is worth keeping in the broker; more would let a device fill the disk with topics.
    if (packet.retain && (payload.length > RETAIN_MAX_BYTES || parseDeviceTopic(topic)?.type !== 'status')) {
      packet.retain = false
      this.#metrics.retainIgnored++
    }
    if (will) this.#metrics.wills++
    this.#metrics.published++
    this.#metrics.publishedBytes += payload.length
    session.waiting++
    this.#batch.add(message, {
      settle: (error) => {
        session.waiting--
        done(error)
        this.#pressure.released()
      },
    })
  }

  #maySubscribe(client: AedesClient, filter: string): boolean {
    const identity = client.ww?.identity
    if (!identity || filter.startsWith('$')) return false
    return maySubscribe(this.#options.facility, identity, filter) || this.#mayHear(identity, filter)
  }

  #mayHear(identity: ClientIdentity, filter: string): boolean {
    return identity.kind === 'device' && (this.#options.mayHear?.(identity.device, filter) ?? false)
  }

  #authorizeSubscribe(
    client: AedesClient,
    subscription: Subscription,
    done: (error: Error | null, subscription?: Subscription | null) => void,
  ): void {
    const held = Object.keys((client as unknown as { subscriptions: object }).subscriptions).length
    if (held < this.#limits.subscriptionsPerClient && this.#maySubscribe(client, subscription.topic)) {
      done(null, subscription)
      return
    }
    this.#metrics.subscribeDenied++
    const filter = printable(subscription.topic).slice(0, 200)
    const reason = subscription.topic.startsWith('$share/')
      ? 'shared subscriptions are MQTT 5'
      : held >= this.#limits.subscriptionsPerClient
        ? 'too many subscriptions'
        : null
    if (reason !== null) this.#options.log?.warn('broker.subscribe-denied', { client: client.ww?.name, filter, reason })
    else {
      const name = client.ww?.name ?? 'unknown'
      this.#rejections.add(
        name,
        'topic-denied',
        `${name} asked to hear "${filter}", which is not granted in the site file; it was told so (128)`,
      )
    }
    // Null makes aedes answer 128 for this filter, as MQTT 3.1.1 says.
    done(null, null)
  }

  #authorizeForward(client: AedesClient, packet: AedesPublishPacket): AedesPublishPacket | null {
    const identity = client.ww?.identity
    if (!identity) return null
    if (!mayReceive(this.#options.facility, identity, packet.topic) && !this.#mayHear(identity, packet.topic))
      return null
    if (client.conn.writableLength > this.#limits.subscriberBytes) {
      this.#metrics.slowSubscribers++
      this.#options.log?.warn('broker.slow-subscriber', { client: identity.id })
      client.conn.destroy()
      return null
    }
    return packet
  }

  #gone(client: AedesClient): void {
    // A closing broker tells nobody that its devices are gone.
    const id = client.ww?.identity?.id
    if (this.#presence.left(client, this.#closing) === 0 && id) this.#buckets.delete(id)
  }

  update(identities: Identities): void {
    this.#directory = new Directory(identities)
    this.#buckets.clear()
    for (const client of this.#clients) {
      const session = client.ww
      const before = session?.identity
      if (!session || !before) continue
      const after = this.#directory.byName(before.id)
      if (after && secretOf(after) === secretOf(before)) session.become(after, this.#bucketOf(after))
      else {
        session.endedBy = 'broker'
        client.conn.destroy()
      }
    }
  }

  renewTls(tls: Pick<TlsOptions, 'cert' | 'key' | 'ca' | 'crl'>, revoked: ReadonlySet<string> = new Set()): void {
    this.#listeners.renew(tls)
    if (revoked.size === 0) return
    for (const client of this.#clients) {
      const serial = certificateSerial(client.conn)
      if (serial === null || !revoked.has(serial) || !client.ww) continue
      client.ww.endedBy = 'broker'
      this.#rejections.add(client.ww.name, 'bad-credential', 'its certificate was revoked; the connection was closed')
      client.conn.destroy()
    }
  }

  #delay(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(ms, resolve))
  }

  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    // What was handed over is still acknowledged before the sockets go.
    await Promise.race([this.#batch.drained(), this.#delay(CLOSE_WAIT_MS)])
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()))
    await this.#listeners.close()
    await this.#sessions.destroy()
  }
}
