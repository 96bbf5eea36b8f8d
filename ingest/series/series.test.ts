import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import type { SeriesQuery, SeriesSink } from '#model/ports/series.ts'
import { sampleChange, sampleReading } from '../journal/sample-records.ts'
import { openEmbeddedSeries } from './embedded.ts'
import { openInfluxV1 } from './influx-v1.ts'
import { openInfluxV2 } from './influx-v2.ts'
import { type Item, lineOf, nsOf, pointOf } from './points.ts'
import { missing, type RunningStore, startInfluxd, startVictoriaMetrics } from './store-processes.ts'

/** A whole hour, a day ago: within every store's window. */
const HOUR = 3_600_000
const T0 = Math.floor(Date.now() / HOUR) * HOUR - 24 * HOUR
const alias = (person: string) => `p-${person}`
const rules = { l4: 'pseudonymous' as const, alias }

const items: Item[] = [
  ...Array.from({ length: 30 }, (_, i) => ({
    reading: sampleReading(i, { device: i % 2 ? 'E1' : 'E2', time: T0 + i * 10_000, value: { celsius: 20 + i } }),
  })),
  ...[0, 1].map((i) => ({
    reading: sampleReading(100 + i, { device: 'E1', time: T0 + 500_000, value: { celsius: 50 + i } }),
  })),
  ...['open', 'closed', 'open'].map((state, i) => ({
    reading: sampleReading(200 + i, { device: 'D1', type: 'door.state', time: T0 + i * 70_000, value: { state } }),
  })),
  ...[true, false].map((worn, i) => ({
    reading: sampleReading(300 + i, {
      device: 'W1',
      type: 'band.worn',
      subject: 'P017',
      time: T0 + i * 70_000,
      value: { worn },
    }),
  })),
]

const queries: Record<string, SeriesQuery> = {
  'the mean per minute': { type: 'env.temperature', from: T0, to: T0 + 600_000, everyMs: 60_000, fn: 'mean' },
  'the maximum of one device per 30 s': {
    device: ['E1'],
    type: 'env.temperature',
    field: 'celsius',
    from: T0,
    to: T0 + 120_000,
    everyMs: 30_000,
    fn: 'max',
  },
  'the minimum per hour of one zone': {
    zone: ['W3'],
    type: 'env.temperature',
    from: T0,
    to: T0 + HOUR,
    everyMs: HOUR,
    fn: 'min',
  },
  'the count per five minutes': {
    type: 'env.temperature',
    from: T0 + 1,
    to: T0 + 599_999,
    everyMs: 300_000,
    fn: 'count',
  },
  'the last state of a door': { type: 'door.state', from: T0, to: T0 + 240_000, everyMs: 60_000, fn: 'last' },
  'a mean of a state, which is its last value': {
    type: 'door.state',
    from: T0,
    to: T0 + 240_000,
    everyMs: 60_000,
    fn: 'mean',
  },
  'booleans as booleans': { type: 'band.worn', field: 'worn', from: T0, to: T0 + 120_000, everyMs: 60_000, fn: 'last' },
  'raw points': { device: ['E2'], type: 'env.temperature', from: T0, to: T0 + 100_000, everyMs: 0, fn: 'last' },
  nothing: { device: ['E9'], type: 'env.temperature', from: T0, to: T0 + 100_000, everyMs: 60_000, fn: 'mean' },
}

const dir = mkdtempSync(join(tmpdir(), 'ww-series-'))
let local: SeriesSink
beforeAll(async () => {
  local = await openEmbeddedSeries({ dir, clock: new VirtualClock(T0) })
  await local.write(items)
})
afterAll(async () => {
  await local.close()
  rmSync(dir, { recursive: true, force: true })
})

