/** Scores at rest, withdrawal and fights, beside their references. */
import fc from 'fast-check'
import { describe } from 'vitest'
import { catalogueRule, holdsAsReference, type Line, quietAfter, stepsOf, streamOf, T0 } from './bench.ts'
import { compared, sinceWhen, vitalsOf } from './bodies.ts'
import { usableVitals, wallClock } from './habits.ts'
import { andOf, burstSpans, fightTimes, news2At, restlessness, restSince, sureSamples } from './health.ts'
import { heldSteps, once, type Truth } from './held.ts'
import { event, good, together } from './streams.ts'
import { framePulses } from './waits.ts'

const EVER = Number.POSITIVE_INFINITY
const not = (truth: Truth): Truth => (truth === null ? null : !truth)

/** Samples every few seconds, the same for a while, now and then a gap. */
function courses(
  device: string,
  everyMs: number,
  value: fc.Arbitrary<Record<string, unknown>>,
  segments: { min: number; max: number },
  longest: number,
): fc.Arbitrary<Line[]> {
  const segment = fc.record({ value, n: fc.integer({ min: 1, max: longest }), gap: fc.integer({ min: 0, max: 8 }) })
  return fc
    .array(fc.tuple(segment, fc.integer({ min: 0, max: 12 })), { minLength: segments.min, maxLength: segments.max })
    .map((list) => {
      let time = 0
      const lines: Line[] = []
      for (const [s, odd] of list) {
        for (let i = 0; i < s.n; i++, time += everyMs) {
          const isOdd = odd === 0 && i === 1
          lines.push({
            device,
            type: 'band.vitals',
            time,
            value: { confidence: 0.9, ...s.value },
            quality: isOdd ? 'bad' : 'good',
          })
        }
        if (s.gap === 0) time += 20_000
      }
      return lines
    })
}

/** Now and then the band is taken off and put on, or says so in a bad word. */
const wornSometimes = (slots: number, everyMs: number): fc.Arbitrary<Line[]> =>
  fc
    .uniqueArray(fc.tuple(fc.integer({ min: 0, max: slots }), fc.boolean(), fc.integer({ min: 0, max: 3 })), {
      maxLength: 2,
      selector: ([slot]) => slot,
    })
    .map((list) =>
      list.map(([slot, worn, q]) => ({
        device: 'B1',
        type: 'band.worn',
        time: slot * everyMs,
        value: { worn },
        quality: q === 0 ? 'bad' : 'good',
      })),
    )

