import { expect, test } from 'vitest'
import { pointsOf, trackPath } from './track.ts'

const line = (field: string, points: [number, number | null][]) => ({
  device: 'W1',
  type: 'band.position',
  field,
  points,
})

test('a track joins places of one floor and leaves a gap where nobody was seen', () => {
  const answer = {
    series: [
      line('x_m', [
        [0, 1],
        [5000, 2],
        [10_000, null],
        [40_000, 9],
        [45_000, 9],
        [50_000, 8],
      ]),
      line('y_m', [
        [0, 1],
        [5000, 1],
        [40_000, 4],
        [45_000, 5],
        [50_000, 6],
        [55_000, 7],
      ]),
      line('floor', [[45_000, 2]]),
      line('accuracy_m', [[0, 3]]),
    ],
  }
  const points = pointsOf(answer)
  expect(points).toHaveLength(5)
  expect(trackPath(points, 1)).toBe('M1 1L2 1M9 4M8 6')
  expect(trackPath(points, 2)).toBe('M9 5')
})
