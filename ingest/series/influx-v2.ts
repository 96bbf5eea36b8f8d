/**
 * The v2 write API through `@influxdata/influxdb-client`: InfluxDB 2 and 3, VictoriaMetrics. The client's own buffer and
 * retries are off: they lose data on exit. InfluxDB is read by InfluxQL; VictoriaMetrics is a numeric store, read by PromQL.
 */
import { HttpError, InfluxDB, setLogger } from '@influxdata/influxdb-client'
import { WardwatchError } from '#model/errors.ts'
import type { SeriesSink } from '#model/ports/series.ts'
import { inPieces } from '../thread/pieces.ts'
import { type InfluxAnswer, queryInfluxql } from './influxql.ts'
import { writeFailure, writeIsolating } from './partial-write.ts'
import { type Item, indicatorPoint, lineOf, type Point, pointOf, type SharingRules } from './points.ts'
import { queryVictoria } from './victoria-query.ts'

export interface InfluxV2Options extends SharingRules {
  url: string
  org?: string
  bucket?: string
  token?: string
  timeoutMs?: number
}

/** Points of one piece of work. */
const PIECE = 100

// The client prints stacks of every failure; the pump says the same in one sentence.
setLogger({ error: () => undefined, warn: () => undefined })

export function openInfluxV2(options: InfluxV2Options): SeriesSink {
  const base = options.url.replace(/\/$/, '')
  const host = new URL(base).host
  const bucket = options.bucket ?? 'wardwatch'
  const timeout = options.timeoutMs ?? 10_000
  const client = new InfluxDB({ url: base, token: options.token ?? '', timeout })
  const headers: Record<string, string> = options.token ? { authorization: `Token ${options.token}` } : {}
  let kind: 'victoria' | 'influx' | null = null

  async function get(path: string): Promise<Response> {
    try {
      return await fetch(base + path, { headers, signal: AbortSignal.timeout(timeout) })
    } catch (error) {
      throw new WardwatchError('sink-unreachable', `The store at ${host} does not answer: ${(error as Error).message}`)
    }
  }

  /** VictoriaMetrics answers PromQL; it also answers any InfluxQL, with nonsense, so it must be recognised first. */
  async function storeKind(): Promise<'victoria' | 'influx'> {
    if (kind) return kind
    const answer = await get('/api/v1/query?query=1')
    const body = await answer.text()
    if (answer.status >= 500)
      throw new WardwatchError('sink-unreachable', `The store at ${host} answered ${answer.status}.`)
    kind = answer.ok && body.includes('"resultType"') ? 'victoria' : 'influx'
    return kind
  }

  async function write(points: Point[], numeric: boolean): Promise<void> {
    const all = await inPieces(points, PIECE, (point) => lineOf(point, numeric))
    const lines = all.filter((line) => line !== null)
    if (lines.length === 0) return
    const api = client.getWriteApi(options.org ?? 'wardwatch', bucket, 'ns', {
      batchSize: lines.length + 1,
      flushInterval: 0,
      maxRetries: 0,
      maxBufferLines: 0,
    })
    try {
      api.writeRecords(lines)
      await api.flush()
    } catch (error) {
      const status = error instanceof HttpError ? error.statusCode : null
      throw writeFailure(`at ${host}`, status, (error as Error).message)
    } finally {
      api.dispose()
    }
  }

  async function ask(statement: string): Promise<InfluxAnswer> {
    const answer = await get(`/query?db=${encodeURIComponent(bucket)}&epoch=ms&q=${encodeURIComponent(statement)}`)
    if (!answer.ok)
      throw new WardwatchError('sink-unreachable', `The store at ${host} answered ${answer.status} to a query.`)
    return (await answer.json()) as InfluxAnswer
  }

  return {
    name: 'influx',
    async write(items: Item[]) {
      const all = await inPieces(items, PIECE, (item) => pointOf(item, options))
      const points = all.filter((p) => p !== null)
      if (points.length === 0) return { rejected: [] }
      const numeric = (await storeKind()) === 'victoria'
      return { rejected: await writeIsolating(points, (part) => write(part, numeric)) }
    },
    async writeIndicators(values) {
      const numeric = (await storeKind()) === 'victoria'
      await writeIsolating(values.map(indicatorPoint), (part) => write(part, numeric))
    },
    async query(query) {
      if ((await storeKind()) === 'influx') return queryInfluxql(query, ask)
      return queryVictoria(query, async (path) => {
        const answer = await get(path)
        if (!answer.ok)
          throw new WardwatchError('sink-unreachable', `The store at ${host} answered ${answer.status} to a query.`)
        return answer.text()
      })
    },
    expire: async () => ({ removed: 0 }),
    close: async () => undefined,
  }
}
