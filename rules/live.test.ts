import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { AlertChange } from '#model/alert/alert.ts'
import { parseSiteOrThrow } from '#model/site/load.ts'
import { CATALOGUE_DIR, draftRules, loadRules, shadowRules } from './catalogue/load.ts'
import { ruleInfos } from './commands.ts'
import { Rule } from './engine/rule.ts'
import { createLiveRules, type LiveRules } from './live.ts'

const site = parseSiteOrThrow(
  `
facility: { id: f, kind: prison }
zones:
  - { id: W, kind: ward }
  - { id: C, kind: cell, parent: W }
  - { id: BELT, kind: belt, class: red, perimeter: true }
devices:
  - { id: E1, kind: edge-agent, zone: W }
  - { id: T1, kind: tag, driver: mqtt, subject: S1 }
  - { id: D1, kind: door, driver: opcua, zone: C }
  - { id: D2, kind: door, driver: opcua, zone: C }
  - { id: F1, kind: fence, driver: opcua, zone: BELT }
  - { id: K1, kind: camera, driver: onvif, zone: BELT }
  - { id: B1, kind: band, driver: mqtt, subject: P1 }
people: [{ id: P1, cell: C }]
staff: [{ id: S1, tag: T1 }]
`,
  'site.yaml',
)
const T = 1_800_000_000_000

let seen: { change: AlertChange; source: string }[]
let doubtful: string[]
let rules: LiveRules
const fresh = (): LiveRules =>
  createLiveRules({
    site,
    onChange: (change, source) => seen.push({ change, source }),
    onNotConfirmed: (id) => doubtful.push(id),
  })
const text = () =>
  seen.map(({ change, source }) => `${source} ${change.change} ${change.alert.code} ${(change.at - T) / 1000}`)

beforeEach(() => {
  seen = []
  doubtful = []
  rules = fresh()
})

describe('the live pair of runs', () => {
  test('a first start is no endless pause: silence counts from then on', () => {
    rules.resume(T)
    rules.line({ device: 'B1', type: 'band.battery', time: T + 1_000, received: T + 1_000, value: { percent: 80 } })
    for (let at = T + 2_000; at < T + 900_000; at += 5_000) rules.tick(at)
    expect(text().filter((line) => line.includes('raised R29'))).not.toEqual([])
  })

  test('restarts close together are one pause: absence is judged two minutes after the last of them', () => {
    rules.line({ device: 'B1', type: 'band.battery', time: T, received: T, value: { percent: 80 } })
    rules.tick(T + 1_000)
    for (const at of [30_000, 60_000, 90_000]) rules.resume(T + at)
    for (let at = T + 91_000; at < T + 330_000; at += 1_000) rules.tick(at)
    const r29 = seen.filter((s) => s.change.alert.code === 'R29')
    // A second before the pause; then what is left of the 90 s from its end on.
    expect(r29.map((s) => (s.change.at - T) / 1000)).toEqual([90 + 120 + 89])
  })

  test('shows positive evidence on arrival, and the ordered run confirms it under the same id', () => {
    rules.line({ device: 'T1', type: 'tag.sos', time: T, received: T + 40, value: {} })
    expect(text()).toEqual(['eager raised R39 0'])
    rules.tick(T + 6_000)
    expect(text()).toEqual(['eager raised R39 0', 'ordered raised R39 0'])
    expect(seen[0]?.change.alert.id).toBe(seen[1]?.change.alert.id)
    rules.tick(T + 60_000)
    expect(doubtful).toEqual([])
  })

  test('a co-occurrence whose parts arrive in the wrong order is shown at once and keeps its id', () => {
    rules.line({
      device: 'K1',
      type: 'camera.intrusion',
      time: T + 2_000,
      received: T + 2_100,
      value: { object: 'human', confidence: 0.9 },
    })
    rules.line({ device: 'F1', type: 'fence.alarm', time: T, received: T + 2_500, value: { strength: 'high' } })
    expect(text()).toEqual(['eager raised R01 2'])
    rules.tick(T + 10_000)
    const raised = seen.filter((s) => s.change.change === 'raised' && s.change.alert.code === 'R01')
    expect(raised.map((s) => s.source)).toEqual(['eager', 'ordered'])
    expect(new Set(raised.map((s) => s.change.alert.id)).size).toBe(1)
    expect(raised[0]?.change.alert.delayed).toBe(false)
  })

  test('timed patterns come from the ordered run, at most lateness and a tick after the deadline', () => {
    rules.line({ device: 'D1', type: 'door.state', time: T, value: { state: 'open' } })
    for (let t = 0; t <= 3_000 + 5_000; t += 200) rules.tick(T + t)
    expect(text()).toEqual(['ordered raised R07 3'])
  })
})

