/**
 * Data quality of one facility, followed from the journal: streams, tickets, quarantine. A view: it may be deleted and is
 * built again from what the journal still has. Must never hold up the journal, and never guess where it does not know.
 */
import { READING_TYPES } from '#model/catalogue/types.ts'
import type { Timer } from '#model/clock.ts'
import { durationMs } from '#model/local-time.ts'
import type { JournalRecord } from '#model/ports/journal.ts'
import type {
  QualityDesk,
  QualityTicket,
  QualityTotals,
  QuarantineFilter,
  QuarantineItem,
  ReplayOutcome,
  StreamQuality,
  TicketKind,
  Window,
} from '#model/ports/quality.ts'
import type { Reading } from '#model/reading.ts'
import { openStoreInline, openStoreThread, type StoreLink } from '../thread/store-thread.ts'
import type { Damage } from '../thread/whole.ts'
import { InTime } from './in-time.ts'
import { inspect, type WatchedDevice } from './inspect.ts'
import type { QualityOptions } from './quality-options.ts'
import type { FactRow, Loaded, MarkRow, SaveRequest } from './quality-storage.ts'
import * as storage from './quality-storage.ts'
import { Quarantine, streamOfItem } from './quarantine.ts'
import { BUCKET_MS, type StreamEntry, StreamTable } from './stream-table.ts'
import { Tickets } from './tickets.ts'
import { type QualityView, streamsOf, totalsOf } from './view.ts'

export type { Follower, QualityOptions } from './quality-options.ts'

const SAVE_MS = 60_000
/** Every so many saves the times of the last readings are written too. */
const FULL_SAVE = 5
const LOOK_MS = 15_000
const CATCH_UP_MS = 3 * 86_400_000
const PAGE = 2000
/** Values of types that must vary; the rest of a value says how sure the device is. */
const NOT_MEASURED: ReadonlySet<string> = new Set(['confidence', 'nominal_kv', 'posture'])

export async function openQuality(options: QualityOptions): Promise<Quality> {
  const now = options.clock.now()
  const file: storage.QualityStorageOptions = { dir: options.dir, now, countedFrom: now - CATCH_UP_MS }
  const link =
    options.thread === false
      ? openStoreInline(storage as never, file)
      : await openStoreThread(new URL('./quality-storage.ts', import.meta.url), file, { behind: true })
  const damage = await link.call<Damage | null>('damage')
  if (damage) options.onDamage?.(damage)
  const quality = new Quality(options, link)
  await quality.start(await link.call<Loaded>('load'))
  return quality
}

export class Quality implements QualityDesk {
  readonly #options: QualityOptions
  readonly #link: StoreLink
  readonly #table: StreamTable
  readonly #tickets = new Tickets()
  readonly #quarantine: Quarantine
  readonly #timers = new Set<Timer>()
  readonly #offsets = new Map<string, number>()
  readonly #byDevice = new Map<string, StreamEntry[]>()
  /** Time per bucket in which nothing could be expected, ms: by stream place. */
  readonly #excused = new Map<number, Map<number, number>>()
  readonly #watchedSince = new Map<string, number>()
  readonly #inTime: InTime
  #newItems: SaveRequest['quarantined'] = []
  #goneStreams: number[] = []
  #goneBuckets: number[] = []
  #position = 0
  /** The edge was not there from … to …: kept for an hour. */
  #away: [number, number][] = []
  #lastLook = 0
  #startedAt = 0
  #saving: Promise<void> = Promise.resolve()
  #stop: (() => void) | null = null
  #catchingUp: Promise<void> = Promise.resolve()
  #isBehind = true
  #saves = 0
  #open = true

