/**
 * InfluxDB 1.x through `influx`. The client buffers nothing and retries nothing here: the journal cursor is the outbox.
 * Must never report a point as written before the server has answered.
 */
import { InfluxDB } from 'influx'
import { WardwatchError } from '#model/errors.ts'
import type { SeriesSink } from '#model/ports/series.ts'
import type { Keep } from '../journal/retention.ts'
import { inPieces } from '../thread/pieces.ts'
import { InfluxUpkeep } from './influx-upkeep.ts'
import { type InfluxAnswer, queryInfluxql } from './influxql.ts'
import { writeFailure, writeIsolating } from './partial-write.ts'
import { type Item, indicatorPoint, lineOf, type Point, pointOf, type SharingRules } from './points.ts'

export interface InfluxV1Options extends SharingRules {
  url: string
  database?: string
  user?: string
  password?: string
  timeoutMs?: number
  /** Raw readings, by class; rollups per minute (those per hour stay ten times as long). */
  classRetentionMs?: Partial<Record<Keep, number>>
  rollupsMs?: number
  now?(): number
  /** What the server refused to set up: it goes on without. */
  onFault?(detail: string): void
}

/** Points of one request, and of one piece of work for it. */
const PART = 500
const PIECE = 100

const NO_BACKOFF = {
  getDelay: () => 0,
  next: () => NO_BACKOFF,
  reset: () => NO_BACKOFF,
}

export function openInfluxV1(options: InfluxV1Options): SeriesSink {
  const url = new URL(options.url)
  const database = options.database ?? 'wardwatch'
  const client = new InfluxDB({
    hosts: [
      {
        host: url.hostname,
        port: Number(url.port || (url.protocol === 'https:' ? 443 : 8086)),
        protocol: url.protocol === 'https:' ? 'https' : 'http',
        options: { timeout: options.timeoutMs ?? 10_000 },
      },
    ],
    database,
    username: options.user ?? '',
    password: options.password ?? '',
    // The pump backs off; the client's pool must not hold its only host back as well.
    pool: { maxRetries: 0, requestTimeout: options.timeoutMs ?? 10_000, backoff: NO_BACKOFF },
  })
  const ask = async (statement: string, on = database): Promise<InfluxAnswer> =>
    client.queryRaw(statement, { database: on, precision: 'ms' })
  const upkeep = new InfluxUpkeep({
    database,
    ask,
    classRetentionMs: options.classRetentionMs,
    rollupsMs: options.rollupsMs,
    onFault: options.onFault,
  })
  let ready: Promise<unknown> | null = null
  const prepare = (): Promise<unknown> => {
    ready ??= upkeep.prepare().catch((error) => {
      ready = null
      throw error
    })
    return ready
  }
  const unreachable = (error: unknown) =>
    new WardwatchError('sink-unreachable', `InfluxDB at ${url.host} does not answer: ${(error as Error).message}`)

  async function write(points: Point[]): Promise<void> {
    try {
      // The client writes as measurement what it is given: whole lines, which it would take ten times as long to make.
      const measurement = await linesOf(points)
      await client.writePoints([{ measurement }], { database, precision: 'n' })
    } catch (error) {
      const { status, message } = errorOf(error)
      if (status === 404) ready = null
      throw writeFailure(`InfluxDB at ${url.host}`, status, message)
    }
  }

  return {
    name: 'influx',
    async write(items: Item[]) {
      const rejected: { id: string; reason: string }[] = []
      // In parts: lines are made on this thread, and nothing else runs meanwhile.
      for (let i = 0; i < items.length; i += PART) {
        const all = await inPieces(items.slice(i, i + PART), PIECE, (item) => pointOf(item, options))
        const points = all.filter((p): p is Point => p !== null)
        if (points.length === 0) continue
        await prepare().catch((error) => {
          throw unreachable(error)
        })
        rejected.push(...(await writeIsolating(points, write)))
        for (const item of items.slice(i, i + PART)) if ('reading' in item) upkeep.wrote(item.reading.time)
      }
      return { rejected }
    },
    async writeIndicators(values) {
      await prepare().catch((error) => {
        throw unreachable(error)
      })
      await writeIsolating(values.map(indicatorPoint), write)
    },
    async query(query) {
      try {
        const now = options.now?.()
        const older = now === undefined ? null : { rawFrom: upkeep.rawFrom(query.type, now), database }
        return await queryInfluxql(query, ask, older)
      } catch (error) {
        throw unreachable(error)
      }
    },
    async expire(now) {
      try {
        await prepare()
        return await upkeep.run(now)
      } catch (error) {
        throw unreachable(error)
      }
    },
    close: async () => undefined,
  }
}

/** A point without fields has no line; a part always has one, for a reading has its quality and an alert its id. */
async function linesOf(points: readonly Point[]): Promise<string> {
  const lines = await inPieces(points, PIECE, (point) => lineOf(point, false))
  return lines.filter((line) => line !== null).join('\n')
}

function errorOf(error: unknown): { status: number | null; message: string } {
  const e = error as Error & { res?: { statusCode?: number } }
  return { status: e.res?.statusCode ?? null, message: e.message }
}
