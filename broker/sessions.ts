/**
 * What the broker remembers of its subscribers: durable subscriptions, queued messages and retained messages on disk,
 * wills and QoS 2 hand-shakes in memory. Every store has a limit; it never keeps anything of a device's readings, which
 * are the journal's.
 */
import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import memory from 'aedes-persistence'
import levelPersistence from 'aedes-persistence-level'
import { Level } from 'level'
import { WardwatchError } from '#model/errors.ts'

interface ClientRef {
  id: string
}
interface Sub {
  topic: string
  qos: number
  clientId?: string
}
interface StoredPacket {
  topic: string
  payload: Buffer
  messageId?: number
}

/** The part of the aedes persistence interface that is used here; both stores follow it with promises. */
interface Store {
  setup(broker: unknown): Promise<void>
  storeRetained(packet: StoredPacket): Promise<void>
  createRetainedStreamCombi(patterns: string[]): Readable
  createRetainedStream(pattern: string): Readable
  addSubscriptions(client: ClientRef, subs: Sub[]): Promise<void>
  removeSubscriptions(client: ClientRef, topics: string[]): Promise<void>
  subscriptionsByClient(client: ClientRef): Promise<Sub[]>
  subscriptionsByTopic(topic: string): Promise<Sub[]>
  cleanSubscriptions(client: ClientRef): Promise<void>
  countOffline(): Promise<{ subsCount: number; clientsCount: number }>
  outgoingEnqueue(sub: ClientRef | { clientId: string }, packet: StoredPacket): Promise<void>
  outgoingEnqueueCombi(subs: Sub[], packet: StoredPacket): Promise<unknown>
  outgoingUpdate(client: ClientRef, packet: StoredPacket): Promise<void>
  outgoingClearMessageId(client: ClientRef, packet: StoredPacket): Promise<StoredPacket | undefined>
  outgoingStream(client: ClientRef): Readable
  incomingStorePacket(client: ClientRef, packet: StoredPacket): Promise<void>
  incomingGetPacket(client: ClientRef, packet: StoredPacket): Promise<StoredPacket>
  incomingDelPacket(client: ClientRef, packet: StoredPacket): Promise<void>
  cleanIncoming?(client: ClientRef): Promise<void>
  putWill(client: ClientRef, packet: StoredPacket): Promise<void>
  getWill(client: ClientRef): Promise<StoredPacket | undefined>
  delWill(client: ClientRef): Promise<StoredPacket | undefined>
  streamWill(brokers: unknown): Readable
  getClientList(topic: string): Readable
  destroy(): Promise<void>
}

export interface SessionLimits {
  /** Messages queued for one durable session. */
  queue: number
  /** Durable sessions altogether. */
  sessions: number
}

export interface SessionHooks {
  /** May this client keep the subscription? Also asked for what came in one packet with a granted one. */
  maySubscribe(client: ClientRef, filter: string): boolean
  onQueueFull(clientId: string): void
  /** The set of durable filters has changed. */
  onFilters(filters: ReadonlySet<string>): void
  now(): number
  /** The store could not be read: it lies as `file`, and sessions begin anew. */
  onDamage?(damage: { file: string; reason: string }): void
}

const SUBSCRIPTIONS = { gte: 'subscriptions:', lt: 'subscriptions;' }
const QUEUED = { gte: 'outgoing:', lt: 'outgoing;' }

const causeOf = (error: unknown): Error & { code?: string } => (error as { cause?: Error }).cause ?? (error as Error)
/** A lock that somebody holds and a disk that cannot be written are no damage. */
const isDamage = ({ code, message }: Error & { code?: string }): boolean =>
  code === 'LEVEL_CORRUPTION' ||
  /corruption|missing files|no such file|not a .*(manifest|sstable)|CURRENT file/i.test(message)
const unusable = (dir: string, cause: Error): WardwatchError =>
  new WardwatchError(
    'data-unwritable',
    `the broker cannot keep its sessions in ${dir}: ${cause.message}; is another edge running on this data folder?`,
  )

