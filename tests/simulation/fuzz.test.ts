import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Store } from '#province/store/sql.ts'
import { openProvinceStore } from './province-node.ts'
import { simulate } from './simulate.ts'

const SEEDS = 8

let store: Store
beforeAll(async () => {
  store = await openProvinceStore()
}, 120_000)
afterAll(() => store?.close())

test('edge and province keep every promise through seeded faults, kills and power cuts', {
  timeout: 240_000,
}, async () => {
  const broken: string[] = []
  let kills = 0
  let alerts = 0
  const rules = new Set<string>()
  const torn = { lost: 0, torn: 0, reordered: 0 }
  for (let seed = 1; seed <= SEEDS; seed++) {
    const outcome = await simulate(seed, store)
    kills += outcome.kills
    alerts += outcome.alerts
    for (const rule of outcome.judged) rules.add(rule)
    for (const how of ['lost', 'torn', 'reordered'] as const) torn[how] += outcome.powerCuts[how]
    broken.push(...outcome.violations.map((violation) => `seed ${seed}: ${violation}`))
  }
  expect(broken).toEqual([])
  // A simulation in which nothing happens would keep every promise too.
  expect(kills).toBeGreaterThan(SEEDS)
  expect(alerts).toBeGreaterThan(SEEDS * 5)
  // Single events, timers, counts, composites and absence: each kind of rule was compared.
  for (const rule of ['sos-by-inmate', 'gas', 'repeated-denial', 'perimeter-intrusion-confirmed', 'band-offline'])
    expect(rules).toContain(rule)
  expect(Math.min(torn.lost, torn.torn, torn.reordered)).toBeGreaterThan(0)
})

test('the same seed lives through the same run, step by step', { timeout: 120_000 }, async () => {
  const [first, second] = [await simulate(3, store, { trace: true }), await simulate(3, store, { trace: true })]
  expect(second).toEqual(first)
})

test('an acknowledgement before the disk, and an alert forgotten, are found', { timeout: 120_000 }, async () => {
  const outcome = await simulate(2, store, { sabotage: true })
  expect(outcome.violations.join('\n')).toMatch(/acknowledged-is-kept/)
  expect(outcome.violations.join('\n')).toMatch(/province-has-all/)
})
