import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createBroker } from '#broker/index.ts'
import { createMqttDriver } from '#drivers/mqtt/index.ts'
import { openDesk } from '#ingest/desk/desk.ts'
import { openJournal } from '#ingest/journal/journal.ts'
import { openLedger } from '#ingest/ledger/ledger.ts'
import { VirtualClock } from '#model/clock.ts'
import { Intake } from '../intake.ts'
import { openEndToEndTest, ownAddress, ownIdentity, TEST_RULE } from './end-to-end-test.ts'

const ends: (() => unknown)[] = []
const patience = { timeout: 20_000 }
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})
const log = { info() {}, warn() {}, error() {}, debug() {} } as never

/** Broker, driver, intake, journal and desk of an edge; the rules are a number that says how far they have read. */
async function house() {
  const dir = mkdtempSync(join(tmpdir(), 'ww-e2e-'))
  ends.push(() => rmSync(dir, { recursive: true, force: true }))
  const clock = new VirtualClock(1_795_300_000_000)
  const journal = await openJournal({ dir, clock, ballastBytes: 0, thread: false })
  ends.push(() => journal.close())
  const ledger = await openLedger({ dir, clock, thread: false })
  ends.push(() => ledger.close())
  const desk = await openDesk({ dir, facility: 'js-03', clock, journal, ledger, thread: false })
  ends.push(() => desk.close())
  const self = 'js-03-edge'
  const intake = new Intake({ facility: 'js-03', clock, journal, self, knows: (id) => id === self })
  const own = ownIdentity(self)
  const driver = createMqttDriver(
    {
      facility: 'js-03',
      clock,
      random: () => 0.5,
      log,
      accept: async (readings) => void (await intake.accept(readings, 'mqtt')),
      quarantine: async (item) => void (await intake.accept([], 'mqtt', [item])),
      count() {},
      dataDir: dir,
      modelDirs: [],
    },
    null,
    [{ id: self, kind: 'edge-agent' }],
  )
  await driver.start([])
  const broker = await createBroker({
    facility: 'js-03',
    clock,
    dataDir: null,
    tcp: 0,
    identities: { devices: [own], subscribers: [] },
    onPublish: (batch) => driver.ingest(batch),
  })
  ends.push(() => broker.close())
  const rules = { at: Number.POSITIVE_INFINITY }
  const part = {
    facility: 'js-03',
    self,
    clock,
    log,
    journal,
    desk,
    rulesAt: () => rules.at,
    broker: ownAddress(broker.ports, '0.0.0.0', own),
  }
  const run = await openEndToEndTest(part)
  ends.push(() => run.close())
  const heard: string[] = []
  desk.onChange((c) => heard.push(`${c.alert.code}${c.alert.test ? ' test' : ''} ${c.change} ${c.alert.state}`))
  return { clock, desk, journal, ledger, broker, run, rules, heard, driver, intake }
}

describe('end-to-end test (S02)', () => {
  test('goes over the real broker into the journal, is told like an alarm, closes itself, and is nobody’s number or count', async () => {
    const { run, desk, heard, clock, intake, driver } = await house()
    expect(run.state()).toMatchObject({ sentAt: null, sent: 0 })
    clock.advanceTo(clock.now() + 10_000)
    await vi.waitFor(() => expect(run.state()).toMatchObject({ sent: 1, okAt: clock.now() }), patience)
    await vi.waitFor(() => expect(heard).toHaveLength(3), patience)
    expect(heard.map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'S02 test raised',
      'S02 test cleared',
      'S02 test resolved',
    ])
    expect(run.state()?.latencyMs).toBeGreaterThanOrEqual(0)
    expect((await desk.list({})).total).toBe(0)
    expect(desk.openCount()).toBe(0)
    const [alert] = (await desk.list({ rule: [TEST_RULE] })).items
    expect(alert).toMatchObject({ number: null, test: true, result: 'test', incident: null, annunciated: false })
    expect(intake.counts).toMatchObject({ accepted: 1, quarantined: 0 })
    expect(driver.health(), 'the edge is no device of the facility').toEqual([])
    clock.advanceTo(clock.now() + 300_000)
    await vi.waitFor(() => expect(run.state()?.sent).toBe(2), patience)
    await vi.waitFor(() => expect(run.state()?.okAt).toBe(clock.now()), patience)
  })

  test('a test that does not come back is an orange alert of its own, once, and ends with the next good one', async () => {
    const { run, heard, clock, rules, desk } = await house()
    rules.at = 0
    clock.advanceTo(clock.now() + 10_000)
    const before = clock.now()
    await vi.waitFor(() => {
      clock.advanceTo(clock.now() + 2_000)
      expect(run.state()).toMatchObject({ lost: 1, failing: true })
    }, patience)
    expect(clock.now() - before).toBeGreaterThanOrEqual(30_000)
    await vi.waitFor(() => expect(heard).toEqual(['S02 raised unacknowledged']), patience)
    const [alert] = (await desk.list({ open: true })).items
    expect(alert).toMatchObject({ code: 'S02', level: 'orange', test: false, annunciated: true })
    expect(alert!.number).not.toBeNull()
    // Again after a minute, and lost again: still one alert.
    clock.advanceTo(clock.now() + 60_000)
    await vi.waitFor(() => expect(run.state()?.sent).toBe(2), patience)
    clock.advanceTo(clock.now() + 30_000)
    expect(run.state()?.lost).toBe(2)
    rules.at = Number.POSITIVE_INFINITY
    clock.advanceTo(clock.now() + 60_000)
    await vi.waitFor(() => expect(run.state()).toMatchObject({ failing: false }), patience)
    await vi.waitFor(
      () =>
        expect(heard.filter((h) => !h.includes('test'))).toEqual([
          'S02 raised unacknowledged',
          'S02 cleared returned-unacknowledged',
        ]),
      patience,
    )
  })

  test('a broker that is gone is found', async () => {
    const { run, clock, broker } = await house()
    run.run()
    await vi.waitFor(() => expect(run.state()?.okAt).not.toBeNull(), patience)
    await broker.close()
    run.run()
    clock.advanceTo(clock.now() + 30_000)
    expect(run.state()).toMatchObject({ lost: 1, failing: true })
  })

  test('a site without MQTT has none', async () => {
    const run = await openEndToEndTest({ broker: null } as never)
    expect(run.state()).toBeNull()
    await run.close()
    expect(ownAddress({ tcp: null, ws: 8083, tls: null }, '192.0.2.10', { id: 'e', password: 'p' })?.url).toBe(
      'ws://192.0.2.10:8083',
    )
    expect(ownAddress({ tcp: null, ws: null, tls: null }, '127.0.0.1', { id: 'e', password: 'p' })).toBeNull()
  })
})
