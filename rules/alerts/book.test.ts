/** The sentences of `semantics.md` 1, 5, 6, 7, 9 and 10 about the life of alerts, one test each, through the production engine. */
import { describe, expect, test } from 'vitest'
import type { AlertChange } from '#model/alert/alert.ts'
import { parseSiteOrThrow, type Site } from '#model/site/load.ts'
import { CATALOGUE_DIR, loadRules } from '../catalogue/load.ts'
import { Engine } from '../engine/engine.ts'
import { OPERATORS } from '../engine/operators/index.ts'
import type { OperatorModel } from './book.ts'

const SITE = `
facility: { id: f, kind: prison }
zones:
  - { id: B, kind: building }
  - { id: W, kind: ward, parent: B }
  - { id: C1, kind: cell, parent: W }
  - { id: C2, kind: cell, parent: W }
  - { id: COR, kind: corridor, parent: W }
  - { id: BELT, kind: belt, class: red, perimeter: true }
  - { id: M1, kind: machine-room, adjacent: [M2] }
  - { id: M2, kind: machine-room, adjacent: [M3] }
  - { id: M3, kind: machine-room, adjacent: [M4] }
  - { id: M4, kind: machine-room }
devices:
  - { id: D1, kind: door, driver: opcua, zone: C1 }
  - { id: D2, kind: door, driver: opcua, zone: C2 }
  - { id: DW, kind: door, driver: opcua, zone: W }
  - { id: F1, kind: fence, driver: opcua, zone: BELT }
  - { id: K1, kind: camera, driver: onvif, zone: BELT }
  - { id: T1, kind: tag, driver: mqtt, subject: S1 }
  - { id: T2, kind: tag, driver: mqtt, subject: S2 }
  - { id: B1, kind: band, driver: mqtt, subject: P1 }
  - { id: P1W, kind: power, driver: opcua, zone: COR }
  - { id: L1, kind: leak, driver: opcua, zone: M1 }
  - { id: L2, kind: leak, driver: opcua, zone: M2 }
  - { id: U1, kind: power, driver: opcua, zone: M1 }
  - { id: U2, kind: power, driver: opcua, zone: M2 }
  - { id: U3, kind: power, driver: opcua, zone: M3 }
  - { id: U4, kind: power, driver: opcua, zone: M4 }
people: [{ id: P1, cell: C1 }]
staff: [{ id: S1, tag: T1 }, { id: S2, tag: T2 }]
`
const T = 1_800_000_000_000
const RULES = loadRules(CATALOGUE_DIR)
type Line = Record<string, unknown>

const at = (s: number, device: string, type: string, value: Line = {}, more: Line = {}): Line => ({
  device,
  type,
  time: T + s * 1000,
  value,
  ...more,
})
const context = (s: number, kind: string, item: Line, op = 'put'): Line => ({
  context: kind,
  op,
  id: item.id,
  ...(op === 'put' ? { item } : {}),
  time: T + s * 1000,
})
const act = (s: number, verb: string, rule: string, key: string, more: Line = {}): Line => ({
  act: verb,
  rule,
  key,
  time: T + s * 1000,
  by: 'officer-1',
  ...more,
})
const power = (s: number, on: boolean, device = 'P1W'): Line => at(s, device, 'power.mains', { on })

function run(
  lines: Line[],
  options: { until: number; only?: string[]; operator?: OperatorModel; site?: string; desks?: Line[] },
) {
  const site: Site = parseSiteOrThrow(`${SITE}${options.site ?? ''}`, 'site.yaml')
  const changes: AlertChange[] = []
  const engine = new Engine({
    site,
    rules: options.only ? RULES.filter((r) => options.only?.includes(r.code)) : RULES,
    operators: OPERATORS,
    ...(options.operator ? { operatorModel: options.operator } : {}),
    onChange: (c) => changes.push(c),
    onRefused: (_c, detail) => {
      throw new Error(detail)
    },
  })
  for (const line of lines) engine.line(line)
  engine.finish(T + options.until * 1000)
  return { changes, engine }
}
/** `seconds change code key level state`. */
const text = (changes: AlertChange[]): string[] =>
  changes.map(
    (c) => `${(c.at - T) / 1000} ${c.change} ${c.alert.code} ${c.alert.key} ${c.alert.level} ${c.alert.state}`,
  )

