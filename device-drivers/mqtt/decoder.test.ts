import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import sparkplugPayload from 'sparkplug-payload'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { READING_TYPES, readingFault } from '#model/catalogue/index.ts'
import type { Device } from '#model/context/kinds.ts'
import { isMonstrous } from './decoded.ts'
import { type Decoded, MqttDecoder, type Speaker } from './decoder.ts'
import { provisionMqtt } from './provision.ts'

const AT = 1_795_300_352_000
const devices: Device[] = [
  { id: 'GW-07', driver: 'mqtt', model: 'wristband-gateway' },
  { id: 'W017', driver: 'mqtt', model: 'ww-json', via: 'GW-07' },
  { id: 'B1', driver: 'mqtt', model: 'wristband-gateway', via: 'GW-07', url: 'mqtt:AA:BB:CC:00:00:01' },
  { id: 'B2', driver: 'mqtt', model: 'wristband-gateway', url: 'mqtt:AA:BB:CC:00:00:02' },
  { id: 'LORA-GW', driver: 'mqtt', kind: 'gateway' },
  { id: 'T1', driver: 'mqtt', model: 'chirpstack-climate', via: 'LORA-GW', url: 'mqtt:70b3d57ed0000001' },
  { id: 'NODE', driver: 'mqtt', model: 'sparkplug-environment', url: 'mqtt:Prison/Boiler' },
  { id: 'SENSOR', driver: 'mqtt', model: 'sparkplug-environment', via: 'NODE', url: 'mqtt:Prison/Boiler/S1' },
]
const gateway = { id: 'GW-07', children: ['W017', 'B1'] }
const decoder = new MqttDecoder('js-03', devices)
const say = (type: string, payload: unknown, flags = {}) =>
  decoder.decode(
    `ww/v1/js-03/dev/W017/${type}`,
    typeof payload === 'string' || payload instanceof Uint8Array
      ? Buffer.from(payload)
      : Buffer.from(JSON.stringify(payload)),
    gateway,
    AT,
    flags,
  ) as Decoded

