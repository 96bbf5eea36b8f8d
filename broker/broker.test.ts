import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket, connect as tcpConnect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import mqttPacket from 'mqtt-packet'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '#model/system-clock.ts'
import {
  type Broker,
  type BrokerOptions,
  brokerDevices,
  createBroker,
  type DeviceSession,
  type InboundPublish,
  type Rejection,
} from './index.ts'

const FACILITY = 'js-03'
const topic = (device: string, type: string) => `ww/v1/${FACILITY}/dev/${device}/${type}`

const devices = brokerDevices([
  { id: 'W017', driver: 'mqtt', password: 'secret-17', via: 'GW-07' },
  { id: 'W018', driver: 'mqtt', via: 'GW-07' },
  { id: 'W019', driver: 'mqtt', password: 'secret-19' },
  { id: 'GW-07', driver: 'mqtt', kind: 'gateway', password: 'secret-gw' },
  { id: 'SLOW', driver: 'mqtt', password: 'secret-slow', limits: { rate: 20, burst: 20 } },
  { id: 'K31', driver: 'onvif' },
])
const identities = {
  devices,
  subscribers: [
    {
      user: 'tv-wall',
      password: 'wall',
      topics: [`ww/v1/${FACILITY}/alert/#`, `ww/v1/${FACILITY}/dev/+/status`],
    },
  ],
}

let broker: Broker
let received: InboundPublish[]
let rejected: Rejection[]
let sessions: DeviceSession[]
let journal: (batch: InboundPublish[]) => Promise<void>
const open: { end(force?: boolean): unknown }[] = []
const sockets: Socket[] = []

async function start(options: Partial<BrokerOptions> = {}): Promise<Broker> {
  return createBroker({
    facility: FACILITY,
    clock: systemClock,
    dataDir: null,
    tcp: 0,
    identities,
    onPublish: async (batch) => {
      await journal(batch)
      received.push(...batch)
    },
    onRejected: (rejection) => rejected.push(rejection),
    onSession: (session) => sessions.push(session),
    ...options,
  })
}

beforeEach(async () => {
  received = []
  rejected = []
  sessions = []
  journal = async () => {}
  broker = await start()
})
afterEach(async () => {
  for (const client of open.splice(0)) client.end(true)
  for (const socket of sockets.splice(0)) socket.destroy()
  await broker.close()
})

async function device(username: string, password: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await mqtt.connectAsync(
    `mqtt://127.0.0.1:${broker.ports.tcp}`,
    { username, password, reconnectPeriod: 0, connectTimeout: 4000, ...options },
    false,
  )
  client.on('error', () => {})
  open.push(client)
  return client
}

