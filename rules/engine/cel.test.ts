import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CATALOGUE_DIR, readRuleFiles } from '../catalogue/load.ts'
import { condition, fieldsOf, type Variables } from './cel.ts'
import { Rule, type RuleFile } from './rule.ts'
import { VITALS_VARIABLES } from './views.ts'

const { files } = readRuleFiles(CATALOGUE_DIR)
const PLACE: Variables = {
  zone_kind: 'dyn',
  zone_class: 'dyn',
  perimeter: 'dyn',
  high_security: 'dyn',
  night: 'dyn',
}

function conditionsOf(file: RuleFile): string[] {
  const found = new Set<string>()
  const walk = (node: unknown): void => {
    if (node === null || typeof node !== 'object') return
    for (const [name, value] of Object.entries(node))
      if (name === 'when' && typeof value === 'string') found.add(value)
      else walk(value)
  }
  walk(file.pattern)
  return [...found]
}

const value = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.constantFrom(0, 1, 2, 0.05, 0.85, 25, 40, 50, 91, 131, 200),
  fc.double({ noNaN: true, min: -10, max: 300 }),
  fc.constantFrom('human', 'climb', 'cell', 'machine-room', 'unknown-device', 'up', ''),
)

describe('conditions', () => {
  test('the plain part answers as CEL does, for every condition of the catalogue and any values', () => {
    let plain = 0
    for (const file of files) {
      const rule = new Rule(file)
      const fields = Object.keys(fieldsOf(file.inputs.filter((t) => t !== '*')))
      const variables: Variables = { ...PLACE, ...VITALS_VARIABLES }
      for (const name of fields) variables[name] = 'dyn'
      const names = Object.keys(variables)
      for (const text of conditionsOf(file)) {
        const ours = condition(rule, text, variables)
        const library = condition(rule, text, variables, true)
        if (ours.toString() !== library.toString()) plain++
        fc.assert(
          fc.property(fc.array(value, { minLength: names.length, maxLength: names.length }), (row) => {
            const values = Object.fromEntries(names.map((name, i) => [name, row[i] ?? null]))
            expect(ours(values), `${file.code}: ${text} with ${JSON.stringify(values)}`).toBe(library(values))
          }),
          { numRuns: 60 },
        )
      }
    }
    expect(plain).toBeGreaterThan(30)
  })

  test('what is not plain stays with the library', () => {
    const rule = new Rule(files[0] as RuleFile)
    const check = condition(rule, 'name.startsWith("K") && n % 2 == 1', { name: 'string', n: 'int' })
    expect(check({ name: 'K1', n: 3n })).toBe(true)
    expect(check({ name: 'D1', n: 3n })).toBe(false)
    expect(check({ name: null, n: 3n })).toBeNull()
  })
})