describe('a restart', () => {
  test('keeps open timers; a deadline that passed while the edge was down fires as delayed at the time of the start', () => {
    rules.line({ device: 'D1', type: 'access.granted', time: T - 1, value: { credential: 'X', door: 'D1' } })
    rules.line({ device: 'D1', type: 'door.state', time: T, value: { state: 'open' } })
    rules.tick(T + 7_000)
    const kept = JSON.parse(JSON.stringify(rules.snapshot()))
    rules = fresh()
    rules.restore(kept, [])
    rules.resume(T + 100_000)
    rules.tick(T + 106_000)
    const r08 = seen.filter((s) => s.change.alert.code === 'R08')
    expect(
      r08.map(
        (s) =>
          `${s.change.change} ${(s.change.at - T) / 1000} ${s.change.alert.delayed} ${(s.change.alert.eventTime - T) / 1000}`,
      ),
    ).toEqual(['raised 100 true 20'])
  })

  test('what a cool-down held back does not come through because the edge was down until it was over', () => {
    const denied = (at: number): void =>
      rules.line({
        id: `denied-${at}`,
        zone: null,
        subject: null,
        quality: 'good',
        device: 'X1',
        type: 'access.denied',
        time: T + at,
        received: T + at,
        value: { credential: 'C1' },
      })
    const raised = (): number[] =>
      seen.filter((s) => s.change.alert.code === 'R13' && s.change.change === 'raised').map((s) => s.change.at - T)
    for (let at = 0; at < 5_000; at += 1_000) denied(at)
    rules.tick(T + 10_000)
    const first = seen.find((s) => s.change.alert.code === 'R13')?.change.alert.id as string
    rules.line({ act: 'dismiss', alert: first, time: T + 11_000, by: 'S1', result: 'false', cause: 'nuisance' })
    rules.tick(T + 17_000)
    for (let at = 18_000; at < 24_000; at += 1_000) denied(at)
    const kept = JSON.parse(JSON.stringify(rules.snapshot()))
    const before = raised().length
    expect(before).toBeGreaterThan(0)
    rules = fresh()
    rules.restore(
      kept,
      [18, 19, 20, 21, 22, 23].map((s) => ({
        id: `denied-${s * 1000}`,
        facility: 'js-03',
        zone: null,
        subject: null,
        quality: 'good' as const,
        device: 'X1',
        type: 'access.denied',
        time: T + s * 1000,
        received: T + s * 1000,
        value: { credential: 'C1' },
      })),
    )
    rules.resume(T + 900_000)
    rules.tick(T + 906_000)
    expect(raised().slice(before)).toEqual([])
  })

  test('readings that still wait for their turn are handed in again by whoever keeps them', () => {
    const line = {
      id: 'r1',
      zone: null,
      subject: null,
      quality: 'good',
      device: 'D1',
      type: 'door.state',
      time: T,
    } as const
    const open = { ...line, received: T, value: { state: 'open' } } as const
    rules.line(open)
    const kept = rules.snapshot()
    expect(rules.waitingIds(kept)).toEqual(['r1'])
    rules = fresh()
    rules.restore(kept, [open])
    for (let t = 0; t <= 3_000 + 5_000; t += 200) rules.tick(T + t)
    expect(text()).toEqual(['ordered raised R07 3'])
  })

  test('a state kept right after an outage still knows of it: what had passed then is told the same way again', () => {
    rules.line({ device: 'D1', type: 'door.state', time: T + 7_000, value: { state: 'open' } })
    rules.tick(T + 8_000)
    rules.resume(T + 30_000)
    // The door had stood open for its 20 s at 27 s, while nobody listened; the ordered run has not come so far yet.
    const kept = rules.snapshot()
    const goesOn = (): string[] => {
      seen = []
      rules.line({ device: 'B1', type: 'band.battery', time: T + 33_000, value: { percent: 80 } })
      rules.tick(T + 33_000)
      return seen.map(({ change }) => `${change.alert.code} ${(change.at - T) / 1000} ${change.alert.delayed}`)
    }
    const quiet = goesOn()
    expect(quiet).toEqual(['R08 30 true'])
    rules = fresh()
    rules.restore(kept, [])
    expect(goesOn()).toEqual(quiet)
  })

  test('judges no source absent for the time in which nobody listened', () => {
    const fix = (t: number) =>
      rules.line({
        device: 'B1',
        type: 'band.position',
        time: T + t,
        value: { x_m: 1, y_m: 1, floor: 1, accuracy_m: 1 },
      })
    for (let t = 0; t <= 10_000; t += 1_000) fix(t)
    rules.tick(T + 16_000)
    const kept = rules.snapshot()
    rules = fresh()
    rules.restore(kept, [])
    rules.resume(T + 3_600_000)
    for (let t = 3_600_000; t <= 3_640_000; t += 1_000) {
      fix(t)
      rules.tick(T + t + 500)
    }
    expect(text()).toEqual([])
  })
})

