/**
 * Data quality from outside: a loss is seen as what it is, what could not be read is read again after the model file was
 * corrected, by API and by command line, and none of it is forgotten over kill -9.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import mqtt from 'mqtt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { QualityTicket, QuarantineItem, StreamQuality } from '#model/ports/quality.ts'
import { EdgeRun, FACILITY, type SmallSite, writeSmallSite } from './edge-run.ts'
import { temporaryFolder, until, wardwatch } from './processes.ts'

const MODEL = (scale: number): string => `name: { zh: 现场湿度, en: Humidity of the site }
maker: none
maturity: simulated
topics:
  - pattern: "humid/{device}"
    format: json
    time: { path: t, unit: ms }
    readings:
      - type: env.humidity
        value:
          percent: { path: humidity, scale: ${scale} }
`

describe('data quality of a running edge', { timeout: 180_000 }, () => {
  const folder = temporaryFolder('quality')
  let site: SmallSite
  let edge: EdgeRun
  beforeAll(async () => {
    site = await writeSmallSite(folder.path, {
      devices: [
        { id: 'E1', driver: 'mqtt', kind: 'climate', zone: 'K1', password: 'e1-secret' },
        { id: 'H1', driver: 'mqtt', kind: 'climate', zone: 'K1', model: 'site-humid', password: 'h1-secret' },
      ],
    })
    mkdirSync(join(dirname(site.file), 'models', 'mqtt'), { recursive: true })
    writeFileSync(join(dirname(site.file), 'models', 'mqtt', 'site-humid.yaml'), MODEL(10))
    edge = await EdgeRun.start(site)
  }, 120_000)
  afterAll(async () => {
    await edge?.stop('SIGKILL')
    folder.remove()
  })

  const post = async (path: string, body: string, type = 'application/json') => {
    const answer = await fetch(site.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${site.tokens.engineer}`, 'content-type': type },
      body,
      signal: AbortSignal.timeout(30_000),
    })
    return { status: answer.status, body: (await answer.json()) as never }
  }
  const streamOf = async (device: string, type: string, window: string): Promise<StreamQuality> => {
    const { items } = await edge.get<{ items: StreamQuality[] }>(
      `/api/v1/quality/streams?device=${device}&type=${type}&${window}`,
      'engineer',
    )
    return items[0]!
  }
  const quarantine = async (more: string[]) =>
    wardwatch(['quarantine', ...more, '--url', site.url, '--token', site.tokens.engineer, '--json'])

  test('one sample in ten lost is a completeness of 0.90 and one ticket; kill -9 changes nothing of it', async () => {
    const end = Date.now() - 60_000
    const begin = end - 3_600_000
    const lines: string[] = []
    for (let i = 0; i < 360; i++)
      if (i % 10 !== 4)
        lines.push(
          JSON.stringify({
            device: 'E1',
            type: 'env.temperature',
            time: begin + i * 10_000,
            received: begin + i * 10_000 + 40,
            value: { celsius: 20 + (i % 9) },
          }),
        )
    expect((await post('/api/v1/readings', lines.join('\n'), 'application/x-ndjson')).status).toBe(200)
    const window = `from=${begin}&to=${end}`
    const seen = await until('the stream', async () => {
      const stream = await streamOf('E1', 'env.temperature', window)
      return stream?.received === 324 ? stream : null
    })
    expect(Math.abs(seen.completeness! - 0.9)).toBeLessThanOrEqual(0.005)
    expect(seen).toMatchObject({ timeliness: 1, validity: 1, periodMs: 10_000 })
    const tickets = await until(
      'the ticket',
      async () => {
        const { items } = await edge.get<{ items: QualityTicket[] }>(
          '/api/v1/quality/tickets?open=true&device=E1',
          'engineer',
        )
        return items.length > 0 ? items : null
      },
      60_000,
    )
    // It was silent for a minute by then: that is the one thing to mend, or the loss is, but never both.
    expect(tickets).toHaveLength(1)
    expect(['incomplete', 'silent']).toContain(tickets[0]!.kind)
    await edge.stop('SIGKILL')
    edge = await EdgeRun.start(site)
    const after = await until('the stream after the restart', async () => {
      const stream = await streamOf('E1', 'env.temperature', window)
      return stream && stream.received > 0 ? stream : null
    })
    expect(after.received).toBe(324)
    // The last ten minutes may have become whole meanwhile: the same loss, of a few more samples.
    expect(Math.abs(after.completeness! - 0.9)).toBeLessThanOrEqual(0.005)
  })

  test('what a wrong model file could not read is read again when it is right, at its own time, once', async () => {
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${site.mqttPort}`, {
      username: 'H1',
      password: 'h1-secret',
      clientId: 'h1',
    })
    const time = Date.now() - 5000
    for (const [i, percent] of [40, 41, 42].entries())
      await client.publishAsync('humid/H1', JSON.stringify({ humidity: percent, t: time + i * 1000 }), { qos: 1 })
    await client.publishAsync('humid/H1', 'not JSON at all', { qos: 1 })
    await client.endAsync()
    const listed = await until('the quarantine', async () => {
      const ran = await quarantine(['list', '--device', 'H1'])
      const found = JSON.parse(ran.stdout) as { items: QuarantineItem[]; waiting: number }
      return found.waiting === 4 ? found : null
    })
    expect(listed.items.every((q) => q.state === 'waiting')).toBe(true)

    const early = await quarantine(['replay', '--device', 'H1'])
    expect(JSON.parse(early.stdout)).toMatchObject({ replayed: 0, readings: 0 })
    expect(early.code, 'nothing could be read yet').toBe(1)

    writeFileSync(join(dirname(site.file), 'models', 'mqtt', 'site-humid.yaml'), MODEL(1))
    const ran = await until(
      'the replay',
      async () => {
        const outcome = await quarantine(['replay', '--device', 'H1'])
        const done = JSON.parse(outcome.stdout) as { replayed: number; failed: { cause: string }[] }
        return done.replayed > 0 ? done : null
      },
      30_000,
    )
    expect(ran).toMatchObject({ replayed: 3, readings: 3, duplicates: 0, failed: [{ cause: 'bad-json' }] })
    const { series } = await until('the series', async () => {
      const found = await edge.get<{ series: { points: [number, number][] }[] }>(
        `/api/v1/series?device=H1&type=env.humidity&field=percent&every=raw&from=${time}&to=${time + 10_000}`,
        'engineer',
      )
      return found.series.length > 0 ? found : null
    })
    expect(series[0]!.points).toEqual([
      [time, 40],
      [time + 1000, 41],
      [time + 2000, 42],
    ])
    const dropped = await quarantine(['drop', '--device', 'H1', '--note', 'a test message'])
    expect(JSON.parse(dropped.stdout)).toEqual({ dropped: 1 })
    const states = JSON.parse((await quarantine(['list', '--device', 'H1'])).stdout) as { items: QuarantineItem[] }
    expect(states.items.map((q) => q.state).sort()).toEqual(['dropped', 'replayed', 'replayed', 'replayed'])
    expect((await post('/api/v1/quarantine/replay', '{}')).status, 'nothing named, nothing done').toBe(422)
  })

  test('every stream that came is listed, and the facility has its sums', async () => {
    const { summary } = await edge.get<{ summary: Record<string, never> }>('/api/v1/quality', 'engineer')
    expect(summary).toMatchObject({ waiting: 0, overflow: 0 })
    expect(FACILITY).toBe('ls-09')
  })
})
