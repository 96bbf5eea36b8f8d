/** The drivers of an edge and what they are given: one host per driver, the same intake behind all of them. */

import { readFileSync } from 'node:fs'
import type { Driver, DriverHost } from '#drivers/contract.ts'
import { createMqttDriver, type MqttDriver } from '#drivers/mqtt/index.ts'
import { createOnvifDriver, type OnvifDriver } from '#drivers/onvif/index.ts'
import { createOpcuaDriver } from '#drivers/opcua/index.ts'
import type { Clock } from '#model/clock.ts'
import type { Device } from '#model/context/kinds.ts'
import type { Site } from '#model/site/load.ts'
import type { DataDir } from './data-dir.ts'
import type { Intake } from './intake.ts'
import type { Log } from './log.ts'

export interface DriverSetOptions {
  site: Site
  clock: Clock
  data: DataDir
  intake: Intake
  log: Log
  modelDirs: string[]
  /** Id under which the edge speaks to its own broker. */
  self?: string
  random(): number
}

export interface DriverSet {
  mqtt: MqttDriver
  onvif: OnvifDriver
  opcua: Driver
  all: Driver[]
  /** Named counters by driver: `reconnects`, `unmapped`… */
  counts: Map<string, Map<string, number>>
}

export function createDrivers(options: DriverSetOptions): DriverSet {
  const { site, clock, data, intake, log } = options
  const counts = new Map<string, Map<string, number>>()
  const host = (name: 'mqtt' | 'onvif' | 'opcua'): DriverHost => {
    const mine = new Map<string, number>()
    counts.set(name, mine)
    return {
      facility: site.facility.id,
      clock,
      random: options.random,
      log: {
        info: (event, fields) => log.info(event, { driver: name, ...fields }),
        warn: (event, fields) => log.warn(event, { driver: name, ...fields }),
      },
      accept: async (readings) => {
        await intake.accept(readings, name)
      },
      quarantine: async (item) => {
        await intake.accept([], name, [item])
      },
      count: (what, _device, by = 1) => {
        mine.set(what, (mine.get(what) ?? 0) + by)
      },
      dataDir: data.driver(name),
      modelDirs: options.modelDirs,
    }
  }
  const broker = site.broker
  const external = broker?.url
    ? {
        url: broker.url,
        ...(broker.user ? { user: broker.user } : {}),
        ...(broker.password ? { password: broker.password } : {}),
        ...(broker.ca ? { ca: readFileSync(broker.ca) } : {}),
        ...(broker.cert ? { cert: readFileSync(broker.cert) } : {}),
        ...(broker.key ? { key: readFileSync(broker.key) } : {}),
      }
    : null
  const mqtt = createMqttDriver(host('mqtt'), external, options.self ? [{ id: options.self, kind: 'edge-agent' }] : [])
  const onvif = createOnvifDriver(host('onvif'))
  const opcua = createOpcuaDriver(host('opcua'))
  return { mqtt, onvif, opcua, all: [mqtt, onvif, opcua], counts }
}

/** Devices of the site file that a driver is to reach. */
export function devicesOf(driver: Driver, devices: readonly Device[]): Device[] {
  return devices.filter((d) => d.driver === driver.name)
}
