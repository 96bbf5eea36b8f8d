/** Where nobody sees: long stays, a swing of the pulse, a ligature; beside their references. */
import fc from 'fast-check'
import { describe } from 'vitest'
import { catalogueRule, holdsAsReference, type Line, stepsOf, streamOf } from './bench.ts'
import { vitalsOf } from './bodies.ts'
import { stillAfter, swingTimes } from './harm.ts'
import { sureSamples } from './health.ts'
import { heldSpans, type Truth } from './held.ts'
import { usableFixes } from './places.ts'
import { event, good, together } from './streams.ts'
import { framePulses } from './waits.ts'

describe('self-harm', () => {
  const END = 300_000
  const TICK = 2_500
  /** A band that says where it is and how its wearer is, in one breath. */
  const course = (device: string): fc.Arbitrary<Line[]> =>
    fc
      .array(
        fc.record({
          x: fc.constantFrom(22, 22, 22, 12),
          hr: fc.constantFrom(70, 90, 110, 128),
          activity: fc.constantFrom(0, 0, 0.05, 0.1, 0.3),
          n: fc.integer({ min: 1, max: 8 }),
        }),
        { minLength: 1, maxLength: 12 },
      )
      .map((list) => {
        let time = 0
        const lines: Line[] = []
        for (const { x, hr, activity, n } of list)
          for (let i = 0; i < n; i++, time += 5_000) {
            lines.push({ device, type: 'band.position', time, value: { x_m: x, y_m: 2, floor: 1, accuracy_m: 1 } })
            lines.push({ device, type: 'band.vitals', time, value: { hr, activity, confidence: 0.9 } })
          }
        return lines.filter((l) => l.time < END - TICK)
      })

  holdsAsReference('a stay, and a swing of the pulse before stillness', {
    least: { rise: 0.05 },
    rules: [catalogueRule('self-harm-risk', { stay: 60, stillFor: 15, stillWithin: 20 })],
    lines: together(course('BW'), course('B1')),
    end: END,
    runs: 30,
    reference: (lines) =>
      stepsOf(
        (['BW', 'B1'] as const).flatMap((band) => {
          const fixes = usableFixes(lines, band)
          const vitals = vitalsOf(lines, band)
          /** Any word of the band says where he is, by his last fix, as long as it speaks. */
          const hidden = (at: number): Truth => {
            const word = lines.findLast((l) => l.device === band && l.type === 'band.vitals' && l.time <= at)
            return word && at <= word.time + 15_000 ? fixes.findLast((f) => f.at <= at)?.x === 22 : null
          }
          const still = (at: number): Truth => {
            const v = vitals(at)
            if (hidden(at) === false) return false
            return v && hidden(at) && (v.activity as number) <= 0.05
          }
          const samples = sureSamples(lines, band).map((s) => s.l)
          const swings = swingTimes(samples, hidden, 40, 60_000)
          const swung = (at: number): Truth => stillAfter(still, hidden, swings, 15_000, 20_000, at, TICK)
          /** Elsewhere, by the last that is known of his place. */
          const left = (at: number): Truth => {
            const v = vitals(at)
            return v && fixes.findLast((f) => f.at <= at)?.x === 12 && (v.activity as number) > 0.2
          }
          return heldSpans({
            key: band === 'BW' ? 'PW' : 'P1',
            parts: [
              { level: 'orange', forMs: 60_000, holds: band === 'BW' ? hidden : () => false },
              { level: 'red', forMs: 0, holds: swung },
            ],
            over: left,
            overMs: 30_000,
            end: END,
            tickMs: TICK,
          })
        }),
      ),
  })

  holdsAsReference('a ligature', {
    rules: [catalogueRule('self-harm-risk', { ligatureQuiet: 20 })],
    lines: streamOf(
      event(
        'K4',
        'camera.behaviour',
        fc.record({
          behaviour: fc.constantFrom('ligature', 'ligature', 'ligature', 'fall'),
          confidence: fc.constantFrom(0.74, 0.75, 0.9),
        }),
      ),
      20_000,
      { min: 8, max: 40 },
    ),
    end: END,
    runs: 60,
    reference(lines) {
      const frames = good(lines)
        .filter((l) => l.value.behaviour === 'ligature' && (l.value.confidence as number) >= 0.75)
        .map((l) => l.time)
      const found = framePulses(frames, 2_000)
      return stepsOf(
        found.map((from) => {
          // Over a while after the last frame of what was found.
          let last = from
          for (const f of found) if (f > last && f < last + 20_000) last = f
          return { key: 'COR1', level: 'red' as const, from, to: last + 20_000 }
        }),
      )
    },
  })
})
