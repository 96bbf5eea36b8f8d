/** `semantics.md` 1 and 2: what stands before what, whose clock counts, and where a run ends. */
import { describe, expect, test } from 'vitest'
import type { AlertChange } from '#model/alert/alert.ts'
import { parseSiteOrThrow } from '#model/site/load.ts'
import { CATALOGUE_DIR, loadRules } from '../catalogue/load.ts'
import { Engine, type EngineOptions } from './engine.ts'
import { OPERATORS } from './operators/index.ts'

const site = parseSiteOrThrow(
  `
facility: { id: f, kind: prison }
zones:
  - { id: C, kind: cell }
  - { id: BELT, kind: belt, class: red, perimeter: true }
devices:
  - { id: P, kind: power, driver: opcua, zone: C }
  - { id: D, kind: door, driver: opcua, zone: C }
  - { id: F, kind: fence, driver: opcua, zone: BELT }
  - { id: K, kind: camera, driver: onvif, zone: BELT }
  - { id: T, kind: tag, driver: mqtt, subject: S }
staff: [{ id: S, tag: T }]
`,
  'site.yaml',
)
const RULES = loadRules(CATALOGUE_DIR)
const T0 = 1_800_000_000_000
type Line = Record<string, unknown>
const at = (s: number, device: string, type: string, value: Line = {}, more: Line = {}): Line => ({
  device,
  type,
  time: T0 + s * 1000,
  value,
  ...more,
})

function run(lines: Line[], only: string[], until: number, more: Partial<EngineOptions> = {}): string[] {
  const changes: AlertChange[] = []
  const engine = new Engine({
    site,
    rules: RULES.filter((r) => only.includes(r.code)),
    operators: OPERATORS,
    onChange: (c) => changes.push(c),
    ...more,
  })
  for (const line of lines) engine.line(line)
  engine.finish(T0 + until * 1000)
  return changes.map((c) => `${(c.at - T0) / 1000} ${c.change} ${c.alert.code} ${c.alert.key}`)
}
const fence = (s: number) => at(s, 'F', 'fence.alarm', { strength: 'high' })
const human = (s: number, more: Line = {}) => at(s, 'K', 'camera.intrusion', { object: 'human', confidence: 0.9 }, more)
const mains = (s: number, on: boolean, more: Line = {}) => at(s, 'P', 'power.mains', { on }, more)

describe('equal times', () => {
  test('"for N s" is true at t0+N even if the contrary reading carries exactly t0+N', () => {
    expect(run([mains(0, false), mains(5, true)], ['R51'], 10)[0]).toBe('5 raised R51 P')
    expect(run([mains(0, false), mains(4.999, true)], ['R51'], 10)).toEqual([])
  })

  test('"within N s" still accepts a reading at exactly t0+N', () => {
    expect(run([fence(0), human(10)], ['R01'], 20)).toEqual(['10 raised R01 BELT'])
    expect(run([fence(0), human(10.001)], ['R01'], 20)).toEqual([])
  })

  test('a context line comes before a reading of its instant, whatever came first', () => {
    const fire = { context: 'modes', op: 'put', id: 'f', item: { id: 'f', mode: 'fire' }, time: T0 + 20_000 }
    const open = at(0, 'D', 'door.state', { state: 'open' })
    // The limit of a cell door ends at 20 s: a sustained timer stands before the context line.
    expect(run([open, fire], ['R08'], 30)).toEqual(['20 raised R08 D'])
    expect(run([open, { ...fire, time: T0 + 19_999 }], ['R08'], 30)).toEqual([])
  })

  test('an act comes after the timers and before the readings of its instant', () => {
    const ack = { act: 'acknowledge', rule: 'R51', key: 'P', time: T0 + 5_000, by: 'a' }
    expect(run([mains(0, false), ack], ['R51'], 6)).toEqual(['5 raised R51 P', '5 acknowledged R51 P'])
    const early = { act: 'acknowledge', rule: 'R39', key: 'S', time: T0 + 1_000, by: 'a' }
    expect(run([at(1, 'T', 'tag.sos'), early], ['R39'], 6)).toEqual(['1 raised R39 S'])
  })
})

