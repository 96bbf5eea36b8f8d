/**
 * The alerts as people see them. Takes changes from the rules engine and acts from people, one after the other; each
 * resulting change is in the journal on disk before anybody hears of it, and in the ledger before its caller has the
 * answer; the ledger follows the journal, after a crash too. The desk's file is a projection of the journal and is
 * rebuilt from it. Must never let a report of the engine undo what a person did.
 */
import type { Act, Verb } from '#model/alert/acts.ts'
import { type Alert, type AlertChange, LEVELS, type Level, levelRank, untouched } from '#model/alert/alert.ts'
import { type AlertRecord, applyAct, applyCondition, legalVerbs, newRecord, type Step } from '#model/alert/lifecycle.ts'
import type { Clock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import { alertId } from '#model/ids.ts'
import type { ActOutcome, AlertDesk, AlertFilter, AlertPage, Incident, ManualAlert } from '#model/ports/alert-desk.ts'
import type { JournalBody, JournalCursor } from '#model/ports/journal.ts'
import { DuplicateFilter } from '../journal/duplicate-filter.ts'
import type { EdgeJournal } from '../journal/journal.ts'
import type { EdgeLedger } from '../ledger/ledger.ts'
import { actMark, alertMark } from '../ledger/mark.ts'
import { openStoreInline, openStoreThread, type StoreLink } from '../thread/store-thread.ts'
import type { Damage } from '../thread/whole.ts'
import { mergeChange } from './merge.ts'
import { actOf, actsAndAlerts, rebuilt } from './rebuild.ts'
import { mayAct } from './roles.ts'
import { isShelvable } from './shelvable.ts'
import * as storage from './storage.ts'

export interface DeskOptions {
  dir: string
  facility: string
  clock: Clock
  journal: EdgeJournal
  ledger: EdgeLedger
  /** Which alerts may be hidden for a time; default: the list of `semantics.md` 9. */
  shelvable?(alert: Alert): boolean
  thread?: boolean
  /** Test aid: stands between desk and storage. */
  intercept?(link: StoreLink): StoreLink
  onEvent?(
    event:
      | { event: 'desk-failed'; detail: string }
      | { event: 'desk-rebuilt'; changes: number }
      | ({ event: 'desk-corrupt' } & Damage)
      | { event: 'ledger-restored'; entries: number },
  ): void
}

const RETRY_MS = 500
/** The ledger follows the journal: an entry of the last minutes before a loss may stand before it in time. */
const LOSS_MARGIN_MS = 600_000
/** Changes that may be published and not yet in the ledger; beyond, publishing waits for the ledger. */
const MAX_UNLEDGERED = 5000

export type Source = 'eager' | 'ordered'

export interface EdgeDesk extends AlertDesk {
  /** A change from the rules engine; resolves with what was published, once it is durable. */
  apply(change: AlertChange, origin: { source: Source }): Promise<AlertChange[]>
  /** The ordered run did not confirm what the eager path raised. */
  notConfirmed(id: string, at: number): Promise<AlertChange[]>
  /** Carries an alert that waits too long one step on, if `still` holds when the desk decides. */
  escalateBySystem(id: string, at: number, note: string, still: (alert: Alert) => boolean): Promise<AlertChange[]>
  /** A line of the system in the timeline of an alert: that something was delivered outside, or was not. */
  remark(id: string, at: number, note: string): Promise<AlertChange[]>
  /** Removes closed alerts raised before `timeMs` from the lists. */
  expire(timeMs: number): Promise<number>
  /** Ledger or lists could not take something, for a reason that does not pass: only a new process makes it good. */
  readonly failed: boolean
  close(): Promise<void>
}

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
  await desk.catchUp()
  return desk
}

