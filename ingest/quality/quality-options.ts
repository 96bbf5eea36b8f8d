/** What data quality is given: devices, periods, the way back from quarantine, and who else follows the journal with it. */
import type { Clock } from '#model/clock.ts'
import type { Journal, JournalRecord } from '#model/ports/journal.ts'
import type { QualityTicket } from '#model/ports/quality.ts'
import type { Damage } from '../thread/whole.ts'
import type { WatchedDevice } from './inspect.ts'
import type { FactRow, MarkRow } from './quality-storage.ts'
import type { QuarantineReplay } from './quarantine.ts'

/** What else follows the journal and is saved in the same transaction. */
export interface Follower {
  apply(record: JournalRecord): void
  takeFacts(): { facts: FactRow[]; marks: MarkRow[] }
  /** What could not be saved is given back. */
  giveBack(taken: { facts: FactRow[]; marks: MarkRow[] }): void
  meta?(): Record<string, string>
  restore?(meta: Record<string, string>): void
}

export interface QualityOptions {
  dir: string
  clock: Clock
  journal: Journal
  /** Devices of the site file with what is known of them. */
  devices(): WatchedDevice[]
  /** Period of a type for one device where the site file says another than the catalogue. */
  period?(device: string, type: string): string | undefined
  /** How quarantined items become readings again. */
  replay: QuarantineReplay
  followers?: Follower[]
  maxStreams?: number
  thread?: boolean
  onTicket?(ticket: QualityTicket): void
  onFault?(detail: string): void
  /** The file was not whole: it lies elsewhere, and a new one is counted from the journal. */
  onDamage?(damage: Damage): void
}
