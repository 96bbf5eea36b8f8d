import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InjectOptions } from 'fastify'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { VERBS } from '#model/alert/acts.ts'
import { VirtualClock } from '#model/clock.ts'
import { ROLES, type Role } from '#model/permissions.ts'
import { type Accounts, openAccounts } from './accounts.ts'
import type { Look } from './looks.ts'
import { SampleDesk, SampleFacility, SampleLedger, SampleSeries, sampleAlert, T0 } from './sample-facility.ts'
import { type ConsoleServer, type ConsoleServerOptions, createConsoleServer } from './server.ts'

const PASSWORD = 'Geheim-1234'
let dir: string
let clock: VirtualClock
let accounts: Accounts
let desk: SampleDesk
let facility: SampleFacility
let ledger: SampleLedger
let series: SampleSeries
let looks: Look[]
let server: ConsoleServer
const tokens = {} as Record<Role, string>

const build = (more: Partial<ConsoleServerOptions> = {}) =>
  createConsoleServer({
    id: 'js-03',
    clock,
    accounts,
    alerts: desk,
    facility,
    ledger,
    series,
    logger: pino({ level: 'silent' }),
    history: desk.history(),
    onLook: (look) => looks.push(look),
    webRoot: join(dir, 'web'),
    ...more,
  })

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ww-console-'))
  clock = new VirtualClock(T0)
  accounts = openAccounts({ dir, clock, scryptLog2: 4 })
  for (const role of ROLES) {
    await accounts.add({ id: `a-${role}`, role, password: PASSWORD })
    tokens[role] = accounts.token(`a-${role}`).token
  }
  desk = new SampleDesk(clock)
  desk.publish(sampleAlert('a1'))
  desk.publish(
    sampleAlert('a2', {
      level: 'blue',
      domain: 'equipment',
      rule: 'device-offline',
      code: 'R53',
      device: 'K31',
      subject: null,
      subjects: [],
      key: 'K31',
      zone: 'YARD',
      reasons: [{ code: 'offline', params: { for_s: 90 }, class: 'L2' }],
      explanation: { zh: '摄像机离线', en: 'Camera offline' },
      raisedAt: T0 + 1,
    }),
  )
  facility = new SampleFacility()
  ledger = new SampleLedger()
  series = new SampleSeries()
  looks = []
  server = await build()
})
afterEach(async () => {
  await server.close()
  accounts.close()
  rmSync(dir, { recursive: true })
})

const as = (
  role: Role,
  method: InjectOptions['method'],
  url: string,
  payload?: InjectOptions['payload'],
  headers: Record<string, string> = {},
) => server.inject({ method, url, payload, headers: { authorization: `Bearer ${tokens[role]}`, ...headers } })
const get = (role: Role, url: string) => as(role, 'GET', url)
const login = (account: string, password = PASSWORD, headers: Record<string, string> = {}) =>
  server.inject({ method: 'POST', url: '/api/v1/login', payload: { account, password }, headers })
const cookieOf = (answer: Awaited<ReturnType<typeof login>>) => `${answer.cookies[0]?.name}=${answer.cookies[0]?.value}`

/** Routes and the roles that get an answer; all others must get 403. */
const CIVIL: Role[] = ['officer', 'chief', 'engineer', 'provincial', 'sysadmin', 'wall']
const READABLE: [string, Role[]][] = [
  ['/api/v1/alerts', CIVIL],
  ['/api/v1/alerts/a1', CIVIL],
  ['/api/v1/incidents', CIVIL],
  ['/api/v1/incidents/ia1', CIVIL],
  ['/api/v1/devices', ['officer', 'chief', 'engineer', 'sysadmin', 'wall']],
  ['/api/v1/devices/K31', ['officer', 'chief', 'engineer', 'sysadmin', 'wall']],
  ['/api/v1/zones', CIVIL],
  ['/api/v1/zones/W3', CIVIL],
  ['/api/v1/coverage', ['officer', 'chief', 'engineer', 'sysadmin', 'wall']],
  ['/api/v1/phones', ['officer', 'chief', 'engineer', 'sysadmin']],
  ['/api/v1/people', ['officer', 'chief']],
  ['/api/v1/people/P017', ['officer', 'chief']],
  ['/api/v1/shift', ['officer', 'chief']],
  ['/api/v1/headcount', ['officer', 'chief', 'engineer', 'provincial', 'wall']],
  ['/api/v1/context/people', ['officer', 'chief']],
  ['/api/v1/context/escorts', ['officer', 'chief']],
  ['/api/v1/context/modes', ['officer', 'chief', 'engineer', 'sysadmin', 'wall']],
  ['/api/v1/rules', CIVIL],
  ['/api/v1/rules/R29', CIVIL],
  ['/api/v1/plans', CIVIL],
  ['/api/v1/plans/RP7', CIVIL],
  ['/api/v1/indicators', CIVIL],
  ['/api/v1/indicators/I04', CIVIL],
  ['/api/v1/catalogue', [...ROLES]],
  ['/api/v1/catalogue/band.vitals', [...ROLES]],
  ['/api/v1/quality', ['chief', 'engineer', 'sysadmin']],
  ['/api/v1/quarantine', ['chief', 'engineer', 'sysadmin']],
  ['/api/v1/series?type=env.temperature', ['officer', 'chief', 'engineer', 'sysadmin']],
  ['/api/v1/series?type=band.vitals', ['officer', 'chief']],
  ['/api/v1/series?type=band.position', ['officer', 'chief']],
  ['/api/v1/series?type=tag.activity', ['officer', 'chief']],
  ['/api/v1/health', CIVIL],
  ['/api/v1/ledger', ['auditor', 'chief']],
  ['/api/v1/ledger/verify', ['auditor', 'chief']],
  ['/api/v1/accounts', ['secadmin']],
  ['/api/v1/cameras/K31/snapshot', ['officer', 'chief', 'engineer']],
  ['/api/v1/alerts/a1/picture', ['officer', 'chief']],
  ['/api/v1/me', [...ROLES]],
]

