import { expect, test } from 'vitest'
import { indicatorValue, meetsTarget, sampleSize } from './indicator-words.ts'

test('what is not known is a dash, never a zero', () => {
  for (const unit of ['ratio', 'ms', 'count', 'points', 'z']) expect(indicatorValue(unit, null)).toBe('—')
  expect(sampleSize(null)).toBe('—')
})

test('nearly everything is not rounded to everything', () => {
  expect(indicatorValue('ratio', 0.9996)).toBe('99.96 %')
  expect(indicatorValue('ratio', 1)).toBe('100.0 %')
})

test('a target is met in its own direction; without one nothing is judged', () => {
  expect(meetsTarget({ target: 0.95, better: 'higher', value: 0.95 })).toBe(true)
  expect(meetsTarget({ target: 1, better: 'lower', value: 1.2 })).toBe(false)
  expect(meetsTarget({ target: null, better: 'higher', value: 1 })).toBeNull()
  expect(meetsTarget({ target: 1, better: 'higher', value: null })).toBeNull()
})
