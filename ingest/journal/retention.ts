/**
 * How long each class of data stays in the journal, and what goes first when the journal is too large: what every
 * consumer has taken, L2 first, then L2 samples that some have not (counted as unread and said). Never removes alerts,
 * acts or context before their time, nor any other reading that a consumer still needs.
 */
import type { Clock } from '#model/clock.ts'
import type { StoreLink } from '../thread/store-thread.ts'
import type { JournalEvent } from './edge-journal.ts'
import { CLASS } from './record-codec.ts'

export type Keep = 'L1' | 'L2' | 'L3' | 'L4' | 'alerts'

export interface RetentionOptions {
  clock: Clock
  retentionMs?: Partial<Record<Keep, number>>
  maxBytes?: number
  /** Which consumers hold back removal; default: all that have a position. */
  essential?(name: string): boolean
  onEvent?(event: JournalEvent): void
}

const DAY = 86_400_000
export const DEFAULT_RETENTION_MS: Record<Keep, number> = {
  L1: 30 * DAY,
  L2: 7 * DAY,
  L3: 30 * DAY,
  L4: 3 * DAY,
  alerts: 3 * 365 * DAY,
}
export const DEFAULT_MAX_BYTES = 20 * 2 ** 30

const ROW_CLASS: Record<Keep, number> = { L1: CLASS.L1, L2: CLASS.L2, L3: CLASS.L3, L4: CLASS.L4, alerts: CLASS.A }
/** Rows looked at in one step: between steps the disk thread takes commits. */
const STEP = 5000
/** Who goes first for want of space. */
const GIVEN_UP: readonly Keep[] = ['L2', 'L4', 'L3', 'L1']

export class Retention {
  readonly #options: RetentionOptions
  readonly #link: StoreLink
  readonly #essentialPosition: () => number
  #marks: Record<string, number> | null = null
  /** How far the oldest readings of a class have been removed for want of space. */
  readonly #spaceMarks = new Map<Keep | 'unread', number>()

  constructor(options: RetentionOptions, link: StoreLink, essentialPosition: () => number) {
    this.#options = options
    this.#link = link
    this.#essentialPosition = essentialPosition
  }

  async run(lastSeq: number): Promise<Record<Keep, number>> {
    const removed: Record<Keep, number> = { L1: 0, L2: 0, L3: 0, L4: 0, alerts: 0 }
    const keep = { ...DEFAULT_RETENTION_MS, ...this.#options.retentionMs }
    this.#marks ??= await this.#link.call<Record<string, number>>('expiryMarks')
    for (const name of Object.keys(removed) as Keep[]) {
      const cutoff = (await this.#link.call<number>('seqAt', this.#options.clock.now() - keep[name])) - 1
      const upTo = Math.min(cutoff, lastSeq, name === 'alerts' ? lastSeq : this.#essentialPosition())
      const start = this.#marks[name] ?? 0
      let at = start
      while (at < upTo) {
        const step = await this.#remove(ROW_CLASS[name], at, upTo, 'any')
        removed[name] += step.removed
        at = step.upTo
      }
      if (at > start) {
        this.#marks[name] = at
        await this.#link.call('saveExpiryMark', name, at)
      }
      if (removed[name] > 0)
        this.#options.onEvent?.({
          event: 'journal-removed',
          class: name,
          removed: removed[name],
          unread: 0,
          reason: 'age',
        })
    }
    const limit = this.#options.maxBytes ?? DEFAULT_MAX_BYTES
    while ((await this.#link.call<{ bytes: number }>('size')).bytes > limit) {
      const freed = await this.makeRoom(lastSeq)
      if (freed === null) break
      removed[freed.class] += freed.removed
    }
    return removed
  }

  /** Removes some of the oldest readings that may go; null: there are none. */
  async makeRoom(lastSeq: number): Promise<{ class: Keep; removed: number } | null> {
    const read = this.#essentialPosition()
    for (const name of GIVEN_UP) {
      const removed = await this.#scan(name, ROW_CLASS[name], 0, read, 'any')
      if (removed > 0) return this.#gone(name, removed, 0)
    }
    const unread = await this.#scan('unread', CLASS.L2, read, lastSeq, 'samples')
    return unread > 0 ? this.#gone('L2', unread, unread) : null
  }

  async #scan(mark: Keep | 'unread', rowClass: number, from: number, upTo: number, kinds: 'samples' | 'any') {
    let at = Math.max(from, this.#spaceMarks.get(mark) ?? 0)
    let removed = 0
    while (at < upTo && removed < STEP) {
      const step = await this.#remove(rowClass, at, upTo, kinds)
      removed += step.removed
      at = step.upTo
      this.#spaceMarks.set(mark, at)
    }
    return removed
  }

  #gone(name: Keep, removed: number, unread: number): { class: Keep; removed: number } {
    this.#options.onEvent?.({ event: 'journal-removed', class: name, removed, unread, reason: 'size' })
    return { class: name, removed }
  }

  #remove(rowClass: number, after: number, upTo: number, kinds: 'samples' | 'any') {
    return this.#link.call<{ removed: number; upTo: number }>('remove', rowClass, after, upTo, STEP, kinds)
  }
}