describe('who gets an answer', () => {
  test.each(READABLE)(
    'GET %s answers exactly the roles of the table and nobody without a log-in',
    async (url, roles) => {
      for (const role of ROLES) {
        const answer = await get(role, url)
        expect([role, answer.statusCode], answer.body).toEqual([role, roles.includes(role) ? 200 : 403])
      }
      const stranger = await server.inject(url)
      expect(stranger.statusCode).toBe(401)
      expect(stranger.headers['content-type']).toContain('application/problem+json')
      expect(stranger.headers['www-authenticate']).toContain('Bearer')
    },
  )

  test('a role that may not is told which roles may', async () => {
    expect((await get('wall', '/api/v1/people')).json()).toMatchObject({
      status: 403,
      code: 'not-allowed',
      roles: ['officer', 'chief'],
    })
  })

  test.each(['provincial', 'sysadmin', 'wall', 'secadmin', 'auditor'] as const)(
    '%s may act on nothing and change nothing',
    async (role) => {
      for (const verb of VERBS) expect((await as(role, 'POST', `/api/v1/alerts/a1/${verb}`, {})).statusCode).toBe(403)
      expect(
        (await as(role, 'POST', '/api/v1/alerts', { level: 'red', zone: 'W3', kind: 'call', note: 'x' })).statusCode,
      ).toBe(403)
      expect((await as(role, 'PUT', '/api/v1/context/lists', [])).statusCode).toBe(403)
      expect(
        (await as(role, 'POST', '/api/v1/readings', '', { 'content-type': 'application/x-ndjson' })).statusCode,
      ).toBe(403)
      expect(desk.acts).toBe(0)
    },
  )

  /** Everything that only those may see who see persons. */
  const SECRETS = ['P017', 'Li Ming', '李明', '3201', '"spo2":81', '"hr":71', 'W017', 'S33', 'hunter2', '"x_m":1']
  test.each(['provincial', 'wall', 'sysadmin'] as const)(
    'no answer of any route shows %s a person, a vital sign, a position or a password',
    async (role) => {
      desk.publish(sampleAlert('a1'), 'commented', 'S33', 'note about P017 Li Ming')
      const routes = READABLE.map(([url]) => url).filter((url) => !url.includes('P017') && !url.includes('W017'))
      for (const url of [
        ...routes,
        '/api/v1/devices/W017',
        '/api/v1/context/devices',
        '/api/v1/devices?kind=band',
        '/api/v1/alerts/a1/picture',
      ]) {
        const { body } = await get(role, url)
        // System administrators service bands and edges: they know the device, never the wearer.
        const secrets = role === 'sysadmin' ? SECRETS.filter((s) => s !== 'W017' && s !== 'S33') : SECRETS
        for (const secret of secrets)
          expect(body.includes(secret) && !url.includes(secret), `${url} shows ${secret}: ${body.slice(0, 400)}`).toBe(
            false,
          )
      }
      expect(looks).toEqual([])
    },
  )

  test('a masked role cannot find a person by filtering', async () => {
    for (const query of ['subject=P017', 'text=P017'])
      expect((await get('wall', `/api/v1/alerts?${query}`)).statusCode).toBe(403)
    expect((await get('engineer', '/api/v1/series?type=band.battery&device=W017')).statusCode).toBe(403)
  })

  test('passwords of devices are shown to nobody', async () => {
    for (const role of ROLES)
      for (const url of ['/api/v1/devices', '/api/v1/devices/K31', '/api/v1/context/devices'])
        expect((await get(role, url)).body).not.toContain('hunter2')
  })

  test('the auditor reads the ledger without the persons, the hash stays', async () => {
    await ledger.append([{ kind: 'alert', ref: 'a1', payload: desk.changes[0]!.change }])
    const { items } = (await get('auditor', '/api/v1/ledger?kind=alert')).json()
    expect(items).toMatchObject([
      { seq: 1, masked: true, hash: 'h', payload: { change: 'raised', alert: { id: 'a1', subjects: [] } } },
    ])
    expect(JSON.stringify(items)).not.toContain('P017')
  })
})