describe('what a fire holds back', () => {
  const fire = { id: 'fire-1', mode: 'fire', zones: ['C1'] }

  test('an open door is silent in a fire and held-open when the mode is deleted with the door still open', () => {
    const { changes, engine } = run(
      [context(0, 'modes', fire), at(1, 'D1', 'door.state', { state: 'open' }), context(100, 'modes', fire, 'delete')],
      { until: 110, only: ['R08'] },
    )
    expect(text(changes)).toEqual(['100 raised R08 D1 yellow unacknowledged'])
    expect(changes[0]?.alert.delayed).toBe(false)
    expect(engine.book.totals().suppressed).toEqual({ 'R08:inhibited: fire': 1 })
  })

  test('who was led out of a burning cell at night is not told to be outside it; anybody else is', () => {
    const night = 6 * 3600
    const outside = Array.from({ length: 50 }, (_, i) =>
      at(night + i * 5, 'B1', 'band.position', { x_m: 1, y_m: 1, floor: 1, accuracy_m: 1 }, { zone: 'M1' }),
    )
    const until = { until: night + 200, only: ['R26'] }
    expect(text(run([context(night - 1, 'modes', fire), ...outside], until).changes)).toEqual([])
    const elsewhere = { ...fire, zones: ['C2'] }
    expect(text(run([context(night - 1, 'modes', elsewhere), ...outside], until).changes)).toEqual([
      `${night + 180} raised R26 P1 yellow unacknowledged`,
    ])
  })

  test('the highest level reached meanwhile is raised, once, also when the mode ends by its own time', () => {
    const { changes } = run(
      [context(0, 'modes', { ...fire, to: T + 200_000 }), at(1, 'D1', 'door.state', { state: 'open' })],
      { until: 300, only: ['R08'] },
    )
    expect(text(changes)).toEqual(['200 raised R08 D1 orange unacknowledged'])
  })

  test('an alert that had ended is not woken by a fire; a door that still stands open wakes it when the fire is over', () => {
    const lines = [
      at(1, 'D1', 'door.state', { state: 'open' }),
      at(40, 'D1', 'door.state', { state: 'closed' }),
      context(60, 'modes', fire),
      at(61, 'D1', 'door.state', { state: 'open' }),
      context(200, 'modes', fire, 'delete'),
    ]
    const r08 = run(lines, { until: T + 260_000 }).changes.filter((c) => c.alert.code === 'R08')
    expect(r08.filter((c) => c.at > T + 60_000 && c.at < T + 200_000)).toEqual([])
    expect(r08.find((c) => c.at >= T + 200_000)).toMatchObject({ alert: { activations: 2, state: 'unacknowledged' } })
    const r07 = run(lines, { until: T + 260_000 }).changes.filter((c) => c.alert.code === 'R07')
    expect(r07.filter((c) => c.at > T + 61_000)).toEqual([])
  })

  test('a door closed before the end of the fire stays silent', () => {
    const { changes } = run(
      [
        context(0, 'modes', { ...fire, to: T + 200_000 }),
        at(1, 'D1', 'door.state', { state: 'open' }),
        at(90, 'D1', 'door.state', { state: 'closed' }),
      ],
      { until: 300, only: ['R08'] },
    )
    expect(text(changes)).toEqual([])
  })

  test('a door in fire or emergency mode holds back its zone and the zones inside, until it is normal again', () => {
    const { changes } = run(
      [
        at(0, 'DW', 'door.mode', { mode: 'emergency' }),
        at(1, 'D1', 'door.state', { state: 'open' }),
        at(60, 'DW', 'door.mode', { mode: 'normal' }),
      ],
      { until: 70, only: ['R08'] },
    )
    expect(text(changes)).toEqual(['60 raised R08 D1 yellow unacknowledged'])
  })

  test('a door opened in a fire is not called forced afterwards', () => {
    const { changes } = run(
      [context(0, 'modes', { ...fire, to: T + 20_000 }), at(1, 'D1', 'door.state', { state: 'open' })],
      { until: 60, only: ['R07'] },
    )
    expect(text(changes)).toEqual([])
  })

  test('perimeter, panic and health are never held back', () => {
    const { changes } = run(
      [
        context(0, 'modes', { id: 'fire-1', mode: 'fire' }),
        at(1, 'F1', 'fence.alarm', { strength: 'high' }),
        at(1, 'K1', 'camera.intrusion', { object: 'human', confidence: 0.9 }),
        at(2, 'T1', 'tag.sos'),
      ],
      { until: 5, only: ['R01', 'R39'] },
    )
    expect(changes.map((c) => c.alert.code)).toEqual(['R01', 'R39'])
  })
})

