/**
 * What may change while the edge runs: the site file with its rules, and the certificates of broker and console. The
 * uplink reads its own at each connection.
 */
import type { Server as TlsServer } from 'node:tls'
import { type Broker, type BrokerDevice, brokerDevices } from '#broker/index.ts'
import type { ConsoleServer } from '#dashboards/server.ts'
import type { Clock } from '#model/clock.ts'
import type { Site } from '#model/site/load.ts'
import type { DeviceTable } from '../device-table.ts'
import { type DriverSet, devicesOf } from '../drivers.ts'
import type { EdgeFacilityDesk } from '../facility-desk.ts'
import type { Log } from '../log.ts'
import { type SiteWatch, watchSiteFile } from '../site-reload.ts'
import { watchCertificates } from './certificates.ts'
import type { RuleSet } from './rule-set.ts'

export interface WatchingPart {
  site: Site
  siteFile: string
  clock: Clock
  log: Log
  broker(): Broker | null
  console: ConsoleServer
  facility: EdgeFacilityDesk
  table: DeviceTable
  drivers: DriverSet
  ruleSet: RuleSet
  /** The edge as a device of its own broker. */
  own: BrokerDevice
}

/** Renewed or revoked with `wardwatch pki` while the edge runs. Answers the end of it. */
export function watchOwnCertificates({ site, clock, log, broker, console }: WatchingPart): () => void {
  return watchCertificates(
    [
      { name: 'broker', files: site.broker ?? {}, apply: (tls, revoked) => broker()?.renewTls(tls, revoked) },
      {
        name: 'console',
        files: site.console ?? {},
        apply: ({ cert, key }) => (console.app.server as unknown as TlsServer).setSecureContext({ cert, key }),
      },
    ],
    clock,
    log,
  )
}

export function watchSite(part: WatchingPart): SiteWatch {
  const { site, siteFile, clock, log, facility, table, drivers, ruleSet, own } = part
  return watchSiteFile({
    file: siteFile,
    site,
    clock,
    log,
    apply: async (changes, next) => {
      // Context goes the way of every change: through the journal, in sequence with the readings.
      await facility.changeContext(changes, 'site-file')
      const devices = next.devices ?? []
      table.keepOnly(new Set(devices.map((d) => d.id)))
      part.broker()?.update({
        devices: [...brokerDevices(devices), own],
        subscribers: next.broker?.subscribers ?? [],
      })
      for (const driver of drivers.all) await driver.update(devicesOf(driver, devices))
    },
    rules: (next) => {
      const loaded = ruleSet.load(next.rules ?? {})
      return () => ruleSet.replace(loaded)
    },
    folders: ruleSet.folders,
  })
}