describe('alerts', () => {
  test('the list is newest first, carries the allowed actions and where the stream stands', async () => {
    const answer = await get('officer', '/api/v1/alerts?limit=1')
    expect(answer.json()).toMatchObject({
      items: [{ id: 'a2', allowedActions: expect.arrayContaining(['acknowledge']) }],
      total: 2,
    })
    expect(answer.headers['x-stream-position']).toBe(server.hub.position())
    const second = await get('officer', `/api/v1/alerts?limit=1&cursor=${answer.json().next}`)
    expect(second.json()).toMatchObject({ items: [{ id: 'a1', subjects: ['P017'] }], next: null })
  })

  test.each([
    ['level=red,blue', 2],
    ['level=red', 1],
    ['level=orange', 0],
    ['zone=YARD', 1],
    ['zone=B1', 0],
    ['within=B1', 2],
    ['within=W3', 1],
    ['within=W3&zone=YARD', 0],
    [`from=${T0 + 1}`, 1],
    ['from=2026-11-22T00:00:00%2B08:00', 2],
    ['subject=P017', 1],
  ])('filter %s finds %i', async (query, n) => {
    expect((await get('officer', `/api/v1/alerts?${query}`)).json().total).toBe(n)
  })

  test.each([
    ['level=purple', 'level'],
    ['state=asleep', 'state'],
    ['from=yesterday', 'from'],
    ['to=2026-13-45T00:00:00Z', 'to'],
    ['open=maybe', 'open'],
    ['limit=0', 'limit'],
    ['limit=1e9', 'limit'],
  ])('a wrong filter %s is 422 and names the field', async (query, field) => {
    expect((await get('officer', `/api/v1/alerts?${query}`)).json()).toMatchObject({
      status: 422,
      field,
      code: 'field-missing',
    })
  })

  test('one alert comes with timeline, evidence readings, incident and plan progress', async () => {
    await as('officer', 'POST', '/api/v1/alerts/a1/plan-step', { step: 'arrival', done: true, note: 'nurse is there' })
    const alert = (await get('officer', '/api/v1/alerts/a1')).json()
    expect(alert).toMatchObject({
      id: 'a1',
      allowedActions: expect.arrayContaining(['acknowledge', 'dispatch']),
      evidence: [
        { id: 'r1', masked: false, value: { spo2: 81 } },
        { id: 'r2', value: { celsius: 22 } },
      ],
      incident: { id: 'ia1', subjects: ['P017'] },
      plan: {
        id: 'RP7',
        name: { en: 'Medical emergency' },
        steps: [{ id: 'arrival' }],
        progress: [{ step: 'arrival', done: true, skipped: false, by: 'a-officer', note: 'nurse is there' }],
      },
    })
    expect(alert.timeline.map((c: { change: string }) => c.change)).toEqual(['raised', 'plan-step'])
    expect(looks).toContainEqual(expect.objectContaining({ by: 'a-officer', what: 'evidence', purpose: 'alert a1' }))
  })

  test('where the facility closes by the plan, a red is not resolved while a required step is open', async () => {
    const resolve = () =>
      as('officer', 'POST', '/api/v1/alerts/a1/resolve', { result: 'confirmed', note: 'breathes again' })
    await server.close()
    server = await build({ closingSteps: 'required' })
    expect((await resolve()).json()).toMatchObject({
      status: 422,
      field: 'plan',
      detail: expect.stringContaining('arrival'),
    })
    await as('officer', 'POST', '/api/v1/alerts/a1/plan-step', {
      step: 'arrival',
      skipped: true,
      note: 'was there already',
    })
    expect((await resolve()).json()).toMatchObject({ change: 'pending-review' })
  })

  test('an engineer sees which evidence there is but no vital sign', async () => {
    const { evidence } = (await get('engineer', '/api/v1/alerts/a1')).json()
    expect(evidence).toMatchObject([
      { masked: true, value: null, subject: null, device: '•' },
      { id: 'r2', value: { celsius: 22 } },
    ])
  })

  test('an equipment alert without persons stays readable for everybody', async () => {
    for (const role of CIVIL)
      expect((await get(role, '/api/v1/alerts/a2')).json()).toMatchObject({
        device: 'K31',
        key: 'K31',
        explanation: { en: 'Camera offline' },
        reasons: [{ params: { for_s: 90 } }],
      })
  })

  test('the first acknowledgement counts; the second is told who and when', async () => {
    expect((await as('officer', 'POST', '/api/v1/alerts/a1/acknowledge', { confirmed: true })).json()).toMatchObject({
      change: 'acknowledged',
      by: 'a-officer',
      alert: { state: 'acknowledged', confirmed: true },
    })
    const second = await as('chief', 'POST', '/api/v1/alerts/a1/acknowledge')
    expect(second.statusCode).toBe(409)
    expect(second.json()).toMatchObject({
      type: 'urn:wardwatch:problem:conflict',
      title: 'Conflict',
      status: 409,
      by: 'a-officer',
      at: T0,
      state: 'acknowledged',
    })
  })

  test.each([
    ['resolve', {}, 'result'],
    ['resolve', { result: 'perhaps' }, 'result'],
    ['dismiss', { result: 'false' }, 'cause'],
    ['assign', {}, 'to'],
    ['comment', { note: '' }, 'note'],
    ['plan-step', { done: true }, 'step'],
    ['acknowledge', { confirmed: 'true' }, 'confirmed'],
    ['acknowledge', { confirmd: true }, 'confirmd'],
    ['dispatch', { units: [1] }, 'units.0'],
    ['shelve', { minutes: '5', note: 'x' }, 'minutes'],
    ['shelve', { until: 'soon', note: 'x' }, 'until'],
  ])('%s with %j is 422 and names %s', async (verb, body, field) => {
    expect((await as('officer', 'POST', `/api/v1/alerts/a1/${verb}`, body)).json()).toMatchObject({
      status: 422,
      field,
    })
  })

  test.each(VERBS)('%s on an alert that does not exist is 404', async (verb) => {
    const bodies: Record<string, object> = {
      resolve: { result: 'confirmed' },
      dismiss: { result: 'false', cause: 'animal' },
      assign: { to: 'x' },
      comment: { note: 'x' },
      'plan-step': { step: 'x', done: true },
    }
    expect((await as('chief', 'POST', `/api/v1/alerts/nope/${verb}`, bodies[verb] ?? {})).json()).toMatchObject({
      status: 404,
      code: 'not-found',
    })
  })

  test('what the desk forbids is 403 in its words', async () => {
    expect((await as('engineer', 'POST', '/api/v1/alerts/a1/acknowledge', {})).json()).toMatchObject({
      status: 403,
      detail: 'equipment only',
    })
  })

  test('a manual alert is raised, and refused with a zone or a person that does not exist', async () => {
    const answer = await as('officer', 'POST', '/api/v1/alerts', {
      level: 'orange',
      zone: 'YARD',
      kind: 'call',
      note: 'ladder',
    })
    expect(answer.statusCode).toBe(201)
    expect(answer.headers.location).toBe(`/api/v1/alerts/${answer.json().alert.id}`)
    for (const [body, field] of [
      [{ level: 'orange', zone: 'X', kind: 'call', note: 'n' }, 'zone'],
      [{ level: 'orange', zone: 'W3', kind: 'call', note: 'n', subjects: ['P9'] }, 'subjects'],
      [{ zone: 'W3', kind: 'call', note: 'n' }, 'level'],
      [{ level: 'pink', zone: 'W3', kind: 'call', note: 'n' }, 'level'],
    ] as const)
      expect((await as('officer', 'POST', '/api/v1/alerts', body)).json()).toMatchObject({ status: 422, field })
  })

  test('an Idempotency-Key acts once, answers the same again, and refuses another body', async () => {
    const once = (body: object, key = 'k1') => as('officer', 'POST', '/api/v1/alerts', body, { 'idempotency-key': key })
    const body = { level: 'red', zone: 'W3', kind: 'call', note: 'fight' }
    const [first, second] = await Promise.all([once(body), once(body)])
    const third = await once(body)
    expect(desk.acts).toBe(1)
    expect([second.body, third.body]).toEqual([first.body, first.body])
    expect([third.statusCode, third.headers['idempotency-replayed']]).toEqual([201, 'true'])
    expect((await once({ ...body, note: 'other' })).json()).toMatchObject({ status: 422, field: 'Idempotency-Key' })
    await once(body, 'k2')
    expect(desk.acts).toBe(2)
  })
})

test('a caller that goes away in the middle of an act and tries again acts once', async () => {
  const url = await server.listen()
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const raise = desk.raise.bind(desk)
  desk.raise = async (...manual) => {
    await held
    return raise(...manual)
  }
  const post = (signal?: AbortSignal) =>
    fetch(`${url}/api/v1/alerts`, {
      method: 'POST',
      signal,
      headers: {
        authorization: `Bearer ${tokens.officer}`,
        'content-type': 'application/json',
        'idempotency-key': 'k',
      },
      body: JSON.stringify({ level: 'red', zone: 'W3', kind: 'call', note: 'fight' }),
    })
  const gone = new AbortController()
  const first = post(gone.signal).catch(() => 'gone')
  await expect.poll(() => server.app.server.listening).toBe(true)
  await new Promise((resolve) => setTimeout(resolve, 50))
  gone.abort()
  expect(await first).toBe('gone')
  await new Promise((resolve) => setTimeout(resolve, 20))
  const second = post()
  await new Promise((resolve) => setTimeout(resolve, 20))
  release()
  expect([(await second).status, desk.acts]).toEqual([201, 1])
})