describe('the layout of the contract', () => {
  test('short form, full form and array give the same reading', () => {
    const want = { device: 'W017', type: 'band.battery', time: AT - 5, received: AT, value: { percent: 40 } }
    expect(say('band.battery', { time: AT - 5, percent: 40 })).toEqual({ readings: [want], quarantine: [] })
    expect(say('band.battery', { time: AT - 5, value: { percent: 40 } })).toEqual({ readings: [want], quarantine: [] })
    expect(
      say('band.battery', [
        { time: AT - 5, percent: 40 },
        { time: AT - 4, value: { percent: 40 } },
      ]).readings,
    ).toEqual([want, { ...want, time: AT - 4 }])
  })

  test('id, quality, zone and subject of a full reading are kept; it cannot say when it was received', () => {
    const full = {
      id: 'x1',
      facility: 'js-03',
      device: 'W017',
      type: 'band.battery',
      time: AT - 5,
      received: 1,
      quality: 'bad',
      zone: 'W3',
      subject: 'P017',
      value: { percent: 1 },
    }
    expect(say('band.battery', full).readings).toEqual([
      {
        id: 'x1',
        device: 'W017',
        type: 'band.battery',
        time: AT - 5,
        received: AT,
        quality: 'bad',
        zone: 'W3',
        subject: 'P017',
        value: { percent: 1 },
      },
    ])
  })

  test('without time it is now and uncertain', () => {
    expect(say('band.battery', { percent: 40 }).readings).toMatchObject([{ time: AT, quality: 'uncertain' }])
    expect(say('band.sos', {}).readings).toMatchObject([
      { type: 'band.sos', time: AT, quality: 'uncertain', value: {} },
    ])
  })

  test('a time as RFC 3339 with its zone is understood, one without zone and one in seconds are named', () => {
    for (const time of ['2026-11-22T10:00:00Z', '2026-11-22T18:00:00.000+08:00'])
      expect(say('band.battery', { time, percent: 40 }).readings).toMatchObject([{ time: Date.UTC(2026, 10, 22, 10) }])
    const detail = (time: unknown) => say('band.battery', { time, percent: 40 }).quarantine[0]?.detail
    expect(detail('2026-11-22T10:00:00')).toContain('not "2026-11-22T10:00:00"')
    expect(detail('2026-13-45T10:00:00Z')).toContain('"time" must be ms')
    expect(detail(Math.floor(AT / 1000))).toContain('it looks like seconds')
  })

  test('status is device.status, with the reason when it is a will, and an empty one says nothing', () => {
    expect(say('status', { online: true, time: AT }).readings).toMatchObject([
      { type: 'device.status', value: { online: true } },
    ])
    expect(say('status', { online: false }, { will: true }).readings).toEqual([
      { device: 'W017', type: 'device.status', time: AT, received: AT, value: { online: false, reason: 'will' } },
    ])
    expect(say('status', { online: false }).readings).toMatchObject([{ value: { online: false, reason: 'driver' } }])
    expect(say('status', '')).toEqual({ readings: [], quarantine: [] })
  })

  test.each([
    ['cut off', '{"time":1', 'bad-json'],
    ['nothing', '', 'bad-json'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 'bad-json'],
    ['NUL', '\u0000', 'bad-json'],
    ['a number', '42', 'bad-reading'],
    ['null', 'null', 'bad-reading'],
    ['a list in a list', '[[1]]', 'bad-reading'],
    ['time as text', '{"time":"yesterday","percent":4}', 'bad-reading'],
    ['time in seconds', '{"time":1795300352,"percent":4}', 'bad-reading'],
    ['wrong type of a field', '{"percent":"full"}', 'bad-value'],
    ['out of range', '{"percent":400}', 'bad-value'],
    ['a missing field', '{}', 'bad-value'],
    ['another device inside', '{"device":"W018","value":{"percent":4}}', 'topic-denied'],
    ['another type inside', '{"type":"band.sos","value":{"percent":4}}', 'bad-reading'],
    ['a prototype', '{"percent":4,"__proto__":{"a":1}}', 'bad-reading'],
    ['deep nesting', `{"percent":4,"x":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, 'bad-reading'],
    ['501 readings', JSON.stringify(Array.from({ length: 501 }, () => ({ percent: 1 }))), 'limit-exceeded'],
  ])('%s is quarantined with its cause, one sentence and the original', (_what, payload, cause) => {
    const got = say('band.battery', payload)
    expect(got.readings).toEqual([])
    expect(got.quarantine).toMatchObject([{ cause, device: 'W017', source: 'mqtt:ww/v1/js-03/dev/W017/band.battery' }])
    expect(got.quarantine[0]?.detail.length).toBeGreaterThan(10)
    expect(got.quarantine[0]?.payload.length).toBeLessThanOrEqual(65_536)
    expect(say('band.battery', { percent: 5 }).readings).toHaveLength(1)
  })

  test('in an array each bad element is quarantined alone', () => {
    const got = say('band.battery', [{ percent: 1 }, { percent: 'x' }, 7, { percent: 2 }])
    expect(got.readings.map((r) => r.value.percent)).toEqual([1, 2])
    expect(got.quarantine.map((q) => [q.cause, q.payload])).toEqual([
      ['bad-value', '{"percent":"x"}'],
      ['bad-reading', '7'],
    ])
  })

  test('an unknown type, an unknown device and another facility are named', () => {
    expect(say('band.colour', {}).quarantine).toMatchObject([{ cause: 'unknown-type' }])
    const other = decoder.decode('ww/v1/js-03/dev/W999/band.sos', Buffer.from('{}'), null, AT) as Decoded
    expect(other.quarantine).toMatchObject([{ cause: 'unknown-device' }])
    const far = decoder.decode('ww/v1/js-99/dev/W017/band.sos', Buffer.from('{}'), null, AT) as Decoded
    expect(far.quarantine[0]?.detail).toContain('js-99')
  })

  test('whatever bytes come, nothing is thrown, nothing is lost, and every reading is legal', () => {
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b)),
      fc.json({ maxDepth: 4 }).map((j) => Buffer.from(j)),
      fc
        .record(
          { time: fc.oneof(fc.integer(), fc.constant(AT)), percent: fc.anything(), value: fc.anything() },
          { requiredKeys: [] },
        )
        .map((o) => {
          try {
            return Buffer.from(JSON.stringify(o))
          } catch {
            return Buffer.from('{}')
          }
        }),
    )
    fc.assert(
      fc.property(fc.constantFrom(...READING_TYPES.keys(), 'status', 'nonsense'), payload, (type, bytes) => {
        const got = say(type, bytes)
        for (const reading of got.readings) expect(readingFault(reading)).toBeNull()
        let items = 1
        try {
          const parsed = JSON.parse(bytes.toString())
          if (Array.isArray(parsed)) items = parsed.length
        } catch {}
        if (!(type === 'status' && bytes.length === 0)) expect(got.readings.length + got.quarantine.length).toBe(items)
      }),
      { numRuns: 2000 },
    )
  })

  test('monstrous objects are recognised without recursion', () => {
    expect(isMonstrous({ a: { b: [1, { c: 2 }] } })).toBe(false)
    expect(isMonstrous(JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`))).toBe(true)
  })
})

