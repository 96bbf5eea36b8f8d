import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openJournal } from '#ingest/journal/journal.ts'
import { systemClock } from '#model/system-clock.ts'
import { loadSiteFile } from '../site-file.ts'
import { runBrowseOpcua, runProvisionMqtt } from './commission.ts'
import { runDoctor } from './doctor.ts'

let folder: string
let site: string
let data: string
let said: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ww-commission-'))
  data = join(folder, 'var')
  mkdirSync(join(folder, 'etc'))
  site = join(folder, 'etc/site.yaml')
  writeFileSync(site, 'facility: { id: js-03, name: { zh: 青岚监狱, en: Qinglan } }\n')
  said = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text)
    return true
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
})

const flags = () => ({ facility: 'FACILITY', kind: 'band', certificate: false, data, json: false })
/** What the command printed, pasted at the end of the site file. */
const pasted = () => {
  appendFileSync(site, said.slice(said.indexOf('devices:')))
  return loadSiteFile(site, { secrets: true }).site.devices?.[0]
}
const password = () => /^password +(\S+)/m.exec(said)?.[1]

test('what provision prints can be pasted into the site file that it was given, and the edge finds the password', async () => {
  expect(await runProvisionMqtt('W021', { ...flags(), site })).toBe(0)
  expect(said).toContain('ww/v1/js-03/dev/W021/TYPE')
  expect(pasted()).toMatchObject({ id: 'W021', kind: 'band', password: password() })
})

test('without a site file the entry names the password in full, so that it is found from any folder', async () => {
  await runProvisionMqtt('W021', flags())
  expect(pasted()).toMatchObject({ password: password() })
})

test('a kind that no site file may hold is refused before anything is written', async () => {
  await expect(runProvisionMqtt('W021', { ...flags(), kind: 'wristband' })).rejects.toThrow(/one of camera, door/)
  expect(said).toBe('')
})

test('doctor tells a device that went from one that never came, and how long ago', async () => {
  const now = systemClock.now()
  const device = (id: string) => `  - { id: ${id}, driver: mqtt, kind: climate, model: ww-json }\n`
  appendFileSync(site, `devices:\n${['H1', 'H2', 'H3', 'H4'].map(device).join('')}`)
  const journal = await openJournal({ dir: join(data, 'journal'), clock: systemClock, thread: false, ballastBytes: 0 })
  const reading = (device: string, agoMs: number, type: string, value: Record<string, unknown>) => ({
    kind: 'reading' as const,
    reading: {
      ...{ id: `${device}${agoMs}`, facility: 'js-03', zone: null, device, type, quality: 'good' as const },
      ...{ subject: null, time: now - agoMs, received: now - agoMs, value },
    },
  })
  await journal.append([
    reading('H1', 60_000, 'env.temperature', { celsius: 20 }),
    reading('H2', 90_000, 'env.temperature', { celsius: 20 }),
    reading('H2', 30_000, 'device.status', { online: false, reason: 'will' }),
    reading('H3', 7_200_000, 'env.temperature', { celsius: 20 }),
  ])
  await journal.close()
  await runDoctor({ site, data, json: true })
  const { findings } = JSON.parse(said) as { findings: { level: string; what: string; message: string }[] }
  const of = (id: string) => findings.find((f) => f.what === id)
  expect(of('H1')).toMatchObject({ level: 'ok', message: expect.stringMatching(/^heard 6\d s ago/) })
  expect(of('H2')).toMatchObject({
    level: 'warning',
    message: expect.stringMatching(/^offline \(will\), last heard 9\d s ago/),
  })
  expect(of('H3')).toMatchObject({ level: 'warning', message: expect.stringMatching(/^last heard 12\d min ago/) })
  expect(of('H4')?.message).toContain('it has not spoken yet')
})

test.each([
  ['http://192.0.2.5', {}, /opc\.tcp/],
  ['opc.tcp://192.0.2.5:4840', { depth: 'deep' }, /--depth deep/],
  ['opc.tcp://192.0.2.5:4840', { policy: 'Strong' }, /--policy Strong: one of None/],
])('browse refuses %s %o in a sentence before it calls anybody', async (url, more, sentence) => {
  await expect(runBrowseOpcua(url, { policy: 'None', depth: '4', data, json: false, ...more })).rejects.toThrow(
    sentence,
  )
})