describe('the facility', () => {
  test('devices carry their live state; vital signs only in the detail, and that look is recorded', async () => {
    const { items } = (await get('officer', '/api/v1/devices')).json()
    expect(items.map((d: { id: string; online: boolean | null }) => [d.id, d.online])).toEqual([
      ['CB1', null],
      ['E1', false],
      ['K31', true],
      ['W017', true],
    ])
    expect(items[3]).toMatchObject({ subject: 'P017', latest: { 'band.battery': { value: { percent: 80 } } } })
    expect(items[3].latest['band.vitals']).toBeUndefined()
    facility.states[0]!.why = 'refused user "ww"'
    const why = async (role: string) =>
      (await get(role as 'officer', '/api/v1/devices')).json().items.map((d: { why?: string }) => d.why)
    expect(await why('engineer')).toContain('refused user "ww"')
    for (const role of ['officer', 'wall']) expect(await why(role), role).not.toContain('refused user "ww"')
    expect((await get('officer', '/api/v1/devices/W017')).json().latest['band.vitals'].value).toEqual({
      hr: 71,
      spo2: 81,
    })
    expect(looks).toContainEqual(expect.objectContaining({ what: 'vitals', purpose: 'device W017' }))
    expect((await get('engineer', '/api/v1/devices/W017')).json()).toMatchObject({ latest: { 'band.battery': {} } })
    expect((await get('wall', '/api/v1/devices/W017')).statusCode).toBe(404)
  })

  test.each([
    ['zone=B1', 4],
    ['zone=W3', 3],
    ['kind=camera', 1],
    ['driver=mqtt', 2],
    ['online=true', 2],
    ['text=k3', 1],
  ])('devices with %s: %i', async (query, n) => {
    expect((await get('engineer', `/api/v1/devices?${query}`)).json().total).toBe(n)
  })

  test('pages of a list join without loss or repetition', async () => {
    const seen: string[] = []
    let cursor = ''
    do {
      const { items, next } = (await get('engineer', `/api/v1/devices?limit=3${cursor && `&cursor=${cursor}`}`)).json()
      seen.push(...items.map((d: { id: string }) => d.id))
      cursor = next
    } while (cursor)
    expect(seen).toEqual(['CB1', 'E1', 'K31', 'W017'])
  })

  test('people come with number and initials; a name needs a purpose and both are recorded', async () => {
    const plain = await get('officer', '/api/v1/people')
    expect(plain.json().items[0]).toMatchObject({
      id: 'P017',
      number: '3201',
      initials: 'LM',
      position: { zone: 'W3-C1', fresh: true },
    })
    expect(plain.body).not.toContain('Li Ming')
    expect((await get('officer', '/api/v1/people?names=true')).json()).toMatchObject({ status: 422, field: 'purpose' })
    expect((await get('officer', '/api/v1/people/P017?names=true&purpose=escort')).json().name.en).toBe('Li Ming')
    expect(looks).toMatchObject([
      { what: 'people', count: 2, purpose: null },
      { what: 'names', count: 1, purpose: 'escort', by: 'a-officer' },
    ])
    expect((await get('officer', '/api/v1/people?kind=staff')).body).not.toContain('C-0033')
  })

  test('the headcount counts who is there, who is elsewhere and who is unknown, with age', async () => {
    clock.advanceTo(T0 + 10_000)
    facility.fixes.push(
      { ...facility.fixes[0]!, person: 'P018', zone: 'YARD', time: T0 + 9_000 },
      { ...facility.fixes[0]!, person: 'S33', staff: true, time: T0 + 9_000 },
    )
    const of = async (zone: string) =>
      (await get('officer', `/api/v1/headcount?limit=50`)).json().items.find((i: { zone: string }) => i.zone === zone)
    expect(await of('W3')).toMatchObject({
      expected: 2,
      present: 1,
      elsewhere: 1,
      unknown: 0,
      inside: 1,
      officers: 1,
      ageMs: 10_000,
    })
    expect(await of('B1')).toMatchObject({ expected: 2, present: 2, inside: 2 })
    clock.advanceTo(T0 + 35_000)
    expect(await of('W3'), 'an old fix is a question').toMatchObject({
      expected: 2,
      present: 0,
      elsewhere: 1,
      unknown: 1,
      inside: 0,
    })
    const wall = (await get('wall', '/api/v1/headcount')).json().items.map((i: { zone: string }) => i.zone)
    expect(wall, 'no cell: one person is no number').toEqual(['B1', 'W3', 'YARD'])
  })

  test('coverage names each zone that lacks a live device of a kind it needs', async () => {
    const { items, uncovered } = (await get('engineer', '/api/v1/coverage')).json()
    expect(items).toMatchObject([
      {
        zone: 'W3-C1',
        covered: false,
        missing: ['camera|bed-radar', 'call-button'],
        required: [{ total: 0 }, { total: 1, live: 0, neverSeen: 1 }],
      },
      { zone: 'YARD', covered: true, missing: [] },
    ])
    expect(uncovered).toBe(1)
    facility.states[0]!.online = false
    expect((await get('engineer', '/api/v1/coverage?covered=false')).json().total).toBe(2)
  })

  test('the province sees zones without drawings', async () => {
    expect((await get('provincial', '/api/v1/zones/W3')).json().polygon).toBeUndefined()
    expect((await get('officer', '/api/v1/zones/W3')).json().polygon).toHaveLength(3)
  })

  test('context is put by id, replaced on request, and nothing changes when one item is wrong', async () => {
    const put = (role: Role, url: string, body: object) => as(role, 'PUT', url, body)
    expect((await put('officer', '/api/v1/context/lists', [{ id: 'medical', persons: ['P017'] }])).json()).toEqual({
      version: 2,
      changed: 1,
    })
    expect(
      (await put('officer', '/api/v1/context/lists?replace=true', [{ id: 'charging', persons: [] }])).json().changed,
    ).toBe(2)
    expect((await get('officer', '/api/v1/context/lists')).json().items).toEqual([{ id: 'charging', persons: [] }])
    for (const [body, field] of [
      [[{ id: 'a', persons: [] }, { id: 'b' }], '1.persons'],
      [[{ id: 'a', persons: [], x: 1 }], '0.x'],
      [[{ id: 'a', persons: 'P1' }], '0.persons'],
      [{ id: 'a' }, 'body'],
    ] as const)
      expect((await put('officer', '/api/v1/context/lists', body)).json()).toMatchObject({ status: 422, field })
    expect((await get('officer', '/api/v1/context/lists')).json().total).toBe(1)
    expect((await put('officer', '/api/v1/context/people', [])).statusCode).toBe(403)
    expect((await put('chief', '/api/v1/context/nonsense', [])).statusCode).toBe(404)
    expect(
      (await put('engineer', '/api/v1/context/modes', [{ id: 'm1', mode: 'maintenance', devices: ['K31'] }]))
        .statusCode,
    ).toBe(200)
    expect(ledger.entries.filter((e) => (e.payload as { what: string }).what === 'context-changed')).toHaveLength(3)
  })

  test('context is not changed when the ledger cannot take the record', async () => {
    ledger.broken = true
    expect((await as('officer', 'PUT', '/api/v1/context/lists', [{ id: 'x', persons: [] }])).statusCode).toBe(500)
    expect(facility.context('lists')).toEqual([])
  })

  test('readings are imported line by line; broken lines are named by their number in the body', async () => {
    const body = [
      '{"device":"E1","type":"env.temperature","time":1,"value":{}}',
      '',
      'not json',
      '{"device":"E1","type":"env.temperature","value":{}}',
      '5',
    ].join('\n')
    const answer = await as('engineer', 'POST', '/api/v1/readings', body, { 'content-type': 'application/x-ndjson' })
    expect(answer.json()).toEqual({
      accepted: 2,
      duplicates: 0,
      quarantined: [
        { line: 3, cause: 'bad-json' },
        { line: 5, cause: 'bad-reading' },
      ],
    })
  })

  test('the series answers the contract, chooses a bucket and refuses nonsense by field', async () => {
    const answer = (
      await get(
        'engineer',
        '/api/v1/series?device=E1&type=env.temperature&field=celsius&from=2026-11-22T00:00:00Z&to=2026-11-22T01:00:00Z&every=1m&fn=max',
      )
    ).json()
    expect(answer.series).toEqual([
      {
        device: 'E1',
        zone: 'W3',
        type: 'env.temperature',
        field: 'celsius',
        points: [
          [T0, 21],
          [T0 + 1, null],
        ],
      },
    ])
    expect(series.asked[0]).toMatchObject({ device: ['E1'], everyMs: 60_000, fn: 'max', to: 1_795_309_200_000 })
    for (const [query, field] of [
      ['', 'type'],
      ['type=no.such', 'type'],
      ['type=env.temperature&field=x', 'field'],
      ['type=env.temperature&every=1s&from=0', 'every'],
      ['type=env.temperature&from=5&to=4', 'from'],
      ['type=env.temperature&fn=mode', 'fn'],
      ['type=env.temperature&every=abc', 'every'],
    ] as const)
      expect((await get('engineer', `/api/v1/series?${query}`)).json()).toMatchObject({ status: 422, field })
    await get('officer', '/api/v1/series?type=band.vitals&device=W017')
    expect(looks).toContainEqual(
      expect.objectContaining({ what: 'vitals', by: 'a-officer', purpose: 'series band.vitals' }),
    )
  })

  test('pictures come with their time, are recorded, and are missing in words', async () => {
    const picture = await get('officer', '/api/v1/cameras/K31/snapshot')
    expect([picture.headers['content-type'], picture.headers['x-taken-at'], picture.rawPayload.length]).toEqual([
      'image/jpeg',
      String(T0),
      4,
    ])
    expect((await get('officer', '/api/v1/cameras/E1/snapshot')).statusCode).toBe(404)
    expect((await get('officer', '/api/v1/alerts/a1/picture')).rawPayload.subarray(0, 2)).toEqual(
      Buffer.from([0xff, 0xd8]),
    )
    expect((await get('officer', '/api/v1/alerts/a2/picture')).statusCode).toBe(404)
    expect(looks.map((l) => l.what)).toEqual(['snapshot', 'picture'])
    facility.snapshot = async () => null
    expect((await get('officer', '/api/v1/cameras/K31/snapshot')).json()).toMatchObject({
      status: 503,
      code: 'device-unreachable',
    })
  })

  test('pictures of a restricted zone are for those whom the site names; no console is offered the others', async () => {
    const own = await build({ viewing: [{ zones: ['YARD'], accounts: ['a-chief'] }] })
    const ask = async (role: Role, url: string) =>
      own.inject({ url, headers: { authorization: `Bearer ${tokens[role]}` } })
    expect((await ask('chief', '/api/v1/cameras/K31/snapshot')).statusCode).toBe(200)
    expect((await ask('officer', '/api/v1/cameras/K31/snapshot')).json()).toMatchObject({
      status: 403,
      code: 'viewing-restricted',
      zone: 'YARD',
    })
    expect((await ask('officer', '/api/v1/alerts/a1/picture')).statusCode, 'the evidence is of the same camera').toBe(
      403,
    )
    const viewable = async (role: Role) => {
      const { items } = (await ask(role, '/api/v1/devices?kind=camera')).json()
      return items.map((d: { id: string; viewable: boolean }) => [d.id, d.viewable])
    }
    expect([await viewable('chief'), await viewable('officer'), await viewable('sysadmin')]).toEqual([
      [['K31', true]],
      [['K31', false]],
      [['K31', false]],
    ])
    facility.items.zones!.push({ id: 'YARD-T', kind: 'toilet', parent: 'YARD' })
    facility.items.devices![0]!.watches = ['YARD-T']
    const fresh = await build({})
    const private_ = await fresh.inject({
      url: '/api/v1/cameras/K31/snapshot',
      headers: { authorization: `Bearer ${tokens.chief}` },
    })
    expect(private_.json()).toMatchObject({ status: 403, code: 'viewing-private' })
    await own.close()
    await fresh.close()
  })

  test('numbers for the hour without a link come in the order of the site file', async () => {
    expect((await get('officer', '/api/v1/phones')).json()).toEqual({ items: [], next: null, total: 0 })
    const name = { zh: '值班长', en: 'Chief' }
    const own = await build({
      phones: Array.from({ length: 12 }, (_, n) => ({
        name,
        number: `80${10 + n}`,
        ...(n === 1 ? { zones: ['W3'] } : {}),
      })),
    })
    const answer = await own.inject({ url: '/api/v1/phones', headers: { authorization: `Bearer ${tokens.officer}` } })
    const { items } = answer.json() as { items: { number: string }[] }
    expect(items.map((p) => p.number)).toEqual(Array.from({ length: 12 }, (_, n) => `80${10 + n}`))
    expect(items[1]).toEqual({ id: '2', name, number: '8011', zones: ['W3'], role: null })
    await own.close()
  })

  test('a wall looks where a serious alert is open and nowhere else', async () => {
    expect((await get('wall', '/api/v1/cameras/K31/snapshot')).json()).toMatchObject({ code: 'viewing-no-alert' })
    desk.publish(sampleAlert('a9', { level: 'orange', zone: 'YARD' }))
    expect((await get('wall', '/api/v1/cameras/K31/snapshot')).statusCode).toBe(200)
    for (let n = 0; n < 1_200; n++)
      desk.publish(sampleAlert(`storm${n}`, { level: 'orange', zone: 'W3', raisedAt: T0 + 60_000 + n }))
    expect((await get('wall', '/api/v1/cameras/K31/snapshot')).statusCode, 'in a storm as well').toBe(200)
    expect((await get('wall', '/api/v1/alerts/a1/picture')).statusCode, 'evidence may show persons').toBe(403)
  })

  test('the collection list comes as JSON with schemas and as a table', async () => {
    expect((await get('auditor', '/api/v1/catalogue/band.vitals')).json()).toMatchObject({
      class: 'L4',
      schema: { type: 'object', required: expect.arrayContaining(['confidence']) },
    })
    const csv = await get('auditor', '/api/v1/catalogue?format=csv&type=band.vitals,env.temperature')
    expect(csv.headers['content-type']).toContain('text/csv')
    const lines = csv.body.trim().split('\r\n')
    expect(lines[0]).toContain('字段 field')
    expect(lines.filter((l) => l.startsWith('band.vitals,生命体征'))).toHaveLength(8)
  })

  test('indicators that are not computed say so and have no value', async () => {
    const { items, total } = (await get('officer', '/api/v1/indicators?limit=100')).json()
    expect(total).toBe(39)
    expect(items.find((i: { id: string }) => i.id === 'I04')).toMatchObject({ status: 'computed', n: 0, value: null })
    expect(items.find((i: { id: string }) => i.id === 'I16')).toMatchObject({
      status: 'not-computed',
      value: null,
      n: null,
    })
    clock.advanceTo(T0 + 60_000)
    expect((await get('officer', '/api/v1/indicators/I04')).json(), 'a red alert nobody acknowledged').toMatchObject({
      value: 0,
      n: 1,
    })
    expect((await get('officer', '/api/v1/indicators/I99')).statusCode).toBe(404)
  })

  test('the original of what could not be read is for the engineer alone', async () => {
    expect((await get('engineer', '/api/v1/quarantine')).json().items[0].payload).toBe('P017 spo2 81')
    expect((await get('chief', '/api/v1/quarantine')).body).not.toContain('P017')
    expect((await get('sysadmin', '/api/v1/quality')).json()).toMatchObject({
      summary: { devices: 3, online: 2, quarantined: 1 },
      items: expect.arrayContaining([expect.objectContaining({ device: 'K31', validity: 0.9 })]),
    })
  })
})