class Desk implements EdgeDesk {
  readonly #options: DeskOptions
  readonly #link: StoreLink
  readonly #cursor: JournalCursor
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
  readonly #forLedger: { entries: LedgerItem[]; resolve(): void; reject(error: unknown): void }[] = []
  #ledgering: Promise<void> | null = null
  #ledgerFault: { error: unknown } | null = null
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
  }

  /** Brings the desk's file and the ledger up to the journal: after a crash, or when the file is gone. */
  async catchUp(): Promise<void> {
    const { journal } = this.#options
    const complete = await this.#link.call<number>('complete')
    await this.#restoreLedger()
    await this.#ledgerActs()
    // Of what a save that failed left out, or a power cut took, the file itself knows best.
    let after = Math.min(complete, this.#cursor.position())
    const saved = new Set(await this.#link.call<number[]>('savedAfter', after))
    const behind = new Set<string>()
    let changes = 0
    for (;;) {
      const records = await journal.readBack(after, 500, 'alert')
      if (records.length === 0) break
      after = records.at(-1)!.seq
      for (const { seq, body } of records) {
        if (body.kind !== 'alert') continue
        const { change } = body
        if (seq > this.#cursor.position()) {
          await this.#ledgerOnce(alertItem(change, seq))
        }
        if (saved.has(seq) && !behind.has(change.alert.id)) continue
        behind.add(change.alert.id)
        const before = await this.#find(change.alert.id)
        const act = await actOf(this.#options, seq, change)
        const record = rebuilt(before, change, this.#shelvable(change.alert), act)
        await this.#untilDone(() => this.#save([record], [{ change, seq }], seq))
        changes++
      }
    }
    if (after > complete) await this.#save([], [], after).catch(() => undefined)
    this.#cursor.commit(after)
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

  /** What a damaged ledger lost and the journal still has is entered again, in order, under numbers of its own. */
  async #restoreLedger(): Promise<void> {
    const { journal, ledger } = this.#options
    const losses = await ledger.toRestore()
    if (losses.length === 0) return
    const from = Math.min(...losses.map((loss) => loss.fromAt)) - LOSS_MARGIN_MS
    const to = Math.max(...losses.map((loss) => loss.toAt)) + LOSS_MARGIN_MS
    let entered = 0
    const missing: LedgerItem[] = []
    const enter = async (): Promise<void> => {
      const items = missing.splice(0)
      if (items.length > 0) await this.#untilDone(() => ledger.append(items))
      entered += items.length
    }
    for await (const { seq, body } of actsAndAlerts(journal, from, to)) {
      const item = body.kind === 'act' ? actItem(body.act, seq) : alertItem(body.change, seq)
      if (!(await ledger.holds(item))) missing.push(item)
      if (missing.length >= 200) await enter()
    }
    await enter()
    await this.#untilDone(() => ledger.restored(losses, entered))
    this.#options.onEvent?.({ event: 'ledger-restored', entries: entered })
  }

  /** Acts that the ledger did not get before the end of the last run. */
  async #ledgerActs(): Promise<void> {
    const newest = await this.#options.journal.newest('act', 2 * MAX_UNLEDGERED)
    for (const { seq, body } of newest.reverse())
      if (body.kind === 'act' && seq > this.#cursor.position()) await this.#ledgerOnce(actItem(body.act, seq))
  }

  async #ledgerOnce(item: LedgerItem): Promise<void> {
    const { ledger } = this.#options
    if (!(await ledger.holds(item))) await this.#untilDone(() => ledger.append([item]))
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
    const key = [manual.zone, manual.kind].join('|')
    const id = alertId('manual-alert', key, `${by}|${at}|${this.#manual++}`)
    const subjects = [...(manual.subjects ?? [])].sort().slice(0, 20)
    const alert: Alert = {
      id,
      rule: 'manual-alert',
      code: 'S03',
      ruleVersion: '1',
      domain: 'behaviour',
      level: manual.level,
      facility: this.#options.facility,
      zone: manual.zone,
      device: null,
      subject: subjects[0] ?? null,
      key,
      incident: `i${id}`,
      subjects,
      raisedAt: at,
      eventTime: at,
      delayed: false,
      drill: false,
      test: false,
      state: 'unacknowledged',
      evidence: [],
      reasons: [{ code: 'manual', params: { kind: manual.kind, note: manual.note, by }, class: 'L3' }],
      explanation: {
        zh: `人工报警（${manual.kind}）：${manual.note}`,
        en: `Manual alert (${manual.kind}): ${manual.note}`,
      },
      plan: null,
      ...untouched(),
      annunciated: manual.level !== 'blue',
      evidenceCount: 0,
    }
    const record = newRecord(alert, true)
    const steps: Step[] = [{ change: 'raised', alert, by, note: manual.note }]
    return (await this.#enter(record, steps, at, []))[0]!
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

  async list(filter: AlertFilter, cursor?: string, limit = 200): Promise<AlertPage> {
    const page = await this.#link.call<{ items: string[]; next: [number, string] | null; total: number }>(
      'list',
      filter,
      parseCursor(cursor),
      Math.max(1, Math.min(limit, 1000)),
    )
    return {
      items: page.items.map((text) => (JSON.parse(text) as AlertRecord).alert),
      next: page.next ? `${page.next[0]}-${page.next[1]}` : null,
      total: page.total,
    }
  }

  async get(id: string): Promise<Alert | null> {
    return (await this.#find(id))?.alert ?? null
  }

  async timeline(id: string): Promise<AlertChange[]> {
    return (await this.#link.call<string[]>('timeline', id)).map((text) => JSON.parse(text) as AlertChange)
  }

  async incident(id: string): Promise<Incident | null> {
    const members = (await this.#link.call<string[]>('members', id)).map((t) => (JSON.parse(t) as AlertRecord).alert)
    return members.length === 0 ? null : incidentOf(id, members)
  }

  async incidents(filter: { open?: boolean; limit?: number }): Promise<Incident[]> {
    const limit = filter.limit ?? 200
    const open = new Set(
      [...this.#live.values()].flatMap((r) => (r.alert.incident && !isClosed(r.alert) ? [r.alert.incident] : [])),
    )
    const ids = filter.open === true ? [...open] : await this.#link.call<string[]>('incidents', limit * 2)
    const wanted = filter.open === false ? ids.filter((id) => !open.has(id)) : ids
    const found = await Promise.all(wanted.map((id) => this.incident(id)))
    return found
      .filter((i): i is Incident => i !== null)
      .sort((a, b) => b.openedAt - a.openedAt)
      .slice(0, limit)
  }

  openCount(): number {
    let open = 0
    for (const { alert } of this.#live.values()) if (!isClosed(alert) && !alert.test) open++
    return open
  }

  counts(): Record<Level, { open: number; unacknowledged: number }> {
    const counts = Object.fromEntries(LEVELS.map((l) => [l, { open: 0, unacknowledged: 0 }])) as ReturnType<
      Desk['counts']
    >
    for (const { alert } of this.#live.values()) {
      if (isClosed(alert) || alert.test) continue
      counts[alert.level].open++
      if (alert.state === 'unacknowledged' || alert.state === 'returned-unacknowledged')
        counts[alert.level].unacknowledged++
    }
    return counts
  }

  onChange(listener: (change: AlertChange, seq: number) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  expire(timeMs: number): Promise<number> {
    return this.#link.call('expire', timeMs)
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
    return this.#seen.find(id, () => true) ? this.#find(id) : null
  }

  async #find(id: string): Promise<AlertRecord | null> {
    const text = await this.#link.call<string | null>('get', id)
    return text === null ? null : (JSON.parse(text) as AlertRecord)
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
    const saved = this.#untilDone(() => this.#save([...records.values()], published, this.#holes ? null : seqs.at(-1)!))
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
    const ledgered = this.#toLedger(entries)
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

  /** In the order of the journal, whatever has to be tried again: what waits together goes in together. */
  #toLedger(entries: LedgerItem[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#forLedger.push({ entries, resolve, reject })
      this.#startLedgering()
    })
  }

  #startLedgering(): void {
    this.#ledgering ??= this.#fillLedger().finally(() => {
      this.#ledgering = null
      // Something may have come after the last look and before this line.
      if (this.#forLedger.length > 0) this.#startLedgering()
    })
  }

  async #fillLedger(): Promise<void> {
    while (this.#forLedger.length > 0) {
      await Promise.resolve()
      const group = this.#forLedger.splice(0)
      try {
        // What follows something that is missing would stand before it: the next process brings both, in order.
        if (this.#ledgerFault) throw this.#ledgerFault.error
        await this.#untilDone(() => this.#options.ledger.append(group.flatMap(({ entries }) => entries)))
        for (const { resolve } of group) resolve()
      } catch (error) {
        this.#ledgerFault ??= { error }
        for (const { reject } of group) reject(error)
      }
    }
  }

  get failed(): boolean {
    return this.#failed
  }

  /** An end in the middle of waiting is no failure: the next run compares. */
  #fail(error: unknown): void {
    if (!this.#closed) this.#failed = true
    this.#options.onEvent?.({ event: 'desk-failed', detail: (error as Error).message })
  }

  /** What is in the journal must come into ledger and lists too: a full disk is waited for, not given up, at the start too. */
  async #untilDone<T>(work: () => Promise<T>): Promise<T> {
    for (let said = false; ; said = true) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof WardwatchError) || error.retry !== 'retriable' || this.#closed) throw error
        if (!said) this.#options.onEvent?.({ event: 'desk-failed', detail: error.message })
        // The journal may find room for its own commits where ledger and lists find none: it holds the reserve.
        if (error.code === 'disk-full') await this.#options.journal.relieve(error.message)
        await new Promise<void>((resolve) => this.#options.clock.after(RETRY_MS, resolve))
      }
    }
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

  #save(
    records: AlertRecord[],
    changes: { change: AlertChange; seq: number }[],
    complete: number | null,
  ): Promise<void> {
    return this.#link.call('save', {
      records,
      changes: changes.map(({ change, seq }) => ({ seq, alert: change.alert.id, text: JSON.stringify(change) })),
      complete,
    } satisfies storage.SaveRequest)
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

const isClosed = (alert: Alert): boolean => alert.state === 'resolved' || alert.state === 'dismissed'
/** Said by the ordered run: nobody's act, and nothing that the eager run may say. */
const isReport = (c: AlertChange): boolean => c.by === null && (c.change === 'updated' || c.change === 'cleared')
type LedgerItem = Parameters<EdgeLedger['append']>[0][number]
const actItem = (act: Act, seq: number): LedgerItem => ({
  kind: 'act',
  ref: act.alert ?? null,
  by: act.by,
  payload: act,
  mark: actMark(seq, act),
})
const alertItem = (change: AlertChange, seq: number): LedgerItem => ({
  kind: 'alert',
  ref: change.alert.id,
  by: change.by,
  payload: change,
  mark: alertMark(seq, change),
})

function incidentOf(id: string, members: Alert[]): Incident {
  const closedAt = members.every(isClosed) ? Math.max(...members.map((m) => m.closedAt ?? m.raisedAt)) : null
  const level = members.reduce<Level>((top, m) => (levelRank(m.level) > levelRank(top) ? m.level : top), 'blue')
  return {
    id,
    openedAt: Math.min(...members.map((m) => m.raisedAt)),
    closedAt,
    level,
    members: members.map((m) => m.id),
    zones: [...new Set(members.flatMap((m) => m.zone ?? []))].sort(),
    subjects: [...new Set(members.flatMap((m) => m.subjects))].sort(),
    related: [],
  }
}

function parseCursor(cursor: string | undefined): [number, string] | null {
  const match = cursor === undefined ? null : /^(\d+)-(.+)$/.exec(cursor)
  return match ? [Number(match[1]), match[2]!] : null
}
