/** The driver against the twin over real sockets: every reading type there and back, and every way a server can be wrong. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ACCESS_TYPES } from '#model/catalogue/access.ts'
import { ENVIRONMENT_TYPES } from '#model/catalogue/environment.ts'
import { readingFault } from '#model/catalogue/index.ts'
import type { Device } from '#model/context/kinds.ts'
import type { DeviceKind } from '#model/site/schema.ts'
import { systemClock } from '#model/system-clock.ts'
import { createOpcuaTwin, type OpcuaTwin, SHAPES, typesOf } from '#simulators/opcua/index.ts'
import { eventually, pause, RecordingHost } from '../conformance.ts'
import type { Driver } from '../contract.ts'
import { createOpcuaDriver } from './index.ts'

const KINDS = Object.keys(SHAPES) as DeviceKind[]
const EXTRA = [
  { id: 'D-2', kind: 'door' as const },
  { id: 'E-2', kind: 'climate' as const },
]
/** One value of each type, different from what the twin starts with. */
const SAID: [type: string, value: Record<string, unknown>][] = [
  ['door.state', { state: 'open' }],
  ['door.lock', { state: 'unlocked' }],
  ['door.mode', { mode: 'fire' }],
  ['door.exit-request', {}],
  ['door.command', { command: 'open', by: 'S33' }],
  ['access.granted', { credential: 'C-0033', direction: 'in' }],
  ['access.denied', { credential: 'C-0099', reason: 'expired', door: 'D-1' }],
  ['access.duress', { credential: 'C-0033' }],
  ['gate.state', { leaf: 'outer', state: 'open' }],
  ['gate.command', { leaf: 'inner', command: 'open' }],
  ['gate.search', { state: 'started' }],
  ['gate.life', { present: true, confidence: 0.93 }],
  ['gate.plate', { plate: '苏A·12345' }],
  ['fence.alarm', { strength: 'high' }],
  ['fence.alarm', { strength: 'low' }],
  ['fence.voltage', { kv: 3.9, nominal_kv: 6 }],
  ['fence.cut', {}],
  ['tool.out', { tool: 'T1', person: 'P017' }],
  ['tool.in', { tool: 'T1', person: 'P017' }],
  ['call.pressed', { person: 'P018' }],
  ['call.answered', { person: 'P018' }],
  ['panic.pressed', { person: 'S33' }],
  ['patrol.checkin', { route: 'RT1', point: 'PP1', officer: 'S33', person: 'P017' }],
  ['rollcall.started', { count: 'RC-1', kind: 'scheduled', expected: 240, out_count: 3 }],
  ['rollcall.closed', { count: 'RC-1', attempt: 1, present: 237 }],
  ['rollcall.response', { count: 'RC-1', person: 'P017', method: 'band', score: 0.97 }],
  ['env.temperature', { celsius: 36.5 }],
  ['env.humidity', { percent: 71 }],
  ['env.co2', { ppm: 1800 }],
  ['env.smoke', { percent_per_m: 6.2 }],
  ['env.gas', { lel_percent: 22 }],
  ['env.co', { ppm: 55 }],
  ['env.noise', { db: 91.5 }],
  ['env.light', { lux: 12 }],
  ['env.leak', { active: true }],
  ['env.call-point', { active: true }],
  ['power.mains', { on: false }],
  ['power.ups', { percent: 64 }],
  ['clinical.score', { scale: 'COWS', score: 14, by: 'S40' }],
  ['drone.detected', { source: 'rf', confidence: 0.8, drop: true, active: true }],
]
const CASES = SAID.flatMap(([type, value]) =>
  KINDS.filter((kind) => typesOf(kind).includes(type)).map((kind) => [type, kind, value] as const),
)

let twin: OpcuaTwin
let host: RecordingHost
let driver: Driver

beforeAll(async () => {
  twin = await createOpcuaTwin({
    devices: [...KINDS.map((kind) => ({ id: `X-${kind}`, kind })), ...EXTRA],
    clock: systemClock,
  })
})
afterAll(() => twin.close())
beforeEach(async () => {
  // Each test begins with the same facility, whatever the one before left behind.
  await twin.fault({ kind: 'start' })
  for (const id of ['D-2', 'E-2']) await twin.fault({ kind: 'recover', device: id })
  for (const device of ['X-door', 'D-2']) {
    twin.emitReading({ device, type: 'door.state', value: { state: 'closed' } })
    twin.emitReading({ device, type: 'door.lock', value: { state: 'locked' } })
  }
  host = new RecordingHost()
  driver = createOpcuaDriver(host)
})
afterEach(async () => {
  await driver.stop()
  host.dispose()
})

