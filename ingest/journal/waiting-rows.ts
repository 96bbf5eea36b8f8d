/**
 * What waits for the disk, and what of it goes next. Three queues: alert changes and acts; news (events, states, context);
 * samples. Each overtakes those after it, within a queue everything keeps its order. Under load samples are gathered for
 * some milliseconds, and what is not a sample leaves them behind. Bounded: beyond `maxRows` whoever appends must wait,
 * alerts and acts excepted.
 */
import type { JournalBody } from '#model/ports/journal.ts'
import { CLASS, classOf, encodeBody, isSample, isSheddable, tagOf } from './record-codec.ts'
import type { CommitRequest } from './storage.ts'

type Rank = 'urgent' | 'news' | 'samples'

/** One append. */
export interface Waiting {
  rank: Rank
  rows: string[]
  tags: number[]
  at: number
  bodies: JournalBody[]
  resolve(seqs: number[]): void
  reject(error: unknown): void
}

export interface WaitingOptions {
  /** Rows that may wait. */
  maxRows: number
  /** Rows of one group commit. */
  maxCommitRows: number
  /** How long samples are gathered since the last group of them began, ms of `performance.now()`; 0: never. */
  gatherMs: number
}

/** Under load: a group of so many samples went to the disk the last time. */
const GATHER_FROM_ROWS = 4
/** Enough to go at once. */
const GATHERED_ROWS = 32
/** Of a group at most so much is news while samples wait: a flood of events must not starve them. */
const NEWS_SHARE = 0.75

export class WaitingRows {
  readonly #options: WaitingOptions
  readonly #queues: Record<Rank, Waiting[]> = { urgent: [], news: [], samples: [] }
  #rows = 0
  #sampleRows = 0
  #room: { since: number; go(): void }[] = []
  /** Of the last group of samples. */
  #lastBegan = 0
  #lastRows = 0
  /** Ends the gathering under way. */
  #hurry: (() => void) | null = null

  constructor(options: WaitingOptions) {
    this.#options = options
  }

  /** Rows that are not on the disk yet, those on their way included. */
  get rows(): number {
    return this.#rows
  }

  get isFull(): boolean {
    return this.#rows >= this.#options.maxRows
  }

  get isEmpty(): boolean {
    const { urgent, news, samples } = this.#queues
    return urgent.length === 0 && news.length === 0 && samples.length === 0
  }

