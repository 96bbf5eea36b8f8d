/**
 * Upkeep of an InfluxDB 1.x database: retention policies, rollups per minute and hour, and each data class for its time.
 * Hours that were written to are rolled up again, so what arrives after an outage is in the rollups too; a rollup written
 * twice is the same points.
 */
import { READING_TYPES } from '#model/catalogue/types.ts'
import { DEFAULT_RETENTION_MS, type Keep } from '../journal/retention.ts'
import { type InfluxAnswer, ROLLUPS, rollupDatabase, rollupStatement } from './influxql.ts'
import { measurementOf } from './points.ts'

const HOUR = 3_600_000
/** At a start nobody knows which hours the last run had still to roll up. */
const FIRST_HOURS = 24
/** Hours rolled up in one run: a long backlog is worked off over several. */
const HOURS_A_RUN = 48
const MAX_HOURS = 20_000

export interface UpkeepOptions {
  database: string
  /** Sends one statement to a database; default: that of the raw points. */
  ask(statement: string, database?: string): Promise<InfluxAnswer>
  /** Raw readings, by class. */
  classRetentionMs?: Partial<Record<Keep, number>>
  /** Rollups per minute; those per hour stay ten times as long. */
  rollupsMs?: number
  onFault?(detail: string): void
}

const quoted = (name: string): string => `"${name.replace(/"/g, '\\"')}"`
/** InfluxDB keeps nothing for less than an hour. */
const hours = (ms: number): string => `${Math.max(1, Math.ceil(ms / HOUR))}h`

export class InfluxUpkeep {
  readonly #o: UpkeepOptions
  readonly #keep: Record<Keep, number>
  readonly #rollupsMs: number
  /** Hours with points that are not in the rollups yet. */
  readonly #dirty = new Set<number>()
  #started = false

  constructor(options: UpkeepOptions) {
    this.#o = options
    this.#keep = { ...DEFAULT_RETENTION_MS, ...options.classRetentionMs }
    this.#rollupsMs = options.rollupsMs ?? 90 * 24 * HOUR
  }

  /** Before this no raw points of a type are left. */
  rawFrom(type: string, now: number): number {
    return now - this.#keep[READING_TYPES.get(type)?.class ?? 'L4']
  }

  /** Databases and policies; a user without the right to make them finds them made by somebody else. */
  async prepare(): Promise<void> {
    const raw = this.#o.database
    const rollups = rollupDatabase(raw)
    await this.#said(`CREATE DATABASE ${quoted(raw)}`)
    await this.#policy(raw, 'autogen', Math.max(this.#keep.alerts, this.#keep.L3))
    await this.#said(`CREATE DATABASE ${quoted(rollups)}`)
    await this.#policy(rollups, 'ww_1m', this.#rollupsMs)
    await this.#policy(rollups, 'ww_1h', this.#rollupsMs * 10)
  }

  async #policy(database: string, policy: string, ms: number): Promise<void> {
    const where = `${quoted(policy)} ON ${quoted(database)} DURATION ${hours(ms)}`
    // One that is there already is only given its time.
    if (policy !== 'autogen') await this.#o.ask(`CREATE RETENTION POLICY ${where} REPLICATION 1`)
    await this.#said(`ALTER RETENTION POLICY ${where}`)
  }

  wrote(timeMs: number): void {
    if (this.#dirty.size < MAX_HOURS) this.#dirty.add(Math.floor(timeMs / HOUR) * HOUR)
  }

  async run(now: number): Promise<{ removed: number; rolledUp: number }> {
    if (!this.#started) {
      const newest = Math.floor(now / HOUR) * HOUR
      for (let i = 1; i <= FIRST_HOURS; i++) this.#dirty.add(newest - i * HOUR)
      this.#started = true
    }
    const rolledUp = await this.#rollUp(now)
    const removed = await this.#expire(now)
    return { removed, rolledUp }
  }

  async #rollUp(now: number): Promise<number> {
    const due = [...this.#dirty]
      .filter((hour) => hour <= now)
      .sort((a, b) => a - b)
      .slice(0, HOURS_A_RUN)
    for (const hour of due) {
      // The running hour stays to be done again.
      if (hour + HOUR <= now) this.#dirty.delete(hour)
      try {
        for (const { policy, everyMs } of ROLLUPS)
          await this.#o.ask(rollupStatement(this.#o.database, policy, everyMs, hour, hour + HOUR))
      } catch (error) {
        this.#dirty.add(hour)
        throw error
      }
    }
    return due.length
  }

  /** Each class for its time; what is rolled up stays longer, but for L4: nothing of it outlives its class. */
  async #expire(now: number): Promise<number> {
    const raw = this.#o.database
    const present = await this.#measurements(raw)
    let removed = 0
    for (const type of READING_TYPES.values()) {
      const measurement = measurementOf(type.type)
      if (!present.has(measurement)) continue
      const before = now - this.#keep[type.class]
      removed += await this.#delete(raw, quoted(measurement), before)
      if (type.class !== 'L4') continue
      const rollups = rollupDatabase(raw)
      for (const { policy } of ROLLUPS)
        removed += await this.#delete(rollups, `${quoted(policy)}.${quoted(measurement)}`, before)
    }
    return removed
  }

  async #measurements(database: string): Promise<Set<string>> {
    const answer = await this.#o.ask(`SHOW MEASUREMENTS ON ${quoted(database)}`)
    return new Set((answer.results[0]?.series?.[0]?.values ?? []).map(([name]) => String(name)))
  }

  /** Counts what it removes, because `DELETE` does not say; it removes from every policy of the database. */
  async #delete(database: string, measurement: string, before: number): Promise<number> {
    const from = measurement.includes('.')
      ? `${quoted(database)}.${measurement}`
      : `${quoted(database)}..${measurement}`
    const answer = await this.#o.ask(`SELECT count(*) FROM ${from} WHERE time < ${before}ms`)
    const counts = answer.results[0]?.series?.[0]?.values[0]?.slice(1) ?? []
    const points = Math.max(0, ...counts.map(Number).filter(Number.isFinite))
    if (points === 0) return 0
    await this.#o.ask(`DELETE FROM ${measurement.split('.').at(-1)} WHERE time < ${before}ms`, database)
    return points
  }

  async #said(statement: string): Promise<void> {
    const answer = await this.#o.ask(statement)
    const error = answer.results[0]?.error
    if (error) this.#o.onFault?.(`InfluxDB refused "${statement}": ${error}`)
  }
}
