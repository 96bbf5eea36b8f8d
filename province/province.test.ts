import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { parseProvinceConfig } from './config.ts'
import { type Province, startProvince } from './province.ts'
import { alertMessage, healthMessage, type Message, message, START, sharedAlert } from './sample-messages.ts'

const CONFIG = `
province: { id: js, name: { zh: 江苏省厅, en: Jiangsu } }
broker:
  tcp: 0
  facilities:
    - { id: js-03, password: secret-three }
    - { id: js-04, password: secret-four }
    - { id: js-21, user: detox, password: secret-detox }
console: { port: 0, lines: { bureau: detox } }
facilities:
  - { id: js-03, name: { zh: 青岚监狱, en: Qinglan Prison }, kind: prison, city: 南京 }
  - { id: js-04, kind: prison }
  - { id: js-21, kind: detox, city: 苏州 }
`

let folder: string
let province: Province
let token: string
let bureauToken: string
const clock = new VirtualClock(START)
const clients: MqttClient[] = []

async function start(): Promise<void> {
  province = await startProvince({
    config: parseProvinceConfig(CONFIG, '/x/province.yaml'),
    dataDir: folder,
    clock,
    webRoot: null,
  })
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ww-province-'))
  await start()
  await province.accounts.add({ id: 'supervisor', role: 'provincial' })
  await province.accounts.add({ id: 'bureau', role: 'provincial' })
  token = province.accounts.token('supervisor', { label: 'test' }).token
  bureauToken = province.accounts.token('bureau', { label: 'test' }).token
})
afterAll(async () => {
  for (const client of clients) client.end(true)
  await province.close()
  rmSync(folder, { recursive: true, force: true })
})

async function connect(user: string, password: string): Promise<MqttClient> {
  const client = await mqtt.connectAsync(
    province.urls.mqtt!,
    { username: user, password, clientId: `edge-${user}`, reconnectPeriod: 0 },
    false,
  )
  clients.push(client)
  return client
}
const publish = (client: MqttClient, m: Message) => client.publishAsync(m.topic, m.payload, { qos: 1 })

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests look at
async function get(path: string, as = token): Promise<{ status: number; body: any }> {
  const response = await fetch(`${province.urls.console}${path}`, { headers: { authorization: `Bearer ${as}` } })
  return { status: response.status, body: await response.json() }
}

