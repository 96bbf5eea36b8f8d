import { describe, expect, test } from 'vitest'
import { firstSpan, follow, neighbour, nextWidth, PRE_ROLL_MS, ticks, widthOf, zoom } from './span.ts'

describe('the part of time that is shown', () => {
  const span = { from: 0, to: 60_000 }
  test('keeps the moment under the cursor where it is while zooming, and never leaves 2 s to 24 h', () => {
    const closer = zoom(span, 15_000, 0.5)
    expect(widthOf(closer)).toBe(30_000)
    expect((15_000 - closer.from) / widthOf(closer)).toBeCloseTo(0.25)
    expect(widthOf(zoom(span, 0, 0.0001))).toBe(2000)
    expect(widthOf(zoom(span, 0, 1e9))).toBe(86_400_000)
  })
  test('steps from one width to the next and stops at both ends', () => {
    expect(nextWidth(60_000, 1)).toBe(180_000)
    expect(nextWidth(60_000, -1)).toBe(10_000)
    expect(nextWidth(45_000, -1)).toBe(10_000)
    expect(nextWidth(86_400_000, 1)).toBe(86_400_000)
  })
  test('begins ten seconds before the first evidence and is at least a minute wide', () => {
    const first = firstSpan([98_000, 100_000], 100_000)
    expect(first.from).toBe(98_000 - PRE_ROLL_MS)
    expect(widthOf(first)).toBe(60_000)
  })
  test('moves no further than the cursor needs', () => {
    expect(follow(span, 30_000)).toEqual(span)
    expect(follow(span, 90_000).to).toBeGreaterThan(90_000)
    expect(widthOf(follow(span, 90_000))).toBe(60_000)
  })
  test('walks from item to item in order of time', () => {
    expect(neighbour([5, 1, 9], 1, 1)).toBe(5)
    expect(neighbour([5, 1, 9], 9, -1)).toBe(5)
    expect(neighbour([5, 1, 9], 9, 1)).toBeNull()
  })
  test('writes round moments, no more than asked for', () => {
    expect(ticks({ from: 1_500, to: 61_500 }, 12)).toHaveLength(12)
    for (const at of ticks({ from: 1_234, to: 3_600_000 }, 10)) expect(at % 600_000).toBe(0)
  })
})
