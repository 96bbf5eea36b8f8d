import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import jpeg from 'jpeg-js'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Accounts, openAccounts } from '#dashboards/accounts.ts'
import { readZip, writeZip } from '#dashboards/evidence/zip.ts'
import { SampleDesk, SampleFacility, sampleAlert, T0 } from '#dashboards/sample-facility.ts'
import { type ConsoleServer, createConsoleServer } from '#dashboards/server.ts'
import { type EdgeLedger, openLedger } from '#ingest/ledger/ledger.ts'
import { VirtualClock } from '#model/clock.ts'
import { ROLES } from '#model/permissions.ts'
import { runEvidenceVerify, verifyEvidence } from './evidence.ts'

const folder = mkdtempSync(join(tmpdir(), 'ww-evidence-'))
const clock = new VirtualClock(T0)
const tokens: Record<string, string> = {}
const hasPython = spawnSync('python3', ['--version']).status === 0
let accounts: Accounts
let ledger: EdgeLedger
let facility: SampleFacility
let server: ConsoleServer
let picture: Buffer<ArrayBuffer>

beforeAll(async () => {
  accounts = openAccounts({ dir: folder, clock, scryptLog2: 4 })
  for (const role of ROLES) {
    await accounts.add({ id: `a-${role}`, role, password: 'Geheim-1234' })
    tokens[role] = accounts.token(`a-${role}`).token
  }
  ledger = await openLedger({ dir: join(folder, 'ledger'), clock, facilityKey: 'k', thread: false })
  const desk = new SampleDesk(clock)
  const alert = sampleAlert('a1', {
    explanation: { zh: 'P017 血氧 81 %，持续 30 秒', en: 'P017 oxygen 81 % for 30 s' },
  })
  const changes = [
    desk.publish(alert),
    desk.publish({ ...alert, state: 'acknowledged', ackAt: T0 + 4_000 }, 'acknowledged', 'S33'),
    desk.publish(alert, 'plan-step', 'S33', '{"step":"arrival","done":true,"note":"两分钟到场"}'),
    desk.publish({ ...alert, handling: 'pending-review' }, 'pending-review', 'S33', '=cmd()|到场处置'),
    desk.publish({ ...alert, state: 'resolved', handling: 'closed', result: 'confirmed' }, 'approved', 'S01'),
  ]
  await ledger.append(changes.map((change) => ({ kind: 'alert', ref: 'a1', by: change.by, payload: change })))
  const look = { act: 'look', at: T0, by: 'S40', what: 'picture', count: 3, purpose: 'alert a1' }
  await ledger.append([{ kind: 'act', ref: 'S40', by: 'S40', payload: look }])
  const pixels = Buffer.alloc(320 * 180 * 4, 90)
  picture = Buffer.from(jpeg.encode({ data: pixels, width: 320, height: 180 }, 80).data)
  facility = new SampleFacility()
  const sha256 = createHash('sha256').update(picture).digest('hex')
  const frame = { device: 'K31', takenAt: T0 - 4_000, sha256 }
  facility.evidencePicture = async (id) =>
    id === 'a1' ? { device: 'K31', takenAt: T0 + 900, jpeg: picture, sha256 } : null
  server = await createConsoleServer({
    id: 'js-03',
    title: { zh: '青岚监狱', en: 'Qinglan Prison' },
    clock,
    accounts,
    alerts: desk,
    facility,
    ledger,
    video: {
      preroll: async (id: string) => (id === 'a1' ? [frame] : []),
      prerollPicture: async () => picture,
    } as never,
    logger: pino({ level: 'silent' }),
    webRoot: null,
  })
})
afterAll(async () => {
  await server.close()
  await ledger.close()
  accounts.close()
  rmSync(folder, { recursive: true, force: true })
})

const get = (url: string, role = 'chief') =>
  server.inject({ method: 'GET', url, headers: { authorization: `Bearer ${tokens[role]}` } })
const take = async (url = '/api/v1/alerts/a1/evidence.zip?reason=移交检察'): Promise<Buffer> =>
  (await get(url)).rawPayload
const textOf = (members: Map<string, Buffer>, path: string): string => members.get(path)!.toString()

