/**
 * One ordered stream of alert, device and indicator events for many clients (server-sent events, `semantics.md` 9).
 * An alert's id is `<epoch>-<seq>` with its durable sequence number; other events stand between two alerts and carry
 * `<epoch>-<seq>.<n>`. Each event is serialised once per mask, never per client. A client that does not read is
 * dropped at a bound and counted: it resumes by its last id. Nothing may ever wait for a client.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock, Timer } from '#model/clock.ts'

/** Older alert changes than the ring holds: from the ledger or the journal, by durable sequence number. */
export interface AlertHistory<T = unknown> {
  /** Changes with a sequence number above `seq`, oldest first, at most `limit`; [] at the end. */
  after(seq: number, limit: number): Promise<{ seq: number; change: T }[]>
  /** Newest durable sequence number of an alert change; 0 when there is none. */
  last(): number | Promise<number>
  /** Oldest sequence number still answered; 1 when nothing was ever removed. */
  first?(): number | Promise<number>
}

export type StreamEvent = 'alert' | 'device' | 'indicator' | 'facility'

export interface SseHubOptions<Mask extends string> {
  clock: Clock
  /** Stays the same over a restart as long as `history` can answer; else new per start. */
  epoch: string
  masks: readonly Mask[]
  /** What a mask sees of an event; null = nothing of it. */
  view: (event: StreamEvent, data: unknown, mask: Mask) => unknown | null
  openAlerts: () => number
  /** More for every heartbeat, the same for every mask. */
  beat?: () => Record<string, unknown>
  history?: AlertHistory
  /** Alert events kept in memory. */
  ring?: number
  /** Device and indicator events kept in memory. */
  otherRing?: number
  /** Bytes that may wait for one client before it is dropped. */
  clientBytes?: number
  maxClients?: number
  heartbeatMs?: number
  /** Current state of all devices, sent when a client resumes from before this process. */
  deviceStates?: () => unknown[]
}

interface Entry {
  event: StreamEvent
  n: number
  seq: number
  data: unknown
  texts: (string | null | undefined)[]
}

export interface SseClient<Mask extends string> {
  mask: Mask
  /** Asked every heartbeat; false ends the stream (log-out, disabled account). */
  alive: () => boolean
  /** Zone ids whose positions are wanted; null = all; absent = no positions. */
  positions?: { zones: ReadonlySet<string> | null; key: string }
  lastEventId?: string
  onClose?: () => void
}

export interface PositionLike {
  person: string
  zone: string | null
}

interface Connection<Mask extends string> {
  client: SseClient<Mask>
  raw: ServerResponse
  /** False while it catches up on what it missed. */
  live: boolean
  /** Ordinal of the last event given to the socket. */
  n: number
  /** Since when it has not taken what was written; null = it reads. */
  stuckSince: number | null
}

export interface SseStats {
  clients: number
  seq: number
  ring: number
  published: number
  /** Clients dropped because they did not read. */
  dropped: number
  refused: number
  gaps: number
}

const POSITION_MS = 500
const PAGE = 500
/** A client that takes nothing for so long is gone, however little waits for it. */
const STUCK_MS = 30_000
const MAX_DEVICE_STATES = 5_000
/** Serialised texts are kept for this many newest entries only; older ones are made again when asked for. */
const WARM = 500

export class SseHub<Mask extends string = string> {
  readonly epoch: string
  readonly #o: Required<Omit<SseHubOptions<Mask>, 'history' | 'deviceStates' | 'beat'>> & SseHubOptions<Mask>
  #alerts: Entry[] = []
  #others: Entry[] = []
  #connections = new Set<Connection<Mask>>()
  #pending: Entry[] = []
  #flushing = false
  #seq = 0
  #n: number
  /** Alerts up to here are no longer (or were never) in the ring. */
  #floor = 0
  #otherFloor: number
  #lastWasAlert = true
  #heartbeat: Timer | null = null
  #positionTimer: Timer | null = null
  #positions = new Map<string, PositionLike>()
  #devices = new Map<string, unknown>()
  #deviceTimer: Timer | null = null
  #closed = false
  #stats = { published: 0, dropped: 0, refused: 0, gaps: 0 }

