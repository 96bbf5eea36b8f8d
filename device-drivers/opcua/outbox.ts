/**
 * The bounded queue between the subscriptions and the journal: batches in order, one at a time, repeated when the journal
 * refuses. When it is full the oldest samples go first and are counted; states and events only when nothing else is left.
 */
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { RawReading } from '#model/reading.ts'
import type { DriverHost } from '../contract.ts'
import type { QuietLog } from '../supervision.ts'

export const OUTBOX_LIMIT = 50_000
const BATCH = 500
const RETRY_MS = 500

export class Outbox {
  readonly #host: DriverHost
  readonly #log: QuietLog
  readonly #limit: number
  #waiting: RawReading[] = []
  #busy = false
  #closed = false

  constructor(host: DriverHost, log: QuietLog, limit = OUTBOX_LIMIT) {
    this.#host = host
    this.#log = log
    this.#limit = limit
  }

  get length(): number {
    return this.#waiting.length
  }

  push(reading: RawReading): void {
    if (this.#closed) return
    if (this.#waiting.length >= this.#limit) this.#makeRoom()
    this.#waiting.push(reading)
    if (!this.#busy) {
      this.#busy = true
      setImmediate(() => void this.#drain())
    }
  }

  #makeRoom(): void {
    const sample = this.#waiting.findIndex((r) => READING_TYPES.get(r.type)?.signal.kind === 'sample')
    const [dropped] = this.#waiting.splice(Math.max(0, sample), 1)
    this.#host.count('dropped', dropped?.device)
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#closed) {
      const batch = this.#waiting.splice(0, BATCH)
      try {
        await this.#host.accept(batch)
      } catch (error) {
        if (this.#closed) break
        this.#host.count('journal-refused')
        this.#log.warn('opcua', 'journal-refused', { error: (error as Error).message, waiting: batch.length })
        this.#waiting.unshift(...batch)
        await new Promise<void>((resolve) => this.#host.clock.after(RETRY_MS, resolve))
      }
    }
    this.#busy = false
  }

  /** Nothing leaves after this. */
  close(): void {
    this.#closed = true
    this.#waiting = []
  }
}
