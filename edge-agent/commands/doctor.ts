/** `wardwatch doctor`: one line each for what an engineer must know: ok, warning or fault, with the remedy. */
import { statfs } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { openJournal } from '#ingest/journal/journal.ts'
import { WardwatchError } from '#model/errors.ts'
import type { Site } from '#model/site/load.ts'
import { systemClock } from '#model/system-clock.ts'
import { openDataDir } from '../data-dir.ts'
import { createDrivers, devicesOf } from '../drivers.ts'
import { Intake } from '../intake.ts'
import { openLog } from '../log.ts'
import { setAsideFiles } from '../parts/storage-trouble.ts'
import { openPki } from '../pki.ts'
import { loadSiteFile } from '../site-file.ts'

export interface DoctorFlags {
  site: string
  data: string
  json: boolean
}

interface Finding {
  level: 'ok' | 'warning' | 'fault'
  what: string
  message: string
}

const GB = 2 ** 30
const AT_ONCE = 16
/** A device that was heard within this time is well. */
const HEARD_MS = 600_000
const HEARD_RECORDS = 100_000
const MARK = { ok: '✓ ok     ', warning: '! warning', fault: '✗ fault  ' } as const

export async function runDoctor(flags: DoctorFlags): Promise<number> {
  const findings: Finding[] = []
  const say = (level: Finding['level'], what: string, message: string): void => {
    findings.push({ level, what, message })
    if (!flags.json) process.stdout.write(`${MARK[level]}  ${what}: ${message}\n`)
  }
  const site = checkSite(flags, say)
  if (site) {
    await checkDisk(flags.data, site, say)
    checkSetAside(flags.data, say)
    await checkCertificates(flags.data, say)
    await checkDevices(flags, site, say).catch((error: Error) => {
      if (!(error instanceof WardwatchError)) throw error
      say('fault', 'devices', `were not asked: ${error.message}`)
    })
    await checkAddress(
      'uplink',
      site.uplink?.url ?? null,
      'no province is configured; alerts stay in the facility',
      say,
    )
    await checkAddress('broker', site.broker?.url ?? null, 'the embedded broker is used', say)
    await checkAddress('influx', site.sinks?.influx?.url ?? null, 'readings are kept in the embedded store', say)
  }
  const faults = findings.filter((f) => f.level === 'fault').length
  const warnings = findings.filter((f) => f.level === 'warning').length
  if (flags.json) process.stdout.write(`${JSON.stringify({ faults, warnings, findings })}\n`)
  else process.stdout.write(`${findings.length} checks, ${warnings} warnings, ${faults} faults\n`)
  return faults > 0 ? 1 : 0
}

type Say = (level: Finding['level'], what: string, message: string) => void

function checkSite(flags: DoctorFlags, say: Say): Site | null {
  try {
    const { site, warnings } = loadSiteFile(flags.site, { secrets: true })
    say(
      'ok',
      'site file',
      `${flags.site} is valid: ${site.devices?.length ?? 0} devices, ${site.zones?.length ?? 0} zones, ${site.people?.length ?? 0} persons`,
    )
    for (const w of warnings)
      say(
        'warning',
        'site file',
        `${flags.site}:${w.line}:${w.column}: ${w.field}: ${w.message}; the rules that need it are off`,
      )
    return site
  } catch (error) {
    if (!(error instanceof WardwatchError)) throw error
    say('fault', 'site file', error.message)
    return null
  }
}

async function checkDisk(dir: string, site: Site, say: Say): Promise<void> {
  try {
    openDataDir(dir)
    const { bavail, bsize } = await statfs(dir)
    const free = (bavail * bsize) / GB
    const wanted = site.retention?.['max-gb'] ?? 20
    if (free < 1)
      say('fault', 'disk', `${free.toFixed(1)} GB free in ${dir}: telemetry would be shed; free space or move --data`)
    else if (free < wanted)
      say(
        'warning',
        'disk',
        `${free.toFixed(1)} GB free in ${dir}, less than retention.max-gb (${wanted}); lower it or add space`,
      )
    else say('ok', 'disk', `${free.toFixed(0)} GB free in ${dir}`)
  } catch (error) {
    say('fault', 'disk', (error as Error).message)
  }
}

/** Damaged files stay until somebody has looked at them; so does this line. */
function checkSetAside(dir: string, say: Say): void {
  const files = setAsideFiles(dir)
  for (const file of files)
    say(
      'warning',
      `damaged file: ${file}`,
      'was found damaged at a start and moved aside; the alert S04 and the ledger say what was lost; copy it away once it has been looked at',
    )
  if (files.length === 0) say('ok', 'stores', 'no file was found damaged')
}

