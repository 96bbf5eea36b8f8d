import { expect, test } from 'vitest'
import type { Zone } from '#model/context/kinds.ts'
import { showsNear } from './wall-sight.ts'

const zones = new Map<string, Zone>(
  (
    [
      { id: 'B1', kind: 'building' },
      { id: 'W4', kind: 'ward', parent: 'B1' },
      { id: 'W4-C1', kind: 'cell', parent: 'W4' },
      { id: 'YARD', kind: 'yard', adjacent: ['B1'] },
      { id: 'LOOP', kind: 'office', parent: 'LOOP' },
    ] as Zone[]
  ).map((zone) => [zone.id, zone]),
)

test('near an alert: its zone, what lies in it or around it, and next to it', () => {
  expect(showsNear({ zone: 'W4-C1' }, ['W4'], zones)).toBe(true)
  expect(showsNear({ zone: 'W4' }, ['W4-C1'], zones)).toBe(true)
  expect(showsNear({ zone: 'YARD' }, ['B1'], zones)).toBe(true)
  expect(showsNear({ zone: 'B1' }, ['YARD'], zones)).toBe(true)
  expect(showsNear({ zone: 'YARD' }, ['W4-C1'], zones)).toBe(false)
  expect(showsNear({ zone: 'YARD', watches: ['W4-C1'] }, ['W4-C1'], zones)).toBe(true)
  expect(showsNear({}, ['W4'], zones)).toBe(false)
})
