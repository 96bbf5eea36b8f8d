/**
 * The services of a facility as containers, through testcontainers: InfluxDB as its store, Mosquitto as its broker. The
 * same sinks and the same edge as elsewhere; only where the services run differs.
 */
import type { GenericContainer as Container, StartedTestContainer } from 'testcontainers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sampleReading } from '#ingest/journal/sample-records.ts'
import { openEmbeddedSeries } from '#ingest/series/embedded.ts'
import { openInfluxV1 } from '#ingest/series/influx-v1.ts'
import { VirtualClock } from '#model/clock.ts'
import { EdgeRun, FACILITY, writeSmallSite } from '../e2e/edge-run.ts'
import { freePort, temporaryFolder, until } from '../e2e/processes.ts'
import { mosquittoPub } from '../e2e/programs.ts'
import { type ContainerEngine, openContainerEngine, whyNoContainers } from './engine.ts'

const reason = whyNoContainers(['influxd', 'mosquitto', 'mosquitto_pub'])

describe.skipIf(reason !== null)(
  reason === null ? 'services in containers' : `services in containers: skipped, ${reason}`,
  { timeout: 300_000 },
  () => {
    const folder = temporaryFolder('containers')
    const running: StartedTestContainer[] = []
    let engine: ContainerEngine

    beforeAll(async () => {
      engine = await openContainerEngine()
    }, 300_000)
    afterAll(async () => {
      for (const container of running.reverse()) await container.stop().catch(() => {})
      await engine?.end()
      folder.remove()
    }, 60_000)

    /** @returns where its port is reached from here. */
    async function start(
      image: string,
      inside: number,
      prepare: (container: Container, port: number) => unknown,
      ready: (port: number) => Promise<boolean>,
    ): Promise<number> {
      // Loaded here: it takes more than a second, also where everything is skipped.
      const { GenericContainer, Wait } = await import('testcontainers')
      const container = new GenericContainer(image)
      const port = engine.hostNetwork ? await freePort() : inside
      if (engine.hostNetwork) container.withNetworkMode('host').withWaitStrategy(Wait.forLogMessage(/./))
      else container.withExposedPorts(inside)
      prepare(container, port)
      const started = await container.start()
      running.push(started)
      const reached = engine.hostNetwork ? port : started.getMappedPort(inside)
      await until(`${image} to answer`, () => ready(reached).catch(() => false), 30_000, 100)
      return reached
    }

    test('InfluxDB takes what the edge writes and answers as the embedded store does', async () => {
      const image = engine.image('influxd', 'influxdb:1.8')
      const port = await start(
        image,
        8086,
        (container, at) =>
          container.withEnvironment({
            INFLUXDB_HTTP_BIND_ADDRESS: `${engine.hostNetwork ? '127.0.0.1' : '0.0.0.0'}:${at}`,
            INFLUXDB_BIND_ADDRESS: '127.0.0.1:0',
            INFLUXDB_META_DIR: '/data/meta',
            INFLUXDB_DATA_DIR: '/data/data',
            INFLUXDB_DATA_WAL_DIR: '/data/wal',
            INFLUXDB_REPORTING_DISABLED: 'true',
          }),
        async (at) => (await fetch(`http://127.0.0.1:${at}/ping`)).ok,
      )
      const from = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 3_600_000
      const items = Array.from({ length: 60 }, (_, i) => ({
        reading: sampleReading(i, { device: 'E1', time: from + i * 10_000, value: { celsius: 20 + (i % 7) } }),
      }))
      const sink = openInfluxV1({ url: `http://127.0.0.1:${port}`, l4: 'none', alias: (person) => person })
      const local = await openEmbeddedSeries({ dir: folder.path, clock: new VirtualClock(from) })
      try {
        await local.write(items)
        expect(await sink.write(items)).toEqual({ rejected: [] })
        // A repeated write overwrites itself.
        expect(await sink.write(items)).toEqual({ rejected: [] })
        for (const fn of ['mean', 'max', 'last', 'count'] as const) {
          const query = { type: 'env.temperature', from, to: from + 600_000, everyMs: 60_000, fn }
          const expected = await local.query(query)
          expect(expected[0]?.points).toHaveLength(10)
          expect(await sink.query(query)).toEqual(expected)
        }
      } finally {
        await local.close()
        await sink.close()
      }
    })

    test('Mosquitto stands in the place of the embedded broker', async () => {
      const image = engine.image('mosquitto', 'eclipse-mosquitto:2')
      const port = await start(
        image,
        1883,
        (container, at) =>
          container
            .withCopyContentToContainer([
              {
                content: `listener ${at} ${engine.hostNetwork ? '127.0.0.1' : '0.0.0.0'}\nallow_anonymous true\nuser root\n`,
                target: '/tmp/mosquitto.conf',
              },
            ])
            .withCommand(
              engine.hostNetwork ? ['-c', '/tmp/mosquitto.conf'] : ['mosquitto', '-c', '/tmp/mosquitto.conf'],
            ),
        async (at) => {
          await mosquittoPub(['-h', '127.0.0.1', '-p', String(at), '-t', 'ready', '-q', '1', '-s'], 'x')
          return true
        },
      )
      const site = await writeSmallSite(folder.path, {
        devices: [{ id: 'W1', driver: 'mqtt', kind: 'band', model: 'ww-json' }],
        sections: { broker: { url: `mqtt://127.0.0.1:${port}` } },
      })
      const edge = await EdgeRun.start(site)
      try {
        await until('the reading at the edge', async () => {
          const topic = `ww/v1/${FACILITY}/dev/W1/band.battery`
          await mosquittoPub(['-h', '127.0.0.1', '-p', String(port), '-q', '1', '-t', topic, '-s'], '{"percent":70}')
          const { latest } = await edge.get<{ latest: Record<string, { value: { percent: number } }> }>(
            '/api/v1/devices/W1',
          )
          return latest['band.battery']?.value.percent === 70
        })
      } finally {
        await edge.stop('SIGTERM')
      }
    })
  },
)