async function checkCertificates(dir: string, say: Say): Promise<void> {
  const pki = await openPki(join(dir, 'pki'), 'facility', systemClock).catch((error: Error) => {
    say('fault', 'certificates', `the authority of the facility cannot be opened (${error.message})`)
    return null
  })
  if (!pki) return
  const issued = pki.list()
  if (issued.length === 0) say('ok', 'certificates', 'none issued by this facility')
  for (const { name, notAfter } of issued) {
    const days = Math.floor((notAfter - systemClock.now()) / 86_400_000)
    if (days < 0) say('fault', `certificate ${name}`, `ended ${-days} days ago; wardwatch pki issue ${name}`)
    else if (days < 30) say('warning', `certificate ${name}`, `ends in ${days} days; wardwatch pki issue ${name}`)
    else say('ok', `certificate ${name}`, `valid for ${days} days`)
  }
}

async function checkDevices(flags: DoctorFlags, site: Site, say: Say): Promise<void> {
  const data = openDataDir(flags.data)
  const silent = openLog('doctor', 'silent')
  const intake = new Intake({
    facility: site.facility.id,
    clock: systemClock,
    journal: null as never,
    knows: () => true,
    self: 'doctor',
  })
  const drivers = createDrivers({
    site,
    clock: systemClock,
    data,
    intake,
    log: silent,
    modelDirs: [join(flags.site, '../models')],
    random: Math.random,
  })
  const gateways = new Map((site.devices ?? []).flatMap((d) => (d.via ? [[d.id, d.via] as const] : [])))
  const heard = await lastHeard(data.journal, gateways)
  // Its devices come by themselves and are not called: what it must know of them is the list alone.
  await drivers.mqtt.update(devicesOf(drivers.mqtt, site.devices ?? []))
  for (const driver of drivers.all) {
    const waiting = devicesOf(driver, site.devices ?? [])
    const work = async (): Promise<void> => {
      for (let device = waiting.shift(); device; device = waiting.shift()) {
        try {
          const last = heard.get(device.id)
          for (const { level, message } of await driver.check(device))
            if (driver === drivers.mqtt && level === 'warning' && last) say(...lastWord(device.id, last))
            else say(level, device.id, message)
        } catch (error) {
          say('fault', device.id, (error as Error).message)
        }
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    await driver.stop()
  }
}

interface LastWord {
  heardMs: number
  /** Why it went, while it is offline. */
  offline: string | null
}

function lastWord(device: string, { heardMs, offline }: LastWord): Parameters<Say> {
  const ageMs = systemClock.now() - heardMs
  const ago = ageMs < 2 * HEARD_MS ? `${Math.round(ageMs / 1000)} s` : `${Math.round(ageMs / 60_000)} min`
  const remedy = 'check its power, its network and the broker address set in it'
  if (offline !== null) return ['warning', device, `offline (${offline}), last heard ${ago} ago: ${remedy}`]
  return ageMs < HEARD_MS ? ['ok', device, `heard ${ago} ago`] : ['warning', device, `last heard ${ago} ago: ${remedy}`]
}

/** When each device was last heard, by the newest part of the journal; a running edge is not disturbed. */
async function lastHeard(dir: string, gateways: Map<string, string>): Promise<Map<string, LastWord>> {
  const heard = new Map<string, LastWord>()
  const journal = await openJournal({ dir, clock: systemClock, readOnly: true }).catch(() => null)
  if (!journal) return heard
  try {
    let seq = Math.max(1, journal.stats().lastSeq - HEARD_RECORDS)
    for (;;) {
      const records = await journal.read(seq, 2000)
      if (records.length === 0) break
      for (const { seq: at, body } of records) {
        seq = at + 1
        if (body.kind !== 'reading') continue
        const { device, type, value, received } = body.reading
        if (type === 'device.status' && value.online === false)
          heard.set(device, {
            heardMs: heard.get(device)?.heardMs ?? received,
            offline: String(value.reason ?? 'no reason told'),
          })
        else {
          heard.set(device, { heardMs: received, offline: null })
          // A gateway says little itself; what it passes on is its voice.
          const gateway = gateways.get(device)
          if (gateway !== undefined) heard.set(gateway, { heardMs: received, offline: null })
        }
      }
    }
  } finally {
    await journal.close()
  }
  return heard
}

async function checkAddress(what: string, url: string | null, without: string, say: Say): Promise<void> {
  if (!url) return say('ok', what, without)
  const { hostname, port, protocol } = new URL(url)
  const number = Number(port || ({ 'mqtts:': 8883, 'mqtt:': 1883, 'https:': 443 }[protocol] ?? 8086))
  await new Promise<void>((resolve) => {
    const socket = connectTcp({ host: hostname, port: number, timeout: 3000 })
    const end = (level: Finding['level'], message: string): void => {
      socket.destroy()
      say(level, what, message)
      resolve()
    }
    socket.once('connect', () => end('ok', `${hostname}:${number} answers`))
    socket.once('timeout', () =>
      end('fault', `${hostname}:${number} does not answer within 3 s; check cable, firewall and address`),
    )
    socket.once('error', (error) =>
      end('fault', `${hostname}:${number}: ${error.message}; start it or correct the address`),
    )
  })
}
