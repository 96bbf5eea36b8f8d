/** The driver against the twin over real sockets: every reading type, every fault, and a healthy camera beside each. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import jpeg from 'jpeg-js'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { Clock } from '#model/clock.ts'
import type { Device } from '#model/context/kinds.ts'
import { systemClock } from '#model/system-clock.ts'
import { createOnvifTwin, type OnvifTwin, type TwinCamera, type TwinFault } from '#simulators/onvif/index.ts'
import { eventually, pause, RecordingHost } from '../conformance.ts'
import { createOnvifDriver, discoverOnvif, type OnvifDriver, type OnvifDriverOptions } from './index.ts'

const QUICK: OnvifDriverOptions = { limits: { backoffFirstMs: 100, backoffMaxMs: 400, idlePullMs: 200, graceMs: 300 } }

/** A clock on which a minute passes in 3 s. */
const quickClock: Clock = {
  now: () => systemClock.now() * 20 - ORIGIN * 19,
  after: (ms, task) => systemClock.after(ms / 20, task),
}
const ORIGIN = systemClock.now()

let host: RecordingHost
let twin: OnvifTwin
let driver: OnvifDriver

const camera = (id: string, more: Partial<TwinCamera> = {}): TwinCamera => ({
  id,
  user: 'ww',
  password: `secret ${id}`,
  ...more,
})
const device = (id: string, more: Partial<Device> = {}): Device => ({
  id,
  driver: 'onvif',
  kind: 'camera',
  url: twin.urlOf(id),
  user: 'ww',
  password: `secret ${id}`,
  ...more,
})
const online = (id: string, limitMs = 5000) =>
  eventually(`${id} online`, () => host.of(id, 'device.status').at(-1)?.value.online === true, limitMs)
const offline = (id: string, limitMs = 8000) =>
  eventually(`${id} offline`, () => host.of(id, 'device.status').at(-1)?.value.online === false, limitMs)
const health = (id: string) => driver.health().find((h) => h.device === id)
const intrusion = { type: 'camera.intrusion', value: { object: 'human', confidence: 0.9 } }

async function setUp(
  cameras: TwinCamera[],
  options: OnvifDriverOptions = QUICK,
  clock: Clock = systemClock,
): Promise<void> {
  twin = await createOnvifTwin({ cameras, clock, chance: () => 0.5 })
  Object.assign(host, { clock })
  driver = createOnvifDriver(host, options)
}

/** A reading of the healthy camera arrives within a second, whatever the other does. */
async function witnessIsHeard(id = 'K02'): Promise<void> {
  const before = host.of(id, 'camera.intrusion').length
  twin.emitReading(id, intrusion)
  await eventually(`reading of ${id}`, () => host.of(id, 'camera.intrusion').length > before, 1000)
}

beforeEach(() => {
  host = new RecordingHost()
})
afterEach(async () => {
  const before = systemClock.now()
  await driver.stop()
  expect(systemClock.now() - before).toBeLessThan(3000)
  await twin.close()
  host.dispose()
})

