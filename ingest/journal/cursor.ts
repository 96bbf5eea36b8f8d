/**
 * One consumer's place in one lane of the journal. Reads from memory at the head and from the file behind it.
 * Never skips: a record counts as done only when the consumer commits it.
 */
import type { Clock } from '#model/clock.ts'
import type { JournalCursor, JournalRecord, Lane } from '#model/ports/journal.ts'
import { inLane } from './record-codec.ts'
import type { Tail } from './tail.ts'

export interface CursorSource {
  clock: Clock
  tail: Tail
  lastSeq(): number
  readBack(after: number, limit: number, lane: Lane): Promise<JournalRecord[]>
  moved(cursor: Cursor): void
  closed(cursor: Cursor): void
}

export class Cursor implements JournalCursor {
  readonly name: string
  readonly lane: Lane
  readonly #source: CursorSource
  #position: number
  /** Everything up to here has been handed out or belongs to the other lane. */
  #read: number
  /** Records of the lane that are not yet committed. */
  #behind: number
  #handedOut: number[] = []
  #wake: (() => void) | null = null
  #open = true

  constructor(source: CursorSource, name: string, lane: Lane, position: number, behind: number) {
    this.#source = source
    this.name = name
    this.lane = lane
    this.#position = position
    this.#read = position
    this.#behind = behind
  }

  position(): number {
    return this.#position
  }

  lag(): number {
    return this.#behind
  }

  async next(limit: number, waitMs = 0): Promise<JournalRecord[]> {
    let waited = false
    while (this.#open) {
      const records = await this.#take(limit)
      if (records.length > 0 || waited || waitMs <= 0) return records
      // Something may have been committed after the last look: sleeping now would miss it.
      if (this.#read < this.#source.lastSeq()) continue
      await this.#wait(waitMs)
      waited = true
    }
    return []
  }

  commit(seq: number): void {
    if (seq <= this.#position) return
    this.#position = Math.min(seq, this.#source.lastSeq())
    let done = 0
    // A consumer may commit what it knows from elsewhere: the records it never asked for are done as well.
    for (; this.#read < this.#position; this.#read++) {
      const record = this.#source.tail.get(this.#read + 1)
      if (record && inLane(this.lane, record.body)) this.#handedOut.push(record.seq)
    }
    while (done < this.#handedOut.length && this.#handedOut[done]! <= this.#position) done++
    this.#handedOut.splice(0, done)
    this.#behind = this.#position === this.#source.lastSeq() ? 0 : Math.max(this.#handedOut.length, this.#behind - done)
    this.#source.moved(this)
  }

  close(): void {
    this.#open = false
    this.#wake?.()
    this.#source.closed(this)
  }

  /** Called by the journal after each group commit. */
  appended(records: JournalRecord[]): void {
    let mine = 0
    for (const record of records) if (inLane(this.lane, record.body)) mine++
    this.#behind += mine
    if (mine > 0) this.#wake?.()
  }

  async #take(limit: number): Promise<JournalRecord[]> {
    const { tail } = this.#source
    const found: JournalRecord[] = []
    while (found.length < limit && this.#read < this.#source.lastSeq()) {
      const first = tail.first
      if (first === null || this.#read + 1 < first) {
        const head = this.#source.lastSeq()
        const from = this.#read
        const records = await this.#source.readBack(from, limit - found.length, this.lane)
        // A commit or a second reader may have moved on while the file was read.
        if (this.#read !== from) continue
        const full = records.length === limit - found.length
        found.push(...records)
        this.#read = full ? records.at(-1)!.seq : Math.max(head, records.at(-1)?.seq ?? 0)
        continue
      }
      const record = tail.get(++this.#read)
      if (record && inLane(this.lane, record.body)) found.push(record)
    }
    for (const record of found) this.#handedOut.push(record.seq)
    if (this.#read === this.#source.lastSeq()) this.#behind = this.#handedOut.length
    return found
  }

  #wait(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel()
        this.#wake = null
        resolve()
      }
      const timer = this.#source.clock.after(waitMs, done)
      this.#wake = done
    })
  }
}
