/** Composites, the flood, doors and rounds, beside their references. */
import fc from 'fast-check'
import { describe } from 'vitest'
import { FacilityContext } from '#model/context/facility-context.ts'
import { floodSpans, forcedSpans, missedSpans, momentsOf, pairsWithin } from './alerts.ts'
import { catalogueRule, holdsAsReference, type Line, stepsOf, streamOf, T0 } from './bench.ts'

type Event = Omit<Line, 'time'>
const event = (device: string, type: string, value: fc.Arbitrary<Record<string, unknown>>): fc.Arbitrary<Event> =>
  value.map((v) => ({ device, type, value: v }))
const always = (value: Record<string, unknown>) => fc.constant(value)
const fix = (device: string, x: number) =>
  event(device, 'band.position', always({ x_m: x, y_m: 3, floor: 1, accuracy_m: 1 }))

describe('composite of alerts', () => {
  holdsAsReference('a person who should not be there and a wall that is not whole', {
    rules: [
      catalogueRule('suspected-escape', { within: 60 }),
      ...[
        'geofence-breach',
        'band-removed-cut',
        'perimeter-intrusion-confirmed',
        'electric-fence-down',
        'climbing',
      ].map((slug) => catalogueRule(slug)),
    ],
    lines: streamOf(
      fc.oneof(
        event('B4', 'band.tamper', always({})),
        event('B5', 'band.tamper', always({})),
        fix('B4', 162),
        fix('B5', 12),
        event('F1', 'fence.cut', always({})),
        event('F1', 'fence.alarm', always({ strength: 'high' })),
        event(
          'K3',
          'camera.behaviour',
          fc.boolean().map((active) => ({ behaviour: 'climb', confidence: 0.9, active })),
        ),
      ),
      200_000,
      { min: 3, max: 30 },
      2_500,
    ),
    end: 300_000,
    reference(_lines, others, file) {
      const site = new FacilityContext(file)
      const pairs = pairsWithin(
        momentsOf(others, T0),
        (m) => m.code === 'R28' || (m.code === 'R18' && m.level === 'red'),
        (m) => ['R01', 'R03', 'R04'].includes(m.code),
        (m) => m.code === 'R18',
        (a, b) => site.areLinked(a, b),
        60_000,
      )
      // Only a person ends it: it is raised once for each wall.
      return stepsOf(pairs.map(({ key, at }) => ({ key, level: 'red' as const, from: at, to: null })))
    },
  })

  holdsAsReference('more alarms than a console can follow', {
    rules: [
      catalogueRule('alarm-flood', { moreThan: 3, endsBelow: 2, window: 60 }),
      ...['officer-panic', 'sos-by-inmate', 'smoke-single', 'repeated-denial'].map((slug) => catalogueRule(slug)),
    ],
    lines: streamOf(
      fc.oneof(
        event('PB1', 'panic.pressed', always({})),
        event('S1T', 'tag.sos', always({})),
        event('S2T', 'tag.sos', always({})),
        ...['B1', 'B4', 'BW', 'B6'].map((band) => event(band, 'band.sos', always({}))),
        fix('B1', 2),
        fix('B4', 62),
        fix('BW', 110),
        ...['SM1', 'SM3'].map((d) =>
          event(d, 'env.smoke', fc.constantFrom({ percent_per_m: 0.1 }, { percent_per_m: 5 })),
        ),
      ),
      200_000,
      { min: 10, max: 60 },
      2_500,
    ),
    end: 400_000,
    reference: (_lines, others) =>
      stepsOf(
        floodSpans(
          others.filter((c) => c.alert.annunciated).map((c) => c.at - T0),
          3,
          2,
          60_000,
          400_000,
        ),
      ),
  })
})

describe('absence of a predecessor', () => {
  holdsAsReference('a door that nobody had a right to open', {
    rules: [catalogueRule('door-forced')],
    lines: streamOf(
      fc.oneof(
        { weight: 6, arbitrary: event('D-C1', 'door.state', fc.constantFrom({ state: 'open' }, { state: 'closed' })) },
        { weight: 1, arbitrary: event('R-C1', 'access.granted', always({ credential: 'CARD1' })) },
        { weight: 1, arbitrary: event('D-C1', 'door.exit-request', always({})) },
        {
          weight: 1,
          arbitrary: event('D-C1', 'door.command', fc.constantFrom({ command: 'open' }, { command: 'close' })),
        },
      ),
      60_000,
      { min: 3, max: 24 },
    ),
    end: 100_000,
    runs: 150,
    reference: (lines) =>
      stepsOf(
        forcedSpans(
          lines,
          lines.filter((l) => l.type !== 'door.state' && l.value.command !== 'close').map((l) => l.time),
          5_000,
          3_000,
          10_000,
          'D-C1',
          100_000,
        ),
      ),
  })
})

describe('absence of a periodic event', () => {
  holdsAsReference('a point of a round that nobody visits', {
    least: { rise: 0.5 },
    rules: [catalogueRule('patrol-missed-late')],
    site: { patrols: [{ id: 'RT1', kind: 'watch', points: ['PP1'], every: '60s', tolerance: '10s' }] },
    lines: streamOf(event('PP1', 'patrol.checkin', always({ route: 'RT1', point: 'PP1', officer: 'S1' })), 600_000, {
      min: 0,
      max: 14,
    }),
    end: 900_000,
    runs: 150,
    reference: (lines) =>
      // The run begins with its first line: without one nothing is due.
      stepsOf(
        lines.slice(0, 1).flatMap((first) =>
          missedSpans(
            lines.map((l) => l.time),
            first.time,
            60_000,
            10_000,
            'RT1|PP1',
            900_000,
          ),
        ),
      ),
  })
})
