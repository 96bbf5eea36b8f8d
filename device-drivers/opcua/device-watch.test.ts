/** One device without any server: what values and events become readings, in virtual time. */
import { beforeEach, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import type { Quarantined, RawReading } from '#model/reading.ts'
import { QuietLog } from '../supervision.ts'
import { DeviceWatch } from './device-watch.ts'
import { loadOpcuaModel, normalPath } from './model-file.ts'
import { planDevice } from './plan.ts'
import { type WireEvent, type WireValue, wireValue } from './wire.ts'

const START = 1_795_300_000_000
let clock: VirtualClock
let readings: RawReading[]
let quarantined: Omit<Quarantined, 'received'>[]

beforeEach(() => {
  clock = new VirtualClock(START)
  readings = []
  quarantined = []
})

function watchOf(model: string, paths: string[]): DeviceWatch {
  const log = { info() {}, warn() {} }
  const watch = new DeviceWatch(
    { id: 'X' },
    {
      clock,
      log: new QuietLog(log, clock),
      emit: (reading) => readings.push(reading),
      host: {
        facility: 'js-03',
        clock,
        random: () => 0,
        log,
        accept: async () => {},
        quarantine: async (item) => {
          quarantined.push(item)
        },
        count() {},
        dataDir: '',
        modelDirs: [],
      },
    },
  )
  const variables = new Map(paths.map((path) => [normalPath(path), { nodeId: path, path }]))
  watch.follow(
    planDevice({ id: 'X', root: 'root', model }, loadOpcuaModel(model, []), {
      fault: null,
      name: 'X',
      notifier: false,
      variables,
      all: new Set(),
    }),
  )
  watch.setOnline(true, null)
  readings.length = 0
  return watch
}
const good = (value: unknown, sourceMs: number | null = clock.now()): WireValue => ({
  value,
  present: true,
  status: 0,
  statusName: 'Good',
  sourceMs,
})
const event = (more: Partial<WireEvent>): WireEvent => ({
  names: [],
  message: '',
  timeMs: clock.now(),
  severity: 500,
  conditionId: null,
  conditionName: null,
  active: null,
  activeSinceMs: null,
  fields: new Map(),
  ...more,
})
function say(watch: DeviceWatch, node: string, value: WireValue): void {
  watch.onValue(node, value)
  watch.flush()
}

test('a value without source time gets the time of arrival and quality uncertain', () => {
  const watch = watchOf('generic-door', ['State'])
  say(watch, 'State', good(1, null))
  expect(readings).toEqual([
    { device: 'X', type: 'door.state', time: START, quality: 'uncertain', value: { state: 'open' } },
  ])
})

test('the time of a clock that was never set is no time, and the change is heard all the same', () => {
  const watch = watchOf('generic-door', ['State'])
  const wire = (value: unknown, source: Date | null) =>
    wireValue({ value: { value }, statusCode: { value: 0, name: 'Good' }, sourceTimestamp: source } as never)
  say(watch, 'State', wire(0, new Date(START)))
  for (const [value, source] of [
    [1, new Date(1000)],
    [0, new Date('1601-01-01T00:00:00Z')],
    [1, new Date('9999-12-31T00:00:00Z')],
    [0, null],
  ] as const) {
    clock.advanceTo(clock.now() + 1000)
    say(watch, 'State', wire(value, source))
    expect(readings.at(-1), String(source)).toMatchObject({ time: clock.now(), quality: 'uncertain' })
  }
  expect(readings.map((r) => r.value.state)).toEqual(['closed', 'open', 'closed', 'open', 'closed'])
  expect(quarantined).toEqual([])
})

test('what cannot be converted is told once, by what it is', () => {
  const watch = watchOf('generic-climate', ['Temperature'])
  say(watch, 'Temperature', good(Number.NaN))
  say(watch, 'Temperature', good(Number.NaN))
  expect(quarantined.map((item) => item.detail)).toEqual(['node Temperature of X holds NaN, which is no scalar value'])
})

test('a state that has stood for hours is said as true now, a change seen live keeps its own time', () => {
  const watch = watchOf('generic-door', ['State'])
  say(watch, 'State', good(1, START - 7_200_000))
  expect(readings[0]?.time).toBe(START)
  clock.advanceTo(START + 500_000)
  say(watch, 'State', good(0, START + 100_000))
  expect(readings[1]?.time).toBe(START + 100_000)
})

test('a door that opens and closes within one notification is two readings', () => {
  const watch = watchOf('generic-door', ['State'])
  say(watch, 'State', good(0))
  watch.onValue('State', good(1, START + 10))
  watch.onValue('State', good(0, START + 60))
  watch.flush()
  expect(readings.map((r) => [r.value.state, r.time])).toEqual([
    ['closed', START],
    ['open', START + 10],
    ['closed', START + 60],
  ])
})

test('fields that change together are one reading with the later time and the worse quality', () => {
  const watch = watchOf('generic-fence', ['Voltage', 'NominalVoltage'])
  watch.onValue('NominalVoltage', good(6, START - 50))
  watch.onValue('Voltage', { ...good(3.9, START - 20), status: 0x40000000, statusName: 'Uncertain' })
  watch.flush()
  expect(readings).toEqual([
    { device: 'X', type: 'fence.voltage', time: START - 20, quality: 'uncertain', value: { kv: 3.9, nominal_kv: 6 } },
  ])
})

test('a value outside the range of the collection list is quarantined, not said', () => {
  const watch = watchOf('generic-climate', ['Temperature'])
  say(watch, 'Temperature', good(-300))
  expect(readings).toEqual([])
  expect(quarantined[0]).toMatchObject({ cause: 'bad-value', device: 'X' })
})

test('a panic button that is a variable is pressed once for each rise, also when it stood at true in the beginning', () => {
  const watch = watchOf('generic-panic-button', ['Pressed'])
  for (const [value, at] of [
    [true, 0],
    [true, 10],
    [false, 20],
    [true, 30],
  ] as const)
    say(watch, 'Pressed', good(value, START + at))
  expect(readings.map((r) => [r.type, r.time])).toEqual([
    ['panic.pressed', START],
    ['panic.pressed', START + 30],
  ])
})

test('a plate that stands there in the beginning is no passage, each new one is', () => {
  const watch = watchOf('generic-plate-reader', ['Plate'])
  say(watch, 'Plate', good('苏A·00001'))
  expect(readings).toEqual([])
  say(watch, 'Plate', good('苏B·00002', START + 5))
  say(watch, 'Plate', good('', START + 6))
  expect(readings.map((r) => r.value)).toEqual([{ plate: '苏B·00002' }])
})

test('a condition is one alarm for each activation, whatever is refreshed, acknowledged or missed', () => {
  const watch = watchOf('generic-fence', [])
  const alarm = (active: boolean, sinceMs: number) =>
    watch.onEvent(
      event({
        names: ['AlarmConditionType'],
        conditionId: 'ns=2;s=F/Intrusion',
        conditionName: 'Intrusion',
        active,
        activeSinceMs: sinceMs,
        severity: 800,
      }),
    )
  alarm(true, START)
  alarm(true, START)
  watch.beginRefresh()
  alarm(true, START)
  watch.endRefresh()
  alarm(false, START + 50)
  alarm(true, START + 90)
  // The end of this one and the beginning of the next were missed.
  watch.beginRefresh()
  alarm(true, START + 200)
  watch.endRefresh()
  expect(readings.map((r) => [r.type, r.time, r.value])).toEqual([
    ['fence.alarm', START, { strength: 'high' }],
    ['fence.alarm', START + 90, { strength: 'high' }],
    ['fence.alarm', START + 200, { strength: 'high' }],
  ])
})

test('a voltage alarm of the fence is no intrusion', () => {
  const watch = watchOf('generic-fence', [])
  watch.onEvent(
    event({ names: ['NonExclusiveLimitAlarmType'], conditionId: 'i=1', conditionName: 'VoltageLow', active: true }),
  )
  expect(readings).toEqual([])
  expect(quarantined).toHaveLength(1)
})

test('a call point that is a condition becomes true and false, false also when its end was missed', () => {
  const watch = watchOf('generic-call-point', [])
  const point = (active: boolean) =>
    watch.onEvent(event({ names: ['AlarmConditionType'], conditionId: 'i=7', conditionName: 'FireAlarm', active }))
  point(true)
  point(false)
  point(true)
  watch.beginRefresh()
  watch.endRefresh()
  expect(readings.map((r) => r.value)).toEqual([
    { active: true },
    { active: false },
    { active: true },
    { active: false },
  ])
})

test('an event without the field it must have is quarantined with its name', () => {
  const watch = watchOf('generic-reader', [])
  watch.onEvent(event({ names: ['AccessGrantedEventType'], fields: new Map([['direction', 'in']]) }))
  watch.onEvent(event({ names: ['AccessGrantedEventType'], fields: new Map([['cardnumber', 'C-1']]) }))
  expect(readings.map((r) => r.value)).toEqual([{ credential: 'C-1' }])
  expect(quarantined[0]?.detail).toContain('credential')
})

test('nothing is said after the end', () => {
  const watch = watchOf('generic-door', ['State'])
  watch.end()
  say(watch, 'State', good(1))
  watch.setOnline(false, 'gone')
  watch.onEvent(event({ names: ['DoorCommandEventType'], fields: new Map([['command', 'open']]) }))
  expect(readings).toEqual([])
})
