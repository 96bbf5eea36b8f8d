/**
 * The spine: one durable, ordered log. Everything waiting goes into one transaction (group commit); an append resolves
 * after the disk has it. Bounded: at `maxPending` rows append() waits, which slows each source down in its own way.
 *
 * Disk full: the reserved ballast is released, L2 samples are shed (answered with sequence number -1, counted, said),
 * the oldest stored readings make room, L2 first, everything else waits; alerts and acts go first and are never shed.
 */
import type { Clock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import type { JournalBody, JournalRecord, JournalStats, Lane } from '#model/ports/journal.ts'
import type { Reading } from '#model/reading.ts'
import { openStoreInline, openStoreThread, type StoreLink } from '../thread/store-thread.ts'
import { isCorrupt } from '../thread/whole.ts'
import type { Cursor, CursorSource } from './cursor.ts'
import { DiskReserve } from './disk-reserve.ts'
import type { EdgeJournal, JournalOptions } from './edge-journal.ts'
import { KeptPositions, type Position } from './kept-positions.ts'
import { KIND } from './record-codec.ts'
import { type Keep, Retention } from './retention.ts'
import type { CommitAnswer, OpenAnswer, RowBlock } from './storage.ts'
import * as storage from './storage.ts'
import { Tail } from './tail.ts'
import { Unpacking } from './unpacking.ts'
import { isPrecious, requestOf, rowsOf, type Waiting, WaitingRows, withoutSamples } from './waiting-rows.ts'

export type { EdgeJournal, JournalEvent, JournalOptions } from './edge-journal.ts'

const SHED = -1
const IDLE_FLUSH_MS = 1000
const FULL_RETRY_MS = 500
const BALLAST_BYTES = 32 << 20
/**
 * A disk that is quick would be asked for every few samples, and each time costs as much as twenty of them. So under load
 * samples are gathered for this long since their last commit began; events, states, alerts and acts never wait for it.
 */
const GATHER_MS = 2
/** Steps of promises between a commit and an alert that the rules made of it, with room to spare. */
const TURNS = 40

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
  readonly #positions: KeptPositions
  readonly #waiting: WaitingRows
  readonly #reserve: DiskReserve
  readonly #unpacking: Unpacking
  readonly #listeners = new Set<(records: JournalRecord[]) => void>()
  /** Arrival of the oldest row on its way to the disk. */
  #underWaySince: number | null = null
  /** Readings that are on disk and whose sources have not been told yet. */
  readonly #kept: [item: Waiting, seqs: number[]][] = []
  #committing: Promise<void> | null = null
  #closing = false
  #failed: unknown = null
  #idleFlush = false
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
    this.#waiting = new WaitingRows({
      maxRows: options.maxPending ?? 50_000,
      maxCommitRows: options.maxCommitRows ?? 1000,
      // By the real clock, and only where a thread waits for a real disk: a simulation must not depend on how fast it runs.
      gatherMs: options.thread === false ? 0 : (options.gatherMs ?? GATHER_MS),
    })
    this.#stats = {
      lastSeq: opened.lastSeq,
      firstSeq: opened.firstSeq,
      bytes: opened.bytes,
      pending: 0,
      commits: 0,
      duplicates: 0,
      shed: 0,
    }
    this.#positions = new KeptPositions(opened.cursors)
    this.#unpacking = new Unpacking((seq) => options.onEvent?.({ event: 'journal-unreadable', seq }))
    this.#reserve = new DiskReserve({
      clock: options.clock,
      link: this.#link,
      bytes: options.ballastBytes ?? BALLAST_BYTES,
      isClosing: () => this.#closing,
      shed: () => this.#stats.shed,
      onEvent: options.onEvent,
    })
    const isEssential = (name: string): boolean => options.essential?.(name) ?? true
    this.#retention = new Retention(options, this.#link, () =>
      this.#positions.essential(this.#stats.lastSeq, isEssential),
    )
    if (options.readOnly) return
    this.#scheduleExpiry()
    if (!opened.reserved) this.#reserve.seek()
  }

  get full(): boolean {
    return this.#reserve.isFull
  }

  get failed(): boolean {
    return this.#failed !== null
  }

  async append(bodies: JournalBody[]): Promise<number[]> {
    if (this.#options.readOnly) throw new WardwatchError('data-unwritable', 'This journal was opened for reading only.')
    if (bodies.length === 0) return []
    const at = this.clock.now()
    const rows = rowsOf(bodies, at)
    while (rows.rank !== 'urgent' && this.#waiting.isFull && !this.#closing) await this.#waiting.room(at)
    if (this.#failed) throw this.#failed
    if (this.#closing) throw new WardwatchError('internal', 'The journal is closed.')
    return new Promise((resolve, reject) => {
      this.#waiting.add({ ...rows, resolve, reject })
      this.#startCommit()
    })
  }

  onCommit(listener: (records: JournalRecord[]) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async cursor(name: string, lane: Lane, from?: number): Promise<Cursor> {
    this.#positions.endOpen(name, lane)
    const position = this.#positions.of(name, lane) ?? from ?? 0
    const before = this.#stats.lastSeq
    let behind = await this.count(position, lane)
    // What was committed while the file was counted is counted by the file already or handed out later.
    if (this.#stats.lastSeq !== before) behind = await this.count(position, lane)
    const [cursor, isNew] = this.#positions.open(this, name, lane, position, behind)
    if (isNew) this.moved(cursor)
    return cursor
  }

  positions(): Position[] {
    return this.#positions.all()
  }

  count(after: number, lane: Lane): Promise<number> {
    return this.#link.call('countAfter', after, lane)
  }

  async read(fromSeq: number, limit: number): Promise<JournalRecord[]> {
    return this.readBack(fromSeq - 1, limit, 'all')
  }

  async readBack(after: number, limit: number, lane: Lane): Promise<JournalRecord[]> {
    return this.#unpacking.records(await this.#link.call<RowBlock>('read', after, limit, lane))
  }

  async newest(
    kind: 'context' | 'act' | 'alert' | 'quarantine',
    limit: number,
    beforeSeq = Number.MAX_SAFE_INTEGER,
  ): Promise<JournalRecord[]> {
    return this.#unpacking.records(await this.#link.call<RowBlock>('newest', KIND[kind], limit, beforeSeq))
  }

  async findReadings(ids: string[]): Promise<Reading[]> {
    const records = this.#unpacking.records(await this.#link.call<RowBlock>('find', ids))
    return records.flatMap((record) => (record.body.kind === 'reading' ? [record.body.reading] : []))
  }

  seqAt(timeMs: number): Promise<number> {
    return this.#link.call('seqAt', timeMs)
  }

  stats(): JournalStats {
    return { ...this.#stats, pending: this.#waiting.rows }
  }

  lag(): Record<string, number> {
    return this.#positions.lag()
  }

  waitingSince(): number | null {
    const { since } = this.#waiting
    if (since === null || this.#underWaySince === null) return since ?? this.#underWaySince
    return Math.min(since, this.#underWaySince)
  }

  lastSeq(): number {
    return this.#stats.lastSeq
  }

  moved(cursor: Cursor): void {
    this.#moveTo(cursor.name, cursor.lane, cursor.position())
  }

  hold(name: string, seq: number): void {
    if (seq !== this.#positions.of(name, 'all')) this.#moveTo(name, 'all', seq)
  }

  #moveTo(name: string, lane: Lane, position: number): void {
    this.#positions.moveTo(name, lane, position)
    if (this.#idleFlush || this.#options.readOnly || this.#closing) return
    this.#idleFlush = true
    this.clock.after(IDLE_FLUSH_MS, () => {
      this.#idleFlush = false
      if (this.#positions.hasMoved) this.#startCommit()
    })
  }

  closed(cursor: Cursor): void {
    this.#positions.closed(cursor)
  }

  async forget(name: string): Promise<void> {
    for (const owner of this.#positions.forget(name)) await this.#link.call('forget', owner)
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
    this.#positions.closeAll()
    this.#closing = true
    this.#waiting.hurry()
    this.#waiting.letAllIn()
    while (this.#committing) await this.#committing
    if (this.#positions.hasMoved && !this.#options.readOnly && !this.#failed)
      await this.#link.call('commit', requestOf([], this.#positions.takeMoved())).catch(() => undefined)
    await this.#link.close()
  }

  #startCommit(): void {
    if (this.#committing) return
    this.#committing = this.#commitAll().finally(() => {
      this.#committing = null
      const hasWork = !this.#waiting.isEmpty || (this.#positions.hasMoved && !this.#idleFlush)
      if (hasWork && !this.#failed) this.#startCommit()
    })
  }

  async #commitAll(): Promise<void> {
    do {
      // Whatever is appended in this turn of the loop still joins the group, and so does what came of the commit before:
      // an alert must not wait for a whole commit of other readings.
      for (let i = 0; i < TURNS; i++) await null
      await this.#gather()
      const group = this.#waiting.next(this.#closing ? Number.POSITIVE_INFINITY : performance.now())
      this.#underWaySince = group.reduce<number | null>((least, { at }) => Math.min(least ?? at, at), null)
      try {
        await this.#commitGroup(group)
      } catch (error) {
        if (!isDiskFull(error)) {
          this.#fail(error, group)
          return
        }
        await this.#onDiskFull(error as Error, group)
      } finally {
        this.#underWaySince = null
      }
    } while (!this.#waiting.isEmpty)
    this.#settle()
  }

  async #gather(): Promise<void> {
    const patienceMs = this.#closing ? 0 : this.#waiting.patienceMs(performance.now())
    if (patienceMs === 0) return
    this.#settle()
    await this.#waiting.gather(patienceMs)
  }

  async #commitGroup(group: Waiting[]): Promise<void> {
    const shedding = this.#reserve.isFull
    const items = shedding ? group.map(withoutSamples) : group
    const moved = this.#positions.takeMoved()
    let answer: CommitAnswer
    try {
      const answering = this.#link.call<CommitAnswer>('commit', requestOf(items, moved))
      // While the disk works on this group, the sources of the group before it hear that theirs is kept.
      this.#settle()
      answer = await answering
    } catch (error) {
      this.#positions.stillMoved(moved)
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
    this.#waiting.done(group)
    group.forEach((item, n) => {
      const kept = items[n]!
      const seqs = given[n]!
      if (shedding) {
        this.#stats.shed += item.rows.length - kept.rows.length
        const byBody = new Map(kept.bodies.map((body, k) => [body, seqs[k]!]))
        item.resolve(item.bodies.map((body) => byBody.get(body) ?? SHED))
      } else if (isPrecious(item)) item.resolve(seqs)
      else this.#kept.push([item, seqs])
    })
    if (records.length === 0) return
    this.#positions.appended(records)
    for (const listener of this.#listeners) listener(records)
  }

  /**
   * Tells sources that their readings are kept. It comes after the listeners and after the next group is on its way: what
   * the rules made of a reading must not wait until hundreds of acknowledgements are written.
   */
  #settle(): void {
    for (const [item, seqs] of this.#kept.splice(0)) item.resolve(seqs)
  }

  async #onDiskFull(error: Error, group: Waiting[]): Promise<void> {
    await this.relieve(error.message)
    await this.#retention.makeRoom(this.#stats.lastSeq).catch(() => null)
    try {
      await this.#commitGroup(group)
    } catch (again) {
      if (!isDiskFull(again)) return this.#fail(again, group)
      // Even that was not enough: alerts and acts alone, then everything waits and is tried again.
      const precious = group.filter(isPrecious)
      this.#waiting.putBack(group.filter((item) => !isPrecious(item)))
      if (precious.length > 0)
        await this.#commitGroup(precious).catch((third) => {
          if (isDiskFull(third)) this.#waiting.putBack(precious)
          else this.#fail(third, precious)
        })
      if (this.#closing) this.#fail(again, [])
      else await new Promise<void>((resolve) => this.clock.after(FULL_RETRY_MS, resolve))
    }
  }

  async relieve(detail: string): Promise<void> {
    if (!this.#options.readOnly) await this.#reserve.release(detail)
  }

  /** A fault that nothing here can mend: everybody who waits is told, nothing is acknowledged any more. */
  #fail(error: unknown, group: Waiting[]): void {
    this.#failed = error
    this.#settle()
    this.#options.onEvent?.({ event: 'journal-failed', detail: (error as Error).message })
    for (const item of [...group, ...this.#waiting.clear()]) item.reject(error)
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
