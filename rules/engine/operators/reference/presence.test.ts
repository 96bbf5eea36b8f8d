/** Who should be where: posts, plans, groups, persons without a trace, and signs that belong together; beside their references. */
import fc from 'fast-check'
import { describe } from 'vitest'
import { FacilityContext } from '#model/context/facility-context.ts'
import { momentsOf } from './alerts.ts'
import { catalogueRule, holdsAsReference, type Line, stepsOf, streamOf, T0 } from './bench.ts'
import { heldSpans, heldSteps, type Truth } from './held.ts'
import { metres, type Place, placeAt, usableFixes } from './places.ts'
import { lostSpans, riotTimes } from './presence.ts'
import { event, eventOfAny, fix, good, oneOf, together, walk } from './streams.ts'

const TICK = 500
/** Where somebody is after the instant: a fix that ends with it says nothing more. */
const heardAfter = (fixes: readonly Place[], at: number): Place | null => {
  const place = placeAt(fixes, at)
  return place && at < place.at + 10_000 ? place : null
}
const not = (truth: Truth): Truth => (truth === null ? null : !truth)

describe('officers', () => {
  const END = 240_000
  const POST = [38, 2] as const
  const AWAY = [20, 2] as const
  /** Around the beginning of the hours, three minutes after the run. */
  const later = (stream: fc.Arbitrary<Line[]>) =>
    stream.map((lines) => lines.map((l) => ({ ...l, time: l.time + 165_000 })))
  holdsAsReference('a post that nobody holds', {
    least: { rise: 0.05 },
    rules: [catalogueRule('post-vacant', { yellowAfter: 30, orangeAfter: 60 })],
    site: {
      posts: [{ id: 'PO1', zone: 'POST1', hours: '10:03-10:30' }],
      devices: [{ id: 'K9', kind: 'camera', driver: 'onvif', zone: 'POST1' }],
    },
    lines: together(
      later(walk('S1T', [POST, POST, POST, POST, AWAY], { min: 2, max: 16 }, 130_000)),
      later(walk('S2T', [POST, AWAY], { min: 0, max: 16 }, 130_000)),
      streamOf(
        event(
          'K9',
          'camera.face',
          fc.record({
            list: fc.constant('staff'),
            person: fc.constantFrom('S1', 'S2'),
            score: fc.constantFrom(0.89, 0.9),
            live: fc.constant(true),
          }),
        ),
        240_000,
        { min: 0, max: 6 },
      ),
    ),
    end: 300_000,
    runs: 60,
    reference(lines) {
      const tags = ['S1T', 'S2T'].map((d) => usableFixes(lines, d))
      const faces = good(lines).filter((l) => l.type === 'camera.face' && (l.value.score as number) >= 0.9)
      /** The newest trace of each of them: a fix, or a face at the post. */
      const isHeld = (at: number): boolean =>
        ['S1', 'S2'].some((officer, i) => {
          const seen = faces.filter((f) => f.value.person === officer).map((f) => ({ at: f.time, isHere: true }))
          const heard = (tags[i] ?? []).map((f) => ({ at: f.at, isHere: f.x === POST[0] }))
          const last = [...heard, ...seen]
            .filter((t) => t.at <= at)
            .sort((x, y) => x.at - y.at)
            .at(-1)
          return last?.isHere === true && at < last.at + 10_000
        })
      // The beginning of its hours arms the post; after it the first trace of anybody.
      const traces = [...tags.flat().map((f) => f.at), ...faces.map((f) => f.time)]
      const begun = (lines[0]?.time ?? 300_000) <= 180_000
      const armed = begun ? 180_000 : Math.min(...traces, Number.POSITIVE_INFINITY)
      const isVacant = (at: number): Truth => (at < armed ? false : !isHeld(at))
      return heldSteps({
        key: 'PO1',
        parts: [
          { level: 'yellow', forMs: 30_000, holds: isVacant },
          { level: 'orange', forMs: 60_000, holds: isVacant },
        ],
        over: (at) => not(isVacant(at)),
        overMs: 10_000,
        end: 300_000,
        tickMs: TICK,
      })
    },
  })

  holdsAsReference('fewer officers than the inmates ask for', {
    rules: [catalogueRule('under-manned', { sustained: 20, enoughFor: 10 })],
    site: { manning: [{ zone: 'W1', officers: 'ceil(inmates/2)' }] },
    lines: together(
      walk(
        'S1T',
        [
          [30, 12],
          [30, 12],
          [110, 12],
        ],
        { min: 0, max: 10 },
        200_000,
      ),
      walk(
        'S2T',
        [
          [38, 2],
          [110, 12],
          [110, 12],
        ],
        { min: 0, max: 8 },
        200_000,
      ),
      ...['B1', 'B2', 'B3'].map((b) =>
        walk(
          b,
          [
            [2, 3],
            [30, 12],
            [110, 12],
          ],
          { min: 1, max: 8 },
          200_000,
        ),
      ),
    ),
    end: END,
    reference(lines) {
      const fixes = (devices: string[]) => devices.map((d) => usableFixes(lines, d))
      const [officers, inmates] = [fixes(['S1T', 'S2T']), fixes(['B1', 'B2', 'B3'])]
      const count = (of: typeof officers, at: number): number =>
        of.filter((f) => (heardAfter(f, at)?.x ?? 1_000) <= 40).length
      const armed = Math.min(...officers.flat().map((f) => f.at), Number.POSITIVE_INFINITY)
      const isShort = (at: number): Truth => at >= armed && count(officers, at) < Math.ceil(count(inmates, at) / 2)
      return heldSteps({
        key: 'W1',
        parts: [{ level: 'yellow', forMs: 20_000, holds: isShort }],
        over: (at) => not(isShort(at)),
        overMs: 10_000,
        end: END,
        tickMs: TICK,
      })
    },
  })
})

