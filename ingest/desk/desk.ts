/**
 * The alerts as people see them. Takes changes from the rules engine and acts from people, one after the other; each
 * resulting change is in the journal on disk before anybody hears of it, and in the ledger before its caller has the
 * answer; the ledger follows the journal, after a crash too. The desk's file is a projection of the journal and is
 * rebuilt from it. Must never let a report of the engine undo what a person did.
 */
import type { Act, Verb } from '#model/alert/acts.ts'
import type { Alert, AlertChange } from '#model/alert/alert.ts'
import { type AlertRecord, applyAct, applyCondition, legalVerbs, newRecord, type Step } from '#model/alert/lifecycle.ts'
import type { ActOutcome, AlertFilter, AlertPage, Incident, ManualAlert } from '#model/ports/alert-desk.ts'
import type { JournalBody, JournalCursor } from '#model/ports/journal.ts'
import { DuplicateFilter } from '../journal/duplicate-filter.ts'
import { openStoreInline, openStoreThread, type StoreLink } from '../thread/store-thread.ts'
import type { Damage } from '../thread/whole.ts'
import { catchUp } from './catch-up.ts'
import type { DeskOptions, EdgeDesk, Source } from './edge-desk.ts'
import { actItem, alertItem, LedgerFollower } from './ledger-follower.ts'
import { type Counts, isClosed, Lists } from './lists.ts'
import { manualAlert } from './manual-alert.ts'
import { mergeChange } from './merge.ts'
import { mayAct } from './roles.ts'
import { isShelvable } from './shelvable.ts'
import * as storage from './storage.ts'
import { type UntilDone, untilDone } from './until-done.ts'

export type { DeskOptions, EdgeDesk, Source } from './edge-desk.ts'

/** Changes that may be published and not yet in the ledger; beyond, publishing waits for the ledger. */
const MAX_UNLEDGERED = 5000

interface Job {
  /** Journal records that stand before the changes: the act itself. */
  acts: Act[]
  steps: { step: Step; record: AlertRecord; at: number }[]
  resolve(changes: AlertChange[]): void
  reject(error: unknown): void
}

export async function openDesk(options: DeskOptions): Promise<EdgeDesk> {
  const storageOptions: storage.DeskStorageOptions = { dir: options.dir, now: options.clock.now() }
  let link: StoreLink =
    options.thread === false
      ? openStoreInline(storage as never, storageOptions)
      : await openStoreThread(new URL('./storage.ts', import.meta.url), storageOptions)
  if (options.intercept) link = options.intercept(link)
  const damage = await link.call<Damage | null>('damage')
  if (damage) options.onEvent?.({ event: 'desk-corrupt', ...damage })
  const cursor = await options.journal.cursor('desk', 'alert')
  const desk = new Desk(options, link, cursor)
  await desk.open()
  return desk
}

class Desk implements EdgeDesk {
  readonly #options: DeskOptions
  readonly #link: StoreLink
  readonly #cursor: JournalCursor
  readonly #lists: Lists
  readonly #ledger: LedgerFollower
  readonly #untilDone: UntilDone
  /** Every alert that is not closed, and closed ones whose last change is still on its way to the disk. */
  readonly #live = new Map<string, AlertRecord>()
  /** Ids of all alerts in the file, as hashes: what is not here is new. */
  readonly #seen = new DuplicateFilter(2_000_000)
  /** Time of the last report of the ordered run about each live alert: it speaks in the order of time. */
  readonly #reported = new Map<string, number>()
  readonly #numbers = new Map<string, string>()
  readonly #listeners = new Set<(change: AlertChange, seq: number) => void>()
  #jobs: Job[] = []
  #writing: Promise<void> | null = null
  /** What is published goes into the ledger, in the same order. */
  #following: Promise<void> = Promise.resolve()
  #unledgered = 0
  /** The ledger failed for good: its place in the journal is not moved on any more. */
  #behind = false
  #failed = false
  /** Alerts of which a change did not come into the journal, and why. */
  readonly #lost = new Map<string, unknown>()
  /** A change could not be saved: the file is not complete from there on. */
  #holes = false
  #manual = 0
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(options: DeskOptions, link: StoreLink, cursor: JournalCursor) {
    this.#options = options
    this.#link = link
    this.#cursor = cursor
    this.#lists = new Lists(link, this.#live)
    this.#untilDone = untilDone(options, () => this.#closed)
    this.#ledger = new LedgerFollower(options.ledger, this.#untilDone)
  }