async function until(what: string, test: () => unknown, limitMs = 4000): Promise<void> {
  const end = systemClock.now() + limitMs
  while (!test()) {
    if (systemClock.now() > end) throw new Error(`not seen in ${limitMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
const closed = (client: MqttClient) => until('the connection is closed', () => !client.connected)

/** A second, healthy device is heard within a second: whatever happened before harmed nobody else. */
async function witness(): Promise<void> {
  const client = await device('W019', 'secret-19')
  const before = received.length
  const began = systemClock.now()
  await client.publishAsync(topic('W019', 'band.sos'), '{}', { qos: 1 })
  expect(received.slice(before).some((m) => m.topic === topic('W019', 'band.sos'))).toBe(true)
  expect(systemClock.now() - began).toBeLessThan(1000)
}

/** A raw connection that has sent CONNECT as this device. */
async function raw(username: string, password: string, extra: object = {}): Promise<Socket> {
  const socket = tcpConnect(broker.ports.tcp as number, '127.0.0.1')
  socket.on('error', () => {})
  sockets.push(socket)
  socket.write(connectPacket(username, password, extra))
  await new Promise((resolve) => socket.once('data', resolve))
  return socket
}
const connectPacket = (username: string, password: string, extra: object = {}) =>
  mqttPacket.generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    clientId: 'raw',
    keepalive: 30,
    username,
    password: Buffer.from(password),
    ...extra,
  })
const gone = (socket: Socket) => until('the socket is closed', () => socket.destroyed || socket.readableEnded)

describe('acknowledgement', () => {
  test('a PUBACK leaves only after the journal has the message', async () => {
    let release = () => {}
    journal = () => new Promise((resolve) => (release = resolve))
    const client = await device('W017', 'secret-17')
    let acknowledged = false
    const publish = client.publishAsync(topic('W017', 'band.sos'), '{}', { qos: 1 }).then(() => (acknowledged = true))
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(acknowledged).toBe(false)
    release()
    await publish
    expect(received.map((m) => m.topic)).toEqual([topic('W017', 'band.sos')])
    expect(received[0]?.device.id).toBe('W017')
  })

  test('messages that come together are handed to the journal together, so that one commit serves all', async () => {
    const sizes: number[] = []
    journal = async (batch) => {
      sizes.push(batch.length)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const client = await device('W017', 'secret-17')
    await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        client.publishAsync(topic('W017', 'band.battery'), `{"percent":${i}}`, { qos: 1 }),
      ),
    )
    expect(received).toHaveLength(100)
    expect(sizes.length).toBeLessThan(20)
  })

  test('when the journal cannot keep a message there is no PUBACK, and the connection is closed', async () => {
    journal = async () => {
      throw new Error('disk full')
    }
    const client = await device('W017', 'secret-17')
    let acknowledged = false
    client.publishAsync(topic('W017', 'band.sos'), '{}', { qos: 1 }).then(
      () => (acknowledged = true),
      () => {},
    )
    await closed(client)
    expect(acknowledged).toBe(false)
    expect(broker.metrics().journalFailures).toBe(1)
    journal = async () => {}
    await witness()
  })

  test('QoS 0 and QoS 2 reach the journal too, QoS 2 once', async () => {
    const client = await device('W017', 'secret-17')
    await client.publishAsync(topic('W017', 'band.sos'), '{"n":0}', { qos: 0 })
    await client.publishAsync(topic('W017', 'band.sos'), '{"n":2}', { qos: 2 })
    await until('both', () => received.length === 2)
    expect(received.map((m) => m.qos).sort()).toEqual([0, 2])
  })
})

describe('identity', () => {
  test.each([
    ['a wrong password', 'W017', 'wrong', 'bad-credential'],
    ['an unknown user', 'W999', 'secret-17', 'unknown-device'],
    ['a device without a password on a network that is not open', 'W018', '', 'bad-credential'],
    ['a device of another protocol', 'K31', '', 'unknown-device'],
  ])('%s is refused, counted and reported', async (_what, user, password, cause) => {
    await expect(device(user, password)).rejects.toThrow(/not authorized|Bad username/i)
    expect(rejected).toHaveLength(1)
    expect(rejected[0]).toMatchObject({ client: user, cause })
    expect(broker.metrics().refused[cause]).toBe(1)
    await witness()
  })

  test('on an open test network a device without a password may come under its id, one with a password needs it', async () => {
    await broker.close()
    broker = await start({ anonymous: true })
    const client = await device('W018', '')
    await client.publishAsync(topic('W018', 'band.sos'), '{}', { qos: 1 })
    await expect(device('W017', '')).rejects.toThrow()
    await witness()
  })

  test('two devices may choose the same client id without throwing each other out', async () => {
    const first = await device('W017', 'secret-17', { clientId: 'esp32' })
    const second = await device('W019', 'secret-19', { clientId: 'esp32' })
    await second.publishAsync(topic('W019', 'band.sos'), '{}', { qos: 1 })
    await first.publishAsync(topic('W017', 'band.sos'), '{}', { qos: 1 })
    expect(first.connected && second.connected).toBe(true)
  })

  test('an empty client id without a clean session is refused with return code 2', async () => {
    const socket = tcpConnect(broker.ports.tcp as number, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => {})
    socket.write(connectPacket('W017', 'secret-17', { clientId: 'x', clean: false }).subarray())
    socket.destroy()
    const bare = tcpConnect(broker.ports.tcp as number, '127.0.0.1')
    sockets.push(bare)
    bare.on('error', () => {})
    const bytes = [0x00, 0x04, 0x4d, 0x51, 0x54, 0x54, 0x04, 0x00, 0x00, 0x1e, 0x00, 0x00]
    bare.write(Buffer.from([0x10, bytes.length, ...bytes]))
    const answer = await new Promise<Buffer>((resolve) => bare.once('data', resolve))
    expect([...answer]).toEqual([0x20, 2, 0, 2])
    await gone(bare)
    await witness()
  })

  test('an MQTT 5 client is told that its version is not spoken here', async () => {
    const socket = tcpConnect(broker.ports.tcp as number, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => {})
    socket.write(
      mqttPacket.generate(
        {
          cmd: 'connect',
          protocolId: 'MQTT',
          protocolVersion: 5,
          clean: true,
          clientId: 'five',
          keepalive: 30,
          username: 'W017',
          password: Buffer.from('secret-17'),
        },
        { protocolVersion: 5 },
      ),
    )
    const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
    expect([...answer]).toEqual([0x20, 2, 0, 1])
    await witness()
  })

  test('a changed password or a removed device ends its connection, and no other', async () => {
    const staying = await device('W019', 'secret-19')
    const removed = await device('GW-07', 'secret-gw')
    const changed = await device('W017', 'secret-17')
    broker.update({
      ...identities,
      devices: devices.filter((d) => d.id !== 'GW-07').map((d) => (d.id === 'W017' ? { ...d, password: 'new' } : d)),
    })
    await Promise.all([closed(removed), closed(changed)])
    expect(staying.connected).toBe(true)
    await device('W017', 'new')
  })
})

describe('topics', () => {
  test('a gateway publishes for its children and for nobody else', async () => {
    const gateway = await device('GW-07', 'secret-gw')
    await gateway.publishAsync(topic('W017', 'band.sos'), '{}', { qos: 1 })
    await gateway.publishAsync(topic('GW-07', 'status'), '{"online":true}', { qos: 1 })
    gateway.publishAsync(topic('W019', 'band.sos'), '{}', { qos: 1 }).catch(() => {})
    await closed(gateway)
    expect(received.map((m) => m.topic)).toEqual([topic('W017', 'band.sos'), topic('GW-07', 'status')])
    expect(rejected).toMatchObject([{ client: 'GW-07', cause: 'topic-denied' }])
    expect(broker.metrics().topicDenied).toBe(1)
    await witness()
  })

  test.each([
    ['another device', topic('W019', 'band.sos')],
    ['another facility', `ww/v1/js-99/dev/W017/band.sos`],
    ['an alert', `ww/v1/${FACILITY}/alert/red`],
    ['the uplink', `ww/v1/${FACILITY}/up/alert`],
    ['the system branch', '$SYS/x'],
    ['its own id without a type', `ww/v1/${FACILITY}/dev/W017/`],
    ['an id that only begins like its own', `ww/v1/${FACILITY}/dev/W0170/band.sos`],
  ])('a publish on %s closes the connection and is reported', async (_what, foreign) => {
    const client = await device('W017', 'secret-17')
    client.publishAsync(foreign, '{}', { qos: 1 }).catch(() => {})
    await closed(client)
    expect(received).toEqual([])
    expect(rejected).toMatchObject([{ client: 'W017', cause: 'topic-denied' }])
    await witness()
  })

  test('a foreign layout is allowed exactly where the model files say so', async () => {
    await broker.close()
    broker = await start({ mayPublish: (d, t) => d.id === 'GW-07' && t.startsWith('v2/gw/') })
    const gateway = await device('GW-07', 'secret-gw')
    await gateway.publishAsync('v2/gw/up', '{}', { qos: 1 })
    const band = await device('W017', 'secret-17')
    band.publishAsync('v2/gw/up', '{}', { qos: 1 }).catch(() => {})
    await closed(band)
    expect(received.map((m) => m.topic)).toEqual(['v2/gw/up'])
  })

  test('a topic with NUL or bytes that are not UTF-8 is refused', async () => {
    const socket = await raw('W017', 'secret-17')
    const name = Buffer.concat([Buffer.from(topic('W017', 'x')), Buffer.from([0x00, 0xff, 0xfe])])
    socket.write(Buffer.concat([Buffer.from([0x30, name.length + 2, 0, name.length]), name]))
    await gone(socket)
    expect(received).toEqual([])
    expect(rejected.length).toBe(1)
    await witness()
  })

  test('a will is delivered as the word of its client, and a foreign will refuses the connection', async () => {
    const client = await device('W017', 'secret-17', {
      will: { topic: topic('W017', 'status'), payload: Buffer.from('{"online":false}'), qos: 1, retain: true },
    })
    client.stream.destroy()
    await until('the will', () => received.length === 1)
    expect(received[0]).toMatchObject({ topic: topic('W017', 'status'), will: true, retain: true })
    expect(Buffer.from(received[0]?.payload as Uint8Array).toString()).toBe('{"online":false}')
    await expect(
      device('W017', 'secret-17', {
        will: { topic: topic('W019', 'status'), payload: Buffer.from('{}'), qos: 1, retain: true },
      }),
    ).rejects.toThrow()
    expect(rejected).toMatchObject([{ client: 'W017', cause: 'topic-denied' }])
  })

  test('connections are told with the reason of their end', async () => {
    const client = await device('W017', 'secret-17')
    await until('connected', () => sessions.length === 1)
    expect(broker.isConnected('W017')).toBe(true)
    await client.endAsync()
    const second = await device('W017', 'secret-17')
    second.stream.destroy()
    await until('four events', () => sessions.length === 4)
    expect(sessions.map((s) => [s.event, s.reason, s.remaining])).toEqual([
      ['connected', null, 1],
      ['disconnected', 'clean', 0],
      ['connected', null, 1],
      ['disconnected', 'session-lost', 0],
    ])
    expect(broker.isConnected('W017')).toBe(false)
  })

  test('a device that is gone again as soon as it was let in does not count as connected for ever', async () => {
    // With its sessions on disk the broker is a moment late in saying that a client is ready.
    await broker.close()
    const dataDir = mkdtempSync(join(tmpdir(), 'ww-broker-'))
    broker = await start({ dataDir })
    for (let i = 0; i < 40; i++) (await raw('W017', 'secret-17', { clientId: `flash-${i}` })).destroy()
    await witness()
    await until('nobody is left', () => !broker.isConnected('W017'))
    const told = sessions.filter((session) => session.device.id === 'W017')
    expect(told.filter((session) => session.event === 'connected')).toHaveLength(told.length / 2)
    await broker.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
})

describe('local subscribers', () => {
  test('a subscriber hears what it was granted, live and retained, and nothing else', async () => {
    const band = await device('W017', 'secret-17')
    await band.publishAsync(topic('W017', 'status'), '{"online":true}', { qos: 1, retain: true })
    const wall = await device('tv-wall', 'wall')
    const heard: string[] = []
    wall.on('message', (t, payload, packet) => heard.push(`${t} ${payload.toString()} ${packet.retain}`))
    await wall.subscribeAsync([`ww/v1/${FACILITY}/alert/#`, `ww/v1/${FACILITY}/dev/+/status`], { qos: 1 })
    await until('the retained status', () => heard.length === 1)
    await broker.publish(`ww/v1/${FACILITY}/alert/red`, '{"id":"a1"}', { qos: 1 })
    await broker.publish(`ww/v1/${FACILITY}/reading/band.sos`, '{}')
    await band.publishAsync(topic('W017', 'band.sos'), '{}', { qos: 1 })
    await band.publishAsync(topic('W017', 'status'), '{"online":false}', { qos: 1, retain: true })
    await until('the others', () => heard.length === 3)
    expect(heard).toEqual([
      `${topic('W017', 'status')} {"online":true} true`,
      `ww/v1/${FACILITY}/alert/red {"id":"a1"} false`,
      `${topic('W017', 'status')} {"online":false} false`,
    ])
  })

  test('what is not granted, and every shared subscription, is answered with 128', async () => {
    const wall = await raw('tv-wall', 'wall')
    const parser = mqttPacket.parser({ protocolVersion: 4 })
    const granted = new Promise<unknown>((resolve) =>
      parser.on('packet', (packet) => packet.cmd === 'suback' && resolve(packet.granted)),
    )
    wall.on('data', (chunk) => parser.parse(chunk))
    wall.write(
      mqttPacket.generate({
        cmd: 'subscribe',
        messageId: 1,
        subscriptions: [
          '#',
          `ww/v1/${FACILITY}/#`,
          `$share/g/ww/v1/${FACILITY}/alert/#`,
          '$SYS/#',
          `ww/v1/${FACILITY}/alert/red`,
        ].map((filter) => ({ topic: filter, qos: 1 as const })),
      }),
    )
    expect(await granted).toEqual([128, 128, 128, 128, 1])
    expect(broker.metrics().subscribeDenied).toBe(4)
  })

  test('a client that asks to hear what is not its own is reported', async () => {
    const band = await device('W019', 'secret-19')
    await expect(band.subscribeAsync(`ww/v1/${FACILITY}/dev/W018/#`, { qos: 1 })).rejects.toThrow()
    expect(rejected).toMatchObject([{ client: 'W019', cause: 'topic-denied', detail: expect.stringContaining('W018') }])
    expect(band.connected).toBe(true)
  })

  test('a subscriber may publish nothing', async () => {
    const wall = await device('tv-wall', 'wall')
    wall.publishAsync(`ww/v1/${FACILITY}/alert/red`, '{}', { qos: 1 }).catch(() => {})
    await closed(wall)
    expect(received).toEqual([])
    expect(rejected).toMatchObject([{ client: 'tv-wall', cause: 'topic-denied' }])
  })

  test('a durable session outlives a restart of the broker with what was published meanwhile, and no more than granted', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'ww-broker-'))
    try {
      await broker.close()
      broker = await start({ dataDir })
      const wall = await device('tv-wall', 'wall', { clientId: 'wall-1', clean: false })
      await wall.subscribeAsync(`ww/v1/${FACILITY}/alert/#`, { qos: 1 })
      // A refused filter beside a granted one must not be remembered either.
      await wall
        .subscribeAsync([`ww/v1/${FACILITY}/alert/red`, `ww/v1/${FACILITY}/reading/#`], { qos: 1 })
        .catch(() => {})
      await wall.endAsync()
      await broker.publish(`ww/v1/${FACILITY}/alert/red`, '1', { qos: 1 })
      await broker.close()
      broker = await start({ dataDir })
      await broker.publish(`ww/v1/${FACILITY}/alert/red`, '2', { qos: 1 })
      await broker.publish(`ww/v1/${FACILITY}/reading/band.vitals`, 'secret', { qos: 1 })
      const heard: string[] = []
      const back = mqtt.connect(`mqtt://127.0.0.1:${broker.ports.tcp}`, {
        username: 'tv-wall',
        password: 'wall',
        clientId: 'wall-1',
        clean: false,
        reconnectPeriod: 0,
      })
      open.push(back)
      back.on('message', (_t, payload) => heard.push(payload.toString()))
      await until('both', () => heard.length >= 2)
      expect(heard).toEqual(['1', '2'])
    } finally {
      await broker.close()
      broker = await start()
      rmSync(dataDir, { recursive: true, force: true })
    }
  })

  test('the queue of a durable session has a limit and a counter', async () => {
    await broker.close()
    broker = await start({ limits: { sessionQueue: 5 } })
    const wall = await device('tv-wall', 'wall', { clientId: 'wall-1', clean: false })
    await wall.subscribeAsync(`ww/v1/${FACILITY}/alert/#`, { qos: 1 })
    await wall.endAsync()
    for (let i = 0; i < 8; i++) await broker.publish(`ww/v1/${FACILITY}/alert/red`, String(i), { qos: 1 })
    expect(broker.metrics().sessionQueueFull).toBe(3)
  })

  test('a frozen subscriber blocks nobody and is cut', async () => {
    await broker.close()
    broker = await start({ limits: { subscriberBytes: 200_000, drainTimeoutMs: 5000 } })
    const frozen = await raw('tv-wall', 'wall')
    frozen.pause()
    frozen.write(
      mqttPacket.generate({
        cmd: 'subscribe',
        messageId: 1,
        subscriptions: [{ topic: `ww/v1/${FACILITY}/alert/#`, qos: 0 }],
      }),
    )
    const healthy = await device('tv-wall', 'wall')
    let heard = 0
    healthy.on('message', () => heard++)
    await healthy.subscribeAsync(`ww/v1/${FACILITY}/alert/#`, { qos: 0 })
    await until('both listen', () => broker.wanted(`ww/v1/${FACILITY}/alert/red`))
    const payload = Buffer.alloc(20_000, 0x20)
    const total = 600
    for (let i = 0; i < total; i++) {
      broker.publish(`ww/v1/${FACILITY}/alert/red`, payload).catch(() => {})
      if (i % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await until('the healthy one heard everything', () => heard === total)
    await until('the frozen one is cut', () => broker.metrics().slowSubscribers > 0)
    await witness()
  })
})

