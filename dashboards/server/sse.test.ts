import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import type { Role } from '#model/permissions.ts'
import { type Accounts, openAccounts } from './accounts.ts'
import { historyOfJournal } from './history.ts'
import type { Look } from './looks.ts'
import { SampleDesk, SampleFacility, SampleLedger, sampleAlert, T0 } from './sample-facility.ts'
import { type ConsoleServer, type ConsoleServerOptions, createConsoleServer } from './server.ts'

interface Event {
  event: string
  id: string | null
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what came
  data: any
}

let dir: string
let clock: VirtualClock
let accounts: Accounts
let desk: SampleDesk
let facility: SampleFacility
let looks: Look[]
let server: ConsoleServer
let url: string
let open: Stream[]
const tokens = {} as Record<Role, string>

/** A client on a real socket. */
class Stream {
  events: Event[] = []
  status = 0
  ended = false
  #rest = ''
  readonly #request: ReturnType<typeof request>
  pause: () => void = () => {}
  resume: () => void = () => {}

  constructor(path: string, role: Role, lastEventId?: string) {
    const headers = {
      authorization: `Bearer ${tokens[role]}`,
      ...(lastEventId ? { 'last-event-id': lastEventId } : {}),
    }
    this.#request = request(`${url}${path}`, { headers }, (response) => {
      this.status = response.statusCode ?? 0
      this.pause = () => void response.pause()
      this.resume = () => void response.resume()
      response.setEncoding('utf8').on('data', (text: string) => this.#take(text))
      response.on('close', () => {
        this.ended = true
      })
      response.on('error', () => {})
    })
    this.#request.on('error', () => {
      this.ended = true
    })
    this.#request.end()
    open.push(this)
  }

  #take(text: string): void {
    this.#rest += text
    for (let end = this.#rest.indexOf('\n\n'); end >= 0; end = this.#rest.indexOf('\n\n')) {
      const block = this.#rest.slice(0, end)
      this.#rest = this.#rest.slice(end + 2)
      const field = (name: string) =>
        block
          .split('\n')
          .find((l) => l.startsWith(`${name}: `))
          ?.slice(name.length + 2)
      const data = field('data')
      if (data !== undefined)
        this.events.push({ event: field('event') ?? 'message', id: field('id') ?? null, data: JSON.parse(data) })
    }
  }

  of(event: string): Event[] {
    return this.events.filter((e) => e.event === event)
  }
  /** Ids of the alerts seen, in order. */
  get alerts(): string[] {
    return this.of('alert').map((e) => e.data.alert.id)
  }
  get lastId(): string {
    return this.events.filter((e) => e.id !== null).at(-1)!.id!
  }
  close(): void {
    this.#request.destroy()
  }
}

async function until(what: () => boolean, words: string): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (what()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`did not come: ${words}`)
}

const start = async (more: Partial<ConsoleServerOptions> = {}): Promise<void> => {
  server = await createConsoleServer({
    id: 'js-03',
    clock,
    accounts,
    alerts: desk,
    facility,
    ledger: new SampleLedger(),
    logger: pino({ level: 'silent' }),
    onLook: (l) => looks.push(l),
    webRoot: null,
    ...more,
  })
  url = await server.listen()
}
const restart = async (more: Partial<ConsoleServerOptions> = {}): Promise<void> => {
  await server.close()
  clock.advanceTo(clock.now() + 5_000)
  await start(more)
}
/** Opens a stream and waits for its first heartbeat: from then on it is live. */
const connect = async (path = '/api/v1/stream', role: Role = 'officer', lastEventId?: string): Promise<Stream> => {
  const stream = new Stream(path, role, lastEventId)
  await until(() => stream.of('heartbeat').length > 0, 'the first heartbeat')
  return stream
}
const raise = (...ids: string[]) => {
  for (const id of ids) desk.publish(sampleAlert(id))
}
const names = (n: number, from = 0) => Array.from({ length: n }, (_, i) => `n${from + i}`)

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ww-sse-'))
  clock = new VirtualClock(T0)
  accounts = openAccounts({ dir, clock, scryptLog2: 4 })
  for (const role of ['officer', 'engineer', 'wall', 'provincial', 'auditor', 'sysadmin'] as Role[]) {
    await accounts.add({ id: `a-${role}`, role })
    tokens[role] = accounts.token(`a-${role}`).token
  }
  desk = new SampleDesk(clock)
  facility = new SampleFacility()
  looks = []
  open = []
  await start()
})
afterEach(async () => {
  for (const stream of open) stream.close()
  await server.close()
  accounts.close()
  rmSync(dir, { recursive: true })
})