describe('getting in', () => {
  test('a log-in sets a cookie that scripts and other sites cannot use, and goes to the ledger', async () => {
    const answer = await login('a-officer')
    expect(answer.json()).toMatchObject({
      id: 'a-officer',
      role: 'officer',
      tier: 'facility',
      facility: { id: 'js-03' },
    })
    expect(answer.cookies[0]).toMatchObject({ name: 'ww_js-03', httpOnly: true, sameSite: 'Strict', path: '/' })
    const me = await server.inject({ url: '/api/v1/me', headers: { cookie: cookieOf(answer) } })
    expect(me.json().id).toBe('a-officer')
    expect(me.json().factors, 'one factor is said, so that no screen suggests more').toEqual(['password'])
    expect(ledger.entries.map((e) => e.payload)).toMatchObject([{ act: 'login', by: 'a-officer', success: true }])
    const out = await server.inject({ method: 'POST', url: '/api/v1/logout', headers: { cookie: cookieOf(answer) } })
    expect(out.statusCode).toBe(204)
    expect((await server.inject({ url: '/api/v1/me', headers: { cookie: cookieOf(answer) } })).statusCode).toBe(401)
  })

  test('the watch gets in while the ledger is broken', async () => {
    ledger.broken = true
    expect((await login('a-officer')).statusCode).toBe(200)
    expect((await login('a-officer', 'wrong')).statusCode).toBe(401)
  })

  test('behind TLS the cookie is Secure and bound to the host', async () => {
    const safe = await build({ secure: true })
    const answer = await safe.inject({
      method: 'POST',
      url: '/api/v1/login',
      payload: { account: 'a-chief', password: PASSWORD },
    })
    expect(answer.cookies[0]).toMatchObject({ name: '__Host-ww_js-03', secure: true })
    expect(answer.headers['strict-transport-security']).toContain('max-age')
    await safe.close()
  })

  test('five wrong passwords lock, with the time of unlocking; the ledger knows', async () => {
    for (let i = 4; i > 0; i--)
      expect((await login('a-chief', 'wrong')).json()).toMatchObject({ status: 401, attemptsLeft: i })
    const locked = await login('a-chief', 'wrong')
    expect([locked.statusCode, locked.headers['retry-after']]).toEqual([429, '900'])
    expect(locked.json()).toMatchObject({ type: 'urn:wardwatch:problem:account-locked', unlockAt: T0 + 900_000 })
    expect((await login('a-chief')).statusCode).toBe(429)
    expect(ledger.entries.some((e) => (e.payload as { act: string }).act === 'account-locked')).toBe(true)
    clock.advanceTo(T0 + 900_000)
    expect((await login('a-chief')).statusCode).toBe(200)
  })

  test('an address that tries too often is slowed down whatever names it tries', async () => {
    const strict = await build({ loginsPerMinute: 3 })
    const codes: number[] = []
    for (let i = 0; i < 5; i++)
      codes.push(
        (await strict.inject({ method: 'POST', url: '/api/v1/login', payload: { account: `u${i}`, password: 'x' } }))
          .statusCode,
      )
    expect(codes).toEqual([401, 401, 401, 429, 429])
    await strict.close()
  })

  test('a page of another site cannot act with the cookie of an officer', async () => {
    const cookie = cookieOf(await login('a-officer'))
    const act = (headers: Record<string, string>) =>
      server.inject({
        method: 'POST',
        url: '/api/v1/alerts/a1/acknowledge',
        payload: {},
        headers: { host: 'ww.example', cookie, ...headers },
      })
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ] as Record<string, string>[])
      expect((await act(headers)).statusCode, JSON.stringify(headers)).toBe(403)
    expect(desk.acts).toBe(0)
    expect((await act({ origin: 'http://ww.example', 'sec-fetch-site': 'same-origin' })).statusCode).toBe(200)
    expect(
      (await login('a-officer', PASSWORD, { origin: 'https://evil.example' })).statusCode,
      'nor log somebody in',
    ).toBe(403)
  })

  test('a session ends after a quarter of an hour of silence, that of a duty console after its shift', async () => {
    const engineer = cookieOf(await login('a-engineer'))
    const officer = cookieOf(await login('a-officer'))
    clock.advanceTo(T0 + 15 * 60_000 + 1)
    expect((await server.inject({ url: '/api/v1/me', headers: { cookie: engineer } })).statusCode).toBe(401)
    expect((await server.inject({ url: '/api/v1/me', headers: { cookie: officer } })).statusCode).toBe(200)
    clock.advanceTo(clock.now() + 12 * 3_600_000 + 1)
    expect((await server.inject({ url: '/api/v1/me', headers: { cookie: officer } })).statusCode).toBe(401)
  })

  test('a session outlives a restart of the server', async () => {
    const cookie = cookieOf(await login('a-officer'))
    await server.close()
    server = await build()
    expect((await server.inject({ url: '/api/v1/me', headers: { cookie } })).statusCode).toBe(200)
  })

  test('a wrong token is refused even beside a good cookie', async () => {
    const cookie = cookieOf(await login('a-officer'))
    for (const authorization of ['Bearer ww_wrongwrongwrong', 'Basic YTpi', 'Bearer'])
      expect((await server.inject({ url: '/api/v1/me', headers: { cookie, authorization } })).statusCode).toBe(401)
  })

  test('the security administrator adds, changes, disables; nothing happens when the ledger is broken', async () => {
    const added = await as('secadmin', 'POST', '/api/v1/accounts', {
      id: 'neu',
      role: 'officer',
      password: 'Ganz-frisch-99',
    })
    expect(added.statusCode).toBe(201)
    expect(added.body).not.toContain('Ganz-frisch-99')
    const { token, id } = (await as('secadmin', 'POST', '/api/v1/accounts/neu/tokens', { label: 'import' })).json()
    const me = () => server.inject({ url: '/api/v1/me', headers: { authorization: `Bearer ${token}` } })
    expect((await me()).statusCode).toBe(200)
    expect((await as('secadmin', 'PATCH', '/api/v1/accounts/neu', { disabled: true })).json().disabled).toBe(true)
    expect((await me()).statusCode).toBe(401)
    await as('secadmin', 'PATCH', '/api/v1/accounts/neu', { disabled: false })
    expect((await as('secadmin', 'DELETE', `/api/v1/accounts/neu/tokens/${id}`)).statusCode).toBe(204)
    expect((await me()).statusCode).toBe(401)
    for (const [body, field] of [
      [{ id: 'x2', role: 'root' }, 'role'],
      [{ role: 'wall' }, 'id'],
      [{ id: 'x2', role: 'wall', password: 'aaaaaaaaaaaa' }, 'password'],
    ] as const)
      expect((await as('secadmin', 'POST', '/api/v1/accounts', body)).json()).toMatchObject({ status: 422, field })
    expect((await as('secadmin', 'POST', '/api/v1/accounts', { id: 'neu', role: 'wall' })).statusCode).toBe(409)
    expect((await as('secadmin', 'PATCH', '/api/v1/accounts/nobody', {})).statusCode).toBe(404)
    ledger.broken = true
    expect((await as('secadmin', 'POST', '/api/v1/accounts', { id: 'ghost', role: 'chief' })).statusCode).toBe(500)
    expect(accounts.get('ghost')).toBeNull()
  })
})

