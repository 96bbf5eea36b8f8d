/** The embedded time-series store: no other software needed. Keeps alert changes out: their history is the ledger's. */
import type { Clock } from '#model/clock.ts'
import type { SeriesLine, SeriesQuery, SeriesSink } from '#model/ports/series.ts'
import { DEFAULT_RETENTION_MS, type Keep } from '../journal/retention.ts'
import { openStoreInline, openStoreThread } from '../thread/store-thread.ts'
import type { Damage } from '../thread/whole.ts'
import * as storage from './embedded-storage.ts'
import { type Item, planQuery } from './points.ts'

export interface EmbeddedOptions {
  dir: string
  clock: Clock
  /** Rollups per minute; raw readings go with their class, rollups per hour stay ten times as long. Default 90 days. */
  retentionMs?: number
  /** Raw readings and everything about L4. */
  classRetentionMs?: Partial<Record<Keep, number>>
  thread?: boolean
  /** The file was not whole: it lies elsewhere, and the new one is empty. */
  onDamage?(damage: Damage): void | Promise<void>
}

/** Readings handed to the thread at once. */
const PART = 125

export async function openEmbeddedSeries(options: EmbeddedOptions): Promise<SeriesSink> {
  const file = { dir: options.dir, now: options.clock.now() }
  const link =
    options.thread === false
      ? openStoreInline(storage as never, file)
      : await openStoreThread(new URL('./embedded-storage.ts', import.meta.url), file, { behind: true })
  const damage = await link.call<Damage | null>('damage')
  if (damage) await options.onDamage?.(damage)
  const keep = { ...DEFAULT_RETENTION_MS, ...options.classRetentionMs }
  let lastWrite = 0
  const rollupsMs = options.retentionMs ?? 90 * 86_400_000
  return {
    name: 'local',
    async write(items: Item[]) {
      const readings = items.flatMap((item) => ('reading' in item ? [item.reading] : []))
      if (readings.length === 0) return { rejected: [] }
      // In parts as text: a thousand objects copied at once would hold up everything else on this thread.
      const writes = ++lastWrite
      for (let i = 0; i < readings.length; i += PART)
        await link.call('take', writes, storage.packReadings(readings.slice(i, i + PART)))
      await link.call('write', writes)
      return { rejected: [] }
    },
    query: (query: SeriesQuery): Promise<SeriesLine[]> => link.call('query', planQuery(query)),
    expire: (now: number) =>
      link.call('expire', {
        raw: { L1: now - keep.L1, L2: now - keep.L2, L3: now - keep.L3, L4: now - keep.L4 },
        minute: now - rollupsMs,
        hour: now - rollupsMs * 10,
        l4: now - keep.L4,
      } satisfies storage.ExpiryRequest),
    close: () => link.close(),
  }
}
