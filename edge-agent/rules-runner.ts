/**
 * Runs the rules over the journal: what is committed is evaluated, in both runs (eager and ordered), and what they say
 * goes to the desk. State is kept with its journal position; after a restart the tail of the journal is read again. Must
 * never keep a state whose alerts are not yet durable: after a crash nobody would raise them again.
 */
import { existsSync, readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { Subject, type Subscription } from 'rxjs'
import type { EdgeJournal } from '#ingest/journal/journal.ts'
import { isSample } from '#ingest/journal/record-codec.ts'
import type { AlertChange } from '#model/alert/alert.ts'
import type { Clock, Timer } from '#model/clock.ts'
import type { Journal, JournalRecord } from '#model/ports/journal.ts'
import type { Reading } from '#model/reading.ts'
import type { Site } from '#model/site/load.ts'
import type { Rule } from '#rules/engine/rule.ts'
import { rulesOver } from '#rules/engine/rx.ts'
import type { LiveRules, LiveSnapshot } from '#rules/live.ts'
import { clockScheduler } from './clock-scheduler.ts'
import { RulesStarts } from './rules-starts.ts'

const TICK_MS = 200
const SAVE_MS = 30_000
const TAIL_BATCH = 2000
/** How long the end waits for changes on their way to the disk, ms. */
const CLOSE_MS = 1500
/** Without a kept state the windows and timers are made again from this much of the journal. */
const REBUILD_MS = 3_600_000
/** Readings that came so long before the kept state may wait in it unjudged; they are looked up in the journal. */
const WAITING_MS = 60_000
/** So far the time of the rules stays behind the clock for readings that wait for the disk. */
const HELD_BACK_MS = 30_000

/** Samples judged in one piece: what comes of them is on its way, and devices are listened to, before the next. */
const SLICE = 8
/** With more before them the rules are behind: they take all at once, and that holds the sources back. */
const MAX_QUEUED = 512

export interface RulesRunnerOptions {
  site: Site
  /** Rules to run; by default the built-in catalogue with the site's overrides. */
  rules?: readonly Rule[]
  /** Rules that run without raising; by default those that the site's overrides name. */
  drafts?: readonly Rule[]
  clock: Clock
  journal: Journal & Pick<EdgeJournal, 'findReadings' | 'hold' | 'waitingSince'>
  stateFile: string
  /** Another way to replace a file than the file system's (simulation). */
  write?(file: string, text: string): Promise<void>
  /** May answer with a promise: resolved when the change is durable, rejected when it is lost and must be said again. */
  onChange(change: AlertChange, source: 'eager' | 'ordered'): unknown
  onNotConfirmed(id: string, at: number): unknown
  onFault(detail: string): void
}

/** First line of the state file; the ordered and the eager run have a line each after it. */
interface KeptHead {
  seq: number
  savedAt: number
  /** Number of the process that kept it. */
  start?: number
  unconfirmed: LiveSnapshot['unconfirmed']
}

export class RulesRunner {
  readonly #options: RulesRunnerOptions
  readonly #lines = new Subject<unknown>()
  readonly #changes: Subscription
  rules!: LiveRules
  readonly #starts: RulesStarts
  #seq = 0
  /** Committed and not yet judged. */
  #queue: JournalRecord[] = []
  #slicing = false
  #ready = false
  #closed = false
  #saving: Timer | null = null
  #leave: (() => void) | null = null
  /** Changes on their way to the disk. */
  readonly #underWay = new Set<Promise<unknown>>()
  #lost = false
  /** Now and then: what had been taken up to when. */
  #steps: { at: number; seq: number }[] = []
  evaluated = 0
  faults = 0

  constructor(options: RulesRunnerOptions) {
    this.#options = options
    const { stateFile, write = writeAside, onFault } = options
    this.#starts = new RulesStarts(`${stateFile}.starts`, write, onFault)
    // The journal is the one source of the live run; sources are merged before it, where they are made durable.
    this.#changes = rulesOver([this.#lines], {
      site: options.site,
      ...(options.rules ? { rules: options.rules } : {}),
      ...(options.drafts ? { drafts: options.drafts } : {}),
      scheduler: clockScheduler({ now: () => this.#time(), after: (ms, task) => options.clock.after(ms, task) }),
      tickMs: TICK_MS,
      ready: () => this.#ready,
      onStart: (rules) => {
        this.rules = rules
      },
      onNotConfirmed: (id, at) => this.#handOut(options.onNotConfirmed(id, at)),
      // One reading that a rule cannot bear must not stop the others.
      onFault: (error) => {
        this.faults++
        options.onFault(`a rule failed near record ${this.#seq}: ${error.message}`)
      },
    }).subscribe(({ change, source }) => this.#handOut(options.onChange(change, source)))
  }

  /** How far the journal has been read. */
  get position(): number {
    return this.#seq
  }

  /** Restores the state, reads what the journal holds beyond it, then follows it live. */
  async start(): Promise<{ replayed: number; seq: number; at: number }> {
    const { journal, clock } = this.#options
    await this.#restore()
    // Retention must not take from the journal what the kept state does not hold yet.
    if (!existsSync(this.#options.stateFile)) journal.hold('rules', Math.max(0, this.#seq))
    // What is committed while the tail is read waits, or a later record would overtake an earlier one.
    const held: JournalRecord[] = []
    let live = false
    this.#leave = journal.onCommit((records) => {
      if (live) this.#follow(records)
      else held.push(...records)
    })
    let replayed = 0
    for (;;) {
      const records = await journal.read(this.#seq + 1, TAIL_BATCH)
      if (records.length === 0) break
      this.#take(records)
      replayed += records.length
    }
    this.#passStarts(Number.POSITIVE_INFINITY)
    const [seq, at] = [this.#seq, clock.now()]
    await this.#starts.begin(seq, at)
    this.rules.resume(at)
    this.#take(held)
    live = true
    this.#ready = true
    void this.save()
    const later = (): void => {
      this.#saving = clock.after(SAVE_MS, () => void this.save().finally(() => !this.#closed && later()))
    }
    later()
    return { replayed, seq, at }
  }

  async #restore(): Promise<void> {
    const { journal, stateFile, clock } = this.#options
    if (existsSync(stateFile)) {
      try {
        const [head, ordered, eager] = readFileSync(stateFile, 'utf8').split('\n') as [string, string, string]
        const { seq, unconfirmed, start = 0 } = JSON.parse(head) as KeptHead
        const snapshot = { ordered, eager, unconfirmed }
        this.rules.restore(snapshot, await this.#waiting(this.rules.waitingIds(snapshot)))
        this.#seq = seq
        this.#starts.restore(start, clock.now())
        return
      } catch (error) {
        // What is open stays open at the desk; this must be seen.
        this.#options.onFault(
          `the state of the rules could not be read (${(error as Error).message}); it is made again from the journal`,
        )
      }
    }
    this.#seq = (await journal.seqAt(clock.now() - REBUILD_MS)) - 1
    this.#starts.restore(0, clock.now())
  }

  /** Lets the outages pass that ended before this record. */
  #passStarts(seq: number): void {
    for (let at = this.#starts.before(seq); at !== null; at = this.#starts.before(seq)) this.rules.resume(at)
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

  /** News and everything before it is judged at once, many samples piece by piece. */
  #follow(records: readonly JournalRecord[]): void {
    for (const record of records) this.#queue.push(record)
    const news = this.#queue.findLastIndex(({ body }) => !isSample(body)) + 1
    this.#takeQueued(this.#queue.length > MAX_QUEUED ? this.#queue.length : Math.max(news, SLICE))
    if (!this.#slicing) this.#slice()
  }

  #slice(): void {
    this.#slicing = this.#queue.length > 0
    if (!this.#slicing) return
    setImmediate(() => {
      this.#takeQueued(SLICE)
      this.#slice()
    })
  }

  #takeQueued(count: number): void {
    this.#take(this.#queue.splice(0, count))
  }

  #take(records: readonly JournalRecord[]): void {
    for (const { seq, body } of records) {
      if (seq <= this.#seq) continue
      this.#passStarts(seq)
      this.#seq = seq
      if (body.kind === 'reading') this.#lines.next(body.reading)
      else if (body.kind === 'context') this.#lines.next(body.change)
      else if (body.kind === 'act') this.#lines.next(body.act)
      else continue
      this.evaluated++
    }
  }

  /**
   * Time does not pass for the rules before what came in it: a disk that stands still is no silence of the devices. A
   * disk that stands still for long must not keep back the alerts that it can take.
   */
  #time(): number {
    const now = this.#options.clock.now()
    const waiting = this.#queue[0]?.at ?? this.#options.journal.waitingSince()
    return waiting === null ? now : Math.max(now - HELD_BACK_MS, Math.min(now, waiting))
  }

  /** What came earlier than this position does not wait in the state any more. */
  #judgedUpTo(): number | null {
    const now = this.#options.clock.now()
    this.#steps.push({ at: now, seq: this.#seq })
    const old = this.#steps.findLastIndex(({ at }) => at <= now - WAITING_MS)
    if (old > 0) this.#steps.splice(0, old)
    return old < 0 ? null : this.#steps[0]!.seq
  }

  #text(): string {
    const { ordered, eager, unconfirmed } = this.rules.snapshot()
    const head: KeptHead = {
      seq: this.#seq,
      savedAt: this.#options.clock.now(),
      start: this.#starts.n,
      unconfirmed,
    }
    return `${JSON.stringify(head)}\n${ordered}\n${eager}\n`
  }

  #handOut(done: unknown): void {
    if (!(done instanceof Promise)) return
    this.#underWay.add(done)
    done.then(
      () => this.#underWay.delete(done),
      () => {
        this.#lost = true
        this.#underWay.delete(done)
      },
    )
  }

  /** Keeps the state as it is now, once every change it has given rise to is durable. Nothing waits for it. */
  async save(): Promise<void> {
    const { stateFile, write = writeAside } = this.#options
    const text = this.#text()
    const keptUpTo = this.#judgedUpTo()
    await Promise.allSettled(this.#underWay)
    // What was lost must be said again: the next run starts from the state before it.
    if (this.#lost || this.#closed) return
    try {
      await write(stateFile, text)
      if (keptUpTo !== null) this.#options.journal.hold('rules', keptUpTo)
    } catch (error) {
      // On a full disk the tail of the journal only grows longer.
      this.#options.onFault(`the state of the rules could not be kept: ${(error as Error).message}`)
    }
  }

  async close(): Promise<void> {
    this.#leave?.()
    this.#takeQueued(this.#queue.length)
    this.#saving?.cancel()
    this.#changes.unsubscribe()
    let patience: Timer | null = null
    await Promise.race([
      this.save(),
      new Promise<void>((resolve) => {
        patience = this.#options.clock.after(CLOSE_MS, resolve)
      }),
    ])
    ;(patience as Timer | null)?.cancel()
    this.#closed = true
  }
}

/** A cut in the middle leaves the file before. */
async function writeAside(file: string, text: string): Promise<void> {
  // Flushed first, or a power cut may leave the new name with nothing in it.
  await writeFile(`${file}.next`, text, { flush: true })
  await rename(`${file}.next`, file)
}