describe('modes begin and end by their own times', () => {
  const maintenance = { id: 'm1', mode: 'maintenance', devices: ['P1W'], from: T + 10_000, to: T + 100_000 }

  test('an alert of a device in maintenance is out of service, and becomes unacknowledged when the mode ends', () => {
    const { changes } = run([context(0, 'modes', maintenance), power(20, false)], { until: 120, only: ['R51'] })
    expect(text(changes)).toEqual([
      '25 raised R51 P1W yellow out-of-service',
      '100 updated R51 P1W yellow unacknowledged',
    ])
  })

  test('an open alert that nobody has acknowledged goes out of service when the maintenance begins', () => {
    const { changes } = run([context(0, 'modes', maintenance), power(1, false)], { until: 50, only: ['R51'] })
    expect(text(changes)).toEqual([
      '6 raised R51 P1W yellow unacknowledged',
      '10 updated R51 P1W yellow out-of-service',
    ])
  })

  test('a drill marks what it names for as long as it lasts, and never duress, an inmate’s call or panic', () => {
    const drill = { id: 'd1', mode: 'drill', zones: ['B'], rules: ['R08', 'officer-panic'], to: T + 40_000 }
    const { changes } = run(
      [
        context(0, 'modes', drill),
        at(1, 'D1', 'door.state', { state: 'open' }),
        at(25, 'D2', 'door.state', { state: 'open' }),
        at(30, 'T1', 'tag.sos', {}, { zone: 'C1' }),
      ],
      { until: 60, only: ['R08', 'R39'] },
    )
    expect(changes.map((c) => `${c.alert.code} ${c.alert.key} ${c.alert.drill}`)).toEqual([
      'R08 D1 true',
      'R39 S1 false',
      'R08 D2 false',
    ])
  })
})

