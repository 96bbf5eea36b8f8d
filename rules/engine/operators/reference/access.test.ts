/** Cards, lines of cameras and faces, beside their references. */
import fc from 'fast-check'
import { describe } from 'vitest'
import type { Level } from '#model/alert/alert.ts'
import { awayPulses, facePulses, type LevelPulse, passbackPulses, strangerPulses, tailgatingPulses } from './access.ts'
import { catalogueRule, holdsAsReference, pulseSpans, quietAfter, stepsOf, streamOf } from './bench.ts'
import { placeAt, usableFixes } from './places.ts'
import { event, eventOfAny, fix, good, ofType, oneOf } from './streams.ts'

const QUIET = 20_250
const END = 400_000
const spansOf = (pulses: readonly LevelPulse[]) => stepsOf(pulseSpans(pulses, QUIET, END))
const HOLDERS: Record<string, string> = { CARD1: 'S1', CARD2: 'S2' }
const cards = fc.constantFrom('CARD1', 'CARD1', 'CARD2', 'CARD9')

describe('readers', () => {
  const AREAS: Record<string, [string, string]> = {
    'R-COR': ['W1', 'YARD'],
    'R-WORK': ['YARD', 'WORK'],
    'R-YARD2': ['W2', 'YARD'],
  }
  holdsAsReference('in and in again', {
    rules: [quietAfter(catalogueRule('anti-passback', { within: 60 }), QUIET)],
    site: {
      devices: [{ id: 'R-YARD2', kind: 'reader', driver: 'opcua', zone: 'YARD', area: { from: 'W2', to: 'YARD' } }],
    },
    lines: streamOf(
      eventOfAny(
        Object.keys(AREAS),
        'access.granted',
        fc.record({ credential: cards, direction: fc.constantFrom('in', 'out') }, { requiredKeys: ['credential'] }),
      ),
      300_000,
      { min: 2, max: 20 },
      2_500,
    ),
    end: END,
    runs: 100,
    reference: (lines) =>
      spansOf(
        passbackPulses(
          good(lines),
          (g) => {
            const [from, to] = AREAS[g.device] as [string, string]
            // Without a direction the way in is meant, where the way out has a reader of its own.
            if (g.value.direction === undefined) return to === 'YARD' ? to : null
            return g.value.direction === 'in' ? to : from
          },
          (reader): Level => (reader === 'R-WORK' ? 'yellow' : 'blue'),
          60_000,
        ),
      ),
  })

  const AT: Record<string, { x: number; y: number; floor: number }> = {
    'R-WORK': { x: 0, y: 40, floor: 1 },
    'R-AB1': { x: 110, y: 70, floor: 1 },
    'R-UP': { x: 0, y: 40, floor: 2 },
  }
  holdsAsReference('a card where its holder is not', {
    rules: [quietAfter(catalogueRule('credential-tag-mismatch'), QUIET)],
    site: {
      devices: [
        {
          id: 'R-UP',
          kind: 'reader',
          driver: 'opcua',
          zone: 'WORK',
          at: { x_m: 0, y_m: 40, floor: 2 },
          area: { from: 'A', to: 'B' },
        },
      ],
    },
    lines: streamOf(
      oneOf(
        [3, eventOfAny(Object.keys(AT), 'access.granted', fc.record({ credential: cards }))],
        [4, fix('S1T', [0, 20, 21, 100], [40, 50])],
        [4, fix('S2T', [0, 20, 21, 100], [40, 50])],
      ),
      200_000,
      { min: 2, max: 40 },
    ),
    end: END,
    runs: 100,
    reference: (lines) =>
      spansOf(
        awayPulses(
          ofType(good(lines), 'access.granted'),
          (card) => HOLDERS[card] ?? null,
          (holder, grant) => placeAt(usableFixes(lines.slice(0, lines.indexOf(grant)), `${holder}T`), grant.time),
          (reader) => AT[reader] ?? null,
          20,
          4,
        ),
      ),
  })
})

