/** The spine: one durable, ordered log of everything that happened. Implemented by `ingest/journal`. */
import type { Act } from '../alert/acts.ts'
import type { AlertChange } from '../alert/alert.ts'
import type { ContextChange } from '../context/kinds.ts'
import type { Quarantined, Reading } from '../reading.ts'

export type JournalBody =
  | { kind: 'reading'; reading: Reading }
  | { kind: 'context'; change: ContextChange; by: string }
  | { kind: 'act'; act: Act }
  | { kind: 'alert'; change: AlertChange }
  | { kind: 'quarantine'; item: Quarantined }

export interface JournalRecord {
  /** Position in the log: starts at 1, no gaps. */
  seq: number
  /** Edge time of the append, ms. */
  at: number
  body: JournalBody
}

/** Two lanes per consumer: alert changes overtake backlog, order holds within a lane. */
export type Lane = 'alert' | 'other' | 'all'

/** In the name of a consumer's second cursor, ahead of its first: no consumer of its own. */
export const SIDE_MARK = '>'

export interface JournalStats {
  lastSeq: number
  firstSeq: number
  bytes: number
  /** Appends waiting for the disk. */
  pending: number
  commits: number
  duplicates: number
  shed: number
}

export interface JournalCursor {
  readonly name: string
  readonly lane: Lane
  /** Position up to which the consumer has finished; survives a restart. */
  position(): number
  /** Next records after the read position, at most `limit`; waits for new ones up to `waitMs`, then gives []. */
  next(limit: number, waitMs?: number): Promise<JournalRecord[]>
  /** Everything up to `seq` is done: durable with the next group commit. */
  commit(seq: number): void
  /** Records between here and the end of the log. */
  lag(): number
  close(): void
}

export interface Journal {
  /**
   * Appends in order; resolves with the sequence numbers once the records are on disk (group commit). Between appends
   * that wait at the same time alert changes and acts overtake everything, and whatever is no sample overtakes samples.
   * A reading whose id was seen within 24 h is not appended again: its sequence number is 0 and it is counted.
   */
  append(bodies: JournalBody[]): Promise<number[]>
  /** Called after each commit with the records as appended, in order; must return quickly. Returns the unsubscriber. */
  onCommit(listener: (records: JournalRecord[]) => void): () => void
  /** @param from position of a consumer that has none yet; default: before the first record. */
  cursor(name: string, lane: Lane, from?: number): Promise<JournalCursor>
  /** The position of every consumer, also of those that are not open. */
  positions(): [name: string, lane: Lane, position: number][]
  /** Drops the positions of a consumer, also those of its side cursors, for good; what it has not taken is held back for it no longer. */
  forget(name: string): Promise<void>
  /** Records of a lane after a position. */
  count(after: number, lane: Lane): Promise<number>
  /** Reads a range (ends included) without moving any cursor. */
  read(fromSeq: number, limit: number): Promise<JournalRecord[]>
  /** First sequence number whose time is not before `timeMs`; lastSeq + 1 when there is none. */
  seqAt(timeMs: number): Promise<number>
  stats(): JournalStats
  close(): Promise<void>
}
