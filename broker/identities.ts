/**
 * Who may connect to the facility's broker and what each may say and hear: devices by password or certificate, local
 * subscribers by password. Pure decisions; it knows no socket.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Device } from '#model/context/kinds.ts'
import { TOPIC_ROOT, topicMatches } from '#model/topics.ts'

export interface BrokerDevice {
  id: string
  /** Plain text or `sha256:<hex>`; null = none, so only a certificate or `anonymous` lets it in. */
  password: string | null
  /** CN of its client certificate. */
  certificate: string
  /** Devices whose `via` it is: it may publish for them. */
  children: readonly string[]
  /** Messages per second and burst of this device; absent = the broker's limits. */
  rate?: number
  burst?: number
}

export interface BrokerSubscriber {
  user: string
  password: string
  /** Topic filters it may subscribe to; it may publish nothing. */
  topics: readonly string[]
}

export interface Identities {
  devices: readonly BrokerDevice[]
  subscribers: readonly BrokerSubscriber[]
}

export type ClientIdentity =
  | { kind: 'device'; id: string; device: BrokerDevice }
  | { kind: 'subscriber'; id: string; subscriber: BrokerSubscriber }

/** The MQTT devices of a site file, each with the children it speaks for. */
export function brokerDevices(devices: readonly Device[]): BrokerDevice[] {
  const children = new Map<string, string[]>()
  for (const device of devices)
    if (device.via) children.set(device.via, [...(children.get(device.via) ?? []), device.id])
  return devices
    .filter((device) => device.driver === 'mqtt' || children.has(device.id))
    .map((device) => ({
      id: device.id,
      password: device.password ?? null,
      certificate: device.certificate ?? device.id,
      children: children.get(device.id) ?? [],
      ...(device.limits?.rate === undefined ? {} : { rate: device.limits.rate }),
      ...(device.limits?.burst === undefined ? {} : { burst: device.limits.burst }),
    }))
}

export class Directory {
  readonly #devices = new Map<string, BrokerDevice>()
  readonly #certificates = new Map<string, BrokerDevice>()
  readonly #subscribers = new Map<string, BrokerSubscriber>()

  constructor(identities: Identities) {
    for (const device of identities.devices) {
      this.#devices.set(device.id, device)
      this.#certificates.set(device.certificate, device)
    }
    for (const subscriber of identities.subscribers) this.#subscribers.set(subscriber.user, subscriber)
  }

  byName(name: string): ClientIdentity | null {
    const device = this.#devices.get(name)
    if (device) return { kind: 'device', id: name, device }
    const subscriber = this.#subscribers.get(name)
    return subscriber ? { kind: 'subscriber', id: name, subscriber } : null
  }

  byCertificate(commonName: string): ClientIdentity | null {
    const device = this.#certificates.get(commonName)
    return device ? { kind: 'device', id: device.id, device } : null
  }
}

const sha256 = (bytes: string | Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

/** Compares in constant time. `expected` is plain text or `sha256:<hex>`. */
export function passwordFits(expected: string, given: Uint8Array | undefined): boolean {
  if (!given) return false
  const want = /^sha256:[0-9a-f]{64}$/.test(expected) ? Buffer.from(expected.slice(7), 'hex') : sha256(expected)
  return timingSafeEqual(want, sha256(given))
}

/** Is the topic below an id that this device speaks for, in the layout of the contract? */
export function isOwnTopic(facility: string, device: BrokerDevice, topic: string): boolean {
  const prefix = `${TOPIC_ROOT}/${facility}/dev/`
  if (!topic.startsWith(prefix)) return false
  const end = topic.indexOf('/', prefix.length)
  if (end < 0 || end === topic.length - 1) return false
  const id = topic.slice(prefix.length, end)
  return id === device.id || device.children.includes(id)
}

/** Does everything that `want` can match lie inside `allowed`? */
export function filterCovers(allowed: string, want: string): boolean {
  const a = allowed.split('/')
  const w = want.split('/')
  for (let i = 0; i < a.length; i++) {
    if (a[i] === '#') return true
    // "a/#" matches "a" itself too, so it is wider than "a/+" and than "a".
    if (i >= w.length || w[i] === '#') return false
    if (a[i] !== '+' && a[i] !== w[i]) return false
  }
  return a.length === w.length
}

/** May this client subscribe to the filter? Devices hear their own branch only, subscribers what the site grants. */
export function maySubscribe(facility: string, identity: ClientIdentity, filter: string): boolean {
  if (filter.startsWith('$')) return false
  if (identity.kind === 'subscriber') return identity.subscriber.topics.some((allowed) => filterCovers(allowed, filter))
  return [identity.id, ...identity.device.children].some((id) =>
    filterCovers(`${TOPIC_ROOT}/${facility}/dev/${id}/#`, filter),
  )
}

/** May this client be sent a message of the topic? Asked again at delivery: permissions may have changed meanwhile. */
export function mayReceive(facility: string, identity: ClientIdentity, topic: string): boolean {
  if (identity.kind === 'subscriber') return identity.subscriber.topics.some((allowed) => topicMatches(allowed, topic))
  return isOwnTopic(facility, identity.device, topic)
}

/** A change of it ends the connection: kind, password and certificate name. */
export function secretOf(identity: ClientIdentity): string {
  return identity.kind === 'device'
    ? `device ${identity.device.password} ${identity.device.certificate}`
    : `subscriber ${identity.subscriber.password}`
}

/** NUL, other control characters, or what was not UTF-8: MQTT forbids the first and no device topic needs the rest. */
export function hasNonsense(topic: string): boolean {
  for (let i = 0; i < topic.length; i++) {
    const code = topic.charCodeAt(i)
    if (code < 32 || code === 127 || code === 0xfffd) return true
  }
  return false
}