  /** Brings the files up to the journal and reads what is open. */
  async open(): Promise<void> {
    const changes = await catchUp({
      options: this.#options,
      link: this.#link,
      lists: this.#lists,
      cursor: this.#cursor,
      untilDone: this.#untilDone,
      shelvable: (alert) => this.#shelvable(alert),
    })
    for (const id of await this.#link.call<string[]>('ids')) this.#seen.add(id, 0)
    for (const text of await this.#link.call<string[]>('open')) {
      const record = JSON.parse(text) as AlertRecord
      this.#live.set(record.alert.id, record)
      const reports = (await this.timeline(record.alert.id)).filter(isReport)
      if (reports.length > 0) this.#reported.set(record.alert.id, Math.max(...reports.map((c) => c.at)))
      this.#watchShelf(record)
    }
    if (changes > 0) this.#options.onEvent?.({ event: 'desk-rebuilt', changes })
  }

  apply(change: AlertChange, origin: { source: Source }): Promise<AlertChange[]> {
    return this.#decide(change.alert.id, (known) => this.#applyTo(known, change, origin))
  }

  #applyTo(known: AlertRecord | null, change: AlertChange, origin: { source: Source }): Promise<AlertChange[]> | [] {
    if (!known) {
      if (change.change !== 'raised') return []
      const alert = { ...change.alert }
      const record = newRecord(alert, this.#shelvable(alert))
      return this.#enter(record, [{ change: 'raised', alert, by: change.by, note: change.note }], change.at, [])
    }
    // The eager path only hastens: what ends or changes an alert is decided in event order.
    if (origin.source === 'eager' && change.change !== 'raised' && change.change !== 'escalated') return []
    // After a crash the rules read the tail of the journal again: what the ordered run has said already is not news.
    if (change.change === 'updated' || change.change === 'cleared') {
      if (change.at < (this.#reported.get(change.alert.id) ?? 0)) return []
      this.#reported.set(change.alert.id, change.at)
    }
    const merged = mergeChange(known, change, origin.source === 'ordered')
    return merged ? this.#enter(merged.record, merged.steps, change.at, []) : []
  }

  notConfirmed(id: string, at: number): Promise<AlertChange[]> {
    return this.#decide(id, (known) => {
      if (!known) return []
      const step: Step = { change: 'updated', alert: known.alert, by: 'system', note: 'not-confirmed' }
      return this.#enter(known, [step], at, [])
    })
  }

  escalateBySystem(id: string, at: number, note: string, still: (alert: Alert) => boolean): Promise<AlertChange[]> {
    return this.#decide(id, (known) => {
      if (!known || isClosed(known.alert) || !still(known.alert)) return []
      const { record, steps } = applyCondition(known, { event: 'overdue', at, note })
      return steps.length > 0 ? this.#enter(record, steps, at, []) : []
    })
  }

  remark(id: string, at: number, note: string): Promise<AlertChange[]> {
    return this.#decide(id, (known) => {
      if (!known) return []
      return this.#enter(known, [{ change: 'commented', alert: known.alert, by: 'system', note }], at, [])
    })
  }

  async act(act: Act, account: { id: string; role: string }): Promise<ActOutcome> {
    if (act.alert === undefined) return { ok: false, status: 404 }
    return this.#decide(act.alert, (known) => this.#actOn(known, act, account))
  }

  async #actOn(known: AlertRecord | null, act: Act, account: { id: string; role: string }): Promise<ActOutcome> {
    if (!known) return { ok: false, status: 404 }
    if (!mayAct(account.role, act.act, known.alert.domain))
      return { ok: false, status: 403, detail: `the role ${account.role} may not ${act.act} this alert` }
    const outcome = applyAct(known, act)
    if (!outcome.ok) {
      if (outcome.status === 409)
        return { ok: false, status: 409, by: outcome.by, at: outcome.at, state: outcome.state }
      if (outcome.status === 422) return { ok: false, status: 422, field: outcome.field, detail: outcome.detail }
      return { ok: false, status: 403, detail: outcome.detail }
    }
    const changes = await this.#enter(outcome.record, outcome.steps, act.time, [act])
    this.#watchShelf(outcome.record)
    return { ok: true, change: changes[0]! }
  }

  async raise(manual: ManualAlert, by: string): Promise<AlertChange> {
    const at = this.#options.clock.now()
    const alert = manualAlert(manual, this.#options.facility, by, at, this.#manual++)
    const steps: Step[] = [{ change: 'raised', alert, by, note: manual.note }]
    return (await this.#enter(newRecord(alert, true), steps, at, []))[0]!
  }

  allowed(alert: Alert, account: { id: string; role: string }): Verb[] {
    const record = this.#live.get(alert.id) ?? newRecord(alert, this.#shelvable(alert))
    const second = record.pending?.by === account.id
    return legalVerbs(record).filter(
      (verb) => mayAct(account.role, verb, alert.domain) && !(second && (verb === 'approve' || verb === 'reject')),
    )
  }

  shelvedUntil(id: string): number | null {
    return this.#live.get(id)?.shelf?.until ?? null
  }

  list(filter: AlertFilter, cursor?: string, limit?: number): Promise<AlertPage> {
    return this.#lists.list(filter, cursor, limit)
  }

  get(id: string): Promise<Alert | null> {
    return this.#lists.get(id)
  }

  timeline(id: string): Promise<AlertChange[]> {
    return this.#lists.timeline(id)
  }

  incident(id: string): Promise<Incident | null> {
    return this.#lists.incident(id)
  }

  incidents(filter: { open?: boolean; limit?: number }): Promise<Incident[]> {
    return this.#lists.incidents(filter)
  }

  openCount(): number {
    return this.#lists.openCount()
  }

  counts(): Counts {
    return this.#lists.counts()
  }

  onChange(listener: (change: AlertChange, seq: number) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  expire(timeMs: number): Promise<number> {
    return this.#lists.expire(timeMs)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#turn
    while (this.#writing) await this.#writing
    await this.#following
    this.#cursor.close()
    await this.#link.close()
  }

  #shelvable(alert: Alert): boolean {
    return this.#options.shelvable?.(alert) ?? isShelvable(alert)
  }

  /**
   * One decision after the other, on the state as decided so far, also when its last change is not yet on disk.
   * The next decision does not wait for the disk, only for this one's `work` to have called #enter.
   */
  #decide<T>(id: string, work: (known: AlertRecord | null) => T | Promise<T>): Promise<T> {
    const decided = this.#turn.then(async () => ({ outcome: work(this.#live.get(id) ?? (await this.#closedOne(id))) }))
    this.#turn = decided.catch(() => undefined)
    return decided.then(({ outcome }) => outcome)
  }

  /** Asks the file only for ids that it may hold: a new alert does not wait for it. */
  async #closedOne(id: string): Promise<AlertRecord | null> {
    return this.#seen.find(id, () => true) ? this.#lists.find(id) : null
  }

  /** The decision is taken here, at once; the promise resolves when it is durable and published. */
  #enter(record: AlertRecord, steps: Step[], at: number, acts: Act[]): Promise<AlertChange[]> {
    this.#live.set(record.alert.id, record)
    if (!this.#seen.find(record.alert.id, () => true)) this.#seen.add(record.alert.id, 0)
    return new Promise((resolve, reject) => {
      this.#jobs.push({ acts, steps: steps.map((step) => ({ step, record, at })), resolve, reject })
      this.#startWriting()
    })
  }

  #startWriting(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null
      // Something may have come after the last look and before this line.
      if (this.#jobs.length > 0) this.#startWriting()
    })
  }

  async #write(): Promise<void> {
    while (this.#jobs.length > 0) {
      await Promise.resolve()
      const jobs = this.#jobs.splice(0, 500).filter((job) => !this.#rejectLost(job))
      if (jobs.length === 0) continue
      try {
        await this.#writeJobs(jobs)
      } catch (error) {
        this.#fail(error)
        for (const job of jobs) {
          for (const { step } of job.steps) this.#lost.set(step.alert.id, error)
          job.reject(error)
        }
      }
    }
  }

  /** What follows a change that was lost is lost too: the next process says both again, the first of them first. */
  #rejectLost(job: Job): boolean {
    const lost = job.steps.find(({ step }) => this.#lost.has(step.alert.id))
    if (lost) job.reject(this.#lost.get(lost.step.alert.id))
    return lost !== undefined
  }

  async #writeJobs(jobs: Job[]): Promise<void> {
    const { journal } = this.#options
    await this.#giveNumbers(jobs)
    const changesOf = jobs.map((job) => job.steps.map(({ step, at }) => this.#changeOf(step, at)))
    const bodies = jobs.flatMap((job, i): JournalBody[] => [
      ...job.acts.map((act) => ({ kind: 'act' as const, act })),
      ...changesOf[i]!.map((change) => ({ kind: 'alert' as const, change })),
    ])
    const seqs = await journal.append(bodies)
    const entries = bodies.map((body, i) =>
      body.kind === 'act' ? actItem(body.act, seqs[i]!) : alertItem((body as { change: AlertChange }).change, seqs[i]!),
    )
    const published = bodies.flatMap((body, i) =>
      body.kind === 'alert' ? [{ change: body.change, seq: seqs[i]! }] : [],
    )
    const records = new Map(
      jobs.flatMap((job) => job.steps.map(({ record }) => [record.alert.id, this.#numbered(record)])),
    )
    // The lists are a projection and are asked in the same order, so nobody needs to wait for them to hear of a change.
    const saved = this.#untilDone(() =>
      this.#lists.save([...records.values()], published, this.#holes ? null : seqs.at(-1)!),
    )
    saved.catch(() => {
      this.#holes = true
    })
    for (const [id, record] of records) {
      const live = this.#live.get(id)
      if (live && isClosed(live.alert) && isClosed(record.alert)) {
        this.#live.delete(id)
        this.#numbers.delete(id)
        this.#reported.delete(id)
      } else if (live && live.alert.number === null) this.#live.set(id, this.#numbered(live))
    }
    for (const { change, seq } of published) for (const listener of this.#listeners) listener(change, seq)
    this.#unledgered += entries.length
    const ledgered = this.#ledger.append(entries)
    ledgered.catch(() => undefined)
    this.#following = this.#following.then(async () => {
      try {
        await ledgered
        jobs.forEach((job, i) => {
          job.resolve(changesOf[i]!)
        })
        await saved
        // Once something is missing, the rest is compared again at the next start.
        if (!this.#behind) this.#cursor.commit(seqs.at(-1)!)
      } catch (error) {
        this.#behind = true
        this.#fail(error)
        for (const job of jobs) job.reject(error)
      } finally {
        this.#unledgered -= entries.length
      }
    })
    await saved.catch(() => undefined)
    if (this.#unledgered > MAX_UNLEDGERED) await this.#following
  }

  get failed(): boolean {
    return this.#failed
  }

  /** An end in the middle of waiting is no failure: the next run compares. */
  #fail(error: unknown): void {
    if (!this.#closed) this.#failed = true
    this.#options.onEvent?.({ event: 'desk-failed', detail: (error as Error).message })
  }

  async #giveNumbers(jobs: Job[]): Promise<void> {
    const raised = jobs.flatMap((job) =>
      job.steps
        // Numbers are for people; nobody is ever called about a test.
        .filter(({ step }) => step.change === 'raised' && !step.alert.test)
        .map(({ step }): [string, number] => [step.alert.id, step.alert.raisedAt]),
    )
    if (raised.length === 0) return
    const numbers = await this.#untilDone(() => this.#options.ledger.freshNumbers(raised.map(([, at]) => at)))
    raised.forEach(([id], i) => {
      this.#numbers.set(id, numbers[i]!)
    })
  }

  #changeOf(step: Step, at: number): AlertChange {
    const number = step.alert.number ?? this.#numbers.get(step.alert.id) ?? null
    return { at, change: step.change, alert: { ...step.alert, number }, by: step.by, note: step.note }
  }

  #numbered(record: AlertRecord): AlertRecord {
    if (record.alert.number !== null) return record
    return { ...record, alert: { ...record.alert, number: this.#numbers.get(record.alert.id) ?? null } }
  }

  /** Nobody may forget a shelved alert: it comes back by itself. */
  #watchShelf(record: AlertRecord): void {
    const until = record.shelf?.until
    if (until === undefined) return
    this.#options.clock.after(Math.max(0, until - this.#options.clock.now()), () => {
      const live = this.#live.get(record.alert.id)
      if (this.#closed || live?.shelf?.until !== until) return
      const result = applyCondition(live, { event: 'shelf-expired', at: until })
      this.#enter(result.record, result.steps, until, []).catch(() => undefined)
    })
  }
}

/** Said by the ordered run: nobody's act, and nothing that the eager run may say. */
const isReport = (c: AlertChange): boolean => c.by === null && (c.change === 'updated' || c.change === 'cleared')