export class SessionStore {
  readonly #disk: Store
  readonly #volatile: Store
  readonly #db: Level<string, unknown> | null
  readonly #limits: SessionLimits
  readonly #hooks: SessionHooks
  /** Filters of each durable session, and what is queued for it. */
  readonly #sessions = new Map<string, Set<string>>()
  readonly #queued = new Map<string, number>()

  private constructor(db: Level<string, unknown> | null, limits: SessionLimits, hooks: SessionHooks) {
    this.#db = db
    this.#volatile = (memory as unknown as () => Store)()
    this.#disk = db ? (levelPersistence as unknown as (db: unknown) => Store)(db) : this.#volatile
    this.#limits = limits
    this.#hooks = hooks
  }

  /** @param known may a session of this client id live on? Sessions of removed subscribers are dropped. */
  static async open(
    dataDir: string | null,
    limits: SessionLimits,
    hooks: SessionHooks,
    known: (clientId: string) => boolean,
  ): Promise<SessionStore> {
    if (dataDir === null) return new SessionStore(null, limits, hooks)
    const dir = join(dataDir, 'broker-sessions')
    const start = async (): Promise<SessionStore> => {
      const db = new Level<string, unknown>(dir, { valueEncoding: 'json' })
      try {
        mkdirSync(dir, { recursive: true })
        await db.open()
        const store = new SessionStore(db, limits, hooks)
        await store.#load(known)
        return store
      } catch (error) {
        await db.close().catch(() => {})
        throw error
      }
    }
    try {
      return await start()
    } catch (error) {
      const cause = causeOf(error)
      if (!isDamage(cause)) throw unusable(dir, cause)
      // Nothing but what waited for local subscribers is lost; every reading is in the journal.
      const file = `${dir}.corrupt-${new Date(hooks.now()).toISOString().replace(/[:.]/g, '-')}`
      renameSync(dir, file)
      const store = await start().catch((again) => {
        throw unusable(dir, causeOf(again))
      })
      hooks.onDamage?.({ file, reason: cause.message })
      return store
    }
  }

  async #load(known: (clientId: string) => boolean): Promise<void> {
    const db = this.#db as Level<string, unknown>
    const parts = (key: string) => key.split(':')
    for await (const key of db.keys(SUBSCRIPTIONS)) {
      const [, client, ...topic] = parts(key)
      const id = decodeURIComponent(client as string)
      if (!known(id)) await db.del(key)
      else this.#filtersOf(id).add(topic.join(':'))
    }
    for await (const key of db.keys(QUEUED)) {
      const id = decodeURIComponent(parts(key)[1] as string)
      if (!this.#sessions.has(id)) await db.del(key)
      else this.#queued.set(id, (this.#queued.get(id) ?? 0) + 1)
    }
    this.#changed()
  }

