/** Time series for charts and history. Implemented by `ingest/series-*`; the same question, whichever store is configured. */
import type { AlertChange } from '../alert/alert.ts'
import type { Reading } from '../reading.ts'
import type { IndicatorUp } from '../uplink.ts'

export type SeriesFunction = 'mean' | 'min' | 'max' | 'last' | 'count'

export interface SeriesQuery {
  device?: string[]
  zone?: string[]
  type: string
  field?: string
  from: number
  to: number
  /** Bucket width in ms; 0 = raw points, at most 10,000. */
  everyMs: number
  fn: SeriesFunction
}

export interface SeriesLine {
  device: string
  zone: string | null
  type: string
  field: string
  /** [ms, value]; null where a bucket holds nothing. */
  points: [number, number | string | boolean | null][]
}

export interface Series {
  query(query: SeriesQuery): Promise<SeriesLine[]>
}

/** A value of one indicator for one day, as it is kept beside readings in an external store. */
export interface IndicatorPoint extends IndicatorUp {
  facility: string
}

/** A store that is fed by a journal cursor; the cursor is the outbox, so `write` either stores all or throws retriable. */
export interface SeriesSink extends Series {
  readonly name: string
  /**
   * Writes idempotently (same reading, same point). Resolves with what the store refused for good, point by point;
   * throws a WardwatchError `sink-unreachable` when nothing can be said and all must be tried again.
   */
  write(
    items: ({ reading: Reading } | { change: AlertChange })[],
  ): Promise<{ rejected: { id: string; reason: string }[] }>
  /** Rolls up what is new and removes what is older than the store's retention; resolves with counts. */
  expire(now: number): Promise<{ removed: number; rolledUp?: number }>
  /** Keeps values of indicators; a day told twice is one point. Absent: this store keeps none. */
  writeIndicators?(points: IndicatorPoint[]): Promise<void>
  close(): Promise<void>
}
