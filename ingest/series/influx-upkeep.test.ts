import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import type { SeriesQuery, SeriesSink } from '#model/ports/series.ts'
import { sampleReading } from '../journal/sample-records.ts'
import { openEmbeddedSeries } from './embedded.ts'
import { openInfluxV1 } from './influx-v1.ts'
import type { Item } from './points.ts'
import { missing, type RunningStore, startInfluxd } from './store-processes.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Whole hours, eight days ago: L2 stays seven, L4 three. */
const NOW = Math.floor(Date.now() / HOUR) * HOUR
const OLD = NOW - 8 * DAY

const readings = (from: number, n: number, first = 0): Item[] =>
  Array.from({ length: n }, (_, i) => ({
    reading: sampleReading(first + i, {
      device: 'E1',
      time: from + i * 10_000,
      value: { celsius: 20 + ((i * 7) % 11) },
    }),
  }))
const items: Item[] = [
  ...readings(OLD, 900),
  ...['open', 'closed', 'open'].map((state, i) => ({
    reading: sampleReading(2000 + i, { device: 'D1', type: 'door.state', time: OLD + i * 70_000, value: { state } }),
  })),
  ...[0, 1, 2].map((i) => ({
    reading: sampleReading(3000 + i, {
      device: 'W1',
      type: 'band.vitals',
      time: OLD + i * 5000,
      value: { hr: 70 + i, activity: 0.1, confidence: 1 },
    }),
  })),
]

const reason = missing('influxd', 'influxdb')
describe.skipIf(reason !== null)(reason === null ? 'upkeep of InfluxDB 1.6.7' : `upkeep: skipped, ${reason}`, () => {
  let server: RunningStore
  let sink: SeriesSink
  let local: SeriesSink
  const dir = mkdtempSync(join(tmpdir(), 'ww-upkeep-'))
  const faults: string[] = []
  const ask = async (q: string, db = 'wardwatch'): Promise<never> =>
    (await (
      await fetch(`${server.url}/query?db=${db}&epoch=ms&q=${encodeURIComponent(q)}`, { method: 'POST' })
    ).json()) as never
  const open = (now: number): SeriesSink =>
    openInfluxV1({
      url: server.url,
      l4: 'pseudonymous',
      alias: (p) => p,
      now: () => now,
      onFault: (detail) => faults.push(detail),
    })

  beforeAll(async () => {
    server = await startInfluxd()
    local = await openEmbeddedSeries({ dir, clock: new VirtualClock(NOW), thread: false })
    sink = open(OLD + 3 * HOUR)
    await sink.write(items)
    await local.write(items)
  }, 60_000)
  afterAll(async () => {
    await local?.close()
    await server?.end()
    rmSync(dir, { recursive: true, force: true })
  })

  const queries: Record<string, SeriesQuery> = {
    'the mean per minute': { type: 'env.temperature', from: OLD, to: OLD + HOUR, everyMs: 60_000, fn: 'mean' },
    'the mean per five minutes': { type: 'env.temperature', from: OLD, to: OLD + HOUR, everyMs: 300_000, fn: 'mean' },
    'the maximum per hour': { type: 'env.temperature', from: OLD, to: OLD + 3 * HOUR, everyMs: HOUR, fn: 'max' },
    'the minimum per hour': { type: 'env.temperature', from: OLD, to: OLD + 3 * HOUR, everyMs: HOUR, fn: 'min' },
    'the count per hour': { type: 'env.temperature', from: OLD, to: OLD + 3 * HOUR, everyMs: HOUR, fn: 'count' },
    'the last state per minute': { type: 'door.state', from: OLD, to: OLD + HOUR, everyMs: 60_000, fn: 'last' },
  }

  test('makes databases and retention policies of its own accord', async () => {
    expect(JSON.stringify(await ask('SHOW RETENTION POLICIES ON wardwatch'))).toContain('["autogen","26280h0m0s"')
    const rollups = JSON.stringify(await ask('SHOW RETENTION POLICIES ON wardwatch_rollup'))
    expect(rollups).toContain('["ww_1m","2160h0m0s"')
    expect(rollups).toContain('["ww_1h","21600h0m0s"')
    expect(faults).toEqual([])
  })

  test('rolls up what was written, removes each class after its time, and answers the same from the rollups', async () => {
    expect(await sink.expire(OLD + 3 * HOUR)).toMatchObject({ removed: 0 })
    // What is delivered after an outage is rolled up too, and twice is as once.
    const late = readings(OLD + 2.5 * HOUR, 30, 5000)
    await sink.write(late)
    await local.write(late)
    await sink.expire(OLD + 3 * HOUR)
    await sink.expire(OLD + 3 * HOUR)
    const today = open(NOW)
    const done = await today.expire(NOW)
    // Raw points of three measurements, and the one rollup of L4 that was found: DELETE takes both of its policies.
    expect(done.removed).toBe(930 + 3 + 3 + 1)
    expect(JSON.stringify(await ask('SELECT count(celsius) FROM env_temperature'))).not.toContain('series')
    for (const [what, query] of Object.entries(queries)) {
      const got = await today.query(query)
      const expected = await local.query(query)
      const rounded = (lines: typeof got) =>
        lines.map((l) => ({
          ...l,
          points: l.points.map(([t, v]) => [t, typeof v === 'number' ? Number(v.toFixed(9)) : v]),
        }))
      expect(rounded(got), what).toEqual(rounded(expected))
    }
  })

  test('nothing of L4 outlives its class, not even an average', async () => {
    const gone = JSON.stringify(await ask('SELECT * FROM ww_1h.band_vitals', 'wardwatch_rollup'))
    expect(gone).not.toContain('series')
  })

  test('a question across the border is answered from both sides of it', async () => {
    const recent = readings(NOW - 7 * DAY + HOUR, 360, 9000)
    const today = open(NOW)
    await today.write(recent)
    await local.write(recent)
    const query: SeriesQuery = { type: 'env.temperature', from: OLD, to: NOW - 6 * DAY, everyMs: HOUR, fn: 'count' }
    expect(await today.query(query)).toEqual(await local.query(query))
  })
})
