import { beforeEach, describe, expect, test } from 'vitest'
import { clearSelection, keepOnly, range, selectAll, selection, toggle } from './selection.ts'

const rows = ['a', 'b', 'c', 'd'].map((id) => ({ id, members: id === 'c' ? ['c', 'c2', 'c3'] : [id] }))
const chosen = () => [...selection.get().ids].sort()

describe('choosing rows', () => {
  beforeEach(clearSelection)
  test('takes a folded row with all its members, and lets it go again', () => {
    toggle(rows[2]!.members, 'c')
    expect(chosen()).toEqual(['c', 'c2', 'c3'])
    toggle(rows[2]!.members, 'c')
    expect(chosen()).toEqual([])
  })
  test('takes a range from the last chosen row, in either direction', () => {
    toggle(['d'], 'd')
    range(rows, 'b')
    expect(chosen()).toEqual(['b', 'c', 'c2', 'c3', 'd'])
  })
  test('takes one row when nothing was chosen before, and everything on demand', () => {
    range(rows, 'b')
    expect(chosen()).toEqual(['b'])
    selectAll(rows)
    expect(chosen()).toHaveLength(6)
  })
  test('lets go what has left the list', () => {
    selectAll(rows)
    keepOnly((id) => id !== 'a')
    expect(chosen()).not.toContain('a')
  })
})
