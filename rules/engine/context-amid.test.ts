/** What context lines change in the middle of a pattern: who is registered, listed, escorted, on watch. */
import { describe, expect, it } from 'vitest'
import type { ContextKind } from '#model/context/kinds.ts'
import { parseSiteOrThrow } from '#model/site/load.ts'
import { CATALOGUE_DIR, loadRules } from '../catalogue/load.ts'
import { Engine } from './engine.ts'
import { OPERATORS } from './operators/index.ts'

const T = Date.parse('2026-03-02T10:00:00+08:00')
const RULES = loadRules(CATALOGUE_DIR)
const iso = (seconds: number): string => new Date(T + seconds * 1000).toISOString()
const SITE = {
  facility: { id: 'amid-1', kind: 'prison' },
  zones: [
    {
      id: 'W1',
      kind: 'ward',
      floor: 1,
      polygon: [
        [0, 0],
        [60, 0],
        [60, 40],
        [0, 40],
      ],
    },
    { id: 'COR1', kind: 'corridor', parent: 'W1' },
  ],
  people: [
    { id: 'P1', cell: 'W1', allowed: ['W1'] },
    { id: 'P2', cell: 'W1', allowed: ['W1'] },
  ],
  staff: [{ id: 'S1', tag: 'T1' }],
  devices: [
    { id: 'B1', kind: 'band', driver: 'mqtt', zone: 'W1', subject: 'P1' },
    { id: 'B2', kind: 'band', driver: 'mqtt', zone: 'W1', subject: 'P2' },
    { id: 'T1', kind: 'tag', driver: 'mqtt', zone: 'W1' },
    { id: 'K1', kind: 'camera', driver: 'onvif', zone: 'COR1' },
    { id: 'K2', kind: 'camera', driver: 'onvif', zone: 'COR1' },
    { id: 'PP1', kind: 'patrol-point', driver: 'mqtt', zone: 'COR1' },
  ],
}
type Line = Record<string, unknown>
const at = (s: number, device: string, type: string, value: object = {}, received = s): Line => ({
  device,
  type,
  time: T + s * 1000,
  received: T + received * 1000,
  value,
})
const put = (s: number, context: ContextKind, id: string, item: object): Line => ({
  context,
  op: 'put',
  id,
  time: T + s * 1000,
  item: { id, ...item },
})
const drop = (s: number, context: ContextKind, id: string): Line => ({ context, op: 'delete', id, time: T + s * 1000 })
const every = (from: number, to: number, step: number, make: (s: number) => Line): Line[] =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => make(from + i * step))
const fix =
  (device: string, x_m: number, y_m: number) =>
  (s: number): Line =>
    at(s, device, device.startsWith('T') ? 'tag.position' : 'band.position', { x_m, y_m, floor: 1, accuracy_m: 1 })
const alive = (to: number): Line[] => every(0, to, 20, (s) => at(s, 'K2', 'camera.signal', { present: true }))

/** Lines in order of arrival, or as they are given. */
function run(code: string, lines: Line[], more: Partial<typeof SITE> & Record<string, unknown> = {}, sorted = true) {
  const said: string[] = []
  const refused: string[] = []
  const engine = new Engine({
    site: parseSiteOrThrow(JSON.stringify({ ...SITE, ...more }), 'site.yaml'),
    rules: RULES,
    operators: OPERATORS,
    onChange: ({ at: when, change, alert }) => {
      if (alert.code === code && change !== 'updated')
        said.push(`${(when - T) / 1000} ${change} ${alert.key} ${alert.level}`)
    },
    onRefused: (cause, _detail, device, origin) => refused.push(`${origin} ${cause} ${device}`),
  })
  const arrival = (line: Line): number => (line.received ?? line.time) as number
  const given = sorted ? [...lines].sort((a, b) => arrival(a) - arrival(b)) : lines
  for (const [i, line] of given.entries()) engine.line(line, i + 1)
  engine.finish(Math.max(...lines.map((l) => l.time as number)))
  return { said, refused, counts: engine.counts }
}

