import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InjectOptions } from 'fastify'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import type { Role } from '#model/permissions.ts'
import { type Accounts, openAccounts } from './accounts.ts'
import { HANDOVER_CHECKS } from './routes/shift.ts'
import { SampleDesk, SampleFacility, SampleLedger, sampleAlert, T0 } from './sample-facility.ts'
import { type ConsoleServer, createConsoleServer } from './server.ts'

let dir: string
let accounts: Accounts
let desk: SampleDesk
let ledger: SampleLedger
let server: ConsoleServer
let facility: SampleFacility
const tokens: Record<string, string> = {}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ww-shift-'))
  const clock = new VirtualClock(T0)
  accounts = openAccounts({ dir, clock, scryptLog2: 4 })
  for (const [id, role] of [
    ['li', 'officer'],
    ['wang', 'chief'],
    ['screen', 'wall'],
    ['fix', 'engineer'],
  ] as [string, Role][]) {
    await accounts.add({ id, role, password: 'Geheim-1234' })
    tokens[id] = accounts.token(id).token
  }
  desk = new SampleDesk(clock)
  ledger = new SampleLedger()
  facility = new SampleFacility()
  server = await createConsoleServer({
    id: 'js-03',
    clock,
    accounts,
    alerts: desk,
    facility,
    ledger,
    logger: pino({ level: 'silent' }),
    webRoot: null,
  })
})
afterEach(async () => {
  await server.close()
  accounts.close()
  rmSync(dir, { recursive: true })
})

const post = (who: string, url: string, payload: InjectOptions['payload'] = {}) =>
  server.inject({ method: 'POST', url, payload, headers: { authorization: `Bearer ${tokens[who]}` } })
const shift = async (who: string) =>
  server.inject({ url: '/api/v1/shift', headers: { authorization: `Bearer ${tokens[who]}` } })

describe('the shift log', () => {
  test('keeps notes in the ledger under the name of the account, newest first', async () => {
    expect((await post('li', '/api/v1/shift/notes', { text: '2 号楼钥匙已交' })).statusCode).toBe(201)
    expect((await post('wang', '/api/v1/shift/notes', { text: '换灯' })).statusCode).toBe(201)
    const { notes } = (await shift('li')).json()
    expect(notes.map((n: { by: string; text: string }) => [n.by, n.text])).toEqual([
      ['wang', '换灯'],
      ['li', '2 号楼钥匙已交'],
    ])
    expect(ledger.entries.filter((e) => e.ref === 'shift')).toHaveLength(2)
  })
  test('refuses a note without words and a role that keeps no watch', async () => {
    expect((await post('li', '/api/v1/shift/notes', { text: '  ' })).statusCode).toBe(422)
    expect((await post('screen', '/api/v1/shift/notes', { text: 'x' })).statusCode).toBe(403)
    expect((await shift('fix')).statusCode).toBe(403)
  })
})

test('the log is searched by words and author over a year, on the server, and every entry carries its place in the ledger', async () => {
  for (const text of ['2 号楼 钥匙已交', '夜间 点名 相符']) await post('li', '/api/v1/shift/notes', { text })
  await post('wang', '/api/v1/shift/notes', { text: '钥匙 复核' })
  const find = async (query: string) => {
    const url = `/api/v1/shift?${query}`
    const answer = await server.inject({ url, headers: { authorization: `Bearer ${tokens.li}` } })
    return answer.json().notes as { text: string; by: string; seq: number; hash: string }[]
  }
  const text = encodeURIComponent
  expect((await find(`text=${text('钥匙')}`)).map((n) => n.text)).toEqual(['钥匙 复核', '2 号楼 钥匙已交'])
  expect((await find(`text=${text('钥匙 wang')}`)).map((n) => n.by)).toEqual(['wang'])
  expect(await find(`text=${text('没有')}`)).toEqual([])
  for (const note of await find('')) expect(note.hash).toEqual(expect.any(String))
})

