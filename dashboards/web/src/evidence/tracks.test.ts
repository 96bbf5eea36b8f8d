import { describe, expect, test } from 'vitest'
import { stack, textSide } from './tracks.tsx'

describe('texts on a track', () => {
  test('a text stands right of its dot where nothing follows soon, else left, else nowhere: never over a dot', () => {
    expect(textSide(0.2, undefined, undefined)).toBe('right')
    expect(textSide(0.2, 0.19, 0.6)).toBe('right')
    expect(textSide(0.2, undefined, 0.25)).toBe('left')
    expect(textSide(0.2, 0.15, 0.25)).toBeNull()
    expect(textSide(0.95, 0.3, undefined)).toBe('left')
    expect(textSide(0.95, 0.9, undefined)).toBeNull()
    expect(textSide(0.02, undefined, 0.04)).toBeNull()
  })
  test('texts of acts that are near in time stand below each other', () => {
    expect(stack([0.1, 0.12, 0.5], 3)).toEqual([0, 1, 0])
  })
})
