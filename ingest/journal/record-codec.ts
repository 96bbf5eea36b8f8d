/**
 * How a record lies on disk: one tag byte (kind, class, may it be shed) and one line of JSON. Readings are written as
 * arrays, because their field names would be a third of the file. Must never change the meaning of an old row.
 */
import { READING_TYPES } from '#model/catalogue/types.ts'
import type { JournalBody, Lane } from '#model/ports/journal.ts'
import type { Quality, Reading, ReadingValue } from '#model/reading.ts'

export const KIND = { reading: 1, context: 2, act: 3, alert: 4, quarantine: 5 } as const

/** Retention class of a row: the data classes of the catalogue, and `A` for alerts, acts and context (kept longest). */
export const CLASS = { L1: 1, L2: 2, L3: 3, L4: 4, A: 5 } as const
export type RowClass = keyof typeof CLASS

/** Set on L2 samples: the telemetry that is shed first when the disk is full. Events and states never carry it. */
const SHEDDABLE = 8

export const kindOf = (tag: number): number => tag >> 4
export const classOf = (tag: number): number => tag & 7
export const isSheddable = (tag: number): boolean => (tag & SHEDDABLE) !== 0

const SAMPLES: ReadonlySet<string> = new Set(
  [...READING_TYPES.values()].filter((entry) => entry.signal.kind === 'sample').map((entry) => entry.type),
)
/** One of many measured values in a row; anything else is news. */
export const isSample = (body: JournalBody): boolean => body.kind === 'reading' && SAMPLES.has(body.reading.type)

const readingTags = new Map<string, number>()

function readingTag(type: string): number {
  let tag = readingTags.get(type)
  if (tag === undefined) {
    const entry = READING_TYPES.get(type)
    const dataClass = entry?.class ?? 'L3'
    const shed = dataClass === 'L2' && entry?.signal.kind === 'sample' ? SHEDDABLE : 0
    tag = (KIND.reading << 4) | CLASS[dataClass] | shed
    if (entry) readingTags.set(type, tag)
  }
  return tag
}

export function tagOf(body: JournalBody): number {
  switch (body.kind) {
    case 'reading':
      return readingTag(body.reading.type)
    case 'quarantine':
      return (KIND.quarantine << 4) | CLASS.L3
    default:
      return (KIND[body.kind] << 4) | CLASS.A
  }
}

/** One line: JSON never holds a raw line feed, so lines may be joined for the way to the disk thread. */
export function encodeBody(body: JournalBody): string {
  switch (body.kind) {
    case 'reading': {
      const r = body.reading
      return JSON.stringify([
        r.id,
        r.facility,
        r.zone,
        r.device,
        r.type,
        r.time,
        r.received,
        r.quality,
        r.subject,
        r.value,
        ...(r.replayOf === undefined ? [] : [r.replayOf]),
      ])
    }
    case 'context':
      return JSON.stringify({ change: body.change, by: body.by })
    case 'act':
      return JSON.stringify(body.act)
    case 'alert':
      return JSON.stringify(body.change)
    case 'quarantine':
      return JSON.stringify(body.item)
  }
}

type ReadingRow = [
  id: string,
  facility: string,
  zone: string | null,
  device: string,
  type: string,
  time: number,
  received: number,
  quality: Quality,
  subject: string | null,
  value: ReadingValue,
  replayOf?: string,
]

export function decodeBody(tag: number, text: string): JournalBody {
  const data = JSON.parse(text)
  switch (kindOf(tag)) {
    case KIND.reading: {
      const [id, facility, zone, device, type, time, received, quality, subject, value, replayOf] = data as ReadingRow
      const reading: Reading = { id, facility, zone, device, type, time, received, quality, subject, value }
      if (replayOf !== undefined) reading.replayOf = replayOf
      return { kind: 'reading', reading }
    }
    case KIND.context:
      return { kind: 'context', change: data.change, by: data.by }
    case KIND.act:
      return { kind: 'act', act: data }
    case KIND.alert:
      return { kind: 'alert', change: data }
    default:
      return { kind: 'quarantine', item: data }
  }
}

/** The JSON text of a reading row's id, between its quotes: the first element of the array. */
export function idText(row: string): string {
  let end = row.indexOf('"', 2)
  while (end > 0 && isEscaped(row, end)) end = row.indexOf('"', end + 1)
  return row.slice(2, end)
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0
  while (text.charCodeAt(at - 1 - slashes) === 92) slashes++
  return slashes % 2 === 1
}

export function inLane(lane: Lane, body: JournalBody): boolean {
  return lane === 'all' || (body.kind === 'alert') === (lane === 'alert')
}
