/** Fleet twin → embedded broker → MQTT driver → host, over real sockets: the way of a reading up to the journal's door. */
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import mqtt from 'mqtt'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Broker, brokerDevices, createBroker, type Rejection } from '#broker/index.ts'
import { eventually, pause, RecordingHost } from '#drivers/conformance.ts'
import { createMqttDriver, type MqttDriver } from '#drivers/mqtt/index.ts'
import type { Device } from '#model/context/kinds.ts'
import { systemClock } from '#model/system-clock.ts'
import { createMqttFleet, type MqttFleet } from '#simulators/mqtt/fleet.ts'

const run = promisify(execFile)
const FACILITY = 'js-03'
const GATEWAYS = 5
const BANDS = 60
const gateways: Device[] = Array.from({ length: GATEWAYS }, (_, i) => ({
  id: `GW-${i}`,
  driver: 'mqtt',
  kind: 'gateway',
  password: `gw-${i}`,
}))
const bands: Device[] = Array.from({ length: BANDS }, (_, i) => ({
  id: `W${i}`,
  driver: 'mqtt',
  kind: 'band',
  via: `GW-${i % GATEWAYS}`,
}))
const direct: Device[] = [
  { id: 'S33T', driver: 'mqtt', kind: 'tag', password: 'tag' },
  { id: 'S34T', driver: 'mqtt', kind: 'tag', password: 'tag' },
]
const devices = [...gateways, ...bands, ...direct]

