/**
 * Real time-series stores behind an edge: readings and alerts arrive, and an outage of the way to the store, even one
 * during which the edge itself is killed, loses nothing and doubles nothing, for the journal's cursor is the outbox.
 */
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { type RunningStore, startInfluxd, startVictoriaMetrics } from '#ingest/series/store-processes.ts'
import { openWay, type Way } from './cut-way.ts'
import { EdgeRun, FACILITY, type SmallSite, writeSmallSite } from './edge-run.ts'
import { temporaryFolder, until } from './processes.ts'
import { mosquittoPub, present } from './programs.ts'

interface Store {
  title: string
  program: string
  version: 1 | 2
  start(): Promise<RunningStore>
  /** Distinct points of env.noise and of alerts of pressed buttons; a slow machine sees test alerts and escalations too. */
  count(url: string): Promise<{ readings: number; alerts: number }>
}

const influxCount = async (url: string, q: string): Promise<number> => {
  const answer = await fetch(`${url}/query?db=wardwatch&q=${encodeURIComponent(q)}`)
  const { results } = (await answer.json()) as { results: { series?: { values: [string, number][] }[] }[] }
  return results[0]?.series?.[0]?.values[0]?.[1] ?? 0
}
const victoriaCount = async (url: string, name: string): Promise<number> => {
  const answer = await fetch(`${url}/api/v1/export?match[]=${encodeURIComponent(name)}`)
  const lines = (await answer.text()).split('\n').filter(Boolean)
  return lines.reduce((sum, line) => sum + (JSON.parse(line) as { values: number[] }).values.length, 0)
}

const STORES: Store[] = [
  {
    title: 'InfluxDB 1.x through influx',
    program: 'influxd',
    version: 1,
    start: startInfluxd,
    count: async (url) => ({
      readings: await influxCount(url, 'SELECT count("db") FROM "env_noise"'),
      alerts: await influxCount(url, `SELECT count("at") FROM "alert" WHERE "code" = 'R39' AND "change" = 'raised'`),
    }),
  },
  {
    title: 'VictoriaMetrics through the v2 write API',
    program: 'victoria-metrics',
    version: 2,
    start: startVictoriaMetrics,
    count: async (url) => ({
      readings: await victoriaCount(url, 'env_noise_db'),
      alerts: await victoriaCount(url, 'alert_at{code="R39",change="raised"}'),
    }),
  },
]

for (const { title, program, version, start, count } of STORES)
  describe.skipIf(!present(title, program, 'mosquitto_pub'))(title, { timeout: 300_000 }, () => {
    const folder = temporaryFolder('store')
    let store: RunningStore | null = null
    let edge: EdgeRun | null = null
    let site: SmallSite
    let way: Way | null = null
    afterEach(async () => {
      await edge?.stop('SIGKILL')
      await way?.close()
      await store?.end()
    })
    afterAll(() => folder.remove())

    const readings = (from: number, n: number, time: number): string =>
      JSON.stringify(Array.from({ length: n }, (_, i) => ({ time: time + from + i, db: 50 + ((from + i) % 30) })))
    const publish = async (id: string, type: string, payload: string): Promise<void> => {
      const sent = await mosquittoPub(
        [
          '-h',
          '127.0.0.1',
          '-p',
          String(site.mqttPort),
          '-u',
          id,
          '-P',
          `pw-${id}`,
          '-q',
          '1',
          '-t',
          `ww/v1/${FACILITY}/dev/${id}/${type}`,
          '-s',
        ],
        payload,
      )
      expect(sent).toEqual({ code: 0, stderr: '' })
    }
    const arrived = (url: string, wanted: { readings: number; alerts: number }, limitMs = 20_000) =>
      until(
        `${wanted.readings} readings and ${wanted.alerts} alerts of R39 in the store`,
        async () => {
          const got = await count(url)
          if (got.readings >= wanted.readings && got.alerts >= wanted.alerts) return got
          throw new Error(`it has ${JSON.stringify(got)}`)
        },
        limitMs,
        250,
      )

    test('gets readings and alerts, and all that came during its outage, once', async () => {
      store = await start()
      way = await openWay(Number(new URL(store.url).port))
      site = await writeSmallSite(folder.path, {
        devices: ['N1', 'PB1', 'PB2'].map((id) => ({
          id,
          driver: 'mqtt',
          kind: id.startsWith('N') ? 'noise' : 'panic-button',
          zone: 'K1',
          model: 'ww-json',
          password: `pw-${id}`,
        })),
        sections: { sinks: { influx: { url: way.url, version, database: 'wardwatch', l4: 'none' } } },
      })
      edge = await EdgeRun.start(site)
      const time = Date.now() - 60_000
      await publish('N1', 'env.noise', readings(0, 300, time))
      await publish('PB1', 'panic.pressed', '{}')
      expect(await arrived(store.url, { readings: 300, alerts: 1 })).toEqual({ readings: 300, alerts: 1 })

      way.cut()
      await publish('N1', 'env.noise', readings(300, 300, time))
      await publish('PB2', 'panic.pressed', '{}')
      const down = await until('the edge to say that the store is down', async () => {
        const sink = await edge?.sink('sink:influx')
        return sink?.lastError ? sink : null
      })
      expect(down.lag).toBeGreaterThan(0)
      // The facility works on: alerts are raised, and the edge may even be killed.
      await until('the alert at the edge', async () =>
        (await edge?.get<{ items: { device: string }[] }>('/api/v1/alerts?rule=R39'))?.items.some(
          (a) => a.device === 'PB2',
        ),
      )
      await edge.stop('SIGKILL')
      edge = await EdgeRun.start(site)
      await publish('N1', 'env.noise', readings(600, 100, time))
      way.mend()
      expect(await arrived(store.url, { readings: 700, alerts: 2 }, 40_000)).toEqual({ readings: 700, alerts: 2 })
      await until('the lag to be gone', async () => {
        const sink = await edge?.sink('sink:influx')
        return sink?.lag === 0 && sink.lastError === null
      })
    })
  })
