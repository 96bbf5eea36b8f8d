import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { pseudonym } from '#model/ids.ts'
import { systemClock } from '#model/system-clock.ts'
import type { AlertUp, HealthUp, UplinkEnvelope } from '#model/uplink.ts'
import { openJournal } from '../journal/journal.ts'
import { alertBody } from '../journal/sample-records.ts'
import { startUplink, type Uplink, type UplinkOptions } from './uplink.ts'

const dirs: string[] = []
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})
const newDir = () => {
  dirs.push(mkdtempSync(join(tmpdir(), 'ww-uplink-')))
  return dirs.at(-1)!
}

/** A province that takes everything; `refuse` makes it forget to acknowledge. */
async function province(port = 0) {
  const got: { topic: string; envelope: UplinkEnvelope }[] = []
  const broker = await Aedes.createBroker()
  let silent = false
  broker.authorizePublish = (_client, packet, done) => {
    if (silent) return
    got.push({ topic: packet.topic, envelope: JSON.parse(packet.payload.toString()) })
    done(null)
  }
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    broker.handle(socket)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const address = server.address() as { port: number }
  const running = {
    got,
    broker,
    port: address.port,
    url: `mqtt://127.0.0.1:${address.port}`,
    beSilent: (to: boolean) => {
      silent = to
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      await new Promise<void>((resolve) => broker.close(resolve))
    },
  }
  open.push(running)
  return running
}

const health = (): HealthUp => ({
  at: systemClock.now(),
  queueDepth: 0,
  openAlerts: { red: 0, orange: 0, yellow: 0, blue: 0 },
  devices: { total: 1, online: 1 },
  name: { zh: '青岚', en: 'Qinglan' },
  kind: 'prison',
  version: '0',
})

async function edge(urls: string[], dir = newDir(), more: Partial<UplinkOptions> = {}) {
  const journal = await openJournal({ dir, clock: systemClock, ballastBytes: 0, thread: false })
  open.push(journal)
  const uplink = await startUplink({
    dir,
    facility: 'js-03',
    journal,
    urls,
    clock: systemClock,
    random: () => 0.1,
    alias: (id) => pseudonym('key', id),
    ledgerHash: () => 'ab'.repeat(32),
    health,
    healthEveryMs: 60_000,
    maxBackoffMs: 100,
    thread: false,
    ...more,
  })
  open.push(uplink)
  return { dir, journal, uplink }
}
const sequences = (p: Awaited<ReturnType<typeof province>>) => p.got.map((g) => Number(g.envelope.sequence))
const drained = (uplink: Uplink) => vi.waitFor(() => expect(uplink.state().lag).toBe(0), { timeout: 5000 })