  /** Arrival of what has waited longest, ms; null: nothing waits. */
  get since(): number | null {
    const { urgent, news, samples } = this.#queues
    let since: number | null = null
    for (const at of [urgent[0]?.at, news[0]?.at, samples[0]?.at, this.#room[0]?.since])
      if (at !== undefined && (since === null || at < since)) since = at
    return since
  }

  add(item: Waiting): void {
    const { rank } = item
    this.#queues[rank].push(item)
    this.#rows += item.rows.length
    if (rank === 'samples') this.#sampleRows += item.rows.length
    if (rank !== 'samples' || this.#sampleRows >= GATHERED_ROWS) this.#hurry?.()
  }

  /** A group that could not be written goes back to where it was. */
  putBack(items: Waiting[]): void {
    for (const item of items.toReversed()) {
      this.#queues[item.rank].unshift(item)
      if (item.rank === 'samples') this.#sampleRows += item.rows.length
    }
  }

  /** Resolves when there is room, or at `letAllIn`. */
  room(since: number): Promise<void> {
    return new Promise((go) => this.#room.push({ since, go }))
  }

  /** These have an answer, good or bad. */
  done(items: readonly Waiting[]): void {
    for (const item of items) this.#rows -= item.rows.length
    if (!this.isFull) this.letAllIn()
  }

  letAllIn(): void {
    for (const { go } of this.#room.splice(0)) go()
  }

  /** How much longer samples should be waited for while nothing else is there, ms; 0: not at all. */
  patienceMs(now: number): number {
    const { urgent, news } = this.#queues
    return urgent.length > 0 || news.length > 0 ? 0 : this.#gatheringMs(now)
  }

  #gatheringMs(now: number): number {
    if (this.#lastRows < GATHER_FROM_ROWS || this.#sampleRows >= GATHERED_ROWS) return 0
    return Math.max(0, this.#lastBegan + this.#options.gatherMs - now)
  }

  /** Resolves after so long, or as soon as something comes that need not wait. */
  gather(ms: number): Promise<void> {
    return new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#hurry = null
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#hurry = end
    })
  }

  hurry(): void {
    this.#hurry?.()
  }

  /** The next group for the disk. Samples that are still being gathered stay, where something else goes. */
  next(now: number): Waiting[] {
    const { urgent, news, samples } = this.#queues
    const gathering = (urgent.length > 0 || news.length > 0) && this.#gatheringMs(now) > 0
    const { maxCommitRows } = this.#options
    const group: Waiting[] = []
    let rows = 0
    const take = (queue: Waiting[], limit: number): number => {
      let taken = 0
      const before = rows
      while (taken < queue.length && (rows === 0 || rows + queue[taken]!.rows.length <= limit))
        rows += queue[taken++]!.rows.length
      // Not spread into push(): a flood of tiny appends must not become a flood of arguments.
      for (const item of queue.splice(0, taken)) group.push(item)
      return rows - before
    }
    take(urgent, maxCommitRows)
    take(news, samples.length > 0 ? maxCommitRows * NEWS_SHARE : maxCommitRows)
    if (!gathering && samples.length > 0) {
      this.#lastBegan = now
      this.#lastRows = take(samples, maxCommitRows)
      this.#sampleRows -= this.#lastRows
    }
    return group
  }

  /** Takes everything out, for an end. */
  clear(): Waiting[] {
    const all = [...this.#queues.urgent.splice(0), ...this.#queues.news.splice(0), ...this.#queues.samples.splice(0)]
    this.#rows = 0
    this.#sampleRows = 0
    this.letAllIn()
    return all
  }
}

/** The rows of an append, without those who wait for it. */
export function rowsOf(bodies: JournalBody[], at: number): Omit<Waiting, 'resolve' | 'reject'> {
  const rows: string[] = []
  const tags: number[] = []
  let rank: Rank = 'samples'
  for (const body of bodies) {
    rows.push(encodeBody(body))
    tags.push(tagOf(body))
    if (body.kind === 'alert' || body.kind === 'act') rank = 'urgent'
    else if (rank === 'samples' && !isSample(body)) rank = 'news'
  }
  return { rank, rows, tags, at, bodies }
}

/** Goes to a disk that is nearly full before anything else, and is never shed. */
export const isPrecious = (item: Waiting): boolean => item.tags.some((tag) => classOf(tag) === CLASS.A)

/** What is left of an append when L2 samples are shed; an append without any stays as it is. */
export function withoutSamples(item: Waiting): Waiting {
  if (!item.tags.some(isSheddable)) return item
  const keep = item.tags.map((tag) => !isSheddable(tag))
  return {
    ...item,
    rows: item.rows.filter((_, i) => keep[i]),
    tags: item.tags.filter((_, i) => keep[i]),
    bodies: item.bodies.filter((_, i) => keep[i]),
  }
}

/** What the disk thread is asked to write, together with how far the consumers have come. */
export function requestOf(group: readonly Waiting[], cursors: CommitRequest['cursors']): CommitRequest {
  const count = group.reduce((sum, item) => sum + item.rows.length, 0)
  const tags = new Uint8Array(count)
  const ats = new Float64Array(count)
  const texts: string[] = []
  let i = 0
  for (const item of group) {
    for (const row of item.rows) texts.push(row)
    for (const tag of item.tags) {
      tags[i] = tag
      ats[i++] = item.at
    }
  }
  return { rows: texts.join('\n'), tags, ats, cursors }
}