  constructor(options: QualityOptions, link: StoreLink) {
    this.#options = options
    this.#link = link
    this.#table = new StreamTable({ maxStreams: options.maxStreams })
    this.#inTime = new InTime(() => options.devices())
    this.#quarantine = new Quarantine({
      journal: options.journal,
      link,
      clock: options.clock,
      replay: options.replay,
      settle: () => this.settle(),
    })
  }

  async start(loaded: Loaded): Promise<void> {
    const { clock, journal } = this.#options
    const now = clock.now()
    this.#startedAt = now
    this.#lastLook = now
    this.#table.restore({
      buckets: loaded.buckets,
      streams: loaded.streams.map((body) => JSON.parse(body) as StreamEntry),
    })
    for (const stream of this.#table.list()) this.#index(stream)
    this.#tickets.restore(loaded.tickets.map((body) => JSON.parse(body) as QualityTicket))
    this.#quarantine.waiting = loaded.waiting
    for (const [place, ...buckets] of JSON.parse(loaded.meta.excused ?? '[]') as [number, ...[number, number][]][])
      this.#excused.set(place, new Map(buckets))
    for (const follower of this.#options.followers ?? []) follower.restore?.(loaded.meta)
    const left = Number(loaded.meta.lookedAt ?? 0)
    if (left > 0 && now - left > 2 * LOOK_MS) this.#away.push([left, now])
    this.#position = Math.max(loaded.position, (await journal.seqAt(now - CATCH_UP_MS)) - 1)
    this.#stop = journal.onCommit((records) => {
      if (this.#isBehind) return
      for (const record of records) this.#take(record)
    })
    this.#catchingUp = this.#catchUp()
    this.#every(LOOK_MS, () => this.look())
    this.#every(SAVE_MS, () => this.save())
  }

  /** Takes what stands in the journal since the last save; the commits that come meanwhile are read from it too. */
  async #catchUp(): Promise<void> {
    const { journal } = this.#options
    try {
      while (this.#open) {
        if (this.#position >= journal.stats().lastSeq) {
          this.#isBehind = false
          return
        }
        const records = await journal.read(this.#position + 1, PAGE)
        if (records.length === 0) {
          // Nothing left of what is between here and there.
          this.#position = journal.stats().lastSeq
          continue
        }
        for (const record of records) this.#take(record)
      }
    } catch (error) {
      this.#isBehind = false
      this.#options.onFault?.(`data quality could not read the journal: ${(error as Error).message}`)
    }
  }

  #take(record: JournalRecord): void {
    if (record.seq <= this.#position) return
    this.#position = record.seq
    const { body } = record
    if (body.kind === 'reading') this.#reading(body.reading)
    else if (body.kind === 'quarantine') {
      const { device, received, cause } = body.item
      this.#newItems.push({ seq: record.seq, received, device, cause })
      this.#quarantine.waiting++
      const stream = device === null ? null : this.#stream(device, streamOfItem(body.item) ?? '*', received)
      if (stream) this.#table.add(stream, 'refused', received, record.at)
    }
    for (const follower of this.#options.followers ?? []) follower.apply(record)
  }

  #reading(reading: Reading): void {
    const { device, type } = reading
    if (type === 'device.clock') this.#offsets.set(device, Number(reading.value.offset_ms) || 0)
    const at = Math.min(reading.time - (this.#offsets.get(device) ?? 0), reading.received + 1000)
    const stream = this.#stream(device, type, at)
    if (!stream) return
    const kind = READING_TYPES.get(type)
    const first = stream.lastTime === null && kind?.signal.kind === 'state'
    // A backlog may begin earlier; one stray time of a wrong clock does not make hours of samples expected.
    if (at < stream.armedAt && stream.armedAt - at <= BUCKET_MS) stream.armedAt = at
    stream.lastTime = Math.max(stream.lastTime ?? 0, at)
    stream.dirty = true
    this.#table.add(stream, 'received', at, reading.received)
    if (reading.quality === 'bad') this.#table.add(stream, 'bad', at, reading.received)
    // What was repaired came in the end, but not in time.
    const late =
      reading.received - at > this.#inTime.limitMs(device, type, reading.received) || reading.replayOf !== undefined
    // The first word about a state tells how it has been since long ago: that is not a delay.
    if (late && !first) this.#table.add(stream, 'late', at, reading.received)
    if (kind?.mustVary && reading.quality !== 'bad') {
      const said = valueText(reading)
      if (said !== stream.said) {
        stream.said = said
        stream.saidSince = at
      }
    } else if (type === 'band.worn' && reading.value.worn === false) {
      // A band in a drawer measures nothing.
      for (const other of this.#byDevice.get(device) ?? []) other.said = null
    }
  }

  #stream(device: string, type: string, at: number): StreamEntry | null {
    const known = this.#table.find(device, type)
    if (known) return known
    const stream = this.#table.stream(device, type, at)
    if (stream) this.#index(stream)
    return stream
  }

  #index(stream: StreamEntry): void {
    const list = this.#byDevice.get(stream.device)
    if (list) list.push(stream)
    else this.#byDevice.set(stream.device, [stream])
  }

  #periodOf(stream: StreamEntry): number | null {
    const signal = READING_TYPES.get(stream.type)?.signal
    if (signal?.kind !== 'sample') return null
    const own = this.#options.period?.(stream.device, stream.type)
    return (own === undefined ? null : durationMs(own)) ?? signal.periodMs ?? null
  }

  #excusedMs = (stream: StreamEntry, bucket: number): number => this.#excused.get(stream.index)?.get(bucket) ?? 0

  #wasAway = (from: number, to: number): boolean => this.#away.some(([a, b]) => a < to && b > from)

  /** Looks at everything and opens and closes tickets. */
  look(): void {
    const { clock } = this.#options
    const now = clock.now()
    const devices = this.#options.devices()
    const known = new Set(devices.map((d) => d.id))
    for (const d of devices) if (!this.#watchedSince.has(d.id)) this.#watchedSince.set(d.id, now)
    for (const id of this.#watchedSince.keys()) if (!known.has(id)) this.#watchedSince.delete(id)
    const gone = this.#table.remove((stream) => !known.has(stream.device) && !this.#isRecent(stream, now))
    for (const stream of gone) {
      this.#goneStreams.push(stream.index)
      this.#excused.delete(stream.index)
      this.#byDevice.delete(stream.device)
    }
    this.#excuse(devices, now)
    this.#away = this.#away.filter(([, to]) => now - to < 3_600_000)
    this.#goneBuckets.push(...this.#table.expire(now))
    const oldest = Math.floor(now / BUCKET_MS) - 432
    for (const buckets of this.#excused.values())
      for (const bucket of buckets.keys()) if (bucket < oldest) buckets.delete(bucket)
    this.#lastLook = now
    if (this.#isBehind) return
    const { opened, closed } = this.#tickets.judge(
      inspect({
        table: this.#table,
        devices,
        streamsOf: (id) => this.#byDevice.get(id) ?? [],
        periodOf: (stream) => this.#periodOf(stream),
        excusedMs: this.#excusedMs,
        wasAway: this.#wasAway,
        watchedSince: (id) => this.#watchedSince.get(id) ?? this.#startedAt,
        now,
      }),
      now,
    )
    for (const ticket of [...opened, ...closed]) this.#options.onTicket?.(ticket)
  }

  /** A stranger's refusals are shown for a day. */
  #isRecent(stream: StreamEntry, now: number): boolean {
    return now - Math.max(stream.lastTime ?? 0, stream.armedAt) < 86_400_000
  }

  #excuse(devices: readonly WatchedDevice[], now: number): void {
    const spent = Math.min(now - this.#lastLook, 2 * LOOK_MS)
    if (spent <= 0) return
    const bucket = Math.floor(now / BUCKET_MS)
    for (const device of devices) {
      if (!device.excused) continue
      for (const stream of this.#byDevice.get(device.id) ?? []) {
        const buckets = this.#excused.get(stream.index) ?? new Map<number, number>()
        buckets.set(bucket, Math.min(BUCKET_MS, (buckets.get(bucket) ?? 0) + spent))
        this.#excused.set(stream.index, buckets)
      }
    }
  }

  /** Everything committed until now has been counted. */
  async settle(): Promise<void> {
    await this.#catchingUp
    await this.save()
  }

  save(): Promise<void> {
    this.#saving = this.#saving
      .then(() => this.#saveNow())
      .catch((error: Error) => {
        this.#options.onFault?.(`data quality could not be saved: ${error.message}`)
      })
    return this.#saving
  }

  async #saveNow(): Promise<void> {
    this.#saves++
    const { buckets, streams } = this.#table.takeDirty(!this.#open || this.#saves % FULL_SAVE === 0)
    const tickets = this.#tickets.takeChanged()
    const quarantined = this.#newItems
    const gone = { goneBuckets: this.#goneBuckets, goneStreams: this.#goneStreams }
    this.#newItems = []
    this.#goneBuckets = []
    this.#goneStreams = []
    const followers = this.#options.followers ?? []
    const taken = followers.map((f) => f.takeFacts())
    const excused = [...this.#excused].map(([place, buckets]) => [place, ...buckets])
    const meta = Object.assign(
      { lookedAt: String(this.#lastLook), excused: JSON.stringify(excused) },
      ...followers.map((f) => f.meta?.() ?? {}),
    )
    try {
      await this.#link.call('save', {
        position: this.#position,
        meta,
        buckets,
        ...gone,
        streams: streams.map((s) => ({ place: s.index, body: JSON.stringify(s) })),
        tickets: tickets.map((t) => ({ id: t.id, open: t.closedAt === null, since: t.since, body: JSON.stringify(t) })),
        quarantined,
        facts: taken.flatMap((t) => t.facts),
        marks: taken.flatMap((t) => t.marks),
      } satisfies SaveRequest)
    } catch (error) {
      this.#table.stillDirty({ buckets, streams })
      this.#tickets.stillChanged(tickets)
      this.#newItems = [...quarantined, ...this.#newItems]
      this.#goneBuckets.push(...gone.goneBuckets)
      this.#goneStreams.push(...gone.goneStreams)
      followers.forEach((f, i) => {
        f.giveBack(taken[i]!)
      })
      throw error
    }
  }

  streams(window: Window, devices?: readonly string[]): StreamQuality[] {
    return streamsOf(this.#view(), window, devices)
  }

  totals(window: Window): QualityTotals {
    return totalsOf(this.#view(), window)
  }

  #view(): QualityView {
    return {
      table: this.#table,
      devices: () => this.#options.devices(),
      periodOf: (stream) => this.#periodOf(stream),
      excusedMs: this.#excusedMs,
      now: this.#options.clock.now(),
    }
  }

  tickets(filter: { open?: boolean; device?: string[]; kind?: TicketKind[] } = {}): QualityTicket[] {
    return this.#tickets
      .list()
      .filter(
        (t) =>
          (filter.open === undefined || filter.open === (t.closedAt === null)) &&
          (!filter.device || filter.device.includes(t.device)) &&
          (!filter.kind || filter.kind.includes(t.kind)),
      )
  }

  quarantine(filter: QuarantineFilter): Promise<QuarantineItem[]> {
    return this.#quarantine.list(filter)
  }

  replay(filter: QuarantineFilter, by: string): Promise<ReplayOutcome> {
    return this.#quarantine.replayWaiting(filter, by)
  }

  drop(filter: QuarantineFilter, by: string, note: string): Promise<{ dropped: number }> {
    return this.#quarantine.drop(filter, by, note)
  }

  counts(): { waiting: number; openTickets: number; streams: number; overflow: number } {
    return {
      waiting: this.#quarantine.waiting,
      openTickets: this.#tickets.openCount,
      streams: this.#table.size,
      overflow: this.#table.overflow + this.#tickets.overflow,
    }
  }

  /** Facts of the followers, as saved. */
  facts(names: string[], fromHour: number, toHour: number): Promise<FactRow[]> {
    return this.#link.call('facts', names, fromHour, toHour)
  }

  marks(names: string[], from: number, to: number, limit = 50_000): Promise<MarkRow[]> {
    return this.#link.call('marks', names, from, to, limit)
  }

  putDaily(rows: { day: string; id: string; body: string }[]): Promise<void> {
    return this.#link.call('putDaily', rows)
  }

  daily(id: string | null, fromDay: string, toDay: string): Promise<{ day: string; id: string; body: string }[]> {
    return this.#link.call('daily', id, fromDay, toDay)
  }

  async expire(before: { quarantine: number; tickets: number; facts: number; day: string }) {
    const removed = await this.#link.call<{ quarantine: number; tickets: number; facts: number; daily: number }>(
      'expire',
      before,
    )
    this.#quarantine.waiting = await this.#link.call<number>('waiting')
    return removed
  }

  #every(ms: number, work: () => unknown): void {
    const timer = this.#options.clock.after(ms, () => {
      this.#timers.delete(timer)
      if (!this.#open) return
      try {
        void work()
      } catch (error) {
        this.#options.onFault?.((error as Error).message)
      }
      this.#every(ms, work)
    })
    this.#timers.add(timer)
  }

  async close(): Promise<void> {
    this.#open = false
    this.#stop?.()
    for (const timer of this.#timers) timer.cancel()
    await this.#catchingUp
    await this.save()
    await this.#link.close()
  }
}

/** Names of what a type measures. */
const MEASURED = new Map(
  [...READING_TYPES.values()].map((entry) => [
    entry.type,
    entry.fields.filter((f) => f.type === 'number' && !NOT_MEASURED.has(f.name)).map((f) => f.name),
  ]),
)

function valueText({ type, value }: Reading): string {
  const names = MEASURED.get(type) ?? []
  let text = ''
  for (let i = 0; i < names.length; i++) text += `${i === 0 ? '' : '|'}${value[names[i]!] ?? ''}`
  return text
}