describe('clocks', () => {
  test('the offset of the latest device.clock moves readings to the time of the edge', () => {
    const slow = (s: number) => human(s - 8, { received: T0 + s * 1000 })
    const clock = at(0, 'K', 'device.clock', { offset_ms: -8000 }, { time: T0 - 8_000, received: T0 })
    expect(run([clock, slow(1), fence(9)], ['R01'], 20)).toEqual(['9 raised R01 BELT'])
    expect(run([clock, slow(1), fence(12)], ['R01'], 20)).toEqual([])
  })

  test('what still waits moves when its clock is told, the first time and when it changes, and stays when it goes on', () => {
    const waits = human(-2, { received: T0 + 1_000 })
    const told = (offset_ms: number, s = 1.5) =>
      at(0, 'K', 'device.clock', { offset_ms }, { time: T0 - 3_000 + s, received: T0 + s * 1000 })
    expect(run([waits, fence(10.5)], ['R01'], 25)).toEqual([])
    expect(run([waits, told(-3000), fence(10.5)], ['R01'], 25)[0]).toBe('10.5 raised R01 BELT')
    expect(run([told(-1000, 0), waits, told(-3000), fence(10.5)], ['R01'], 25)[0]).toBe('10.5 raised R01 BELT')
    expect(run([told(-3000, 0), waits, told(-3000), fence(10.5)], ['R01'], 25)[0]).toBe('10.5 raised R01 BELT')
  })

  test('no reading is later than its arrival by more than a second', () => {
    const fast = human(100, { received: T0 + 1_000 })
    expect(run([fast, fence(2)], ['R01'], 20)).toEqual(['2 raised R01 BELT'])
  })
})

describe('the end', () => {
  test('deadlines up to the end fire, later ones do not, and the buffers are drained', () => {
    expect(run([mains(0, false)], ['R51'], 5)).toEqual(['5 raised R51 P'])
    expect(run([mains(0, false)], ['R51'], 4.999)).toEqual([])
    expect(run([mains(0, false), at(9, 'T', 'tag.sos')], ['R51', 'R39'], 9)).toEqual([
      '5 raised R51 P',
      '9 raised R39 S',
    ])
  })

  test('an end given beforehand holds even if a line arrived long after it', () => {
    const lines = [mains(0, false), at(1, 'T', 'tag.sos', {}, { received: T0 + 200_000 })]
    expect(run(lines, ['R51', 'R39'], 4, { until: T0 + 4_000 })).toEqual(['200 raised R39 S'])
  })

  test('a file that stops does not make anything silent: no source is judged absent after the end', () => {
    const fix = { x_m: 1, y_m: 1, floor: 1, accuracy_m: 1 }
    expect(run([at(0, 'T', 'tag.position', fix), at(80, 'T', 'tag.position', fix)], ['R29', 'R24', 'R40'], 80)).toEqual(
      [],
    )
  })
})

describe('what came before', () => {
  test('the same id twice is one reading; without ids the same content is', () => {
    const two = [
      at(1, 'T', 'tag.sos', {}, { id: 'x' }),
      at(2, 'T', 'tag.sos', {}, { id: 'x' }),
      at(3, 'T', 'tag.sos'),
      at(3, 'T', 'tag.sos'),
    ]
    const counts = { readings: 0, duplicates: 0 }
    const engine = new Engine({ site, rules: [], operators: OPERATORS, onChange: () => {} })
    for (const line of two) engine.line(line)
    Object.assign(counts, { readings: engine.counts.readings, duplicates: engine.counts.duplicates })
    expect(counts).toEqual({ readings: 2, duplicates: 2 })
  })
})
