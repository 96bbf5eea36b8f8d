import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AlertChange } from '#model/alert/alert.ts'
import type { Site } from '#model/site/load.ts'
import { CATALOGUE_DIR, parseRuleFile } from '../../catalogue/load.ts'
import { Engine } from '../engine.ts'
import { Rule } from '../rule.ts'
import { OPERATORS } from './index.ts'

const path = join(CATALOGUE_DIR, 'repeated-denial.yaml')
const { file } = parseRuleFile(readFileSync(path, 'utf8'), path)
if (!file) throw new Error('the rule file is wrong')
const site: Site = { facility: { id: 'x' }, devices: [{ id: 'R', kind: 'reader' }] } as Site
const T0 = 1_772_416_800_000

function run(times: readonly number[], restartEvery = 0): AlertChange[] {
  const changes: AlertChange[] = []
  const make = () =>
    new Engine({ site, rules: [new Rule(file as never)], operators: OPERATORS, onChange: (c) => changes.push(c) })
  let engine = make()
  for (const [i, t] of times.entries()) {
    engine.line({ device: 'R', type: 'access.denied', time: T0 + t, value: { credential: `c${t}` } })
    if (restartEvery > 0 && i % restartEvery === 0) {
      const snapshot = engine.snapshot()
      engine = make()
      engine.restore(snapshot)
    }
  }
  engine.finish(T0 + 3_600_000)
  return changes
}

const times = fc
  .uniqueArray(fc.integer({ min: 0, max: 300_000 }), { maxLength: 20 })
  .map((l) => l.sort((a, b) => a - b))

test('an alert is raised at the first denial that completes three within a closed minute, and only then', () => {
  fc.assert(
    fc.property(times, (list) => {
      const complete = list.find((t, i) => i >= 2 && t - (list[i - 2] as number) <= 60_000)
      const raised = run(list).find((c) => c.change === 'raised')
      expect(raised?.at).toBe(complete === undefined ? undefined : T0 + complete)
    }),
    { numRuns: 60 },
  )
})

test('restarts change nothing', () => {
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 5 }), (list, every) => {
      expect(run(list, every)).toEqual(run(list))
    }),
    { numRuns: 30 },
  )
})
