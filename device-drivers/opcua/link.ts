/**
 * One session to one endpoint for all devices behind it: opens it, subscribes in batches, watches it, begins anew with
 * back-off. A device that is wrong harms only itself; a link never gives up and never says anything after `stop`.
 */
import {
  AttributeIds,
  type ClientSubscription,
  callConditionRefresh,
  type OPCUAClient,
  TimestampsToReturn,
  type Variant,
} from 'node-opcua-client'
import type { Timer } from '#model/clock.ts'
import { Backoff } from '../supervision.ts'
import type { DeviceWatch, WatchHost } from './device-watch.ts'
import { closeClient, type EndpointAddress, measureOffset, type OpenEndpoint, openEndpoint } from './endpoint.ts'
import { EventStream } from './event-stream.ts'
import { type EventSelection, type EventTypes, readEventTypes, selectFields } from './event-types.ts'
import { loadOpcuaModel, modelNameOf, normalName } from './model-file.ts'
import { monitorNodes } from './monitor.ts'
import { readNamespaces, withNumbers } from './namespaces.ts'
import { type DevicePlan, planDevice, readTrees } from './plan.ts'
import { isNodeId, type WireValue, wireValue } from './wire.ts'

const OPEN_MS = 15_000
const PUBLISHING_MS = 100
const ITEMS_PER_REQUEST = 500
const READS_PER_REQUEST = 500
const TICK_MS = 500
/** All nodes are read once within this many ticks: heals what a server forgot to notify. */
const SWEEP_TICKS = 20
const CLOCK_TICKS = 20
/** A link whose subscription and reads are silent this long is torn down. */
const SILENT_MS = 15_000
/** A tick so late means that this process had no time, not that the server is silent. */
const STALLED_MS = 5_000
const RESOLVE_RETRY_MS = 5_000
const RESOLVE_RETRY_MAX_MS = 60_000

type Items = Map<string, Set<DeviceWatch>>

export class Link {
  readonly address: EndpointAddress
  readonly #to: WatchHost
  readonly #backoff: Backoff
  readonly #watches = new Set<DeviceWatch>()
  #open: OpenEndpoint | null = null
  #client: OPCUAClient | null = null
  #subscription: ClientSubscription | null = null
  #types: EventTypes = { byId: new Map(), chain: () => [] }
  #namespaces: readonly string[] = []
  #selection: EventSelection | null = null
  #items: Items = new Map()
  #bySource = new Map<string, Set<DeviceWatch>>()
  #notifiers = new Set<string>()
  readonly #events = new EventStream()
  #unresolved = new Map<DeviceWatch, { at: number; backoff: Backoff }>()
  #lost = false
  #stopped = false
  #lastHeard = 0
  #tick = 0
  #tickAt = 0
  #ticking = false
  #timers = new Set<Timer>()
  #flushing = false
  #dirty = new Set<DeviceWatch>()
  #offsetMs = 0
  /** One change of the subscription at a time. */
  #queue: Promise<void> = Promise.resolve()

  constructor(address: EndpointAddress, to: WatchHost) {
    this.address = address
    this.#to = to
    this.#backoff = new Backoff(() => to.host.random())
  }

  get size(): number {
    return this.#watches.size
  }

  get session(): OpenEndpoint['session'] | null {
    return this.#lost ? null : (this.#open?.session ?? null)
  }

  begin(): void {
    void this.#run()
  }