describe('conditions in time', () => {
  test('the end is cleared; true again while open is updated, counted, and unacknowledged again', () => {
    const { changes } = run(
      [power(0, false), power(20, true), power(50, false), act(60, 'acknowledge', 'R51', 'P1W'), power(70, true)],
      { until: 100, only: ['R51'] },
    )
    expect(changes.map((c) => `${text([c])[0]} ×${c.alert.activations} ${c.alert.conditionActive}`)).toEqual([
      '5 raised R51 P1W yellow unacknowledged ×1 true',
      '30 cleared R51 P1W yellow returned-unacknowledged ×1 false',
      '55 updated R51 P1W yellow unacknowledged ×2 true',
      '60 acknowledged R51 P1W yellow acknowledged ×2 true',
      '80 cleared R51 P1W yellow acknowledged ×2 false',
      '80 resolved R51 P1W yellow resolved ×2 false',
    ])
    expect(new Set(changes.map((c) => c.alert.id)).size).toBe(1)
  })

  test('within the cool-down of a closed alert nothing is raised and it is counted; a condition that goes on is raised after it', () => {
    const closed = [power(0, false), act(10, 'resolve', 'R51', 'P1W', { result: 'confirmed' }), power(15, true)]
    const short = run([...closed, power(30, false), power(40, true)], { until: 200, only: ['R51'] })
    expect(text(short.changes)).toEqual([
      '5 raised R51 P1W yellow unacknowledged',
      '10 resolved R51 P1W yellow resolved',
    ])
    expect(short.engine.book.totals().suppressed).toEqual({ 'R51:suppressed: cool-down': 1 })
    const long = run([...closed, power(30, false)], { until: 200, only: ['R51'] })
    expect(text(long.changes).at(-1)).toBe('70 raised R51 P1W yellow unacknowledged')
    expect(new Set(long.changes.map((c) => c.alert.id)).size).toBe(2)
  })

  test('a yellow condition that was settled by a person while it went on is a new alert only after it ended', () => {
    const settled = [power(0, false), act(10, 'resolve', 'R51', 'P1W', { result: 'confirmed' })]
    const hovers = [power(100, true), power(105, false), power(150, true), power(155, false)]
    const { changes, engine } = run([...settled, ...hovers, power(200, true), power(300, false)], {
      until: 400,
      only: ['R51'],
    })
    expect(text(changes)).toEqual([
      '5 raised R51 P1W yellow unacknowledged',
      '10 resolved R51 P1W yellow resolved',
      '305 raised R51 P1W yellow unacknowledged',
    ])
    expect(engine.book.totals().suppressed).toEqual({ 'R51:suppressed: goes on': 2 })
  })

  test('a settled yellow condition that grows worse is raised at once', () => {
    const ups = (s: number, percent: number): Line => at(s, 'P1W', 'power.ups', { percent })
    const { changes } = run(
      [ups(0, 90), power(0, false), act(10, 'resolve', 'R51', 'P1W', { result: 'confirmed' }), ups(100, 20)],
      { until: 120, only: ['R51'] },
    )
    expect(text(changes).at(-1)).toBe('100 raised R51 P1W orange unacknowledged')
  })

  describe('a score that was settled, was low again and rose again (R31, cool-down an hour)', () => {
    const vitals = (fromS: number, toS: number, value: Line): Line[] =>
      Array.from({ length: (toS - fromS) / 10 }, (_, i) =>
        at(fromS + i * 10, 'B1', 'band.vitals', { activity: 0.05, confidence: 0.9, ...value }),
      )
    const WELL = { hr: 70, spo2: 98, resp: 15 }
    const THREE = { hr: 95, spo2: 98, resp: 22 }
    const FIVE = { hr: 95, spo2: 93, resp: 22 }
    const settled = [...vitals(0, 200, THREE), act(200, 'resolve', 'R31', 'P1', { result: 'confirmed' })]
    const raises = (lines: Line[], until: number): string[] =>
      text(run(lines, { until, only: ['R31'] }).changes.filter((c) => c.change === 'raised'))

    test('is raised once more when the hour is over and it is still high', () => {
      expect(raises([...settled, ...vitals(200, 1000, WELL), ...vitals(1000, 4200, THREE)], 4200)).toEqual([
        '120 raised R31 P1 yellow unacknowledged',
        '3800 raised R31 P1 yellow unacknowledged',
      ])
    })

    test('is not raised when it was low again before the hour was over', () => {
      const lines = [...settled, ...vitals(200, 1000, WELL), ...vitals(1000, 2000, THREE), ...vitals(2000, 4200, WELL)]
      expect(raises(lines, 4200)).toEqual(['120 raised R31 P1 yellow unacknowledged'])
    })

    test('is raised at once where it is worse than what was settled, also while the lower level is held back', () => {
      const again = [...settled, ...vitals(200, 1000, WELL), ...vitals(1000, 1400, THREE), ...vitals(1400, 2000, FIVE)]
      expect(raises(again, 2000)).toEqual([
        '120 raised R31 P1 yellow unacknowledged',
        '1550 raised R31 P1 orange unacknowledged',
      ])
    })

    test('waits for the ordinary cool-down where it grows worse right after it was settled', () => {
      // The median has five points at 310 s: a minute after the end of the alert at 270 s is 330 s.
      const soon = [
        ...vitals(0, 160, THREE),
        ...vitals(160, 270, FIVE),
        act(270, 'resolve', 'R31', 'P1', { result: 'confirmed' }),
        ...vitals(270, 600, FIVE),
      ]
      expect(raises(soon, 600)).toEqual([
        '120 raised R31 P1 yellow unacknowledged',
        '330 raised R31 P1 orange unacknowledged',
      ])
    })
  })

  test('evidence grows by at most one updated line in ten seconds', () => {
    const lines = [1, 2, 3, 14, 15, 40].map((s) => at(s, 'T1', 'tag.sos'))
    const { changes } = run(lines, { until: 60, only: ['R39'] })
    expect(changes.map((c) => `${(c.at - T) / 1000} ${c.change} ${c.alert.evidenceCount}`)).toEqual([
      '1 raised 1',
      '11 updated 3',
      '21 updated 5',
      '40 updated 6',
    ])
  })

  test('evidence is a copy: what an operator later writes into its marks does not change it', () => {
    const { changes } = run(
      [0, 96, 300].map((s) => at(s, 'B1', 'band.battery', { percent: 50 })),
      {
        until: 300,
        only: ['R29'],
      },
    )
    const lines = changes.map((c) => `${(c.at - T) / 1000} ${c.change} ${c.alert.evidence.length}`)
    expect(lines).toEqual(['90 raised 1', '96 cleared 1', '186 updated 2', '300 cleared 2'])
  })

  test('at most twenty ids of evidence are kept, the true number beside them', () => {
    const lines = Array.from({ length: 30 }, (_, i) => at(1 + i, 'T1', 'tag.sos'))
    const { changes } = run(lines, { until: 60, only: ['R39'] })
    expect(changes.at(-1)?.alert.evidence).toHaveLength(20)
    expect(changes.at(-1)?.alert.evidenceCount).toBe(30)
  })

  test('the level of an open alert rises and never falls', () => {
    const ups = (s: number, percent: number) => at(s, 'U1', 'power.ups', { percent })
    const { changes } = run([power(0, false, 'U1'), ups(10, 20), ups(20, 80)], { until: 30, only: ['R51'] })
    expect(text(changes)).toEqual([
      '5 raised R51 U1 yellow unacknowledged',
      '10 escalated R51 U1 orange unacknowledged',
    ])
  })

  test('an instant has one line of an alert, with the highest level that holds', () => {
    const { changes } = run([power(0, false, 'U1'), at(5, 'U1', 'power.ups', { percent: 20 })], {
      until: 30,
      only: ['R51'],
    })
    expect(text(changes)).toEqual(['5 raised R51 U1 orange unacknowledged'])
  })

  test('at most one alert is open for a rule and a key', () => {
    const { changes, engine } = run([at(1, 'T1', 'tag.sos'), at(100, 'T1', 'tag.sos'), at(300, 'T1', 'tag.sos')], {
      until: 400,
      only: ['R39'],
    })
    expect(changes.filter((c) => c.change === 'raised')).toHaveLength(1)
    expect(engine.book.openAlerts()).toHaveLength(1)
  })
})

