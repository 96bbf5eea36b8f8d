/** A new MQTT device: a password that nobody has to invent, the secret to be written, and the entry for the site file. */
import { randomBytes } from 'node:crypto'
import { stringify } from 'yaml'
import type { Device } from '#model/context/kinds.ts'
import { WardwatchError } from '#model/errors.ts'

export interface Provisioned {
  /** To be typed into the device; shown once. */
  password: string
  /** File below the site's folder that must hold the password, mode 600. */
  secretFile: string
  device: Device
  /** The line for `devices:` of the site file. */
  entry: string
  /** What the device must be told. */
  settings: { user: string; topic: string }
}

/** @throws WardwatchError `usage` when the id cannot be used. */
export function provisionMqtt(facility: string, wanted: Partial<Device> & { id: string }): Provisioned {
  if (!/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/.test(wanted.id))
    throw new WardwatchError('usage', `device id "${wanted.id}": use letters, digits and . _ : - (at most 64)`)
  const password = randomBytes(18).toString('base64url')
  const secretFile = `secrets/${wanted.id.toLowerCase().replace(/[^a-z0-9._-]/g, '-')}`
  const device: Device = {
    ...wanted,
    driver: 'mqtt',
    model: wanted.model ?? 'ww-json',
    password: `\${file:${secretFile}}`,
  }
  return {
    password,
    secretFile,
    device,
    entry: `  - ${stringify(device, { collectionStyle: 'flow', lineWidth: 0 }).trim()}`,
    settings: { user: wanted.id, topic: `ww/v1/${facility}/dev/${wanted.id}/TYPE` },
  }
}
