/** What the composition root may ask of the journal beyond its port, how it is opened, and what it says of itself. */
import type { Clock } from '#model/clock.ts'
import type { Journal, JournalRecord, Lane } from '#model/ports/journal.ts'
import type { Reading } from '#model/reading.ts'
import type { StoreLink } from '../thread/store-thread.ts'
import type { Keep, RetentionOptions } from './retention.ts'

export type JournalEvent =
  | { event: 'journal-corrupt'; file: string; saved: number; lost: [number, number] | null }
  | { event: 'disk-full'; detail: string }
  | { event: 'disk-recovered'; shed: number }
  | { event: 'journal-unreserved'; bytes: number }
  | { event: 'journal-removed'; class: string; removed: number; unread: number; reason: 'age' | 'size' }
  | { event: 'journal-unreadable'; seq: number }
  | { event: 'journal-failed'; detail: string }

export interface JournalOptions extends RetentionOptions {
  dir: string
  clock: Clock
  /** Rows that may wait for the disk before append() waits too. Alerts and acts never wait for room. */
  maxPending?: number
  /** Rows of one group commit: an alert waits for at most one that began before it. */
  maxCommitRows?: number
  /** How long samples may be gathered under load before the disk is asked for them, ms. */
  gatherMs?: number
  tailRecords?: number
  tailBytes?: number
  duplicateIds?: number
  duplicateMs?: number
  /** Space kept aside so that alerts can be written on a full disk. */
  ballastBytes?: number
  readOnly?: boolean
  /** false: on the calling thread (simulation). */
  thread?: boolean
  onEvent?(event: JournalEvent): void
  /** Test aid: stands between journal and storage. */
  intercept?(link: StoreLink): StoreLink
}

/** What the composition root may ask beyond the port. */
export interface EdgeJournal extends Journal {
  /** Readings by id as far as duplicates are remembered (evidence of an alert). */
  findReadings(ids: string[]): Promise<Reading[]>
  /** Newest records of a rare kind, newest first. */
  newest(kind: 'context' | 'act' | 'alert' | 'quarantine', limit: number, beforeSeq?: number): Promise<JournalRecord[]>
  /** Records of a lane after a position, without moving any cursor. */
  readBack(after: number, limit: number, lane: Lane): Promise<JournalRecord[]>
  /** Removes what is older than its class allows; also runs by itself every minute. */
  expire(): Promise<Record<Keep, number>>
  /** A reader without a cursor: what comes after `seq` is held back from retention for it, also after a restart. */
  hold(name: string, seq: number): void
  /** Another store on this disk found it full: the reserve is given up for it and samples are shed until there is room. */
  relieve(detail: string): Promise<void>
  lag(): Record<string, number>
  /** When the oldest reading came in that the disk does not have yet; null: none waits. */
  waitingSince(): number | null
  readonly full: boolean
  /** Nothing can be appended any more, for a reason that does not pass: a new process must open the file again. */
  readonly failed: boolean
}