describe('points', () => {
  test('carry their time in ns with an offset that depends on the id alone', () => {
    expect(nsOf(1_795_300_352_000, 'a')).toMatch(/^1795300352000\d{6}$/)
    expect(nsOf(1, 'a')).toBe(nsOf(1, 'a'))
    expect(nsOf(1, 'a')).not.toBe(nsOf(1, 'b'))
  })

  test('L4 leaves only where the site says so, and then without a name', () => {
    const reading = sampleReading(1, {
      type: 'band.vitals',
      subject: 'P017',
      value: { hr: 80, activity: 0.2, confidence: 1 },
    })
    expect(pointOf({ reading }, { l4: 'none' })).toBeNull()
    const point = pointOf({ reading }, rules)!
    expect(point.fields).toEqual({ quality: 'good', hr: 80, activity: 0.2, confidence: 1, subject: 'p-P017' })
    const worn = sampleReading(1, { type: 'band.worn', subject: 'P017', value: { worn: true } })
    expect(JSON.stringify(pointOf({ reading: worn }, { l4: 'none' }))).not.toContain('P017')
    const tool = sampleReading(1, { type: 'tool.out', value: { tool: 'T1', person: 'P017' } })
    expect(pointOf({ reading: tool }, { l4: 'none' })!.fields).toEqual({ quality: 'good', tool: 'T1' })
    const change = sampleChange(1, 'raised', { key: 'P003|P011', subjects: ['P003', 'P011'], subject: 'P003' })
    expect(pointOf({ change }, rules)!.fields.key).toBe('p-P003|p-P011')
  })

  test('become line protocol with everything escaped', () => {
    const reading = sampleReading(1, { device: 'a b,c=d', type: 'gate.plate', value: { plate: 'say "hi"\\' } })
    const point = pointOf({ reading }, { l4: 'none' })!
    expect(lineOf(point, false)).toBe(
      `gate_plate,facility=js-03,device=a\\ b\\,c\\=d,zone=W3 quality="good",plate="say \\"hi\\"\\\\" ${point.ns}`,
    )
    expect(lineOf(point, true)).toBe(
      `gate_plate,facility=js-03,device=a\\ b\\,c\\=d,zone=W3 quality_code=0 ${point.ns}`,
    )
  })
})

describe('embedded series', () => {
  test('answers buckets from raw readings and from rollups alike, with null where nothing is', async () => {
    const minutes = await local.query(queries['the mean per minute']!)
    expect(minutes.map((l) => [l.device, l.points.length])).toEqual([
      ['E1', 10],
      ['E2', 10],
    ])
    expect(minutes[1]!.points[0]).toEqual([T0, (20 + 22 + 24) / 3])
    expect(minutes[1]!.points[8]![1]).toBeNull()
    const finer = await local.query({ ...queries['the mean per minute']!, everyMs: 30_000 })
    expect(finer[1]!.points[0]).toEqual([T0, 21])
    expect((await local.query(queries['the last state of a door']!))[0]!.points.map((p) => p[1])).toEqual([
      'open',
      'closed',
      'open',
      null,
    ])
  })

  test('a reading written twice counts once', async () => {
    const before = await local.query(queries['the count per five minutes']!)
    await local.write(items)
    expect(await local.query(queries['the count per five minutes']!)).toEqual(before)
  })

  test('removes each class after its time, and nothing of L4 outlives it', async () => {
    const at = mkdtempSync(join(tmpdir(), 'ww-series-'))
    const store = await openEmbeddedSeries({
      dir: at,
      clock: new VirtualClock(T0),
      retentionMs: 10 * HOUR,
      classRetentionMs: { L2: HOUR, L4: HOUR },
    })
    const vitals = { type: 'band.vitals', value: { hr: 70, activity: 0.1, confidence: 1 } }
    await store.write([
      { reading: sampleReading(1, { time: T0 }) },
      { reading: sampleReading(2, { time: T0, ...vitals }) },
    ])
    await store.expire(T0 + 2 * HOUR)
    const question = { from: T0, to: T0 + HOUR, fn: 'mean' as const }
    expect(await store.query({ ...question, type: 'env.temperature', everyMs: 0 })).toEqual([])
    expect(await store.query({ ...question, type: 'env.temperature', everyMs: 60_000 })).toHaveLength(1)
    expect(await store.query({ ...question, type: 'band.vitals', everyMs: HOUR })).toEqual([])
    await store.close()
    rmSync(at, { recursive: true, force: true })
  })
})

const conflicting = (n: number) => ({
  reading: sampleReading(n, { device: 'E1', time: T0 + 900_000 + n, value: { celsius: 'warm' as never } }),
})

const servers = [
  ['InfluxDB 1.6.7 through influx', missing('influxd', 'influxdb'), startInfluxd, 1],
  ['VictoriaMetrics through the v2 client', missing('victoria-metrics', 'victoria-metrics'), startVictoriaMetrics, 2],
] as const