describe('at rest', () => {
  holdsAsReference('a score of the medians', {
    rules: [catalogueRule('partial-news2', { window: 60, rest: 30, normalFor: 60 })],
    lines: together(
      wornSometimes(100, 5_000),
      courses(
        'B1',
        5_000,
        fc.record(
          {
            hr: fc.constantFrom(70, 100, 120, 135, 40),
            spo2: fc.constantFrom(97, 97, 95, 93, 90),
            resp: fc.constantFrom(15, 15, 22, 9, 26),
            activity: fc.constantFrom(0.1, 0.1, 0.1, 0.1, 0.19, 0.2),
            confidence: fc.constantFrom(0.9, 0.9, 0.9, 0.5),
          },
          { requiredKeys: ['activity', 'confidence'] },
        ),
        { min: 1, max: 12 },
        12,
      ),
    ),
    end: 900_000,
    least: { rise: 0.05, off: 0 },
    reference(lines) {
      const samples = sureSamples(lines, 'B1')
      const limits = { restMs: 30_000, windowMs: 60_000, minSamples: 3 }
      const bad = lines.filter((l) => l.quality === 'bad' && l.type === 'band.vitals').map((l) => l.time)
      /** Scored when a sample comes; whether it is over is looked at any time. */
      const scoreAt = (at: number, exact = false) => {
        const i = samples.findLastIndex((s) => s.l.time <= at)
        const last = samples[i]?.l.time
        if (last === undefined || at > last + 15_000 || bad.some((b) => b > last && b <= at)) return null
        return news2At(samples, i, limits, exact ? at : last)
      }
      const reaches =
        (from: number, single: boolean) =>
        (at: number): Truth => {
          const s = scoreAt(at)
          return s && (s.total >= from || (single && s.highest >= 3))
        }
      return heldSteps({
        key: 'P1',
        parts: [
          { level: 'yellow', forMs: 0, holds: reaches(3, true) },
          { level: 'orange', forMs: 0, holds: reaches(5, false) },
          { level: 'red', forMs: 0, holds: reaches(7, false) },
        ],
        over: (at) => {
          const s = scoreAt(at, true)
          return s && s.total < 3 && s.highest < 3
        },
        overMs: 60_000,
        end: 900_000,
        tickMs: 5_000,
      })
    },
  })

  const END = 2_000_000
  holdsAsReference('withdrawal', {
    rules: [catalogueRule('withdrawal-risk', { pulseHighFor: 120, calmFor: 300, scoreValid: 3600 })],
    site: {
      facility: { kind: 'detox' },
      people: [
        { id: 'P1', cell: 'C1', ward: 'W1', allowed: ['W1'], detox: { phase: 'physical', since: '2026-02-28' } },
      ],
      devices: [{ id: 'CLINIC', kind: 'clinic-terminal', driver: 'mqtt', zone: 'MED', subject: 'P1' }],
    },
    lines: together(
      wornSometimes(150, 10_000),
      courses(
        'B1',
        10_000,
        fc.record({
          hr: fc.constantFrom(100, 118, 121, 130, 130),
          activity: fc.constantFrom(0.1, 0.1, 0.1, 0.1, 0.3),
          seizure: fc.constantFrom(0, 0, 0, 0, 0.8),
          confidence: fc.constantFrom(0.9, 0.9, 0.9, 0.9, 0.5),
        }),
        { min: 1, max: 10 },
        30,
      ),
      streamOf(
        event(
          'CLINIC',
          'clinical.score',
          fc.record({
            scale: fc.constantFrom('COWS', 'CIWA'),
            score: fc.constantFrom(5, 9, 10, 12, 13, 18, 19, 25),
            by: fc.constant('N1'),
          }),
        ),
        1_500_000,
        { min: 0, max: 1 },
        10_000,
      ),
    ),
    end: END,
    runs: 30,
    reference(lines) {
      const samples = sureSamples(lines, 'B1')
      const own = lines.filter((l) => l.type === 'band.vitals')
      /** The newest word, if it is sure and still speaks, and its place among the sure ones. */
      const now = (at: number): { value: Line['value']; i: number } | null => {
        const last = own.findLast((l) => l.time <= at)
        const i = samples.findIndex((s) => s.l === last)
        const worn = lines.findLast((l) => l.type === 'band.worn' && l.time <= at)
        const isOffNow = worn !== undefined && worn.quality !== 'bad' && worn.value.worn === false
        return last && i >= 0 && !isOffNow && at <= last.time + 15_000 ? { value: last.value, i } : null
      }
      const high = (at: number): Truth => {
        const word = now(at)
        if (!word) return null
        const since = restSince(samples, word.i)
        return (word.value.hr as number) > 120 && since !== null && at - since >= 120_000
      }
      const seizing = (at: number): Truth => {
        const word = now(at)
        return word && (word.value.seizure as number) >= 0.8
      }
      const scores = good(lines).filter((l) => l.type === 'clinical.score')
      const scored =
        (limits: Record<string, number>) =>
        (at: number): boolean =>
          Object.entries(limits).some(([scale, limit]) => {
            const last = scores.findLast((s) => s.value.scale === scale && s.time <= at)
            return last !== undefined && at <= last.time + 3_600_000 && (last.value.score as number) >= limit
          })
      return heldSteps({
        key: 'P1',
        parts: [
          { level: 'yellow', forMs: 120_000, holds: high },
          { level: 'orange', forMs: 0, holds: scored({ COWS: 13, CIWA: 10 }) },
          { level: 'red', forMs: 0, holds: scored({ COWS: 25, CIWA: 19 }) },
          { level: 'red', forMs: 20_000, holds: seizing },
        ],
        over: (at) => andOf(not(high(at)), not(seizing(at)), !scored({ COWS: 13, CIWA: 10 })(at)),
        overMs: 300_000,
        end: END,
        tickMs: 10_000,
      })
    },
  })
})