describe('fleet, embedded broker and driver together', () => {
  let host: RecordingHost
  let driver: MqttDriver
  let broker: Broker
  let fleet: MqttFleet
  let rejected: Rejection[]

  beforeEach(async () => {
    rejected = []
    host = new RecordingHost(FACILITY)
    driver = createMqttDriver(host)
    await driver.start(devices)
    broker = await createBroker({
      facility: FACILITY,
      clock: systemClock,
      dataDir: null,
      tcp: 0,
      identities: {
        devices: brokerDevices(devices),
        subscribers: [
          {
            user: 'tv-wall',
            password: 'wall',
            topics: [`ww/v1/${FACILITY}/alert/#`, `ww/v1/${FACILITY}/dev/+/status`],
          },
        ],
      },
      mayPublish: (device, topic) => driver.mayPublish(device, topic),
      onPublish: (batch) => driver.ingest(batch),
      onSession: (session) => driver.session(session),
      onRejected: (rejection) => rejected.push(rejection),
    })
    fleet = createMqttFleet({
      url: `mqtt://127.0.0.1:${broker.ports.tcp}`,
      facility: FACILITY,
      devices: devices.map((d) => ({ id: d.id, password: d.password, via: d.via })),
      clock: systemClock,
      chance: () => 0.5,
    })
    await fleet.start()
  })
  afterEach(async () => {
    await fleet.close()
    await broker.close()
    await driver.stop()
    host.dispose()
  })

  const position = (device: string, time: number) =>
    fleet.emitReading({ device, type: 'band.position', value: { x_m: 1, y_m: 2, floor: 1, accuracy_m: 1 }, time })
  async function witness(): Promise<void> {
    const time = systemClock.now()
    const before = host.of('S34T', 'tag.sos').length
    await fleet.emitReading({ device: 'S34T', type: 'tag.sos', value: {}, time })
    expect(host.of('S34T', 'tag.sos').length).toBe(before + 1)
    expect(systemClock.now() - time).toBeLessThan(1000)
  }

  test('every band is heard through its gateway, with its own time and no loss', async () => {
    const now = systemClock.now()
    for (let second = 0; second < 10; second++)
      await Promise.all(bands.map((band) => position(band.id, now + second * 1000)))
    for (const band of bands)
      expect(
        host
          .of(band.id, 'band.position')
          .map((r) => r.time)
          .sort(),
      ).toEqual(Array.from({ length: 10 }, (_, s) => now + s * 1000))
    expect(host.quarantined).toEqual([])
    await eventually('all online', () => driver.health().every((h) => h.online))
  })

  test('a gateway that dies takes its bands along, and what it buffered arrives late with its own time', async () => {
    await position('W0', systemClock.now())
    await fleet.disconnect('GW-0')
    await eventually('offline', () => host.of('GW-0', 'device.status').at(-1)?.value.online === false)
    const health = driver.health()
    expect(health.find((h) => h.device === 'W0')).toMatchObject({
      online: false,
      reason: 'its gateway GW-0 is offline',
    })
    expect(health.find((h) => h.device === 'W1')?.online).toBe(true)
    await witness()
    const late = systemClock.now() - 150_000
    const waiting = position('W0', late)
    await pause(50)
    await fleet.reconnect('GW-0')
    await waiting
    expect(host.of('W0', 'band.position').at(-1)?.time).toBe(late)
    await eventually('online again', () => host.of('GW-0', 'device.status').at(-1)?.value.online === true)
  })

  test('malformed, oversized and foreign messages are counted and told, and harm nobody else', async () => {
    await fleet.faults.malformed('W1')
    await eventually('the quarantine', () => host.quarantined.find((q) => q.cause === 'bad-json' && q.device === 'W1'))
    await witness()
    await fleet.faults.oversize('S33T')
    await eventually('the oversize', () => broker.metrics().oversize === 1)
    await witness()
    await eventually('back', () => fleet.isConnected('S33T'))
    await fleet.faults.foreignTopic('S33T', 'W1')
    await eventually('the refusal', () => rejected.find((r) => r.cause === 'topic-denied' && r.client === 'S33T'))
    await witness()
    expect(host.of('W1', 'band.sos')).toEqual([])
    await eventually('back again', () => fleet.isConnected('S33T'))
    await fleet.emitReading({ device: 'S33T', type: 'tag.sos', value: {}, time: systemClock.now() })
    expect(host.of('S33T', 'tag.sos')).toHaveLength(1)
  })

  test('a device whose old connection is taken over by its new one is online at the end, will or not', async () => {
    await fleet.disconnect('S33T')
    const connect = () =>
      mqtt.connectAsync(`mqtt://127.0.0.1:${broker.ports.tcp}`, {
        username: 'S33T',
        password: 'tag',
        clientId: 'same',
        reconnectPeriod: 0,
        will: {
          topic: `ww/v1/${FACILITY}/dev/S33T/status`,
          payload: Buffer.from('{"online":false}'),
          qos: 1,
          retain: true,
        },
      })
    const first = await connect()
    first.on('error', () => {})
    const second = await connect()
    await pause(200)
    const last = [...host.of('S33T', 'device.status')].sort((a, b) => (a.time as number) - (b.time as number)).at(-1)
    expect(last?.value.online).toBe(true)
    expect(driver.health().find((h) => h.device === 'S33T')?.online).toBe(true)
    await Promise.all([first.endAsync(true), second.endAsync(true)])
  })

  test('duplicates and delays lose nothing', async () => {
    fleet.faults.duplicates = 0.6
    fleet.faults.delayMs = 100
    const now = systemClock.now()
    await Promise.all(bands.map((band) => position(band.id, now)))
    expect(fleet.counters.duplicated).toBe(BANDS)
    for (const band of bands) expect(host.of(band.id, 'band.position').length).toBeGreaterThanOrEqual(1)
  })

  test('a gateway sends arrays', async () => {
    const now = systemClock.now()
    await fleet.emitBatch(
      Array.from({ length: 500 }, (_, i) => ({
        device: 'W3',
        type: 'band.battery',
        value: { percent: i % 100 },
        time: now + i,
      })),
    )
    expect(host.of('W3', 'band.battery')).toHaveLength(500)
  })

  describe.skipIf(!existsSync('/usr/bin/mosquitto_pub'))(
    'with the mosquitto clients (skipped where they are not installed)',
    () => {
      test('mosquitto_pub is a device: acknowledged when durable, refused with a wrong password', async () => {
        const base = [
          '-h',
          '127.0.0.1',
          '-p',
          String(broker.ports.tcp),
          '-q',
          '1',
          '-t',
          `ww/v1/${FACILITY}/dev/S33T/tag.activity`,
          '-m',
          '{"time":1795300352000,"activity":0.3}',
        ]
        await fleet.disconnect('S33T')
        await run('mosquitto_pub', [...base, '-u', 'S33T', '-P', 'tag'])
        expect(host.of('S33T', 'tag.activity')).toMatchObject([{ time: 1_795_300_352_000, value: { activity: 0.3 } }])
        await expect(run('mosquitto_pub', [...base, '-u', 'S33T', '-P', 'wrong'])).rejects.toThrow(
          /not authori|bad user name/i,
        )
        await expect(run('mosquitto_pub', [...base, '-V', '5', '-u', 'S33T', '-P', 'tag'])).rejects.toThrow(/protocol/i)
      })

      test('mosquitto_sub is a local subscriber: alerts and retained status, and nothing that was not granted', async () => {
        await eventually('status is retained', () => host.of('W5', 'device.status').length > 0)
        const sub = spawn('mosquitto_sub', [
          '-h',
          '127.0.0.1',
          '-p',
          String(broker.ports.tcp),
          '-u',
          'tv-wall',
          '-P',
          'wall',
          '-v',
          '-q',
          '1',
          '-t',
          `ww/v1/${FACILITY}/alert/#`,
          '-t',
          `ww/v1/${FACILITY}/dev/+/status`,
        ])
        let out = ''
        sub.stdout.on('data', (chunk) => (out += chunk))
        try {
          await eventually('retained status', () => out.includes(`ww/v1/${FACILITY}/dev/W5/status {"online":true}`))
          await broker.publish(`ww/v1/${FACILITY}/alert/red`, '{"id":"a1"}', { qos: 1 })
          await eventually('the alert', () => out.includes(`ww/v1/${FACILITY}/alert/red {"id":"a1"}`))
        } finally {
          sub.kill()
        }
        const denied = await run('mosquitto_sub', [
          '-h',
          '127.0.0.1',
          '-p',
          String(broker.ports.tcp),
          '-u',
          'tv-wall',
          '-P',
          'wall',
          '-t',
          '#',
          '-W',
          '2',
        ]).catch((error) => error)
        expect(`${denied.stderr}`).toMatch(/denied|Subscribed.*128|not authori/i)
      })
    },
  )
})