/** Waits for something that real sockets and the store bring about; the virtual clock moves a little each time. */
async function until<T>(probe: () => Promise<T | null | undefined | false>): Promise<T> {
  for (let i = 0; i < 200; i++) {
    const value = await probe()
    if (value) return value
    clock.advanceTo(clock.now() + 10)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('it did not happen within 2 s')
}
const facility = async (id: string) => (await get(`/api/v1/facilities/${id}`)).body
const refreshed = async (): Promise<void> => {
  clock.advanceTo(clock.now() + 600)
  await new Promise((resolve) => setTimeout(resolve, 30))
}

describe('the provincial tier', () => {
  test('an alert published by a facility is acknowledged, listed and streamed', async () => {
    const abort = new AbortController()
    const stream = await fetch(`${province.urls.console}/api/v1/stream`, {
      headers: { authorization: `Bearer ${token}` },
      signal: abort.signal,
    })
    const edge = await connect('js-03', 'secret-three')
    await publish(edge, healthMessage('js-03', 1))
    await publish(edge, alertMessage('js-03', 2, { id: 'aRED' }))
    let text = ''
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
    while (!text.includes('event: alert')) text += (await reader.read()).value
    abort.abort()
    const data = JSON.parse(/event: alert\n(?:id: .*\n)?data: (.*)\n/.exec(text)![1]!)
    expect(data).toMatchObject({ change: 'raised', alert: { id: 'aRED', level: 'red', facility: 'js-03' } })
    const list = await get('/api/v1/alerts?level=red')
    expect(list.body).toMatchObject({ total: 1, next: null, items: [{ id: 'aRED', state: 'unacknowledged' }] })
    await publish(
      edge,
      alertMessage('js-03', 3, { id: 'aRED', state: 'acknowledged', ackAt: START }, { change: 'acknowledged' }),
    )
    const one = await get('/api/v1/alerts/aRED')
    expect(one.body.state).toBe('acknowledged')
    expect(one.body.changes.map((c: { change: string }) => c.change)).toEqual(['raised', 'acknowledged'])
    await refreshed()
    expect(await facility('js-03')).toMatchObject({
      connected: true,
      openAlerts: { red: 1 },
      unacknowledged: 0,
      devices: { total: 170, online: 168 },
      sequence: 3,
      gaps: 0,
    })
  })

  test('lists go on with a cursor, newest first, without doubling or losing', async () => {
    const edge = await connect('js-04', 'secret-four')
    for (let n = 1; n <= 7; n++)
      await publish(
        edge,
        alertMessage('js-04', n, { id: `aP${n}`, level: 'blue', raisedAt: START + Math.floor(n / 2) }),
      )
    const seen: string[] = []
    let next: string | null = null
    do {
      const path: string = `/api/v1/alerts?facility=js-04&limit=3${next ? `&cursor=${next}` : ''}`
      const { body } = await get(path)
      seen.push(...body.items.map((a: { id: string }) => a.id))
      expect(body.total).toBe(7)
      next = body.next
    } while (next)
    expect(seen).toEqual(['aP6', 'aP7', 'aP4', 'aP5', 'aP2', 'aP3', 'aP1'])
  })

  test('a wrong password, a wildcard subscription and a foreign topic are refused', async () => {
    await expect(connect('js-03', 'wrong')).rejects.toThrow(/Bad username or password/)
    const edge = await connect('detox', 'secret-detox')
    await expect(edge.subscribeAsync('ww/v1/+/up/alert', { qos: 1 })).rejects.toThrow()
    const before = (await get('/api/v1/alerts?facility=js-03')).body.total
    await publish(edge, alertMessage('js-03', 900, { id: 'aFORGED' }))
    expect((await get('/api/v1/alerts?facility=js-03')).body.total).toBe(before)
    expect((await get('/api/v1/alerts/aFORGED')).status).toBe(404)
    edge.end(true)
  })

  test('an account of one bureau sees nothing of the other', async () => {
    const edge = await connect('detox', 'secret-detox')
    await publish(edge, alertMessage('js-21', 1, { id: 'aDETOX', level: 'yellow' }))
    expect((await get('/api/v1/facilities', bureauToken)).body.items.map((f: { id: string }) => f.id)).toEqual([
      'js-21',
    ])
    expect((await get('/api/v1/alerts', bureauToken)).body.items.map((a: { id: string }) => a.id)).toEqual(['aDETOX'])
    expect((await get('/api/v1/alerts/aRED', bureauToken)).status).toBe(404)
    expect((await get('/api/v1/facilities/js-03', bureauToken)).status).toBe(404)
    expect((await get('/api/v1/facilities')).body.total).toBe(3)
  })

  test('a hole of 60 s with the link up is named, and closed when it is filled', async () => {
    const edge = await connect('js-03', 'secret-three')
    await publish(edge, healthMessage('js-03', 6))
    clock.advanceTo(clock.now() + 50_000)
    await publish(edge, healthMessage('js-03', 7, { at: clock.now() }))
    await refreshed()
    expect((await facility('js-03')).gaps).toBe(0)
    clock.advanceTo(clock.now() + 15_000)
    const named = await until(async () => {
      const view = await facility('js-03')
      return view.gaps === 1 && view.gapList[0]
    })
    expect(named).toMatchObject({ from: 4, to: 5, closedAt: null })
    await publish(edge, message('js-03', 'anchor', 4, { at: START, ledgerSeq: 1, ledgerHash: 'ab' }))
    await publish(edge, message('js-03', 'anchor', 5, { at: START, ledgerSeq: 2, ledgerHash: 'cd' }))
    clock.advanceTo(clock.now() + 5_000)
    const filled = await until(async () => {
      const view = await facility('js-03')
      return view.gaps === 0 && view.gapList[0]
    })
    expect(filled.closedAt).toBeGreaterThan(named.namedAt)
  })

  test('a facility without a heartbeat for 90 s is lost (R55), and heard again with the next one', async () => {
    const edge = await connect('js-03', 'secret-three')
    await publish(edge, healthMessage('js-03', 8, { at: clock.now() }))
    const heardAt = clock.now()
    clock.advanceTo(heardAt + 89_000)
    await refreshed()
    expect((await get('/api/v1/alerts?rule=R55')).body.total).toBe(0)
    clock.advanceTo(heardAt + 91_000)
    const raised = await until(async () => (await get('/api/v1/alerts?rule=R55')).body.items[0])
    expect(raised).toMatchObject({
      rule: 'edge-agent-uplink-lost',
      level: 'orange',
      facility: 'js-03',
      state: 'unacknowledged',
      raisedAt: heardAt + 90_000,
    })
    const lost = await until(async () => {
      const view = await facility('js-03')
      return view.lost && view
    })
    expect(lost.connected).toBe(false)
    expect(await facility('js-04')).toMatchObject({ lost: false })
    await publish(edge, healthMessage('js-03', 9, { at: clock.now() }))
    const cleared = await until(async () => {
      const { body } = await get(`/api/v1/alerts/${raised.id}`)
      return body.conditionActive === false && body
    })
    expect(cleared.state).toBe('returned-unacknowledged')
    expect(cleared.changes.map((c: { change: string }) => c.change)).toEqual(['raised', 'cleared'])
    const back = await until(async () => {
      const view = await facility('js-03')
      return !view.lost && view
    })
    expect(back.connected).toBe(true)
    const acknowledge = await fetch(`${province.urls.console}/api/v1/alerts/${raised.id}/acknowledge`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    })
    expect(((await acknowledge.json()) as { state: string }).state).toBe('latched')
    const foreign = await fetch(`${province.urls.console}/api/v1/alerts/aRED/acknowledge`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    })
    expect(foreign.status).toBe(403)
  })

  test('what may not cross is counted and quarantined, and the next message of another facility still arrives', async () => {
    const [bad, good] = [await connect('js-03', 'secret-three'), await connect('js-04', 'secret-four')]
    const forbidden = {
      at: 1,
      change: 'raised',
      by: null,
      alert: { ...sharedAlert({ id: 'aBAD' }), explanation: { zh: '张三', en: 'x' } },
    }
    await publish(bad, message('js-03', 'alert', 10, forbidden))
    await publish(bad, { topic: 'ww/v1/js-03/up/alert', payload: Buffer.from('{"specversion":') })
    await publish(good, alertMessage('js-04', 8, { id: 'aGOOD' }))
    expect((await get('/api/v1/alerts/aBAD')).status).toBe(404)
    expect((await get('/api/v1/alerts/aGOOD')).status).toBe(200)
    expect(province.intake.counters.quarantined).toBeGreaterThanOrEqual(2)
    const metrics = await (await fetch(`${province.urls.console}/metrics`)).text()
    expect(metrics).toMatch(/wardwatch_province_outcomes_total\{outcome="quarantined"\} [2-9]/)
  })

  test('a packet above 256 KB ends its connection and nothing else', async () => {
    const [big, good] = [await connect('js-03', 'secret-three'), await connect('js-04', 'secret-four')]
    const ended = new Promise<void>((resolve) => big.once('close', () => resolve()))
    big.publish('ww/v1/js-03/up/alert', Buffer.alloc(300_000, 0x20), { qos: 1 })
    await ended
    await publish(good, alertMessage('js-04', 9, { id: 'aAFTER' }))
    expect((await get('/api/v1/alerts/aAFTER')).status).toBe(200)
  })

  test('indicators of facilities are merged, ranked, drawn as a line and given as a table; small numbers are not shown', async () => {
    const [one, two, detox] = [
      await connect('js-03', 'secret-three'),
      await connect('js-04', 'secret-four'),
      await connect('detox', 'secret-detox'),
    ]
    const day = { from: START - 8 * 3_600_000, to: START + 16 * 3_600_000 }
    const told: [MqttClient, string, number, string, number | null, number][] = [
      [one, 'js-03', 101, 'I16', 1, 900],
      [two, 'js-04', 101, 'I16', 0.5, 100],
      [one, 'js-03', 102, 'I39', 90, 9],
      [one, 'js-03', 103, 'I04', 0.9, 40],
      [two, 'js-04', 102, 'I31', 0.5, 2],
      [detox, 'js-21', 101, 'I16', 0, 5000],
      // Said again, the newer word holds.
      [one, 'js-03', 104, 'I39', 93, 9],
    ]
    for (const [client, facility, sequence, indicator, value, n] of told)
      await publish(client, message(facility, 'indicator', sequence, { indicator, ...day, value, n }))
    // biome-ignore lint/suspicious/noExplicitAny: the answer is looked into here and there
    const overview = (await get('/api/v1/indicators/overview')).body as any
    const value = (id: string) => overview.values.find((v: { id: string }) => v.id === id)
    expect(value('I16')).toMatchObject({ value: 950 / 6000, n: 6000, target: 0.98 })
    // The alerts of this test arrived hours after their time of event, or at it.
    expect(value('I20').n).toBeGreaterThan(0)
    expect(overview.ranking[0]).toMatchObject({ facility: 'js-03', index: 93, rank: 1, n: 40 })
    expect(overview.ranking.slice(1).every((r: { rank: number | null }) => r.rank === null)).toBe(true)
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const medical = (await get('/api/v1/indicators/I31')).body as any
    expect(medical.facilities).toEqual([{ facility: 'js-04', value: null, n: 0, small: true, name: expect.anything() }])
    expect(medical.days).toHaveLength(1)
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const bureau = (await get('/api/v1/indicators/I16', bureauToken)).body as any
    expect(bureau.facilities.map((f: { facility: string }) => f.facility)).toEqual(['js-21'])
    const csv = await fetch(`${province.urls.console}/api/v1/indicators/I31?format=csv`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const table = await csv.text()
    expect(table).toContain('js-04,I31,医疗响应')
    expect(table).toContain('<5')
    expect(table).not.toContain('0.5')
    expect((await get('/api/v1/indicators/I99')).status).toBe(404)
  })

  test('everything is there after a restart, and repetitions are still recognised', async () => {
    const before = (await get('/api/v1/alerts')).body
    for (const client of clients) client.end(true)
    await province.close()
    await start()
    expect((await get('/api/v1/alerts')).body).toEqual(before)
    const edge = await connect('js-04', 'secret-four')
    await publish(edge, alertMessage('js-04', 9, { id: 'aAFTER' }))
    expect(province.intake.counters).toMatchObject({ received: 1, duplicates: 1 })
  })

  test('a second province on the same folder is refused with one clear sentence', async () => {
    const second = startProvince({
      config: parseProvinceConfig(CONFIG, '/x/p.yaml'),
      dataDir: folder,
      clock,
      webRoot: null,
    })
    await expect(second).rejects.toThrow(/is used by the running process \d+; stop it or name another folder/)
  })

  test('nobody looks in without an account', async () => {
    expect((await fetch(`${province.urls.console}/api/v1/alerts`)).status).toBe(401)
    expect((await fetch(`${province.urls.console}/api/v1/facilities`)).status).toBe(401)
    expect((await fetch(`${province.urls.console}/healthz`)).status).toBe(200)
    expect((await fetch(`${province.urls.console}/readyz`)).status).toBe(200)
  })
})
