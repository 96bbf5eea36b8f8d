/** What a broker is given and what it offers; the limits with their defaults. Types and figures only. */
import type { Clock } from '#model/clock.ts'
import type { BrokerDevice, Identities } from './identities.ts'
import type { Ports, TlsOptions } from './listeners.ts'
import type { BrokerMetrics } from './metrics.ts'
import type { InboundPublish } from './publish-batch.ts'
import type { Rejection } from './rejections.ts'

export interface BrokerLimits {
  packetBytes: number
  connections: number
  /** Messages per second and burst of a device; a gateway gets them once more for each child. */
  rate: number
  burst: number
  /** Messages of one connection, and messages and bytes of all, that may wait for the journal. */
  waitingPerClient: number
  waitingMessages: number
  waitingBytes: number
  /** Messages queued for one durable session, and durable sessions. */
  sessionQueue: number
  sessions: number
  /** Bytes that a subscriber may leave unread before it is cut. */
  subscriberBytes: number
  drainTimeoutMs: number
  subscriptionsPerClient: number
}

export const DEFAULT_LIMITS: BrokerLimits = {
  packetBytes: 256 * 1024,
  connections: 5000,
  rate: 200,
  burst: 1000,
  waitingPerClient: 2000,
  waitingMessages: 20_000,
  waitingBytes: 64 * 1024 * 1024,
  sessionQueue: 10_000,
  sessions: 100,
  subscriberBytes: 1024 * 1024,
  drainTimeoutMs: 8000,
  subscriptionsPerClient: 64,
}

export interface DeviceSession {
  device: BrokerDevice
  event: 'connected' | 'disconnected'
  /** Reason of an end: the device said good-bye, went silent, the line broke, or the broker cut it. */
  reason: 'clean' | 'keepalive' | 'session-lost' | 'broker' | null
  /** Connections of this device that remain. */
  remaining: number
}

export interface BrokerOptions {
  facility: string
  clock: Clock
  /** Folder for durable sessions; null = they live as long as the process. */
  dataDir: string | null
  host?: string
  /** 0 = any free port, null or absent = off. */
  tcp?: number | null
  tls?: TlsOptions | null
  ws?: number | null
  identities: Identities
  /** Devices without a password may connect under their id: closed test networks only. */
  anonymous?: boolean
  limits?: Partial<BrokerLimits>
  /** Topics of other layouts that a device may publish, decided by the model files; default none. */
  mayPublish?(device: BrokerDevice, topic: string): boolean
  /** Filters and topics of other layouts that a device may hear beside its own branch, decided by the model files; default none. */
  mayHear?(device: BrokerDevice, filter: string): boolean
  /** Keeps the batch durably; QoS 1 and 2 are acknowledged when it resolves. Rejects only when nothing can be kept. */
  onPublish(batch: InboundPublish[]): Promise<void>
  onRejected?(rejection: Rejection): void
  /** Durable sessions could not be read: their store lies as `file`, and they begin anew. */
  onDamage?(damage: { file: string; reason: string }): void
  onSession?(session: DeviceSession): void
  log?: { info(event: string, fields?: object): void; warn(event: string, fields?: object): void }
}

export interface Broker {
  readonly ports: Ports
  metrics(): BrokerMetrics
  /** For local subscribers; resolves when handed to all that listen. Costs nothing when nobody does. */
  publish(topic: string, payload: string | Uint8Array, options?: { qos?: 0 | 1; retain?: boolean }): Promise<void>
  /** Is a local subscriber, live or durable, interested in the topic? */
  wanted(topic: string): boolean
  isConnected(device: string): boolean
  /** New identities; connections of removed devices or changed passwords are closed, all others stay. */
  update(identities: Identities): void
  /** Renewed files for new connections; open ones with a certificate of these serial numbers are closed at once. */
  renewTls(tls: Pick<TlsOptions, 'cert' | 'key' | 'ca' | 'crl'>, revoked?: ReadonlySet<string>): void
  close(): Promise<void>
}