describe('late readings', () => {
  const late = (by: number) =>
    run([at(400, 'P1W', 'power.ups', { percent: 90 }), at(400 - by, 'T1', 'tag.sos', {}, { received: T + 400_000 })], {
      until: 420,
      only: ['R39'],
    })

  test('five seconds are on time, at the time of the event', () => {
    const { changes, engine } = late(5)
    expect(changes[0]).toMatchObject({ at: T + 395_000, alert: { delayed: false, eventTime: T + 395_000 } })
    expect(engine.counts.late).toBe(0)
  })

  test('a millisecond more is late: raised now, with its event time, as delayed', () => {
    const { changes, engine } = late(5.001)
    expect(changes[0]).toMatchObject({
      at: T + 400_000,
      alert: { delayed: true, raisedAt: T + 400_000, eventTime: T + 394_999 },
    })
    expect(engine.counts.late).toBe(1)
  })

  test('five minutes still matter; a millisecond more is only recorded', () => {
    expect(late(300).changes).toHaveLength(1)
    const { changes, engine } = late(300.001)
    expect(changes).toHaveLength(0)
    expect(engine.counts).toMatchObject({ late: 0, recordedOnly: 1 })
  })
})

describe('states and handling', () => {
  test('a shelved alert comes back by itself; what happened meanwhile is not lost', () => {
    const { changes } = run(
      [
        power(0, false),
        act(10, 'shelve', 'R51', 'P1W', { minutes: 2 }),
        power(20, true),
        power(60, false),
        power(200, true),
      ],
      { until: 230, only: ['R51'] },
    )
    expect(text(changes)).toEqual([
      '5 raised R51 P1W yellow unacknowledged',
      '10 shelved R51 P1W yellow shelved',
      '30 cleared R51 P1W yellow shelved',
      '65 updated R51 P1W yellow shelved',
      '130 unshelved R51 P1W yellow unacknowledged',
      '210 cleared R51 P1W yellow returned-unacknowledged',
    ])
    expect(changes[4]?.by).toBe('system')
  })

  test('an acknowledged yellow alert that ends on the shelf is resolved when it leaves it', () => {
    const { changes } = run(
      [
        power(0, false),
        act(8, 'acknowledge', 'R51', 'P1W'),
        act(10, 'shelve', 'R51', 'P1W', { minutes: 1 }),
        power(20, true),
      ],
      { until: 100, only: ['R51'] },
    )
    expect(text(changes).slice(-2)).toEqual([
      '70 unshelved R51 P1W yellow acknowledged',
      '70 resolved R51 P1W yellow resolved',
    ])
    expect(changes.at(-1)?.alert.result).toBe('returned')
  })

  test('panic cannot be shelved, and an act that the state does not allow changes nothing and is counted', () => {
    const { changes, engine } = run(
      [
        at(1, 'T1', 'tag.sos'),
        act(2, 'shelve', 'R39', 'S1', { minutes: 5 }),
        act(3, 'approve', 'R39', 'S1'),
        act(4, 'acknowledge', 'R99', 'nobody'),
      ],
      { until: 10, only: ['R39'] },
    )
    expect(text(changes)).toEqual(['1 raised R39 S1 red unacknowledged'])
    expect(engine.book.totals().suppressed).toEqual({ 'act:403': 1, 'act:409': 1, 'act:not-found': 1 })
  })

  test('an act names its alert by id, or by rule and key, slug or code', () => {
    const first = run([at(1, 'T1', 'tag.sos')], { until: 2, only: ['R39'] }).changes[0] as AlertChange
    const { changes } = run(
      [
        at(1, 'T1', 'tag.sos'),
        { act: 'comment', alert: first.alert.id, time: T + 2_000, by: 'a', note: 'by id' },
        act(3, 'comment', 'R39', 'S1', { note: 'by code' }),
        act(4, 'comment', 'officer-panic', 'S1', { note: 'by slug' }),
      ],
      { until: 10, only: ['R39'] },
    )
    expect(changes.slice(1).map((c) => c.note)).toEqual(['by id', 'by code', 'by slug'])
  })

  test('a red alert is closed by a second account only', () => {
    const resolve = act(5, 'resolve', 'R39', 'S1', { result: 'confirmed', note: 'seen' })
    const { changes } = run(
      [
        at(1, 'T1', 'tag.sos'),
        resolve,
        act(6, 'approve', 'R39', 'S1'),
        act(7, 'approve', 'R39', 'S1', { by: 'chief' }),
      ],
      { until: 10, only: ['R39'] },
    )
    expect(changes.map((c) => `${c.change} ${c.by}`)).toEqual([
      'raised null',
      'pending-review officer-1',
      'approved chief',
    ])
  })
})

