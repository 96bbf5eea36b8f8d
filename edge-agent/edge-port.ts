/** How an edge is started, and what whoever starts it may ask of it. */
import type { ConsoleServer, ConsoleServerOptions } from '#dashboards/server.ts'
import type { EdgeDesk } from '#ingest/desk/desk.ts'
import type { EdgeJournal } from '#ingest/journal/journal.ts'
import type { EdgeLedger } from '#ingest/ledger/ledger.ts'
import type { Clock } from '#model/clock.ts'
import type { Site } from '#model/site/load.ts'
import type { DriverSet } from './drivers.ts'
import type { Log } from './log.ts'
import type { SiteWatch } from './site-reload.ts'

export interface EdgeOptions {
  site: Site
  siteFile: string
  dataDir: string
  clock: Clock
  log: Log
  /** Chance for jitter: 0 ≤ x < 1. */
  random(): number
  /** The journal can take nothing any more: only a new process can help. */
  onFailed?(detail: string): void
  /** Routes beyond the contract, e.g. the test surface of a demo. */
  extend?(edge: Edge): ConsoleServerOptions['extend']
  webRoot?: string | null
}

export interface Edge {
  readonly url: string
  readonly ports: { console: number; mqtt: number | null; mqtts: number | null; ws: number | null }
  readonly desk: EdgeDesk
  readonly journal: EdgeJournal
  readonly ledger: EdgeLedger
  readonly drivers: DriverSet
  readonly console: ConsoleServer
  /** Watches the site file; `reload` reads it now. */
  readonly siteWatch: SiteWatch
  close(): Promise<void>
}