const entry = (id: string, kind: DeviceKind, more: Partial<Device> = {}): Device => ({
  id,
  kind,
  driver: 'opcua',
  url: twin.url,
  root: twin.rootOf(id),
  model: `generic-${kind}`,
  ...more,
})
const door = () => entry('X-door', 'door')
const second = () => entry('D-2', 'door')
const reason = (id: string) => driver.health().find((h) => h.device === id)?.reason ?? ''
const isOnline = (id: string) =>
  eventually(`${id} online`, () => host.of(id, 'device.status').at(-1)?.value.online === true, 15_000)
const isOffline = (id: string) =>
  eventually(`${id} offline`, () => host.of(id, 'device.status').at(-1)?.value.online === false, 15_000)
/** A reading with this value, within `limitMs` of being said. */
async function heard(device: string, type: string, value: Record<string, unknown>, limitMs = 3000) {
  const before = host.readings.length
  expect(twin.emitReading({ device, type, value })).toBe(true)
  return eventually(
    `${type} ${JSON.stringify(value)} of ${device}`,
    () =>
      host.readings
        .slice(before)
        .find(
          (r) => r.device === device && r.type === type && Object.entries(value).every(([k, v]) => r.value[k] === v),
        ),
    limitMs,
  )
}

describe('every reading type of doors, gates, fences, environment and power comes over OPC UA', () => {
  test('the table leaves out no type of these families', () => {
    const types = [...ACCESS_TYPES, ...ENVIRONMENT_TYPES].map((t) => t.type)
    expect(types.filter((type) => !CASES.some(([said]) => said === type))).toEqual([])
  })

  test('each arrives with its value, the time of the source and quality good', async () => {
    await driver.start(KINDS.map((kind) => entry(`X-${kind}`, kind)))
    await Promise.all(KINDS.map((kind) => isOnline(`X-${kind}`)))
    // Older than the twin's first values would be "overtaken".
    await pause(400)
    for (const [type, kind, value] of CASES) {
      const device = `X-${kind}`
      const time = systemClock.now() - 321
      const before = host.readings.length
      expect(twin.emitReading({ device, type, value, time })).toBe(true)
      const reading = await eventually(
        `${type} of ${device}`,
        () => host.readings.slice(before).find((r) => r.device === device && r.type === type && r.time === time),
        3000,
      )
      expect(reading).toMatchObject({ quality: 'good', value })
      expect(readingFault(reading)).toBeNull()
    }
    // Nothing was said twice, and nothing was left over.
    for (const type of ['access.granted', 'fence.cut', 'panic.pressed', 'door.command'])
      expect(host.readings.filter((r) => r.type === type)).toHaveLength(CASES.filter(([t]) => t === type).length)
    expect(host.quarantined).toEqual([])
    twin.emitReading({ device: 'X-door', type: 'door.state', value: { state: 'closed' } })
    twin.emitReading({ device: 'X-door', type: 'door.lock', value: { state: 'locked' } })
  }, 60_000)
})

