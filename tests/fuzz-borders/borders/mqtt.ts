/** Topics and payloads of MQTT devices in every layout: the contract's, makers' JSON and Sparkplug B. */
import sparkplugPayload from 'sparkplug-payload'
import { MqttDecoder } from '#drivers/mqtt/decoder.ts'
import { VirtualClock } from '#model/clock.ts'
import type { Device } from '#model/context/kinds.ts'
import { parseDeviceTopic } from '#model/topics.ts'
import { type Border, demand, type Fate } from '../border.ts'
import type { Chance } from '../chance.ts'
import { hostileBytes, hostileJsonText, hostileText } from '../hostile.ts'
import { countingIntake } from '../memory-journal.ts'

const AT = 1_795_300_352_000
const DEVICES: Device[] = [
  { id: 'GW-07', driver: 'mqtt', model: 'wristband-gateway' },
  { id: 'W017', driver: 'mqtt', model: 'ww-json', via: 'GW-07' },
  { id: 'B1', driver: 'mqtt', model: 'wristband-gateway', via: 'GW-07', url: 'mqtt:AA:BB:CC:00:00:01' },
  { id: 'LORA-GW', driver: 'mqtt', kind: 'gateway' },
  { id: 'T1', driver: 'mqtt', model: 'chirpstack-climate', via: 'LORA-GW', url: 'mqtt:70b3d57ed0000001' },
  { id: 'NODE', driver: 'mqtt', model: 'sparkplug-environment', url: 'mqtt:Prison/Boiler' },
  { id: 'SENSOR', driver: 'mqtt', model: 'sparkplug-environment', via: 'NODE', url: 'mqtt:Prison/Boiler/S1' },
]

const JSON_MESSAGES: [topic: string, payload: unknown][] = [
  ['ww/v1/js-03/dev/W017/band.vitals', { time: AT - 5, hr: 72, spo2: 97, skin_celsius: 33.1, resp: 14 }],
  [
    'ww/v1/js-03/dev/W017/band.battery',
    { id: 'x1', device: 'W017', type: 'band.battery', time: AT, value: { percent: 40 } },
  ],
  [
    'ww/v1/js-03/dev/W017/band.position',
    [
      { x_m: 1, y_m: 2, floor: 1 },
      { time: AT, x_m: 3, y_m: 4, floor: 1, accuracy_m: 0.5 },
    ],
  ],
  ['ww/v1/js-03/dev/W017/band.sos', {}],
  ['ww/v1/js-03/dev/W017/status', { online: false, time: AT }],
  [
    'wristband/GW-07/report',
    {
      ts: AT / 1000,
      bands: [
        { mac: 'AA:BB:CC:00:00:01', hr: 70, spo2: 96, temp: 331, wear: 1, pos: { x: 1, y: 2, f: 1 }, bat: 50, sos: 1 },
      ],
    },
  ],
  ['wristband/B1/state', { online: true, now: AT }],
  [
    'application/7/device/70b3d57ed0000001/event/up',
    { time: '2026-11-22T10:00:00.123Z', object: { temperature: 21.5, humidity: 40, co2: 700 } },
  ],
]
const sparkplug = (metrics: unknown[]): Uint8Array =>
  sparkplugPayload.get('spBv1.0')!.encodePayload({ timestamp: AT, seq: 0, metrics } as never)
const BINARY: [topic: string, payload: Uint8Array][] = [
  [
    'spBv1.0/Prison/NBIRTH/Boiler',
    sparkplug([
      { name: 'bdSeq', type: 'UInt64', value: 0 },
      { name: 'Environment/Temperature', alias: 1, type: 'Double', value: 21.5 },
    ]),
  ],
  ['spBv1.0/Prison/NDATA/Boiler', sparkplug([{ alias: 1, type: 'Double', value: 22 }])],
  ['spBv1.0/Prison/DDATA/Boiler/S1', sparkplug([{ name: 'Environment/Leak', type: 'Boolean', value: true }])],
]

export function open(): Border {
  const decoder = new MqttDecoder('js-03', DEVICES)
  const known = new Set(DEVICES.map((d) => d.id))
  const { counts, intake } = countingIntake('js-03', new VirtualClock(AT), (id) => known.has(id))
  const speakers = [
    { id: 'GW-07', children: ['W017', 'B1'] },
    { id: 'NODE', children: ['SENSOR'] },
    { id: 'LORA-GW', children: ['T1'] },
    null,
  ]

  const message = (chance: Chance): [string, Uint8Array] => {
    if (chance.maybe(0.2)) {
      const [topic] = chance.pick(BINARY)
      return [
        topic,
        hostileBytes(
          chance,
          BINARY.map(([, bytes]) => bytes),
        ),
      ]
    }
    const [topic, payload] = chance.pick(JSON_MESSAGES)
    return [topic, hostileJsonText(chance, payload)]
  }

  return {
    async feed(chance): Promise<Fate> {
      const [good, payload] = message(chance)
      const topic = chance.maybe(0.1) ? hostileText(chance, [good, 'ww/v1/js-03/dev/W017/band.fall']) : good
      const decoded = await decoder.decode(topic, payload, chance.pick(speakers), AT, { will: chance.maybe(0.05) })
      const before = { ...counts }
      const outcome = await intake.accept(decoded.readings, 'mqtt', decoded.quarantine)
      const accepted = counts.readings - before.readings
      const quarantined = counts.quarantined - before.quarantined
      demand(accepted + quarantined === decoded.readings.length + decoded.quarantine.length, 'decoded and kept differ')
      demand(
        outcome.quarantined.length === 0,
        `the decoder gave on what the intake refuses: ${JSON.stringify(decoded.readings)?.slice(0, 500)}`,
      )
      const wanted = parseDeviceTopic(topic) ? itemsIn(topic, payload) : null
      // A message that is refused as a whole is kept as one.
      const whole = accepted === 0 && quarantined === 1
      if (wanted !== null && !whole)
        demand(accepted + quarantined === wanted, `${wanted} items came, ${accepted + quarantined} are accounted for`)
      return { accepted, quarantined, empty: accepted + quarantined === 0 ? 1 : 0 }
    },
  }
}

/** So many readings or quarantined items must come of a message of the contract. */
function itemsIn(topic: string, payload: Uint8Array): number {
  if (topic.endsWith('/status') && payload.length === 0) return 0
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
    return Array.isArray(value) ? (value.length > 500 ? 1 : value.length) : 1
  } catch {
    return 1
  }
}
