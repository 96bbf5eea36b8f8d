/** What an edge tells of itself: the health page and the metrics. Reads counters of its parts; changes nothing. */
import type { Broker } from '#broker/index.ts'
import type { EdgeDesk } from '#ingest/desk/desk.ts'
import type { EdgeJournal } from '#ingest/journal/journal.ts'
import type { Pump } from '#ingest/pump.ts'
import type { Quality } from '#ingest/quality/quality.ts'
import type { Uplink } from '#ingest/uplink/uplink.ts'
import type { DriverSet } from '../drivers.ts'
import type { EvidencePictures } from '../evidence-pictures.ts'
import type { Intake } from '../intake.ts'
import { createMetrics } from '../metrics.ts'
import type { RulesRunner } from '../rules-runner.ts'
import type { Duty } from './duty.ts'
import type { EndToEndState } from './end-to-end-test.ts'
import type { RetentionJob } from './retention.ts'
import type { StorageTroubles } from './storage-trouble.ts'
import type { VideoPart } from './video.ts'

export interface SelfReportPart {
  facility: string
  startedAt: number
  journal: EdgeJournal
  desk: EdgeDesk
  drivers: DriverSet
  intake: Intake
  rules: RulesRunner
  pictures: EvidencePictures
  video: VideoPart
  pumps: readonly Pump[]
  troubles: Pick<StorageTroubles, 'setAside' | 'damaged'>
  /** Asked each time: the broker opens last. */
  broker(): Broker | null
  uplink(): Uplink | null
  quality: Quality
  retention: RetentionJob
  duty(): Duty
  test(): EndToEndState | null
}

export function edgeHealth(part: SelfReportPart) {
  const stats = part.journal.stats()
  const broker = part.broker()
  const uplink = part.uplink()
  return {
    facility: part.facility,
    startedAt: part.startedAt,
    journal: { lastSeq: stats.lastSeq, pending: stats.pending, bytes: stats.bytes, lag: part.journal.lag() },
    drivers: part.drivers.all.map((driver) => {
      const health = driver.health()
      return { name: driver.name, devices: health.length, online: health.filter((h) => h.online).length }
    }),
    sinks: part.pumps
      .map((pump) => pump.state())
      .map(({ name, lag, lagOf, lastError }) => ({ name, lag, lagOf, lastError })),
    uplink: uplink
      ? (({ connected, lag, lastError }) => ({ configured: true, connected, lag, lastError }))(uplink.state())
      : { configured: false, connected: false, lag: 0, lastError: null },
    broker: broker
      ? {
          clients: broker.metrics().clients,
          refused: Object.values(broker.metrics().refused).reduce((a, b) => a + b, 0),
        }
      : null,
    quarantined: part.intake.counts.quarantined,
    setAside: part.troubles.setAside(),
    quality: part.quality.counts(),
    retention: part.retention.state(),
    webhook: part.duty().webhook?.state() ?? null,
    test: part.test(),
  }
}

export function edgeMetrics(part: SelfReportPart): () => Promise<string> {
  const { journal, drivers, pumps } = part
  return createMetrics({
    readings: () => part.intake.counts,
    journal: () => {
      const { lastSeq, pending, bytes, commits, duplicates, shed } = journal.stats()
      return { lastSeq, pending, bytes, commits, duplicates, shed, lag: journal.lag() }
    },
    drivers: () =>
      drivers.all.map((driver) => {
        const health = driver.health()
        return {
          name: driver.name,
          devices: health.length,
          online: health.filter((h) => h.online).length,
          counts: Object.fromEntries(drivers.counts.get(driver.name) ?? []),
        }
      }),
    sinks: () =>
      pumps
        .map((pump) => pump.state())
        .map(({ name, lag, lagOf, delivered, failures }) => ({
          name,
          lag,
          lag_alert: lagOf.alert,
          lag_live: lagOf.live,
          lag_backlog: lagOf.backlog,
          delivered,
          failures,
        })),
    broker: () => {
      const broker = part.broker()
      if (!broker) return null
      const numbers = Object.entries(broker.metrics()).filter(
        (entry): entry is [string, number] => typeof entry[1] === 'number',
      )
      return Object.fromEntries(numbers)
    },
    uplink: () => {
      const state = part.uplink()?.state()
      return state ? { connected: state.connected, lag: state.lag, sent: state.sent } : null
    },
    alerts: () => part.desk.counts(),
    test: () => part.test(),
    escalation: () => part.duty().escalation.stats(),
    webhook: () => {
      const state = part.duty().webhook?.state()
      return state
        ? {
            waiting: state.waiting,
            sent: state.sent,
            failed: state.failed,
            expired: state.expired,
            attempts: state.attempts,
          }
        : null
    },
    rules: () => ({ evaluated: part.rules.evaluated, faults: part.rules.faults }),
    quality: () => ({ ...part.quality.counts() }),
    retention: () => part.retention.state().total,
    pictures: () => ({ kept: part.pictures.kept, failed: part.pictures.failed }),
    video: () => part.video.state(),
  })
}
