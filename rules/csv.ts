/**
 * A CSV of `timestamp,value` as the readings of one device, and a score per row: so that recordings that are not ours (the
 * Numenta benchmark) can be fed to the rules and scored by others. Every row of the input is a row of the scores.
 */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { READING_TYPES } from '#model/catalogue/index.ts'
import { WardwatchError } from '#model/errors.ts'
import type { Site } from '#model/site/load.ts'
import { DeviationScorer, newDeviation, windowFor } from './engine/deviation.ts'

export const CSV_DEVICE = 'csv'

export interface CsvColumn {
  type: string
  field: string
}

/** @param text `type=field`, e.g. env.temperature=celsius. */
export function csvColumn(text: string): CsvColumn {
  const [type = '', field = ''] = text.split('=')
  const spec = READING_TYPES.get(type)
  if (!spec) throw new WardwatchError('usage', `--csv ${text}: "${type}" is not a type of the collection list`)
  if (!spec.fields.some((f) => f.name === field && (f.type === 'number' || f.type === 'integer')))
    throw new WardwatchError(
      'usage',
      `--csv ${text}: ${type} has no number "${field}"; it has ${spec.fields.map((f) => f.name).join(', ') || 'none'}`,
    )
  return { type, field }
}

/** A facility with nothing but the device of the file, for recordings that belong to none. */
export const csvSite = ({ type }: CsvColumn): Site =>
  ({
    facility: { id: 'csv' },
    zones: [{ id: 'CSV', kind: 'machine-room' }],
    devices: [{ id: CSV_DEVICE, kind: READING_TYPES.get(type)?.producers[0], zone: 'CSV' }],
  }) as Site

export interface CsvRow {
  line: number
  /** As it stands in the file. */
  timestamp: string
  text: string
  time: number | null
  value: number | null
}

/** "2014-02-14 14:30:00" (UTC), RFC 3339, or ms or s since 1970. */
export function csvTime(text: string): number | null {
  const trimmed = text.trim()
  if (/^\d{13}$/.test(trimmed)) return Number(trimmed)
  if (/^\d{10}(\.\d+)?$/.test(trimmed)) return Math.round(Number(trimmed) * 1000)
  const plain = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2})(:\d{2}(\.\d+)?)?$/.exec(trimmed)
  const ms = Date.parse(plain ? `${plain[1]}T${plain[2]}${plain[3] ?? ':00'}Z` : trimmed)
  return Number.isNaN(ms) ? null : ms
}

export async function* csvRows(file: string): AsyncGenerator<CsvRow> {
  const lines = createInterface({
    input: createReadStream(file, { encoding: 'utf8' }),
    crlfDelay: Number.POSITIVE_INFINITY,
  })
  let line = 0
  for await (const text of lines) {
    line++
    const [timestamp = '', number = ''] = text.replace(/^\uFEFF/, '').split(',')
    if (text.trim() === '' || (line === 1 && csvTime(timestamp) === null && Number.isNaN(Number(number || Number.NaN))))
      continue
    const value = number.trim() === '' ? Number.NaN : Number(number)
    yield {
      line,
      timestamp: timestamp.trim(),
      text: number.trim(),
      time: csvTime(timestamp),
      value: Number.isFinite(value) ? value : null,
    }
  }
}

/** Scores in the order of the rows. */
export class CsvScores {
  readonly #scorer = new DeviationScorer()
  readonly #state: ReturnType<typeof newDeviation>

  constructor(rows: number) {
    this.#state = newDeviation(windowFor(rows))
  }

  static readonly HEADER = 'timestamp,value,anomaly_score'

  row({ timestamp, time, text, value }: CsvRow): string {
    const score = value === null ? 0 : this.#scorer.next(this.#state, value)
    return `${time === null ? timestamp : utcText(time)},${text},${Number(score.toFixed(6))}`
  }
}

/** "2014-02-14 14:30:00", as public scorers write it. */
const utcText = (ms: number): string => {
  const iso = new Date(ms).toISOString()
  return `${iso.slice(0, 10)} ${iso.slice(11, ms % 1000 === 0 ? 19 : 23)}`
}