  constructor(options: SseHubOptions<Mask>) {
    this.#o = {
      ring: 20_000,
      otherRing: 5_000,
      clientBytes: 4 * 1024 * 1024,
      maxClients: 200,
      heartbeatMs: 1_000,
      ...options,
    }
    this.epoch = options.epoch
    // Ordinals of an earlier process are smaller, so they are never taken for ours.
    this.#n = options.clock.now()
    this.#otherFloor = this.#n
  }

  /** Learns where the durable sequence stands and starts the heartbeat. */
  async start(): Promise<void> {
    const last = (await this.#o.history?.last()) ?? 0
    this.#seq = Math.max(this.#seq, last)
    const oldest = this.#alerts[0]
    this.#floor = oldest ? oldest.seq - 1 : this.#seq
    this.#beat()
  }

  stats(): SseStats {
    return { clients: this.#connections.size, seq: this.#seq, ring: this.#alerts.length, ...this.#stats }
  }

  /** Where the stream stands now: the id of the last event. */
  position(): string {
    return this.#lastWasAlert ? `${this.epoch}-${this.#seq}` : `${this.epoch}-${this.#seq}.${this.#n}`
  }

  publishAlert(change: unknown, seq: number): void {
    this.#seq = Math.max(this.#seq, seq)
    const entry: Entry = { event: 'alert', n: ++this.#n, seq, data: change, texts: [] }
    this.#alerts.push(entry)
    // Trimmed in blocks, so that a full ring costs nothing per event.
    if (this.#alerts.length > this.#o.ring + 256) {
      const gone = this.#alerts.splice(0, this.#alerts.length - this.#o.ring)
      this.#floor = gone[gone.length - 1]!.seq
    }
    const cold = this.#alerts[this.#alerts.length - 1 - WARM]
    if (cold) cold.texts = []
    this.#lastWasAlert = true
    this.#enqueue(entry)
  }

  /** Device states are coalesced: at most two events per second and device, the newest wins. */
  publishDevice(id: string, state: unknown): void {
    if (this.#closed) return
    this.#devices.set(id, state)
    this.#deviceTimer ??= this.#o.clock.after(POSITION_MS, () => {
      this.#deviceTimer = null
      const states = [...this.#devices.values()]
      this.#devices.clear()
      for (const data of states) this.#publishOther('device', data)
    })
  }

  /** An event that stands between two alerts: indicator at the edge, facility at the province. */
  publish(event: Exclude<StreamEvent, 'alert'>, data: unknown): void {
    this.#publishOther(event, data)
  }

  #publishOther(event: Exclude<StreamEvent, 'alert'>, data: unknown): void {
    const entry: Entry = { event, n: ++this.#n, seq: this.#seq, data, texts: [] }
    this.#others.push(entry)
    if (this.#others.length > this.#o.otherRing + 256) {
      const gone = this.#others.splice(0, this.#others.length - this.#o.otherRing)
      this.#otherFloor = gone[gone.length - 1]!.n
    }
    this.#lastWasAlert = false
    this.#enqueue(entry)
  }

  /** Newest position per person wins; sent at most twice a second, without ids. */
  publishPositions(positions: readonly PositionLike[]): void {
    if (this.#closed) return
    for (const p of positions) this.#positions.set(p.person, p)
    if (this.#positions.size > 0) this.#positionTimer ??= this.#o.clock.after(POSITION_MS, () => this.#flushPositions())
  }

  #flushPositions(): void {
    this.#positionTimer = null
    const positions = [...this.#positions.values()]
    this.#positions.clear()
    const texts = new Map<string, string | null>()
    for (const connection of this.#connections) {
      const wanted = connection.client.positions
      if (!wanted || !connection.live) continue
      let text = texts.get(wanted.key)
      if (text === undefined) {
        const some = wanted.zones ? positions.filter((p) => p.zone !== null && wanted.zones!.has(p.zone)) : positions
        text = some.length ? this.positionText(some) : null
        texts.set(wanted.key, text)
      }
      if (text) this.#write(connection, text)
    }
  }

  positionText(positions: readonly PositionLike[]): string {
    return `event: position\ndata: ${JSON.stringify({ time: this.#o.clock.now(), positions })}\n\n`
  }

  #enqueue(entry: Entry): void {
    this.#stats.published++
    if (this.#connections.size === 0 || this.#closed) return
    this.#pending.push(entry)
    if (this.#flushing) return
    this.#flushing = true
    // One write per client for all that came at once: the end of this turn would be behind everybody else's work.
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    this.#flushing = false
    const entries = this.#pending
    if (entries.length === 0) return
    this.#pending = []
    const chunks = new Map<Mask, Buffer | null>()
    const last = entries[entries.length - 1]!.n
    for (const connection of this.#connections) {
      if (!connection.live) continue
      const { mask } = connection.client
      // Joined in the middle of this batch: what the ring already gave is not sent twice.
      if (connection.n >= entries[0]!.n) {
        const rest = entries.filter((e) => e.n > connection.n)
        connection.n = last
        const text = rest.map((e) => this.#text(e, mask)).join('')
        if (text) this.#write(connection, text)
        continue
      }
      connection.n = last
      let chunk = chunks.get(mask)
      if (chunk === undefined) {
        const text = entries.map((e) => this.#text(e, mask)).join('')
        chunk = text ? Buffer.from(text) : null
        chunks.set(mask, chunk)
      }
      if (chunk) this.#write(connection, chunk)
    }
  }

  #text(entry: Entry, mask: Mask): string {
    const index = this.#o.masks.indexOf(mask)
    let text = entry.texts[index]
    if (text === undefined) {
      text = this.#render(entry, mask)
      entry.texts[index] = text
    }
    return text ?? ''
  }

  #render(entry: Entry, mask: Mask): string | null {
    const data = this.#o.view(entry.event, entry.data, mask)
    if (data === null || data === undefined) return null
    const id = entry.event === 'alert' ? `${this.epoch}-${entry.seq}` : `${this.epoch}-${entry.seq}.${entry.n}`
    return `event: ${entry.event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`
  }

  #write(connection: Connection<Mask>, chunk: string | Buffer): void {
    const { raw } = connection
    if (raw.destroyed || raw.writableEnded) return
    // What waits from before tells a slow client; one large burst tells nothing.
    if (raw.writableLength > this.#o.clientBytes) this.#dropSlow(connection)
    else raw.write(chunk)
  }

  #dropSlow(connection: Connection<Mask>): void {
    this.#stats.dropped++
    this.#drop(connection)
    connection.raw.destroy()
  }

  #isStuck(connection: Connection<Mask>): boolean {
    if (connection.raw.writableLength === 0) {
      connection.stuckSince = null
      return false
    }
    connection.stuckSince ??= this.#o.clock.now()
    return this.#o.clock.now() - connection.stuckSince > STUCK_MS
  }

  #heartbeatText(): string {
    const data = { seq: this.#seq, time: this.#o.clock.now(), openAlerts: this.#o.openAlerts(), ...this.#o.beat?.() }
    return `event: heartbeat\nid: ${this.position()}\ndata: ${JSON.stringify(data)}\n\n`
  }

  /** Test aid of the demo: consoles must notice that the heartbeat is missing. */
  pauseHeartbeat(ms: number): void {
    this.#silentUntil = this.#o.clock.now() + ms
  }

  #silentUntil = 0

  #beat(): void {
    if (this.#closed) return
    this.#heartbeat = this.#o.clock.after(this.#o.heartbeatMs, () => this.#beat())
    if (this.#connections.size === 0 || this.#o.clock.now() < this.#silentUntil) return
    // What is still queued goes first: the heartbeat claims that everything up to its number was sent.
    this.#flush()
    const chunk = Buffer.from(this.#heartbeatText())
    for (const connection of this.#connections) {
      if (!connection.client.alive()) {
        connection.raw.end()
        this.#drop(connection)
      } else if (this.#isStuck(connection)) this.#dropSlow(connection)
      else if (connection.live) this.#write(connection, chunk)
    }
  }

  /** False when there is no room; the caller answers 503. */
  hasRoom(): boolean {
    if (this.#connections.size < this.#o.maxClients && !this.#closed) return true
    this.#stats.refused++
    return false
  }

  /** Takes over a response: writes the head, what was missed, then everything that comes. */
  async attach(request: IncomingMessage, raw: ServerResponse, client: SseClient<Mask>): Promise<void> {
    const connection: Connection<Mask> = { client, raw, live: false, n: this.#n, stuckSince: null }
    this.#connections.add(connection)
    const gone = () => this.#drop(connection)
    request.on('close', gone)
    raw.on('close', gone)
    raw.on('error', gone)
    raw.writeHead(200, {
      ...(raw.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      connection: 'keep-alive',
    })
    request.socket.setNoDelay(true)
    raw.write('retry: 1000\n\n')
    if (client.lastEventId) await this.#resume(connection, client.lastEventId)
    else this.#join(connection, this.#n, [])
  }

  /** From here on the client is live: all entries with a larger ordinal reach it. */
  #join(connection: Connection<Mask>, n: number, entries: Entry[]): void {
    if (isGone(connection.raw)) return
    connection.n = n
    connection.live = true
    const text = entries.map((e) => this.#render(e, connection.client.mask) ?? '').join('')
    connection.raw.write(text + this.#heartbeatText())
  }

  async #resume(connection: Connection<Mask>, lastEventId: string): Promise<void> {
    const match = /^(.{1,64})-(\d{1,16})(?:\.(\d{1,16}))?$/.exec(lastEventId)
    const from = match ? Number(match[2]) : 0
    if (!match || match[1] !== this.epoch || from > this.#seq) {
      this.#gap(connection, from, this.#seq)
      return this.#join(connection, this.#n, [])
    }
    let seq = from
    if (seq < this.#floor && this.#o.history) {
      const first = (await this.#o.history.first?.()) ?? 1
      if (first > seq + 1) {
        this.#gap(connection, seq, first - 1)
        seq = first - 1
      }
      seq = await this.#replay(connection, seq)
    }
    // An alert id stands for its place in this process; an ordinal of an earlier process stands for nothing here.
    const n = match[3] !== undefined ? Number(match[3]) : this.#alerts.find((e) => e.seq === from)?.n
    const known = n !== undefined && n >= this.#otherFloor
    if (!known) this.#sendDeviceStates(connection)
    await this.#catchUp(connection, seq, known ? n : this.#n)
  }

  /** From the ring, page by page at the pace of the client; then the client is live. */
  async #catchUp(connection: Connection<Mask>, fromSeq: number, fromN: number): Promise<void> {
    let seq = fromSeq
    let others = fromN
    for (;;) {
      if (isGone(connection.raw)) return
      if (seq < this.#floor) {
        this.#gap(connection, seq, this.#floor)
        seq = this.#floor
      }
      const missed = [
        ...this.#alerts.slice(firstIndex(this.#alerts, (e) => e.seq > seq)),
        ...this.#others.slice(firstIndex(this.#others, (e) => e.n > others)),
      ].sort((a, b) => a.n - b.n)
      if (missed.length <= PAGE) return this.#join(connection, this.#n, missed)
      const page = missed.slice(0, PAGE)
      for (const entry of page) {
        if (entry.event === 'alert') seq = entry.seq
        else others = entry.n
      }
      const text = page.map((e) => this.#render(e, connection.client.mask) ?? '').join('')
      if (!connection.raw.write(text)) await drained(connection.raw)
    }
  }

  /** Old alert changes from the durable log, page by page at the pace of the client. */
  async #replay(connection: Connection<Mask>, from: number): Promise<number> {
    let seq = from
    while (seq < this.#floor && !isGone(connection.raw)) {
      // Up to here everything exists; the ring takes over above.
      const until = this.#floor
      const page = await this.#o.history!.after(seq, PAGE)
      if (page.length === 0) return Math.max(seq, until)
      const entries = page
        .filter((p) => p.seq <= until)
        .map((p): Entry => ({ event: 'alert', n: 0, seq: p.seq, data: p.change, texts: [] }))
      seq = Math.min(page[page.length - 1]!.seq, until)
      const text = entries.map((e) => this.#render(e, connection.client.mask) ?? '').join('')
      if (text && !connection.raw.write(text)) await drained(connection.raw)
    }
    return seq
  }

  #gap(connection: Connection<Mask>, from: number, to: number): void {
    this.#stats.gaps++
    connection.raw.write(`event: gap\ndata: ${JSON.stringify({ from, to })}\n\n`)
  }

  #sendDeviceStates(connection: Connection<Mask>): void {
    const states = this.#o.deviceStates?.() ?? []
    const text = states
      .slice(0, MAX_DEVICE_STATES)
      .map((s) => this.#o.view('device', s, connection.client.mask))
      .filter((s) => s !== null && s !== undefined)
      .map((s) => `event: device\ndata: ${JSON.stringify(s)}\n\n`)
      .join('')
    if (text) connection.raw.write(text)
  }

  #drop(connection: Connection<Mask>): void {
    if (this.#connections.delete(connection)) connection.client.onClose?.()
  }

  /** Ends every stream at once. */
  close(): void {
    this.#closed = true
    this.#heartbeat?.cancel()
    this.#positionTimer?.cancel()
    this.#deviceTimer?.cancel()
    for (const connection of [...this.#connections]) {
      connection.raw.end()
      this.#drop(connection)
      // A client that does not read would hold the socket open.
      connection.raw.socket?.destroySoon()
    }
  }
}

/** Index of the first entry for which `above` holds; entries are in rising order. */
function firstIndex(entries: Entry[], above: (entry: Entry) => boolean): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (above(entries[middle]!)) high = middle
    else low = middle + 1
  }
  return low
}

const isGone = (raw: ServerResponse): boolean => raw.destroyed || raw.writableEnded

function drained(raw: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      raw.off('drain', done)
      raw.off('close', done)
      resolve()
    }
    raw.on('drain', done)
    raw.on('close', done)
  })
}
