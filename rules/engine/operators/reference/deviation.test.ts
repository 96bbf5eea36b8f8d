/** Baseline deviation beside its reference, and over a restart at any value. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DeviationScorer, newDeviation } from '../../deviation.ts'
import { medianOf, robustZ } from '../../profile.ts'
import { scoresOf } from './deviation.ts'

const WINDOW = 60
/** Noise around a wave, with a jump somewhere. */
const series = fc
  .record({
    noise: fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 200, maxLength: 200 }),
    jump: fc.integer({ min: 70, max: 199 }),
    by: fc.constantFrom(0, 5, 40),
  })
  .map(({ noise, jump, by }) => noise.map((e, i) => 20 + 3 * Math.sin(i / 9) + e / 1000 + (i === jump ? by : 0)))

test('the score is that of the definition', () => {
  fc.assert(
    fc.property(series, (values) => {
      const scorer = new DeviationScorer()
      const state = newDeviation(WINDOW)
      const got = values.map((v) => scorer.next(state, v))
      const wanted = scoresOf(values, WINDOW)
      // Distances are rounded differently: a score may be one place of the sixty off, where two are as good as equal.
      for (const [i, score] of got.entries())
        expect(Math.abs(score - (wanted[i] as number)), `value ${i}`).toBeLessThan(0.06)
      expect(got.filter((s, i) => Math.abs(s - (wanted[i] as number)) > 1e-9).length).toBeLessThan(4)
    }),
    { numRuns: 8 },
  )
}, 120_000)

test('a restart at any value changes no score', () => {
  fc.assert(
    fc.property(series, fc.integer({ min: 1, max: 190 }), (values, at) => {
      const [whole, parted] = [new DeviationScorer(), new DeviationScorer()]
      const state = newDeviation(WINDOW)
      const wanted = values.map((v) => whole.next(state, v))
      let kept = newDeviation(WINDOW)
      const got = values.map((v, i) => {
        if (i === at) kept = JSON.parse(JSON.stringify(kept))
        return (i < at ? parted : new DeviationScorer()).next(kept, v)
      })
      expect(got).toEqual(wanted)
    }),
    { numRuns: 6 },
  )
}, 120_000)

test('z is the distance from the middle of the own days in spreads of the own days', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 24 }), { minLength: 3, maxLength: 14 }), fc.integer(), (days, x) => {
      const middle = (list: number[]): number => {
        const sorted = [...list].sort((a, b) => a - b)
        const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]]
        return ((low as number) + (high as number)) / 2
      }
      expect(medianOf(days)).toBe(middle(days))
      const spread = Math.max(0.5, middle(days.map((d) => Math.abs(d - middle(days)))))
      expect(robustZ(x, days, 3, 0.5)).toBeCloseTo((0.6745 * (x - middle(days))) / spread, 9)
      expect(robustZ(x, days.slice(0, 2), 3, 0.5)).toBeNull()
    }),
  )
})
