import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'

import type { SeriesSink } from '#model/ports/series.ts'
import { systemClock } from '#model/system-clock.ts'
import { type EdgeJournal, openJournal } from '../journal/journal.ts'
import { readingBody } from '../journal/sample-records.ts'
import { type Pump, startSinkPump } from '../pump.ts'
import { openInfluxV1 } from './influx-v1.ts'
import { openInfluxV2 } from './influx-v2.ts'
import { missing, type RunningStore, startInfluxd, startVictoriaMetrics } from './store-processes.ts'

const dirs: string[] = []
afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
})
const newDir = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'ww-outage-'))
  dirs.push(dir)
  return dir
}

const HOUR = 3_600_000
/** A whole hour, a day ago: within every store's window. */
const T0 = Math.floor(Date.now() / HOUR) * HOUR - 24 * HOUR
const BACKLOG = 12_000
const BATCH = 200

const stores: {
  name: string
  why: string | null
  /** VictoriaMetrics acknowledges what it has in memory only: killed, it loses its last seconds, whoever wrote them. */
  ends?: 'gently'
  start(): Promise<RunningStore>
  open(url: string): SeriesSink
}[] = [
  {
    name: 'InfluxDB 1.x',
    why: missing('influxd', 'influxdb'),
    start: startInfluxd,
    open: (url) => openInfluxV1({ url, database: 'outage', l4: 'none' }),
  },
  {
    name: 'the v2 write API of VictoriaMetrics',
    why: missing('victoria-metrics', 'victoria-metrics'),
    ends: 'gently',
    start: startVictoriaMetrics,
    open: (url) => openInfluxV2({ url, bucket: 'outage', l4: 'none' }),
  },
]

describe.each(stores)('an outage of $name', ({ why, ends, start, open }) => {
  test.skipIf(why !== null)(
    `drains without loss or doubled points while what comes in is there at once, over a second outage and a process that is killed${why ? ` (${why})` : ''}`,
    async () => {
      const store = await start()
      const sink = open(store.url)
      /** While the backlog stands still, only what does not wait behind it can come through. */
      let held: (() => void)[] | null = null
      const standing: SeriesSink = {
        ...sink,
        async write(items) {
          const isBacklog = items.some((item) => 'reading' in item && item.reading.device !== 'NOW')
          if (isBacklog && (running.at(-1)?.pump.state().lagOf.backlog ?? 0) > 0)
            await new Promise<void>((go) => (held ? held.push(go) : go()))
          return sink.write(items)
        },
      }
      const running: { journal: EdgeJournal; pump: Pump }[] = []
      const begin = async (dir: string) => {
        const journal = await openJournal({ dir, clock: systemClock, ballastBytes: 0 })
        const pump = await startSinkPump({
          sink: standing,
          journal,
          clock: systemClock,
          random: Math.random,
          batch: BATCH,
          restMs: 50,
          maxBackoffMs: 300,
          overtakeAfterMs: 50,
        })
        running.push({ journal, pump })
        return { journal, pump }
      }
      const count = async (): Promise<number> => {
        const day = { from: T0, to: T0 + 26 * HOUR, everyMs: HOUR }
        const lines = await sink.query({ type: 'env.temperature', field: 'celsius', fn: 'count', ...day })
        return lines.flatMap((line) => line.points).reduce((sum, [, n]) => sum + Number(n ?? 0), 0)
      }
      try {
        await store.stop()
        let dir = newDir()
        let { journal, pump } = await begin(dir)
        for (let i = 0; i < BACKLOG; i += 1000)
          await journal.append(
            Array.from({ length: 1000 }, (_, k) => readingBody(i + k, { time: T0 + (i + k) * 1000 })),
          )
        await vi.waitFor(() => expect(pump.state().lastError).not.toBeNull(), { timeout: 30_000 })
        let live = 0
        const overtakes = async (): Promise<void> => {
          held ??= []
          await vi.waitFor(() => expect(pump.state().lagOf.backlog).toBeGreaterThan(0), {
            timeout: 60_000,
            interval: 2,
          })
          const at = T0 + 25 * HOUR + live * 1000
          await journal.append([readingBody(BACKLOG + live++, { device: 'NOW', time: at })])
          const seen = async (): Promise<number> =>
            (
              await sink.query({
                device: ['NOW'],
                type: 'env.temperature',
                field: 'celsius',
                fn: 'last',
                from: at,
                to: at + 1000,
                everyMs: 0,
              })
            ).length
          await vi.waitFor(async () => expect(await seen()).toBe(1), { timeout: 30_000, interval: 10 })
          expect(pump.state().lagOf.backlog).toBeGreaterThan(0)
        }
        const letGo = (): void => {
          const waiting = held ?? []
          held = null
          for (const go of waiting) go()
        }
        held = []
        await store.start()
        await overtakes()
        await overtakes()

        await store.stop(ends)
        letGo()
        await vi.waitFor(() => expect(pump.state().lastError).not.toBeNull(), { timeout: 30_000 })
        held = []
        await store.start()
        await overtakes()

        // The next process has the files as a killed one left them.
        const next = newDir()
        for (const name of ['journal.db', 'journal.db-wal', 'journal.promise'])
          if (existsSync(join(dir, name))) copyFileSync(join(dir, name), join(next, name))
        dir = next
        for (const part of running.splice(0)) {
          letGo()
          await part.pump.close()
          await part.journal.close()
        }
        held = []
        ;({ journal, pump } = await begin(dir))
        await overtakes()
        letGo()

        await vi.waitFor(() => expect(pump.state().lag).toBe(0), { timeout: 60_000 })
        expect(pump.state().lagOf).toEqual({ alert: 0, live: 0, backlog: 0 })
        await vi.waitFor(async () => expect(await count()).toBe(BACKLOG + live), { timeout: 30_000, interval: 200 })
      } finally {
        for (const { journal, pump } of running) {
          await pump.close()
          await journal.close()
        }
        await sink.close()
        await store.end()
      }
    },
    180_000,
  )
})