describe('limits', () => {
  test('a packet above the limit ends the connection before its body is sent, and is counted', async () => {
    const socket = await raw('W017', 'secret-17')
    // PUBLISH with a remaining length of 268,435,455 bytes: the header alone must be enough.
    socket.write(Buffer.from([0x32, 0xff, 0xff, 0xff, 0x7f]))
    await gone(socket)
    expect(broker.metrics().oversize).toBe(1)
    expect(rejected).toMatchObject([{ client: 'W017', cause: 'malformed' }])
    await witness()
  })

  test('a packet just below the limit passes', async () => {
    const client = await device('W017', 'secret-17')
    await client.publishAsync(topic('W017', 'band.sos'), Buffer.alloc(256 * 1024 - 100, 0x20), { qos: 1 })
    expect(received[0]?.payload.length).toBe(256 * 1024 - 100)
    client.publishAsync(topic('W017', 'band.sos'), Buffer.alloc(256 * 1024, 0x20), { qos: 1 }).catch(() => {})
    await closed(client)
    expect(received).toHaveLength(1)
  })

  test('who sends faster than its rate is slowed down, not lost, and others do not notice', async () => {
    const slow = await device('SLOW', 'secret-slow')
    const began = systemClock.now()
    const all = Promise.all(
      Array.from({ length: 40 }, () => slow.publishAsync(topic('SLOW', 'band.sos'), '{}', { qos: 1 })),
    )
    await slow.publishAsync(topic('SLOW', 'band.sos'), '{}', { qos: 1 })
    await witness()
    await all
    // 41 messages and then one more: 20 at once, the rest at 20 a second.
    await slow.publishAsync(topic('SLOW', 'band.sos'), '{}', { qos: 1 })
    expect(systemClock.now() - began).toBeGreaterThan(800)
    expect(received.filter((m) => m.device.id === 'SLOW')).toHaveLength(42)
    expect(broker.metrics().throttled).toBeGreaterThan(0)
  })

  test.each([
    ['bytes', { waitingBytes: 100_000 }],
    ['messages', { waitingMessages: 50 }],
  ])(
    'a journal that stands still holds back every connection at so many %s, and nothing is lost afterwards',
    async (_, limit) => {
      await broker.close()
      broker = await start({ limits: { ...limit, rate: 1e6, burst: 1e6 } })
      let release = () => {}
      const gate = new Promise<void>((resolve) => (release = resolve))
      journal = () => gate
      const first = await device('W017', 'secret-17')
      const second = await device('W019', 'secret-19')
      let acknowledged = 0
      const total = 500
      const send = (client: MqttClient, id: string) => {
        for (let i = 0; i < total; i++)
          client.publishAsync(topic(id, 'band.sos'), JSON.stringify({ i, pad: 'x'.repeat(2000) }), { qos: 1 }).then(
            () => acknowledged++,
            () => {},
          )
      }
      send(first, 'W017')
      await until('the first one waits', () => broker.metrics().waiting > 0)
      await new Promise((resolve) => setTimeout(resolve, 200))
      send(second, 'W019')
      await new Promise((resolve) => setTimeout(resolve, 200))
      // One more chunk of a socket may come after the limit has been reached.
      expect(broker.metrics().waitingBytes).toBeLessThan(100_000 + 2 * 70_000)
      release()
      await until('all acknowledged', () => acknowledged === 2 * total, 8000)
      expect(received).toHaveLength(2 * total)
      expect(broker.metrics()).toMatchObject({ waiting: 0, waitingBytes: 0 })
    },
  )

  test('the connection above the limit is closed at once and counted', async () => {
    await broker.close()
    broker = await start({ limits: { connections: 2 } })
    const first = await device('W017', 'secret-17')
    await device('GW-07', 'secret-gw')
    await expect(device('W019', 'secret-19', { connectTimeout: 1000 })).rejects.toThrow()
    expect(broker.metrics().refused['connection-limit']).toBe(1)
    expect(first.connected).toBe(true)
  })

  test.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['zeroes', Buffer.alloc(64)],
    ['a PUBLISH before CONNECT', Buffer.from([0x30, 5, 0, 1, 0x61, 0x62, 0x63])],
    ['a length of five bytes', Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x7f])],
    ['random bytes', Buffer.from([0xc3, 0x28, 0xa0, 0xa1, 0xe2, 0x28, 0xa1, 0xf0, 0x28, 0x8c])],
  ])('%s instead of MQTT ends the connection and harms nobody', async (_what, bytes) => {
    const socket = tcpConnect(broker.ports.tcp as number, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => {})
    socket.write(bytes)
    await gone(socket)
    expect(rejected).toMatchObject([{ cause: 'malformed' }])
    await witness()
  })

  test('fifteen hundred clients that come back in the same moment are all accepted', async () => {
    const many = brokerDevices(
      Array.from({ length: 1500 }, (_, i) => ({ id: `N${i}`, driver: 'mqtt' as const, password: 'p' })),
    )
    broker.update({ ...identities, devices: [...devices, ...many] })
    let accepted = 0
    let broken = 0
    for (const { id } of many) {
      const socket = tcpConnect(broker.ports.tcp as number, '127.0.0.1')
      sockets.push(socket)
      socket.on('error', () => broken++)
      socket.once('data', (answer: Buffer) => {
        if (answer[0] === 0x20 && answer[3] === 0) accepted++
      })
      socket.write(connectPacket(id, 'p'))
    }
    await until('all accepted', () => accepted === many.length, 15_000)
    expect(broken).toBe(0)
    expect(broker.metrics().clients).toBe(many.length)
    await witness()
  })

  test('a flood of refusals is folded into a few reports, all of them counted', async () => {
    for (let i = 0; i < 15; i++) await device('W017', 'wrong').catch(() => {})
    expect(broker.metrics().refused['bad-credential']).toBe(15)
    expect(rejected.length).toBeGreaterThanOrEqual(10)
    expect(rejected.length + broker.metrics().rejectionsFolded).toBe(15)
  })
})