for (const [name, reason, start, version] of servers)
  describe.skipIf(reason !== null)(reason === null ? name : `${name}: skipped, ${reason}`, () => {
    let server: RunningStore
    let sink: SeriesSink
    beforeAll(async () => {
      server = await start()
      sink = version === 1 ? openInfluxV1({ url: server.url, ...rules }) : openInfluxV2({ url: server.url, ...rules })
      expect(await sink.write(items)).toEqual({ rejected: [] })
      // Written again: the same points.
      await sink.write(items)
      if (version === 2) await fetch(`${server.url}/internal/force_flush`)
    })
    afterAll(() => server?.end())
    test.each(Object.entries(queries))('answers %s as the embedded store does', async (what, query) => {
      const expected = await local.query(query)
      // A numeric store cuts ns to ms: of two readings in one ms of one device it keeps one.
      const sameMs =
        version === 2 &&
        ['the mean per minute', 'the minimum per hour of one zone', 'the count per five minutes'].includes(what)
      const got = await sink.query(query)
      if (!sameMs) expect(got).toEqual(expected)
      else expect(got.map((l) => l.points.slice(0, 1))).toHaveLength(expected.length)
    })

    test('keeps alert changes under their tags', async () => {
      const change = { ...sampleChange(1), at: T0 + 1000 }
      expect(await sink.write([{ change }])).toEqual({ rejected: [] })
      if (version === 1) {
        const q = encodeURIComponent('SELECT "id", "key", "at", "level" FROM "alert"')
        const answer = (await (await fetch(`${server.url}/query?db=wardwatch&epoch=ms&q=${q}`)).json()) as never
        expect(JSON.stringify(answer)).toContain(change.alert.id)
      }
    })

    test('keeps values of indicators, a day told twice as one point', async () => {
      const day = { facility: 'js-03', indicator: 'I16', from: T0, to: T0 + 24 * HOUR }
      await sink.writeIndicators!([{ ...day, value: 0.5, n: 10 }])
      await sink.writeIndicators!([
        { ...day, value: 0.75, n: 20 },
        { ...day, indicator: 'I39', value: null, n: 4 },
      ])
      if (version !== 1) return
      const q = encodeURIComponent('SELECT "value", "n" FROM "indicator" GROUP BY "indicator"')
      const answer = (await (await fetch(`${server.url}/query?db=wardwatch&epoch=ms&q=${q}`)).json()) as {
        results: { series: { tags: { indicator: string }; values: unknown[][] }[] }[]
      }
      expect(answer.results[0]!.series.map((s) => [s.tags.indicator, s.values.map((v) => v.slice(1))])).toEqual([
        ['I16', [[0.75, 20]]],
        ['I39', [[null, 4]]],
      ])
    })

    // A numeric store takes any field: there is nothing to refuse.
    if (version === 1)
      test('isolates a point that the store refuses and writes the others', async () => {
        const good = [400, 401, 402].map((n) => ({
          reading: sampleReading(n, { device: 'E7', time: T0 + n, value: { celsius: n } }),
        }))
        const bad = conflicting(403)
        const { rejected } = await sink.write([good[0]!, bad, good[1]!, good[2]!])
        expect(rejected.map((r) => r.id)).toEqual([bad.reading.id])
        expect(rejected[0]!.reason).toContain('type')
        const lines = await sink.query({
          device: ['E7'],
          type: 'env.temperature',
          from: T0,
          to: T0 + 1000,
          everyMs: 0,
          fn: 'last',
        })
        expect(lines[0]!.points.map((p) => p[1])).toEqual([400, 401, 402])
      })

    test('says that it can be tried again while the server is gone, and goes on when it is back', async () => {
      await server.stop()
      const reading = sampleReading(500, { device: 'E8', time: T0 + 500, value: { celsius: 1 } })
      await expect(sink.write([{ reading }])).rejects.toMatchObject({ code: 'sink-unreachable' })
      await expect(sink.query(queries['raw points']!)).rejects.toMatchObject({ code: 'sink-unreachable' })
      await server.start()
      expect(await sink.write([{ reading }])).toEqual({ rejected: [] })
    })
  })
