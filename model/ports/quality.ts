/** Data quality as people see it: streams, tickets, quarantine. Implemented by `ingest/quality`, used by the console's server. */
import type { Bilingual } from '../alert/alert.ts'
import type { Quarantined } from '../reading.ts'

/** Epoch ms, from included, to excluded. */
export interface Window {
  from: number
  to: number
}

/**
 * `silent`: older than three periods. `stuck`: the same value for too long. `excused`: nobody may expect anything now
 * (maintenance, charging list). `event`: it speaks only when something happens, so nothing can be missing.
 */
export type StreamState = 'ok' | 'event' | 'silent' | 'stuck' | 'excused'

export interface StreamQuality {
  device: string
  type: string
  kind: string | null
  zone: string | null
  /** Expected period, ms; null where nothing can be expected. */
  periodMs: number | null
  expected: number | null
  received: number
  late: number
  invalid: number
  /** I21 to I24 of this stream; null = too little data to say. */
  completeness: number | null
  timeliness: number | null
  validity: number | null
  score: number | null
  lastTime: number | null
  ageMs: number | null
  state: StreamState
}

/** Sums over streams: what I21 to I24 are made of. */
export interface QualityTotals {
  expected: number
  /** Received of what was expected: never more than it. */
  arrived: number
  received: number
  timely: number
  valid: number
  /** Everything that came, also what could not be read. */
  judged: number
}

export const TICKET_KINDS = ['silent', 'incomplete', 'late', 'invalid', 'stuck', 'clock', 'never-seen'] as const
export type TicketKind = (typeof TICKET_KINDS)[number]

/** Something to be mended: opens and closes by itself (发现—推动—修复). */
export interface QualityTicket {
  id: string
  kind: TicketKind
  device: string
  /** Reading types it is about; [] = the device as a whole. */
  types: string[]
  /** Department that answers for the data. */
  owner: string
  since: number
  closedAt: number | null
  reason: Bilingual
  advice: Bilingual
}

export type QuarantineState = 'waiting' | 'replayed' | 'dropped'
export interface QuarantineItem extends Quarantined {
  /** `q` and its number in the journal. */
  id: string
  state: QuarantineState
  resolvedAt: number | null
  by: string | null
}

export interface QuarantineFilter {
  ids?: string[]
  device?: string[]
  cause?: string[]
  state?: QuarantineState[]
  limit: number
}

export interface ReplayOutcome {
  /** Items that became readings. */
  replayed: number
  readings: number
  /** Readings that were already there. */
  duplicates: number
  /** Items that still cannot be read, with today's reason. */
  failed: { id: string; cause: string; detail: string }[]
}

export interface QualityDesk {
  streams(window: Window, devices?: readonly string[]): StreamQuality[]
  totals(window: Window): QualityTotals
  /** Newest first. */
  tickets(filter?: { open?: boolean; device?: string[]; kind?: TicketKind[] }): QualityTicket[]
  /** Newest first. */
  quarantine(filter: QuarantineFilter): Promise<QuarantineItem[]>
  /** Waiting items that the filter names are read again with today's model files and site file. */
  replay(filter: QuarantineFilter, by: string): Promise<ReplayOutcome>
  /** Waiting items that the filter names will never be readings; the note says why. */
  drop(filter: QuarantineFilter, by: string, note: string): Promise<{ dropped: number }>
  counts(): { waiting: number; openTickets: number; streams: number; overflow: number }
}
