/** Facility and province act on the same alerts while the way between them is cut; afterwards both say the same, with every act. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '#model/system-clock.ts'
import { parseProvinceConfig } from '#province/config.ts'
import { type Province, startProvince } from '#province/province.ts'
import { openWay, type Way } from './cut-way.ts'
import { EdgeRun, FACILITY, type SmallSite, writeSmallSite } from './edge-run.ts'

interface Row {
  id: string
  state: string
  handling: string
  result: string | null
  ackAt: number | null
  escalationStep: number
  timeline: { change: string; by: string | null; note: string | null; at: number }[]
}

let dir: string
let province: Province
let supervisor: string
let way: Way
let site: SmallSite
let edge: EdgeRun

async function call<T>(url: string, token: string, body?: unknown): Promise<{ status: number; body: T }> {
  const answer = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  })
  return { status: answer.status, body: (await answer.json()) as T }
}
const atEdge = <T = Row>(path: string, body?: unknown) =>
  call<T>(`${site.url}/api/v1${path}`, site.tokens.officer, body)
const atProvince = <T = Row>(path: string, body?: unknown) =>
  call<T>(`${province.urls.console}/api/v1${path}`, supervisor, body)

async function until<T>(what: string, probe: () => Promise<T | false | null | undefined>): Promise<T> {
  for (let i = 0; i < 300; i++) {
    const value = await probe()
    if (value) return value
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${what} did not happen within 30 s`)
}

async function raised(level: string, kind: string): Promise<string> {
  const { body } = await atEdge<{ alert: Row }>('/alerts', { level, kind, zone: 'K1', note: 'x' })
  await until('the alert at the province', async () => (await atProvince(`/alerts/${body.alert.id}`)).status === 200)
  return body.alert.id
}

async function start(oneWay: boolean): Promise<void> {
  dir = mkdtempSync(join(tmpdir(), 'ww-acts-'))
  province = await startProvince({
    config: parseProvinceConfig(
      `province: { id: js, name: { zh: 省厅, en: Province } }
broker: { tcp: 0, facilities: [{ id: ${FACILITY}, password: secret-nine }] }
console: { port: 0 }
facilities: [{ id: ${FACILITY}, kind: prison }]`,
      '/x/province.yaml',
    ),
    dataDir: join(dir, 'province'),
    clock: systemClock,
    webRoot: null,
  })
  await province.accounts.add({ id: 'supervisor', role: 'provincial' })
  supervisor = province.accounts.token('supervisor', { label: 'test' }).token
  way = await openWay(province.ports.mqtt!)
  const url = way.url.replace('http', 'mqtt')
  site = await writeSmallSite(dir, {
    devices: [{ id: 'T1', driver: 'mqtt', kind: 'climate', model: 'ww-json', zone: 'K1', password: 'x' }],
    sections: { uplink: { url, user: FACILITY, password: 'secret-nine', 'one-way': oneWay } },
  })
  edge = await EdgeRun.start(site, 60_000)
  await until('the link', async () => province.facilities()[0]?.connected)
}

async function end(): Promise<void> {
  await edge.stop()
  await way.close()
  await province.close()
  rmSync(dir, { recursive: true, force: true })
}

describe('facility and province', () => {
  beforeAll(() => start(false), 120_000)
  afterAll(end, 60_000)

  test('act on the same alerts during a cut and agree afterwards, with every act of both in both histories', {
    timeout: 120_000,
  }, async () => {
    const [seen, both, closed] = [await raised('red', 'a'), await raised('orange', 'b'), await raised('yellow', 'c')]
    way.cut()
    expect((await atProvince(`/alerts/${seen}/acknowledge`, { note: 'seen by the province' })).status).toBe(200)
    expect((await atProvince(`/alerts/${both}/acknowledge`, {})).status).toBe(200)
    expect((await atEdge(`/alerts/${both}/acknowledge`, { note: 'seen by the facility' })).status).toBe(200)
    expect((await atProvince(`/alerts/${closed}/escalate`, { note: 'hurry' })).status).toBe(200)
    expect((await atEdge(`/alerts/${closed}/resolve`, { result: 'confirmed' })).status).toBe(200)
    expect((await atProvince(`/alerts/${closed}/comment`, { note: 'what was it?' })).status).toBe(200)
    way.mend()

    const same = (a: Row, b: Row) =>
      (['state', 'handling', 'result', 'ackAt', 'escalationStep'] as const).every((f) => a[f] === b[f])
    for (const id of [seen, both, closed]) {
      const acts = id === seen ? 1 : id === both ? 1 : 2
      await until(`agreement over ${id}`, async () => {
        const [mine, theirs] = [(await atEdge(`/alerts/${id}`)).body, (await atProvince(`/alerts/${id}`)).body]
        const ofProvince = mine.timeline.filter((c) => `${c.by} ${c.note}`.includes('province:supervisor'))
        return ofProvince.length === acts && theirs.timeline.length > mine.timeline.length && same(mine, theirs)
      })
    }
    const { body: one } = await atEdge(`/alerts/${seen}`)
    expect(one).toMatchObject({ state: 'acknowledged' })
    expect(one.timeline.at(-1)).toMatchObject({ by: 'province:supervisor', note: 'seen by the province' })
    const { body: two } = await atEdge(`/alerts/${both}`)
    expect(two.timeline.find((c) => c.change === 'acknowledged')).toMatchObject({ by: 'officer' })
    expect(two.timeline.at(-1)?.note).toContain('province:supervisor acknowledge: the alert was acknowledged already')
    const { body: three } = await atEdge(`/alerts/${closed}`)
    expect(three).toMatchObject({ state: 'resolved', result: 'confirmed', handling: 'closed' })
    expect(three.timeline.at(-1)).toMatchObject({ change: 'commented', note: 'what was it?' })
  })

  test('whoever comes second is told who was first; what the facility handles alone stays its own', {
    timeout: 60_000,
  }, async () => {
    const id = await raised('red', 'd')
    await atProvince(`/alerts/${id}/acknowledge`, {})
    const again = await atProvince<{ by: string }>(`/alerts/${id}/acknowledge`, {})
    expect(again).toMatchObject({ status: 409, body: { by: 'supervisor' } })
    await until('the acknowledgement at the facility', async () => (await atEdge(`/alerts/${id}`)).body.ackAt)
    expect(await atEdge(`/alerts/${id}/acknowledge`, {})).toMatchObject({
      status: 409,
      body: { by: 'province:supervisor' },
    })
    expect((await atProvince(`/alerts/${id}/resolve`, { result: 'false' })).status).toBe(403)
  })
})

describe('a facility whose link is one-way', () => {
  beforeAll(() => start(true), 120_000)
  afterAll(end, 60_000)

  test('is watched: the province may not act where it would not be heard', { timeout: 60_000 }, async () => {
    const id = await raised('red', 'a')
    expect(await atProvince<{ detail: string }>(`/alerts/${id}/acknowledge`, {})).toMatchObject({
      status: 403,
      body: { detail: expect.stringContaining('one-way') },
    })
  })
})
