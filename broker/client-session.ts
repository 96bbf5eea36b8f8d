/** What the broker knows of one connection: who it is, what it may say, how much of it waits. Private to `broker/`. */
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { Client } from 'aedes'
import type { ClientIdentity } from './identities.ts'
import type { Guard, TokenBucket } from './packet-guard.ts'

/** Private parts of the aedes 1.2 client that this folder relies on; `broker.test.ts` fails if they go away. */
export interface AedesClient extends Omit<Client, 'conn'> {
  conn: Duplex & { remoteAddress?: string }
  will: { topic: string } | null
  _will: { topic: string } | null
  _disconnected: boolean
  _parser: { on(event: 'error', listener: (error: Error) => void): void }
  ww?: ClientSession
}

/** Distinct topics remembered per connection; a gateway of 100 bands uses about 1,000. */
const MAX_TOPICS = 4096

export class ClientSession {
  identity: ClientIdentity | null = null
  guard: Guard | null = null
  bucket: TokenBucket
  /** Messages of this connection that the journal has not confirmed. */
  waiting = 0
  /** Why the connection ended, when the broker knows better than the socket. */
  endedBy: 'keepalive' | 'broker' | null = null
  readonly remote: string
  readonly #topics = new Map<string, boolean>()

  constructor(bucket: TokenBucket, remote: string) {
    this.bucket = bucket
    this.remote = remote
  }

  get name(): string {
    return this.identity?.id ?? this.remote
  }

  /** Remembers the answer for a topic: a device says the same few topics for ever. */
  mayPublish(topic: string, decide: (topic: string) => boolean): boolean {
    const known = this.#topics.get(topic)
    if (known !== undefined) return known
    const may = decide(topic)
    if (this.#topics.size >= MAX_TOPICS) this.#topics.clear()
    this.#topics.set(topic, may)
    return may
  }

  become(identity: ClientIdentity, bucket: TokenBucket): void {
    this.identity = identity
    this.bucket = bucket
    this.#topics.clear()
  }
}

export type PeerCertificate = { kind: 'none' } | { kind: 'untrusted'; why: string } | { kind: 'valid'; name: string }

/** The client certificate of a connection, as far as TLS has verified it. */
export function peerCertificate(conn: Duplex): PeerCertificate {
  if (!(conn instanceof TLSSocket)) return { kind: 'none' }
  const certificate = conn.getPeerCertificate()
  if (!certificate || Object.keys(certificate).length === 0) return { kind: 'none' }
  if (!conn.authorized) return { kind: 'untrusted', why: String(conn.authorizationError ?? 'not trusted') }
  const name: unknown = certificate.subject?.CN
  return typeof name === 'string' && name !== ''
    ? { kind: 'valid', name }
    : { kind: 'untrusted', why: 'its subject has no common name' }
}

/** Serial number of the client certificate of a connection, upper-case hex. */
export function certificateSerial(conn: Duplex): string | null {
  if (!(conn instanceof TLSSocket)) return null
  const serial: unknown = conn.getPeerCertificate()?.serialNumber
  return typeof serial === 'string' ? serial.toUpperCase() : null
}