test('an alert reaches the stream with its durable number, and the heartbeat proves that nothing is missing', async () => {
  const stream = await connect()
  raise('a', 'b')
  await until(() => stream.alerts.length === 2, 'two alerts')
  expect(stream.of('alert').map((e) => e.id)).toEqual([`${server.hub.epoch}-3`, `${server.hub.epoch}-6`])
  expect(stream.of('alert')[0]!.data).toMatchObject({
    at: T0,
    change: 'raised',
    alert: { id: 'a', explanation: { en: 'P017 oxygen 81' } },
  })
  clock.advanceTo(T0 + 1_000)
  await until(() => stream.of('heartbeat').length === 2, 'the next heartbeat')
  expect(stream.of('heartbeat')[1]).toMatchObject({
    event: 'heartbeat',
    id: `${server.hub.epoch}-6`,
    data: { seq: 6, time: T0 + 1_000, openAlerts: 2 },
  })
})

test.each([['wall'], ['provincial'], ['sysadmin'], ['engineer']] as [Role][])(
  '%s gets every alert under the same number, without the person',
  async (role) => {
    const [full, masked] = [await connect(), await connect('/api/v1/stream', role)]
    desk.publish(sampleAlert('a'), 'commented', 'S33', 'P017 says')
    await until(() => full.alerts.length === 1 && masked.alerts.length === 1, 'the alert at both')
    expect(masked.of('alert')[0]!.id).toBe(full.of('alert')[0]!.id)
    const text = JSON.stringify(masked.events)
    for (const secret of ['P017', 'W017', '"spo2"']) expect(text).not.toContain(secret)
    if (role === 'wall' || role === 'provincial') expect(text).not.toContain('S33')
  },
)

test('a reader of the ledger has no business in the stream', async () => {
  const stream = new Stream('/api/v1/stream', 'auditor')
  await until(() => stream.status !== 0, 'an answer')
  expect(stream.status).toBe(403)
})

test.each([['header'], ['query']])(
  'after a break everything missed comes exactly once and in order, resumed by %s',
  async (how) => {
    const first = await connect()
    raise(...names(5))
    await until(() => first.alerts.length === 5, 'five')
    const { lastId } = first
    first.close()
    raise(...names(2_000, 5))
    const second = await connect(
      how === 'query' ? `/api/v1/stream?lastEventId=${lastId}` : undefined,
      'officer',
      how === 'header' ? lastId : undefined,
    )
    raise(...names(3, 2_005))
    await until(() => second.alerts.length === 2_003, 'all others')
    expect(second.alerts).toEqual(names(2_003, 5))
    expect(second.of('gap')).toEqual([])
  },
)

test('device events are coalesced, masked, resumed, and carry ids between two alerts', async () => {
  const stream = await connect()
  raise('a')
  for (let i = 0; i < 50; i++) facility.deviceListener({ ...facility.states[0]!, readings: i }, 0)
  facility.deviceListener(facility.states[1]!, 0)
  clock.advanceTo(T0 + 500)
  await until(() => stream.of('device').length === 2, 'two devices')
  const [camera, band] = stream.of('device')
  expect(camera!.data).toMatchObject({ id: 'K31', kind: 'camera', readings: 49, online: true })
  expect(camera!.id).toMatch(new RegExp(`^${server.hub.epoch}-3\\.\\d+$`))
  expect(band!.data.latest).toEqual({ 'band.battery': expect.anything() })
  const again = await connect(undefined, 'officer', camera!.id!)
  expect(
    again.of('device').map((e) => e.data.id),
    'only what came after',
  ).toEqual(['W017'])
  expect(again.alerts).toEqual([])
  const wall = await connect('/api/v1/stream', 'wall', `${server.hub.epoch}-3`)
  expect(wall.of('device')).toEqual([])
})

test('beyond the window without a history the gap is said with its bounds, and the rest follows', async () => {
  await restart({ stream: { ring: 10 } })
  const first = await connect()
  raise('start')
  await until(() => first.alerts.length === 1, 'one')
  const { lastId } = first
  const seq = Number(lastId.split('-')[1])
  first.close()
  raise(...names(600))
  const second = await connect(undefined, 'officer', lastId)
  const [gap] = second.of('gap')
  expect(gap!.data.from).toBe(seq)
  const rest = second.of('alert').map((e) => Number(e.id!.split('-')[1]))
  expect(rest[0], 'the first after the gap').toBe(gap!.data.to + 3)
  expect(rest.at(-1)).toBe(seq + 600 * 3)
})

test('beyond the window the durable history fills in, so that nothing is lost', async () => {
  await restart({ stream: { ring: 10 }, history: desk.history() })
  const first = await connect()
  raise('start')
  await until(() => first.alerts.length === 1, 'one')
  const { lastId } = first
  first.close()
  raise(...names(1_700))
  const second = await connect(undefined, 'officer', lastId)
  expect(second.alerts).toEqual(names(1_700))
  expect(second.of('gap')).toEqual([])
})

