/** Baseline deviation beside its reference, and over a restart at any value. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DeviationScorer, newDeviation } from '../../deviation.ts'
import { medianOf, robustZ } from '../../profile.ts'
import { type Bench, holdsAsReference, type Line, number, ruleOf, stepsOf } from './bench.ts'
import { deviationSpans, scoresOf } from './deviation.ts'
import { good, together } from './streams.ts'

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

describe('deviation as an operator', () => {
  const STEP = 10_000
  const END = 2_200_000
  /** Noise around a wave, a jump or a new level somewhere, words that are bad or of another kind in between. */
  const seriesOf = (device: string): fc.Arbitrary<Line[]> =>
    fc
      .record({
        noise: fc.noBias(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 40, maxLength: 190 })),
        events: fc.array(
          fc.record({
            at: fc.integer({ min: 61, max: 180 }),
            by: fc.constantFrom(0, 5, 40, -30),
            long: fc.constantFrom(1, 1, 2, 30, 200),
          }),
          { maxLength: 3 },
        ),
        odd: fc.array(fc.tuple(fc.integer({ min: 0, max: 180 }), fc.constantFrom('bad', 'offline', 'twice')), {
          maxLength: 6,
        }),
        start: fc.integer({ min: 0, max: 9 }),
      })
      .map(({ noise, events, odd, start }) =>
        noise.flatMap((e, i) => {
          const by = events.filter((x) => i >= x.at && i < x.at + x.long).reduce((sum, x) => sum + x.by, 0)
          const time = i * STEP + start * 500
          const value = { celsius: 20 + 3 * Math.sin(i / 9) + e / 1000 + by }
          const what = odd.find(([at]) => at === i)?.[1]
          const line: Line = { device, type: 'env.temperature', time, value, quality: what === 'bad' ? 'bad' : 'good' }
          if (what === 'offline')
            return [line, { device, type: 'device.status', time: time + 500, value: { online: false } }]
          if (what === 'twice')
            return [line, { ...line, type: 'env.humidity', time: time + 500, value: { percent: 50 } }]
          return [line]
        }),
      )

  const bench = (score: number, quietMs: number | null, lines: fc.Arbitrary<Line[]>): Bench => ({
    rules: [
      ruleOf({
        inputs: ['env.temperature', 'env.humidity'],
        parameters: { score: number(score), window: number(WINDOW) },
        operator: 'deviation',
        pattern: {
          type: 'env.temperature',
          field: 'celsius',
          score: 'score',
          window: 'window',
          level: 'yellow',
          reason: 'odd',
        },
        clear: quietMs === null ? 'operator' : { quiet: `${quietMs}ms` },
        reasons: { odd: { zh: '异常', en: 'odd' } },
      }),
    ],
    lines,
    end: END,
    runs: 12,
    reference: (all) =>
      stepsOf(
        ['TH1', 'TH2'].flatMap((device) =>
          deviationSpans(
            good(all)
              .filter((l) => l.device === device && l.type === 'env.temperature')
              .map((l) => ({ at: l.time, x: l.value.celsius as number })),
            WINDOW,
            score,
            quietMs,
            END,
          ).map((span) => ({ ...span, key: device, level: 'yellow' as const })),
        ),
      ),
  })
  const two = { devices: [{ id: 'TH2', kind: 'climate', driver: 'mqtt', zone: 'C2' }] }

  holdsAsReference('stranger than all that is known, until it is not', bench(0.9965, null, seriesOf('TH1')))
  holdsAsReference('stranger than most, two devices', {
    ...bench(0.97, null, together(seriesOf('TH1'), seriesOf('TH2'))),
    site: two,
  })
  holdsAsReference('over a quiet time after the last of it', bench(0.9965, 45_250, seriesOf('TH1')))
})
