/** The time-series stores of a facility, by its site file: the embedded one always, InfluxDB where it is named. */

import type { EdgeJournal } from '#ingest/journal/journal.ts'
import { type Pump, startSinkPump } from '#ingest/pump.ts'
import { openEmbeddedSeries } from '#ingest/series/embedded.ts'
import { openInfluxV1 } from '#ingest/series/influx-v1.ts'
import { openInfluxV2 } from '#ingest/series/influx-v2.ts'
import type { Damage } from '#ingest/thread/whole.ts'
import type { Clock } from '#model/clock.ts'
import { durationMs } from '#model/local-time.ts'
import type { SeriesSink } from '#model/ports/series.ts'
import type { Site } from '#model/site/load.ts'
import type { Log } from '../log.ts'
import type { Placing } from './placing.ts'
import { classRetention } from './retention.ts'

/** Stores get readings in few large writes: half a second matters to no chart, and it halves the work of the edge. */
const REST_MS = 500
const BATCH = 5000

export interface SeriesPart {
  site: Site
  clock: Clock
  log: Log
  dir: string
  journal: EdgeJournal
  placing: Placing
  alias(person: string): string
  random(): number
  /** The embedded store was not whole and begins anew. */
  onDamage(damage: Damage): void
  /** Called for each thing opened, in the order of opening. */
  onEnd(name: string, end: () => unknown): void
}

export interface SeriesStores {
  /** Answers queries. */
  local: SeriesSink
  sinks: SeriesSink[]
  pumps: Pump[]
}

export async function openSeriesStores(part: SeriesPart): Promise<SeriesStores> {
  const { site, clock, log, journal } = part
  const rollupsMs = durationMs(site.sinks?.local?.retention ?? '') ?? undefined
  const classRetentionMs = classRetention(site)
  const local = await openEmbeddedSeries({
    dir: part.dir,
    clock,
    retentionMs: rollupsMs,
    classRetentionMs,
    onDamage: async (damage) => {
      // What the journal still has fills the new one.
      await journal.forget('sink:local')
      part.onDamage(damage)
    },
  })
  part.onEnd('local series', () => local.close())
  const sinks: SeriesSink[] = [local]
  const influx = site.sinks?.influx
  if (influx) {
    const rules = { l4: influx.l4 ?? ('none' as const), alias: part.alias }
    const sink =
      (influx.version ?? 1) === 1
        ? openInfluxV1({
            ...influx,
            ...rules,
            classRetentionMs,
            rollupsMs,
            now: () => clock.now(),
            onFault: (detail) => log.warn('influx.set-up', { detail }),
          })
        : openInfluxV2({ ...influx, ...rules, bucket: influx.bucket ?? influx.database })
    part.onEnd('influx', () => sink.close())
    sinks.push(sink)
  }
  const pumps: Pump[] = []
  for (const sink of sinks) {
    const pump = await startSinkPump({
      sink: part.placing.placed(sink),
      journal,
      clock,
      random: part.random,
      batch: BATCH,
      restMs: REST_MS,
      onEvent: (event) => log.warn(event.event, event),
      onRejected: (rejected) =>
        log.warn('sink.rejected', { sink: sink.name, points: rejected.length, first: rejected[0] }),
    })
    pumps.push(pump)
    part.onEnd(`pump ${sink.name}`, () => pump.close())
  }
  return { local, sinks, pumps }
}
