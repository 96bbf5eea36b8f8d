/**
 * The spine: one durable, ordered log. Everything waiting goes into one transaction (group commit); an append resolves
 * after the disk has it. Bounded: at `maxPending` rows append() waits, which slows each source down in its own way.
 *
 * Disk full: the reserved ballast is released, L2 samples are shed (answered with sequence number -1, counted, said),
 * the oldest stored readings make room, L2 first, everything else waits; alerts and acts go first and are never shed.
 */
import type { Clock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import {
  type Journal,
  type JournalBody,
  type JournalRecord,
  type JournalStats,
  type Lane,
  SIDE_MARK,
} from '#model/ports/journal.ts'
import type { Reading } from '#model/reading.ts'
import { openStoreInline, openStoreThread, type StoreLink } from '../thread/store-thread.ts'
import { isCorrupt } from '../thread/whole.ts'
import { Cursor, type CursorSource } from './cursor.ts'
import { CLASS, classOf, decodeBody, encodeBody, isSample, isSheddable, KIND, tagOf } from './record-codec.ts'
import { type Keep, Retention, type RetentionOptions } from './retention.ts'
import type { CommitAnswer, CommitRequest, OpenAnswer, RowBlock } from './storage.ts'
import * as storage from './storage.ts'
import { Tail } from './tail.ts'

export type JournalEvent =
  | { event: 'journal-corrupt'; file: string; saved: number; lost: [number, number] | null }
  | { event: 'disk-full'; detail: string }
  | { event: 'disk-recovered'; shed: number }
  | { event: 'journal-unreserved'; bytes: number }
  | { event: 'journal-removed'; class: string; removed: number; unread: number; reason: 'age' | 'size' }
  | { event: 'journal-unreadable'; seq: number }
  | { event: 'journal-failed'; detail: string }

export interface JournalOptions extends RetentionOptions {
  dir: string
  clock: Clock
  /** Rows that may wait for the disk before append() waits too. Alerts and acts never wait for room. */
  maxPending?: number
  /** Rows of one group commit: an alert waits for at most one that began before it. */
  maxCommitRows?: number
  /** How long samples may be gathered under load before the disk is asked for them, ms. */
  gatherMs?: number
  tailRecords?: number
  tailBytes?: number
  duplicateIds?: number
  duplicateMs?: number
  /** Space kept aside so that alerts can be written on a full disk. */
  ballastBytes?: number
  readOnly?: boolean
  /** false: on the calling thread (simulation). */
  thread?: boolean
  onEvent?(event: JournalEvent): void
  /** Test aid: stands between journal and storage. */
  intercept?(link: StoreLink): StoreLink
}

/** What the composition root may ask beyond the port. */
export interface EdgeJournal extends Journal {
  /** Readings by id as far as duplicates are remembered (evidence of an alert). */
  findReadings(ids: string[]): Promise<Reading[]>
  /** Newest records of a rare kind, newest first. */
  newest(kind: 'context' | 'act' | 'alert' | 'quarantine', limit: number, beforeSeq?: number): Promise<JournalRecord[]>
  /** Records of a lane after a position, without moving any cursor. */
  readBack(after: number, limit: number, lane: Lane): Promise<JournalRecord[]>
  /** Removes what is older than its class allows; also runs by itself every minute. */
  expire(): Promise<Record<Keep, number>>
  /** A reader without a cursor: what comes after `seq` is held back from retention for it, also after a restart. */
  hold(name: string, seq: number): void
  /** Another store on this disk found it full: the reserve is given up for it and samples are shed until there is room. */
  relieve(detail: string): Promise<void>
  lag(): Record<string, number>
  /** When the oldest reading came in that the disk does not have yet; null: none waits. */
  waitingSince(): number | null
  readonly full: boolean
  /** Nothing can be appended any more, for a reason that does not pass: a new process must open the file again. */
  readonly failed: boolean
}

interface Pending {
  rows: string[]
  tags: number[]
  at: number
  bodies: JournalBody[]
  /** Not samples alone: the disk is asked at once. */
  prompt: boolean
  resolve(seqs: number[]): void
  reject(error: unknown): void
}

const SHED = -1
const IDLE_FLUSH_MS = 1000
const FULL_RETRY_MS = 500
const BALLAST_BYTES = 32 << 20
const RESERVE_RETRY_MS = 60_000
/**
 * A disk that is quick would be asked for every few samples, and each time costs as much as twenty of them. So under load
 * samples are gathered for this long since the last commit began; events, states, alerts and acts never wait for it.
 */
const GATHER_MS = 2
/** Under load: so many rows came while the disk worked. */
const GATHER_FROM_ROWS = 4
/** Enough to go at once. */
const GATHERED_ROWS = 32
/** Steps of promises between a commit and an alert that the rules made of it, with room to spare. */
const TURNS = 40
/** Numbers of damaged records that are told once each. */
const MAX_UNREADABLE = 10_000

export async function openJournal(options: JournalOptions): Promise<EdgeJournal> {
  const storageOptions: storage.StorageOptions = {
    dir: options.dir,
    readOnly: options.readOnly === true,
    now: options.clock.now(),
    duplicateIds: options.duplicateIds ?? 2_000_000,
    duplicateMs: options.duplicateMs ?? 86_400_000,
    ballastBytes: options.ballastBytes ?? BALLAST_BYTES,
  }
  let link: StoreLink =
    options.thread === false
      ? openStoreInline(storage as never, storageOptions)
      : await openStoreThread(new URL('./storage.ts', import.meta.url), storageOptions)
  if (options.intercept) link = options.intercept(link)
  const opened = await link.call<OpenAnswer>('opened')
  if (opened.isolated) options.onEvent?.({ event: 'journal-corrupt', ...opened.isolated })
  return new SqliteJournal(options, link, opened)
}

class SqliteJournal implements EdgeJournal, CursorSource {
  readonly clock: Clock
  readonly tail: Tail
  readonly #options: JournalOptions
  readonly #link: StoreLink
  readonly #retention: Retention
  readonly #maxPending: number
  readonly #maxCommitRows: number
  readonly #listeners = new Set<(records: JournalRecord[]) => void>()
  readonly #cursors = new Map<string, Cursor>()
  readonly #positions = new Map<string, [string, Lane, number]>()
  readonly #moved = new Set<string>()
  readonly #unreadable = new Set<number>()
  /** Alert changes and acts overtake readings that still wait for the disk. */
  #urgent: Pending[] = []
  #ordinary: Pending[] = []
  #pendingRows = 0
  #room: { since: number; go(): void }[] = []
  /** Arrival of the oldest row on its way to the disk. */
  #underWaySince: number | null = null
  /** Readings that are on disk and whose sources have not been told yet. */
  readonly #kept: [item: Pending, seqs: number[]][] = []
  #committing: Promise<void> | null = null
  #closing = false
  #failed: unknown = null
  #full = false
  #idleFlush = false
  #lastBegan = 0
  #lastRows = 0
  /** Ends the gathering under way. */
  #hurry: (() => void) | null = null
  #stats: JournalStats

  constructor(options: JournalOptions, link: StoreLink, opened: OpenAnswer) {
    this.#options = options
    this.#link = {
      ...link,
      call: async <T>(method: string, ...args: unknown[]): Promise<T> => {
        try {
          return await link.call<T>(method, ...args)
        } catch (error) {
          // Found while it runs: the next process saves what can be read, and names what cannot.
          if (isCorrupt(error) && !options.readOnly && !this.#closing && !this.#failed) this.#fail(error, [])
          throw error
        }
      },
    }
    this.clock = options.clock
    this.tail = new Tail(options.tailRecords ?? 20_000, options.tailBytes ?? 16 << 20)
    this.#maxPending = options.maxPending ?? 50_000
    this.#maxCommitRows = options.maxCommitRows ?? 1000
    this.#stats = {
      lastSeq: opened.lastSeq,
      firstSeq: opened.firstSeq,
      bytes: opened.bytes,
      pending: 0,
      commits: 0,
      duplicates: 0,
      shed: 0,
    }
    for (const [name, lane, position] of opened.cursors) this.#positions.set(`${name}/${lane}`, [name, lane, position])
    this.#retention = new Retention(options, this.#link, () => this.#essentialPosition())
    if (options.readOnly) return
    this.#scheduleExpiry()
    if (!opened.reserved) this.#seekReserve()
  }

  get full(): boolean {
    return this.#full
  }

  get failed(): boolean {
    return this.#failed !== null
  }

  async append(bodies: JournalBody[]): Promise<number[]> {
    if (this.#options.readOnly) throw new WardwatchError('data-unwritable', 'This journal was opened for reading only.')
    if (bodies.length === 0) return []
    const at = this.clock.now()
    const rows: string[] = []
    const tags: number[] = []
    let urgent = false
    let prompt = false
    for (const body of bodies) {
      rows.push(encodeBody(body))
      tags.push(tagOf(body))
      if (body.kind === 'alert' || body.kind === 'act') urgent = true
      if (!isSample(body)) prompt = true
    }
    while (!urgent && this.#pendingRows >= this.#maxPending && !this.#closing)
      await new Promise<void>((go) => this.#room.push({ since: at, go }))
    if (this.#failed) throw this.#failed
    if (this.#closing) throw new WardwatchError('internal', 'The journal is closed.')
    return new Promise((resolve, reject) => {
      const item: Pending = { rows, tags, at, bodies, prompt, resolve, reject }
      ;(urgent ? this.#urgent : this.#ordinary).push(item)
      this.#pendingRows += rows.length
      this.#startCommit()
      if (prompt || this.#pendingRows >= GATHERED_ROWS) this.#hurry?.()
    })
  }

  onCommit(listener: (records: JournalRecord[]) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async cursor(name: string, lane: Lane, from?: number): Promise<Cursor> {
    const key = `${name}/${lane}`
    this.#cursors.get(key)?.close()
    const position = this.#positions.get(key)?.[2] ?? from ?? 0
    const before = this.#stats.lastSeq
    let behind = await this.#link.call<number>('countAfter', position, lane)
    // What was committed while the file was counted is counted by the file already or handed out later.
    if (this.#stats.lastSeq !== before) behind = await this.#link.call<number>('countAfter', position, lane)
    const cursor = new Cursor(this, name, lane, position, behind)
    this.#cursors.set(key, cursor)
    if (!this.#positions.has(key)) {
      this.#positions.set(key, [name, lane, position])
      this.moved(cursor)
    }
    return cursor
  }

  positions(): [name: string, lane: Lane, position: number][] {
    return [...this.#positions.values()]
  }

  count(after: number, lane: Lane): Promise<number> {
    return this.#link.call('countAfter', after, lane)
  }

  async read(fromSeq: number, limit: number): Promise<JournalRecord[]> {
    return this.readBack(fromSeq - 1, limit, 'all')
  }

  async readBack(after: number, limit: number, lane: Lane): Promise<JournalRecord[]> {
    return this.#unpack(await this.#link.call<RowBlock>('read', after, limit, lane))
  }

  async newest(
    kind: 'context' | 'act' | 'alert' | 'quarantine',
    limit: number,
    beforeSeq = Number.MAX_SAFE_INTEGER,
  ): Promise<JournalRecord[]> {
    return this.#unpack(await this.#link.call<RowBlock>('newest', KIND[kind], limit, beforeSeq))
  }

  async findReadings(ids: string[]): Promise<Reading[]> {
    const records = this.#unpack(await this.#link.call<RowBlock>('find', ids))
    return records.flatMap((record) => (record.body.kind === 'reading' ? [record.body.reading] : []))
  }

  seqAt(timeMs: number): Promise<number> {
    return this.#link.call('seqAt', timeMs)
  }

  stats(): JournalStats {
    return { ...this.#stats, pending: this.#pendingRows }
  }

  lag(): Record<string, number> {
    const consumers = [...this.#cursors].filter(([key]) => !key.includes(SIDE_MARK))
    return Object.fromEntries(consumers.map(([key, cursor]) => [key, cursor.lag()]))
  }

  waitingSince(): number | null {
    let since = this.#underWaySince ?? Number.POSITIVE_INFINITY
    for (const waiting of [this.#ordinary[0]?.at, this.#room[0]?.since])
      if (waiting !== undefined && waiting < since) since = waiting
    return since === Number.POSITIVE_INFINITY ? null : since
  }

  lastSeq(): number {
    return this.#stats.lastSeq
  }

  moved(cursor: Cursor): void {
    this.#moveTo(cursor.name, cursor.lane, cursor.position())
  }

  hold(name: string, seq: number): void {
    if (seq !== this.#positions.get(`${name}/all`)?.[2]) this.#moveTo(name, 'all', seq)
  }

  #moveTo(name: string, lane: Lane, position: number): void {
    const key = `${name}/${lane}`
    this.#positions.set(key, [name, lane, position])
    this.#moved.add(key)
    if (this.#idleFlush || this.#options.readOnly || this.#closing) return
    this.#idleFlush = true
    this.clock.after(IDLE_FLUSH_MS, () => {
      this.#idleFlush = false
      if (this.#moved.size > 0) this.#startCommit()
    })
  }

  closed(cursor: Cursor): void {
    const key = `${cursor.name}/${cursor.lane}`
    if (this.#cursors.get(key) === cursor) this.#cursors.delete(key)
  }

  async forget(name: string): Promise<void> {
    const gone = new Set([name])
    for (const [key, [owner]] of this.#positions)
      if (owner === name || owner.startsWith(name + SIDE_MARK)) {
        this.#cursors.get(key)?.close()
        this.#positions.delete(key)
        this.#moved.delete(key)
        gone.add(owner)
      }
    for (const owner of gone) await this.#link.call('forget', owner)
  }

  async expire(): Promise<Record<Keep, number>> {
    const removed = await this.#retention.run(this.#stats.lastSeq)
    const size = await this.#link.call<{ bytes: number; firstSeq: number }>('size')
    this.#stats.bytes = size.bytes
    this.#stats.firstSeq = size.firstSeq
    return removed
  }

  async close(): Promise<void> {
    if (this.#closing) return
    for (const cursor of [...this.#cursors.values()]) cursor.close()
    this.#closing = true
    this.#hurry?.()
    for (const { go } of this.#room.splice(0)) go()
    while (this.#committing) await this.#committing
    if (this.#moved.size > 0 && !this.#options.readOnly && !this.#failed)
      await this.#link.call('commit', this.#request([])).catch(() => undefined)
    await this.#link.close()
  }

  #startCommit(): void {
    if (this.#committing) return
    this.#committing = this.#commitAll().finally(() => {
      this.#committing = null
      if (this.#hasWork() && !this.#failed) this.#startCommit()
    })
  }

  #hasWork(): boolean {
    return this.#urgent.length > 0 || this.#ordinary.length > 0 || (this.#moved.size > 0 && !this.#idleFlush)
  }

  async #commitAll(): Promise<void> {
    do {
      // Whatever is appended in this turn of the loop still joins the group, and so does what came of the commit before:
      // an alert must not wait for a whole commit of other readings.
      for (let i = 0; i < TURNS; i++) await null
      await this.#gather()
      const batch = this.#takeBatch()
      this.#underWaySince = batch.reduce<number | null>((least, { at }) => Math.min(least ?? at, at), null)
      try {
        await this.#commitBatch(batch)
      } catch (error) {
        if (!isDiskFull(error)) {
          this.#fail(error, batch)
          return
        }
        await this.#onDiskFull(error as Error, batch)
      } finally {
        this.#underWaySince = null
      }
    } while (this.#urgent.length > 0 || this.#ordinary.length > 0)
    this.#settle()
  }

  /** By the real clock, and only where a thread waits for a real disk: a simulation must not depend on how fast it runs. */
  async #gather(): Promise<void> {
    const patienceMs = this.#lastBegan + (this.#options.gatherMs ?? GATHER_MS) - performance.now()
    const mayWait =
      this.#options.thread !== false &&
      !this.#closing &&
      patienceMs > 0 &&
      this.#lastRows >= GATHER_FROM_ROWS &&
      this.#pendingRows < GATHERED_ROWS &&
      this.#urgent.length === 0 &&
      !this.#ordinary.some((item) => item.prompt)
    if (mayWait) {
      this.#settle()
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patienceMs)
        this.#hurry = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#hurry = null
    }
    this.#lastBegan = performance.now()
  }

  #takeBatch(): Pending[] {
    const batch: Pending[] = []
    let rows = 0
    for (const queue of [this.#urgent, this.#ordinary]) {
      let taken = 0
      while (taken < queue.length && (rows === 0 || rows + queue[taken]!.rows.length <= this.#maxCommitRows))
        rows += queue[taken++]!.rows.length
      batch.push(...queue.splice(0, taken))
    }
    this.#lastRows = rows
    return batch
  }

  #request(batch: Pending[]): CommitRequest {
    const count = batch.reduce((sum, item) => sum + item.rows.length, 0)
    const tags = new Uint8Array(count)
    const ats = new Float64Array(count)
    const texts: string[] = []
    let i = 0
    for (const item of batch) {
      for (const row of item.rows) texts.push(row)
      for (const tag of item.tags) {
        tags[i] = tag
        ats[i++] = item.at
      }
    }
    const cursors = [...this.#moved].flatMap((key) => (this.#positions.has(key) ? [this.#positions.get(key)!] : []))
    this.#moved.clear()
    return { rows: texts.join('\n'), tags, ats, cursors }
  }

  async #commitBatch(batch: Pending[]): Promise<void> {
    const shedItems = this.#full ? batch.map(shedSamples) : null
    const items = shedItems ? shedItems.map((s) => s.kept) : batch
    const moved = [...this.#moved]
    let answer: CommitAnswer
    try {
      const answering = this.#link.call<CommitAnswer>('commit', this.#request(items))
      // While the disk works on this group, the sources of the group before it hear that theirs is kept.
      this.#settle()
      answer = await answering
    } catch (error) {
      for (const key of moved) this.#moved.add(key)
      throw error
    }
    this.#stats.commits++
    this.#stats.lastSeq = answer.lastSeq
    const records: JournalRecord[] = []
    const given: number[][] = []
    let i = 0
    for (const item of items) {
      const seqs: number[] = []
      for (let k = 0; k < item.rows.length; k++) {
        const seq = answer.seqs[i++]!
        seqs.push(seq)
        if (seq === 0) {
          this.#stats.duplicates++
          continue
        }
        const record = { seq, at: item.at, body: item.bodies[k]! }
        records.push(record)
        this.tail.push(record, item.rows[k]!.length)
      }
      given.push(seqs)
    }
    for (const item of batch) this.#pendingRows -= item.rows.length
    this.#letIn()
    batch.forEach((item, n) => {
      const seqs = given[n]!
      if (!shedItems) {
        if (isUrgent(item)) item.resolve(seqs)
        else this.#kept.push([item, seqs])
        return
      }
      const { kept } = shedItems[n]!
      this.#stats.shed += item.rows.length - kept.rows.length
      const byBody = new Map(kept.bodies.map((body, k) => [body, seqs[k]!]))
      item.resolve(item.bodies.map((body) => byBody.get(body) ?? SHED))
    })
    if (records.length === 0) return
    for (const cursor of this.#cursors.values()) cursor.appended(records)
    for (const listener of this.#listeners) listener(records)
  }

  /**
   * Tells sources that their readings are kept. It comes after the listeners and after the next group is on its way: what
   * the rules made of a reading must not wait until hundreds of acknowledgements are written.
   */
  #settle(): void {
    for (const [item, seqs] of this.#kept.splice(0)) item.resolve(seqs)
  }

  #letIn(): void {
    if (this.#pendingRows < this.#maxPending) for (const { go } of this.#room.splice(0)) go()
  }

  async #onDiskFull(error: Error, batch: Pending[]): Promise<void> {
    await this.relieve(error.message)
    await this.#retention.makeRoom(this.#stats.lastSeq).catch(() => null)
    try {
      await this.#commitBatch(batch)
    } catch (again) {
      if (!isDiskFull(again)) return this.#fail(again, batch)
      // Even that was not enough: alerts and acts alone, then everything waits and is tried again.
      const urgent = batch.filter(isUrgent)
      const rest = batch.filter((item) => !isUrgent(item))
      this.#ordinary.unshift(...rest)
      if (urgent.length > 0)
        await this.#commitBatch(urgent).catch((third) => {
          if (isDiskFull(third)) this.#urgent.unshift(...urgent)
          else this.#fail(third, urgent)
        })
      if (this.#closing) this.#fail(again, [])
      else await new Promise<void>((resolve) => this.clock.after(FULL_RETRY_MS, resolve))
    }
  }

  async relieve(detail: string): Promise<void> {
    if (this.#options.readOnly) return
    this.#becomeFull(detail)
    await this.#link.call('releaseBallast')
  }

  #becomeFull(detail: string): void {
    if (this.#full) return
    this.#full = true
    this.#options.onEvent?.({ event: 'disk-full', detail })
    this.#watchForRecovery()
  }

  /** Started on a disk without room for the reserve: alerts have none until there is. */
  #seekReserve(): void {
    this.#options.onEvent?.({ event: 'journal-unreserved', bytes: this.#options.ballastBytes ?? BALLAST_BYTES })
    const again = (): void => {
      this.clock.after(RESERVE_RETRY_MS, async () => {
        // A disk that became full meanwhile gets its reserve back with its recovery.
        if (this.#closing || this.#full) return
        if (!(await this.#link.call<boolean>('restoreBallast').catch(() => false))) again()
        else this.#options.onEvent?.({ event: 'disk-recovered', shed: this.#stats.shed })
      })
    }
    again()
  }

  #watchForRecovery(): void {
    this.clock.after(FULL_RETRY_MS * 2, async () => {
      if (this.#closing || !this.#full) return
      const room = await this.#link.call<boolean>('restoreBallast').catch(() => false)
      if (!room) return this.#watchForRecovery()
      this.#full = false
      this.#options.onEvent?.({ event: 'disk-recovered', shed: this.#stats.shed })
    })
  }

  /** A fault that nothing here can mend: everybody who waits is told, nothing is acknowledged any more. */
  #fail(error: unknown, batch: Pending[]): void {
    this.#failed = error
    this.#settle()
    this.#options.onEvent?.({ event: 'journal-failed', detail: (error as Error).message })
    for (const item of [...batch, ...this.#urgent.splice(0), ...this.#ordinary.splice(0)]) item.reject(error)
    this.#pendingRows = 0
    for (const { go } of this.#room.splice(0)) go()
  }

  /** A record whose text was damaged keeps its place, as something that cannot be read; the others are not held up. */
  #unpack(block: RowBlock): JournalRecord[] {
    if (block.seqs.length === 0) return []
    return block.rows.split('\n').map((row, i) => {
      const [seq, at] = [block.seqs[i]!, block.ats[i]!]
      try {
        return { seq, at, body: decodeBody(block.tags[i]!, row) }
      } catch {
        if (!this.#unreadable.has(seq)) this.#options.onEvent?.({ event: 'journal-unreadable', seq })
        if (this.#unreadable.size < MAX_UNREADABLE) this.#unreadable.add(seq)
        const detail = `Record ${seq} of the journal was damaged on the disk; the ledger has it if it was about an alert.`
        return {
          seq,
          at,
          body: {
            kind: 'quarantine',
            item: {
              source: `journal:${seq}`,
              device: null,
              received: at,
              cause: 'journal-corrupt',
              detail,
              payload: row,
            },
          },
        }
      }
    })
  }

  /** Readings up to here have been taken by every consumer that must see them. */
  #essentialPosition(): number {
    let position = this.#stats.lastSeq
    for (const [name, lane, at] of this.#positions.values())
      if (lane !== 'alert' && (this.#options.essential?.(name) ?? true)) position = Math.min(position, at)
    return position
  }

  #scheduleExpiry(): void {
    this.clock.after(60_000, () => {
      if (this.#closing) return
      this.expire()
        .catch((error) => this.#options.onEvent?.({ event: 'journal-failed', detail: (error as Error).message }))
        .finally(() => this.#scheduleExpiry())
    })
  }
}

const isDiskFull = (error: unknown): boolean => error instanceof WardwatchError && error.code === 'disk-full'
const isUrgent = (item: Pending): boolean => item.tags.some((tag) => classOf(tag) === CLASS.A)

function shedSamples(item: Pending): { kept: Pending } {
  if (!item.tags.some(isSheddable)) return { kept: item }
  const keep = item.tags.map((tag) => !isSheddable(tag))
  return {
    kept: {
      ...item,
      rows: item.rows.filter((_, i) => keep[i]),
      tags: item.tags.filter((_, i) => keep[i]),
      bodies: item.bodies.filter((_, i) => keep[i]),
    },
  }
}
