/** What an outside examiner found at the border of the HTTP API: wrong methods, wrong cursors, context that cannot be. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InjectOptions } from 'fastify'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { openAccounts } from './accounts.ts'
import { SampleDesk, SampleFacility, SampleLedger, SampleSeries, sampleAlert, T0 } from './sample-facility.ts'
import { type ConsoleServer, createConsoleServer } from './server.ts'

const dir = mkdtempSync(join(tmpdir(), 'ww-border-'))
const clock = new VirtualClock(T0)
const accounts = openAccounts({ dir, clock, scryptLog2: 4 })
const facility = new SampleFacility()
let server: ConsoleServer
let token: string

beforeAll(async () => {
  await accounts.add({ id: 'zhao', role: 'chief', password: 'Geheim-1234' })
  token = accounts.token('zhao').token
  const desk = new SampleDesk(clock)
  for (const n of [1, 2, 3]) desk.publish(sampleAlert(`a${n}`, { raisedAt: T0 + n }))
  server = await createConsoleServer({
    id: 'js-03',
    clock,
    accounts,
    alerts: desk,
    facility,
    ledger: new SampleLedger(),
    series: new SampleSeries(),
    logger: pino({ level: 'silent' }),
    webRoot: null,
  })
}, 60_000)
afterAll(async () => {
  await server.close()
  accounts.close()
  rmSync(dir, { recursive: true })
})

const ask = (method: InjectOptions['method'], url: string, payload?: InjectOptions['payload']) =>
  server.inject({ method, url, payload, headers: { authorization: `Bearer ${token}` } })

describe('the border', () => {
  test.each([
    ['DELETE', '/api/v1/alerts', 'GET, HEAD, POST'],
    ['PATCH', '/api/v1/alerts/a1', 'GET, HEAD'],
    ['GET', '/api/v1/alerts/a1/acknowledge', 'POST'],
    ['POST', '/api/v1/context/lists', 'GET, HEAD, PUT'],
  ] as const)('%s %s is 405 and says what the address takes', async (method, url, allow) => {
    const answer = await ask(method, url)
    expect(answer.statusCode).toBe(405)
    expect(answer.headers.allow).toBe(allow)
    expect(answer.headers['content-type']).toContain('application/problem+json')
    expect(answer.json()).toMatchObject({ status: 405, title: 'Method not allowed' })
  })

  test('an address that is none stays 404, whatever the method', async () => {
    for (const method of ['GET', 'DELETE'] as const)
      expect((await ask(method, '/api/v1/nothing')).json()).toMatchObject({ status: 404 })
  })

  test.each([
    'alerts',
    'devices',
    'zones',
    'people',
    'rules',
    'plans',
    'incidents',
    'indicators',
    'headcount',
    'coverage',
    'ledger',
    'catalogue',
    'quality',
    'context/zones',
  ])('a cursor that %s has never given is 400, not the end of the list', async (list) => {
    for (const cursor of ['nonsense', 'eyJhIjoxfQ', '%00', 'QjE'])
      expect((await ask('GET', `/api/v1/${list}?cursor=${cursor}`)).json(), cursor).toMatchObject({
        status: 400,
        code: 'bad-cursor',
        field: 'cursor',
      })
  })

  test('a cursor that a list has given goes on where it was', async () => {
    const first = (await ask('GET', '/api/v1/zones?limit=2')).json()
    const second = (await ask('GET', `/api/v1/zones?limit=2&cursor=${first.next}`)).json()
    expect([...first.items, ...second.items].map((z: { id: string }) => z.id)).toEqual(['B1', 'W3', 'W3-C1', 'YARD'])
    const alerts = (await ask('GET', '/api/v1/alerts?limit=2')).json()
    expect((await ask('GET', `/api/v1/alerts?cursor=${alerts.next}`)).json().items).toHaveLength(1)
  })

  test('every route of the description has a name of its own for generated clients', async () => {
    const { paths } = (await ask('GET', '/api/openapi.json')).json()
    const names = Object.values(paths as Record<string, Record<string, { operationId: string }>>).flatMap((methods) =>
      Object.values(methods).map((m) => m.operationId),
    )
    expect(names).toContain('postAlertsByIdPlanStep')
    expect(new Set(names).size).toBe(names.length)
    expect(names.every((name) => /^[a-z][A-Za-z0-9]+$/.test(name))).toBe(true)
  })

  test('readings that begin with the mark of their encoding are readings', async () => {
    const line = '{"device":"E1","type":"env.temperature","time":1,"value":{"celsius":20}}'
    const answer = await server.inject({
      method: 'POST',
      url: '/api/v1/readings',
      payload: `\uFEFF${line}\r\n`,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    })
    expect(answer.json()).toMatchObject({ accepted: 1, quarantined: [] })
  })
})

describe('context', () => {
  test.each([
    ['passes', { id: 'PS1', person: 'P017', zones: ['W3'], from: 'yesterday', to: 'tomorrow' }, '0.from'],
    [
      'passes',
      { id: 'PS1', person: 'P017', zones: ['W3'], from: '2026-11-22T10:00:00+08:00', to: '2026-11-22T09:00:00+08:00' },
      '0.to',
    ],
    ['posts', { id: 'P1', zone: 'W3', hours: '25:00-99:00', count: 1 }, '0.hours'],
    ['shifts', { id: 'A', from: '08:00', to: '26:00' }, '0.to'],
    ['manning', { zone: 'W3', officers: 'rm -rf(' }, '0.officers'],
    ['keep-apart', { id: 'KA', persons: ['P017'] }, '0.persons'],
    ['people', { id: 'P017', detox: { phase: 'physical', since: 'someday' } }, '0.detox.since'],
    ['zones', { id: 'B1', kind: 'building', parent: 'W3-C1' }, '0.parent'],
  ])('%s that cannot be (%o) change nothing and name the field', async (kind, item, field) => {
    const before = structuredClone(facility.items)
    const answer = await ask('PUT', `/api/v1/context/${kind}`, [item])
    expect(answer.json()).toMatchObject({ status: 422, field })
    expect(facility.items).toEqual(before)
  })

  test('an id that stands twice in one call is refused: nobody knows which of the two is meant', async () => {
    const answer = await ask('PUT', '/api/v1/context/lists', [
      { id: 'charging', persons: [] },
      { id: 'charging', persons: ['P017'] },
    ])
    expect(answer.json()).toMatchObject({ status: 422, field: '1.id' })
  })

  test('a name that leads nowhere is taken and told', async () => {
    const answer = await ask('PUT', '/api/v1/context/passes', [
      { id: 'PS1', person: 'GHOST', zones: ['W3', 'NOWHERE'] },
    ])
    expect(answer.statusCode).toBe(200)
    expect(answer.json().warnings).toEqual([
      { field: '0.person', message: '"GHOST" is not one of people' },
      { field: '0.zones', message: '"NOWHERE" is not one of zones' },
    ])
    const good = await ask('PUT', '/api/v1/context/passes', [{ id: 'PS1', person: 'P017', zones: ['W3'] }])
    expect(good.json()).not.toHaveProperty('warnings')
  })

  test('what one call brings along is no stranger to the rest of it', async () => {
    const answer = await ask('PUT', '/api/v1/context/zones', [
      { id: 'N1', kind: 'ward', adjacent: ['N2'] },
      { id: 'N2', kind: 'cell', parent: 'N1' },
    ])
    expect(answer.json()).not.toHaveProperty('warnings')
  })
})
