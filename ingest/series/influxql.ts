/** Reading by InfluxQL, which all generations of InfluxDB answer. One statement per field; values in order of time. */
import type { SeriesLine, SeriesQuery } from '#model/ports/series.ts'
import { type FieldValue, fillBuckets, MAX_POINTS, measurementOf, type PlannedQuery, planQuery } from './points.ts'

export interface InfluxAnswer {
  results: {
    error?: string
    series?: { name: string; tags?: Record<string, string>; columns: string[]; values: (FieldValue | null)[][] }[]
  }[]
}

const name = (text: string): string => `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, ' ')}"`
const text = (value: string): string => `'${value.replace(/\\/g, '\\\\').replace(/'/g, "\\'").replace(/\n/g, ' ')}'`

/** `DELETE` removes from every policy of a database: what stays longer lies in one of its own. */
export const rollupDatabase = (database: string): string => `${database}_rollup`

/** Rollups, by the name of their retention policy. */
export const ROLLUPS = [
  { policy: 'ww_1m', everyMs: 60_000 },
  { policy: 'ww_1h', everyMs: 3_600_000 },
] as const

/** The rollup whose buckets a question is made of. */
export interface Source {
  database: string
  policy: string
}

/** The widest rollup whose buckets fit the question; null = none, only raw points answer it. */
export function rollupFor(q: PlannedQuery): (typeof ROLLUPS)[number] | null {
  if (q.everyMs === 0) return null
  return ROLLUPS.findLast((r) => q.everyMs % r.everyMs === 0) ?? null
}

/** What a function of raw points is in terms of their rollup. */
const FROM_ROLLUP: Record<SeriesQuery['fn'], (field: string) => string> = {
  mean: (f) => `sum(${name(`sum_${f}`)}) / sum(${name(`count_${f}`)})`,
  count: (f) => `sum(${name(`count_${f}`)})`,
  min: (f) => `min(${name(`min_${f}`)})`,
  max: (f) => `max(${name(`max_${f}`)})`,
  last: (f) => `last(${name(`last_${f}`)})`,
}

/** Rolls up one span of raw points of all measurements; written again it gives the same points. */
export function rollupStatement(database: string, policy: string, everyMs: number, from: number, to: number): string {
  return `SELECT sum(*), count(*), min(*), max(*), last(*) INTO ${name(rollupDatabase(database))}.${name(policy)}.:MEASUREMENT FROM ${name(database)}."autogen"./.*/ WHERE time >= ${from}ms AND time < ${to}ms GROUP BY time(${everyMs}ms), *`
}

export function influxql(q: PlannedQuery, field: PlannedQuery['fields'][number], source: Source | null = null): string {
  const where = [`time >= ${q.start}ms`, `time < ${q.end}ms`]
  for (const tag of ['device', 'zone'] as const) {
    const values = q[tag]
    if (values && values.length > 0) where.push(`(${values.map((v) => `${name(tag)} = ${text(v)}`).join(' OR ')})`)
  }
  const place = source ? `${name(rollupDatabase(source.database))}.${name(source.policy)}.` : ''
  const from = `FROM ${place}${name(measurementOf(q.type))} WHERE ${where.join(' AND ')}`
  return q.everyMs === 0
    ? `SELECT ${name(field.name)} AS value ${from} GROUP BY "device", "zone" ORDER BY time ASC LIMIT ${MAX_POINTS}`
    : `SELECT ${source ? FROM_ROLLUP[field.fn](field.name) : `${field.fn}(${name(field.name)})`} AS value ${from} GROUP BY time(${q.everyMs}ms), "device", "zone" fill(none)`
}

/** @param ask sends one statement and gives times in ms. */
export async function queryInfluxql(
  query: SeriesQuery,
  ask: (statement: string) => Promise<InfluxAnswer>,
  /** Raw points before this time are gone, ms; what they were is in the rollups of the database. */
  older: { rawFrom: number; database: string } | null = null,
): Promise<SeriesLine[]> {
  const q = planQuery(query)
  const lines: SeriesLine[] = []
  const cut = older && q.everyMs > 0 ? Math.ceil(older.rawFrom / q.everyMs) * q.everyMs : Number.NEGATIVE_INFINITY
  // What is still raw is answered from raw points: the rollups of the running hour are not made yet.
  if (older && q.start < cut && cut < q.end && rollupFor(q))
    return joined(
      q,
      await queryInfluxql({ ...query, from: q.start, to: cut }, ask, { ...older, rawFrom: Number.POSITIVE_INFINITY }),
      await queryInfluxql({ ...query, from: cut, to: q.end }, ask),
    )
  const rollup = older && q.start < older.rawFrom ? rollupFor(q) : null
  const source = older && rollup ? { database: older.database, policy: rollup.policy } : null
  for (const field of q.fields) {
    const answer = await ask(influxql(q, field, source))
    for (const series of answer.results[0]?.series ?? []) {
      const device = series.tags?.device ?? ''
      const zone = series.tags?.zone || null
      const values = series.values.filter((v) => v[1] !== null && v[1] !== undefined) as [number, FieldValue][]
      if (values.length === 0) continue
      const found = new Map(values.map(([at, value]) => [Math.trunc(at), value]))
      const points =
        q.everyMs === 0 ? values.map(([at, v]): [number, FieldValue] => [Math.trunc(at), v]) : fillBuckets(q, found)
      lines.push({ device, zone, type: q.type, field: field.name, points })
    }
  }
  return inOrder(lines, q)
}

export function inOrder(lines: SeriesLine[], q: PlannedQuery): SeriesLine[] {
  const place = new Map(q.fields.map((f, i) => [f.name, i]))
  const key = (l: SeriesLine) => `${l.device}\0${l.zone ?? ''}`
  return lines.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : place.get(a.field)! - place.get(b.field)!))
}

/** Two answers about times that follow each other, as one. */
function joined(q: PlannedQuery, first: SeriesLine[], second: SeriesLine[]): SeriesLine[] {
  const lines = new Map<string, { line: SeriesLine; values: Map<number, FieldValue> }>()
  for (const line of [...first, ...second]) {
    const key = `${line.device}\0${line.zone ?? ''}\0${line.field}`
    const known = lines.get(key) ?? { line, values: new Map<number, FieldValue>() }
    for (const [at, value] of line.points) if (value !== null) known.values.set(at, value)
    lines.set(key, known)
  }
  return inOrder(
    [...lines.values()].map(({ line, values }) => ({ ...line, points: fillBuckets(q, values) })),
    q,
  )
}
