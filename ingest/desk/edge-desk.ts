/** What the composition root may ask of the desk beyond its port, how it is opened, and what it says of itself. */
import type { Alert, AlertChange } from '#model/alert/alert.ts'
import type { Clock } from '#model/clock.ts'
import type { AlertDesk } from '#model/ports/alert-desk.ts'
import type { EdgeJournal } from '../journal/journal.ts'
import type { EdgeLedger } from '../ledger/ledger.ts'
import type { StoreLink } from '../thread/store-thread.ts'
import type { Damage } from '../thread/whole.ts'

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
