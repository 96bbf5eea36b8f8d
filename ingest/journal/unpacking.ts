/**
 * Makes records of the rows that the file gives back. A record whose text was damaged keeps its place, as something that
 * cannot be read: the others are not held up by it, and it is told once.
 */
import type { JournalRecord } from '#model/ports/journal.ts'
import { decodeBody } from './record-codec.ts'
import type { RowBlock } from './storage.ts'

/** Numbers of damaged records that are told once each. */
const MAX_UNREADABLE = 10_000

export class Unpacking {
  readonly #told = new Set<number>()
  readonly #onUnreadable: (seq: number) => void

  constructor(onUnreadable: (seq: number) => void) {
    this.#onUnreadable = onUnreadable
  }

  records(block: RowBlock): JournalRecord[] {
    if (block.seqs.length === 0) return []
    return block.rows.split('\n').map((row, i) => {
      const [seq, at] = [block.seqs[i]!, block.ats[i]!]
      try {
        return { seq, at, body: decodeBody(block.tags[i]!, row) }
      } catch {
        return this.#damaged(seq, at, row)
      }
    })
  }

  #damaged(seq: number, at: number, row: string): JournalRecord {
    if (!this.#told.has(seq)) this.#onUnreadable(seq)
    if (this.#told.size < MAX_UNREADABLE) this.#told.add(seq)
    const detail = `Record ${seq} of the journal was damaged on the disk; the ledger has it if it was about an alert.`
    const source = `journal:${seq}`
    return {
      seq,
      at,
      body: {
        kind: 'quarantine',
        item: { source, device: null, received: at, cause: 'journal-corrupt', detail, payload: row },
      },
    }
  }
}
