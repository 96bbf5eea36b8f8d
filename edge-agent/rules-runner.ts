/**
 * Runs the rules over the journal: what is committed is evaluated, in both runs (eager and ordered), and what they say
 * goes to the desk. State is kept with its journal position; after a restart the tail of the journal is read again.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { Subject, type Subscription } from 'rxjs'
import type { AlertChange } from '#model/alert/alert.ts'
import type { Clock, Timer } from '#model/clock.ts'
import type { Journal, JournalRecord } from '#model/ports/journal.ts'
import type { Reading } from '#model/reading.ts'
import type { Site } from '#model/site/load.ts'
import { rulesOver } from '#rules/engine/rx.ts'
import type { LiveRules, LiveSnapshot } from '#rules/live.ts'
import { clockScheduler } from './clock-scheduler.ts'

const TICK_MS = 200
const SAVE_MS = 30_000
const TAIL_BATCH = 2000
/** Without a kept state the windows and timers are made again from this much of the journal. */
const REBUILD_MS = 3_600_000

export interface RulesRunnerOptions {
  site: Site
  clock: Clock
  journal: Journal & { findReadings(ids: string[]): Promise<Reading[]> }
  stateFile: string
  onChange(change: AlertChange, source: 'eager' | 'ordered'): void
  onNotConfirmed(id: string, at: number): void
  onFault(detail: string): void
}

/** First line of the state file; the ordered and the eager run have a line each after it. */
interface KeptHead {
  seq: number
  savedAt: number
  unconfirmed: LiveSnapshot['unconfirmed']
}

export class RulesRunner {
  readonly #options: RulesRunnerOptions
  readonly #lines = new Subject<unknown>()
  readonly #changes: Subscription
  rules!: LiveRules
  #seq = 0
  #ready = false
  #closed = false
  #saving: Timer | null = null
  #leave: (() => void) | null = null
  evaluated = 0
  faults = 0

  constructor(options: RulesRunnerOptions) {
    this.#options = options
    // The journal is the one source of the live run; sources are merged before it, where they are made durable.
    this.#changes = rulesOver([this.#lines], {
      site: options.site,
      scheduler: clockScheduler(options.clock),
      tickMs: TICK_MS,
      ready: () => this.#ready,
      onStart: (rules) => {
        this.rules = rules
      },
      onNotConfirmed: (id, at) => options.onNotConfirmed(id, at),
      // One reading that a rule cannot bear must not stop the others.
      onFault: (error) => {
        this.faults++
        options.onFault(`a rule failed near record ${this.#seq}: ${error.message}`)
      },
    }).subscribe(({ change, source }) => options.onChange(change, source))
  }

  /** Restores the state, reads what the journal holds beyond it, then follows it live. */
  async start(): Promise<{ replayed: number }> {
    const { journal, clock } = this.#options
    await this.#restore()
    // What is committed while the tail is read waits, or a later record would overtake an earlier one.
    const held: JournalRecord[] = []
    let live = false
    this.#leave = journal.onCommit((records) => {
      if (live) this.#take(records)
      else held.push(...records)
    })
    let replayed = 0
    for (;;) {
      const records = await journal.read(this.#seq + 1, TAIL_BATCH)
      if (records.length === 0) break
      this.#take(records)
      replayed += records.length
    }
    this.#take(held)
    live = true
    this.rules.resume(clock.now())
    this.#ready = true
    this.save()
    const again = (): void => {
      this.#saving = clock.after(SAVE_MS, () => void this.#saveAside().finally(() => !this.#closed && again()))
    }
    again()
    return { replayed }
  }

  async #restore(): Promise<void> {
    const { journal, stateFile, clock } = this.#options
    if (existsSync(stateFile)) {
      try {
        const [head, ordered, eager] = readFileSync(stateFile, 'utf8').split('\n') as [string, string, string]
        const { seq, unconfirmed } = JSON.parse(head) as KeptHead
        const snapshot = { ordered, eager, unconfirmed }
        this.rules.restore(snapshot, await this.#waiting(this.rules.waitingIds(snapshot)))
        this.#seq = seq
        return
      } catch (error) {
        // What is open stays open at the desk; this must be seen.
        this.#options.onFault(
          `the state of the rules could not be read (${(error as Error).message}); it is made again from the journal`,
        )
      }
    }
    this.#seq = (await journal.seqAt(clock.now() - REBUILD_MS)) - 1
  }

  /** Readings that were journaled and not yet judged when the state was kept. */
  async #waiting(ids: string[]): Promise<Reading[]> {
    const found: Reading[] = []
    for (let i = 0; i < ids.length; i += TAIL_BATCH)
      found.push(...(await this.#options.journal.findReadings(ids.slice(i, i + TAIL_BATCH))))
    if (found.length < ids.length)
      this.#options.onFault(
        `${ids.length - found.length} readings that waited for the rules are no longer in the journal`,
      )
    return found
  }

  #take(records: readonly JournalRecord[]): void {
    for (const { seq, body } of records) {
      if (seq <= this.#seq) continue
      this.#seq = seq
      if (body.kind === 'reading') this.#lines.next(body.reading)
      else if (body.kind === 'context') this.#lines.next(body.change)
      else if (body.kind === 'act') this.#lines.next(body.act)
      else continue
      this.evaluated++
    }
  }

  #text(): string {
    const { ordered, eager, unconfirmed } = this.rules.snapshot()
    const head: KeptHead = { seq: this.#seq, savedAt: this.#options.clock.now(), unconfirmed }
    return `${JSON.stringify(head)}\n${ordered}\n${eager}\n`
  }

  /** While it runs the file is written beside the work; nothing waits for it. */
  async #saveAside(): Promise<void> {
    const { stateFile } = this.#options
    try {
      await writeFile(`${stateFile}.next`, this.#text())
      if (!this.#closed) await rename(`${stateFile}.next`, stateFile)
    } catch (error) {
      this.#notKept(error)
    }
  }

  save(): void {
    const { stateFile } = this.#options
    try {
      writeFileSync(`${stateFile}.new`, this.#text())
      renameSync(`${stateFile}.new`, stateFile)
    } catch (error) {
      this.#notKept(error)
    }
  }

  /** On a full disk the tail of the journal only grows longer. */
  #notKept(error: unknown): void {
    this.#options.onFault(`the state of the rules could not be kept: ${(error as Error).message}`)
  }

  close(): void {
    this.#closed = true
    this.#leave?.()
    this.#saving?.cancel()
    this.save()
    this.#changes.unsubscribe()
  }
}
