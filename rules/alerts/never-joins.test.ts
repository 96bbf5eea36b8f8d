import { expect, test } from 'vitest'
import type { AlertChange } from '#model/alert/alert.ts'
import { mergedSite } from '../cases/run.ts'
import { CATALOGUE_DIR, loadRules } from '../catalogue/load.ts'
import { Engine } from '../engine/engine.ts'
import { OPERATORS } from '../engine/operators/index.ts'

const T = Date.parse('2026-03-02T10:00:00+08:00')
const NEVER = ['R44', 'R50', 'R55', 'R57', 'R58', 'R60', 'R61', 'R63']

test('the rules that never join an incident are those of the text', () => {
  const rules = loadRules(CATALOGUE_DIR)
  expect(rules.filter((r) => !r.file.incident).map((r) => r.code)).toEqual(NEVER)
})

test('an alert that never joins an incident has none and never sounds, however serious it is', () => {
  const changes: AlertChange[] = []
  const engine = new Engine({
    site: mergedSite({}),
    rules: loadRules(CATALOGUE_DIR),
    operators: OPERATORS,
    onChange: (c) => changes.push(c),
  })
  const say = (s: number, device: string, type: string, value: Record<string, unknown>): void =>
    void engine.line({ device, type, time: T + s * 1000, value })
  say(0, 'EDGE', 'agent.heartbeat', { queue_depth: 0, uplink: 'up' })
  for (let s = 0; s <= 90; s += 10) say(s, 'K1', 'device.clock', { offset_ms: 6_000 })
  say(95, 'EDGE', 'config.changed', { what: 'rule', id: 'climbing', by: 'admin', field: 'enabled', to: 'false' })
  say(100, 'S1T', 'tag.sos', {})
  engine.finish(T + 120_000)
  const raised = (code: string) => changes.filter((c) => c.alert.code === code)
  for (const code of ['R55', 'R57', 'R61']) {
    expect(raised(code).length, code).toBeGreaterThan(0)
    for (const c of raised(code)) expect(c.alert).toMatchObject({ incident: null, annunciated: false })
  }
  expect(raised('R55')[0]?.alert.level).toBe('orange')
  // Beside them a panic button sounds as ever.
  expect(raised('R39')[0]?.alert.annunciated).toBe(true)
})
