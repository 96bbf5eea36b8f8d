import { describe, expect, test } from 'vitest'
import { nabScore, PROFILES, probationOf } from './nab-score.ts'

const file = { name: 'a', rows: 1000, windows: [[400, 499] as const, [800, 849] as const] }
const alarms = (...rows: number[]): number[] =>
  Array.from({ length: file.rows }, (_, row) => (rows.includes(row) ? 1 : 0))
const score = (...rows: number[]): number => nabScore([{ file, scores: alarms(...rows) }], PROFILES.standard).score

describe('the score of the Numenta benchmark', () => {
  test('is 0 for a detector that says nothing and 100 for alarms at the first row of every window', () => {
    expect(nabScore([{ file, scores: Array(file.rows).fill(0) }], PROFILES.standard).score).toBe(0)
    expect(score(400, 800)).toBeCloseTo(100, 1)
  })

  test('an alarm late in the window counts less, one window of two counts half', () => {
    expect(score(400)).toBeCloseTo(50, 1)
    expect(score(480)).toBeLessThan(score(420))
    expect(score(499)).toBeGreaterThan(24.9)
  })

  test('more alarms in one window count once, false ones cost, just behind a window little', () => {
    expect(score(400, 410, 420)).toBeCloseTo(score(400), 9)
    expect(score(400, 300)).toBeCloseTo(50 - (100 * 0.11) / 4, 1)
    expect(score(400, 505)).toBeGreaterThan(score(400, 700))
  })

  test('the first 15 % are not judged, at most 750 rows', () => {
    expect(score(400, 800, 10, 100)).toBeCloseTo(100, 1)
    expect(probationOf(1000)).toBe(150)
    expect(probationOf(20_000)).toBe(750)
  })

  test('one threshold, the best, holds for all files', () => {
    const loud = alarms(400, 800).map((s, row) => (row === 300 ? 0.6 : s))
    const shy = alarms(400, 800).map((s) => s * 0.5)
    const both = nabScore(
      [
        { file, scores: loud },
        { file: { ...file, name: 'b' }, scores: shy },
      ],
      PROFILES.standard,
    )
    expect(both).toMatchObject({ threshold: 0.5, found: 4, windows: 4, falseAlarms: 1 })
  })
})