describe('values that are not good', () => {
  test('uncertain stays uncertain, bad keeps its value marked bad, recovery is good again', async () => {
    await driver.start([entry('E-2', 'climate')])
    await isOnline('E-2')
    await heard('E-2', 'env.temperature', { celsius: 22.5 })
    await twin.fault({ kind: 'status', device: 'E-2', status: 'UncertainSensorNotAccurate', type: 'env.temperature' })
    await eventually('uncertain', () => host.of('E-2', 'env.temperature').at(-1)?.quality === 'uncertain')
    await twin.fault({ kind: 'status', device: 'E-2', status: 'BadSensorFailure', type: 'env.temperature' })
    const bad = await eventually('bad', () => host.of('E-2', 'env.temperature').find((r) => r.quality === 'bad'))
    expect(bad.value).toEqual({ celsius: 22.5 })
    expect(driver.health()[0]?.online).toBe(true)
    await twin.fault({ kind: 'recover', device: 'E-2' })
    await eventually('good', () => host.of('E-2', 'env.temperature').at(-1)?.quality === 'good')
  })

  test('a bad status without a value repeats the last known value as bad and invents none', async () => {
    await driver.start([second()])
    await isOnline('D-2')
    await heard('D-2', 'door.state', { state: 'open' })
    await twin.fault({ kind: 'status', device: 'D-2', status: 'BadSensorFailure', type: 'door.state', empty: true })
    const bad = await eventually('bad', () => host.of('D-2', 'door.state').find((r) => r.quality === 'bad'))
    expect(bad.value).toEqual({ state: 'open' })
    expect(host.counters.get('bad-status|D-2')).toBeGreaterThan(0)
    await twin.fault({ kind: 'recover', device: 'D-2' })
    await heard('D-2', 'door.state', { state: 'closed' })
  })

  test('a bad status with no value ever seen makes no reading and is quarantined once', async () => {
    await twin.fault({ kind: 'status', device: 'D-2', status: 'BadSensorFailure', type: 'door.state', empty: true })
    await driver.start([second()])
    await isOnline('D-2')
    await eventually('quarantine', () => host.quarantined.find((q) => q.detail.includes('BadSensorFailure')))
    await pause(600)
    expect(host.of('D-2', 'door.state')).toEqual([])
    expect(host.quarantined).toHaveLength(1)
    await twin.fault({ kind: 'recover', device: 'D-2' })
    await heard('D-2', 'door.state', { state: 'open' })
    await heard('D-2', 'door.state', { state: 'closed' })
  })

  test('a device whose every node is bad is offline, the neighbour on the same server is not', async () => {
    await driver.start([door(), second()])
    await Promise.all([isOnline('X-door'), isOnline('D-2')])
    twin.emitReading({ device: 'D-2', type: 'device.status', value: { online: false } })
    await isOffline('D-2')
    expect(reason('D-2')).toContain('BadCommunicationError')
    await heard('X-door', 'door.state', { state: 'open' })
    await heard('X-door', 'door.state', { state: 'closed' })
    expect(host.of('X-door', 'device.status')).toHaveLength(1)
    twin.emitReading({ device: 'D-2', type: 'device.status', value: { online: true } })
    await isOnline('D-2')
  })

  test('a value that no enumeration knows is quarantined with a sentence, and the next good one is heard', async () => {
    await driver.start([second()])
    await isOnline('D-2')
    await twin.fault({ kind: 'nonsense', device: 'D-2' })
    const item = await eventually('quarantine', () => host.quarantined[0])
    expect(item).toMatchObject({ source: 'opcua:D-2', device: 'D-2', cause: 'bad-value' })
    expect(item.detail).toContain('77')
    await heard('D-2', 'door.state', { state: 'open' })
    await heard('D-2', 'door.state', { state: 'closed' })
  })
})

describe('one wrong device harms no other', () => {
  test('unknown root, unknown model, wrong address and wrong node id each give one sentence, and the healthy door is heard within a second', async () => {
    await driver.start([
      { ...second(), id: 'NO-NODE', root: 'ns=2;s=Doors/NOWHERE' },
      { ...second(), id: 'NO-MODEL', model: 'generic-teapot' },
      { ...second(), id: 'NO-URL', url: 'http://192.0.2.5' },
      { ...second(), id: 'NO-ID', root: 'Doors/D-2' },
      door(),
    ])
    await isOnline('X-door')
    const before = systemClock.now()
    await heard('X-door', 'door.state', { state: 'open' }, 1000)
    expect(systemClock.now() - before).toBeLessThan(1000)
    await heard('X-door', 'door.state', { state: 'closed' })
    expect(reason('NO-NODE')).toBe(
      'node ns=2;s=Doors/NOWHERE is not on the server (BadNodeIdUnknown); correct "root" of device NO-NODE in the site file',
    )
    expect(reason('NO-MODEL')).toContain('generic-teapot.yaml')
    expect(reason('NO-URL')).toContain('opc.tcp://')
    expect(reason('NO-ID')).toContain('no node id')
    for (const id of ['NO-NODE', 'NO-MODEL', 'NO-URL', 'NO-ID'])
      expect(host.lines.filter((line) => line.fields.device === id)).toHaveLength(1)
  })

  test('a node that is removed takes its device offline, and back when it returns', async () => {
    await driver.start([door(), second()])
    await Promise.all([isOnline('X-door'), isOnline('D-2')])
    await twin.fault({ kind: 'remove-node', device: 'D-2' })
    await isOffline('D-2')
    await heard('X-door', 'door.state', { state: 'open' })
    await twin.fault({ kind: 'restore-node', device: 'D-2' })
    await isOnline('D-2')
    await heard('D-2', 'door.state', { state: 'open' })
    await heard('D-2', 'door.state', { state: 'closed' })
    await heard('X-door', 'door.state', { state: 'closed' })
    expect(host.of('X-door', 'device.status')).toHaveLength(1)
  }, 60_000)

  test('update begins and ends devices in the running session without a second connection', async () => {
    await driver.start([door()])
    await isOnline('X-door')
    const connections = twin.connections
    await driver.update([second()])
    await isOnline('D-2')
    await heard('D-2', 'door.state', { state: 'open' })
    twin.emitReading({ device: 'X-door', type: 'door.state', value: { state: 'open' } })
    await heard('D-2', 'door.state', { state: 'closed' })
    expect(host.of('X-door', 'door.state').some((r) => r.value.state === 'open')).toBe(false)
    expect(twin.connections).toBe(connections)
    twin.emitReading({ device: 'X-door', type: 'door.state', value: { state: 'closed' } })
  })
})