test('a rule of the province tier is not raised by the edge about itself', () => {
  const beat = (t: number): void =>
    rules.line({ device: 'E1', type: 'agent.heartbeat', time: T + t, value: { queue_depth: 0, uplink: 'up' } })
  beat(0)
  rules.tick(T + 300_000)
  expect(text().filter((l) => l.includes('R55'))).toEqual([])
  expect(rules.rules.find((r) => r.code === 'R55')?.file.tier).toBe('province')
})

test('the very first start is no outage: absence is armed by the first word and runs from there', () => {
  rules.resume(T)
  rules.line({ device: 'B1', type: 'band.battery', time: T + 1_000, value: { percent: 80 } })
  for (let t = 2; t < 100; t++) rules.tick(T + t * 1_000)
  expect(text()).toContain('ordered raised R29 91')
})

describe('rules that change while they run', () => {
  const rulesWith = (overrides: Record<string, Record<string, unknown>>) => loadRules(CATALOGUE_DIR, overrides)
  const open = (): void => rules.line({ device: 'D1', type: 'door.state', time: T, value: { state: 'open' } })
  const r08 = (): string[] => text().filter((line) => line.includes('R08'))

  test('a changed parameter keeps what was going on and counts at once', () => {
    open()
    rules.tick(T + 12_000)
    const changes = rules.replace(rulesWith({ 'door-held-open': { cellLimit: '10s' } }))
    expect(changes).toEqual([{ rule: 'door-held-open', what: 'parameter', field: 'cellLimit', from: '20', to: '10' }])
    rules.tick(T + 16_000)
    expect(r08()).toEqual(['ordered raised R08 10'])
  })

  test('a longer limit is waited for, though the timer had been set for the shorter', () => {
    open()
    rules.tick(T + 12_000)
    rules.replace(rulesWith({ 'door-held-open': { cellLimit: '40s' } }))
    rules.tick(T + 44_000)
    expect(r08()).toEqual([])
    rules.tick(T + 46_000)
    expect(r08()).toEqual(['ordered raised R08 40'])
  })

  test('a rule that is switched off is silent and its open alert stays; switched on it begins anew', () => {
    open()
    rules.tick(T + 26_000)
    expect(r08()).toEqual(['ordered raised R08 20'])
    rules.replace(rulesWith({ 'door-held-open': { enabled: false } }))
    rules.tick(T + 200_000)
    expect(r08()).toHaveLength(1)
    rules.replace(rulesWith({}))
    rules.line({ device: 'D1', type: 'door.state', time: T + 210_000, value: { state: 'closed' } })
    rules.line({ device: 'D1', type: 'door.state', time: T + 215_000, value: { state: 'open' } })
    rules.tick(T + 245_000)
    // It is the same alert: it had never been closed.
    expect(new Set(seen.filter((s) => s.change.alert.code === 'R08').map((s) => s.change.alert.id)).size).toBe(1)
  })

  test.each([
    ['operator', { operator: 'door-forced' }],
    ['key', { key: ['zone'] }],
    ['pattern', { pattern: { other: true } }],
  ] as const)('a changed %s drops the running timers and leaves open alerts open', (_what, change) => {
    open()
    rules.line({ device: 'D2', type: 'door.state', time: T + 10_000, value: { state: 'open' } })
    rules.tick(T + 26_000)
    expect(r08()).toEqual(['ordered raised R08 20'])
    const parameters = [
      { name: 'permitBefore', unit: 's', default: 5, zh: '前', en: 'before' },
      { name: 'permitAfter', unit: 's', default: 3, zh: '后', en: 'after' },
      { name: 'closedFor', unit: 's', default: 10, zh: '关', en: 'closed' },
    ]
    const changed = rulesWith({}).map((rule) =>
      rule.code === 'R08'
        ? new Rule({ ...rule.file, ...change, parameters: [...rule.file.parameters, ...parameters] } as never)
        : rule,
    )
    expect(rules.replace(changed).filter((c) => c.what === 'reshaped')).toHaveLength(1)
    const kept = JSON.parse(rules.snapshot().ordered)
    expect(kept.rules['door-held-open']).toEqual([])
    expect(JSON.stringify(kept.book)).toContain('"rule":"door-held-open"')
    rules.tick(T + 60_000)
    // The timer of D2, which would have fired at 30 s, is gone; the alert of D1 is neither ended nor raised again.
    expect(r08()).toEqual(['ordered raised R08 20'])
  })

  test('a rule whose pattern changed starts empty, and readings that wait are not lost', () => {
    open()
    rules.line({ device: 'T1', type: 'tag.sos', time: T + 1_000, value: {} })
    const reshaped = rulesWith({}).map((rule) =>
      rule.code === 'R08' ? new Rule({ ...rule.file, pattern: { other: true } }) : rule,
    )
    const changes = rules.replace(reshaped)
    expect(changes.map((c) => `${c.rule} ${c.what}`)).toEqual(['door-held-open reshaped'])
    rules.tick(T + 30_000)
    expect(text()).toContain('ordered raised R39 1')
    expect(text()).toContain('ordered raised R07 3')
  })
})

