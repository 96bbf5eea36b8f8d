/**
 * Reading VictoriaMetrics: raw points by export, buckets by PromQL. A PromQL window looks back and includes its end, so
 * each bucket is asked at its last millisecond. Codes and 0/1 become texts and booleans again by the catalogue.
 */
import type { SeriesLine, SeriesQuery } from '#model/ports/series.ts'
import { inOrder } from './influxql.ts'
import { type FieldValue, fillBuckets, MAX_POINTS, measurementOf, type PlannedQuery, planQuery } from './points.ts'

type Field = PlannedQuery['fields'][number]

const label = (value: string): string => JSON.stringify(value)
const anyOf = (values: string[]): string => label(values.map((v) => v.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'))

function selector(q: PlannedQuery, field: Field): string {
  const metric = `${measurementOf(q.type)}_${field.name}${field.values ? '_code' : ''}`
  const labels = [`__name__=${label(metric)}`]
  if (q.device && q.device.length > 0) labels.push(`device=~${anyOf(q.device)}`)
  if (q.zone && q.zone.length > 0) labels.push(`zone=~${anyOf(q.zone)}`)
  return `{${labels.join(',')}}`
}

function readable(field: Field, value: number): FieldValue | null {
  if (field.fn === 'count') return value
  if (field.values) return field.values[value] ?? null
  return field.boolean ? value !== 0 : value
}

interface Found {
  metric: Record<string, string>
  points: [number, number][]
}

export async function queryVictoria(query: SeriesQuery, get: (path: string) => Promise<string>): Promise<SeriesLine[]> {
  const q = planQuery(query)
  const lines: SeriesLine[] = []
  for (const field of q.fields) {
    // Free text does not exist in a numeric store.
    if (!field.numeric && !field.boolean && !field.values) continue
    const found = q.everyMs === 0 ? await raw(q, field, get) : await buckets(q, field, get)
    for (const { metric, points } of found) {
      const values = points.flatMap(([at, value]): [number, FieldValue][] => {
        const read = readable(q.everyMs === 0 ? { ...field, fn: 'last' } : field, value)
        return read === null ? [] : [[at, read]]
      })
      if (values.length === 0) continue
      lines.push({
        device: metric.device ?? '',
        zone: metric.zone ?? null,
        type: q.type,
        field: field.name,
        points: q.everyMs === 0 ? values.slice(0, MAX_POINTS) : fillBuckets(q, new Map(values)),
      })
    }
  }
  return inOrder(lines, q)
}

async function raw(q: PlannedQuery, field: Field, get: (path: string) => Promise<string>): Promise<Found[]> {
  const params = new URLSearchParams({
    'match[]': selector(q, field),
    start: String(q.start / 1000),
    end: String((q.end - 1) / 1000),
    reduce_mem_usage: '0',
  })
  const text = await get(`/api/v1/export?${params}`)
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const row = JSON.parse(line) as { metric: Record<string, string>; values: number[]; timestamps: number[] }
      return { metric: row.metric, points: row.values.map((v, i): [number, number] => [row.timestamps[i]!, v]) }
    })
}

const OVER_TIME = { mean: 'avg', min: 'min', max: 'max', last: 'last', count: 'count' } as const

async function buckets(q: PlannedQuery, field: Field, get: (path: string) => Promise<string>): Promise<Found[]> {
  const window = `${q.everyMs}ms`
  const params = new URLSearchParams({
    query: `${OVER_TIME[field.fn]}_over_time(${selector(q, field)}[${window}])`,
    start: String((q.start + q.everyMs - 1) / 1000),
    end: String((q.end - 1) / 1000),
    step: window,
    nocache: '1',
  })
  const answer = JSON.parse(await get(`/api/v1/query_range?${params}`)) as {
    data: { result: { metric: Record<string, string>; values: [number, string][] }[] }
  }
  return answer.data.result.map(({ metric, values }) => ({
    metric,
    points: values.map(([at, v]): [number, number] => [Math.round(at * 1000) + 1 - q.everyMs, Number(v)]),
  }))
}
