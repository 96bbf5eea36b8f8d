/**
 * The hash-chained ledger of alert changes and people's acts. Appends that wait together go into one transaction; an
 * append resolves when it is on disk. Checkpoints are signed at most once a second. Must never rewrite an entry.
 */
import { randomBytes } from 'node:crypto'
import type { AlertChange } from '#model/alert/alert.ts'
import type { Clock } from '#model/clock.ts'
import { canonicalJson } from '#model/ids.ts'
import { localTime } from '#model/local-time.ts'
import type { Ledger, LedgerEntry } from '#model/ports/ledger.ts'
import { openStoreInline, openStoreThread, type StoreLink } from '../thread/store-thread.ts'
import { type ChainHash, GENESIS, type ProofStep } from './chain.ts'
import type { AppendRow, Checkpoint, ListQuery, StoredEntry, VerifyAnswer } from './storage.ts'
import * as storage from './storage.ts'
import { written } from './storage.ts'

export interface LedgerOptions {
  dir: string
  clock: Clock
  /** Zone in which the running numbers of a day begin anew. */
  timezone?: string
  hash?: ChainHash
  readOnly?: boolean
  thread?: boolean
  /** Source of salts: unguessable; handed in by tests only. */
  salt?(): string
  /** Test aid: stands between ledger and storage. */
  intercept?(link: StoreLink): StoreLink
  onEvent?(event: { event: 'ledger-failed'; detail: string }): void
}

type Item = Parameters<Ledger['append']>[0][number]

export interface EdgeLedger extends Ledger {
  /** Running number of an alert for people ("1122-0412"): the same at each call; on disk with the change that says `raised`. */
  number(alert: string, raisedAt: number): Promise<string>
  numbers(alerts: [id: string, raisedAt: number][]): Promise<string[]>
  /** The next numbers, for alerts that never had one: at once, without asking the thread, but for one time in many. */
  freshNumbers(raisedAt: number[]): Promise<string[]>
  /** Signs what is new; null when nothing is. Runs by itself at most once a second. */
  checkpoint(): Promise<Checkpoint | null>
  proof(seq: number): Promise<{ entryHash: string; checkpoint: Checkpoint; steps: ProofStep[] } | null>
  publicKey(): Promise<string>
  /** Chain hash of the entry with this payload; waits for an entry that is about to come, then gives the head's. */
  hashOf(ref: string, payload: unknown): Promise<string>
}

const CHECKPOINT_MS = 1000
/** Numbers taken over at once. */
const RESERVED = 100
/** The desk writes journal, then ledger: who reads the journal may come a moment too early. */
const HASH_TRIES = 20
const HASH_WAIT_MS = 100

export async function openLedger(options: LedgerOptions): Promise<EdgeLedger> {
  const storageOptions: storage.LedgerStorageOptions = {
    dir: options.dir,
    timezone: options.timezone ?? 'Asia/Shanghai',
    hash: options.hash ?? 'sha256',
    readOnly: options.readOnly === true,
  }
  let link: StoreLink =
    options.thread === false
      ? openStoreInline(storage as never, storageOptions)
      : await openStoreThread(new URL('./storage.ts', import.meta.url), storageOptions)
  if (options.intercept) link = options.intercept(link)
  return new SqliteLedger(options, link, await link.call('head'))
}

class SqliteLedger implements EdgeLedger {
  readonly #options: LedgerOptions
  readonly #link: StoreLink
  #head: { seq: number; hash: string }
  #waiting: { items: Item[]; resolve(entries: LedgerEntry[]): void; reject(error: unknown): void }[] = []
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
    if (items.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, resolve, reject })
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

  /** Walks the chain in a thread of its own: a long chain must not hold up an alert. */
  async verify(fromSeq = 1): Promise<VerifyAnswer> {
    if (this.#options.thread === false || this.#options.readOnly) return this.#link.call('verify', fromSeq)
    const reader = await openStoreThread(new URL('./storage.ts', import.meta.url), {
      dir: this.#options.dir,
      timezone: this.#options.timezone ?? 'Asia/Shanghai',
      hash: this.#options.hash ?? 'sha256',
      readOnly: true,
    } satisfies storage.LedgerStorageOptions)
    try {
      return await reader.call<VerifyAnswer>('verify', fromSeq)
    } finally {
      await reader.close()
    }
  }

  async hashOf(ref: string, payload: unknown): Promise<string> {
    const text = canonicalJson(payload)
    for (let attempt = 0; attempt < HASH_TRIES && !this.#closed; attempt++) {
      const hash = await this.#link.call<string | null>('hashOf', ref, text)
      if (hash !== null) return hash
      await new Promise<void>((resolve) => this.#options.clock.after(HASH_WAIT_MS, resolve))
    }
    return this.#head.hash
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

  proof(seq: number) {
    return this.#link.call<{ entryHash: string; checkpoint: Checkpoint; steps: ProofStep[] } | null>('proof', seq)
  }

  publicKey(): Promise<string> {
    return this.#link.call('publicKey')
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    while (this.#writing) await this.#writing
    if (!this.#options.readOnly) await this.checkpoint().catch(() => null)
    await this.#link.close()
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Everything appended in this turn of the loop joins the same transaction.
      await Promise.resolve()
      const group = this.#waiting.splice(0)
      try {
        const rows = group.flatMap(({ items }) => items.map((item) => this.#row(item)))
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

  #row(item: Item): AppendRow {
    return {
      at: this.#options.clock.now(),
      kind: item.kind,
      ref: item.ref ?? null,
      by: item.by ?? null,
      salt: this.#options.salt?.() ?? randomBytes(16).toString('hex'),
      text: canonicalJson(item.payload),
      ...numberOf(item),
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

function numberOf(item: Item): Pick<AppendRow, 'number'> {
  const change = item.payload as Partial<AlertChange> | null
  if (item.kind !== 'alert' || change?.change !== 'raised' || !change.alert?.number) return {}
  return { number: { alert: change.alert.id, raisedAt: change.alert.raisedAt, text: change.alert.number } }
}
