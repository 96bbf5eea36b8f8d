/** `wardwatch pki`: the certificate authority of the facility from the command line. */
import { join } from 'node:path'
import { systemClock } from '#model/system-clock.ts'
import { openPki } from '../pki.ts'

interface Flags {
  data: string
  json: boolean
}

const open = (flags: Flags) => openPki(join(flags.data, 'pki'), 'facility', systemClock)

export async function runPkiInit(flags: Flags): Promise<number> {
  const { caPath } = await open(flags)
  process.stdout.write(flags.json ? `${JSON.stringify({ ca: caPath })}\n` : `certificate authority: ${caPath}\n`)
  return 0
}

export async function runPkiIssue(name: string, flags: Flags & { server: boolean; host?: string }): Promise<number> {
  const hosts = flags.host ? flags.host.split(',').map((h) => h.trim()) : [name, 'localhost', '127.0.0.1']
  const issued = await (await open(flags)).ensure(name, flags.server ? 'server' : 'client', hosts)
  process.stdout.write(
    flags.json
      ? `${JSON.stringify(issued)}\n`
      : `certificate ${issued.cert}\nkey         ${issued.key}\nauthority   ${issued.ca}\nvalid for   ${Math.floor(issued.daysLeft)} days\n`,
  )
  return 0
}

export async function runPkiList(flags: Flags): Promise<number> {
  const issued = (await open(flags)).list()
  if (flags.json) process.stdout.write(`${JSON.stringify(issued)}\n`)
  else
    for (const { name, notAfter, serial } of issued)
      process.stdout.write(`${name.padEnd(24)} until ${new Date(notAfter).toISOString().slice(0, 10)}  ${serial}\n`)
  return 0
}