describe('what cameras tell', () => {
  const cameraTypes = [...READING_TYPES.values()].filter(
    (t) => t.producers.includes('camera') && t.type !== 'rollcall.response',
  )

  test('any legal value of every camera reading type arrives as it was told', async () => {
    await setUp([camera('K01')])
    await driver.start([device('K01')])
    await online('K01')
    const arbitraries = cameraTypes.map((type) => {
      const fields = type.fields.map((field) => {
        const value: fc.Arbitrary<unknown> = field.values
          ? fc.constantFrom(...field.values)
          : field.type === 'boolean'
            ? fc.boolean()
            : field.type === 'integer'
              ? fc.integer({ min: field.min, max: field.max })
              : field.type === 'number'
                ? fc.double({ min: field.min, max: field.max, noNaN: true }).map((n) => Number(n.toFixed(4)) + 0)
                : fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter((s) => s.trim() === s)
        return [field.name, field.optional ? fc.option(value, { nil: undefined }) : value] as const
      })
      return (
        fc
          .record(Object.fromEntries(fields))
          .map((value) => ({ type: type.type, value: value as Record<string, unknown> }))
          // The end of a detection without a class is another test's subject.
          .filter(({ value }) => value.active !== false || value.object !== 'unknown')
      )
    })
    const samples = arbitraries.flatMap((arbitrary) => fc.sample(arbitrary, { numRuns: 15, seed: 7 }))
    const start = systemClock.now()
    samples.forEach((sample, i) => {
      twin.emitReading('K01', { ...sample, time: start + i })
    })
    const arrived = await eventually('all of them', () => {
      const found = host.readings.filter(
        (r) => (r.time ?? 0) >= start && (r.time ?? 0) < start + samples.length && !r.type.startsWith('device.'),
      )
      return found.length >= samples.length && found
    })
    expect(arrived.map((r) => ({ type: r.type, value: r.value, time: r.time }))).toEqual(
      samples.map((sample, i) => ({
        type: sample.type,
        value: JSON.parse(JSON.stringify(sample.value)),
        time: start + i,
      })),
    )
    expect(new Set(arrived.map((r) => r.id)).size).toBe(samples.length)
    expect(host.quarantined).toEqual([])
  })

  test('lines of the site file give the door and turn the direction', async () => {
    await setUp([camera('K01')])
    await driver.start([device('K01', { lines: { L1: { door: 'D-AB2-IN', inward: 'out' } } })])
    await online('K01')
    twin.emitReading('K01', { type: 'camera.line-crossed', value: { line: 'L1', direction: 'out', object: 'human' } })
    const reading = await eventually('crossing', () => host.of('K01', 'camera.line-crossed')[0])
    expect(reading.value).toMatchObject({ line: 'L1', direction: 'in', door: 'D-AB2-IN' })
  })

  test('an unmapped topic is counted each time and kept once', async () => {
    await setUp([camera('K01')])
    await driver.start([device('K01')])
    await online('K01')
    for (let i = 0; i < 3; i++) twin.emit('K01', 'tns1:Device/tnsnew:Thing', { data: { Level: String(i) } })
    await eventually('three counted', () => host.counters.get('unmapped|K01') === 3)
    expect(host.quarantined.map((q) => [q.cause, q.device])).toEqual([['unmapped', 'K01']])
    expect(host.quarantined[0]?.payload).toContain('tnsnew:Thing')
  })

  test('a time of zeros becomes the time of arrival, marked uncertain', async () => {
    await setUp([camera('K01')])
    await driver.start([device('K01')])
    await online('K01')
    twin.fault('K01', 'zero-time')
    const before = systemClock.now()
    twin.emitReading('K01', { type: 'camera.motion', value: { active: true } })
    const reading = await eventually('motion', () =>
      host.of('K01', 'camera.motion').find((r) => r.value.active === true),
    )
    expect(reading.quality).toBe('uncertain')
    expect(reading.time).toBeGreaterThanOrEqual(before)
  })

  test('a pulse of a state is followed by its false after two seconds', async () => {
    await setUp([camera('K01')])
    await driver.start([device('K01', { model: 'axis' })])
    await online('K01')
    const time = systemClock.now()
    twin.emit('K01', 'tns1:VideoSource/tnsaxis:Tampering', { data: { channel: '1' }, time, property: false })
    const end = await eventually('the end', () => host.of('K01', 'camera.tamper').find((r) => r.value.active === false))
    expect(host.of('K01', 'camera.tamper')[0]).toMatchObject({ time, value: { tamper: 'covered', active: true } })
    expect(end).toMatchObject({ time: time + 2000, value: { tamper: 'covered', active: false } })
  })

  test('the end of a detection bears the class of its beginning', async () => {
    await setUp([camera('K01')])
    await driver.start([device('K01', { model: 'ajax' })])
    await online('K01')
    const topic = 'tns1:RuleEngine/tnsajax:ObjectDetection/Object'
    for (const ClassTypes of ['Human Animal', ''])
      twin.emit('K01', topic, { source: { VideoSourceToken: '1' }, data: { ClassTypes } })
    const readings = await eventually(
      'both',
      () => host.of('K01', 'camera.intrusion').length === 2 && host.of('K01', 'camera.intrusion'),
    )
    expect(readings.map((r) => [r.value.object, r.value.active])).toEqual([
      ['human', true],
      ['human', false],
    ])
  })

  test('a camera whose clock is wrong keeps its own times, and the offset is told before them', async () => {
    await setUp([camera('K01')])
    twin.fault('K01', 'clock-offset', { ms: -90_000 })
    await driver.start([device('K01')])
    await online('K01')
    await eventually('a fine offset', () => Math.abs((health('K01')?.offsetMs ?? 0) + 90_000) < 300)
    const told = host.of('K01', 'device.clock').at(-1)
    expect(Math.abs(Number(told?.value.offset_ms) + 90_000)).toBeLessThan(600)
    const now = systemClock.now()
    twin.emitReading('K01', { ...intrusion, time: now })
    const reading = await eventually('the reading', () => host.of('K01', 'camera.intrusion')[0])
    expect(reading.time).toBe(now - 90_000)
    expect(told?.time).toBeLessThanOrEqual((reading.time as number) + 600)
  })
})

