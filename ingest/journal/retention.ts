/**
 * How long each class of data stays in the journal, and what goes first when the journal is too large. Never removes
 * alerts, acts or context before their time, and nothing a consumer still needs, except L2 readings beyond `maxBytes`
 * (counted as unread and said).
 */
import type { Clock } from '#model/clock.ts'
import type { StoreLink } from '../thread/store-thread.ts'
import type { JournalEvent } from './journal.ts'
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

export class Retention {
  readonly #options: RetentionOptions
  readonly #link: StoreLink
  readonly #essentialPosition: () => number
  #marks: Record<string, number> | null = null
  /** How far the oldest L2 readings have been removed for want of space. */
  #spaceMark = 0

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
      removed.L2 += freed
      if (freed === 0) break
    }
    return removed
  }

  /** Removes some of the oldest L2 readings: samples first, consumed ones first. Answers how many. */
  async makeRoom(lastSeq: number): Promise<number> {
    const read = this.#essentialPosition()
    let removed = 0
    let unread = 0
    while (this.#spaceMark < lastSeq && removed + unread < STEP) {
      const consumed = this.#spaceMark < read
      const step = await this.#remove(
        CLASS.L2,
        this.#spaceMark,
        consumed ? read : lastSeq,
        consumed ? 'any' : 'samples',
      )
      if (consumed) removed += step.removed
      else unread += step.removed
      this.#spaceMark = step.upTo
    }
    if (removed + unread > 0)
      this.#options.onEvent?.({
        event: 'journal-removed',
        class: 'L2',
        removed: removed + unread,
        unread,
        reason: 'size',
      })
    return removed + unread
  }

  #remove(rowClass: number, after: number, upTo: number, kinds: 'samples' | 'any') {
    return this.#link.call<{ removed: number; upTo: number }>('remove', rowClass, after, upTo, STEP, kinds)
  }
}
