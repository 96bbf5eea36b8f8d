/**
 * What could not be read: kept in the journal with its reason, listed newest first, counted by cause. Must never drop an
 * item silently; a payload longer than 64 KiB is cut, and says so.
 */

import type { Quarantined } from '#model/reading.ts'
import type { EdgeJournal } from '../journal/journal.ts'

export interface QuarantineOptions {
  journal: EdgeJournal
  /** Items kept in memory for lists; older ones are read from the journal. */
  recent?: number
}

const MAX_PAYLOAD = 64 * 1024
const MAX_CAUSES = 200

export class Quarantine {
  readonly #journal: EdgeJournal
  readonly #most: number
  readonly #recent: Quarantined[] = []
  readonly #byCause = new Map<string, number>()
  #count = 0

  constructor(options: QuarantineOptions) {
    this.#journal = options.journal
    this.#most = options.recent ?? 500
  }

  /** Resolves when the item is on disk. */
  async keep(item: Quarantined): Promise<void> {
    await this.keepAll([item])
  }

  async keepAll(items: Quarantined[]): Promise<void> {
    if (items.length === 0) return
    const kept = items.map(clipped)
    await this.#journal.append(kept.map((item) => ({ kind: 'quarantine', item })))
    for (const item of kept) {
      this.#count++
      const cause = this.#byCause.has(item.cause) || this.#byCause.size < MAX_CAUSES ? item.cause : 'other'
      this.#byCause.set(cause, (this.#byCause.get(cause) ?? 0) + 1)
      this.#recent.push(item)
    }
    if (this.#recent.length > this.#most) this.#recent.splice(0, this.#recent.length - this.#most)
  }

  /** Newest first; also what stood in the journal before this start. */
  async list(limit: number): Promise<Quarantined[]> {
    if (limit <= this.#recent.length) return this.#recent.slice(-limit).reverse()
    const records = await this.#journal.newest('quarantine', limit)
    return records.flatMap(({ body }) => (body.kind === 'quarantine' ? [body.item] : []))
  }

  /** Since this start. */
  counts(): { total: number; byCause: Record<string, number> } {
    return { total: this.#count, byCause: Object.fromEntries(this.#byCause) }
  }
}

function clipped(item: Quarantined): Quarantined {
  if (item.payload.length <= MAX_PAYLOAD) return item
  return {
    ...item,
    payload: item.payload.slice(0, MAX_PAYLOAD),
    detail: `${item.detail} The payload of ${item.payload.length} characters was cut to ${MAX_PAYLOAD}.`,
  }
}