test('a restart with a history keeps the epoch: a client resumes as if nothing had been', async () => {
  await restart({ history: desk.history() })
  const first = await connect()
  raise(...names(3))
  await until(() => first.alerts.length === 3, 'three')
  const { lastId } = first
  await server.close()
  raise(...names(4, 3))
  await start({ history: desk.history() })
  const second = await connect(undefined, 'officer', lastId)
  raise('live')
  await until(() => second.alerts.length === 5, 'the others')
  expect(second.alerts).toEqual([...names(4, 3), 'live'])
  expect(second.of('gap')).toEqual([])
  expect(
    second.of('device').map((e) => e.data.id),
    'how the devices stand now',
  ).toEqual(['K31', 'W017', 'E1'])
})

test('a restart without a history says so: the epoch is new and the client is told to fetch anew', async () => {
  const first = await connect()
  raise(...names(3))
  await until(() => first.alerts.length === 3, 'three')
  const { lastId } = first
  await restart()
  const second = await connect(undefined, 'officer', lastId)
  expect(second.of('gap')).toHaveLength(1)
  expect(second.alerts).toEqual([])
})

test.each([['nonsense'], ['-'], ['e-99999999999999999999'], ["e'; DROP TABLE accounts; --1"]])(
  'an id %s that nobody gave is a gap, never an error',
  async (id) => {
    const stream = await connect(undefined, 'officer', id)
    expect(stream.of('gap')).toHaveLength(1)
  },
)

test('an id from the future (a restored backup) is a gap', async () => {
  raise('a')
  const stream = await connect(undefined, 'officer', `${server.hub.epoch}-999`)
  expect(stream.of('gap')[0]!.data).toEqual({ from: 999, to: 3 })
})

test('a client that does not read is dropped and counted, others notice nothing, and it loses nothing when it is back', async () => {
  await restart({ stream: { clientBytes: 64 * 1024 } })
  const [slow, good] = [await connect(), await connect()]
  const { lastId } = slow
  slow.pause()
  // The kernel buffers megabytes before a socket looks full.
  for (let i = 0; i < 60 && server.hub.stats().dropped === 0; i++) {
    for (const id of names(100, i * 100))
      desk.publish(sampleAlert(id, { explanation: { zh: 'x'.repeat(2_000), en: 'x'.repeat(2_000) } }))
    await until(() => good.alerts.length === (i + 1) * 100, 'all at the good one')
  }
  expect(server.hub.stats()).toMatchObject({ dropped: 1, clients: 1 })
  const back = await connect(undefined, 'officer', lastId)
  await until(() => back.alerts.length === good.alerts.length, 'everything')
  expect(back.alerts).toEqual(good.alerts)
}, 20_000)

test('positions go to those who may see them, at 2 Hz per person, by zone, without ids, and the look is recorded once', async () => {
  const all = await connect('/api/v1/stream?events=position')
  const yard = await connect('/api/v1/stream?events=position&zones=YARD')
  const none = await connect()
  expect(all.of('position')[0]!.data.positions, 'where everybody is now').toMatchObject([{ person: 'P017' }])
  const fix = facility.fixes[0]!
  for (let x = 0; x < 20; x++) facility.positionListener([{ ...fix, x_m: x }])
  facility.positionListener([{ ...fix, person: 'P018', zone: 'YARD' }])
  clock.advanceTo(T0 + 500)
  await until(() => all.of('position').length === 2 && yard.of('position').length === 1, 'positions')
  expect(all.of('position')[1]).toMatchObject({
    id: null,
    data: { time: T0 + 500, positions: [{ person: 'P017', x_m: 19 }, { person: 'P018' }] },
  })
  expect(yard.of('position')[0]!.data.positions).toMatchObject([{ person: 'P018' }])
  expect(none.of('position')).toEqual([])
  expect(looks.map((l) => [l.by, l.what, l.purpose])).toEqual([
    ['a-officer', 'positions', 'stream all zones'],
    ['a-officer', 'positions', 'stream YARD'],
  ])
})

test.each([['wall'], ['provincial'], ['sysadmin'], ['engineer']] as [Role][])(
  '%s asks for positions in vain',
  async (role) => {
    const stream = new Stream('/api/v1/stream?events=position', role)
    await until(() => stream.status !== 0, 'an answer')
    expect(stream.status).toBe(403)
  },
)

test('a disabled account loses its open stream within seconds', async () => {
  const stream = await connect()
  accounts.disable('a-officer')
  for (let i = 1; i <= 6; i++) clock.advanceTo(T0 + i * 1_000)
  await until(() => stream.ended, 'the end')
  expect(server.hub.stats().clients).toBe(0)
})