describe('readers and cameras', () => {
  holdsAsReference('more people than grants', {
    rules: [quietAfter(catalogueRule('tailgating'), QUIET)],
    lines: streamOf(
      oneOf(
        [3, eventOfAny(['R-C1', 'R-AB1'], 'access.granted', fc.record({ credential: cards }))],
        [
          3,
          eventOfAny(
            ['K4', 'K6'],
            'camera.line-crossed',
            fc.record(
              {
                line: fc.constantFrom('L1', 'L1', 'L1', 'L2'),
                direction: fc.constantFrom('in', 'in', 'out'),
                object: fc.constantFrom('human', 'human', 'human', 'vehicle'),
                count: fc.constantFrom(1, 2, 3),
              },
              { requiredKeys: ['line', 'direction', 'object'] },
            ),
          ),
        ],
      ),
      60_000,
      { min: 6, max: 30 },
    ),
    end: END,
    runs: 80,
    reference(all) {
      const lines = good(all)
      const at = (camera: string, reader: string, door: string, level: Level) =>
        tailgatingPulses(
          lines.filter((l) => l.device === reader),
          lines
            .filter((l) => l.device === camera && l.value.line === 'L1' && l.value.direction === 'in')
            .filter((l) => l.value.object === 'human')
            .map((l) => ({ at: l.time, count: (l.value.count as number | undefined) ?? 1 })),
          door,
          level,
          8_000,
        )
      return spansOf([...at('K4', 'R-C1', 'D-C1', 'yellow'), ...at('K6', 'R-AB1', 'D-AB1-IN', 'orange')])
    },
  })

  // Mostly plainly his own or plainly not.
  const face = fc
    .record({
      person: fc.constantFrom('S1', 'S1', 'S2', 'P1'),
      score: fc.constantFrom(0.5, 0.59, 0.59, 0.6, 0.89, 0.9, 0.95, 0.95),
      live: fc.boolean(),
    })
    .map((f) => ({ ...f, list: f.person === 'P1' ? 'inmate' : 'staff' }))
  holdsAsReference('a face that is not the holder of the card', {
    rules: [quietAfter(catalogueRule('person-credential-mismatch'), QUIET)],
    lines: streamOf(
      oneOf(
        [2, eventOfAny(['R-C1', 'R-AB1', 'R-AB1', 'R-AB1'], 'access.granted', fc.record({ credential: cards }))],
        [5, event('K6', 'camera.face', face)],
      ),
      14_000,
      { min: 12, max: 45 },
    ),
    end: END,
    runs: 100,
    reference: (all) =>
      spansOf(
        strangerPulses(
          ofType(good(all), 'access.granted'),
          ofType(good(all), 'camera.face'),
          () => 'R-AB1',
          (card) => HOLDERS[card] ?? null,
          { withinMs: 5_000, notHolder: 0.6, isOther: 0.9, frames: 2 },
        ),
      ),
  })

  holdsAsReference('a face where it must not be', {
    rules: [quietAfter(catalogueRule('inmate-face-in-outer-zone'), QUIET)],
    site: { people: [{ id: 'P2', cell: 'C1', ward: 'W1', allowed: ['W1', 'YARD'] }] },
    lines: streamOf(
      eventOfAny(
        ['K1', 'K1', 'K4', 'K5', 'K5'],
        'camera.face',
        fc.record(
          {
            list: fc.constantFrom('inmate', 'inmate', 'inmate', 'unknown'),
            person: fc.constantFrom('P1', 'P1', 'P2'),
            score: fc.constantFrom(0.89, 0.9, 0.95, 0.95),
            live: fc.constantFrom(true, true, true, true, false),
          },
          { requiredKeys: ['list', 'score', 'live'] },
        ),
      ),
      15_000,
      { min: 8, max: 40 },
    ),
    end: END,
    runs: 60,
    reference: (all) =>
      spansOf(
        facePulses(
          good(all),
          (f) => ({ K1: 'YARD', K4: 'COR1', K5: 'OUTSIDE' })[f.device] as string,
          // The corridor has no class; the yard is lawful for one of them.
          (person, zone) => zone === 'OUTSIDE' || (zone === 'YARD' && person === 'P1'),
          0.9,
          2,
          3_000,
        ),
      ),
  })
})