describe('a handover', () => {
  const checks = [...HANDOVER_CHECKS]
  test('is signed by one person and taken over by another, each item checked', async () => {
    const signed = await post('li', '/api/v1/shift/handovers', { notes: '平稳' })
    expect(signed.statusCode).toBe(201)
    const { id } = signed.json()
    expect((await post('li', `/api/v1/shift/handovers/${id}/accept`, { checks })).statusCode).toBe(403)
    const half = await post('wang', `/api/v1/shift/handovers/${id}/accept`, { checks: ['alerts'] })
    expect(half.json()).toMatchObject({ status: 422, field: 'checks' })
    expect((await post('wang', `/api/v1/shift/handovers/${id}/accept`, { checks })).json()).toMatchObject({
      status: 'accepted',
      incoming: { by: 'wang' },
    })
    expect((await shift('li')).json().handovers[0]).toMatchObject({ status: 'accepted', outgoing: { by: 'li' } })
    expect((await post('wang', `/api/v1/shift/handovers/${id}/accept`, { checks })).statusCode).toBe(409)
  })
  test('with an open red needs the explicit word of both', async () => {
    desk.publish(sampleAlert('a1', { level: 'red' }))
    expect((await post('li', '/api/v1/shift/handovers', {})).json()).toMatchObject({ field: 'acceptOpenRed' })
    const signed = await post('li', '/api/v1/shift/handovers', { acceptOpenRed: true })
    expect(signed.json().snapshot.openRed).toHaveLength(1)
    const url = `/api/v1/shift/handovers/${signed.json().id}/accept`
    expect((await post('wang', url, { checks })).json()).toMatchObject({ field: 'acceptOpenRed' })
    expect((await post('wang', url, { checks, acceptOpenRed: true })).statusCode).toBe(200)
  })
  test('waits alone: a second one is refused until the first is taken over or withdrawn', async () => {
    const { id } = (await post('li', '/api/v1/shift/handovers', {})).json()
    expect((await post('wang', '/api/v1/shift/handovers', {})).json()).toMatchObject({ status: 409, by: 'li' })
    expect((await post('wang', `/api/v1/shift/handovers/${id}/withdraw`, { note: 'x' })).statusCode).toBe(403)
    expect((await post('li', `/api/v1/shift/handovers/${id}/withdraw`, { note: '写错' })).statusCode).toBe(200)
    expect((await post('wang', '/api/v1/shift/handovers', {})).statusCode).toBe(201)
  })
  test('is taken over once and waits once, however many press at the same moment', async () => {
    const signed = await Promise.all(
      ['li', 'wang', 'li', 'wang'].map((who) => post(who, '/api/v1/shift/handovers', {})),
    )
    expect(signed.map((a) => a.statusCode).sort()).toEqual([201, 409, 409, 409])
    const { id } = (await shift('li')).json().handovers[0]
    await accounts.add({ id: 'zhou', role: 'officer', password: 'Geheim-1234' })
    tokens.zhou = accounts.token('zhou').token
    const other = signed[0]!.statusCode === 201 ? 'wang' : 'li'
    const taken = await Promise.all(
      [other, 'zhou', other, 'zhou'].map((who) => post(who, `/api/v1/shift/handovers/${id}/accept`, { checks })),
    )
    expect(taken.map((a) => a.statusCode).sort()).toEqual([200, 409, 409, 409])
    expect(ledger.entries.filter((e) => e.ref === 'shift')).toHaveLength(2)
  })
  test('is not taken over with a red that came after the signature: the outgoing person must sign for it, too', async () => {
    const { id } = (await post('li', '/api/v1/shift/handovers', {})).json()
    desk.publish(sampleAlert('a1', { level: 'red', number: '1122-0007' }))
    const refused = await post('wang', `/api/v1/shift/handovers/${id}/accept`, { checks, acceptOpenRed: true })
    expect(refused.json()).toMatchObject({ status: 409, reason: 'red-since', since: ['1122-0007'], by: 'li' })
    await post('li', `/api/v1/shift/handovers/${id}/withdraw`, { note: '红色警情' })
    const anew = (await post('li', '/api/v1/shift/handovers', { acceptOpenRed: true })).json()
    const accepted = await post('wang', `/api/v1/shift/handovers/${anew.id}/accept`, { checks, acceptOpenRed: true })
    expect(accepted.statusCode).toBe(200)
  })
  test('names who is off-site, and keeps it with the signature', async () => {
    facility.items.zones = [...facility.context('zones'), { id: 'STREET', kind: 'outside' }]
    facility.items.escorts = [{ id: 'E1', persons: ['P017'], officers: ['S33'], route: ['STREET'] }]
    expect((await shift('li')).json().offSite).toMatchObject([{ person: 'P017', escort: 'E1', officers: ['S33'] }])
    expect((await post('li', '/api/v1/shift/handovers', {})).json().snapshot.offSite).toEqual(['P017'])
  })
  test('counts what waits for review among more open alerts than one page of them holds', async () => {
    for (let i = 0; i < 700; i++)
      desk.publish(
        sampleAlert(`y${i}`, { level: 'yellow', number: `1122-${i}`, handling: i === 0 ? 'pending-review' : 'none' }),
      )
    const { snapshot } = (await post('li', '/api/v1/shift/handovers', {})).json()
    expect(snapshot.pendingReview).toEqual(['1122-0'])
  })
  test('of an unknown id is not found', async () => {
    expect((await post('li', '/api/v1/shift/handovers/none/accept', { checks })).statusCode).toBe(404)
  })
})