test('the full facility: 3,000 bands behind 50 gateways and 60 tags of their own, every reading kept with its time', async () => {
  const full: Device[] = [
    ...Array.from({ length: 50 }, (_, i): Device => ({ id: `GW-${i}`, driver: 'mqtt', password: 'gw' })),
    ...Array.from({ length: 3000 }, (_, i): Device => ({ id: `W${i}`, driver: 'mqtt', via: `GW-${i % 50}` })),
    ...Array.from({ length: 60 }, (_, i): Device => ({ id: `T${i}`, driver: 'mqtt', password: 'tag' })),
  ]
  const host = new RecordingHost(FACILITY)
  const driver = createMqttDriver(host)
  await driver.start(full)
  const broker = await createBroker({
    facility: FACILITY,
    clock: systemClock,
    dataDir: null,
    tcp: 0,
    identities: { devices: brokerDevices(full), subscribers: [] },
    onPublish: (batch) => driver.ingest(batch),
    onSession: (session) => driver.session(session),
  })
  const fleet = createMqttFleet({
    url: `mqtt://127.0.0.1:${broker.ports.tcp}`,
    facility: FACILITY,
    devices: full.map((d) => ({ id: d.id, password: d.password, via: d.via })),
    clock: systemClock,
    chance: () => 0,
  })
  try {
    await fleet.start()
    expect(broker.metrics().clients).toBe(110)
    const time = systemClock.now()
    const speakers = full.filter((d) => !d.id.startsWith('GW'))
    const value = { percent: 50 }
    await Promise.all(
      speakers.map(({ id: device }) => fleet.emitReading({ device, type: 'band.battery', value, time })),
    )
    const heard = host.readings.filter((r) => r.type === 'band.battery')
    expect(new Set(heard.map((r) => r.device)).size).toBe(3060)
    expect(heard.every((r) => r.time === time)).toBe(true)
    await eventually('all online', () => driver.health().every((h) => h.online))
    expect(host.quarantined).toEqual([])
  } finally {
    await fleet.close()
    await broker.close()
    await driver.stop()
    host.dispose()
  }
}, 60_000)