test('too many streams are refused in words', async () => {
  await restart({ stream: { maxClients: 1 } })
  await connect()
  const second = new Stream('/api/v1/stream', 'officer')
  await until(() => second.status !== 0, 'an answer')
  expect([second.status, server.hub.stats().refused]).toEqual([503, 1])
})

test('close ends within two seconds with open streams, also with one that does not read', async () => {
  const streams = await Promise.all([connect(), connect(), connect('/api/v1/stream?events=position')])
  streams[0]!.pause()
  const before = performance.now()
  await server.close()
  expect(performance.now() - before).toBeLessThan(2_000)
  await until(() => streams[1]!.ended && streams[2]!.ended, 'the ends')
})

test('of two consoles at one desk exactly one sounds; the other takes over by its key, and by itself when the first goes', async () => {
  await restart({ desks: [{ id: 'console-1', zones: ['*'] }] })
  const ask = (path: string, body: object, role: Role = 'officer') =>
    server.inject({
      method: 'POST',
      url: `/api/v1/console/${path}`,
      payload: body,
      headers: { authorization: `Bearer ${tokens[role]}` },
    })
  const [left, right] = [await connect('/api/v1/stream?console=left'), await connect('/api/v1/stream?console=right')]
  const beat = async (stream: Stream) => {
    clock.advanceTo(clock.now() + 1_000)
    const n = stream.of('heartbeat').length
    await until(() => stream.of('heartbeat').length > n, 'a heartbeat')
    return stream.of('heartbeat').at(-1)!.data
  }
  expect(await beat(left)).toMatchObject({ sounding: { 'console-1': null }, attended: 0 })
  for (const console of ['left', 'right']) await ask('audio-state', { state: 'running', console })
  expect(await beat(right)).toMatchObject({ sounding: { 'console-1': 'left' }, attended: 2 })
  expect((await ask('lease', { console: 'right' })).json()).toMatchObject({ sounding: { 'console-1': 'right' } })
  expect(await beat(left)).toMatchObject({ sounding: { 'console-1': 'right' } })
  expect((await ask('lease', { console: 'right' }, 'engineer')).statusCode, "another account's console").toBe(404)
  await ask('audio-state', { state: 'suspended', console: 'left' })
  expect((await ask('lease', { console: 'left' })).statusCode).toBe(409)
  await ask('audio-state', { state: 'running', console: 'left' })
  right.close()
  await until(() => server.consoles.list().length === 1, 'the end of the right console')
  clock.advanceTo(clock.now() + 3_000)
  expect(server.consoles.holderOf('console-1')).toBe('left')
})

test('a console of a desk that the site does not name is told which ones there are', async () => {
  await restart({ desks: [{ id: 'console-1', zones: ['*'] }] })
  const answer = await server.inject({
    url: '/api/v1/stream?desk=console-9',
    headers: { authorization: `Bearer ${tokens.officer}` },
  })
  expect([answer.statusCode, answer.json().field, answer.json().detail]).toEqual([
    422,
    'desk',
    expect.stringContaining('console-1'),
  ])
})

test('who sounds is shown with names to those who see staff, without them on the wall', async () => {
  const stream = await connect('/api/v1/stream?console=left')
  const look = async (role: Role) =>
    (await server.inject({ url: '/api/v1/console', headers: { authorization: `Bearer ${tokens[role]}` } })).json()
  expect((await look('officer')).consoles).toMatchObject([{ id: 'left', account: 'a-officer', audio: 'unknown' }])
  expect((await look('wall')).consoles).toMatchObject([{ id: 'left', account: null }])
  stream.close()
})

test('a client that leaves is forgotten', async () => {
  const stream = await connect()
  expect(server.hub.stats().clients).toBe(1)
  stream.close()
  await until(() => server.hub.stats().clients === 0, 'forgetting')
})

test('the history reads alert changes from the journal, over everything that stands between them', async () => {
  raise('a', 'b')
  const act = { seq: 4, at: T0, body: { kind: 'act' as const, act: { act: 'comment' as const, time: T0, by: 'x' } } }
  const records = [
    ...desk.changes.map(({ seq, change }) => ({ seq, at: T0, body: { kind: 'alert' as const, change } })),
    act,
  ].sort((a, b) => a.seq - b.seq)
  const history = historyOfJournal({
    readBack: async (after, limit) => records.filter((r) => r.seq > after).slice(0, limit),
    stats: () => ({ lastSeq: 9 }),
  })
  expect((await history.after(0, 2)).map((r) => r.seq)).toEqual([3])
  expect(
    (await history.after(3, 1)).map((r) => r.seq),
    'an act alone is no end',
  ).toEqual([6])
  expect(await history.after(6, 2)).toEqual([])
  expect(history.last()).toBe(9)
})
