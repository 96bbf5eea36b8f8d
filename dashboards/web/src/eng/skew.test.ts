import { expect, test } from 'vitest'
import { histogram } from './skew.ts'

test('every offset is counted once, those beyond the picture in its outermost bars', () => {
  const offsets = [-9000, -501, -5, 0, 12, 500, 501, 2001, 90_000]
  const { bins, within, beyond } = histogram(offsets)
  expect(bins.reduce((n, b) => n + b.count, 0)).toBe(offsets.length)
  expect(bins[0]!.count).toBe(1)
  expect(bins.at(-1)!.count).toBe(1)
  expect([within, beyond]).toEqual([4, 3])
})
