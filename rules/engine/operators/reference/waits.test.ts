/** Absence of an answer, of a heartbeat, and detections that last, beside their references. */
import fc from 'fast-check'
import { describe } from 'vitest'
import { catalogueRule, holdsAsReference, type Line, pulseSpans, quietAfter, stepsOf, streamOf } from './bench.ts'
import { activeSpans, framePulses, silentSpans, unansweredSpans } from './waits.ts'

type Event = Omit<Line, 'time'>
const quality = fc.integer({ min: 0, max: 9 }).map((n) => (n === 0 ? ('bad' as const) : ('good' as const)))
const event = (device: string, type: string, value: fc.Arbitrary<Record<string, unknown>>): fc.Arbitrary<Event> =>
  fc.tuple(value, quality).map(([v, q]) => ({ device, type, value: v, quality: q }))
const status = (device: string): fc.Arbitrary<Event> =>
  fc.boolean().map((online) => ({ device, type: 'device.status', value: { online } }))
const good = (lines: readonly Line[]): Line[] => lines.filter((l) => l.quality !== 'bad')

describe('absence', () => {
  holdsAsReference('of a successor: a call that nobody answers', {
    least: { rise: 0.4 },
    rules: [catalogueRule('cell-call-unanswered', { yellowAfter: 10, orangeAfter: 25 })],
    lines: streamOf(
      fc.oneof(
        { weight: 4, arbitrary: event('CALL1', 'call.pressed', fc.constant({})) },
        { weight: 2, arbitrary: event('CALL1', 'call.answered', fc.constant({})) },
        { weight: 2, arbitrary: status('CALL1') },
      ),
      100_000,
      { min: 2, max: 16 },
    ),
    end: 150_000,
    reference: (lines) =>
      stepsOf(
        unansweredSpans(
          lines,
          'CALL1',
          (l) => l.type === 'call.pressed',
          (l) => l.type === 'call.answered',
          [
            { afterMs: 10_000, level: 'yellow' },
            { afterMs: 25_000, level: 'orange' },
          ],
          150_000,
        ),
      ),
    runs: 150,
  })

  holdsAsReference('of a periodic sign of life', {
    rules: [catalogueRule('edge-agent-uplink-lost', { silence: 20 })],
    lines: streamOf(
      event(
        'EDGE',
        'agent.heartbeat',
        fc.record({ queue_depth: fc.constant(0), uplink: fc.constantFrom('up', 'down') }),
      ),
      150_000,
      { min: 1, max: 14 },
    ),
    end: 200_000,
    reference: (lines) =>
      stepsOf(
        silentSpans(
          good(lines)
            .filter((l) => l.value.uplink === 'up')
            .map((l) => l.time),
          'cases',
          20_000,
          'orange',
          200_000,
        ),
      ),
  })
})

describe('a detection that lasts', () => {
  const QUIET = 20_250
  const rule = quietAfter(catalogueRule('climbing', { sustained: 3 }), QUIET)
  const frame = (active: fc.Arbitrary<Record<string, unknown>>) =>
    event(
      'K3',
      'camera.behaviour',
      fc
        .tuple(fc.constantFrom('climb', 'climb', 'climb', 'fight'), fc.constantFrom(0.84, 0.85, 0.9), active)
        .map(([behaviour, confidence, more]) => ({ behaviour, confidence, ...more })),
    )
  const holds = (l: Line) => l.value.behaviour === 'climb' && (l.value.confidence as number) >= 0.85

  holdsAsReference('told by frames', {
    rules: [rule],
    lines: streamOf(frame(fc.constant({})), 15_000, { min: 12, max: 45 }),
    end: 100_000,
    reference: (lines) =>
      stepsOf(
        pulseSpans(
          framePulses(
            good(lines)
              .filter(holds)
              .map((l) => l.time),
            3_000,
          ).map((at) => ({ at, key: 'WALL', level: 'red' as const })),
          QUIET,
          100_000,
        ),
      ),
  })

  holdsAsReference('told by its beginning and its end', {
    rules: [rule],
    lines: streamOf(frame(fc.boolean().map((active) => ({ active }))), 60_000, { min: 3, max: 20 }),
    end: 700_000,
    reference(lines) {
      const frames = good(lines).map((l) => ({ at: l.time, holds: holds(l) && l.value.active === true }))
      return stepsOf(
        activeSpans(frames, 3_000).map(({ from, until }) => ({
          key: 'WALL',
          level: 'red' as const,
          from,
          to: until + QUIET <= 700_000 ? until + QUIET : null,
        })),
      )
    },
  })
})
