/** Commissioning: find cameras, browse OPC UA servers, provision MQTT devices. Each prints a site file entry. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { provisionMqtt } from '#drivers/mqtt/index.ts'
import { discoverOnvif } from '#drivers/onvif/index.ts'
import { browseOpcua } from '#drivers/opcua/index.ts'
import { WardwatchError } from '#model/errors.ts'
import { DEVICE_KINDS } from '#model/site/schema.ts'
import { systemClock } from '#model/system-clock.ts'
import { openPki } from '../pki.ts'
import { loadSiteFile } from '../site-file.ts'

const POLICIES = ['None', 'Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss']

const entry = (value: unknown): string => `  - ${stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd()}`

export async function runDiscoverOnvif(flags: { interface?: string; seconds: string; json: boolean }): Promise<number> {
  const found = await discoverOnvif({
    timeoutMs: Number(flags.seconds) * 1000,
    ...(flags.interface ? { interface: flags.interface } : {}),
  })
  if (flags.json) process.stdout.write(`${JSON.stringify(found)}\n`)
  else if (found.length === 0)
    process.stdout.write('no camera answered; is WS-Discovery on, and the interface the right one (--interface)?\n')
  else
    process.stdout.write(
      `devices:\n${found.map((camera) => entry((camera as { entry?: unknown }).entry ?? camera)).join('\n')}\n`,
    )
  return found.length > 0 ? 0 : 1
}

export async function runBrowseOpcua(
  url: string,
  flags: { user?: string; password?: string; policy: string; depth: string; data: string; json: boolean },
): Promise<number> {
  if (!/^opc\.tcp:\/\//.test(url))
    throw new WardwatchError('usage', `"${url}" is no OPC UA address; write it like opc.tcp://192.0.2.5:4840`)
  if (!/^[1-9]\d?$/.test(flags.depth))
    throw new WardwatchError('usage', `--depth ${flags.depth}: a number of levels from 1 to 99`)
  if (!POLICIES.includes(flags.policy))
    throw new WardwatchError('usage', `--policy ${flags.policy}: one of ${POLICIES.join(', ')}`)
  const dataDir = join(flags.data, 'drivers', 'opcua')
  mkdirSync(dataDir, { recursive: true })
  const secure = flags.policy !== 'None'
  const browsed = await browseOpcua({
    url,
    depth: Number(flags.depth),
    dataDir,
    security: { policy: flags.policy as never, mode: secure ? 'SignAndEncrypt' : 'None' },
    ...(flags.user ? { user: flags.user } : {}),
    ...(flags.password ? { password: flags.password } : {}),
  } as Parameters<typeof browseOpcua>[0])
  // The password itself never stands in the site file; where it is looked for, one for all of this server.
  const password = `\${file:secrets/opcua-${new URL(url).hostname}}`
  if (flags.user) for (const device of browsed.proposals) device.password = password
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(browsed)}\n`)
    return 0
  }
  const walk = (nodes: typeof browsed.tree, depth: number): void => {
    for (const { name, nodeId, value, children } of nodes) {
      const shown = value === undefined || value === null ? '' : `  = ${JSON.stringify(value)}`
      process.stdout.write(`${'  '.repeat(depth)}${name}  ${nodeId}${shown}\n`)
      walk(children, depth + 1)
    }
  }
  walk(browsed.tree, 0)
  if (browsed.cut) process.stdout.write('… more nodes than are shown; begin deeper or with less depth\n')
  if (browsed.proposals.length > 0 && flags.user)
    process.stdout.write(
      `\n# the password of ${flags.user} belongs into ${password.slice(7, -1)} beside the site file\n`,
    )
  if (browsed.proposals.length > 0) process.stdout.write(`\ndevices:\n${browsed.proposals.map(entry).join('\n')}\n`)
  return 0
}

interface ProvisionFlags {
  site?: string
  facility: string
  kind: string
  via?: string
  certificate: boolean
  data: string
  json: boolean
}

/** With a site file the password lies beside it, where the entry looks for it; else in the data folder, named in full. */
export async function runProvisionMqtt(device: string, flags: ProvisionFlags): Promise<number> {
  if (!(DEVICE_KINDS as readonly string[]).includes(flags.kind))
    throw new WardwatchError('usage', `--kind ${flags.kind}: a device is one of ${DEVICE_KINDS.join(', ')}`)
  const site = flags.site ? loadSiteFile(flags.site, { secrets: false }).site : null
  const folder = resolve(flags.site ? dirname(flags.site) : flags.data)
  const made = provisionMqtt(site?.facility.id ?? flags.facility, {
    id: device,
    kind: flags.kind as never,
    ...(flags.via ? { via: flags.via } : {}),
  })
  const secretFile = join(folder, made.secretFile)
  mkdirSync(dirname(secretFile), { recursive: true, mode: 0o700 })
  writeFileSync(secretFile, `${made.password}\n`, { mode: 0o600 })
  const password = site ? made.device.password : `\${file:${secretFile}}`
  const certificate = flags.certificate
    ? await (await openPki(join(flags.data, 'pki'), 'facility', systemClock)).ensure(device, 'client')
    : null
  const settled = { ...made.device, password }
  if (flags.json)
    process.stdout.write(
      `${JSON.stringify({ ...made, device: settled, entry: entry(settled), secretFile, certificate })}\n`,
    )
  else {
    process.stdout.write(
      `user        ${made.settings.user}\npassword    ${made.password}   (shown once; kept in ${secretFile})\ntopic       ${made.settings.topic}\n`,
    )
    if (certificate) process.stdout.write(`certificate ${certificate.cert}\nkey         ${certificate.key}\n`)
    process.stdout.write(
      site?.devices?.some(({ id }) => id === device)
        ? `\n${device} is in the site file already; its entry needs password: "${password}"\n`
        : `\ndevices:\n${entry(settled)}\n`,
    )
  }
  return 0
}
