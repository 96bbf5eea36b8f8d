/**
 * What could not be read: listed from the journal with what became of it, read again after repair, or given up with a
 * reason. The original stays in the journal for its time. Must never drop an item silently, nor make one reading twice.
 */

import { READING_TYPES } from '#model/catalogue/types.ts'
import type { Clock } from '#model/clock.ts'
import type { Journal } from '#model/ports/journal.ts'
import type { QuarantineFilter, QuarantineItem, ReplayOutcome } from '#model/ports/quality.ts'
import type { Quarantined, RawReading } from '#model/reading.ts'
import type { StoreLink } from '../thread/store-thread.ts'
import type { QuarantineRow } from './quality-storage.ts'

export interface QuarantineReplay {
  /** Reads an item again as its source would today; the fault when it still cannot be read. */
  read(item: Quarantined): Promise<{ readings: RawReading[] } | { cause: string; detail: string }>
  /** Journals readings in the order given; resolves when the disk has them. */
  accept(readings: RawReading[]): Promise<{ accepted: number; duplicates: number }>
  /** People's acts stand in the ledger. */
  record(act: {
    act: 'quarantine-replay' | 'quarantine-drop'
    by: string
    items: string[]
    note: string
  }): Promise<void>
}

export interface QuarantineOptions {
  journal: Journal
  link: StoreLink
  clock: Clock
  replay: QuarantineReplay
  /** Resolves when the list holds everything committed until now. */
  settle(): Promise<void>
}

/** Items of one commit. */
const PART = 500

export class Quarantine {
  readonly #o: QuarantineOptions
  waiting = 0
  /** One after the other: two engineers at once must not read an item twice. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: QuarantineOptions) {
    this.#o = options
  }

  async list(filter: QuarantineFilter): Promise<QuarantineItem[]> {
    await this.#o.settle()
    const rows = await this.#o.link.call<QuarantineRow[]>('items', filter, 'newest')
    return this.#withPayload(rows)
  }

  async #withPayload(rows: QuarantineRow[]): Promise<QuarantineItem[]> {
    const found: QuarantineItem[] = []
    for (const row of rows) {
      const [record] = await this.#o.journal.read(row.seq, 1)
      // The original has outlived its time: what is known of it still stands here.
      const item: Quarantined =
        record?.seq === row.seq && record.body.kind === 'quarantine'
          ? record.body.item
          : { source: '', device: row.device, received: row.received, cause: row.cause, detail: '', payload: '' }
      found.push({ ...item, id: `q${row.seq}`, state: row.state, resolvedAt: row.resolved_at, by: row.by })
    }
    return found
  }

  replayWaiting(filter: QuarantineFilter, by: string): Promise<ReplayOutcome> {
    return this.#next(() => this.#replay(filter, by))
  }

  drop(filter: QuarantineFilter, by: string, note: string): Promise<{ dropped: number }> {
    return this.#next(async () => {
      await this.#o.settle()
      const rows = await this.#o.link.call<QuarantineRow[]>('items', { ...filter, state: ['waiting'] }, 'oldest')
      const seqs = rows.map((r) => r.seq)
      if (seqs.length === 0) return { dropped: 0 }
      await this.#o.replay.record({ act: 'quarantine-drop', by, items: seqs.map((s) => `q${s}`), note })
      const dropped = await this.#o.link.call<number>('resolve', seqs, 'dropped', this.#o.clock.now(), by, note)
      this.waiting -= dropped
      return { dropped }
    })
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }

  async #replay(filter: QuarantineFilter, by: string): Promise<ReplayOutcome> {
    await this.#o.settle()
    const rows = await this.#o.link.call<QuarantineRow[]>('items', { ...filter, state: ['waiting'] }, 'oldest')
    const total: ReplayOutcome = { replayed: 0, readings: 0, duplicates: 0, failed: [] }
    for (let i = 0; i < rows.length; i += PART) {
      const items = await this.#withPayload(rows.slice(i, i + PART))
      const done: { seq: number; id: string }[] = []
      const readings: RawReading[] = []
      for (const item of items) {
        const read =
          item.payload === '' && item.source === ''
            ? { cause: item.cause, detail: 'The original is no longer in the journal; drop the item.' }
            : await this.#o.replay.read(item)
        if (!('readings' in read)) total.failed.push({ id: item.id, ...read })
        else {
          done.push({ seq: Number(item.id.slice(1)), id: item.id })
          for (const reading of read.readings)
            readings.push({
              ...reading,
              time: reading.time ?? item.received,
              quality: reading.quality ?? (reading.time === undefined ? 'uncertain' : 'good'),
              received: item.received,
              replayOf: item.id,
            })
        }
      }
      if (done.length === 0) continue
      readings.sort((a, b) => a.time! - b.time!)
      const { accepted, duplicates } = await this.#o.replay.accept(readings)
      await this.#o.replay.record({ act: 'quarantine-replay', by, items: done.map((d) => d.id), note: '' })
      const changed = await this.#o.link.call<number>(
        'resolve',
        done.map((d) => d.seq),
        'replayed',
        this.#o.clock.now(),
        by,
        '',
      )
      this.waiting -= changed
      total.replayed += changed
      total.readings += accepted
      total.duplicates += duplicates
    }
    return total
  }
}

/** The reading type that an unreadable item was meant to be, where it can be told. */
export function streamOfItem(item: Quarantined): string | null {
  const topic = item.source.startsWith('mqtt:') ? item.source.slice(5).split('/') : []
  const named = topic[0] === 'ww' && topic[3] === 'dev' ? topic.slice(5).join('/') : null
  if (named && READING_TYPES.has(named)) return named
  const inside = /"type":"([a-z0-9.-]{1,64})"/.exec(item.payload.slice(0, 2000))?.[1]
  return inside !== undefined && READING_TYPES.has(inside) ? inside : null
}