describe.skipIf(!existsSync('/usr/sbin/mosquitto'))(
  'the driver with a real mosquitto as facility broker (skipped where it is not installed)',
  () => {
    test('nothing is acknowledged before it is kept, a restart of mosquitto loses nothing, a lost device is offline', async () => {
      const dir = mkdtempSync(join(tmpdir(), 'ww-mosquitto-'))
      const port = await new Promise<number>((resolve) => {
        const probe = createServer().listen(0, '127.0.0.1', () => {
          const { port: free } = probe.address() as { port: number }
          probe.close(() => resolve(free))
        })
      })
      writeFileSync(
        join(dir, 'mosquitto.conf'),
        `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location ${dir}/\nmax_inflight_messages 2000\nmax_queued_messages 100000\n${process.getuid?.() === 0 ? 'user root\n' : ''}`,
      )
      const mosquitto = () => spawn('/usr/sbin/mosquitto', ['-c', join(dir, 'mosquitto.conf')], { stdio: 'ignore' })
      const url = `mqtt://127.0.0.1:${port}`
      let server = mosquitto()
      const host = new RecordingHost(FACILITY)
      const driver = createMqttDriver(host, { url })
      const fleet = createMqttFleet({
        url,
        facility: FACILITY,
        devices: [{ id: 'S33T' }, { id: 'S34T' }],
        clock: systemClock,
        chance: () => 0,
      })
      try {
        await driver.start(devices)
        await fleet.start()
        const online = (id: string, value: boolean) =>
          eventually(`${id} ${value}`, () => driver.health().find((h) => h.device === id)?.online === value, 15_000)
        await online('S33T', true)
        const times = (n: number, from: number) => Array.from({ length: n }, (_, i) => 1_795_300_000_000 + from + i)
        const got = () => new Set(host.of('S33T', 'tag.sos').map((r) => r.time)).size
        // The journal stands still: the messages stay with mosquitto.
        let failing = true
        host.onAccept = async () => {
          if (failing) throw new Error('disk full')
        }
        await Promise.all(
          times(300, 0).map((time) => fleet.emitReading({ device: 'S33T', type: 'tag.sos', value: {}, time })),
        )
        await pause(300)
        expect(got()).toBe(0)
        failing = false
        await eventually('all 300 redelivered', () => got() === 300, 15_000)
        // mosquitto writes its store on SIGTERM.
        const ended = new Promise((resolve) => server.once('exit', resolve))
        server.kill('SIGTERM')
        await ended
        const during = times(100, 300).map((time) =>
          fleet.emitReading({ device: 'S33T', type: 'tag.sos', value: {}, time }),
        )
        server = mosquitto()
        await Promise.all(during)
        await eventually('all 400', () => got() === 400, 15_000)
        await online('S34T', true)
        await fleet.disconnect('S33T')
        await online('S33T', false)
        expect(host.of('S33T', 'device.status').at(-1)?.value.online).toBe(false)
        const health = driver.health().find((h) => h.device === 'S34T')
        expect(health?.online).toBe(true)
      } finally {
        await driver.stop()
        await fleet.close()
        server.kill('SIGKILL')
        host.dispose()
        rmSync(dir, { recursive: true, force: true })
      }
    }, 60_000)
  },
)
