/**
 * Drives one consumer of the journal: takes records from its two lanes, hands them to `deliver`, commits what was
 * delivered. Alert changes have their own lane and never wait behind a backlog. A delivery that fails is tried again for
 * ever with jittered back-off: the journal is the outbox. Must never commit what was not delivered.
 */
import type { Clock, Timer } from '#model/clock.ts'
import type { Journal, JournalCursor, JournalRecord } from '#model/ports/journal.ts'
import type { SeriesSink } from '#model/ports/series.ts'

export type PumpLane = 'alert' | 'other'

export interface PumpOptions {
  name: string
  journal: Journal
  clock: Clock
  /** Chance for jitter: 0 ≤ x < 1. */
  random(): number
  /** Resolves when the records are where they belong. A thrown error means: all of them again. */
  deliver(records: JournalRecord[], lane: PumpLane): Promise<void>
  lanes?: PumpLane[]
  batch?: number
  /** Rest after a delivery that took all there was, so that a store gets fewer and larger writes; alerts never rest. */
  restMs?: number
  minBackoffMs?: number
  maxBackoffMs?: number
  /** First failure of a series, and its end. */
  onEvent?(event: { event: 'sink-down' | 'sink-back'; name: string; lane: PumpLane; detail: string }): void
}

export interface PumpState {
  name: string
  lag: number
  lastError: string | null
  delivered: number
  failures: number
}

export interface Pump {
  readonly name: string
  state(): PumpState
  /** Stops after the delivery under way, or after 2 s without it. */
  close(): Promise<void>
}

const WAIT_MS = 60_000
/** How long a delivery under way may take at the end, ms. */
const CLOSE_MS = 2000

export async function startPump(options: PumpOptions): Promise<Pump> {
  const lanes = options.lanes ?? ['alert', 'other']
  const runs: LaneRun[] = []
  for (const lane of lanes) runs.push(new LaneRun(options, lane, await options.journal.cursor(options.name, lane)))
  return {
    name: options.name,
    state: () => ({
      name: options.name,
      lag: runs.reduce((sum, run) => sum + run.cursor.lag(), 0),
      lastError: runs.find((run) => run.lastError !== null)?.lastError ?? null,
      delivered: runs.reduce((sum, run) => sum + run.delivered, 0),
      failures: runs.reduce((sum, run) => sum + run.failures, 0),
    }),
    async close() {
      await Promise.all(runs.map((run) => run.close()))
    },
  }
}

class LaneRun {
  readonly cursor: JournalCursor
  readonly #options: PumpOptions
  readonly #lane: PumpLane
  readonly #done: Promise<void>
  #open = true
  #pause: { timer: Timer; go(): void } | null = null
  lastError: string | null = null
  delivered = 0
  failures = 0

  constructor(options: PumpOptions, lane: PumpLane, cursor: JournalCursor) {
    this.#options = options
    this.#lane = lane
    this.cursor = cursor
    this.#done = this.#run()
  }

  async close(): Promise<void> {
    this.#open = false
    this.cursor.close()
    this.#pause?.timer.cancel()
    this.#pause?.go()
    // A store that hangs must not hang the end of the process; what it did not confirm is delivered after the restart.
    let timer: Timer | null = null
    const patience = new Promise<void>((resolve) => {
      timer = this.#options.clock.after(CLOSE_MS, resolve)
    })
    await Promise.race([this.#done, patience])
    ;(timer as Timer | null)?.cancel()
  }

  async #run(): Promise<void> {
    let attempt = 0
    let records: JournalRecord[] = []
    while (this.#open) {
      try {
        if (records.length === 0) records = await this.cursor.next(this.#options.batch ?? 1000, WAIT_MS)
        if (records.length === 0) continue
        await this.#options.deliver(records, this.#lane)
        this.cursor.commit(records.at(-1)!.seq)
        this.delivered += records.length
        const all = records.length < (this.#options.batch ?? 1000)
        records = []
        if (attempt > 0) this.#say('sink-back', 'delivers again')
        attempt = 0
        this.lastError = null
        if (all && this.#lane !== 'alert') await this.#sleep(this.#options.restMs ?? 0)
      } catch (error) {
        this.failures++
        this.lastError = (error as Error).message
        if (attempt === 0) this.#say('sink-down', this.lastError)
        await this.#backOff(attempt++)
      }
    }
  }

  #say(event: 'sink-down' | 'sink-back', detail: string): void {
    this.#options.onEvent?.({ event, name: this.#options.name, lane: this.#lane, detail })
  }

  /** Half of the step is chance, so that many edges do not come back at the same instant. */
  #backOff(attempt: number): Promise<void> {
    const most = this.#options.maxBackoffMs ?? 30_000
    const step = Math.min(most, (this.#options.minBackoffMs ?? 250) * 2 ** Math.min(attempt, 20))
    return this.#sleep(step / 2 + (this.#options.random() * step) / 2)
  }

  /** Ends early when the pump closes. */
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

export interface SinkPumpOptions extends Omit<PumpOptions, 'deliver' | 'name'> {
  sink: SeriesSink
  /** Called for each point that the store refused for good; the rest of its batch is written. */
  onRejected?(rejected: { id: string; reason: string }[]): void
}

/** A pump that feeds a time-series store with readings and alert changes. */
export function startSinkPump(options: SinkPumpOptions): Promise<Pump> {
  const { sink, onRejected, ...rest } = options
  return startPump({
    ...rest,
    name: `sink:${sink.name}`,
    async deliver(records) {
      const items: Parameters<SeriesSink['write']>[0] = []
      for (const { body } of records) {
        if (body.kind === 'reading') items.push({ reading: body.reading })
        else if (body.kind === 'alert') items.push({ change: body.change })
      }
      if (items.length === 0) return
      const { rejected } = await sink.write(items)
      if (rejected.length > 0) onRejected?.(rejected)
    },
  })
}