describe('incidents and what sounds', () => {
  const off = (s: number, device: string) => power(s, false, device)

  test('an alert within 180 s of the last change and at most two steps away joins; further away it does not', () => {
    const { changes } = run([off(0, 'U1'), off(100, 'U3'), off(200, 'U4')], { until: 300, only: ['R51'] })
    const [u1, u3, u4] = changes.map((c) => c.alert)
    expect(u3?.incident).toBe(u1?.incident)
    // U4 is near U3, a member, and so belongs to the same story.
    expect(u4?.incident).toBe(u1?.incident)
    expect(changes.map((c) => c.alert.annunciated)).toEqual([true, false, false])
    const far = run([off(0, 'U1'), off(100, 'U4')], { until: 300, only: ['R51'] })
    expect(new Set(far.changes.map((c) => c.alert.incident)).size).toBe(2)
    expect(far.changes[0]?.alert.incident).toBe(`i${far.changes[0]?.alert.id}`)
  })

  test('exactly 180 s after the last change it still joins, a second later it opens another', () => {
    const joined = run([off(0, 'U1'), off(180, 'U2')], { until: 300, only: ['R51'] })
    expect(new Set(joined.changes.map((c) => c.alert.incident)).size).toBe(1)
    const apart = run([off(0, 'U1'), off(181, 'U2')], { until: 300, only: ['R51'] })
    expect(new Set(apart.changes.map((c) => c.alert.incident)).size).toBe(2)
    expect(apart.changes.map((c) => c.alert.annunciated)).toEqual([true, true])
  })

  test('acts, evidence and the end of a condition do not keep an incident young', () => {
    const { changes } = run([off(0, 'U1'), act(170, 'acknowledge', 'R51', 'U1'), off(182, 'U2')], {
      until: 300,
      only: ['R51'],
    })
    const raised = changes.filter((c) => c.change === 'raised')
    expect(raised[0]?.alert.incident).not.toBe(raised[1]?.alert.incident)
  })

  test('a re-activation 60 s after the acknowledgement sounds again, an earlier one does not', () => {
    const again = (ack: number, s: number) =>
      run(
        [
          off(0, 'U1'),
          at(1, 'U1', 'power.ups', { percent: 10 }),
          act(ack, 'acknowledge', 'R51', 'U1'),
          power(20, true, 'U1'),
          at(20, 'U1', 'power.ups', { percent: 90 }),
          off(s, 'U1'),
        ],
        { until: s + 20, only: ['R51'] },
      )
        .changes.filter((c) => c.change === 'updated')
        .at(-1)
    expect(again(10, 65)).toMatchObject({ at: T + 70_000, alert: { annunciated: true, state: 'unacknowledged' } })
    expect(again(11, 65)).toMatchObject({ alert: { annunciated: false } })
  })

  test('a second red sounds only when no red of the incident is unacknowledged', () => {
    const sos = (s: number, tag: string) => at(s, tag, 'tag.sos', {}, { zone: 'COR' })
    const quiet = run([sos(1, 'T1'), sos(5, 'T2')], { until: 10, only: ['R39'] })
    expect(quiet.changes.map((c) => c.alert.annunciated)).toEqual([true, false])
    const loud = run([sos(1, 'T1'), act(3, 'acknowledge', 'R39', 'S1'), sos(5, 'T2')], { until: 10, only: ['R39'] })
    expect(loud.changes.filter((c) => c.change === 'raised').map((c) => c.alert.annunciated)).toEqual([true, true])
  })

  test('of two at the same instant the one with the smaller alert id sounds', () => {
    const { changes } = run([off(0, 'U1'), off(0, 'U2')], { until: 10, only: ['R51'] })
    const [a, b] = changes.map((c) => c.alert)
    expect((a?.id ?? '') < (b?.id ?? '')).toBe(true)
    expect([a?.annunciated, b?.annunciated]).toEqual([true, false])
    expect(a?.incident).toBe(b?.incident)
  })

  test('blue never sounds, and alerts of the never-joining rules have no incident', () => {
    const leak = run([at(0, 'L1', 'env.leak', { active: true })], { until: 20, only: ['R52'] })
    expect(leak.changes[0]?.alert).toMatchObject({ level: 'blue', annunciated: false })
    expect(leak.changes[0]?.alert.incident).not.toBeNull()
    const clock = run(
      [0, 30, 60, 90].map((s) => at(s, 'K1', 'device.clock', { offset_ms: 9000 })),
      { until: 100, only: ['R57'] },
    )
    expect(clock.changes[0]?.alert.incident).toBeNull()
    expect(clock.changes.every((c) => !c.alert.annunciated)).toBe(true)
  })

  test('a roll-call mismatch joins a serious incident of its place however old it is', () => {
    const lines = [
      at(0, 'T1', 'tag.sos', {}, { zone: 'C1' }),
      at(3600, 'D2', 'rollcall.started', { count: 'c1', kind: 'scheduled', expected: 10, out_count: 0 }, { zone: 'W' }),
      at(3610, 'D2', 'rollcall.closed', { count: 'c1', attempt: 1, present: 9 }, { zone: 'W' }),
    ]
    const { changes } = run(lines, { until: 3620, only: ['R39', 'R23'] })
    const [panic, count] = changes.filter((c) => c.change === 'raised')
    expect(count?.alert.code).toBe('R23')
    expect(count?.alert.incident).toBe(panic?.alert.incident)
  })

  test('an incident closes with its last member, and a later alert opens another', () => {
    const { changes } = run([off(0, 'U1'), act(10, 'resolve', 'R51', 'U1', { result: 'confirmed' }), off(60, 'U2')], {
      until: 100,
      only: ['R51'],
    })
    const raised = changes.filter((c) => c.change === 'raised')
    expect(raised[0]?.alert.incident).not.toBe(raised[1]?.alert.incident)
  })
})