  #filtersOf(id: string): Set<string> {
    const known = this.#sessions.get(id)
    if (known) return known
    const fresh = new Set<string>()
    this.#sessions.set(id, fresh)
    return fresh
  }

  #changed(): void {
    this.#hooks.onFilters(new Set([...this.#sessions.values()].flatMap((filters) => [...filters])))
  }

  /** Messages queued for a session. */
  queued(clientId: string): number {
    return this.#queued.get(clientId) ?? 0
  }

  get durableSessions(): number {
    return this.#sessions.size
  }

  // An async method on purpose: aedes refuses a persistence whose setup is not one.
  async setup(broker: unknown): Promise<void> {
    await this.#volatile.setup(broker)
    if (this.#disk !== this.#volatile) await this.#disk.setup(broker)
  }

  storeRetained = (packet: StoredPacket) => this.#disk.storeRetained(packet)
  createRetainedStreamCombi = (patterns: string[]) => this.#disk.createRetainedStreamCombi(patterns)
  createRetainedStream = (pattern: string) => this.#disk.createRetainedStream(pattern)

  async addSubscriptions(client: ClientRef, subs: Sub[]): Promise<void> {
    // aedes hands over every subscription of the packet, refused ones included.
    const allowed = subs.filter((sub) => this.#hooks.maySubscribe(client, sub.topic))
    if (allowed.length === 0) return
    if (!this.#sessions.has(client.id) && this.#sessions.size >= this.#limits.sessions)
      throw new Error(`there are already ${this.#limits.sessions} durable sessions; connect with a clean session`)
    for (const sub of allowed) this.#filtersOf(client.id).add(sub.topic)
    this.#changed()
    await this.#disk.addSubscriptions(client, allowed)
  }

  async removeSubscriptions(client: ClientRef, topics: string[]): Promise<void> {
    const filters = this.#sessions.get(client.id)
    if (!filters) return
    for (const topic of topics) filters.delete(topic)
    if (filters.size === 0) this.#sessions.delete(client.id)
    this.#changed()
    await this.#disk.removeSubscriptions(client, topics)
  }

  async cleanSubscriptions(client: ClientRef): Promise<void> {
    // Nearly every connect is a device's clean session: no look at the disk for those.
    if (!this.#sessions.delete(client.id)) return
    this.#changed()
    await this.#disk.cleanSubscriptions(client)
    this.#queued.delete(client.id)
    if (this.#db) {
      const name = encodeURIComponent(client.id)
      await this.#db.clear({ gte: `outgoing:${name}:`, lt: `outgoing:${name};` })
      await this.#db.clear({ gte: `outgoing-id:${name}:`, lt: `outgoing-id:${name};` })
    }
  }

  async subscriptionsByClient(client: ClientRef): Promise<Sub[]> {
    return this.#sessions.has(client.id) ? this.#disk.subscriptionsByClient(client) : []
  }

  subscriptionsByTopic = (topic: string) => this.#disk.subscriptionsByTopic(topic)
  countOffline = () => this.#disk.countOffline()

  async outgoingEnqueue(sub: { clientId: string }, packet: StoredPacket): Promise<void> {
    const queued = this.queued(sub.clientId)
    if (queued >= this.#limits.queue) {
      this.#hooks.onQueueFull(sub.clientId)
      return
    }
    this.#queued.set(sub.clientId, queued + 1)
    await this.#disk.outgoingEnqueue(sub, packet)
  }

  async outgoingEnqueueCombi(subs: Sub[], packet: StoredPacket): Promise<void> {
    if (!subs || subs.length === 0) return
    await Promise.all(subs.map((sub) => this.outgoingEnqueue({ clientId: sub.clientId as string }, packet)))
  }

  outgoingUpdate = (client: ClientRef, packet: StoredPacket) => this.#disk.outgoingUpdate(client, packet)

  async outgoingClearMessageId(client: ClientRef, packet: StoredPacket): Promise<StoredPacket | undefined> {
    const cleared = await this.#disk.outgoingClearMessageId(client, packet)
    if (cleared && this.#queued.has(client.id)) this.#queued.set(client.id, Math.max(0, this.queued(client.id) - 1))
    return cleared
  }

  outgoingStream = (client: ClientRef) => this.#disk.outgoingStream(client)

  // The journal recognises duplicates, so QoS 2 hand-shakes need not outlive the process; and a will that did would
  // declare a device dead that has long come back.
  incomingStorePacket = (client: ClientRef, packet: StoredPacket) => this.#volatile.incomingStorePacket(client, packet)
  incomingGetPacket = (client: ClientRef, packet: StoredPacket) => this.#volatile.incomingGetPacket(client, packet)
  incomingDelPacket = (client: ClientRef, packet: StoredPacket) => this.#volatile.incomingDelPacket(client, packet)
  cleanIncoming = async (client: ClientRef) => this.#volatile.cleanIncoming?.(client)
  putWill = (client: ClientRef, packet: StoredPacket) => this.#volatile.putWill(client, packet)
  getWill = (client: ClientRef) => this.#volatile.getWill(client)
  delWill = (client: ClientRef) => this.#volatile.delWill(client)
  streamWill = (brokers: unknown) => this.#volatile.streamWill(brokers)
  getClientList = (topic: string) => this.#disk.getClientList(topic)

  async destroy(): Promise<void> {
    await this.#db?.close()
  }
}