describe('a device that is added or deleted by a context line', () => {
  const band = { kind: 'band', driver: 'mqtt', zone: 'W1', subject: 'P1' }

  it('is known from that moment on, also when its reading comes half a second later', () => {
    const { said, refused, counts } = run('R38', [
      at(0, 'B9', 'band.sos'),
      put(50, 'devices', 'B9', band),
      at(50.5, 'B9', 'band.sos'),
    ])
    expect(said).toEqual(['50.5 raised P1 yellow'])
    expect(refused).toEqual(['1 unknown-device B9'])
    expect(counts).toMatchObject({ readings: 1, quarantined: 1 })
  })
  it('is known whichever of the two lines came first', () => {
    const lines = [at(51, 'B9', 'band.sos'), put(50, 'devices', 'B9', band), ...alive(60).slice(3)]
    const [one, other] = [
      run('R38', lines, {}, false),
      run('R38', [lines[1] as Line, lines[0] as Line, ...lines.slice(2)], {}, false),
    ]
    expect(one.said).toEqual(['51 raised P1 yellow'])
    expect(other).toMatchObject({ said: one.said, refused: [] })
  })
  it('is a stranger from the moment it is deleted', () => {
    const { said, refused, counts } = run('R60', [drop(50, 'devices', 'B1'), at(51, 'B1', 'band.sos')])
    expect(said).toEqual(['51 raised B1 yellow'])
    expect(refused).toEqual(['2 unknown-device B1'])
    expect(counts).toMatchObject({ readings: 0, quarantined: 1 })
  })
  it('raises nothing any more once it is deleted, though a timer runs', () => {
    const covered = [
      at(-5, 'K1', 'camera.tamper', { tamper: 'covered', active: false }),
      at(0, 'K1', 'camera.tamper', { tamper: 'covered', active: true }),
    ]
    expect(run('R53', [...covered, ...alive(20)]).said).toEqual(['5 raised K1 yellow'])
    expect(run('R53', [...covered, drop(3, 'devices', 'K1'), ...alive(20)]).said).toEqual([])
  })
})

describe('R24, no trace', () => {
  const traces = every(-10, 0, 2, fix('B1', 5, 5))
  const escort = { persons: ['P1'], officers: ['S1'] }

  it.each([
    ['an escort that a line ended', [put(10, 'escorts', 'E', escort), drop(100, 'escorts', 'E')], {}],
    ['an escort that ended by its own time', [], { escorts: [{ id: 'E', ...escort, from: iso(10), to: iso(100) }] }],
    [
      'a list that was made and emptied',
      [put(10, 'lists', 'medical', { persons: ['P1'] }), put(100, 'lists', 'medical', { persons: [] })],
      {},
    ],
  ])('counts from the end of an excuse, also when no timer looked in between: %s', (_what, lines, more) => {
    expect(run('R24', [...traces, ...lines, ...alive(240)], more).said).toEqual(['220 raised P1 orange'])
  })
  it('counts from the very moment at which a long excuse ended', () => {
    const lines = [put(60, 'escorts', 'E', escort), drop(200, 'escorts', 'E')]
    expect(run('R24', [...traces, ...lines, ...alive(340)]).said).toEqual(['320 raised P1 orange'])
  })
})

it('R29 rises when the wearer is put on the watch list after his band has been silent for five minutes', () => {
  const lines = [
    ...every(-10, 0, 2, fix('B1', 5, 5)),
    put(350, 'people', 'P1', { cell: 'W1', watch: true }),
    ...alive(380),
  ]
  expect(run('R29', lines).said).toEqual(['90 raised B1 blue', '300 escalated B1 yellow', '350 escalated B1 orange'])
})

describe('R20, kept apart', () => {
  const near = [...every(0, 60, 1, fix('B1', 5, 5)), ...every(0, 60, 1, fix('B2', 7, 5))]
  const site = { 'keep-apart': [{ id: 'KA', persons: ['P1', 'P2'] }] }

  it('nobody is told of two who were taken off the list while the time ran', () => {
    expect(run('R20', near, site).said).toEqual(['10 raised P1|P2 yellow'])
    expect(run('R20', [...near, drop(8, 'keep-apart', 'KA')], site).said).toEqual([])
  })
  it('it ends ten seconds after they were taken off the list', () => {
    expect(run('R20', [...near, drop(20, 'keep-apart', 'KA')], site).said).toEqual([
      '10 raised P1|P2 yellow',
      '30 cleared P1|P2 yellow',
    ])
  })
})

it('R21 ends ten seconds after the order was taken back, to the millisecond', () => {
  const lines = [
    ...every(0, 150, 1, fix('B1', 5, 5)),
    ...every(0, 94, 1, fix('T1', 5, 6)),
    ...every(95, 150, 1, fix('T1', 25, 5)),
    drop(115, 'escorts', 'E'),
  ]
  expect(run('R21', lines, { escorts: [{ id: 'E', persons: ['P1'], officers: ['S1'] }] }).said).toEqual([
    '105 raised P1 orange',
    '125 cleared P1 orange',
  ])
})

it('R41 judges a point by the interval of now, not by the one that was planned at the last visit', () => {
  const route = (every: string) => ({ kind: 'day', points: ['PP1'], every, tolerance: '1m' })
  const lines = [
    at(0, 'PP1', 'patrol.checkin', { route: 'RT', point: 'PP1', officer: 'S1' }),
    put(100, 'patrols', 'RT', route('10m')),
    ...alive(800),
  ]
  expect(run('R41', lines, { patrols: [{ id: 'RT', ...route('30m') }] }).said).toEqual(['660 raised RT|PP1 yellow'])
})
