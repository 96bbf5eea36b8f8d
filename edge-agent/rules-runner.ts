/**
 * Runs the rules over the journal: what is committed is evaluated, in both runs (eager and ordered), and what they say
 * goes to the desk. State is kept with its journal position; after a restart the tail of the journal is read again.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { AlertChange } from '#model/alert/alert.ts'
import type { Clock, Timer } from '#model/clock.ts'
import type { Journal, JournalRecord } from '#model/ports/journal.ts'
import type { Site } from '#model/site/load.ts'
import { createLiveRules, type LiveRules } from '#rules/live.ts'

const TICK_MS = 200
const SAVE_MS = 30_000
const TAIL_BATCH = 2000

export interface RulesRunnerOptions {
  site: Site
  clock: Clock
  journal: Journal
  stateFile: string
  onChange(change: AlertChange, source: 'eager' | 'ordered'): void
  onNotConfirmed(id: string, at: number): void
  onFault(detail: string): void
}

interface KeptState {
  seq: number
  savedAt: number
  state: unknown
}

export class RulesRunner {
  readonly #options: RulesRunnerOptions
  readonly rules: LiveRules
  #seq = 0
  #ticking: Timer | null = null
  #saving: Timer | null = null
  #leave: (() => void) | null = null
  evaluated = 0
  faults = 0

  constructor(options: RulesRunnerOptions) {
    this.#options = options
    this.rules = createLiveRules({
      site: options.site,
      onChange: (change, source) => options.onChange(change, source),
      onNotConfirmed: (id, at) => options.onNotConfirmed(id, at),
    })
  }

  /** Restores the state, reads what the journal holds beyond it, then follows it live. */
  async start(): Promise<{ replayed: number }> {
    const { journal, stateFile, clock } = this.#options
    if (existsSync(stateFile)) {
      try {
        const kept = JSON.parse(readFileSync(stateFile, 'utf8')) as KeptState
        this.rules.restore(kept.state)
        this.#seq = kept.seq
      } catch (error) {
        // Without its state the rules begin anew; what is open stays open at the desk. This must be seen.
        this.#options.onFault(
          `the state of the rules could not be read (${(error as Error).message}); windows and timers begin anew`,
        )
        this.#seq = journal.stats().lastSeq
      }
    } else this.#seq = journal.stats().lastSeq
    let replayed = 0
    for (;;) {
      const records = await journal.read(this.#seq + 1, TAIL_BATCH)
      if (records.length === 0) break
      this.#take(records)
      replayed += records.length
    }
    this.#leave = journal.onCommit((records) => this.#take(records))
    // What was committed between the last read and the subscription.
    const late = await journal.read(this.#seq + 1, TAIL_BATCH)
    this.#take(late)
    this.rules.resume(clock.now())
    const tick = (): void => {
      this.rules.tick(clock.now())
      this.#ticking = clock.after(TICK_MS, tick)
    }
    this.#ticking = clock.after(TICK_MS, tick)
    const save = (): void => {
      this.save()
      this.#saving = clock.after(SAVE_MS, save)
    }
    this.#saving = clock.after(SAVE_MS, save)
    return { replayed }
  }

  #take(records: readonly JournalRecord[]): void {
    for (const { seq, body } of records) {
      if (seq <= this.#seq) continue
      this.#seq = seq
      try {
        if (body.kind === 'reading') this.rules.line(body.reading)
        else if (body.kind === 'context') this.rules.line(body.change)
        else if (body.kind === 'act') this.rules.line(body.act)
        else continue
        this.evaluated++
      } catch (error) {
        // One reading that a rule cannot bear must not stop the others.
        this.faults++
        this.#options.onFault(`a rule failed on record ${seq}: ${(error as Error).message}`)
      }
    }
  }

  save(): void {
    const kept: KeptState = { seq: this.#seq, savedAt: this.#options.clock.now(), state: this.rules.snapshot() }
    const { stateFile } = this.#options
    try {
      writeFileSync(`${stateFile}.new`, JSON.stringify(kept))
      renameSync(`${stateFile}.new`, stateFile)
    } catch (error) {
      // On a full disk the tail of the journal only grows longer.
      this.#options.onFault(`the state of the rules could not be kept: ${(error as Error).message}`)
    }
  }

  close(): void {
    this.#leave?.()
    this.#ticking?.cancel()
    this.#saving?.cancel()
    this.save()
  }
}