describe('drafts in shadow mode', () => {
  test('are counted beside the rule in force and never raise', () => {
    const overrides = { 'door-held-open': { shadow: { cellLimit: '5s', orangeAfter: '30s' } } }
    const all = loadRules(CATALOGUE_DIR, overrides)
    rules.replace(all, shadowRules(all, overrides))
    rules.line({ device: 'D1', type: 'door.state', time: T, value: { state: 'open' } })
    rules.tick(T + 16_000)
    expect(text().filter((l) => l.includes('R08'))).toEqual([])
    expect(rules.shadow()).toMatchObject([
      { rule: 'door-held-open', code: 'R08', raised: { yellow: 1 }, since: T, lastAt: T + 5_000 },
    ])
    expect(rules.shadow()[0]?.values.cellLimit).toBe(5)
    rules.tick(T + 36_000)
    expect(text().filter((l) => l.includes('R08'))).toEqual(['ordered raised R08 20'])
    expect(rules.shadow()[0]?.raised).toEqual({ yellow: 0, orange: 1 })
  })

  test('a rule that is only a draft raises nothing; a wrong draft is refused', () => {
    const overrides = { 'door-held-open': { shadow: true } }
    const all = loadRules(CATALOGUE_DIR, overrides)
    rules.replace(all, shadowRules(all, overrides))
    rules.line({ device: 'D1', type: 'door.state', time: T, value: { state: 'open' } })
    rules.tick(T + 30_000)
    expect(text().filter((l) => l.includes('R08'))).toEqual([])
    expect(rules.shadow()[0]?.raised).toEqual({ yellow: 1 })
    expect(() => loadRules(CATALOGUE_DIR, { drone: { shadow: { wings: 4 } } })).toThrow(/rules\.drone\.shadow\.wings/)
  })

  test('rule files of the folder of drafts run beside the rules in force, and new ones beside the catalogue', () => {
    const dir = mkdtempSync(join(tmpdir(), 'drafts-'))
    try {
      const held = readFileSync(join(CATALOGUE_DIR, 'door-held-open.yaml'), 'utf8')
      const own = (text: string) =>
        text.replace('id: sos-by-inmate', 'id: night-call').replace('code: R38', 'code: R90')
      writeFileSync(join(dir, 'door-held-open.yaml'), held.replace('default: 20, min: 5', 'default: 4, min: 4'))
      writeFileSync(join(dir, 'night-call.yaml'), own(readFileSync(join(CATALOGUE_DIR, 'sos-by-inmate.yaml'), 'utf8')))
      const all = loadRules(CATALOGUE_DIR)
      const drafts = draftRules(dir, all)
      rules.replace(all, drafts)
      rules.line({ device: 'D1', type: 'door.state', time: T, value: { state: 'open' } })
      rules.tick(T + 12_000)
      rules.line({ device: 'D1', type: 'door.state', time: T + 13_000, value: { state: 'closed' } })
      rules.tick(T + 40_000)
      expect(text().filter((l) => l.includes('R08') || l.includes('R90'))).toEqual([])
      const infos = ruleInfos(rules.rules, rules.shadow(), rules.drafts)
      expect(infos.find((r) => r.code === 'R08')).toMatchObject({
        enabled: true,
        shadow: { raised: { yellow: 1 }, alerts: [{ zone: 'C', device: 'D1', level: 'yellow', at: T + 4_000 }] },
      })
      expect(infos.find((r) => r.code === 'R08')?.shadow?.alerts[0]?.clearedAt).toBe(T + 13_000)
      expect(infos.find((r) => r.code === 'R90')).toMatchObject({
        id: 'night-call',
        enabled: false,
        shadow: { raised: {} },
      })

      // A draft that did not change goes on counting; a changed one begins anew.
      rules.replace(all, draftRules(dir, all))
      expect(rules.shadow()[0]?.raised).toEqual({ yellow: 1 })
      writeFileSync(join(dir, 'door-held-open.yaml'), held.replace('default: 20, min: 5', 'default: 3, min: 3'))
      rules.replace(all, draftRules(dir, all))
      expect(rules.shadow()[0]?.raised).toEqual({})

      writeFileSync(join(dir, 'night-call.yaml'), own(held))
      expect(() => draftRules(dir, all)).toThrow(/night-call\.yaml:\d+:\d+: the id must be the name/)
      writeFileSync(join(dir, 'night-call.yaml'), held.replace('id: door-held-open', 'id: night-call'))
      expect(() => draftRules(dir, all)).toThrow(/neither a draft of R08 door-held-open nor a rule of its own/)
      rmSync(join(dir, 'night-call.yaml'))
      expect(() => draftRules(dir, all, { 'door-held-open': { shadow: true } })).toThrow(/keep one of the two/)
      expect(draftRules(join(dir, 'none'), all)).toEqual([])
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
})