describe('uplink', () => {
  test('sends reduced alert changes in gapless envelopes, with pseudonyms and nothing else of persons', async () => {
    const there = await province()
    const { journal, uplink } = await edge([there.url])
    // The first thing that the province hears is that the facility is there.
    await vi.waitFor(() => expect(there.got).toHaveLength(1), { timeout: 10_000 })
    await journal.append([
      alertBody(1, 'raised', { subjects: ['P017'], subject: 'P017', key: 'P017|YARD-E', device: 'K31' }),
    ])
    await journal.append([alertBody(1, 'acknowledged', { subjects: ['P017'], state: 'acknowledged' })])
    await drained(uplink)
    expect(there.got.map((g) => g.topic.split('/').at(-1))).toEqual(['health', 'alert', 'alert'])
    const { envelope } = there.got[1]!
    expect(envelope).toMatchObject({
      specversion: '1.0',
      id: 'js-03-2',
      source: '/wardwatch/js-03',
      type: 'wardwatch.alert.change.v1',
      sequence: '00000000000000000002',
      backlog: false,
      ledgerhash: 'ab'.repeat(32),
    })
    expect((envelope.data as AlertUp).alert.subjects).toEqual([pseudonym('key', 'P017')])
    expect(JSON.stringify(there.got)).not.toMatch(/P017|K31|explanation|evidence/)
  })

  test('while the province is gone nothing is lost; afterwards alerts go first, marked as backlog, each number once', async () => {
    const first = await province()
    const { journal, uplink } = await edge([first.url])
    await vi.waitFor(() => expect(first.got).toHaveLength(1))
    await drained(uplink)
    await first.close()
    await vi.waitFor(() => expect(uplink.state().connected).toBe(false))
    await uplink.sendIndicators([{ indicator: 'I01', from: 1, to: 2, value: 3, n: 4 }])
    for (let i = 0; i < 50; i++) await journal.append([alertBody(i)])
    await vi.waitFor(() => expect(uplink.state().waiting).toBe(51))
    const again = await province(first.port)
    await drained(uplink)
    expect([...new Set(sequences(again))].sort((a, b) => a - b)).toEqual(Array.from({ length: 52 }, (_, i) => i + 2))
    // The indicator was asked for first and goes after all alerts.
    expect(sequences(again).indexOf(2)).toBeGreaterThanOrEqual(50)
    expect(again.got.slice(0, 50).every((g) => g.envelope.backlog)).toBe(true)
    await journal.append([alertBody(99)])
    await drained(uplink)
    expect(again.got.at(-1)!.envelope.backlog).toBe(false)
  })

  test('an envelope that was not acknowledged keeps its number over a restart and gets through by the backup path', async () => {
    const silent = await province()
    silent.beSilent(true)
    const first = await edge([silent.url])
    await first.journal.append([alertBody(1), alertBody(2)])
    await vi.waitFor(() => expect(first.uplink.state().waiting).toBe(3))
    await first.uplink.close()
    await first.journal.close()
    const backup = await province()
    const second = await edge(['mqtt://127.0.0.1:1', backup.url], first.dir)
    await second.journal.append([alertBody(3)])
    await drained(second.uplink)
    // Two alerts and the health of the first run, the alert and the health of the second.
    await vi.waitFor(() => expect([...new Set(sequences(backup))].sort()).toEqual([1, 2, 3, 4, 5]))
    expect(second.uplink.state().path).toBe(backup.url)
  })

  test('an alert that is being taken over while the edge ends is taken over by the next run', async () => {
    const there = await province()
    const answers: (() => void)[] = []
    const first = await edge([there.url], newDir(), {
      ledgerHash: (change) =>
        change === null ? '' : new Promise<string>((resolve) => answers.push(() => resolve('ab'.repeat(32)))),
    })
    await first.journal.append([alertBody(1)])
    await vi.waitFor(() => expect(answers).toHaveLength(1))
    const closing = first.uplink.close()
    answers[0]!()
    await closing
    await first.journal.close()
    const second = await edge([there.url], first.dir)
    const alerts = () => there.got.filter((g) => g.topic.endsWith('/alert'))
    await vi.waitFor(() => expect(alerts()).toHaveLength(1), { timeout: 3000 })
    await drained(second.uplink)
    expect(alerts()).toHaveLength(1)
  })

  test('one-way: a province that sends anything but acknowledgements is disconnected, and nothing is lost', async () => {
    const there = await province()
    const said: string[] = []
    const { journal, uplink } = await edge([there.url], newDir(), {
      oneWay: true,
      onEvent: (event) => said.push(event.detail ?? ''),
    })
    await vi.waitFor(() => expect(there.got).toHaveLength(1))
    await journal.append([alertBody(1)])
    await drained(uplink)
    expect(uplink.state().connected).toBe(true)
    // A broker that speaks without being asked.
    for (const client of Object.values((there.broker as unknown as { clients: Record<string, unknown> }).clients))
      (client as { publish(packet: object, done: () => void): void }).publish(
        { cmd: 'publish', topic: 'open/the/doors', payload: 'now', qos: 0, retain: false },
        () => {},
      )
    await vi.waitFor(() => expect(said.join()).toMatch(/the province sent publish, and uplink.one-way/), {
      timeout: 10_000,
    })
    await journal.append([alertBody(2)])
    await vi.waitFor(() => expect(there.got.filter((g) => g.topic.endsWith('/alert'))).toHaveLength(2), {
      timeout: 20_000,
    })
  })

  test('health goes out while the link is up and is not kept while it is down', async () => {
    const there = await province()
    const { uplink } = await edge([there.url], newDir(), { healthEveryMs: 30 })
    await vi.waitFor(() => expect(there.got.some((g) => g.topic.endsWith('/health'))).toBe(true))
    await there.close()
    await vi.waitFor(() => expect(uplink.state().skippedHealth).toBeGreaterThan(2))
    expect(uplink.state().waiting).toBeLessThan(3)
  })
})
