/** Patterns that are complete in an instant, beside their references: count, distinct count, sequence, rate, co-occurrence. */
import fc from 'fast-check'
import { describe } from 'vitest'
import {
  catalogueRule,
  holdsAsReference,
  type Line,
  number,
  pulseSpans,
  quietAfter,
  ruleOf,
  seconds,
  stepsOf,
  streamOf,
} from './bench.ts'
import { coOccurrencePulses, countPulses, type Pulse, ratePulses, sequencePulses } from './pulses.ts'

type Event = Omit<Line, 'time'>
const QUIET = 20_250
const END = 200_000
const quality = fc.integer({ min: 0, max: 9 }).map((n) => (n === 0 ? ('bad' as const) : ('good' as const)))
const event = (device: string, type: string, value: fc.Arbitrary<Record<string, unknown>>): fc.Arbitrary<Event> =>
  fc.tuple(value, quality).map(([v, q]) => ({ device, type, value: v, quality: q }))
const good = (lines: readonly Line[]): Line[] => lines.filter((l) => l.quality !== 'bad')
const spansOf = (pulses: readonly Pulse[], level: 'red' | 'orange' | 'yellow' | 'blue') =>
  stepsOf(
    pulseSpans(
      pulses.map((p) => ({ ...p, level })),
      QUIET,
      END,
    ),
  )

describe('count', () => {
  const denied = fc
    .constantFrom('R-C1', 'R-COR')
    .chain((reader) =>
      event(reader, 'access.denied', fc.record({ credential: fc.constantFrom('CARD1', 'CARD2', 'CARD3') })),
    )
  const lines = streamOf(denied, 150_000, { min: 5, max: 30 })
  const keysOf = (l: Line): string[] => [`reader:${l.device}`, `cred:${l.value.credential}`]

  holdsAsReference('three denials of a reader, else of a card', {
    rules: [quietAfter(catalogueRule('repeated-denial', { within: 20 }), QUIET)],
    lines,
    end: END,
    reference: (all) => spansOf(countPulses(good(all), keysOf, 3, 20_000), 'yellow'),
  })

  holdsAsReference('three different cards at one reader', {
    rules: [
      ruleOf({
        inputs: ['access.denied'],
        parameters: { cards: number(3), within: seconds(20) },
        operator: 'count',
        pattern: {
          keys: [{ of: 'device' }],
          cases: [
            {
              type: 'access.denied',
              count: 'cards',
              within: 'within',
              distinct: 'credential',
              level: 'orange',
              reason: 'cards',
            },
          ],
        },
        clear: { quiet: `${QUIET}ms` },
        reasons: { cards: { zh: '多卡', en: 'cards' } },
      }),
    ],
    lines,
    end: END,
    reference: (all) =>
      spansOf(
        countPulses(
          good(all),
          (l) => [l.device],
          3,
          20_000,
          (l) => l.value.credential as string,
        ),
        'orange',
      ),
  })
})

