import { expect, test } from 'vitest'
import { HEAP_LIMIT_BYTES, reasonToReload } from './self-care.ts'

const fine = { hour: 14, minute: 3, ageMs: 3_600_000, heapBytes: 80_000_000 }

test('a wall starts anew at 04:00 and when its heap is above 600 MB, and at no other time', () => {
  expect(reasonToReload(fine)).toBeNull()
  expect(reasonToReload({ ...fine, hour: 4, minute: 0 })).toBe('night')
  expect(reasonToReload({ ...fine, hour: 4, minute: 1 })).toBeNull()
  expect(reasonToReload({ ...fine, heapBytes: HEAP_LIMIT_BYTES + 1 })).toBe('heap')
  expect(reasonToReload({ ...fine, heapBytes: null })).toBeNull()
})

test('a page that has just started never reloads itself, whatever it finds', () => {
  expect(reasonToReload({ hour: 4, minute: 0, ageMs: 30_000, heapBytes: HEAP_LIMIT_BYTES * 2 })).toBeNull()
})