describe('the modelled operator', () => {
  test('acknowledges and resolves what is open, after the raise and after each re-activation', () => {
    const { changes } = run([power(0, false), power(10, true), power(40, false)], {
      until: 200,
      only: ['R51'],
      operator: { ackMs: 30_000, resolveMs: 90_000 },
    })
    expect(text(changes)).toEqual([
      '5 raised R51 P1W yellow unacknowledged',
      '20 cleared R51 P1W yellow returned-unacknowledged',
      '35 acknowledged R51 P1W yellow acknowledged',
      '35 resolved R51 P1W yellow resolved',
      '95 raised R51 P1W yellow unacknowledged',
      '125 acknowledged R51 P1W yellow acknowledged',
      '185 resolved R51 P1W yellow resolved',
    ])
    expect(changes[2]?.by).toBe('operator')
  })
})

test('one silent place is one alert: the alerts of its bands are suppressed by design', () => {
  const bands = ['B2', 'B3', 'B4', 'B5', 'B6']
  const site = parseSiteOrThrow(SITE, 'x')
  const devices = [
    ...(site.devices ?? []),
    ...bands.map((id, i) => ({ id, kind: 'band', driver: 'mqtt', subject: `Q${i}` })),
  ]
  const people = bands.map((_, i) => ({ id: `Q${i}`, cell: 'C1' }))
  const changes: AlertChange[] = []
  const engine = new Engine({
    site: { ...site, devices, people } as Site,
    rules: RULES.filter((r) => r.code === 'R54' || r.code === 'R29'),
    operators: OPERATORS,
    onChange: (c) => changes.push(c),
  })
  const fix = { x_m: 1, y_m: 1, floor: 1, accuracy_m: 1 }
  for (const [i, band] of bands.entries()) engine.line(at(i, band, 'band.position', fix, { zone: 'C1' }))
  engine.finish(T + 120_000)
  expect(text(changes)).toEqual([
    '90 raised R29 B2 blue unacknowledged',
    '91 raised R29 B3 blue unacknowledged',
    '92 raised R29 B4 blue unacknowledged',
    '93 raised R29 B5 blue unacknowledged',
    ...text(changes).slice(4),
  ])
  expect(text(changes).slice(4).sort()).toEqual(
    [
      '94 raised R29 B6 blue suppressed-by-design',
      '94 raised R54 C1 orange unacknowledged',
      ...['B2', 'B3', 'B4', 'B5'].map((b) => `94 updated R29 ${b} blue suppressed-by-design`),
    ].sort(),
  )
})

