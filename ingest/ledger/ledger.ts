/**
 * The hash-chained ledger of alert changes and people's acts. Appends that wait together go into one transaction; an
 * append resolves when it is on disk. Checkpoints are signed at most once a second. Must never rewrite an entry.
 */
import { randomBytes } from 'node:crypto'
import { basename } from 'node:path'
import type { AlertChange } from '#model/alert/alert.ts'
import type { Clock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import { canonicalJson } from '#model/ids.ts'
import { localTime } from '#model/local-time.ts'
import type { Ledger, LedgerEntry, ProvingLedger } from '#model/ports/ledger.ts'
import { openStoreInline, openStoreThread, type StoreLink } from '../thread/store-thread.ts'
import type { CertificateFacts } from './certificate.ts'
import { type ChainHash, GENESIS } from './chain.ts'
import { proofFile } from './copy.ts'
import { written } from './day-numbers.ts'
import type { Checkpoint } from './ledger-file.ts'
import { type PayloadCipher, personsOf } from './personal.ts'
import type { LedgerLoss } from './salvage.ts'
import type { PublicKeyText, Signature, SignatureAlgorithm } from './signing.ts'
import type { AppendRow, EntryProof, ListQuery, StoredEntry } from './storage.ts'
import * as storage from './storage.ts'
import type { AnchorClaim, VerifyAnswer } from './verification.ts'

export interface LedgerOptions {
  dir: string
  clock: Clock
  /** Zone in which the running numbers of a day begin anew. */
  timezone?: string
  hash?: ChainHash
  signature?: SignatureAlgorithm
  cipher?: PayloadCipher
  /** Secret of the facility: wraps the keys of persons. Without it payloads about persons are kept unsealed. */
  facilityKey?: string
  readOnly?: boolean
  thread?: boolean
  /** Source of salts: unguessable; handed in by tests only. */
  salt?(): string
  /** Source of keys of persons, without a thread; handed in by tests only. */
  bytes?(n: number): Buffer
  /** Test aid: stands between ledger and storage. */
  intercept?(link: StoreLink): StoreLink
  onEvent?(event: { event: 'ledger-failed'; detail: string }): void
}

type Item = Parameters<Ledger['append']>[0][number]

interface Waiting {
  items: Item[]
  /** The key that is destroyed with this. */
  forgets?: string
  resolve(entries: LedgerEntry[]): void
  reject(error: unknown): void
}

export interface EdgeLedger extends ProvingLedger {
  /** Running number of an alert for people ("1122-0412"): the same at each call; on disk with the change that says `raised`. */
  number(alert: string, raisedAt: number): Promise<string>
  numbers(alerts: [id: string, raisedAt: number][]): Promise<string[]>
  /** The next numbers, for alerts that never had one: at once, without asking the thread, but for one time in many. */
  freshNumbers(raisedAt: number[]): Promise<string[]>
  /** Losses that are not yet made good from the journal. */
  toRestore(): Promise<LedgerLoss[]>
  /** So many entries of the journal, which a loss had taken, are in the ledger again. */
  restored(losses: readonly LedgerLoss[], entries: number): Promise<void>
  /** What was found damaged so far. */
  losses(): Promise<LedgerLoss[]>
  /** Time of the last anchor that the province has acknowledged. */
  lastAnchorAt(): Promise<number | null>
  /** Signs what is new; null when nothing is. Runs by itself at most once a second. */
  checkpoint(): Promise<Checkpoint | null>
  proof(seq: number): Promise<EntryProof | null>
  publicKeys(): Promise<PublicKeyText[]>
  /** Signs a text that says what it is in its first line; null where the private key is not at hand. */
  sign(text: string): Promise<Signature | null>
  /** Hash by which entry `seq` is chained. */
  hashName(seq: number): Promise<ChainHash>
  verify(fromSeq?: number, anchors?: readonly AnchorClaim[]): Promise<VerifyAnswer>
  /** The province has acknowledged this anchor. */
  anchored(anchor: AnchorClaim): Promise<void>
  /** What the ledger holds of a day; reads beside a running edge. */
  day(fromMs: number, toMs: number): Promise<CertificateFacts>
  /** Is this in the ledger already, readable or not? For who writes again what a crash may have cut off. */
  holds(item: Item): Promise<boolean>
  /** Makes everything about a person unreadable for good, and records it. The chain stays whole. */
  forget(person: string, act: { by: string; reason: string }): Promise<Forgotten>
  /** Chain hash of the entry with this payload, or with this mark; waits for an entry that is about to come, then gives the head's. */
  hashOf(ref: string, payload: unknown, mark?: string): Promise<string>
}

export interface Forgotten {
  /** Id of the destroyed key; null when the person had none. */
  key: string | null
  /** Payloads that can no longer be read, and plain ones of an older ledger that were removed. */
  sealed: number
  removed: number
  /** The entry that records it; null when there was nothing about the person. */
  seq: number | null
}

const CHECKPOINT_MS = 1000
/** Payloads looked through at once: an alert waits for at most one such step. */
const FORGET_STEP = 500
/** Numbers taken over at once. */
const RESERVED = 100
/** The desk writes journal, then ledger: who reads the journal may come a moment too early. */
const HASH_TRIES = 20
const HASH_WAIT_MS = 100

export async function openLedger(options: LedgerOptions): Promise<EdgeLedger> {
  const storageOptions = storageOptionsOf(options, options.readOnly === true)
  let link: StoreLink =
    options.thread === false
      ? openStoreInline(storage as never, storageOptions)
      : await openStoreThread(new URL('./storage.ts', import.meta.url), storageOptions)
  if (options.intercept) link = options.intercept(link)
  const ledger = new SqliteLedger(options, link, await link.call('head'))
  if (options.readOnly !== true) await ledger.nameLosses()
  return ledger
}

function storageOptionsOf(options: LedgerOptions, readOnly: boolean): storage.LedgerStorageOptions {
  const { dir, timezone = 'Asia/Shanghai', hash = 'sha256', signature, cipher, facilityKey } = options
  return {
    dir,
    timezone,
    hash,
    readOnly,
    now: options.clock.now(),
    ...(signature ? { signature } : {}),
    ...(cipher ? { cipher } : {}),
    ...(facilityKey ? { facilityKey } : {}),
    ...(options.bytes && options.thread === false ? { bytes: options.bytes } : {}),
  }
}

class SqliteLedger implements EdgeLedger {
  readonly #options: LedgerOptions
  readonly #link: StoreLink
  #head: { seq: number; hash: string }
  #waiting: Waiting[] = []
  #writing: Promise<void> | null = null
  /** Numbers of a day that are this side's to give. */
  readonly #reserved = new Map<string, { next: number; last: number }>()
  #reserving: Promise<void> | null = null
  #checkpointDue = false
  #closed = false

  constructor(options: LedgerOptions, link: StoreLink, head: { seq: number; hash: string }) {
    this.#options = options
    this.#link = link
    this.#head = head ?? { seq: 0, hash: GENESIS }
  }

  append(items: Item[]): Promise<LedgerEntry[]> {
    return items.length === 0 ? Promise.resolve([]) : this.#append(items)
  }

  #append(items: Item[], forgets?: string): Promise<LedgerEntry[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, ...(forgets === undefined ? {} : { forgets }), resolve, reject })
      this.#startWriting()
    })
  }

  #startWriting(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null
      // Something may have come after the last look and before this line.
      if (this.#waiting.length > 0) this.#startWriting()
    })
  }

  head(): { seq: number; hash: string } {
    return this.#head
  }

  async list(query: ListQuery): Promise<LedgerEntry[]> {
    const rows = await this.#link.call<StoredEntry[]>('list', query)
    return rows.map(({ text, ...entry }) => ({ ...entry, payload: text === null ? null : JSON.parse(text) }))
  }

  verify(fromSeq = 1, anchors: readonly AnchorClaim[] = []): Promise<VerifyAnswer> {
    return this.#aside((link) => link.call('verify', fromSeq, anchors))
  }

  day(fromMs: number, toMs: number): Promise<CertificateFacts> {
    return this.#aside((link) => link.call('day', fromMs, toMs))
  }

  /** Long reading happens in a thread of its own: it must not hold up an alert. */
  async #aside<T>(work: (link: StoreLink) => Promise<T>): Promise<T> {
    if (this.#options.thread === false || this.#options.readOnly) return work(this.#link)
    const reader = await openStoreThread(
      new URL('./storage.ts', import.meta.url),
      storageOptionsOf(this.#options, true),
    )
    try {
      return await work(reader)
    } finally {
      await reader.close()
    }
  }

  anchored(anchor: AnchorClaim): Promise<void> {
    return this.#link.call('anchored', anchor, this.#options.clock.now())
  }

  async forget(person: string, act: { by: string; reason: string }): Promise<Forgotten> {
    if (!(await this.#link.call<boolean>('canForget')))
      throw new WardwatchError(
        'usage',
        'The key of the facility is missing or is not the one that this ledger was kept with: name the site file (--site) that gives it.',
      )
    const key = await this.#link.call<string | null>('keyOf', person)
    const sum = { sealed: 0, removed: 0 }
    let refs: string[] = []
    for (let after = 0; ; ) {
      const step = await this.#link.call<{ upTo: number | null; sealed: number; removed: number; refs: string[] }>(
        ...(['forgetScan', person, key, refs, after, FORGET_STEP] as const),
      )
      if (step.upTo === null) break
      sum.sealed += step.sealed
      sum.removed += step.removed
      refs = step.refs
      after = step.upTo
    }
    if (key === null && sum.removed === 0) return { key, ...sum, seq: null }
    const payload = { act: 'forget-person', key, ...sum, reason: act.reason }
    // Record and deed are one commit: the key's bytes go after it, or at the next start.
    const [entry] = await this.#append([{ kind: 'act', by: act.by, payload }], key ?? undefined)
    if (key !== null) await this.#link.call('forget', key)
    await this.#link.call('flush')
    return { key, ...sum, seq: entry!.seq }
  }

  async hashOf(ref: string, payload: unknown, mark?: string): Promise<string> {
    const text = canonicalJson(payload)
    for (let attempt = 0; attempt < HASH_TRIES && !this.#closed; attempt++) {
      const hash = await this.#link.call<string | null>('hashOf', ref, text, mark ?? null)
      if (hash !== null) return hash
      await new Promise<void>((resolve) => this.#options.clock.after(HASH_WAIT_MS, resolve))
    }
    return this.#head.hash
  }

  holds(item: Item): Promise<boolean> {
    return this.#link.call('holds', item.ref ?? null, item.kind, canonicalJson(item.payload), item.mark ?? null)
  }

  async number(alert: string, raisedAt: number): Promise<string> {
    return (await this.numbers([[alert, raisedAt]]))[0]!
  }

  numbers(alerts: [id: string, raisedAt: number][]): Promise<string[]> {
    return this.#link.call('numbers', alerts)
  }

  async freshNumbers(raisedAt: number[]): Promise<string[]> {
    const numbers: string[] = []
    for (const at of raisedAt) {
      const { date } = localTime(this.#options.timezone ?? 'Asia/Shanghai', at)
      let left = this.#reserved.get(date)
      while (left === undefined || left.next > left.last) {
        this.#reserving ??= this.#reserve(date).finally(() => {
          this.#reserving = null
        })
        await this.#reserving
        left = this.#reserved.get(date)
      }
      numbers.push(written({ day: date, n: left.next++ }))
    }
    return numbers
  }

  async #reserve(day: string): Promise<void> {
    const first = await this.#link.call<number>('reserve', day, RESERVED)
    if (this.#reserved.size > 7) this.#reserved.clear()
    this.#reserved.set(day, { next: first, last: first + RESERVED - 1 })
  }

  checkpoint(): Promise<Checkpoint | null> {
    return this.#link.call('checkpoint', this.#options.clock.now())
  }

  proof(seq: number): Promise<EntryProof | null> {
    return this.#link.call('proof', seq)
  }

  async proofFile(seq: number, facility: string): Promise<object | null> {
    const proof = await this.proof(seq)
    if (!proof) return null
    const keys = await this.publicKeys()
    return proofFile(proof, await this.hashName(seq), facility, { publicKeys: () => keys })
  }

  publicKeys(): Promise<PublicKeyText[]> {
    return this.#link.call('publicKeys')
  }

  sign(text: string): Promise<Signature | null> {
    return this.#link.call('sign', text)
  }

  hashName(seq: number): Promise<ChainHash> {
    return this.#link.call('hashName', seq)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    while (this.#writing) await this.#writing
    if (!this.#options.readOnly) await this.checkpoint().catch(() => null)
    await this.#link.close()
  }

  /** A loss is named by an entry before anything else is entered. */
  async nameLosses(): Promise<void> {
    for (const { noteSeq, restored: _restored, id, ...loss } of await this.losses()) {
      if (noteSeq !== null) continue
      const payload = { what: 'ledger-damaged', ...loss, file: basename(loss.file) }
      const [entry] = await this.append([{ kind: 'note', by: 'system', payload }])
      await this.#link.call('lossIs', id, 'noteSeq', entry!.seq)
    }
  }

  losses(): Promise<LedgerLoss[]> {
    return this.#link.call('losses')
  }

  async toRestore(): Promise<LedgerLoss[]> {
    return (await this.losses()).filter((loss) => loss.restored === null)
  }

  async restored(losses: readonly LedgerLoss[], entries: number): Promise<void> {
    const payload = { what: 'ledger-restored', from: 'journal', losses: losses.map(({ lost }) => lost), entries }
    await this.append([{ kind: 'note', by: 'system', payload }])
    for (const { id } of losses) await this.#link.call('lossIs', id, 'restored', entries)
  }

  lastAnchorAt(): Promise<number | null> {
    return this.#link.call('lastAnchorAt')
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Everything appended in this turn of the loop joins the same transaction.
      await Promise.resolve()
      // A key that is destroyed seals nothing that comes after.
      const last = this.#waiting.findIndex(({ forgets }) => forgets !== undefined)
      const group = this.#waiting.splice(0, last < 0 ? this.#waiting.length : last + 1)
      try {
        const rows = group.flatMap(({ items, forgets }) => items.map((item) => this.#row(item, forgets)))
        const stored = await this.#link.call<Omit<StoredEntry, 'text'>[]>('append', rows)
        const last = stored.at(-1)!
        this.#head = { seq: last.seq, hash: last.hash }
        let i = 0
        for (const { items, resolve } of group)
          resolve(items.map((item) => ({ ...stored[i++]!, payload: item.payload })))
        this.#scheduleCheckpoint()
      } catch (error) {
        this.#options.onEvent?.({ event: 'ledger-failed', detail: (error as Error).message })
        for (const { reject } of group) reject(error)
      }
    }
  }

  #row(item: Item, forgets: string | undefined): AppendRow {
    return {
      at: this.#options.clock.now(),
      kind: item.kind,
      ref: item.ref ?? null,
      by: item.by ?? null,
      salt: this.#options.salt?.() ?? randomBytes(16).toString('hex'),
      text: canonicalJson(item.payload),
      ...personsIn(item),
      ...numberOf(item),
      ...(item.mark === undefined ? {} : { mark: item.mark }),
      ...(forgets === undefined ? {} : { forgets }),
    }
  }

  #scheduleCheckpoint(): void {
    if (this.#checkpointDue || this.#closed) return
    this.#checkpointDue = true
    this.#options.clock.after(CHECKPOINT_MS, () => {
      this.#checkpointDue = false
      if (this.#closed) return
      this.checkpoint().catch((error) =>
        this.#options.onEvent?.({ event: 'ledger-failed', detail: (error as Error).message }),
      )
    })
  }
}

function personsIn(item: Item): Pick<AppendRow, 'persons'> {
  const persons = personsOf(item.kind, item.payload)
  return persons.length > 0 ? { persons } : {}
}

function numberOf(item: Item): Pick<AppendRow, 'number'> {
  const change = item.payload as Partial<AlertChange> | null
  if (item.kind !== 'alert' || change?.change !== 'raised' || !change.alert?.number) return {}
  return { number: { alert: change.alert.id, raisedAt: change.alert.raisedAt, text: change.alert.number } }
}
