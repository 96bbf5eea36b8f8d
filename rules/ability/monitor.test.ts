import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { AlertChange } from '#model/alert/alert.ts'
import { parseSiteOrThrow } from '#model/site/load.ts'
import { CATALOGUE_DIR, loadRules } from '../catalogue/load.ts'
import { Engine } from '../engine/engine.ts'
import { type Ability, abilityRule, ENGINE_OPERATORS } from './monitor.ts'

const SITE = `
facility: { id: f, kind: prison }
zones:
  - { id: BELT, kind: belt, class: red, perimeter: true, adjacent: [YARD] }
  - { id: YARD, kind: yard }
  - { id: C1, kind: cell }
  - { id: SALLY, kind: sally-port }
devices:
  - { id: F1, kind: fence, driver: opcua, zone: BELT }
  - { id: K1, kind: camera, driver: onvif, zone: YARD }
  - { id: K2, kind: camera, driver: onvif, zone: BELT }
  - { id: B1, kind: band, driver: mqtt, subject: P1 }
  - { id: B2, kind: band, driver: mqtt, subject: P2 }
  - { id: G1, kind: gate, driver: opcua, zone: SALLY }
people: [{ id: P1, cell: C1 }, { id: P2, cell: C1 }]
`
const T = 1_800_000_000_000
const RULES = loadRules(CATALOGUE_DIR)
let changes: AlertChange[]
let engine: Engine
const make = (live = false, site = SITE): Engine =>
  new Engine({
    site: parseSiteOrThrow(site, 'site.yaml'),
    rules: [...RULES, abilityRule()],
    operators: ENGINE_OPERATORS,
    live,
    onChange: (c) => changes.push(c),
  })
const say = (s: number, device: string, type: string, value: Record<string, unknown>): void =>
  void engine.line({ device, type, time: T + s * 1000, value })
const volts = (s: number): void => say(s, 'F1', 'fence.voltage', { kv: 6, nominal_kv: 6 })
const fix = (s: number, band: string): void =>
  say(s, band, 'band.position', { x_m: 1, y_m: 1, floor: 0, accuracy_m: 1 })
const online = (s: number, device: string, is = true): void => say(s, device, 'device.status', { online: is })
const report = (): Ability => engine.report('S01') as Ability
const unable = (zone: string): string[] =>
  report()
    .unable.filter((u) => u.zone === zone && u.mandatory)
    .map((u) => u.code)
const s01 = (): string[] =>
  changes
    .filter((c) => c.alert.code === 'S01')
    .map((c) => `${(c.at - T) / 1000} ${c.change} ${c.alert.key} ${c.alert.level}`)

beforeEach(() => {
  changes = []
  engine = make()
})