describe('listeners', () => {
  test('WebSocket clients speak the same protocol', async () => {
    await broker.close()
    broker = await start({ ws: 0 })
    const client = await mqtt.connectAsync(`ws://127.0.0.1:${broker.ports.ws}/mqtt`, {
      username: 'W017',
      password: 'secret-17',
      reconnectPeriod: 0,
    })
    open.push(client)
    await client.publishAsync(topic('W017', 'band.sos'), '{}', { qos: 1 })
    expect(received).toHaveLength(1)
    const before = broker.metrics().oversize
    client.publishAsync(topic('W017', 'band.sos'), Buffer.alloc(300_000, 0x20), { qos: 1 }).catch(() => {})
    await closed(client)
    expect(received).toHaveLength(1)
    expect(broker.metrics().oversize).toBeGreaterThanOrEqual(before)
    await witness()
  })

  test('a taken port is named with what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const port = (other.address() as { port: number }).port
    await expect(start({ tcp: port })).rejects.toMatchObject({
      code: 'port-taken',
      message: `port ${port} on 127.0.0.1 for MQTT is taken by another program: stop it, or choose another port`,
    })
    other.close()
  })

  test('closing the broker tells nobody that its devices are dead, and closes in time', async () => {
    await device('W017', 'secret-17', {
      will: { topic: topic('W017', 'status'), payload: Buffer.from('{"online":false}'), qos: 1, retain: true },
    })
    const began = systemClock.now()
    await broker.close()
    expect(systemClock.now() - began).toBeLessThan(2000)
    expect(received).toEqual([])
    broker = await start()
  })
})
