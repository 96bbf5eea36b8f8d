/** Bytes on the port of the real broker: packets that are cut, doubled, mixed, and wrong in every field. */
import { connect } from 'node:net'
import mqttPacket from 'mqtt-packet'
import { type Broker, brokerDevices, createBroker } from '#broker/index.ts'
import { systemClock } from '#model/system-clock.ts'
import type { Border, Fate } from '../border.ts'
import type { Chance } from '../chance.ts'
import { hostileBytes } from '../hostile.ts'

const TOPIC = 'ww/v1/js-03/dev/W017/band.battery'
const PAYLOAD = '{"percent":40}'
const hello = (username: string, password: string, more: object = {}): Buffer =>
  mqttPacket.generate({
    cmd: 'connect',
    clientId: `${username}-fuzz`,
    clean: true,
    keepalive: 30,
    protocolId: 'MQTT',
    protocolVersion: 4,
    username,
    password: Buffer.from(password),
    ...more,
  } as mqttPacket.Packet)
/** Each under a name of its own: one name twice takes over from the other. */
const connects = (n: number): Buffer[] => {
  const clientId = `W017/${n}`
  return [
    hello('W017', 'secret', { clientId }),
    hello('W017', 'secret', { clientId }),
    hello('W017', 'wrong', { clientId }),
    hello('wall', 'wall', { clientId: `wall/${n % 50}`, clean: false }),
    hello('W017', 'secret', { clientId, protocolId: 'MQIsdp', protocolVersion: 3 }),
    hello('W017', 'secret', {
      clientId,
      will: {
        topic: 'ww/v1/js-03/dev/W017/status',
        payload: Buffer.from('{"online":false}'),
        qos: 1,
        retain: true,
      },
    }),
  ]
}
const publish = (qos: 0 | 1 | 2, more: object = {}): Buffer =>
  mqttPacket.generate({
    cmd: 'publish',
    topic: TOPIC,
    payload: PAYLOAD,
    qos,
    messageId: 7,
    dup: false,
    retain: false,
    ...more,
  } as mqttPacket.Packet)
const OTHERS = [
  publish(0),
  publish(1),
  publish(2),
  publish(1, { topic: 'ww/v1/js-03/dev/W018/band.sos' }),
  publish(1, { topic: '$SYS/x', retain: true }),
  mqttPacket.generate({ cmd: 'subscribe', messageId: 3, subscriptions: [{ topic: 'ww/v1/js-03/#', qos: 1 }] }),
  mqttPacket.generate({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['ww/v1/js-03/#'] }),
  mqttPacket.generate({ cmd: 'pubrel', messageId: 7 }),
  mqttPacket.generate({ cmd: 'puback', messageId: 9 }),
  mqttPacket.generate({ cmd: 'pingreq' }),
  mqttPacket.generate({ cmd: 'disconnect' }),
]
/** Connections at once. */
const GROUP = 150
/** A client that hears nothing for so long goes. */
const QUIET_MS = 60
const PACKETS = 6
const LIMIT_MS = 20_000

export async function open(): Promise<Border> {
  const counts = { kept: 0, acknowledged: 0, rejected: 0 }
  const broker: Broker = await createBroker({
    facility: 'js-03',
    clock: systemClock,
    dataDir: null,
    tcp: 0,
    identities: {
      devices: brokerDevices([
        { id: 'W017', driver: 'mqtt', password: 'secret' },
        { id: 'W018', driver: 'mqtt', password: 'other' },
      ]),
      subscribers: [{ user: 'wall', password: 'wall', topics: ['ww/v1/js-03/#'] }],
    },
    limits: { rate: 1e9, burst: 1e9 },
    onPublish: async (batch) => {
      counts.kept += batch.filter((message) => message.qos > 0).length
    },
    onRejected: () => void counts.rejected++,
  })
  const port = broker.ports.tcp!
  let connections = 0
  let stuck = 0
  let packets: Buffer[] = []
  let waiting: Promise<void>[] = []

  /** One connection from its first byte to its end; nobody may be left hanging. */
  function talk([first, ...rest]: Buffer[]): Promise<void> {
    connections++
    return new Promise((resolve) => {
      const parser = mqttPacket.parser()
      parser.on('packet', (packet) => {
        if (packet.cmd === 'puback') counts.acknowledged++
      })
      parser.on('error', () => {})
      const socket = connect({ port, host: '127.0.0.1' })
      const limit = setTimeout(() => {
        stuck++
        socket.destroy()
      }, LIMIT_MS)
      socket.on('error', () => {})
      let said = false
      // Who is welcome goes on; who is not says the rest too, and then goes.
      const goOn = (): void => {
        if (!said) socket.write(Buffer.concat(rest))
        said = true
        quiet = setTimeout(() => socket.end(), QUIET_MS)
      }
      let quiet = setTimeout(goOn, 3 * QUIET_MS)
      socket.on('data', (chunk) => {
        parser.parse(chunk)
        clearTimeout(quiet)
        goOn()
      })
      socket.on('close', () => {
        clearTimeout(limit)
        clearTimeout(quiet)
        resolve()
      })
      socket.write(first!)
    })
  }

  const first = (chance: Chance): Buffer => {
    const good = connects(connections)
    return chance.maybe(0.8) ? chance.pick(good) : hostileBytes(chance, good)
  }

  return {
    async feed(chance): Promise<Fate> {
      if (packets.length === 0) packets.push(first(chance))
      packets.push(chance.maybe(0.6) ? chance.pick(OTHERS) : hostileBytes(chance, OTHERS))
      if (packets.length <= PACKETS) return {}
      waiting.push(talk(packets))
      packets = []
      if (waiting.length >= GROUP) await Promise.all(waiting.splice(0))
      return {}
    },
    fates: () => ({ accepted: counts.kept, refused: connections }),
    async after() {
      await Promise.all(waiting)
      waiting = []
      const found: string[] = []
      if (stuck > 0) found.push(`${stuck} connections were neither served nor closed within ${LIMIT_MS / 1000} s`)
      if (counts.acknowledged > counts.kept)
        found.push(`${counts.acknowledged} messages were acknowledged, ${counts.kept} kept`)
      if (counts.kept === 0) found.push('nothing came through: the inputs are no test')
      const before = counts.kept
      await talk([hello('W017', 'secret'), publish(1), mqttPacket.generate({ cmd: 'disconnect' })])
      if (counts.kept !== before + 1) found.push('an honest device is not served any more')
      const clients = broker.metrics().clients
      if (clients > 0) found.push(`${clients} clients are still counted as connected`)
      return found
    },
    close: () => broker.close(),
  }
}
