/**
 * Drives one consumer of the journal: takes records from its lanes, hands them to `deliver`, commits what was delivered.
 * Alert changes have their own lane and never wait behind a backlog; readings of now need not either (`overtaking.ts`).
 * The journal is the outbox. Must never commit what was not delivered.
 */
import type { Clock } from '#model/clock.ts'
import type { Journal, JournalRecord } from '#model/ports/journal.ts'
import type { SeriesSink } from '#model/ports/series.ts'
import { Overtaking } from './overtaking.ts'
import { type LaneOptions, PumpLane } from './pump-lane.ts'

export type PumpLaneName = 'alert' | 'other'

export interface PumpOptions {
  name: string
  journal: Journal
  clock: Clock
  /** Chance for jitter: 0 ≤ x < 1. */
  random(): number
  /** Resolves when the records are where they belong. A thrown error means: all of them again. */
  deliver(records: JournalRecord[], lane: PumpLaneName): Promise<void>
  lanes?: PumpLaneName[]
  batch?: number
  /** Rest after a delivery that took all there was, so that a store gets fewer and larger writes; alerts never rest. */
  restMs?: number
  minBackoffMs?: number
  maxBackoffMs?: number
  /**
   * Readings of now overtake a backlog older than this, ms; they may come out of order then, and some of them twice.
   * Absent: one after the other, whatever waits.
   */
  overtakeAfterMs?: number
  /** First failure of a series, and its end. */
  onEvent?(event: { event: 'sink-down' | 'sink-back'; name: string; lane: PumpLaneName; detail: string }): void
}

export interface PumpState {
  name: string
  lag: number
  /** Of alert changes, of readings, and of the backlog that readings have overtaken. */
  lagOf: { alert: number; live: number; backlog: number }
  lastError: string | null
  delivered: number
  failures: number
}

export interface Pump {
  readonly name: string
  state(): PumpState
  /** Stops after the delivery under way, or after 2 s without it. */
  close(): Promise<void>
}

export async function startPump(options: PumpOptions): Promise<Pump> {
  const { name, journal, lanes = ['alert', 'other'], overtakeAfterMs } = options
  const readings: { current: Overtaking | null } = { current: null }
  const laneOptions = (lane: PumpLaneName): LaneOptions => ({
    clock: options.clock,
    random: () => options.random(),
    batch: options.batch ?? 1000,
    restMs: lane === 'alert' ? 0 : (options.restMs ?? 0),
    minBackoffMs: options.minBackoffMs ?? 250,
    maxBackoffMs: options.maxBackoffMs ?? 30_000,
    deliver: (records) => options.deliver(records, lane),
    onTurn: (event, detail) => {
      options.onEvent?.({ event, name, lane, detail })
      // What got through says for the others too that the store is back.
      if (event === 'sink-back') for (const retry of retries) retry()
    },
  })
  const retries: (() => void)[] = []
  const runs: { lane: PumpLaneName; run: PumpLane }[] = []
  for (const lane of lanes) {
    if (lane === 'other' && overtakeAfterMs !== undefined) {
      const overtaking = await Overtaking.open({ ...laneOptions(lane), name, journal, afterMs: overtakeAfterMs })
      retries.push(() => overtaking.retryNow())
      readings.current = overtaking
      continue
    }
    const run = new PumpLane(laneOptions(lane), await journal.cursor(name, lane))
    retries.push(() => run.retryNow())
    runs.push({ lane, run })
  }
  const lagIn = (lane: PumpLaneName): number =>
    runs.reduce((sum, { lane: of, run }) => sum + (of === lane ? run.cursor.lag() : 0), 0)
  return {
    name,
    state() {
      const overtaking = readings.current
      const lagOf = { alert: lagIn('alert'), ...(overtaking?.lag() ?? { live: lagIn('other'), backlog: 0 }) }
      const counts = [...runs.map(({ run }) => run), ...(overtaking ? [overtaking.counts()] : [])]
      return {
        name,
        lag: lagOf.alert + lagOf.live + lagOf.backlog,
        lagOf,
        lastError: counts.find((run) => run.lastError !== null)?.lastError ?? null,
        delivered: counts.reduce((sum, run) => sum + run.delivered, 0),
        failures: counts.reduce((sum, run) => sum + run.failures, 0),
      }
    },
    async close() {
      await Promise.all([...runs.map(({ run }) => run.close()), readings.current?.close()])
    },
  }
}

export interface SinkPumpOptions extends Omit<PumpOptions, 'deliver' | 'name'> {
  sink: SeriesSink
  /** Called for each point that the store refused for good; the rest of its batch is written. */
  onRejected?(rejected: { id: string; reason: string }[]): void
}

/** A backlog older than this is overtaken by what comes in now. */
const OVERTAKE_AFTER_MS = 10_000

/** A pump that feeds a time-series store with readings and alert changes. Its points may come twice and in any order. */
export function startSinkPump(options: SinkPumpOptions): Promise<Pump> {
  const { sink, onRejected, ...rest } = options
  return startPump({
    overtakeAfterMs: OVERTAKE_AFTER_MS,
    ...rest,
    name: `sink:${sink.name}`,
    async deliver(records) {
      const items: Parameters<SeriesSink['write']>[0] = []
      for (const { body } of records) {
        if (body.kind === 'reading') items.push({ reading: body.reading })
        else if (body.kind === 'alert') items.push({ change: body.change })
      }
      if (items.length === 0) return
      const { rejected } = await sink.write(items)
      if (rejected.length > 0) onRejected?.(rejected)
    },
  })
}