describe('the ability monitor', () => {
  test('names the rules that cannot fire at a place, with each need and what is wrong with each device', () => {
    volts(0)
    engine.advance(T + 20_000)
    expect(unable('BELT')).toEqual(expect.arrayContaining(['R01', 'R03', 'R04']))
    const r01 = report().unable.find((u) => u.code === 'R01')
    expect(r01).toMatchObject({ zone: 'BELT', mandatory: true, since: T })
    expect(r01?.lacks).toEqual([
      { kinds: ['fence'], atLeast: 1, devices: [{ id: 'F1', cause: 'stale' }] },
      {
        kinds: ['camera'],
        atLeast: 1,
        devices: [
          { id: 'K1', cause: 'never-seen' },
          { id: 'K2', cause: 'never-seen' },
        ],
      },
    ])
  })

  test('one able device of each kind is enough, and a place is able again as soon as one is back', () => {
    volts(0)
    online(0, 'K1')
    engine.advance(T + 8_000)
    expect(unable('BELT')).toEqual(['R04'])
    online(10, 'K1', false)
    online(10, 'K2')
    volts(12)
    engine.advance(T + 20_000)
    expect(unable('BELT')).toEqual([])
    expect(report().devices).toMatchObject({ K1: 'offline', B1: 'never-seen' })
  })

  test('a device that is not there at all is a need without candidates', () => {
    online(0, 'G1')
    engine.advance(T + 10_000)
    expect(report().unable.find((u) => u.code === 'R17')?.lacks).toEqual([
      { kinds: ['life-detector'], atLeast: 1, devices: [] },
    ])
  })

  test('a rule about people is unable only when none of those who live there can be heard', () => {
    fix(0, 'B1')
    fix(0, 'B2')
    fix(20, 'B2')
    engine.advance(T + 30_000)
    expect(unable('C1')).not.toContain('R28')
    engine.advance(T + 40_000)
    expect(unable('C1')).toContain('R28')
    expect(
      report()
        .unable.find((u) => u.code === 'R28')
        ?.lacks[0]?.devices.map((d) => d.cause),
    ).toEqual(['stale', 'stale'])
  })

  test('a clock that cannot be trusted, a stuck sensor and a covered camera take a device’s word away', () => {
    online(0, 'K1')
    online(0, 'K2')
    volts(0)
    for (let s = 0; s <= 100; s += 5) {
      volts(s)
      if (s % 20 === 0) say(s, 'F1', 'device.clock', { offset_ms: 0 })
      if (s % 20 === 0) say(s, 'K2', 'device.clock', { offset_ms: 8_000 })
    }
    say(101, 'K1', 'camera.tamper', { tamper: 'covered', active: true })
    volts(115)
    engine.advance(T + 130_000)
    expect(report().devices).toMatchObject({ K1: 'covered', K2: 'clock-doubtful' })
    expect(unable('BELT')).toContain('R01')
  })

  test('samples of one kind that stay away or never vary disable the rules that listen for them, and no others', () => {
    const vitals = (s: number, band: string, hr: number): void =>
      say(s, band, 'band.vitals', { hr, activity: (s % 7) / 10, confidence: 0.9 })
    for (let s = 0; s <= 30; s += 5) {
      fix(s, 'B1')
      vitals(s, 'B1', 70 + (s % 3))
    }
    engine.advance(T + 40_000)
    expect(unable('C1')).not.toContain('R30')
    // The sensor of the pulse dies, the band goes on telling where it is.
    for (let s = 35; s <= 110; s += 5) fix(s, 'B1')
    engine.advance(T + 120_000)
    expect(unable('C1')).toContain('R30')
    expect(unable('C1')).not.toContain('R18')
    expect(report().unable.find((u) => u.code === 'R30')?.lacks[0]?.devices).toContainEqual({
      id: 'B1',
      cause: 'stale',
    })
    // It comes back, and says for half an hour exactly the same.
    for (let s = 125; s <= 2_000; s += 5) {
      fix(s, 'B1')
      say(s, 'B1', 'band.vitals', { hr: 70, activity: 0.1, confidence: 0.9 })
    }
    engine.advance(T + 2_010_000)
    expect(report().unable.find((u) => u.code === 'R30')?.lacks[0]?.devices).toContainEqual({ id: 'B1', cause: 'flat' })
    expect(unable('C1')).not.toContain('R18')
    vitals(2_015, 'B1', 72)
    fix(2_015, 'B1')
    engine.advance(T + 2_025_000)
    expect(unable('C1')).not.toContain('R30')
  })

  test('every rule that listens for samples at a place says so when they are missing, stale or of a doubtful clock', () => {
    volts(0)
    fix(0, 'B1')
    fix(0, 'B2')
    engine.advance(T + 200_000)
    // Whatever guards a place with one kind of device that tells samples is unable once those are old.
    expect(unable('BELT')).toEqual(expect.arrayContaining(['R01', 'R03', 'R04']))
    expect(unable('C1')).toEqual(expect.arrayContaining(['R18', 'R24', 'R30', 'R33', 'R34']))
    expect(unable('SALLY')).toContain('R17')
    const causes = new Set(report().unable.flatMap((u) => u.lacks.flatMap((l) => l.devices.map((d) => d.cause))))
    expect(causes).toContain('stale')
    expect(causes).toContain('never-seen')
    expect(report().unable.some((u) => u.lacks.some((l) => l.devices.length === 0))).toBe(true)
  })

  test('S01 comes once a place when mandatory rules have been unable for ten minutes, and ends when they are able again', () => {
    volts(0)
    online(0, 'K1')
    online(0, 'K2')
    online(100, 'F1', false)
    for (const s of [609, 611]) {
      engine.advance(T + (s + 6) * 1000)
      expect(s01().filter((l) => l.includes('BELT'))).toEqual(s === 609 ? [] : ['610.001 raised BELT yellow'])
    }
    online(800, 'F1')
    volts(801)
    engine.advance(T + 830_000)
    expect(s01().filter((l) => l.includes('BELT'))).toEqual(['610.001 raised BELT yellow', '801 cleared BELT yellow'])
    const alert = changes.find((c) => c.alert.key === 'BELT' && c.alert.code === 'S01')?.alert
    expect(alert?.incident).toBeNull()
    expect(alert?.reasons[0]?.params).toMatchObject({ rules: ['R01', 'R03'], devices: ['F1 offline'] })
    expect(alert?.explanation.zh).toContain('R01')
  })

  test('what could never fire is blue', () => {
    volts(0)
    engine.advance(T + 700_000)
    expect(s01()).toEqual(expect.arrayContaining(['600 raised SALLY blue', '600 raised C1 blue']))
  })

  test('a restart keeps since when', () => {
    volts(0)
    engine.advance(T + 300_000)
    const snapshot = engine.snapshot()
    const before = report()
    engine = make()
    engine.restore(snapshot)
    expect(report()).toEqual(before)
    engine.advance(T + 700_000)
    expect(s01()).toContain('600 raised SALLY blue')
  })

  test('a pair of doors alone is a lock for people on foot: no vehicle rule is missed there', () => {
    const doors = `
  - { id: DA, kind: door, driver: opcua, zone: SALLY }
  - { id: DB, kind: door, driver: opcua, zone: SALLY }
`
    const pair = 'door-pairs: [{ id: AB, a: DA, b: DB, zone: SALLY }]\n'
    const withDoors = SITE.replace('\npeople:', `${doors}people:`) + pair
    engine = make(false, withDoors)
    volts(0)
    engine.advance(T + 10_000)
    expect(unable('SALLY')).toEqual(['R07', 'R09', 'R17'])
    engine = make(false, withDoors.replace(/ {2}- \{ id: G1.*\n/, ''))
    volts(0)
    engine.advance(T + 10_000)
    expect(unable('SALLY')).toEqual(['R07', 'R09'])
  })

  test('a change of the site is looked at', () => {
    online(0, 'G1')
    engine.advance(T + 10_000)
    expect(unable('SALLY')).toEqual(['R17'])
    const item = { id: 'L1', kind: 'life-detector', driver: 'opcua', zone: 'SALLY' }
    engine.line({ context: 'devices', op: 'put', id: 'L1', item, time: T + 11_000 })
    online(12, 'L1')
    engine.advance(T + 20_000)
    expect(unable('SALLY')).toEqual([])
  })
})

describe('devices that have never spoken', () => {
  const r54 = (): string[] =>
    changes
      .filter((c) => c.alert.code === 'R54')
      .map((c) => `${(c.at - T) / 1000} ${c.change} ${c.alert.key} ${c.alert.level}`)

  test('are one blue alert each after ten minutes of a live edge, until they speak', () => {
    engine = make(true)
    volts(0)
    online(1, 'G1')
    for (const band of ['B1', 'B2']) fix(2, band)
    online(3, 'K1')
    engine.advance(T + 590_000)
    expect(r54()).toEqual([])
    engine.advance(T + 620_000)
    expect(r54()).toEqual(['600 raised K2 blue'])
    online(650, 'K2')
    engine.advance(T + 680_000)
    expect(r54()).toEqual(['600 raised K2 blue', '650 cleared K2 blue'])
  })

  test('are nobody’s absence in a replay', () => {
    volts(0)
    engine.advance(T + 2_000_000)
    expect(r54()).toEqual([])
  })
})

test('every mandatory rule that guards a place has its needs written down', () => {
  const text = readFileSync(join(import.meta.dirname, 'needs.ts'), 'utf8')
  for (const rule of RULES.filter((r) => r.file.mandatory)) expect(text, rule.code).toContain(rule.code)
})
