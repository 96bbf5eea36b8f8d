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

const RENEW_DAYS = 30

/** One certificate now, or all that end within 30 days. A running edge takes them over by itself within seconds. */
export async function runPkiRenew(name: string | undefined, flags: Flags): Promise<number> {
  const pki = await open(flags)
  const due = (notAfter: number): boolean => notAfter - systemClock.now() < RENEW_DAYS * 86_400_000
  const names = name === undefined ? pki.list().flatMap((c) => (due(c.notAfter) ? [c.name] : [])) : [name]
  const renewed = []
  for (const one of names) renewed.push(await pki.renew(one))
  if (flags.json) process.stdout.write(`${JSON.stringify(renewed)}\n`)
  else if (renewed.length === 0) process.stdout.write(`no certificate ends within ${RENEW_DAYS} days\n`)
  else
    for (const { cert, daysLeft } of renewed)
      process.stdout.write(`renewed ${cert}, valid for ${Math.floor(daysLeft)} days\n`)
  return 0
}

/** A running edge refuses the device within seconds and closes its open connection. */
export async function runPkiRevoke(name: string, flags: Flags): Promise<number> {
  const pki = await open(flags)
  const { serial } = await pki.revoke(name)
  process.stdout.write(
    flags.json
      ? `${JSON.stringify({ name, serial, crl: pki.crlPath })}\n`
      : `revoked ${name} (serial ${serial}); the list is ${pki.crlPath}. If the site file gives the device a password, change that too.\n`,
  )
  return 0
}
