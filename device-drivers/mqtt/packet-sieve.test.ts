import fc from 'fast-check'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { expect, test } from 'vitest'
import { type LargePublish, PacketSieve } from './packet-sieve.ts'

const LIMIT = 300

function sift(bytes: Buffer, cuts: number[]): { packets: Packet[]; large: LargePublish[] } {
  const packets: Packet[] = []
  const large: LargePublish[] = []
  const parser = mqttPacket.parser({ protocolVersion: 4 })
  parser.on('packet', (packet) => packets.push(packet))
  const sieve = new PacketSieve(
    LIMIT,
    (part) => parser.parse(part),
    (publish) => large.push(publish),
  )
  let from = 0
  for (const cut of [...cuts.map((c) => c % bytes.length).sort((a, b) => a - b), bytes.length]) {
    sieve.push(bytes.subarray(from, cut))
    from = cut
  }
  return { packets, large }
}

const publish = (size: number, messageId: number, qos: 0 | 1) =>
  mqttPacket.generate({
    ...{ cmd: 'publish', topic: `t/${messageId}`, payload: Buffer.alloc(size, 65 + (messageId % 26)) },
    ...{ qos, messageId, dup: false, retain: false },
  } as Packet)

test('however the bytes are cut, small packets pass whole and large ones are told with topic, number and beginning', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.constantFrom(0 as const, 1 as const)), { minLength: 1 }),
      fc.array(fc.nat(20_000), { maxLength: 40 }),
      (sizes, cuts) => {
        const all = sizes.map(([size, qos], i) => ({ size, qos, id: i + 1 }))
        const bytes = Buffer.concat(all.flatMap(({ size, qos, id }) => [publish(size, id, qos), PING]))
        const { packets, large } = sift(bytes, cuts)
        const isLarge = ({ size, qos, id }: (typeof all)[number]) => size + 4 + String(id).length + 2 * qos > LIMIT
        expect(packets.flatMap((p) => (p.cmd === 'publish' ? [p.topic] : []))).toEqual(
          all.filter((p) => !isLarge(p)).map(({ id }) => `t/${id}`),
        )
        expect(packets.filter((p) => p.cmd === 'pingresp')).toHaveLength(all.length)
        expect(large.map(({ topic, qos, messageId, head }) => [topic, qos, messageId, head.length])).toEqual(
          all
            .filter(isLarge)
            .map(({ size, qos, id }) => [`t/${id}`, qos, qos > 0 ? id : undefined, Math.min(size, 2048)]),
        )
      },
    ),
  )
})
const PING = mqttPacket.generate({ cmd: 'pingresp' })

test('what is no MQTT is an error, not an endless wait', () => {
  const sieve = () =>
    new PacketSieve(
      LIMIT,
      () => {},
      () => {},
    )
  expect(() => sieve().push(Buffer.from('30ffffffffff', 'hex'))).toThrow(/length/)
  expect(() => sieve().push(Buffer.from('90ffff7f', 'hex'))).toThrow(/no PUBLISH/)
})
