/** Reads a site file for the twins: the same file that an edge is started with, passwords included. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { WardwatchError } from '#model/errors.ts'
import { parseSiteOrThrow, resolveSecrets, type Site } from '#model/site/load.ts'

/** @throws WardwatchError naming file, line and field. */
export function readSite(file: string): Site {
  if (!existsSync(file)) throw new WardwatchError('site-invalid', `there is no site file ${file}; name one with --site`)
  const site = parseSiteOrThrow(readFileSync(file, 'utf8'), file)
  return resolveSecrets(site, (kind, name) => {
    if (kind === 'env') return process.env[name] ?? null
    const path = isAbsolute(name) ? name : join(dirname(file), name)
    return existsSync(path) ? readFileSync(path, 'utf8') : null
  })
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|\[?::1\]?)$/

/** Port on which the twins of a protocol must listen, as the addresses of the site file say; 0 when there is none. */
export function portOf(site: Site, driver: 'onvif' | 'opcua'): number {
  const ports = new Set<number>()
  for (const device of site.devices ?? []) {
    if (device.driver !== driver || !device.url) continue
    const url = new URL(device.url.replace(/^opc\.tcp:/, 'http:'))
    if (!LOOPBACK.test(url.hostname))
      throw new WardwatchError('usage', `${device.id}: twins speak on this machine only, but its url is ${device.url}`)
    ports.add(Number(url.port || 80))
  }
  if (ports.size > 1)
    throw new WardwatchError(
      'usage',
      `the ${driver} devices of the site file name ${ports.size} ports; the twins share one: ${[...ports].join(', ')}`,
    )
  return [...ports][0] ?? 0
}
