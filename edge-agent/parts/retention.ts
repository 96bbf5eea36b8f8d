/** Every hour: each store gives up what is older than its class allows, and says how much. Alerts and acts go last of all. */
import type { EdgeDesk } from '#ingest/desk/desk.ts'
import type { EdgeJournal } from '#ingest/journal/journal.ts'
import type { Quality } from '#ingest/quality/quality.ts'
import type { Clock } from '#model/clock.ts'
import { durationMs, localTime } from '#model/local-time.ts'
import type { SeriesSink } from '#model/ports/series.ts'
import type { Site } from '#model/site/load.ts'
import type { Log } from '../log.ts'

const DAY = 86_400_000
/** Sums behind the indicators stay long enough for the trend of 90 days; values of days for years. */
const FACTS_MS = 120 * DAY
const DAYS_MS = 3 * 365 * DAY
const TICKETS_MS = 365 * DAY

export interface RetentionPart {
  site: Site
  clock: Clock
  log: Log
  journal: EdgeJournal
  desk: EdgeDesk
  quality: Quality
  sinks: readonly SeriesSink[]
}

export interface RetentionState {
  /** Last run, ms; null before the first. */
  at: number | null
  tookMs: number | null
  /** Removed by the last run, and since the start. */
  last: Record<string, number>
  total: Record<string, number>
  failures: number
  lastError: string | null
}

export interface RetentionJob {
  run(): Promise<void>
  state(): RetentionState
}

/** How long each class stays, by the site file. */
export function classRetention(site: Site): Partial<Record<'L2' | 'L3' | 'L4' | 'alerts', number>> {
  const retention = site.retention ?? {}
  return Object.fromEntries(
    (['L2', 'L3', 'L4', 'alerts'] as const).flatMap((name) => {
      const ms = retention[name] ? durationMs(retention[name]) : null
      return ms === null ? [] : [[name, ms]]
    }),
  )
}

export function retentionJob(part: RetentionPart): RetentionJob {
  const { site, clock, log, journal, desk, quality, sinks } = part
  const timezone = site.facility.timezone ?? 'Asia/Shanghai'
  const state: RetentionState = { at: null, tookMs: null, last: {}, total: {}, failures: 0, lastError: null }
  const keep = classRetention(site)

  const tasks: [name: string, task: (now: number) => Promise<Record<string, number>>][] = [
    ['journal', async () => ({ ...(await journal.expire()) })],
    ...sinks.map((sink): [string, (now: number) => Promise<Record<string, number>>] => [
      `series-${sink.name}`,
      async (now) => ({ points: (await sink.expire(now)).removed }),
    ]),
    ['desk', async (now) => ({ alerts: await desk.expire(now - (keep.alerts ?? durationMs('3y') ?? 0)) })],
    [
      'quality',
      async (now) => ({
        ...(await quality.expire({
          quarantine: now - (keep.L3 ?? 30 * DAY),
          tickets: now - TICKETS_MS,
          facts: now - FACTS_MS,
          day: localTime(timezone, now - DAYS_MS).date,
        })),
      }),
    ],
  ]

  return {
    async run() {
      const began = clock.now()
      const removed: Record<string, number> = {}
      state.lastError = null
      for (const [name, task] of tasks)
        try {
          for (const [what, n] of Object.entries(await task(clock.now()))) removed[`${name}-${what}`] = n
        } catch (error) {
          // A store that is away keeps its own for an hour longer; the others are not held up by it.
          state.failures++
          state.lastError = `${name}: ${(error as Error).message}`
        }
      for (const [what, n] of Object.entries(removed)) state.total[what] = (state.total[what] ?? 0) + n
      state.last = removed
      state.at = clock.now()
      state.tookMs = clock.now() - began
      log.info('retention.done', { ...removed, failures: state.failures, lastError: state.lastError })
    },
    state: () => ({ ...state, last: { ...state.last }, total: { ...state.total } }),
  }
}
