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

export function influxql(q: PlannedQuery, field: PlannedQuery['fields'][number]): string {
  const where = [`time >= ${q.start}ms`, `time < ${q.end}ms`]
  for (const tag of ['device', 'zone'] as const) {
    const values = q[tag]
    if (values && values.length > 0) where.push(`(${values.map((v) => `${name(tag)} = ${text(v)}`).join(' OR ')})`)
  }
  const from = `FROM ${name(measurementOf(q.type))} WHERE ${where.join(' AND ')}`
  return q.everyMs === 0
    ? `SELECT ${name(field.name)} AS value ${from} GROUP BY "device", "zone" ORDER BY time ASC LIMIT ${MAX_POINTS}`
    : `SELECT ${field.fn}(${name(field.name)}) AS value ${from} GROUP BY time(${q.everyMs}ms), "device", "zone" fill(none)`
}

/** @param ask sends one statement and gives times in ms. */
export async function queryInfluxql(
  query: SeriesQuery,
  ask: (statement: string) => Promise<InfluxAnswer>,
): Promise<SeriesLine[]> {
  const q = planQuery(query)
  const lines: SeriesLine[] = []
  for (const field of q.fields) {
    const answer = await ask(influxql(q, field))
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