describe('the border', () => {
  test.each([
    ['malformed JSON', '{"confirmed":', { 'content-type': 'application/json' }, 400],
    ['a prototype in the JSON', '{"__proto__":{"x":1}}', { 'content-type': 'application/json' }, 400],
    ['a form', 'confirmed=true', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['plain text', '{}', { 'content-type': 'text/plain' }, 415],
    ['an array', '[]', { 'content-type': 'application/json' }, 422],
    ['too much', `{"note":"${'x'.repeat(1024 * 1024)}"}`, { 'content-type': 'application/json' }, 413],
  ])('%s is refused as a problem and harms nothing', async (_words, body, headers, status) => {
    const answer = await as('officer', 'POST', '/api/v1/alerts/a1/acknowledge', body, headers)
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([status, 'application/problem+json'])
    expect(answer.json()).toMatchObject({ status, title: expect.any(String), type: expect.any(String) })
    expect(desk.acts).toBe(0)
    expect((await get('officer', '/api/v1/alerts')).statusCode).toBe(200)
  })

  test('an empty body is an act without fields', async () => {
    expect(
      (await as('officer', 'POST', '/api/v1/alerts/a1/acknowledge', '', { 'content-type': 'application/json' }))
        .statusCode,
    ).toBe(200)
    expect((await as('officer', 'POST', '/api/v1/alerts/a2/acknowledge')).statusCode).toBe(200)
  })

  test('a defect inside tells a number to quote, never a stack', async () => {
    desk.list = async () => {
      throw new Error('secret path /data')
    }
    const answer = await get('officer', '/api/v1/alerts')
    expect(answer.json()).toMatchObject({ status: 500, incident: expect.any(String) })
    expect(answer.body).not.toContain('secret')
  })

  test('unknown paths are problems under /api and the console elsewhere, or a clear page while it is not built', async () => {
    expect((await server.inject('/api/v1/nothing')).json()).toMatchObject({ status: 404 })
    expect((await get('officer', '/api/v1/alerts/nope')).json()).toMatchObject({
      status: 404,
      detail: expect.stringContaining('nope'),
    })
    const page = await server.inject({ url: '/duty/alerts', headers: { accept: 'text/html' } })
    expect([page.statusCode, page.body.includes('控制台尚未构建')]).toEqual([503, true])
    expect((await server.inject('/assets/x.js')).statusCode).toBe(404)
  })

  test('the built console is served: the page never cached, deep links to it, hashed files for ever', async () => {
    const { mkdirSync, writeFileSync } = await import('node:fs')
    mkdirSync(join(dir, 'web/assets'), { recursive: true })
    writeFileSync(join(dir, 'web/index.html'), '<html>wardwatch</html>')
    writeFileSync(join(dir, 'web/assets/app-1a2b.js'), 'x')
    for (const url of ['/', '/duty/alerts', '/eng/devices/K31']) {
      const page = await server.inject({ url, headers: { accept: 'text/html' } })
      expect([url, page.statusCode, page.body, page.headers['cache-control']]).toEqual([
        url,
        200,
        '<html>wardwatch</html>',
        'no-cache',
      ])
    }
    expect((await server.inject('/assets/app-1a2b.js')).headers['cache-control']).toContain('immutable')
    expect((await server.inject('/assets/../../accounts.sqlite')).statusCode).toBe(404)
    expect((await server.inject('/..%2faccounts.sqlite')).statusCode).toBeGreaterThanOrEqual(400)
  })

  test('every answer carries the security headers', async () => {
    const { headers } = await get('officer', '/api/v1/alerts')
    expect(headers['content-security-policy']).toContain("script-src 'self'")
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
  })

  test('probes answer without a log-in and say why the server is not ready', async () => {
    expect((await server.inject('/healthz')).json().status).toBe('ok')
    expect((await server.inject('/readyz')).json().status).toBe('ready')
    const waiting = await build({ notReady: () => ['journal is being read'] })
    expect((await waiting.inject('/readyz')).json()).toMatchObject({ status: 503, reasons: ['journal is being read'] })
    await waiting.close()
    const metrics = await server.inject('/metrics')
    expect(metrics.body).toMatch(/wardwatch_readings 5\n[\s\S]*wardwatch_console_streams 0/)
    expect((await server.inject({ url: '/metrics', remoteAddress: '192.0.2.9' })).statusCode).toBe(401)
    expect(
      (
        await server.inject({
          url: '/metrics',
          remoteAddress: '192.0.2.9',
          headers: { authorization: `Bearer ${tokens.engineer}` },
        })
      ).statusCode,
    ).toBe(200)
  })

  test('a console that is mute is reported', async () => {
    const reports: unknown[] = []
    const own = await build({ onAudioState: (r) => reports.push(r) })
    const answer = await own.inject({
      method: 'POST',
      url: '/api/v1/console/audio-state',
      payload: { state: 'suspended' },
      headers: { authorization: `Bearer ${tokens.officer}` },
    })
    expect([answer.statusCode, reports]).toEqual([
      204,
      [{ account: 'a-officer', state: 'suspended', desk: null, at: T0 }],
    ])
    await own.close()
  })

  test('looks of one kind within a minute become one record with the full count', async () => {
    for (let i = 0; i < 5; i++) await get('officer', '/api/v1/people')
    expect(looks).toHaveLength(1)
    clock.advanceTo(T0 + 60_000)
    expect(looks.map((l) => l.count)).toEqual([2, 8])
  })
})

describe('the published description', () => {
  const CONTRACT: [string, string][] = [
    ...([
      'alerts',
      'alerts/{id}',
      'stream',
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
      'series',
      'health',
      'context/{kind}',
      'cameras/{id}/snapshot',
      'alerts/{id}/picture',
      'me',
    ].map((p) => ['get', `/api/v1/${p}`]) as [string, string][]),
    ...(['alerts', 'readings', 'login', 'logout', 'console/audio-state', ...VERBS.map((v) => `alerts/{id}/${v}`)].map(
      (p) => ['post', `/api/v1/${p}`],
    ) as [string, string][]),
    ['put', '/api/v1/context/{kind}'],
    ['get', '/healthz'],
    ['get', '/readyz'],
    ['get', '/metrics'],
  ]

  test('is OpenAPI 3.1 and holds every route of the contract with its error answers', async () => {
    const api = (await server.inject('/api/openapi.json')).json()
    expect(api.openapi).toMatch(/^3\.1/)
    for (const [method, path] of CONTRACT)
      expect(api.paths[path]?.[method]?.summary, `${method} ${path}`).toEqual(expect.any(String))
    expect(api.paths['/api/v1/alerts/{id}/acknowledge'].post.responses).toHaveProperty('409')
    const text = JSON.stringify(api)
    for (const [, ref] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g))
      expect(api.components.schemas).toHaveProperty(ref!)
    const ids = Object.entries(api.paths as Record<string, object>).flatMap(([p, o]) =>
      Object.keys(o).map((m) => `${m} ${p}`),
    )
    expect(ids.length).toBeGreaterThan(50)
    for (const parameter of ['state', 'level', 'cursor'])
      expect(api.paths['/api/v1/alerts'].get.parameters.map((p: { name: string }) => p.name)).toContain(parameter)
  })

  test('the page for people opens', async () => {
    expect((await server.inject('/api/docs/')).statusCode).toBe(200)
  })
})

test('a tier without a port does not have its routes, and adds its own', async () => {
  const province = await createConsoleServer({
    id: 'province',
    tier: 'province',
    clock,
    accounts,
    logger: pino({ level: 'silent' }),
    webRoot: null,
    extend: (app) => void app.get('/api/v1/facilities', async () => ({ items: [], next: null, total: 0 })),
  })
  const ask = async (url: string) =>
    (await province.inject({ url, headers: { authorization: `Bearer ${tokens.provincial}` } })).statusCode
  expect(await ask('/api/v1/facilities')).toBe(200)
  for (const path of ['alerts', 'devices', 'people', 'zones', 'series', 'ledger', 'headcount', 'context/people'])
    expect([path, await ask(`/api/v1/${path}`)]).toEqual([path, 404])
  await province.close()
})