describe('a server that goes and comes', () => {
  test('all its devices go offline and come back, unchanged states are not said again, changed ones and standing alarms are', async () => {
    await driver.start([door(), second(), entry('X-fence', 'fence')])
    await Promise.all(['X-door', 'D-2', 'X-fence'].map(isOnline))
    await eventually('first state', () => host.of('D-2', 'door.state').length === 1)
    await heard('X-door', 'door.state', { state: 'open' })
    const said = host.of('D-2', 'door.state').length
    await twin.fault({ kind: 'stop' })
    await Promise.all(['X-door', 'D-2', 'X-fence'].map(isOffline))
    expect(reason('X-door')).toContain(twin.url)
    await twin.fault({ kind: 'start' })
    twin.emitReading({ device: 'X-door', type: 'door.state', value: { state: 'closed' } })
    twin.emitReading({ device: 'X-fence', type: 'fence.alarm', value: { strength: 'medium' } })
    await Promise.all(['X-door', 'D-2', 'X-fence'].map(isOnline))
    await eventually('the change in the gap', () => host.of('X-door', 'door.state').at(-1)?.value.state === 'closed')
    await eventually('the alarm raised in the gap', () => host.of('X-fence', 'fence.alarm').length === 1, 10_000)
    await heard('D-2', 'door.lock', { state: 'unlocked' })
    await heard('D-2', 'door.lock', { state: 'locked' })
    expect(host.of('D-2', 'door.state')).toHaveLength(said)
    expect(host.of('X-fence', 'fence.alarm')).toHaveLength(1)
  }, 60_000)

  test('a frozen line is noticed, and repaired when it thaws', async () => {
    await driver.start([door()])
    await isOnline('X-door')
    await twin.fault({ kind: 'freeze', on: true })
    await eventually('offline', () => host.of('X-door', 'device.status').at(-1)?.value.online === false, 40_000)
    await twin.fault({ kind: 'freeze', on: false })
    await eventually('online', () => host.of('X-door', 'device.status').at(-1)?.value.online === true, 40_000)
    await heard('X-door', 'door.state', { state: 'open' })
    await heard('X-door', 'door.state', { state: 'closed' })
  }, 100_000)

  test('stop is over within three seconds while the server hangs, and nothing comes afterwards', async () => {
    await driver.start([door()])
    await isOnline('X-door')
    await twin.fault({ kind: 'freeze', on: true })
    const before = systemClock.now()
    await driver.stop()
    expect(systemClock.now() - before).toBeLessThan(3000)
    const count = host.readings.length
    await twin.fault({ kind: 'freeze', on: false })
    twin.emitReading({ device: 'X-door', type: 'door.state', value: { state: 'open' } })
    await pause(700)
    expect(host.readings).toHaveLength(count)
    twin.emitReading({ device: 'X-door', type: 'door.state', value: { state: 'closed' } })
  })

  test('a wrong clock is measured and said, and a move of it is said again', async () => {
    await twin.fault({ kind: 'clock', offsetMs: -2000 })
    await driver.start([door()])
    await isOnline('X-door')
    const clock = await eventually('device.clock', () => host.of('X-door', 'device.clock')[0])
    expect(Math.abs((clock.value.offset_ms as number) + 2000)).toBeLessThan(200)
    await twin.fault({ kind: 'clock', offsetMs: 0 })
    const moved = await eventually('second device.clock', () => host.of('X-door', 'device.clock')[1], 15_000)
    expect(Math.abs(moved.value.offset_ms as number)).toBeLessThan(200)
  }, 40_000)
})

