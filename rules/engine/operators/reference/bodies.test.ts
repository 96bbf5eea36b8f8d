/** Bands and tags of people who take them off, fall, lie still or do not breathe, beside their references. */
import fc from 'fast-check'
import { describe } from 'vitest'
import { catalogueRule, holdsAsReference, type Line, stepsOf, streamOf, T0 } from './bench.ts'
import { compared, crowdTimes, downSpans, fallSpans, vitalsOf } from './bodies.ts'
import { heldSpans, heldSteps, speaking, type Truth } from './held.ts'
import { event, good, oneOf, status } from './streams.ts'

const EVER = Number.POSITIVE_INFINITY

describe('bands', () => {
  const BANDS = ['B1', 'B2', 'B3', 'B4']
  const END = 250_000
  const TICK = 1_000
  const place = (device: string, x_m: number): Line => ({
    device,
    type: 'band.position',
    time: 0,
    value: { x_m, y_m: 12, floor: 1, accuracy_m: 1 },
  })
  holdsAsReference('bands that are taken off or tampered with', {
    rules: [catalogueRule('band-removed-cut', { groupWithin: 20 })],
    lines: streamOf(
      fc
        .constantFrom(...BANDS)
        .chain((band) =>
          oneOf(
            [12, event(band, 'band.worn', fc.constantFrom({ worn: false }, { worn: false }, { worn: true }))],
            [2, event(band, 'band.charging', fc.record({ charging: fc.boolean() }))],
            [2, status(band)],
            [1, event(band, 'band.tamper')],
          ),
        ),
      180_000,
      { min: 1, max: 24 },
      TICK,
    ).map((lines) => [
      ...BANDS.map((band, i) => place(band, i < 3 ? 20 : 60)),
      ...lines.map((l) => ({ ...l, time: l.time + TICK })),
    ]),
    end: END,
    runs: 60,
    reference(lines) {
      const found = BANDS.map((band, i) => {
        const key = `P${i + 1}`
        const worn = speaking(lines, band, 'band.worn', EVER)
        const charging = speaking(lines, band, 'band.charging', EVER)
        const tamper = good(lines).find((l) => l.device === band && l.type === 'band.tamper')?.time ?? EVER
        const isOff = (at: number): Truth => worn(at) && worn(at)?.worn === false && charging(at)?.charging !== true
        const spans = heldSpans({
          key,
          parts: [
            { level: 'orange', forMs: 10_000, holds: isOff },
            { level: 'orange', forMs: 0, holds: (at) => at >= tamper },
          ],
          over: (at) => (worn(at) ? worn(at)?.worn === true && at < tamper : null),
          overMs: 30_000,
          end: END,
          tickMs: TICK,
        })
        const tampers = good(lines).filter((l) => l.device === band && l.type === 'band.tamper')
        const raises = [...spans.map((s) => s.from), ...tampers.map((l) => l.time)].map((at) => ({ key, at }))
        return { spans, raises, zone: i < 3 ? 'COR1' : 'W2' }
      })
      const red = crowdTimes(
        found.filter((f) => f.zone === 'COR1').flatMap((f) => f.raises),
        3,
        20_000,
      )
      return risen(stepsOf(found.flatMap((f) => f.spans)), red)
    },
  })

  /** All of a crowd become red, also who is back meanwhile. */
  function risen(steps: ReturnType<typeof stepsOf>, red: readonly { key: string; at: number }[]) {
    const redAt = (key: string): number => Math.min(EVER, ...red.filter((r) => r.key === key).map((r) => r.at))
    const told = steps.map((s) => (s.at >= redAt(s.key) ? { ...s, level: 'red' as const } : s))
    const keys = [...new Set(steps.map((s) => s.key))].filter((key) => redAt(key) < EVER)
    const rises = keys.filter((key) => !steps.some((s) => s.key === key && s.what === 'on' && s.at === redAt(key)))
    return [...told, ...rises.map((key) => ({ at: redAt(key), what: 'rise' as const, key, level: 'red' as const }))]
  }
})

describe('falls', () => {
  const END = 250_000
  const TICK = 2_500
  holdsAsReference('a fall and no movement after it', {
    rules: [catalogueRule('fall-then-immobile', { orangeAfter: 20, redAfter: 40, stillWithin: 30 })],
    lines: streamOf(
      oneOf(
        [
          30,
          event(
            'B1',
            'band.vitals',
            fc.record({
              activity: fc.constantFrom(...[0, 0, 0, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.06, 0.3, 0.3]),
              confidence: fc.constantFrom(...Array(19).fill(0.9), 0.5),
            }),
          ),
        ],
        [5, event('B1', 'band.fall')],
        [1, event('B1', 'band.worn', fc.constantFrom({ worn: true }, { worn: true }, { worn: false }))],
      ),
      150_000,
      { min: 30, max: 90 },
      TICK,
    ),
    end: END,
    reference(lines) {
      const vitals = vitalsOf(lines, 'B1')
      const still = (at: number): Truth => compared(vitals(at)?.activity, (a) => a <= 0.05)
      const isWorn = (at: number) => {
        const worn = lines.findLast((l) => l.type === 'band.worn' && l.time <= at)
        return worn === undefined || worn.quality === 'bad' || worn.value.worn === true
      }
      const falls = good(lines).filter((l) => l.type === 'band.fall' && isWorn(l.time))
      return stepsOf(
        fallSpans(
          still,
          (at) => compared(vitals(at)?.activity, (a) => a > 0.2),
          falls.map((f) => f.time),
          { orangeMs: 20_000, redMs: 40_000, withinMs: 30_000, movingMs: 10_000 },
          'P1',
          END,
          TICK,
        ),
      )
    },
  })
})

