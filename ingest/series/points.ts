/**
 * What a reading and an alert change become in a time-series store (`contracts.md` 7). One reading, one point: its time
 * in ns carries an offset below 1 ms derived from the id, so a repeated write overwrites itself. Pure.
 */
import type { AlertChange } from '#model/alert/alert.ts'
import { type FieldSpec, READING_TYPES } from '#model/catalogue/types.ts'
import type { IndicatorPoint, SeriesQuery } from '#model/ports/series.ts'
import type { Reading } from '#model/reading.ts'

export type Item = { reading: Reading } | { change: AlertChange }
export type FieldValue = number | string | boolean

export interface Point {
  /** Id of the reading or alert, for the list of refused points. */
  id: string
  measurement: string
  tags: Record<string, string>
  fields: Record<string, FieldValue>
  /** ns since 1970 as text: more digits than a number holds. */
  ns: string
}

export interface SharingRules {
  /** May L4 types leave, with pseudonyms in the place of persons? */
  l4: 'none' | 'pseudonymous'
  /** Keyed pseudonym of a person; must be there for `pseudonymous`. */
  alias?(person: string): string
}

/** Whole ns below one millisecond, a function of the id alone. */
export function nsOffset(id: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < id.length; i++) {
    h = Math.imul(h ^ id.charCodeAt(i), 0x01000193)
    h ^= h >>> 15
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return ((h ^ (h >>> 16)) >>> 0) % 1_000_000
}
export const nsOf = (timeMs: number, id: string): string =>
  `${Math.trunc(timeMs)}${String(nsOffset(id)).padStart(6, '0')}`

/** Measurement and fields of each type, made once: every reading asks for them. */
const KINDS = new Map(
  [...READING_TYPES.values()].map((entry) => [
    entry.type,
    {
      measurement: entry.type.replaceAll('.', '_'),
      l4: entry.class === 'L4',
      fields: new Map(entry.fields.map((field) => [field.name, field])),
    },
  ]),
)
export const measurementOf = (type: string): string => KINDS.get(type)?.measurement ?? type.replaceAll('.', '_')
const specOf = (type: string, field: string): FieldSpec | undefined => KINDS.get(type)?.fields.get(field)

/** Null when the item may not leave for this store. */
export function pointOf(item: Item, rules: SharingRules): Point | null {
  return 'reading' in item ? readingPoint(item.reading, rules) : alertPoint(item.change, rules)
}

function readingPoint(r: Reading, rules: SharingRules): Point | null {
  const kind = KINDS.get(r.type)
  if ((kind?.l4 ?? true) && rules.l4 !== 'pseudonymous') return null
  const alias = rules.l4 === 'pseudonymous' ? rules.alias : undefined
  const fields: Record<string, FieldValue> = { quality: r.quality }
  const { value: values } = r
  for (const name of Object.keys(values)) {
    const value = values[name]
    // Persons are named in some values; outside they have a pseudonym or no name at all.
    if (name === 'person' || name === 'officer' || name === 'credential' || name === 'by') {
      if (alias && typeof value === 'string') fields[name] = alias(value)
      continue
    }
    const field = fieldValue(value, kind?.fields.get(name))
    if (field !== null) fields[name] = field
  }
  if (r.subject !== null && alias) fields.subject = alias(r.subject)
  const tags: Record<string, string> = { facility: r.facility, device: r.device }
  if (r.zone) tags.zone = r.zone
  return { id: r.id, measurement: kind?.measurement ?? measurementOf(r.type), tags, fields, ns: nsOf(r.time, r.id) }
}

function alertPoint(change: AlertChange, rules: SharingRules): Point {
  const { alert, at } = change
  const persons = new Set(alert.subjects)
  const key = alert.key
    .split('|')
    .map((part) => (persons.has(part) || part === alert.subject ? (rules.alias?.(part) ?? 'person') : part))
    .join('|')
  const tags: Record<string, string> = {
    facility: alert.facility,
    rule: alert.rule,
    code: alert.code,
    level: alert.level,
    change: change.change,
  }
  if (alert.zone) tags.zone = alert.zone
  return {
    id: alert.id,
    measurement: 'alert',
    tags,
    fields: { id: alert.id, key, at },
    ns: nsOf(at, `${alert.id}|${change.change}|${change.by ?? ''}|${change.note ?? ''}`),
  }
}

/** One point per indicator and day: told again, it overwrites itself. What is not known has a number of samples alone. */
export function indicatorPoint({ facility, indicator, from, to, value, n }: IndicatorPoint): Point {
  return {
    id: `${indicator}|${from}`,
    measurement: 'indicator',
    tags: { facility, indicator },
    fields: { ...(value === null ? {} : { value }), n, to },
    ns: nsOf(from, `${facility}|${indicator}`),
  }
}