describe('samples', () => {
  test('an unchanged sample is said again each period by the clock of the server', async () => {
    await driver.start([entry('X-fence', 'fence')])
    await isOnline('X-fence')
    await eventually('three samples', () => host.of('X-fence', 'fence.voltage').length >= 3, 8000)
    const times = host.of('X-fence', 'fence.voltage').map((r) => r.time as number)
    expect(times[2] as number).toBeGreaterThan(times[1] as number)
    expect(Math.abs((times.at(-1) as number) - systemClock.now())).toBeLessThan(1500)
  })
})

describe('what a site may say beside the model file', () => {
  test('a namespace may be given by its name, and one that the server does not have is named with those it has', async () => {
    const named = (id: string, uri: string): Device => ({
      ...{ ...second(), id, root: `nsu=${uri};s=Doors/D-2` },
      nodes: { Lock: `nsu=${uri};s=Doors/X-door/Lock` },
    })
    await driver.start([named('BY-NAME', 'urn:wardwatch:twin:facility'), named('NO-NAME', 'urn:somebody:else')])
    await isOnline('BY-NAME')
    twin.emitReading({ device: 'D-2', type: 'door.state', value: { state: 'open' } })
    await eventually('by name', () => host.of('BY-NAME', 'door.state').at(-1)?.value.state === 'open')
    twin.emitReading({ device: 'D-2', type: 'door.state', value: { state: 'closed' } })
    expect(reason('NO-NAME')).toMatch(/no namespace "urn:somebody:else"; it has .*"urn:wardwatch:twin:facility"/)
    expect((await driver.check(named('NO-NAME', 'urn:somebody:else'))).at(-1)).toMatchObject({
      level: 'fault',
      message: expect.stringContaining('urn:somebody:else'),
    })
  })

  test('nodes name other variables, by path, by type, or for a reading the model does not have', async () => {
    await driver.start([
      {
        id: 'ROOTLESS',
        driver: 'opcua',
        kind: 'door',
        url: twin.url,
        nodes: { 'door.state': 'ns=2;s=Doors/D-2/State' },
      },
      {
        ...second(),
        id: 'MIXED',
        nodes: { Lock: 'ns=2;s=Doors/X-door/Lock', 'env.temperature': 'ns=2;s=Env/E-2/Temperature' },
      },
    ])
    await Promise.all([isOnline('ROOTLESS'), isOnline('MIXED')])
    twin.emitReading({ device: 'D-2', type: 'door.state', value: { state: 'open' } })
    await eventually('by type', () => host.of('ROOTLESS', 'door.state').at(-1)?.value.state === 'open')
    twin.emitReading({ device: 'X-door', type: 'door.lock', value: { state: 'unlocked' } })
    await eventually('by path', () => host.of('MIXED', 'door.lock').at(-1)?.value.state === 'unlocked')
    await eventually('implied', () => host.of('MIXED', 'env.temperature')[0])
    twin.emitReading({ device: 'D-2', type: 'door.state', value: { state: 'closed' } })
    twin.emitReading({ device: 'X-door', type: 'door.lock', value: { state: 'locked' } })
  })

  test('check names what is missing and what is wrong, connects once and leaves the running driver alone', async () => {
    const ok = await driver.check(door())
    expect(ok.at(-1)).toMatchObject({ device: 'X-door', level: 'ok' })
    expect(ok.at(-1)?.message).toContain('door.state, door.lock, door.mode')
    const missing = await driver.check({ ...entry('E-2', 'climate'), model: 'generic-gas' })
    expect(missing.find((c) => c.message.startsWith('no node for'))?.message).toContain('env.gas.lel_percent')
    const none = await driver.check({ ...second(), root: 'ns=2;s=Doors/NOWHERE' })
    expect(none.at(-1)).toMatchObject({ level: 'fault' })
    const dead = await driver.check({ ...second(), url: 'opc.tcp://127.0.0.1:1' })
    expect(dead).toHaveLength(1)
    expect(dead[0]?.message).toContain('does not answer')
    expect(host.readings).toEqual([])
  })
})
