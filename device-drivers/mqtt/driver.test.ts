import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Device } from '#model/context/kinds.ts'
import { systemClock } from '#model/system-clock.ts'
import { createMqttFleet, type MqttFleet } from '#simulators/mqtt/fleet.ts'
import { driverConformance, eventually, pause, RecordingHost } from '../conformance.ts'
import { createMqttDriver, type MqttDriver } from './index.ts'

const devices: Device[] = [
  { id: 'W017', driver: 'mqtt', kind: 'band' },
  { id: 'W018', driver: 'mqtt', kind: 'band' },
  { id: 'W099', driver: 'mqtt', kind: 'band' },
]

/** An ordinary broker that acknowledges, queues and redelivers as any does; it knows nothing of wardwatch. */
async function ordinaryBroker() {
  const aedes = await Aedes.createBroker()
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    aedes.handle(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    aedes,
    dropAll: () => {
      for (const socket of sockets) socket.destroy()
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => aedes.close(() => resolve()))
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

let url = ''
driverConformance({
  name: 'MQTT (external broker)',
  create: (host) => createMqttDriver(host, { url }),
  noticeMs: 8000,
  async twin() {
    const broker = await ordinaryBroker()
    url = broker.url
    const fleet = createMqttFleet({
      url,
      facility: 'js-03',
      devices: [{ id: 'W017' }, { id: 'W018' }],
      clock: systemClock,
      chance: () => 0.5,
    })
    await fleet.start()
    let n = 0
    return {
      victim: devices[0] as Device,
      witness: devices[1] as Device,
      dead: devices[2] as Device,
      async emit(device, timeMs) {
        const value = { percent: n++ % 100 }
        await fleet.emitReading({ device, type: 'band.battery', value, time: timeMs })
        return { type: 'band.battery', value }
      },
      async emitUnmappable(device) {
        await fleet.faults.malformed(device)
        return true
      },
      disconnect: (device) => fleet.disconnect(device),
      reconnect: (device) => fleet.reconnect(device),
      connections: () => null,
      async close() {
        await fleet.close()
        await broker.close()
      },
    }
  },
})

describe('with an external broker', () => {
  let host: RecordingHost
  let driver: MqttDriver
  let broker: Awaited<ReturnType<typeof ordinaryBroker>>
  let fleet: MqttFleet

  beforeEach(async () => {
    host = new RecordingHost()
    broker = await ordinaryBroker()
    fleet = createMqttFleet({
      url: broker.url,
      facility: 'js-03',
      devices: [{ id: 'W017' }],
      clock: systemClock,
      chance: () => 0,
    })
    await fleet.start()
    driver = createMqttDriver(host, { url: broker.url })
    await driver.start(devices)
    await eventually('online', () => host.of('W017', 'device.status').length > 0)
  })
  afterEach(async () => {
    await driver.stop()
    await fleet.close()
    await broker.close()
    host.dispose()
  })

  test('a message is acknowledged to the broker only after the journal has it', async () => {
    let release = () => {}
    const acknowledged: number[] = []
    broker.aedes.on('ack' as 'closed', (() => acknowledged.push(1)) as () => void)
    // The devices have just announced themselves; those acknowledgements may still be on their way.
    for (let before = -1; before !== acknowledged.length; await pause(300)) before = acknowledged.length
    acknowledged.length = 0
    host.onAccept = () => new Promise((resolve) => (release = resolve))
    await fleet.emitReading({ device: 'W017', type: 'band.sos', value: {}, time: systemClock.now() })
    await pause(200)
    expect(acknowledged).toHaveLength(0)
    release()
    await eventually('the acknowledgement', () => acknowledged.length === 1)
    expect(host.of('W017', 'band.sos')).toHaveLength(1)
  })

  test('what could not be kept is delivered again, and nothing is lost', async () => {
    let failing = true
    host.onAccept = async () => {
      if (failing) throw new Error('disk full')
    }
    const times = Array.from({ length: 20 }, (_, i) => 1_795_300_000_000 + i)
    for (const time of times) await fleet.emitReading({ device: 'W017', type: 'band.sos', value: {}, time })
    await pause(300)
    failing = false
    await eventually('all twenty', () => new Set(host.of('W017', 'band.sos').map((r) => r.time)).size === 20, 8000)
  })

  test('a connection that breaks under load loses nothing', async () => {
    for (let i = 0; i < 200; i++) {
      await fleet.emitReading({ device: 'W017', type: 'band.sos', value: {}, time: 1_795_300_000_000 + i })
      if (i === 50 || i === 120) broker.dropAll()
    }
    await eventually('all of them', () => new Set(host.of('W017', 'band.sos').map((r) => r.time)).size === 200, 10_000)
  })
})

describe('with the embedded broker', () => {
  const at = 1_795_300_352_000
  const message = (topic: string, payload: string, device = 'W017', children: string[] = []) => ({
    topic,
    payload: Buffer.from(payload),
    device: { id: device, children },
    receivedMs: at,
  })
  let host: RecordingHost
  let driver: MqttDriver
  beforeEach(async () => {
    host = new RecordingHost()
    driver = createMqttDriver(host)
    await driver.start(devices)
  })
  afterEach(() => host.dispose())

  test('good and bad in one batch: the good is kept, the bad is quarantined, and both before the answer', async () => {
    await driver.ingest([
      message('ww/v1/js-03/dev/W017/band.sos', '{"time":1795300351000}'),
      message('ww/v1/js-03/dev/W017/band.sos', '{oops'),
      message('ww/v1/js-03/dev/W018/band.sos', '{}', 'W018'),
    ])
    expect(host.of('W017', 'band.sos')).toHaveLength(1)
    expect(host.of('W018', 'band.sos')).toMatchObject([{ time: at, quality: 'uncertain' }])
    expect(host.quarantined).toMatchObject([{ cause: 'bad-json', device: 'W017', payload: '{oops' }])
    expect(host.counters.get('quarantined|W017')).toBe(1)
  })

  test('when the journal fails, the batch fails', async () => {
    host.onAccept = async () => {
      throw new Error('disk full')
    }
    await expect(driver.ingest([message('ww/v1/js-03/dev/W017/band.sos', '{}')])).rejects.toThrow('disk full')
  })

  test('a topic that nobody mapped is kept once and counted each time', async () => {
    for (let i = 0; i < 3; i++) await driver.ingest([message('other/layout', '{}')])
    expect(host.quarantined).toMatchObject([{ cause: 'unmapped' }])
    expect(host.counters.get('unmapped|W017')).toBe(3)
  })

  test('a lost connection is an offline device, a clean good-bye is not', async () => {
    const session = (
      event: 'connected' | 'disconnected',
      reason: 'clean' | 'session-lost' | 'keepalive' | null,
      remaining: number,
    ) => driver.session({ device: { id: 'W017' }, event, reason, remaining })
    session('connected', null, 1)
    session('disconnected', 'clean', 0)
    expect(driver.health().find((h) => h.device === 'W017')?.online).toBe(true)
    session('connected', null, 1)
    session('connected', null, 2)
    session('disconnected', 'session-lost', 1)
    session('disconnected', 'keepalive', 0)
    session('connected', null, 1)
    await pause(1)
    expect(host.of('W017', 'device.status').map((r) => r.value)).toEqual([
      { online: true },
      { online: false, reason: 'keepalive' },
      { online: true },
    ])
  })

  test('a device that its gateway called offline is back as soon as it speaks, but not by what it said before', async () => {
    const say = (type: string, payload: object) =>
      driver.ingest([message(`ww/v1/js-03/dev/W018/${type}`, JSON.stringify(payload), 'W017', ['W018'])])
    const online = () => driver.health().find((h) => h.device === 'W018')?.online
    await say('status', { online: false, time: at - 500 })
    await say('band.worn', { worn: true, time: at - 60_000 })
    expect(online()).toBe(false)
    await say('band.worn', { worn: true, time: at - 100 })
    expect(online()).toBe(true)
    expect(host.of('W018', 'device.status').map((r) => r.value.online)).toEqual([false, true])
  })

  test('a wrong model file is named, and stops only its own devices', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'ww-models-'))
    try {
      await driver.update([...devices, { id: 'X1', driver: 'mqtt', model: 'no-such-model' }])
      const [check] = await driver.check({ id: 'X1', driver: 'mqtt', model: 'no-such-model' })
      expect(check).toMatchObject({ level: 'fault' })
      expect(check?.message).toContain('no model file "no-such-model.yaml"')
      await driver.ingest([message('ww/v1/js-03/dev/W017/band.sos', '{}')])
      expect(host.of('W017', 'band.sos')).toHaveLength(1)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
})