  attach(watches: readonly DeviceWatch[]): void {
    for (const watch of watches) this.#watches.add(watch)
    if (this.#open) this.#enqueue(() => this.#subscribe(watches))
  }

  detach(watch: DeviceWatch): void {
    watch.end()
    this.#watches.delete(watch)
    this.#unresolved.delete(watch)
    for (const set of [...this.#items.values(), ...this.#bySource.values()]) set.delete(watch)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    for (const watch of this.#watches) watch.end()
    await this.#close()
  }

  #after(ms: number, task: () => void): void {
    const timer = this.#to.clock.after(ms, () => {
      this.#timers.delete(timer)
      if (!this.#stopped) task()
    })
    this.#timers.add(timer)
  }

  #enqueue(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(work).catch((error: Error) => {
      if (this.#stopped || this.#lost) return
      this.#to.log.warn(this.address.url, 'opcua-subscribe-failed', { error: error.message })
      this.#restart(`the subscription at ${this.address.url} failed (${error.message})`)
    })
  }

  async #run(): Promise<void> {
    if (this.#stopped) return
    try {
      const open = await openEndpoint(this.address, this.#to.host.dataDir, this.#to.clock, OPEN_MS, (client) => {
        this.#client = client
      })
      if (this.#stopped) {
        await closeClient(open.client, this.#to.clock)
        return
      }
      this.#open = open
      this.#lost = false
      this.#listen(open)
      const session = open.session
      this.#namespaces = await readNamespaces(session)
      this.#types = await readEventTypes(session).catch(() => this.#types)
      await this.#measure()
      await this.#createSubscription()
      this.#heard()
      this.#to.host.count('connected')
      this.#to.host.log.info('opcua-connected', { url: this.address.url, devices: this.#watches.size })
      this.#enqueue(() => this.#subscribe([...this.#watches]))
      this.#backoff.reset()
      this.#tickAt = this.#to.clock.now()
      this.#after(TICK_MS, () => void this.#onTick())
    } catch (error) {
      if (this.#stopped) return
      const reason = (error as Error).message
      await this.#close()
      for (const watch of this.#watches) watch.setOnline(false, reason, 'session-lost')
      this.#to.log.warn(endpointLabel(this.address), 'opcua-unreachable', { error: reason })
      this.#retry()
    }
  }

  #retry(): void {
    this.#to.host.count('reconnects')
    this.#after(this.#backoff.nextMs(), () => void this.#run())
  }

  /** The library repairs a lost connection by itself; this only says so, and steps in when it does not come back. */
  #listen({ client, session }: OpenEndpoint): void {
    const mine = () => !this.#stopped && this.#open?.client === client
    client.on('connection_lost', () => {
      if (mine()) this.#onLost('connection lost')
    })
    session.on('session_restored', () => {
      if (mine()) this.#enqueue(() => this.#onRestored())
    })
    session.on('session_closed', () => {
      if (mine()) this.#restart(`the server closed the session at ${this.address.url}`)
    })
  }

  #onLost(why: string): void {
    if (this.#lost) return
    this.#lost = true
    this.#to.host.count('session-lost')
    const reason = `${this.address.url}: ${why}; check the server and the line, it is retried for ever`
    for (const watch of this.#watches) watch.setOnline(false, reason, 'session-lost')
    this.#to.log.warn(this.address.url, 'opcua-session-lost', { reason: why })
  }

  async #onRestored(): Promise<void> {
    // After a restart the same number may mean another namespace: what is monitored would be other nodes.
    const session = this.#open?.session
    const namespaces = session ? await readNamespaces(session) : this.#namespaces
    if (namespaces.length > 0 && namespaces.join('\0') !== this.#namespaces.join('\0')) {
      this.#lost = false
      this.#restart(`the server at ${this.address.url} has numbered its namespaces anew`)
      return
    }
    this.#lost = false
    this.#heard()
    this.#to.host.count('session-restored')
    this.#to.host.log.info('opcua-session-restored', { url: this.address.url })
    for (const watch of this.#watches)
      if (watch.plan && !watch.plan.fault && !this.#unresolved.has(watch)) {
        watch.expectConfirmation()
        watch.setOnline(true, null)
      }
    await this.#measure()
    // Events of the gap are gone: the state of the alarms and all values are asked for.
    await this.#refreshConditions()
    await this.#readNodes([...this.#items.keys()])
  }

  /** Tears everything down and begins anew. */
  #restart(why: string): void {
    if (this.#stopped || !this.#open) return
    this.#onLost(why)
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    void this.#close().then(() => {
      if (!this.#stopped) this.#retry()
    })
  }

  async #close(): Promise<void> {
    const client = this.#client
    this.#client = null
    this.#open = null
    this.#subscription = null
    this.#items.clear()
    this.#bySource.clear()
    this.#notifiers.clear()
    this.#unresolved.clear()
    this.#queue = Promise.resolve()
    if (client) await closeClient(client, this.#to.clock)
  }

  #heard(): void {
    this.#lastHeard = this.#to.clock.now()
  }

  async #measure(): Promise<void> {
    const session = this.#open?.session
    if (!session) return
    const offset = await measureOffset(session, this.#to.clock)
    if (offset === null) return
    this.#offsetMs = offset
    for (const watch of this.#watches) if (watch.online) watch.setOffset(offset)
  }

  async #createSubscription(): Promise<void> {
    const session = this.#open?.session
    if (!session) return
    const subscription = await session.createSubscription2({
      requestedPublishingInterval: PUBLISHING_MS,
      requestedMaxKeepAliveCount: 10,
      requestedLifetimeCount: 1000,
      maxNotificationsPerPublish: 10_000,
      publishingEnabled: true,
      priority: 10,
    })
    subscription.on('keepalive', () => this.#heard())
    subscription.on('raw_notification', () => this.#heard())
    this.#subscription = subscription
  }

  /** Resolves and subscribes devices; one that fails is retried alone. */
  async #subscribe(watches: readonly DeviceWatch[]): Promise<void> {
    const session = this.#open?.session
    const subscription = this.#subscription
    if (!session || !subscription || this.#stopped) return
    const live = watches.filter((watch) => this.#watches.has(watch))
    const roots = live.flatMap(({ device }) => {
      const numbered = device.root !== undefined && isNodeId(device.root) ? withNumbers(device, this.#namespaces) : ''
      return typeof numbered === 'string' ? [] : [numbered.root as string]
    })
    const trees = await readTrees(session, roots, this.#types)
    const ready: DeviceWatch[] = []
    for (const watch of live) {
      const plan = this.#planOf(watch, trees)
      if (typeof plan === 'string') {
        watch.setOnline(false, plan, 'driver')
        this.#to.log.warn(watch.device.id, 'opcua-device-wrong', { reason: plan })
        const known =
          this.#unresolved.get(watch)?.backoff ??
          new Backoff(() => this.#to.host.random(), RESOLVE_RETRY_MS, RESOLVE_RETRY_MAX_MS)
        this.#unresolved.set(watch, { at: this.#to.clock.now() + known.nextMs(), backoff: known })
        continue
      }
      this.#unresolved.delete(watch)
      watch.follow(plan)
      ready.push(watch)
      for (const id of plan.sources) add(this.#bySource, id, watch)
    }
    for (const watch of ready) {
      watch.setOnline(true, null)
      watch.setOffset(this.#offsetMs)
    }
    await this.#monitorNodes(subscription, ready)
    await this.#monitorEvents(subscription, ready)
  }

  #planOf(watch: DeviceWatch, trees: Awaited<ReturnType<typeof readTrees>>): DevicePlan | string {
    const { device } = watch
    try {
      if (device.root !== undefined && !isNodeId(device.root))
        return `"root" of device ${device.id} is "${device.root}", which is no node id; write it as ns=2;s=Doors/C204`
      const numbered = withNumbers(device, this.#namespaces)
      if (typeof numbered === 'string') return numbered
      const model = loadOpcuaModel(modelNameOf(device), this.#to.host.modelDirs)
      const plan = planDevice(numbered, model, numbered.root ? (trees.get(numbered.root) ?? null) : null)
      return plan.fault ?? plan
    } catch (error) {
      return (error as Error).message
    }
  }

  async #monitorNodes(subscription: ClientSubscription, watches: readonly DeviceWatch[]): Promise<void> {
    const groups = new Map<string, { nodes: string[]; samplingMs: number; deadband: number }>()
    for (const watch of watches)
      for (const slot of watch.plan?.slots ?? [])
        for (const field of slot.fields) {
          const first = !this.#items.has(field.nodeId)
          add(this.#items, field.nodeId, watch)
          if (!first) continue
          const deadband = (field.map.deadband ?? 0) / Math.abs(field.map.scale ?? 1)
          const key = `${slot.samplingMs} ${deadband}`
          const group = groups.get(key) ?? { nodes: [], samplingMs: slot.samplingMs, deadband }
          group.nodes.push(field.nodeId)
          groups.set(key, group)
        }
    for (const group of groups.values())
      for (let i = 0; i < group.nodes.length; i += ITEMS_PER_REQUEST) {
        const nodes = group.nodes.slice(i, i + ITEMS_PER_REQUEST)
        await monitorNodes(subscription, nodes, group, {
          value: (nodeId, value) => this.#onValue(nodeId, value),
          refused: (nodeId) => this.#to.host.count('unmonitored', [...(this.#items.get(nodeId) ?? [])][0]?.device.id),
        })
      }
    // First values at once, also from servers that send them late.
    await this.#readNodes([...groups.values()].flatMap((group) => group.nodes))
    // Devices that share nodes with earlier ones get their first values from here.
    const shared = watches.filter((watch) => watch.plan?.nodes.some((node) => (this.#items.get(node)?.size ?? 0) > 1))
    if (shared.length > 0) await this.#readNodes([...new Set(shared.flatMap((watch) => watch.plan?.nodes ?? []))])
  }

  async #monitorEvents(subscription: ClientSubscription, watches: readonly DeviceWatch[]): Promise<void> {
    const wanting = watches.filter((watch) => (watch.plan?.events.length ?? 0) > 0)
    if (wanting.length === 0) return
    const wanted = new Set<string>()
    for (const watch of this.#watches)
      for (const map of watch.plan?.events ?? [])
        for (const [name, field] of Object.entries(map.fields ?? {}))
          for (const path of [name, ...(field.path ?? [])]) wanted.add(normalName(path))
    const selection = selectFields(this.#types, wanted)
    const grown = selection.fields.length > (this.#selection?.fields.length ?? -1)
    const notifiers = [...new Set(['ns=0;i=2253', ...wanting.flatMap((watch) => watch.plan?.notifier ?? [])])]
    // A new kind of device may need more properties than the filter in force asks for: a second item asks for them.
    const fresh = grown
      ? [...new Set([...notifiers, ...this.#notifiers])]
      : notifiers.filter((id) => !this.#notifiers.has(id))
    this.#selection = selection
    for (const nodeId of fresh) {
      const item = await subscription.monitor(
        { nodeId, attributeId: AttributeIds.EventNotifier },
        { samplingInterval: 0, discardOldest: true, queueSize: 5000, filter: selection.filter },
        TimestampsToReturn.Both,
      )
      this.#notifiers.add(nodeId)
      item.on('changed', (...given: unknown[]) => this.#onEvent(given[0] as Variant[], selection))
    }
    await this.#refreshConditions()
  }

  async #refreshConditions(): Promise<void> {
    const session = this.#open?.session
    const id = this.#subscription?.subscriptionId
    if (!session || id === undefined || this.#notifiers.size === 0) return
    // A server without conditions answers with an error: there is nothing to refresh.
    await callConditionRefresh(session, id).catch(() => {})
  }

  #onValue(nodeId: string, value: WireValue): void {
    // Until it is known what the numbers mean after a repair, a value may be that of another node; all are read then.
    if (this.#stopped || this.#lost) return
    this.#heard()
    for (const watch of this.#items.get(nodeId) ?? []) {
      watch.onValue(nodeId, value)
      this.#dirty.add(watch)
      if (/^BadNodeId(Unknown|Invalid)/.test(value.statusName) && !this.#unresolved.has(watch))
        this.#unresolved.set(watch, {
          at: this.#to.clock.now() + 2000,
          backoff: new Backoff(() => this.#to.host.random(), RESOLVE_RETRY_MS, RESOLVE_RETRY_MAX_MS),
        })
    }
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      const dirty = [...this.#dirty]
      this.#dirty.clear()
      for (const watch of dirty) watch.flush()
    })
  }

  #onEvent(values: Variant[], selection: EventSelection): void {
    if (this.#stopped) return
    this.#heard()
    const arrived = this.#events.read(values, selection, this.#types)
    if (arrived.kind === 'event') {
      const watches = this.#bySource.get(arrived.source) ?? this.#byName(arrived.sourceName)
      for (const watch of watches) watch.onEvent(arrived.event)
    } else if (arrived.kind === 'refresh-begins') for (const watch of this.#watches) watch.beginRefresh()
    else if (arrived.kind === 'refresh-ends') for (const watch of this.#watches) watch.endRefresh()
    else if (arrived.kind !== 'repeated') {
      this.#to.host.count(arrived.kind)
      this.#enqueue(() => this.#refreshConditions())
    }
  }

  #byName(name: string): Set<DeviceWatch> {
    const found = new Set<DeviceWatch>()
    if (name === '') return found
    for (const watch of this.#watches)
      if (watch.device.id === name || (watch.plan?.rootName === name && (watch.plan?.events.length ?? 0) > 0))
        found.add(watch)
    return found
  }

  async #readNodes(nodes: readonly string[]): Promise<void> {
    const session = this.#open?.session
    if (!session || this.#lost) return
    for (let i = 0; i < nodes.length; i += READS_PER_REQUEST) {
      const part = nodes.slice(i, i + READS_PER_REQUEST)
      const values = await session.read(
        part.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value })),
        0,
      )
      part.forEach((nodeId, index) => {
        const value = values[index]
        if (value) this.#onValue(nodeId, wireValue(value))
      })
    }
  }

  /** Twice a second: samples that are due, a slice of all nodes, the clock, silent links, devices to resolve again. */
  async #onTick(): Promise<void> {
    this.#tick++
    const now = this.#to.clock.now()
    // The edge itself stood still: what came meanwhile waits to be read, and the silence is its own.
    if (now - this.#tickAt > STALLED_MS) this.#heard()
    this.#tickAt = now
    if (now - this.#lastHeard > SILENT_MS) {
      this.#restart(`nothing heard from ${this.address.url} for ${Math.round((now - this.#lastHeard) / 1000)} s`)
      return
    }
    this.#after(TICK_MS, () => void this.#onTick())
    if (this.#ticking || this.#lost || !this.#open) return
    this.#ticking = true
    try {
      if (this.#tick % CLOCK_TICKS === 0) await this.#measure()
      await this.#repeatSamples(now)
      const nodes = [...this.#items.keys()].filter((id) => (this.#items.get(id)?.size ?? 0) > 0)
      await this.#readNodes(nodes.filter((_, i) => i % SWEEP_TICKS === this.#tick % SWEEP_TICKS))
      const due = [...this.#unresolved].filter(([, wait]) => wait.at <= now).map(([watch]) => watch)
      if (due.length > 0) {
        for (const watch of due) this.#forget(watch)
        this.#enqueue(() => this.#subscribe(due))
      }
    } catch (error) {
      if (!this.#lost && !this.#stopped)
        this.#to.log.warn(this.address.url, 'opcua-read-failed', { error: (error as Error).message })
    } finally {
      this.#ticking = false
    }
  }

  /** Its nodes may be new ones behind the same ids: they are monitored anew. */
  #forget(watch: DeviceWatch): void {
    for (const node of watch.plan?.nodes ?? []) {
      const set = this.#items.get(node)
      if (set?.size === 1 && set.has(watch)) this.#items.delete(node)
    }
    const wait = this.#unresolved.get(watch)
    if (wait) wait.at = this.#to.clock.now() + RESOLVE_RETRY_MAX_MS
  }

  async #repeatSamples(now: number): Promise<void> {
    const due = [...this.#watches]
      .filter((watch) => watch.online)
      .map((watch) => ({ watch, nodes: watch.dueSamples(now) }))
    const speaking = due.filter((entry) => entry.nodes.length > 0)
    if (speaking.length === 0) return
    await this.#readNodes([...new Set(speaking.flatMap((entry) => entry.nodes))])
    const atMs = this.#to.clock.now() + this.#offsetMs
    // What the read changed is said by the flush first; the rest is as it was.
    await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))
    for (const { watch } of speaking) watch.repeatSamples(now, atMs)
  }
}

/** One server may be asked in several ways, and each has its own reason to fail. */
function endpointLabel({ url, user, policy }: EndpointAddress): string {
  return `${url} ${policy} ${user ?? 'anonymous'}`
}

function add(map: Items, key: string, watch: DeviceWatch): void {
  const set = map.get(key)
  if (set) set.add(watch)
  else map.set(key, new Set([watch]))
}