describe('people', () => {
  const END = 240_000
  holdsAsReference('somebody without a trace', {
    least: { rise: 0.5 },
    rules: [catalogueRule('person-lost', { orangeAfter: 30, redAfter: 60 })],
    lines: together(
      walk(
        'B1',
        [
          [20, 12],
          [30, 12],
        ],
        { min: 0, max: 6 },
        180_000,
      ),
      streamOf(
        oneOf(
          [1, event('B1', 'band.worn', fc.record({ worn: fc.boolean() }))],
          [
            3,
            event(
              'K4',
              'camera.face',
              fc.record({
                list: fc.constant('inmate'),
                person: fc.constantFrom('P1', 'P1', 'P2'),
                score: fc.constantFrom(0.89, 0.9),
                live: fc.constant(true),
              }),
            ),
          ],
          [
            3,
            event(
              'RAD1',
              'radar.vitals',
              fc.record({ present: fc.boolean(), motion: fc.constant(0), confidence: fc.constant(0.9) }),
            ),
          ],
          [1, event('RC', 'rollcall.response', { count: 'C1', person: 'P1', method: 'face' })],
        ),
        180_000,
        { min: 0, max: 6 },
      ).map((lines) => lines.map((l) => ({ ...l, time: l.time + 250 }))),
    ),
    end: END,
    runs: 80,
    reference(lines) {
      const words = good(lines)
      const tracesOf = (person: string): number[] => [
        ...(person === 'P1' ? usableFixes(lines, 'B1').map((f) => f.at) : []),
        ...words
          .filter((l) => l.value.person === person && (l.type !== 'camera.face' || (l.value.score as number) >= 0.9))
          .map((l) => l.time),
        ...(person === 'P1' ? words.filter((l) => l.value.present === true).map((l) => l.time) : []),
      ]
      return stepsOf(
        ['P1', 'P2'].flatMap((person) =>
          lostSpans(
            tracesOf(person).sort((a, b) => a - b),
            person,
            { orangeMs: 30_000, redMs: 60_000, backMs: 10_000 },
            END,
          ),
        ),
      )
    },
  })

  const GROUP: Record<string, string> = { P1: 'B1', P2: 'B2', PW: 'BW' }
  holdsAsReference('away from the whole group', {
    rules: [catalogueRule('buddy-group-separation', { sustained: 20 })],
    site: { groups: [{ id: 'G1', members: Object.keys(GROUP) }] },
    lines: together(
      ...Object.values(GROUP).map((b) =>
        walk(
          b,
          [
            [30, 12],
            [30, 12],
            [45, 12],
            [110, 12],
          ],
          { min: 3, max: 8 },
          160_000,
        ),
      ),
    ),
    end: END,
    reference(lines) {
      const fixes = Object.fromEntries(Object.entries(GROUP).map(([p, b]) => [p, usableFixes(lines, b)]))
      const at = (person: string, t: number) => placeAt(fixes[person] ?? [], t)
      const isCorridor = (x: number) => x === 30 || x === 5
      const isNear = (person: string, other: string, t: number): Truth => {
        const [a, b] = [at(person, t), at(other, t)]
        if (!a || !b) return null
        return metres(a, b) <= 15 || (isCorridor(a.x) && isCorridor(b.x)) || (a.x === b.x && a.x === 110)
      }
      return stepsOf(
        Object.keys(GROUP).flatMap((key) => {
          const others = Object.keys(GROUP).filter((o) => o !== key)
          const near = (t: number): Truth => {
            const all = others.map((o) => isNear(key, o, t))
            return all.includes(true) ? true : all.includes(null) ? null : false
          }
          return heldSpans({
            key,
            parts: [{ level: key === 'PW' ? 'orange' : 'yellow', forMs: 20_000, holds: (t) => not(near(t)) }],
            over: near,
            overMs: 10_000,
            end: END,
            tickMs: TICK,
          })
        }),
      )
    },
  })
})

describe('composite of alerts', () => {
  const CODES = ['R07', 'R22', 'R28', 'R36', 'R39', 'R49']
  holdsAsReference('signs of a riot', {
    // Three different alerts near each other are rare.
    least: { on: 0.03 },
    rules: [
      catalogueRule('riot-build-up', { within: 90 }),
      ...['band-removed-cut', 'door-forced', 'officer-panic', 'abnormal-sound'].map((slug) => catalogueRule(slug)),
    ],
    site: { zones: [{ id: 'COR1', quiet: '09:00-12:00' }] },
    lines: streamOf(
      oneOf(
        [4, eventOfAny(['B1', 'B2', 'B3', 'B4'], 'band.tamper')],
        [4, fc.constantFrom('B1', 'B2', 'B3', 'B4').chain((b) => fix(b, [2, 30, 30, 110]))],
        [3, eventOfAny(['D-C1', 'D-COR'], 'door.state', fc.constantFrom({ state: 'open' }, { state: 'closed' }))],
        [1, eventOfAny(['PB1', 'S1T'], 'panic.pressed')],
        [3, event('NOISE1', 'env.noise', fc.constantFrom({ db: 60 }, { db: 90 }))],
      ),
      120_000,
      { min: 12, max: 50 },
      2_500,
    ),
    end: 300_000,
    runs: 100,
    reference(_lines, others, file) {
      const site = new FacilityContext(file)
      const moments = momentsOf(others, T0).filter((m) => CODES.includes(m.code))
      return stepsOf(
        riotTimes(moments, (a, b) => site.areLinked(a, b), 90_000).map(({ key, at }) => ({
          key,
          level: 'red' as const,
          from: at,
          to: null,
        })),
      )
    },
  })
})