describe('what cameras do wrong', () => {
  const faults: TwinFault[] = [
    'gone',
    'silent',
    'slow',
    'refuse-auth',
    'hang-up-events',
    'garbage',
    'truncated',
    'huge',
    'soap-fault',
    'http-500',
  ]

  test.each(faults)(
    'a camera with the fault "%s" harms no other, floods nothing, and is heard again when it is well',
    async (fault) => {
      await setUp([camera('K01'), camera('K02')], QUICK, fault === 'silent' ? quickClock : systemClock)
      twin.fault('K01', fault)
      await driver.start([device('K01'), device('K02')])
      await online('K02')
      for (let i = 0; i < 3; i++) {
        await witnessIsHeard()
        await pause(300)
      }
      expect(host.of('K01', 'device.status').some((r) => r.value.online === true)).toBe(false)
      expect(health('K01')?.reason).toBeTruthy()
      expect(twin.stats('K01').connections).toBeLessThan(30)
      expect(host.lines.filter((l) => l.level === 'warn' && l.fields.device === 'K01').length).toBeLessThanOrEqual(2)
      expect(host.quarantined.filter((q) => q.device === 'K01').length).toBeLessThanOrEqual(1)
      expect(host.of('K02', 'device.status').map((r) => r.value.online)).toEqual([true])
      twin.fault('K01', null)
      await online('K01', 15_000)
      await witnessIsHeard('K01')
    },
  )

  test('a wrong password is told in one sentence and not tried again and again, for cameras lock accounts', async () => {
    await setUp([camera('K01'), camera('K02')], { limits: { idlePullMs: 200 } })
    await driver.start([device('K01', { password: 'wrong' }), device('K02')])
    await Promise.all([offline('K01'), online('K02')])
    expect(health('K01')?.reason).toMatch(/password/)
    expect(host.of('K01', 'device.status')[0]?.value).toEqual({ online: false, reason: 'driver' })
    await pause(1500)
    expect(twin.stats('K01').requests.refused).toBeLessThanOrEqual(2)
    await witnessIsHeard()
    await driver.update([device('K01'), device('K02')])
    await online('K01')
  })

  test('a camera that answers every pull at once with nothing is asked a few times a second at most', async () => {
    await setUp([camera('K01'), camera('K02')], {})
    twin.fault('K01', 'instant-empty')
    await driver.start([device('K01'), device('K02')])
    await Promise.all([online('K01'), online('K02')])
    const before = twin.stats('K01').requests.PullMessages ?? 0
    await pause(2500)
    expect((twin.stats('K01').requests.PullMessages ?? 0) - before).toBeLessThanOrEqual(4)
    await witnessIsHeard()
  })

  test('a camera that hangs up whenever nothing happened stays online, and is heard', async () => {
    await setUp([camera('K01')], {}, quickClock)
    twin.setLongestTerm('K01', 20_000)
    twin.fault('K01', 'hang-up-idle')
    await driver.start([device('K01')])
    await online('K01')
    await eventually('broken off', () => (host.counters.get('pulls-broken-off|K01') ?? 0) >= 2)
    await witnessIsHeard('K01')
    expect(host.of('K01', 'device.status').length).toBe(1)
  })

  test('addresses that nobody can reach are replaced by the configured one', async () => {
    await setUp([camera('K01')])
    twin.fault('K01', 'foreign-address')
    await driver.start([device('K01')])
    await online('K01')
    await witnessIsHeard('K01')
    expect((await driver.snapshot('K01')).jpeg.length).toBeGreaterThan(1000)
    expect(await driver.streamUri('K01')).toMatch(/^rtsp:\/\/127\.0\.0\.1:554\//)
  })

  test('a camera without events is online with a reason, and gives pictures', async () => {
    await setUp([camera('K01')])
    twin.fault('K01', 'no-events')
    await driver.start([device('K01')])
    await online('K01')
    expect(health('K01')?.reason).toMatch(/event service/)
    expect((await driver.snapshot('K01')).jpeg.length).toBeGreaterThan(1000)
  })

  test('a wrong model file stops its own camera alone, and names file and line', async () => {
    const dir = join(host.dataDir, 'site-models')
    mkdirSync(join(dir, 'onvif'), { recursive: true })
    writeFileSync(
      join(dir, 'onvif', 'odd.yaml'),
      'name: { zh: 怪, en: Odd }\nmaturity: simulated\nsources: [test]\nmappings:\n  - { topic: A/B, type: camera.motion, vlaue: {} }\n',
    )
    host.modelDirs.push(dir)
    await setUp([camera('K01'), camera('K02')])
    await driver.start([device('K01', { model: 'odd' }), device('K02')])
    await online('K02')
    expect(health('K01')).toMatchObject({ online: false })
    expect(health('K01')?.reason).toMatch(/odd\.yaml:5: .*(value|vlaue)/)
    await witnessIsHeard()
  })
})

describe('time passes', () => {
  test('Renew comes at half of the term, not after every pull, and the subscription lives on', async () => {
    await setUp([camera('K01')], {}, quickClock)
    twin.setLongestTerm('K01', 40_000)
    await driver.start([device('K01')])
    await online('K01')
    await pause(3200) // 64 s on this clock
    const { requests } = twin.stats('K01')
    expect(requests.CreatePullPointSubscription).toBe(1)
    expect(requests.Renew).toBeGreaterThanOrEqual(2)
    expect(requests.Renew).toBeLessThanOrEqual(4)
    expect(requests.PullMessages).toBeLessThanOrEqual(12)
  })

  test('a camera that refuses Renew gets a new subscription in time, and no event is lost or told twice', async () => {
    await setUp([camera('K01')], {}, quickClock)
    twin.fault('K01', 'reject-renew')
    twin.setLongestTerm('K01', 20_000)
    await driver.start([device('K01')])
    await online('K01')
    const told: number[] = []
    for (let i = 0; i < 60; i++) {
      const time = Math.round(quickClock.now())
      told.push(time)
      twin.emitReading('K01', { ...intrusion, time })
      await pause(50)
    }
    await eventually('all', () => host.of('K01', 'camera.intrusion').length >= told.length)
    await pause(200)
    expect(host.of('K01', 'camera.intrusion').map((r) => r.time)).toEqual(told)
    expect(twin.stats('K01').requests.CreatePullPointSubscription).toBeGreaterThanOrEqual(3)
    expect(twin.stats('K01').requests.Renew).toBe(1)
    expect(twin.stats('K01').subscriptions).toBe(1)
    expect(host.of('K01', 'device.status').length).toBe(1)
  })

  test('a camera that falls silent in the middle is begun anew after ninety seconds', async () => {
    await setUp([camera('K01')], {}, quickClock)
    await driver.start([device('K01')])
    await online('K01')
    twin.fault('K01', 'silent')
    await offline('K01', 12_000)
    twin.fault('K01', null)
    await online('K01', 12_000)
    await witnessIsHeard('K01')
  })

  test('cameras behind a dead switch are tried without a storm, and are heard when it is back', async () => {
    const ids = Array.from({ length: 20 }, (_, i) => `K${String(i + 1).padStart(2, '0')}`)
    await setUp(
      ids.map((id) => camera(id)),
      {},
      quickClock,
    )
    const devices = ids.map((id) => device(id))
    await driver.start(devices)
    await Promise.all(ids.map((id) => online(id)))
    const { port } = twin
    await twin.close()
    await pause(6000) // two minutes on this clock
    const attempts = ids.map((id) => host.counters.get(`reconnects|${id}`) ?? 0)
    expect(Math.max(...attempts)).toBeLessThanOrEqual(9)
    expect(Math.min(...attempts)).toBeGreaterThanOrEqual(3)
    twin = await createOnvifTwin({ port, cameras: ids.map((id) => camera(id)), clock: quickClock, chance: () => 0.5 })
    await Promise.all(ids.map((id) => online(id, 15_000)))
    expect(ids.map((id) => twin.stats(id).subscriptions)).toEqual(ids.map(() => 1))
  })
})

describe('pictures, presets, discovery', () => {
  test('a picture comes through digest authentication, differs by scene, and is shared for two seconds', async () => {
    await setUp([
      camera('K01', { scene: { place: 'yard', persons: 3 } }),
      camera('K02', { scene: { place: 'corridor' }, auth: 'digest' }),
    ])
    await driver.start([device('K01'), device('K02')])
    await Promise.all([online('K01'), online('K02')])
    const [a, same, b] = await Promise.all([driver.snapshot('K01'), driver.snapshot('K01'), driver.snapshot('K02')])
    expect(same).toBe(a)
    expect(Math.abs(a.takenAt - systemClock.now())).toBeLessThan(2000)
    const [left, right] = [jpeg.decode(a.jpeg), jpeg.decode(b.jpeg)]
    expect([left.width, left.height]).toEqual([480, 270])
    expect(Buffer.compare(left.data, right.data)).not.toBe(0)
    expect(twin.stats('K01').requests.snapshot).toBeLessThanOrEqual(2)
    await expect(driver.snapshot('K99')).rejects.toMatchObject({ code: 'not-found' })
  })

  test('a camera that lives but gives no picture has lost its signal', async () => {
    await setUp([camera('K01')], QUICK, quickClock)
    await driver.start([device('K01')])
    await online('K01')
    twin.fault('K01', 'no-picture')
    await expect(driver.snapshot('K01')).rejects.toMatchObject({ code: 'device-refused' })
    expect(host.of('K01', 'camera.signal').map((r) => r.value.present)).toEqual([false])
    twin.fault('K01', null)
    await eventually('the signal again', () => host.of('K01', 'camera.signal').at(-1)?.value.present === true)
  })

  test('a preset is found by token or name, and an unknown one is refused with those there are', async () => {
    await setUp([camera('K01')])
    await driver.start([device('K01')])
    await online('K01')
    await driver.gotoPreset('K01', '2')
    expect(twin.stats('K01').preset).toBe('2')
    await driver.gotoPreset('K01', 'Home')
    expect(twin.stats('K01').preset).toBe('HOME')
    await expect(driver.gotoPreset('K01', 'nowhere')).rejects.toThrow(/HOME/)
  })

  test('the check says what it found, and a wrong password is a fault with the remedy', async () => {
    await setUp([camera('K01')])
    const good = await driver.check(device('K01'))
    expect(good.map((c) => c.level)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok'])
    expect(good.map((c) => c.message)).toContain('grants a subscription to its events')
    expect(twin.stats('K01').subscriptions, 'none is left behind').toBe(0)
    twin.fault('K01', 'soap-fault')
    expect(await driver.check(device('K01'))).toContainEqual(
      expect.objectContaining({ level: 'fault', message: expect.stringMatching(/grants no subscription/) }),
    )
    twin.fault('K01', null)
    const bad = await driver.check(device('K01', { password: 'no' }))
    expect(bad.at(-1)).toMatchObject({ level: 'fault', message: expect.stringMatching(/password/) })
    twin.fault('K01', 'clock-offset', { ms: -90_000 })
    expect((await driver.check(device('K01')))[0]?.message).toMatch(/ is (89|90)\.\d s behind/)
    expect(await driver.check({ id: 'K05', driver: 'onvif', url: 'not an address' })).toMatchObject([
      { level: 'fault' },
    ])
    expect(twin.stats('K01').subscriptions).toBe(0)
  })

  test('discovery on loopback finds each camera of the twin once, with an entry for the site file', async () => {
    const other = await createOnvifTwin({
      cameras: [camera('K41'), camera('K42', { model: 'DS-2CD', maker: 'HIKVISION' })],
      discovery: true,
      clock: systemClock,
      chance: () => 0,
    })
    await setUp([camera('K01')])
    try {
      const found = await discoverOnvif({ timeoutMs: 800, interface: 'lo' })
      const mine = found.filter((c) => c.entry.url.includes(`:${other.port}/`))
      expect(mine.map((c) => c.entry)).toMatchObject([
        { driver: 'onvif', kind: 'camera', url: other.urlOf('K41') },
        { driver: 'onvif', kind: 'camera', url: other.urlOf('K42') },
      ])
      expect(new Set(found.map((c) => c.entry.id)).size).toBe(found.length)
      await expect(discoverOnvif({ timeoutMs: 10, interface: 'nope0' })).rejects.toMatchObject({ code: 'usage' })
    } finally {
      await other.close()
    }
  })
})