describe('model files', () => {
  const report = (bands: unknown, speaker = gateway) =>
    decoder.decode('wristband/GW-07/report', Buffer.from(JSON.stringify({ bands })), speaker, AT) as Decoded

  test('a wristband gateway: scales, enums, nothing-found values, and only what the item carries', () => {
    const got = report([
      {
        mac: 'AA:BB:CC:00:00:01',
        ts: AT / 1000 - 2,
        hr: 72,
        spo2: 255,
        temp: 331,
        act: 20,
        pose: 2,
        sqi: 95,
        wear: 1,
        sos: 1,
        bat: 60,
      },
    ])
    expect(got.quarantine).toEqual([])
    expect(got.readings.map((r) => [r.device, r.type, r.time, r.value])).toEqual([
      [
        'B1',
        'band.vitals',
        AT - 2000,
        { hr: 72, spo2: null, skin_celsius: 33.1, activity: 0.2, posture: 'lying', confidence: 0.95 },
      ],
      ['B1', 'band.worn', AT - 2000, { worn: true }],
      ['B1', 'band.battery', AT - 2000, { percent: 60 }],
      ['B1', 'band.sos', AT - 2000, {}],
    ])
  })

  test('an unlisted enum value, a device of another gateway, an unknown one and a foreign model are each quarantined alone', () => {
    const got = report([
      { mac: 'aa:bb:cc:00:00:01', ts: AT / 1000, wear: 7, bat: 50 },
      { mac: 'AA:BB:CC:00:00:02', ts: AT / 1000, bat: 50 },
      { mac: 'AA:BB:CC:00:00:99', ts: AT / 1000, bat: 50 },
      { mac: 'W017', ts: AT / 1000, bat: 50 },
      { ts: AT / 1000, bat: 50 },
      { mac: 'AA:BB:CC:00:00:01', ts: 'soon', bat: 50 },
    ])
    // The item without an address is none of anybody's.
    expect(got.readings.map((r) => [r.device, r.type])).toEqual([['B1', 'band.battery']])
    expect(got.quarantine.map((q) => q.cause)).toEqual([
      'bad-payload',
      'topic-denied',
      'unknown-device',
      'unmapped',
      'bad-payload',
      'bad-payload',
    ])
    expect(got.quarantine[0]?.detail).toContain('"enum"')
  })

  test('a message that carries the clock of its gateway gives device.clock, then only when it moves', () => {
    const state = (now: number, at: number) =>
      decoder.decode(
        'wristband/GW-07/state',
        Buffer.from(JSON.stringify({ online: true, now })),
        gateway,
        at,
      ) as Decoded
    expect(state(AT - 2000, AT).readings).toMatchObject([
      { device: 'GW-07', type: 'device.clock', value: { offset_ms: -2000 } },
      { device: 'GW-07', type: 'device.status', value: { online: true } },
    ])
    expect(state(AT - 1900, AT).readings.map((r) => r.type)).toEqual(['device.status'])
    expect(state(AT - 1700, AT).readings.map((r) => r.type)).toEqual(['device.clock', 'device.status'])
    // A clock that stands at 1970 is told as far as the collection list goes: quarantined, nobody would hear of it.
    const [dead] = state(1000, AT + 1).readings
    expect(dead).toMatchObject({ type: 'device.clock', value: { offset_ms: -1e12 } })
    expect(readingFault(dead)).toBeNull()
  })

  test('a ChirpStack uplink through JSONata, with the time of the network server', async () => {
    const up = (object: unknown) =>
      decoder.decode(
        'application/7/device/70b3d57ed0000001/event/up',
        Buffer.from(
          JSON.stringify({ time: '2026-11-22T01:02:03.500Z', deviceInfo: { devEui: '70b3d57ed0000001' }, object }),
        ),
        { id: 'LORA-GW', children: ['T1'] },
        AT,
      )
    const got = await up({ temperature: 21.5, humidity: 44 })
    expect(got.quarantine).toEqual([])
    const time = Date.UTC(2026, 10, 22, 1, 2, 3, 500)
    expect(got.readings.map((r) => [r.device, r.type, r.time, r.value])).toEqual([
      ['T1', 'env.temperature', time, { celsius: 21.5 }],
      ['T1', 'env.humidity', time, { percent: 44 }],
    ])
    expect((await up({ temperature: 'hot' })).quarantine).toMatchObject([{ cause: 'bad-value', device: 'T1' }])
    expect((await up({})).readings).toEqual([])
  })

  test('Sparkplug B: birth, data by alias with the rest remembered, bad quality, death of node and devices', () => {
    const codec = sparkplugPayload.get('spBv1.0')
    if (!codec) throw new Error('no codec')
    const encode = (metrics: object[], timestamp = AT) =>
      Buffer.from(codec.encodePayload({ timestamp, metrics } as never))
    const at = (message: string, payload: Uint8Array, device = '/S1') =>
      decoder.decode(
        `spBv1.0/Prison/${message}/Boiler${device}`,
        payload,
        { id: 'NODE', children: ['SENSOR'] },
        AT + 50,
      ) as Decoded
    const birth = at(
      'DBIRTH',
      encode([
        { name: 'Environment/Temperature', alias: 1, type: 'Double', value: 20.5 },
        { name: 'Power/UPS Charge', alias: 2, type: 'Int64', value: 90 },
      ]),
    )
    expect(birth.quarantine).toEqual([])
    expect(birth.readings.map((r) => [r.device, r.type, r.time, r.value])).toEqual([
      ['SENSOR', 'device.status', AT, { online: true }],
      ['SENSOR', 'env.temperature', AT, { celsius: 20.5 }],
      ['SENSOR', 'power.ups', AT, { percent: 90 }],
    ])
    const data = at('DDATA', encode([{ alias: 1, type: 'Double', value: 21 }], AT + 1000))
    expect(data.readings.map((r) => [r.type, r.time, r.value])).toEqual([
      ['env.temperature', AT + 1000, { celsius: 21 }],
    ])
    const bad = at(
      'DDATA',
      encode([{ alias: 1, type: 'Double', value: 22, properties: { Quality: { type: 'Int32', value: 0 } } }]),
    )
    expect(bad.readings).toMatchObject([{ quality: 'bad' }])
    expect(at('DDATA', encode([{ alias: 9, type: 'Double', value: 1 }])).quarantine).toMatchObject([
      { cause: 'bad-payload' },
    ])
    expect(at('DDATA', Buffer.from([0xff, 0xff, 0xff])).quarantine).toMatchObject([{ cause: 'bad-payload' }])
    const death = at('NDEATH', encode([{ name: 'bdSeq', type: 'UInt64', value: 0 }]), '')
    expect(death.readings.map((r) => [r.device, r.value])).toEqual([
      ['NODE', { online: false, reason: 'will' }],
      ['SENSOR', { online: false, reason: 'will' }],
    ])
  })

  test('Sparkplug B: a node that is not known, a missing message and an unknown alias ask for its birth; an old will is no death', () => {
    const codec = sparkplugPayload.get('spBv1.0')
    if (!codec) throw new Error('no codec')
    const wanted: string[] = []
    const own = new MqttDecoder('js-03', devices, [], (node) => wanted.push(node))
    const at = (message: string, seq: number, metrics: object[], device = '', speaker: Speaker | null = null) =>
      own.decode(
        `spBv1.0/Prison/${message}/Boiler${device}`,
        Buffer.from(codec.encodePayload({ timestamp: AT, seq, metrics } as never)),
        speaker,
        AT,
      ) as Decoded
    const celsius = { name: 'Environment/Temperature', type: 'Double', value: 20 }
    const born = (bdSeq: number) => at('NBIRTH', 0, [{ name: 'bdSeq', type: 'UInt64', value: bdSeq }])
    const died = (bdSeq: number) => at('NDEATH', 0, [{ name: 'bdSeq', type: 'UInt64', value: bdSeq }])
    at('DDATA', 40, [celsius], '/S1')
    expect(wanted.splice(0)).toEqual(['Prison/Boiler'])
    born(7)
    at('DBIRTH', 1, [{ ...celsius, alias: 1 }], '/S1')
    expect(at('DDATA', 2, [{ alias: 1, type: 'Double', value: 21 }], '/S1').readings).toHaveLength(1)
    expect(wanted).toEqual([])
    // Its numbers go round after 255, and a repeated message is not a missing one.
    for (let seq = 3; seq < 258; seq++) at('DDATA', seq % 256, [{ alias: 1, type: 'Double', value: 21 }], '/S1')
    at('DDATA', 1, [{ alias: 1, type: 'Double', value: 21 }], '/S1')
    expect(wanted).toEqual([])
    expect(at('DDATA', 4, [{ alias: 1, type: 'Double', value: 22 }], '/S1').readings).toHaveLength(1)
    expect(wanted.splice(0)).toEqual(['Prison/Boiler'])
    expect(at('DDATA', 5, [{ alias: 99, type: 'Double', value: 1 }], '/S1').quarantine[0]?.detail).toContain('alias 99')
    expect(wanted.splice(0)).toEqual(['Prison/Boiler'])
    expect(died(6)).toEqual({ readings: [], quarantine: [] })
    expect(died(7).readings.map((r) => [r.device, r.value.online])).toEqual([
      ['NODE', false],
      ['SENSOR', false],
    ])
    // Nobody speaks for another's node: neither its names nor its death.
    const stranger = { id: 'T1', children: [] }
    born(8)
    for (const [message, device] of [
      ['NDEATH', ''],
      ['DBIRTH', '/S1'],
    ] as const)
      expect(at(message, 0, [{ ...celsius, alias: 5 }], device, stranger)).toMatchObject({
        readings: [],
        quarantine: [{ cause: 'topic-denied' }],
      })
    expect(own.mayPublish({ id: 'NODE', children: ['SENSOR'] }, 'spBv1.0/Prison/NBIRTH/Boiler')).toBe(true)
    expect(own.mayPublish({ id: 'NODE', children: ['SENSOR'] }, 'spBv1.0/Prison/NBIRTH/Boiler2')).toBe(false)
    expect(own.mayHear({ id: 'NODE', children: [] }, 'spBv1.0/Prison/NCMD/Boiler/#')).toBe(true)
    expect(own.mayHear({ id: 'NODE', children: [] }, 'spBv1.0/STATE/host')).toBe(true)
    for (const filter of ['spBv1.0/Prison/NCMD/Other', 'spBv1.0/#', 'spBv1.0/Prison/NDATA/Boiler', '#'])
      expect(own.mayHear({ id: 'NODE', children: [] }, filter), filter).toBe(false)
  })

  test('who may publish on a maker topic is decided by model and parentage', () => {
    expect(decoder.mayPublish(gateway, 'wristband/GW-07/report')).toBe(true)
    expect(decoder.mayPublish({ id: 'W017', children: [] }, 'wristband/GW-07/report')).toBe(false)
    expect(decoder.mayPublish(gateway, 'wristband/AA:BB:CC:00:00:02/state')).toBe(false)
    expect(
      decoder.mayPublish({ id: 'LORA-GW', children: ['T1'] }, 'application/7/device/70b3d57ed0000001/event/up'),
    ).toBe(true)
    expect(decoder.mayPublish(gateway, 'anything/else')).toBe(false)
  })

  test('every model file that is shipped loads and states its maturity', () => {
    const names = readdirSync(join(import.meta.dirname, 'models')).map((file) => file.replace(/\.yaml$/, ''))
    expect(names.length).toBeGreaterThanOrEqual(4)
    const shipped = new MqttDecoder(
      'js-03',
      names.map((model, i) => ({ id: `D${i}`, driver: 'mqtt' as const, model })),
    )
    for (const model of names) expect(shipped.modelFault({ id: 'x', model })).toBeNull()
  })

  describe('of the site', () => {
    let dir: string
    beforeEach(() => {
      dir = mkdtempSync(join(tmpdir(), 'ww-models-'))
      mkdirSync(join(dir, 'mqtt'))
    })
    afterEach(() => rmSync(dir, { recursive: true, force: true }))
    const withModel = (yaml: string) => {
      writeFileSync(join(dir, 'mqtt', 'own.yaml'), yaml)
      return new MqttDecoder(
        'js-03',
        [
          { id: 'X1', driver: 'mqtt', model: 'own' },
          { id: 'W017', driver: 'mqtt' },
        ],
        [dir],
      )
    }
    const head = 'name: {zh: 自制, en: own}\nmaturity: simulated\n'

    test('a new product needs a file and nothing else', () => {
      const own = withModel(
        `${head}topics:\n  - pattern: "shop/{device}/t"\n    format: json\n    readings:\n      - {type: env.temperature, value: {celsius: {path: 'a[0]["b.c"]', scale: 0.5, offset: -10}}}\n`,
      )
      const got = own.decode('shop/X1/t', Buffer.from('{"a":[{"b.c":"61"}]}'), null, AT) as Decoded
      expect(got.readings).toMatchObject([
        { device: 'X1', type: 'env.temperature', value: { celsius: 20.5 }, quality: 'uncertain' },
      ])
      expect(own.filters()).toEqual(['ww/v1/js-03/dev/#', 'shop/+/t'])
    })

    test('topics that begin with "/" are as good as others, and words for online are understood', () => {
      const own = withModel(
        `${head}topics:\n  - pattern: "/sys/{product}/{device}/post"\n    format: json\n    online: on\n    readings:\n      - {type: env.humidity, value: {percent: rh}}\n`,
      )
      expect(own.filters()[1]).toBe('/sys/+/+/post')
      const say = (payload: object) =>
        own.decode('/sys/a1/X1/post', Buffer.from(JSON.stringify(payload)), null, AT) as Decoded
      expect(say({ rh: 40 }).readings).toMatchObject([{ type: 'env.humidity', value: { percent: 40 } }])
      for (const on of [1, '1', true, 'online', 'Online'])
        expect(say({ on }).readings, String(on)).toMatchObject([{ type: 'device.status', value: { online: true } }])
      for (const on of [0, 'offline', false])
        expect(say({ on }).readings, String(on)).toMatchObject([{ type: 'device.status', value: { online: false } }])
      expect(say({ on: 'perhaps' }).quarantine).toMatchObject([{ cause: 'bad-payload' }])
    })

    test('a message of which nothing is mapped is told as unmapped, one that says "no alarm" is not', () => {
      const own = withModel(
        `${head}topics:\n  - pattern: "a/{device}"\n    format: json\n    readings:\n      - {type: band.sos, when: sos, equals: 1, value: {}}\n`,
      )
      const say = (payload: object) => own.decode('a/X1', Buffer.from(JSON.stringify(payload)), null, AT) as Decoded
      expect(say({ sos: 0 })).toEqual({ readings: [], quarantine: [] })
      expect(say({ alarm: 'cut' }).quarantine).toMatchObject([{ cause: 'unmapped', device: 'X1' }])
    })

    test('two products may share a shape of topic: the device that the topic names decides', () => {
      for (const [name, path] of [
        ['one', 'a'],
        ['two', 'b'],
      ])
        writeFileSync(
          join(dir, 'mqtt', `${name}.yaml`),
          `${head}topics: [{pattern: "up/{device}", format: json, readings: [{type: env.co, value: {ppm: ${path}}}]}]\n`,
        )
      const both = new MqttDecoder(
        'js-03',
        [
          { id: 'X1', driver: 'mqtt', model: 'one' },
          { id: 'X2', driver: 'mqtt', model: 'two' },
        ],
        [dir],
      )
      const ppm = (device: string, payload: string) =>
        (both.decode(`up/${device}`, Buffer.from(payload), null, AT) as Decoded).readings.map((r) => r.value.ppm)
      expect(ppm('X1', '{"a":1,"b":2}')).toEqual([1])
      expect(ppm('X2', '{"a":1,"b":2}')).toEqual([2])
    })

    test.each([
      ['a wrong field', `${head}topics: [{pattern: a, format: json, colour: red}]\n`, /own\.yaml:3.*colour/],
      ['a wrong pattern', `${head}topics: [{pattern: "a/#/b", format: json}]\n`, /level "#"/],
      ['the branch of the contract', `${head}topics: [{pattern: "ww/{device}", format: json}]\n`, /branch ww/],
      [
        'a wrong path',
        `${head}topics: [{pattern: "a/{device}", format: json, readings: [{type: env.co, value: {ppm: "a..b"}}]}]\n`,
        /path "a\.\.b"/,
      ],
      [
        'a wrong JSONata',
        `${head}topics: [{pattern: "a/{device}", format: json, transform: "((("}]\n`,
        /topic "a\/\{device\}"/,
      ],
      ['no YAML', 'name: [', /own\.yaml:/],
    ])('%s is refused with a sentence, and other models go on', (_what, yaml, sentence) => {
      const own = withModel(yaml)
      expect(own.modelFault({ id: 'X1', model: 'own' })).toMatch(sentence)
      expect(
        (own.decode('ww/v1/js-03/dev/W017/band.sos', Buffer.from('{}'), null, AT) as Decoded).readings,
      ).toHaveLength(1)
    })

    test('a transform that never ends is stopped and quarantined', async () => {
      const own = withModel(
        `${head}topics:\n  - pattern: "shop/{device}/t"\n    format: json\n    transform: '($f := function($x){$f($x+1)}; $f(0))'\n`,
      )
      const got = await own.decode('shop/X1/t', Buffer.from('{}'), null, AT)
      expect(got.quarantine).toMatchObject([{ cause: 'bad-payload', device: 'X1' }])
    })
  })
})

test('a provisioned device has a strong password, an entry for the site file, and the secret by reference only', () => {
  const made = provisionMqtt('js-03', { id: 'W021', kind: 'band', via: 'GW-07' })
  expect(made.password.length).toBeGreaterThanOrEqual(24)
  expect(made.entry).toBe(
    '  - { id: W021, kind: band, via: GW-07, driver: mqtt, model: ww-json, password: ${file:secrets/w021} }'.replace(
      'password: ${file:secrets/w021}',
      'password: "${file:secrets/w021}"',
    ),
  )
  expect(made.entry).not.toContain(made.password)
  expect(() => provisionMqtt('js-03', { id: 'a b' })).toThrow(/device id "a b"/)
})