describe('a flood of alarms', () => {
  test('holds back blue and yellow; what rises above comes out at once and sounds', () => {
    const extra = Array.from({ length: 12 }, (_, i) => `  - { id: Z${i}, kind: machine-room }\n`).join('')
    const more = Array.from(
      { length: 12 },
      (_, i) => `  - { id: X${i}, kind: power, driver: opcua, zone: Z${i} }\n`,
    ).join('')
    const site = parseSiteOrThrow(SITE.replace('devices:\n', `${extra}devices:\n${more}`), 'x')
    const changes: AlertChange[] = []
    const engine = new Engine({
      site,
      rules: RULES.filter((r) => r.code === 'R51' || r.code === 'R58'),
      operators: OPERATORS,
      onChange: (c) => changes.push(c),
    })
    for (let i = 0; i < 12; i++) engine.line(power(i, false, `X${i}`))
    engine.line(power(20, false))
    engine.line(at(40, 'P1W', 'power.ups', { percent: 10 }))
    engine.finish(T + 60_000)
    const own = changes.filter((c) => c.alert.key === 'P1W')
    expect(text(own)).toEqual([
      '25 raised R51 P1W yellow suppressed-by-design',
      '40 escalated R51 P1W orange unacknowledged',
    ])
    expect(own.map((c) => c.alert.annunciated)).toEqual([false, true])
  })
})
