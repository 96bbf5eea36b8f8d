/**
 * The newest records in memory, so that consumers at the head never ask the disk. Bounded by count and by bytes;
 * what falls out is read from the file. Records are shared: nobody may change one after it was appended.
 */
import type { JournalRecord } from '#model/ports/journal.ts'

export class Tail {
  readonly #maxRecords: number
  readonly #maxBytes: number
  #records: (JournalRecord | undefined)[] = []
  #sizes: number[] = []
  #start = 0
  #bytes = 0

  constructor(maxRecords: number, maxBytes: number) {
    this.#maxRecords = maxRecords
    this.#maxBytes = maxBytes
  }

  push(record: JournalRecord, bytes: number): void {
    this.#records.push(record)
    this.#sizes.push(bytes)
    this.#bytes += bytes
    while (this.length > this.#maxRecords || (this.#bytes > this.#maxBytes && this.length > 1)) {
      this.#bytes -= this.#sizes[this.#start]!
      this.#records[this.#start++] = undefined
    }
    if (this.#start > 4096 && this.#start * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#start)
      this.#sizes = this.#sizes.slice(this.#start)
      this.#start = 0
    }
  }

  get length(): number {
    return this.#records.length - this.#start
  }

  /** First number held, or null when empty. */
  get first(): number | null {
    return this.#records[this.#start]?.seq ?? null
  }

  get(seq: number): JournalRecord | null {
    const first = this.first
    return first === null ? null : (this.#records[this.#start + seq - first] ?? null)
  }
}