/** Numbers stay numbers even when one of them happens to be whole: a field has one type for ever. */
function fieldValue(value: unknown, spec: FieldSpec | undefined): FieldValue | null {
  if (value === null || value === undefined) return null
  if (spec?.scalar && typeof value !== 'object') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value === 'boolean') return value
  if (typeof value === 'string') return value
  return spec ? null : JSON.stringify(value)
}

/** VictoriaMetrics keeps numbers only: booleans become 0/1, enumerations also the place in their list. */
export function numericFields(type: string | null, fields: Record<string, FieldValue>): Record<string, FieldValue> {
  const out: Record<string, FieldValue> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'number') out[name] = value
    else if (typeof value === 'boolean') out[name] = value ? 1 : 0
    else if (type !== null) {
      const values = name === 'quality' ? ['good', 'uncertain', 'bad'] : specOf(type, name)?.values
      const code = values?.indexOf(value) ?? -1
      if (code >= 0) out[`${name}_code`] = code
    }
  }
  return out
}

/** Devices, zones and field names come again with every reading: their escaped form is kept, so many of them. */
const MAX_ESCAPED = 20_000
const escaped = new Map<string, string>()
function escapeTag(text: string): string {
  let known = escaped.get(text)
  if (known === undefined) {
    known = text.replace(/[\n\r]/g, ' ').replace(/([,= \\])/g, '\\$1')
    if (escaped.size >= MAX_ESCAPED) escaped.clear()
    escaped.set(text, known)
  }
  return known
}
const escapeText = (text: string): string =>
  text.includes('"') || text.includes('\\') ? `"${text.replace(/(["\\])/g, '\\$1')}"` : `"${text}"`

/** Null when no field is left. */
export function lineOf(point: Point, numeric: boolean): string | null {
  const { measurement, tags } = point
  const fields = numeric ? numericFields(typeByMeasurement.get(measurement) ?? null, point.fields) : point.fields
  let said = ''
  for (const name of Object.keys(fields)) {
    const value = fields[name] as FieldValue
    said += `${said === '' ? ' ' : ','}${escapeTag(name)}=${typeof value === 'string' ? escapeText(value) : value}`
  }
  if (said === '') return null
  let head = typeByMeasurement.has(measurement) ? measurement : measurement.replace(/([, ])/g, '\\$1')
  for (const name of Object.keys(tags)) {
    const value = tags[name] as string
    if (value !== '') head += `,${escapeTag(name)}=${escapeTag(value)}`
  }
  return `${head}${said} ${point.ns}`
}

const typeByMeasurement = new Map([...READING_TYPES.keys()].map((type) => [measurementOf(type), type]))

/** A question in the form that each store answers alike. */
export interface PlannedQuery extends SeriesQuery {
  fields: {
    name: string
    numeric: boolean
    values: readonly string[] | null
    boolean: boolean
    fn: SeriesQuery['fn']
  }[]
  /** Bounds that hold whole buckets: from included, to excluded. */
  start: number
  end: number
}

export const MAX_POINTS = 10_000

/** Text and booleans have no mean: asked for one, every store answers with the last value. */
export function planQuery(query: SeriesQuery): PlannedQuery {
  const specs = READING_TYPES.get(query.type)?.fields ?? []
  const wanted =
    query.field === undefined ? specs : [specs.find((f) => f.name === query.field) ?? unknownField(query.field)]
  const fields = wanted.map((spec) => {
    const numeric = spec.type === 'number' || spec.type === 'integer'
    const fn = query.fn === 'count' || numeric ? query.fn : ('last' as const)
    const values = spec.name === 'quality' ? ['good', 'uncertain', 'bad'] : (spec.values ?? null)
    return { name: spec.name, numeric, values, boolean: spec.type === 'boolean', fn }
  })
  const every = query.everyMs
  const start = every > 0 ? Math.floor(query.from / every) * every : query.from
  let end = every > 0 ? Math.ceil(query.to / every) * every : query.to
  if (every > 0) end = Math.min(end, start + every * MAX_POINTS)
  return { ...query, fields, start, end: Math.max(end, start) }
}

const unknownField = (name: string): FieldSpec => ({ name, type: name === 'quality' ? 'string' : 'number' })

/** One point per bucket, null where nothing is. */
export function fillBuckets(q: PlannedQuery, found: Map<number, FieldValue>): [number, FieldValue | null][] {
  const points: [number, FieldValue | null][] = []
  for (let at = q.start; at < q.end; at += q.everyMs) points.push([at, found.get(at) ?? null])
  return points
}
