/**
 * A reading is one timestamped observation from one device: the one datum that flows (`domain.md` 1).
 * Two clocks, never one: `time` is the source's, `received` the edge's. Both are ms since 1970 UTC.
 */
export type Quality = 'good' | 'uncertain' | 'bad'
export const QUALITIES: readonly Quality[] = ['good', 'uncertain', 'bad']

export type ReadingValue = Record<string, unknown>

export interface Reading {
  /** Unique; a redelivered reading carries the same id (derived when the source has none, `ids.ts`). */
  id: string
  facility: string
  /** Zone id; null while it is not known (the rules resolve it from context). */
  zone: string | null
  device: string
  /** A type of the catalogue, e.g. `band.worn`. */
  type: string
  time: number
  received: number
  quality: Quality
  /** Person id (never a band or tag id); null when the reading is about nobody. */
  subject: string | null
  value: ReadingValue
  /** Item of the quarantine that it was until somebody repaired the cause; absent on all others. */
  replayOf?: string
}

/** What a driver or an importer hands over: everything the edge can fill in by itself may be missing. */
export interface RawReading {
  id?: string
  facility?: string
  zone?: string | null
  device: string
  type: string
  time?: number
  received?: number
  quality?: Quality
  subject?: string | null
  value: ReadingValue
  replayOf?: string
}

/** Something that could not be read as a reading: kept, counted, shown, re-playable after repair. */
export interface Quarantined {
  /** Where it came from: `mqtt:<topic>`, `opcua:<device>`, `file:<name>:<line>`, `http`. */
  source: string
  device: string | null
  received: number
  /** Code of the error catalogue. */
  cause: string
  /** One sentence: what happened, what it means, what to do. */
  detail: string
  /** The original text, at most 64 KiB. */
  payload: string
}