describe('restlessness in withdrawal', () => {
  const TICK = 10_000
  const DAY = 86_400_000
  const RAISED = { windowMs: 300_000, warmUpDays: 3 }
  const site = {
    facility: { kind: 'detox' },
    people: [{ id: 'P1', cell: 'C1', ward: 'W1', allowed: ['W1'], detox: { phase: 'physical', since: '2026-02-28' } }],
  }
  const rule = catalogueRule('withdrawal-risk', { pulseRaisedFor: 300, restlessWindow: 300, calmFor: 300 })
  const seeds = [0.05, 0.06, 0.07].map((usual) => Array<number>(24).fill(usual))
  const course = (restless: readonly number[], segments: { min: number; max: number }) =>
    courses(
      'B1',
      TICK,
      fc
        .record({
          hr: fc.constantFrom(100, 101, 110, 110, 120, 120, 121),
          activity: fc.constantFrom(...restless),
          confidence: fc.constantFrom(0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.5),
        })
        // Never at rest with more than 120: that counts alone.
        .map((v) => (v.hr > 120 ? { ...v, activity: 0.3 } : v)),
      segments,
      60,
    )

  function reference(lines: readonly Line[], from: number, end: number, given: readonly (readonly number[])[]) {
    const clock = wallClock('Asia/Shanghai')
    const clockOf = (at: number) => clock(T0 + at)
    const usable = usableVitals(lines, 'B1')
    const said = vitalsOf(lines, 'B1')
    const raised = once((at: number): Truth => compared(said(at)?.hr, (hr) => hr >= 101 && hr <= 120))
    const isRestless = (at: number, samples: readonly Line[]): boolean => {
      const z = restlessness(samples, at, clockOf, { ...RAISED, seeds: given })
      return z !== null && z > 2
    }
    const restlessNow = once((at: number) => raised(at) === true && isRestless(at, usable))
    /** Raised for the whole time: judged when it is over, before what is said in that instant, and with each later word. */
    const proven = (at: number): Truth => {
      const since = sinceWhen(raised, at, TICK)
      const lasted = since !== null && at - since >= 300_000
      const due = lasted && at - since === 300_000
      return (
        (due &&
          isRestless(
            at,
            usable.filter((l) => l.time < at),
          )) ||
        (lasted && restlessNow(at))
      )
    }
    const known = (at: number): Truth => (said(at) === null ? null : !restlessNow(at))
    return heldSteps({
      key: 'P1',
      parts: [{ level: 'yellow', forMs: 0, holds: proven }],
      over: known,
      overMs: 300_000,
      from,
      end,
      tickMs: TICK,
    })
  }

  holdsAsReference('against days that were given', {
    rules: [rule],
    site: { ...site, baselines: [{ id: 'BL1', person: 'P1', features: { activityByHour: seeds } }] },
    lines: together(course([0.05, 0.085, 0.09, 0.3, 0.3, 0.3], { min: 1, max: 8 }), wornSometimes(250, TICK)),
    end: 4_000_000,
    runs: 24,
    reference: (lines) => reference(lines, 0, 4_000_000, seeds),
  })

  /** An hour of so many samples on each of some days, and then a course in the same hour. */
  const learnt = fc
    .tuple(
      fc.array(fc.tuple(fc.constantFrom(0.05, 0.06, 0.08), fc.constantFrom(60, 60, 60, 59)), {
        minLength: 2,
        maxLength: 4,
      }),
      course([0.06, 0.3, 0.3], { min: 4, max: 6 }),
    )
    .map(([days, last]) => [
      ...days.flatMap(([activity, samples], d) =>
        Array.from(
          { length: samples },
          (_x, i): Line => ({
            device: 'B1',
            type: 'band.vitals',
            time: d * DAY + i * 50_000,
            value: { hr: 70, activity, confidence: 0.9 },
          }),
        ),
      ),
      ...last.map((l) => ({ ...l, time: l.time + 4 * DAY })),
    ])
  holdsAsReference('against days that were lived', {
    rules: [rule],
    site,
    lines: learnt,
    end: 4 * DAY + 3_500_000,
    runs: 15,
    reference: (lines) => reference(lines, 4 * DAY, 4 * DAY + 3_500_000, []),
  })
})

describe('fights', () => {
  const END = 120_000
  const stand = (device: string, x_m: number): Line[] =>
    Array.from({ length: END / 5_000 }, (_x, i) => ({
      device,
      type: 'band.position',
      time: i * 5_000,
      value: { x_m, y_m: 12, floor: 1, accuracy_m: 1 },
    }))
  const vitals = (device: string) =>
    streamOf(
      event(
        device,
        'band.vitals',
        fc.record({ activity: fc.constantFrom(0.1, 0.69, 0.7, 0.9), confidence: fc.constantFrom(0.9, 0.9, 0.5) }),
      ),
      60_000,
      { min: 0, max: 8 },
    ).map((lines) => lines.map((l) => ({ ...l, quality: 'good' as const, time: l.time + 250 })))

  holdsAsReference('seen by a camera, and felt by bands near each other', {
    // Never over within the run: what is compared is when it comes and when it rises.
    rules: [quietAfter(catalogueRule('fight'), 10_000_000)],
    least: { off: 0 },
    lines: together(
      streamOf(
        event(
          'K4',
          'camera.behaviour',
          fc.record({
            behaviour: fc.constantFrom('fight', 'fight', 'fight', 'fall'),
            confidence: fc.constantFrom(0.79, 0.8, 0.9),
          }),
        ),
        12_000,
        { min: 3, max: 30 },
      ).map((lines) => lines.map((l) => ({ ...l, time: l.time + 25_000 }))),
      ...['B1', 'B2', 'B3'].map(vitals),
    ).map((lines) =>
      [...stand('B1', 30), ...stand('B2', 34), ...stand('B3', 10), ...lines].sort((a, b) => a.time - b.time),
    ),
    end: END,
    runs: 60,
    reference(lines) {
      const frames = good(lines)
        .filter((l) => l.value.behaviour === 'fight' && (l.value.confidence as number) >= 0.8)
        .map((l) => l.time)
      const burst = (band: string) =>
        burstSpans(
          lines
            .filter((l) => l.device === band && l.type === 'band.vitals')
            .map((l) => (l.value.confidence === 0.9 ? l : { ...l, value: { activity: 0 } })),
          2_000,
        )
      // The third man stands far away.
      const ticks = Array.from({ length: END / 250 }, (_x, i) => i * 250)
      const { orange, red } = fightTimes(framePulses(frames, 2_000), frames, [burst('B1'), burst('B2')], 15_000, ticks)
      return stepsOf(
        [
          { key: 'COR1', level: 'orange' as const, from: orange, to: null },
          { key: 'COR1', level: 'red' as const, from: red, to: null },
        ].filter((s) => s.from < EVER),
      )
    },
  })
})