describe('evidence of an alert', () => {
  test('holds timeline, readings, picture, plan, acts, looks, both signatures, proofs and a report, and verifies', async () => {
    const zip = await take()
    const members = readZip(zip)
    const key = (await ledger.publicKeys())[0]!
    expect(verifyEvidence(zip, [key])).toMatchObject({ ok: true, detail: null, signed: true, proofs: 7 })
    expect(textOf(members, 'timeline.ndjson').trim().split('\n')).toHaveLength(5)
    expect(textOf(members, 'timeline.csv')).toMatch(/^\ufefftime_local,/)
    expect(textOf(members, 'timeline.csv')).toContain(",'=cmd()|到场处置\r\n")
    expect(textOf(members, 'readings.csv')).toContain('W017,band.vitals,')
    expect(textOf(members, 'readings.ndjson').trim().split('\n')).toHaveLength(2)
    expect(members.get('pictures/a1.jpg')!.equals(picture)).toBe(true)
    expect(members.get('pictures/a1-before-0.jpg')!.equals(picture)).toBe(true)
    expect(JSON.parse(textOf(members, 'pictures.json'))).toMatchObject([
      { device: 'K31', preroll: 0, intact: true },
      { device: 'K31', preroll: null, intact: true },
    ])
    expect(JSON.parse(textOf(members, 'plans.json'))).toMatchObject([
      { plan: { id: 'RP7' }, steps: [{ id: 'arrival', state: 'done', by: 'S33', note: '两分钟到场' }] },
    ])
    expect(JSON.parse(textOf(members, 'signatures.json'))).toMatchObject([
      { role: 'handler', by: 'S33' },
      { role: 'reviewer', by: 'S01' },
    ])
    const looks = textOf(members, 'looks.ndjson')
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l) as { by: string; payload: object })
    expect(looks.map((l) => l.by)).toEqual(['S40', 'a-chief'])
    expect(looks[1]!.payload).toMatchObject({ what: 'evidence-export', reason: '移交检察', purpose: 'alert a1' })
    expect(members.get('report.pdf')!.subarray(0, 5).toString()).toBe('%PDF-')
    expect(JSON.parse(textOf(members, 'manifest.json'))).toMatchObject({
      madeBy: 'a-chief',
      reason: '移交检察',
      limits: [],
      readingsGone: [],
    })
  })

  test('any byte changed, any file taken out or put in, and a foreign key are found', async () => {
    const zip = await take()
    fc.assert(
      fc.property(fc.nat(zip.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bad = Buffer.from(zip)
        bad[at]! ^= flip
        const verdict = verifyEvidence(bad, null)
        // A byte of the container that says nothing about a file (times, flags) may differ; no file may.
        if (verdict.ok) expect([...readZip(bad)]).toEqual([...readZip(zip)])
      }),
      { numRuns: 150 },
    )
    const members = [...readZip(zip)].map(([path, data]) => ({ path, data }))
    for (const { path } of members) {
      const without = await writeZip(
        members.filter((m) => m.path !== path),
        T0,
      )
      expect(verifyEvidence(without, null), path).toMatchObject({
        ok: false,
        detail: expect.stringContaining('missing'),
      })
      const changed = members.map((m) =>
        m.path === path ? { path, data: Buffer.concat([m.data, Buffer.from(' ')]) } : m,
      )
      if (path !== 'manifest.signature.json')
        expect(verifyEvidence(await writeZip(changed, T0), null).ok, path).toBe(false)
    }
    const more = await writeZip([...members, { path: 'extra.txt', data: Buffer.from('x') }], T0)
    expect(verifyEvidence(more, null).detail).toBe('extra.txt does not stand in the manifest')
    const stranger = await openLedger({ dir: join(folder, 'stranger'), clock, thread: false })
    expect(verifyEvidence(zip, (await stranger.publicKeys()) as never).detail).toContain('not of a trusted key')
    await stranger.close()
  })

  test('is refused without a reason, without the right, for what does not exist, and when it cannot be recorded', async () => {
    expect((await get('/api/v1/alerts/a1/evidence.zip')).json()).toMatchObject({ status: 422, field: 'reason' })
    expect((await get(`/api/v1/alerts/a1/evidence.pdf?reason=${'x'.repeat(201)}`)).statusCode).toBe(422)
    expect((await get('/api/v1/alerts/nothing/evidence.zip?reason=x')).statusCode).toBe(404)
    for (const role of ROLES.filter((r) => r !== 'chief' && r !== 'officer'))
      for (const kind of ['zip', 'pdf'])
        expect((await get(`/api/v1/alerts/a1/evidence.${kind}?reason=x`, role)).statusCode, role).toBe(403)
    const append = ledger.append
    const before = ledger.head().seq
    ledger.append = () => Promise.reject(new Error('disk full'))
    expect((await get('/api/v1/alerts/a1/evidence.zip?reason=x')).statusCode).toBe(503)
    ledger.append = append
    expect(ledger.head().seq).toBe(before)
  })

  test('says what is missing: a picture that is not as it was taken', async () => {
    const own = facility.evidencePicture
    facility.evidencePicture = async () => ({
      device: 'K31',
      takenAt: T0,
      jpeg: Buffer.from('other'),
      sha256: 'ab'.repeat(32),
    })
    const members = readZip(await take())
    facility.evidencePicture = own
    expect(JSON.parse(textOf(members, 'pictures.json'))).toMatchObject([{ intact: true }, { intact: false }])
    expect(members.get('report.pdf')!.length).toBeGreaterThan(1000)
  })

  test('leaves out pictures of places that the account may not look into, and says so', async () => {
    const zones = facility.items.zones!
    const devices = facility.items.devices!
    facility.items.zones = [...zones, { id: 'WC', kind: 'toilet', parent: 'W3' }]
    facility.items.devices = devices.map((d) => (d.id === 'K31' ? { ...d, zone: 'WC' } : d))
    clock.advanceTo(clock.now() + 2_000)
    const members = readZip(await take())
    facility.items.zones = zones
    facility.items.devices = devices
    clock.advanceTo(clock.now() + 2_000)
    expect(members.has('pictures/a1.jpg')).toBe(false)
    expect(JSON.parse(textOf(members, 'manifest.json')).limits).toMatchObject([
      { zh: '2 张图片所在场所不对导出人开放，未收录' },
    ])
    expect(readZip(await take()).has('pictures/a1.jpg')).toBe(true)
  })

  test('comes as PDF too, and of a whole incident', async () => {
    const pdf = await get('/api/v1/alerts/a1/evidence.pdf?reason=x', 'officer')
    expect(pdf.headers).toMatchObject({ 'content-type': 'application/pdf', 'cache-control': 'no-store' })
    expect(pdf.headers['content-disposition']).toBe('attachment; filename="evidence-1122-0001-a1.pdf"')
    expect(pdf.rawPayload.subarray(0, 5).toString()).toBe('%PDF-')
    const zip = await take('/api/v1/incidents/ia1/evidence.zip?reason=x')
    expect(verifyEvidence(zip, null)).toMatchObject({
      ok: true,
      manifest: { subject: { kind: 'incident', id: 'ia1' } },
    })
    expect((await get('/api/v1/incidents/none/evidence.pdf?reason=x')).statusCode).toBe(404)
  })

  test('wardwatch evidence verify says it in a line and by its exit code', async () => {
    let said = ''
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      said += String(text)
      return true
    })
    const path = join(folder, 'evidence.zip')
    writeFileSync(path, await take())
    const key = [join(folder, 'ledger/ledger-key.pub.pem')]
    expect(runEvidenceVerify(path, { key, json: false })).toBe(0)
    expect(said).toMatch(/^\d+ files as the manifest says, \d+ ledger entries proved\njs-03 · alert a1 · /)
    writeFileSync(path, readFileSync(path).subarray(0, 5000))
    expect(runEvidenceVerify(path, { key, json: false })).toBe(1)
    expect(said).toContain('the evidence does not hold: the file is no readable ZIP: its end is missing')
    spy.mockRestore()
    expect(() => runEvidenceVerify(join(folder, 'none.zip'), { json: false })).toThrow('cannot be read')
  })

  test.skipIf(!hasPython)('is a ZIP that other programs open', async () => {
    const path = join(folder, 'other.zip')
    writeFileSync(path, await take())
    const checked = spawnSync('python3', ['-m', 'zipfile', '-t', path], { encoding: 'utf8' })
    expect(checked.stdout + checked.stderr).toContain('Done testing')
    expect(checked.status).toBe(0)
  })
})
