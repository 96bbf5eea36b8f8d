import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formula } from './under-manned.ts'

test('a manning plan is a sum over the number of inmates', () => {
  expect(formula('2')(50)).toBe(2)
  expect(formula('ceil(inmates/20)')(41)).toBe(3)
  expect(formula('ceil(inmates / 20)')(40)).toBe(2)
  expect(formula('max(1, floor(inmates/30) + 1)')(0)).toBe(1)
  expect(formula('-1 + 2 * (inmates - 3)')(10)).toBe(13)
})

test('a plan that cannot be read asks for nobody', () => {
  for (const text of ['', 'ceil(', 'inmates inmates', 'process.exit()', 'inmates/0', '2 $', 'constructor', '1 +'])
    expect(formula(text)(7), text).toBe(0)
})

test('any text gives a finite number and never throws', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), fc.integer({ min: 0, max: 5000 }), (text, inmates) => {
      expect(Number.isFinite(formula(text)(inmates))).toBe(true)
    }),
  )
})
