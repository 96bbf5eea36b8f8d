/**
 * The console of a facility on its edge: accounts, what the pages ask for, indicators, the server itself, and the watch over
 * whether anybody attends. Composition only; each part knows its own work.
 */
import { readFileSync } from 'node:fs'
import { openAccounts } from '#dashboards/accounts.ts'
import { historyOfJournal } from '#dashboards/history.ts'
import { type ConsoleServer, type ConsoleServerOptions, createConsoleServer } from '#dashboards/server.ts'
import type { EdgeLedger } from '#ingest/ledger/ledger.ts'
import type { Clock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import { durationMs } from '#model/local-time.ts'
import type { SeriesSink } from '#model/ports/series.ts'
import type { Site } from '#model/site/load.ts'
import { loadPlans } from '#rules/plans/load.ts'
import type { ContextStore } from '../context-store.ts'
import type { DeviceTable } from '../device-table.ts'
import { EdgeFacilityDesk } from '../facility-desk.ts'
import type { Log } from '../log.ts'
import { openAttendance } from './attendance.ts'
import { type IndicatorFacts, openEdgeIndicators } from './indicators.ts'
import type { RuleSet } from './rule-set.ts'
import { edgeHealth, edgeMetrics, type SelfReportPart } from './self-report.ts'

export interface ConsolePart extends Omit<SelfReportPart, 'facility'> {
  site: Site
  clock: Clock
  log: Log
  dataDir: string
  accountsDir: string
  ledger: EdgeLedger
  context: ContextStore
  table: DeviceTable
  facts: IndicatorFacts
  ruleSet: RuleSet
  series: SeriesSink
  sinks: readonly SeriesSink[]
  webRoot?: string | null
  extend?: ConsoleServerOptions['extend']
  /** What ends with the edge, in the opposite order of the calls. */
  onEnd(name: string, end: () => unknown): void
}

export interface EdgeConsole {
  server: ConsoleServer
  facility: EdgeFacilityDesk
  url: string
}

export async function openEdgeConsole(part: ConsolePart): Promise<EdgeConsole> {
  const { site, clock, log, onEnd } = part
  const { id } = site.facility
  const name = site.facility.name ?? { zh: id, en: id }
  const section = site.console ?? {}
  const plans = loadPlans()
  const rules = () => part.ruleSet.infos()
  const accounts = openAccounts({ dir: part.accountsDir, clock })
  onEnd('accounts', () => accounts.close())
  if (accounts.damage) part.troubles.damaged('accounts', { ...accounts.damage })
  const report: SelfReportPart = { ...part, facility: id }
  const facility = new EdgeFacilityDesk({
    clock,
    dataDir: part.dataDir,
    journal: part.journal,
    context: part.context,
    table: part.table,
    intake: part.intake,
    pictures: part.pictures,
    rules,
    plans: () => plans,
    ability: () => part.rules.rules.ability(),
    health: () => edgeHealth(report),
    metrics: edgeMetrics(report),
    driverHealth: () => part.drivers.all.flatMap((driver) => driver.health()),
  })
  onEnd('facility desk', () => facility.close())
  const indicators = openEdgeIndicators({ ...part, accounts, rules, plans: () => plans })
  onEnd('indicators', () => indicators.close())
  const server = await createConsoleServer({
    clock,
    id,
    title: name,
    accounts,
    tier: 'facility',
    alerts: part.desk,
    facility,
    video: part.video,
    quality: part.quality,
    indicators,
    series: part.series,
    ledger: part.ledger,
    ...(section.cert && section.key
      ? { tls: { cert: readFileSync(section.cert), key: readFileSync(section.key) } }
      : {}),
    ...(part.webRoot === undefined ? {} : { webRoot: part.webRoot }),
    history: historyOfJournal(part.journal),
    place: { tier: 'facility', facility: { id, name, timezone: site.facility.timezone ?? 'Asia/Shanghai' } },
    escalation: part.duty().escalation,
    ...(section.desks ? { desks: section.desks } : {}),
    beat: () => {
      const test = part.test()
      return test ? { test: { okAt: test.okAt, latencyMs: test.latencyMs, failing: test.failing } } : {}
    },
    ...(section.viewing ? { viewing: section.viewing } : {}),
    ...(section.phones ? { phones: section.phones } : {}),
    ...(section.closing?.steps ? { closingSteps: section.closing.steps } : {}),
    onHolder: (event) => log.info('console.sounding', event),
    onAudioState: (state) => log.info('console.audio', state),
    ...(part.extend ? { extend: part.extend } : {}),
  })
  onEnd('console', () => server.close())
  const attendance = await openAttendance({
    facility: id,
    clock,
    log,
    dir: part.dataDir,
    consoles: server.consoles,
    desk: part.desk,
    ...(section.unattended ? { afterMs: durationMs(section.unattended) ?? undefined } : {}),
  })
  onEnd('attendance', () => attendance.close())
  const port = section.port ?? 8080
  const url = await server.listen({ host: section.host ?? '127.0.0.1', port }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error
    throw new WardwatchError(
      'port-taken',
      `port ${port} of the console is taken by another program; stop it, or choose another console.port in the site file`,
    )
  })
  return { server, facility, url }
}
