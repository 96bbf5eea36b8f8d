/** The files a demo starts from: a site file per facility and the configuration of the province, with their secrets. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Issued } from '#edge/pki.ts'
import type { Device } from '#model/context/kinds.ts'
import type { Site } from '#model/site/load.ts'
import { buildFacility, type Size } from '#simulators/facility/facility.ts'
import type { MadeUpFacility } from '#simulators/facility/names.ts'
import { writeSiteFile } from '#simulators/facility/site-file.ts'
import type { Ports } from './ports.ts'

/** Writes a random secret once; later starts keep it. */
function secret(path: string): void {
  if (!existsSync(path)) writeFileSync(path, `${randomBytes(18).toString('base64url')}\n`, { mode: 0o600 })
}

export interface DemoSiteOptions {
  index: number
  size: Size
  dir: string
  ports: Ports
  server: Issued
  caPath: string
  provinceMqtts: number
  uplinkPassword: string
  influx: { url: string; version: 1 | 2 } | null
}

export function writeDemoSite(options: DemoSiteOptions): { siteFile: string; site: Site } {
  const { dir, ports } = options
  const secrets = join(dir, 'secrets')
  mkdirSync(secrets, { recursive: true, mode: 0o700 })
  for (const name of ['facility-key', 'cameras', 'opcua', 'tv-wall']) secret(join(secrets, name))
  const { site } = buildFacility(options.size, options.index)
  const devices = (site.devices ?? []).map((device): Device => {
    switch (device.driver) {
      case 'onvif':
        return {
          ...device,
          url: `http://127.0.0.1:${ports.onvif}/cam/${device.id}/onvif/device_service`,
          user: 'ww',
          password: '${file:secrets/cameras}',
        }
      case 'opcua':
        return {
          ...device,
          url: `opc.tcp://127.0.0.1:${ports.opcua}/wardwatch`,
          user: 'ww',
          password: '${file:secrets/opcua}',
          security: { policy: 'Basic256Sha256', mode: 'SignAndEncrypt', trust: 'first-use' },
        }
      case 'mqtt':
        // What speaks through a gateway has no connection and so no password of its own.
        if (device.via) return device
        secret(join(secrets, `mqtt-${device.id}`))
        return { ...device, password: `\${file:secrets/mqtt-${device.id}}` }
      default:
        return device
    }
  })
  const live: Site = {
    ...site,
    facility: { ...site.facility, key: '${file:secrets/facility-key}' },
    devices,
    broker: {
      host: '127.0.0.1',
      tcp: ports.mqtt,
      tls: ports.mqtts,
      ws: ports.ws,
      cert: options.server.cert,
      key: options.server.key,
      ca: options.caPath,
      subscribers: [
        { user: 'tv-wall', password: '${file:secrets/tv-wall}', topics: [`ww/v1/${site.facility.id}/alert/#`] },
      ],
    },
    sinks: {
      local: { retention: '90d' },
      ...(options.influx ? { influx: { ...options.influx, database: 'wardwatch', l4: 'pseudonymous' } } : {}),
    },
    uplink: {
      url: `mqtts://127.0.0.1:${options.provinceMqtts}`,
      user: site.facility.id,
      password: `\${file:${options.uplinkPassword}}`,
      ca: options.caPath,
    },
    console: { ...site.console, host: '127.0.0.1', port: ports.console },
    retention: { L2: '7d', L3: '30d', L4: '72h', alerts: '3y', 'max-gb': 20 },
  }
  const siteFile = join(dir, 'site.yaml')
  writeFileSync(
    siteFile,
    writeSiteFile(live, ['Written by wardwatch demo at each start; the schema is model/site/site.schema.json.']),
  )
  return { siteFile, site: live }
}

export interface ProvinceFiles {
  dir: string
  facilities: MadeUpFacility[]
  consolePort: number
  mqttsPort: number
  server: Issued
  pki: string
}

const CITIES = [
  '南京',
  '苏州',
  '无锡',
  '常州',
  '镇江',
  '扬州',
  '泰州',
  '南通',
  '盐城',
  '淮安',
  '宿迁',
  '徐州',
  '连云港',
]

/** @returns the path of the configuration. */
export function writeProvinceConfig(files: ProvinceFiles): string {
  const secrets = join(files.dir, 'secrets')
  mkdirSync(secrets, { recursive: true, mode: 0o700 })
  for (const { id } of files.facilities) secret(join(secrets, id))
  const config = {
    province: { id: 'js', name: { zh: '演示省', en: 'Demo Province' } },
    broker: {
      host: '127.0.0.1',
      tls: files.mqttsPort,
      cert: files.server.cert,
      key: files.server.key,
      ca: files.pki,
      facilities: files.facilities.map(({ id }) => ({ id, user: id, password: `\${file:secrets/${id}}` })),
    },
    console: { host: '127.0.0.1', port: files.consolePort },
    facilities: files.facilities.map(({ id, name, kind }, i) => ({ id, name, kind, city: CITIES[i % CITIES.length] })),
  }
  const path = join(files.dir, 'province.yaml')
  writeFileSync(path, `# Written by wardwatch demo at each start.\n${stringify(config)}`)
  return path
}
