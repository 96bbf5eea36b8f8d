/**
 * Completeness, timeliness and validity of one stream over a window (I21 to I24), from its buckets. Pure. Says null where
 * there is too little to judge by: a guessed number would be believed.
 */
import type { Window } from '#model/ports/quality.ts'
import { BUCKET_MS, type StreamEntry, type StreamTable } from './stream-table.ts'

/** Fewer expected samples than this say nothing. */
export const LEAST_EXPECTED = 10
/** What is on its way still counts: a bucket is whole only so long after its end. */
export const SETTLE_MS = 30_000
/** Samples that one comparison of received and expected should span, so that a shifted sample does not look like a loss. */
const SPAN_SAMPLES = 60

export interface Measured {
  expected: number
  arrived: number
  received: number
  late: number
  bad: number
  refused: number
}

export interface MeasureOptions {
  periodMs: number | null
  /** Time of a bucket in which nothing may be expected, ms. */
  excusedMs(bucket: number): number
  now: number
}

export function measure(table: StreamTable, stream: StreamEntry, window: Window, options: MeasureOptions): Measured {
  const { periodMs, now, excusedMs } = options
  const sums = table.sum(stream, window)
  if (periodMs === null) return { expected: 0, arrived: 0, ...sums }
  // From its first sample on, and never further back than its counts are kept.
  const from = Math.max(window.from, stream.armedAt)
  const to = Math.min(window.to, now)
  const first = Math.floor(from / BUCKET_MS)
  /** After the last bucket that is over. */
  const end = Math.min(Math.ceil(to / BUCKET_MS), Math.floor((now - SETTLE_MS) / BUCKET_MS))
  /** What of a bucket lies in the window, after the stream's first sample. */
  const partOf = (number: number): number =>
    Math.max(0, Math.min((number + 1) * BUCKET_MS, window.to) - Math.max(number * BUCKET_MS, from))
  const lifeIn = (number: number): number => (number + 1) * BUCKET_MS - Math.max(number * BUCKET_MS, stream.armedAt)
  const dueIn = (number: number): number => {
    const life = lifeIn(number)
    return life <= 0 ? 0 : Math.max(0, partOf(number) * (1 - excusedMs(number) / life)) / periodMs
  }
  /** Of a bucket that the window cuts, its share; all of it where the stream said nothing outside. */
  const gotIn = (number: number): number => {
    const count = table.received(stream, number)
    const isCut = window.from > Math.max(number * BUCKET_MS, stream.armedAt) || window.to < (number + 1) * BUCKET_MS
    const saidNothingElse = window.from <= stream.armedAt && (stream.lastTime ?? 0) <= window.to
    return isCut && !saidNothingElse ? (count * partOf(number)) / lifeIn(number) : count
  }
  // Only a young stream is judged by a bucket that is not over.
  if (end <= first) {
    if (to <= from) return { expected: 0, arrived: 0, ...sums }
    const start = Math.max(first * BUCKET_MS, stream.armedAt)
    const last = Math.min((first + 1) * BUCKET_MS, now - periodMs)
    const expected = Math.max(0, Math.floor((last - start - excusedMs(first)) / periodMs))
    return { expected, arrived: Math.min(expected, table.received(stream, first)), ...sums }
  }
  const size = Math.max(1, Math.ceil((SPAN_SAMPLES * periodMs) / BUCKET_MS))
  let expected = 0
  let arrived = 0
  let received = 0
  for (let span = first; span < end; span += size) {
    let due = 0
    let got = 0
    for (let number = span; number < Math.min(span + size, end); number++) {
      due += dueIn(number)
      got += gotIn(number)
    }
    expected += due
    received += got
    // One sample more than expected has only slipped over the border; many more do not make up for a loss elsewhere.
    arrived += Math.min(got, due + 1)
  }
  expected = Math.round(expected)
  return { expected, arrived: Math.min(expected, arrived, received), ...sums }
}

export const rates = (m: Measured) => {
  const completeness = m.expected < LEAST_EXPECTED ? null : m.arrived / m.expected
  const timeliness = m.received === 0 ? null : (m.received - m.late) / m.received
  const judged = m.received + m.refused
  const validity = judged === 0 ? null : (m.received - m.bad) / judged
  return { completeness, timeliness, validity, score: scoreOf(completeness, timeliness, validity) }
}

/** I24. Null as soon as one part is not known. */
export function scoreOf(
  completeness: number | null,
  timeliness: number | null,
  validity: number | null,
): number | null {
  if (completeness === null || timeliness === null || validity === null) return null
  return 100 * (0.4 * completeness + 0.3 * timeliness + 0.3 * validity)
}