describe('sequence', () => {
  const things = fc.oneof(
    { weight: 5, arbitrary: event('D-C1', 'door.state', fc.record({ state: fc.constantFrom('open', 'closed') })) },
    { weight: 4, arbitrary: event('D-C1', 'door.lock', fc.record({ state: fc.constantFrom('locked', 'unlocked') })) },
    { weight: 1, arbitrary: event('D-C1', 'door.mode', fc.constant({ mode: 'normal' })) },
  )
  const lines = streamOf(things, 60_000, { min: 8, max: 40 })
  const is = (type: string, state?: string) => (l: Line) =>
    l.type === type && (state === undefined || l.value.state === state)
  const never = () => false
  const when = (state: string) => `state == "${state}"`
  const pattern = {
    key: ['device'],
    within: 'within',
    level: 'yellow',
    reason: 'order',
    steps: [
      { type: 'door.lock', when: when('unlocked') },
      { type: 'door.state', when: when('open') },
      { type: 'door.state', when: when('closed') },
    ],
  }
  const steps = [
    { fits: is('door.lock', 'unlocked'), not: never },
    { fits: is('door.state', 'open'), not: never },
    { fits: is('door.state', 'closed'), not: never },
  ]
  const rule = (more: Record<string, unknown>) =>
    ruleOf({
      inputs: ['door.state', 'door.lock', 'door.mode'],
      parameters: { within: seconds(15), guard: seconds(5) },
      operator: 'sequence',
      pattern: { ...pattern, ...more },
      clear: { quiet: `${QUIET}ms` },
      reasons: { order: { zh: '顺序', en: 'order' } },
    })
  const pulses = (times: number[]): Pulse[] => times.map((at) => ({ at, key: 'D-C1' }))
  const plain = { steps, strict: false, withinMs: 15_000 }

  holdsAsReference('relaxed', {
    rules: [rule({})],
    lines,
    end: END,
    reference: (all) => spansOf(pulses(sequencePulses(good(all), plain)), 'yellow'),
  })
  holdsAsReference('strict', {
    rules: [rule({ contiguity: 'strict' })],
    lines,
    end: END,
    reference: (all) => spansOf(pulses(sequencePulses(good(all), { ...plain, strict: true })), 'yellow'),
    runs: 150,
  })
  holdsAsReference('with something forbidden between', {
    rules: [
      rule({ steps: [pattern.steps[0], pattern.steps[1], { ...pattern.steps[2], not: [{ type: 'door.mode' }] }] }),
    ],
    lines,
    end: END,
    reference: (all) =>
      spansOf(
        pulses(
          sequencePulses(good(all), {
            ...plain,
            steps: [...steps.slice(0, 2), { fits: is('door.state', 'closed'), not: is('door.mode') }],
          }),
        ),
        'yellow',
      ),
  })
  holdsAsReference('with nothing before the first step, the absence of a predecessor', {
    rules: [rule({ 'none-before': { type: 'door.mode', for: 'guard' } })],
    lines,
    end: END,
    reference: (all) =>
      spansOf(pulses(sequencePulses(good(all), { ...plain, before: { fits: is('door.mode'), ms: 5_000 } })), 'yellow'),
  })
  holdsAsReference('with nothing after the last step, the absence of a successor', {
    rules: [rule({ 'none-after': { type: 'door.mode', for: 'guard' } })],
    lines,
    end: END,
    reference: (all) =>
      spansOf(pulses(sequencePulses(good(all), { ...plain, after: { fits: is('door.mode'), ms: 5_000 } })), 'yellow'),
  })
})

describe('rate of change', () => {
  for (const direction of ['rise', 'fall', 'either'] as const)
    holdsAsReference(`the way: ${direction}`, {
      rules: [
        ruleOf({
          inputs: ['env.temperature'],
          parameters: { by: number(8), within: seconds(60) },
          operator: 'rate',
          pattern: {
            type: 'env.temperature',
            field: 'celsius',
            direction,
            by: 'by',
            within: 'within',
            level: 'orange',
            reason: 'fast',
          },
          clear: { quiet: `${QUIET}ms` },
          reasons: { fast: { zh: '过快', en: 'fast' } },
        }),
      ],
      lines: streamOf(
        event('TH1', 'env.temperature', fc.record({ celsius: fc.integer({ min: 18, max: 30 }) })),
        300_000,
        { min: 5, max: 25 },
      ),
      end: END * 2,
      reference: (all) =>
        stepsOf(
          pulseSpans(
            ratePulses(
              all.map((l) => ({ at: l.time, x: l.quality === 'bad' ? null : (l.value.celsius as number) })),
              direction,
              8,
              60_000,
              60_000,
            ).map((at) => ({ at, key: 'TH1', level: 'orange' as const })),
            QUIET,
            END * 2,
          ),
        ),
    })
})

describe('co-occurrence', () => {
  const human = fc.record(
    { object: fc.constantFrom('human', 'animal'), confidence: fc.constantFrom(0.79, 0.8, 0.9), active: fc.boolean() },
    { requiredKeys: ['object', 'confidence'] },
  )
  const intrusion = fc.constantFrom('K1', 'K5').chain((camera) => event(camera, 'camera.intrusion', human))
  holdsAsReference('a fence and a camera in linked zones, in either order', {
    rules: [quietAfter(catalogueRule('perimeter-intrusion-confirmed'), QUIET)],
    lines: streamOf(fc.oneof(event('F1', 'fence.alarm', fc.constant({ strength: 'high' })), intrusion), 120_000, {
      min: 3,
      max: 24,
    }),
    end: END,
    reference(all) {
      const lines = good(all)
      // K5 sees the outside, which is not linked to the belt.
      const camera = lines.filter((l) => l.device === 'K1')
      const seen = camera
        .filter((l) => l.value.object === 'human' && (l.value.confidence as number) >= 0.8 && l.value.active !== false)
        .map((l) => {
          const ended = camera.find((x) => x.time > l.time && x.value.active === false)
          return { from: l.time, to: l.value.active === true ? (ended?.time ?? l.time + 600_000) : l.time }
        })
      const fences = lines.filter((l) => l.type === 'fence.alarm').map((l) => ({ from: l.time }))
      return spansOf(
        coOccurrencePulses(fences, seen, 10_000).map((at) => ({ at, key: 'BELT' })),
        'red',
      )
    },
  })
})
