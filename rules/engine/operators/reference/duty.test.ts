/** Tools, watch checks, roll calls and rounds, beside their references. */
import fc from 'fast-check'
import { describe } from 'vitest'
import { catalogueRule, holdsAsReference, type Line, stepsOf, streamOf } from './bench.ts'
import { countSpans, overdueSpans, regularSpans, uncheckedSpans } from './duty.ts'
import { event, eventOfAny, good, ofType, oneOf } from './streams.ts'

const MINUTE = 60_000

describe('absence of what the hour demands', () => {
  holdsAsReference('a tool that is not back after the shift', {
    rules: [catalogueRule('tool-not-returned', { grace: 60 })],
    site: {
      devices: [{ id: 'CAB2', kind: 'tool-cabinet', driver: 'opcua', zone: 'WORK' }],
      shifts: [
        { id: 'A', from: '08:00', to: '10:05' },
        { id: 'B', from: '10:05', to: '10:12' },
        { id: 'C', from: '10:12', to: '18:00' },
      ],
    },
    lines: streamOf(
      eventOfAny(['CAB1', 'CAB2'], 'tool.out', fc.record({ tool: fc.constantFrom('T1', 'T2') })).chain((out) =>
        fc.constantFrom(out, { ...out, type: 'tool.in' }),
      ),
      16 * MINUTE,
      { min: 1, max: 14 },
      10_000,
    ),
    end: 20 * MINUTE,
    runs: 100,
    reference: (lines) => stepsOf(overdueSpans(good(lines), [5 * MINUTE, 12 * MINUTE, 480 * MINUTE], MINUTE)),
  })

  holdsAsReference('a watched person whom nobody looks after', {
    least: { rise: 0.4 },
    rules: [catalogueRule('watch-check-missed', { yellowAfter: 60, orangeAfter: 120 })],
    lines: streamOf(
      event(
        'PP1',
        'patrol.checkin',
        fc.record(
          {
            route: fc.constant('RT1'),
            point: fc.constant('PP1'),
            officer: fc.constant('S1'),
            person: fc.constantFrom('PW', 'PW', 'P1'),
          },
          { requiredKeys: ['route', 'point', 'officer'] },
        ),
      ),
      8 * MINUTE,
      { min: 0, max: 20 },
      10_000,
    ),
    end: 12 * MINUTE,
    runs: 100,
    reference: (lines) =>
      stepsOf(
        uncheckedSpans(
          good(lines)
            .filter((l) => l.value.person === 'PW')
            .map((l) => l.time),
          'PW',
          [
            { ms: 60_000, level: 'yellow' },
            { ms: 120_000, level: 'orange' },
          ],
        ),
      ),
  })

  const counts = ['A1', 'A2']
  holdsAsReference('a count that does not come out', {
    least: { rise: 0.3 },
    rules: [catalogueRule('roll-call-mismatch', { closeWithin: 120, recountWithin: 60 })],
    lines: streamOf(
      oneOf(
        [
          1,
          event(
            'RC',
            'rollcall.started',
            fc.record({
              count: fc.constantFrom(...counts),
              kind: fc.constantFrom('scheduled', 'evacuation'),
              expected: fc.constant(10),
              out_count: fc.constantFrom(0, 2),
            }),
          ),
        ],
        [
          2,
          event(
            'RC',
            'rollcall.closed',
            fc.record({
              count: fc.constantFrom(...counts),
              attempt: fc.constantFrom(1, 2),
              present: fc.constantFrom(10, 8, 8, 7),
            }),
          ),
        ],
      ),
      5 * MINUTE,
      { min: 1, max: 10 },
      10_000,
    )
      // A count is started once.
      .map((lines) => lines.filter((l, i) => l.type === 'rollcall.closed' || !isStartOf(lines.slice(0, i), l))),
    end: 10 * MINUTE,
    runs: 150,
    reference: (lines) => stepsOf(counts.flatMap((c) => countSpans(good(lines), c, 120_000, 60_000))),
  })
  const isStartOf = (before: readonly Line[], l: Line): boolean =>
    ofType(before, 'rollcall.started').some((s) => s.value.count === l.value.count)
})

describe('a variance over the last intervals', () => {
  const round = (route: string, point: string) => ({ route, point, officer: 'S1' })
  holdsAsReference('rounds like a clock', {
    rules: [catalogueRule('predictable-patrol', { intervals: 5 })],
    site: {
      patrols: [
        { id: 'RW', kind: 'watch', points: ['PP1'] },
        { id: 'RD', kind: 'day', points: ['PP2'] },
      ],
    },
    // Steps of nearly the same length, seldom another.
    lines: fc
      .array(fc.tuple(fc.constantFrom(57, 60, 60, 60, 63, 63, 78, 95), fc.integer({ min: 0, max: 20 })), {
        minLength: 4,
        maxLength: 24,
      })
      .map((list) => {
        let time = 0
        return list.flatMap(([step, n]): Line[] => {
          time += step * 1_000
          const quality = n === 0 ? ('bad' as const) : ('good' as const)
          return [
            { device: 'PP1', type: 'patrol.checkin', time, value: round('RW', 'PP1'), quality },
            { device: 'PP2', type: 'patrol.checkin', time, value: round('RD', 'PP2'), quality },
          ]
        })
      }),
    end: 40 * MINUTE,
    runs: 100,
    reference: (lines) =>
      stepsOf(
        regularSpans(
          good(lines)
            .filter((l) => l.device === 'PP1')
            .map((l) => l.time),
          'RW',
          5,
          0.1,
        ),
      ),
  })
})