describe('officers', () => {
  const END = 300_000
  const TICK = 2_500
  holdsAsReference('an officer who lies still and does not answer', {
    rules: [catalogueRule('officer-down', { stillFor: 30, answerWithin: 15 }), catalogueRule('officer-panic')],
    lines: streamOf(
      oneOf(
        [
          40,
          event(
            'S1T',
            'tag.activity',
            fc.constantFrom(...[0, 0, 0, 0.05, 0.05, 0.05, 0.05, 0.06].map((activity) => ({ activity }))),
          ),
        ],
        [5, event('S1T', 'tag.answer')],
        [1, event('S1T', 'tag.sos')],
      ),
      250_000,
      { min: 10, max: 90 },
      TICK,
    ),
    end: END,
    runs: 60,
    reference(lines, others) {
      const said = speaking(lines, 'S1T', 'tag.activity', 15_000)
      const panic = others.find((c) => c.alert.code === 'R39' && c.change === 'raised')
      return stepsOf(
        downSpans(
          (at) => compared(said(at)?.activity, (a) => a <= 0.05),
          good(lines)
            .filter((l) => l.type === 'tag.answer')
            .map((l) => l.time),
          panic ? panic.at - T0 : EVER,
          { stillMs: 30_000, answerMs: 15_000, movingMs: 10_000 },
          'S1',
          END,
          TICK,
        ),
      )
    },
  })
})

describe('signs of life', () => {
  const END = 250_000
  const TICK = 2_500
  holdsAsReference('nobody breathes, no pulse is found', {
    rules: [catalogueRule('no-life-signs', { pulseFor: 30 })],
    lines: streamOf(
      oneOf(
        [
          5,
          event(
            'RAD1',
            'radar.vitals',
            fc.record(
              {
                present: fc.constantFrom(true, true, true, true, false),
                resp: fc.constantFrom(null, null, null, 14),
                motion: fc.constant(0),
                confidence: fc.constant(0.9),
              },
              { requiredKeys: ['present', 'motion', 'confidence'] },
            ),
          ),
        ],
        [
          5,
          event(
            'B1',
            'band.vitals',
            fc.record({
              hr: fc.constantFrom(null, null, null, null, null, 60),
              activity: fc.constantFrom(0, 0, 0, 0, 0, 0.4),
              confidence: fc.constant(0.9),
            }),
          ),
        ],
        [1, event('B1', 'band.worn', fc.constantFrom({ worn: true }, { worn: false }))],
      ),
      200_000,
      { min: 10, max: 90 },
      TICK,
    ),
    end: END,
    runs: 60,
    reference(lines) {
      const radar = speaking(lines, 'RAD1', 'radar.vitals', 15_000)
      const band = vitalsOf(lines, 'B1')
      /** A source that was silenced by the other one counts again from the next word of any of them. */
      const isSilenced = (alive: (at: number) => Truth, at: number): boolean => {
        const word = lines.findLast((l) => l.time <= at)
        return word !== undefined && alive(word.time) === true
      }
      const breath = (at: number): Truth => {
        const v = radar(at)
        if (v?.present !== true || v.resp === undefined) return null
        return v.resp !== null
      }
      const pulse = (at: number): Truth => {
        const v = band(at)
        // Who moves lives.
        return v ? v.hr !== null || (v.activity as number) > 0.05 : null
      }
      return heldSteps({
        key: 'P1',
        parts: [
          {
            level: 'red',
            forMs: 20_000,
            holds: (at) =>
              pulse(at) === true || isSilenced(pulse, at) ? false : breath(at) === null ? null : !breath(at),
          },
          {
            level: 'red',
            forMs: 30_000,
            holds: (at) => {
              if (breath(at) === true || isSilenced(breath, at)) return false
              if (pulse(at) === null) return null
              return pulse(at) === false && (band(at)?.activity as number) <= 0.05
            },
          },
        ],
        over: (at) =>
          breath(at) === true || pulse(at) === true ? true : breath(at) === null && pulse(at) === null ? null : false,
        overMs: 10_000,
        end: END,
        tickMs: TICK,
      })
    },
  })
})