test('a shelved alert says until when, and others say nothing', async () => {
  desk.publish(sampleAlert('a1', { level: 'yellow' }))
  const get = async () =>
    (await server.inject({ url: '/api/v1/alerts/a1', headers: { authorization: `Bearer ${tokens.li}` } })).json()
  expect((await get()).shelvedUntil).toBeNull()
  expect((await post('li', '/api/v1/alerts/a1/shelve', { minutes: 30, note: '维护' })).statusCode).toBe(200)
  expect((await get()).shelvedUntil).toBe(T0 + 30 * 60_000)
})

describe('a step of a plan that is left out', () => {
  const skip = (body: object) => post('li', '/api/v1/alerts/a1/plan-step', { step: 'arrival', skipped: true, ...body })
  const notices = async (who: string) =>
    server.inject({ url: '/api/v1/notices', headers: { authorization: `Bearer ${tokens[who]}` } })

  test('needs a reason, is told to the chief, who alone can see it off, once; all of it in the ledger', async () => {
    desk.publish(sampleAlert('a1', { plan: 'RP7' }))
    expect((await skip({})).json()).toMatchObject({ status: 422, field: 'note' })
    expect((await notices('wang')).json().items).toEqual([])
    expect((await skip({ note: '医护已在场' })).statusCode).toBe(200)
    const [notice] = (await notices('wang')).json().items
    expect(notice).toMatchObject({
      alert: 'a1',
      step: 'arrival',
      plan: 'RP7',
      note: '医护已在场',
      by: 'li',
      seen: null,
    })
    const url = `/api/v1/notices/${notice.id}/seen`
    expect((await post('li', url)).statusCode).toBe(403)
    expect((await post('wang', url)).json()).toMatchObject({ seen: { by: 'wang' } })
    expect((await post('wang', url)).json()).toMatchObject({ status: 409, by: 'wang' })
    expect((await post('wang', '/api/v1/notices/none/seen')).statusCode).toBe(404)
    expect((await notices('screen')).statusCode).toBe(403)
    const acts = (await ledger.list({ ref: 'notice' })).map((e) => (e.payload as { act: string }).act)
    expect(acts).toEqual(['notice', 'notice-seen'])
  })

  test('what is done tells nobody; an answer that the step does not know is refused', async () => {
    desk.publish(sampleAlert('a1', { plan: 'RP7' }))
    expect((await post('li', '/api/v1/alerts/a1/plan-step', { step: 'arrival', done: true })).statusCode).toBe(200)
    expect((await notices('wang')).json().items).toEqual([])
    expect(
      (await post('li', '/api/v1/alerts/a1/plan-step', { step: 'arrival', done: true, answer: 'x' })).json(),
    ).toMatchObject({ status: 422, field: 'answer' })
  })
})

test('an alert that waits says to whom it was carried, to the wall without names, in list, detail and answers of acts', async () => {
  await server.close()
  const clock = new VirtualClock(T0)
  desk = new SampleDesk(clock)
  const told = { step: 1, clock: 'acknowledge' as const, told: ['S05'], at: T0, nextAt: T0 + 30_000, nextClock: null }
  server = await createConsoleServer({
    id: 'js-03',
    clock,
    accounts,
    alerts: desk,
    facility: new SampleFacility(),
    ledger,
    logger: pino({ level: 'silent' }),
    webRoot: null,
    escalation: { of: (id) => (id === 'a1' ? told : null) },
  })
  desk.publish(sampleAlert('a1'))
  desk.publish(sampleAlert('a2'))
  const get = async (who: string, path: string) =>
    (await server.inject({ url: `/api/v1/${path}`, headers: { authorization: `Bearer ${tokens[who]}` } })).json()
  const { items } = await get('li', 'alerts')
  expect(items.map((a: { id: string; escalation: object }) => [a.id, a.escalation])).toEqual(
    expect.arrayContaining([
      ['a1', told],
      ['a2', null],
    ]),
  )
  expect((await get('screen', 'alerts/a1')).escalation).toEqual({ ...told, told: [] })
  expect((await post('li', '/api/v1/alerts/a1/acknowledge')).json().alert.escalation).toEqual(told)
})
