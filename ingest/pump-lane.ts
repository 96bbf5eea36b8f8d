/**
 * One lane of a pump: takes records from its cursor, delivers them in order, commits what was delivered. A delivery that
 * fails is tried again for ever with jittered back-off. Must never commit what was not delivered.
 */
import type { Clock, Timer } from '#model/clock.ts'
import type { JournalCursor, JournalRecord } from '#model/ports/journal.ts'

export interface LaneOptions {
  clock: Clock
  random(): number
  batch: number
  restMs: number
  minBackoffMs: number
  maxBackoffMs: number
  deliver(records: JournalRecord[]): Promise<void>
  /** A cursor at the committed position of this lane: asked for when what was read ahead is of no use any more. */
  reopen?(): Promise<JournalCursor>
  /** Before each attempt: what of these records is delivered now. None: they are asked for again. */
  prepare?(records: JournalRecord[], full: boolean): Promise<JournalRecord[]>
  delivered?(records: JournalRecord[]): void
  /** First failure of a series, and its end. */
  onTurn?(turn: 'sink-down' | 'sink-back', detail: string): void
}

const WAIT_MS = 60_000
/** How long a delivery under way may take at the end, ms. */
const CLOSE_MS = 2000

export class PumpLane {
  cursor: JournalCursor
  /** What the cursor has read ahead is not what comes next: it is opened again before anything is taken. */
  stale = false
  readonly #options: LaneOptions
  readonly #done: Promise<void>
  #open = true
  #pause: { timer: Timer; go(): void } | null = null
  lastError: string | null = null
  delivered = 0
  failures = 0

  constructor(options: LaneOptions, cursor: JournalCursor) {
    this.#options = options
    this.cursor = cursor
    this.#done = this.#run()
  }

  /** Stops after the delivery under way, or after 2 s without it. */
  async close(): Promise<void> {
    const done = this.end()
    // A store that hangs must not hang the end of the process; what it did not confirm is delivered after the restart.
    let timer: Timer | null = null
    const patience = new Promise<void>((resolve) => {
      timer = this.#options.clock.after(CLOSE_MS, resolve)
    })
    await Promise.race([done, patience])
    ;(timer as Timer | null)?.cancel()
  }

  /** Takes nothing more; resolves when the delivery under way has an end. */
  end(): Promise<void> {
    this.#open = false
    this.cursor.close()
    this.retryNow()
    return this.#done
  }

  /** The store answers again: what waits for its next attempt need not wait longer. */
  retryNow(): void {
    this.#pause?.timer.cancel()
    this.#pause?.go()
  }

  async #run(): Promise<void> {
    const { batch, deliver, prepare, delivered, restMs } = this.#options
    let attempt = 0
    let records: JournalRecord[] = []
    let full = false
    // The owner may still be about to take the lane into its hands.
    await null
    while (this.#open) {
      try {
        if (records.length === 0) {
          if (this.stale) await this.#reopen()
          records = await this.cursor.next(batch, WAIT_MS)
          full = records.length >= batch
        }
        if (records.length > 0 && prepare) records = await prepare(records, full)
        if (records.length === 0) {
          // Others have delivered them, or will: nothing that failed is waited for here.
          this.lastError = null
          continue
        }
        await deliver(records)
        this.cursor.commit(records.at(-1)!.seq)
        this.delivered += records.length
        delivered?.(records)
        records = []
        const failed = attempt > 0
        attempt = 0
        this.lastError = null
        if (failed) this.#options.onTurn?.('sink-back', 'delivers again')
        if (!full) await this.#sleep(restMs)
      } catch (error) {
        this.failures++
        this.lastError = (error as Error).message
        if (attempt === 0) this.#options.onTurn?.('sink-down', this.lastError)
        await this.#backOff(attempt++)
      }
    }
  }

  async #reopen(): Promise<void> {
    this.cursor = await this.#options.reopen!()
    this.stale = false
    if (!this.#open) this.cursor.close()
  }

  /** Half of the step is chance, so that many edges do not come back at the same instant. */
  #backOff(attempt: number): Promise<void> {
    const step = Math.min(this.#options.maxBackoffMs, this.#options.minBackoffMs * 2 ** Math.min(attempt, 20))
    return this.#sleep(step / 2 + (this.#options.random() * step) / 2)
  }

  /** Ends early when the lane closes. */
  #sleep(ms: number): Promise<void> {
    if (!this.#open || ms <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      const go = () => {
        this.#pause = null
        resolve()
      }
      this.#pause = { timer: this.#options.clock.after(ms, go), go }
    })
  }
}
