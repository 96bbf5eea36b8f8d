/** Threshold with hysteresis, on-delay and off-delay, unknown values: the operator `held` beside its reference. */
import fc from 'fast-check'
import { describe } from 'vitest'
import { catalogueRule, holdsAsReference, type Line, ruleOf, seconds, streamOf } from './bench.ts'
import { heldSteps, speaking } from './held.ts'

type Event = Omit<Line, 'time'>
const reading = (device: string, type: string, value: fc.Arbitrary<Record<string, unknown>>): fc.Arbitrary<Event> =>
  fc
    .tuple(value, fc.integer({ min: 0, max: 9 }))
    .map(([v, n]) => ({ device, type, value: v, quality: n === 0 ? 'bad' : 'good' }))
const status = (device: string): fc.Arbitrary<Event> =>
  fc.boolean().map((online) => ({ device, type: 'device.status', value: { online } }))
const compare = (value: unknown, judge: (n: number) => boolean): boolean | null =>
  typeof value === 'number' ? judge(value) : null

describe('held', () => {
  const celsius = reading('TH1', 'env.temperature', fc.record({ celsius: fc.constantFrom(20, 33, 34, 35, 36, 40) }))
  const END = 300_000
  // A rule that does not look at `device.status` learns that a device was away by the next thing it says.
  for (const [inputs, away] of [
    [['env.temperature'], 0],
    [['env.temperature', 'device.status'], 1],
  ] as const)
    holdsAsReference(`threshold with hysteresis over ${inputs.join(' and ')}`, {
      rules: [
        ruleOf({
          inputs,
          parameters: { onFor: seconds(10), offFor: seconds(15) },
          operator: 'held',
          pattern: {
            parts: [{ when: 'celsius > 35.0', for: 'onFor', level: 'yellow', reason: 'hot' }],
            clear: { when: 'celsius <= 33.25', for: 'offFor' },
          },
          reasons: { hot: { zh: '热', en: 'hot' } },
        }),
      ],
      lines: streamOf(
        fc.oneof({ weight: 9, arbitrary: celsius }, { weight: away, arbitrary: status('TH1') }),
        200_000,
        {
          min: 8,
          max: 50,
        },
      ),
      end: END,
      reference(lines) {
        const value = speaking(lines, 'TH1', 'env.temperature', 60_000)
        return heldSteps({
          key: 'TH1',
          parts: [{ level: 'yellow', forMs: 10_000, holds: (at) => compare(value(at)?.celsius, (c) => c > 35) }],
          over: (at) => compare(value(at)?.celsius, (c) => c <= 33.25),
          overMs: 15_000,
          end: END,
          tickMs: 500,
        })
      },
    })

  holdsAsReference('a state without an off-delay', {
    rules: [
      ruleOf({
        inputs: ['power.mains', 'device.status'],
        parameters: { onFor: seconds(5) },
        operator: 'held',
        pattern: {
          parts: [{ when: 'on == false', for: 'onFor', level: 'yellow', reason: 'dark' }],
          clear: { when: 'on == true' },
        },
        reasons: { dark: { zh: '停电', en: 'dark' } },
      }),
    ],
    lines: streamOf(
      fc.oneof(
        { weight: 6, arbitrary: reading('PWR1', 'power.mains', fc.record({ on: fc.boolean() })) },
        { weight: 1, arbitrary: status('PWR1') },
      ),
      120_000,
      { min: 4, max: 30 },
    ),
    end: 150_000,
    reference(lines) {
      const value = speaking(lines, 'PWR1', 'power.mains', Number.POSITIVE_INFINITY)
      const is = (wanted: boolean) => (at: number) => (value(at) ? value(at)?.on === wanted : null)
      return heldSteps({
        key: 'PWR1',
        parts: [{ level: 'yellow', forMs: 5_000, holds: is(false) }],
        over: is(true),
        overMs: 0,
        end: 150_000,
        tickMs: 500,
      })
    },
  })

  const DOORS = ['D-AB1-IN', 'D-AB1-OUT'] as const
  holdsAsReference('two doors of an interlock', {
    rules: [catalogueRule('interlock-violated')],
    lines: streamOf(
      fc.oneof(
        ...DOORS.map((door) => ({
          weight: 5,
          arbitrary: reading(door, 'door.state', fc.constantFrom({ state: 'open' }, { state: 'closed' })),
        })),
        ...DOORS.map((door) => ({ weight: 1, arbitrary: status(door) })),
      ),
      60_000,
      { min: 4, max: 40 },
    ),
    end: 90_000,
    reference(lines) {
      const doors = DOORS.map((door) => speaking(lines, door, 'door.state', Number.POSITIVE_INFINITY))
      const states = (at: number) => doors.map((door) => door(at)?.state ?? null)
      return heldSteps({
        key: 'AB1',
        parts: [
          {
            level: 'red',
            forMs: 1_000,
            holds: (at) =>
              states(at).includes('closed') ? false : states(at).every((s) => s === 'open') ? true : null,
          },
        ],
        over: (at) => (states(at).includes('closed') ? true : states(at).includes(null) ? null : false),
        overMs: 2_000,
        end: 90_000,
        tickMs: 500,
      })
    },
  })

  holdsAsReference('a sensor that says always the same', {
    rules: [catalogueRule('stuck-sensor', { stuckFor: 120 })],
    lines: streamOf(
      fc.oneof({
        weight: 12,
        arbitrary: reading(
          'TH1',
          'env.temperature',
          fc.constantFrom(...[20, 20, 20, 20, 20, 20.5].map((celsius) => ({ celsius }))),
        ),
      }),
      400_000,
      { min: 6, max: 30 },
      2_500,
    ),
    end: 500_000,
    reference(lines) {
      const value = speaking(lines, 'TH1', 'env.temperature', 60_000)
      const changes = lines
        .filter((l) => l.quality !== 'bad')
        .filter((l, i, all) => i > 0 && l.value.celsius !== all[i - 1]?.value.celsius)
        .map((l) => l.time)
      const out: { at: number; what: 'on' | 'off'; key: string; level: 'blue' }[] = []
      let active = false
      for (let t = 0; t <= 500_000; t += 2_500) {
        const same = (): boolean => {
          if (t < 120_000) return false
          const now = value(t - 120_000)?.celsius
          for (let u = t - 120_000; u < t; u += 500) if (now === undefined || value(u)?.celsius !== now) return false
          return value(t - 1)?.celsius === now
        }
        if (!active && same()) {
          active = true
          out.push({ at: t, what: 'on', key: 'TH1|env.temperature', level: 'blue' })
        }
        if (active && changes.includes(t)) {
          active = false
          out.push({ at: t, what: 'off', key: 'TH1|env.temperature', level: 'blue' })
        }
      }
      return out
    },
  })

  holdsAsReference('two vital signs together', {
    least: { rise: 0.1 },
    rules: [catalogueRule('critical-vital-sign', { sustained: 10, normalFor: 10 })],
    lines: streamOf(
      fc.oneof(
        {
          weight: 12,
          arbitrary: reading(
            'BW',
            'band.vitals',
            fc.record({
              hr: fc.constantFrom(38, 40, 41, 70),
              spo2: fc.constantFrom(90, 91, 92, 97),
              activity: fc.constant(0.5),
              confidence: fc.constantFrom(0.9, 0.9, 0.9, 0.5),
            }),
          ),
        },
        { weight: 2, arbitrary: status('BW') },
      ),
      120_000,
      { min: 2, max: 60 },
    ),
    end: 150_000,
    reference(lines) {
      const value = speaking(lines, 'BW', 'band.vitals', 15_000)
      const of = (name: string, judge: (n: number) => boolean) => (at: number) => {
        const v = value(at)
        return v && (v.confidence as number) >= 0.6 ? judge(v[name] as number) : null
      }
      return heldSteps({
        key: 'PW',
        parts: [
          { level: 'orange', forMs: 10_000, holds: of('hr', (n) => n <= 40) },
          { level: 'orange', forMs: 10_000, holds: of('spo2', (n) => n <= 91) },
        ],
        together: { parts: 2, level: 'red' },
        over: (at) => {
          const a = of('hr', (n) => n > 40)(at)
          const b = of('spo2', (n) => n > 91)(at)
          return a === null || b === null ? null : a && b
        },
        overMs: 10_000,
        end: 150_000,
        tickMs: 500,
      })
    },
  })
})
