/** Cameras, fences, fire, and keys that are pressed, beside their references. */
import fc from 'fast-check'
import { describe } from 'vitest'
import type { Level } from '#model/alert/alert.ts'
import { catalogueRule, holdsAsReference, type Line, pulseSpans, quietAfter, stepsOf, streamOf } from './bench.ts'
import { besideSteps, firstPair, riseTimes, type Sign, singlePulses } from './cameras.ts'
import { heldSpans, speaking } from './held.ts'
import { event, eventOfAny, fix, good, oneOf, status } from './streams.ts'

const TICK = 500
const EVER = Number.POSITIVE_INFINITY

describe('cameras', () => {
  const CAMERAS = ['K1', 'K2', 'K3', 'K4']
  const BESIDE = ['K1 K2', 'K2 K1', 'K2 K3', 'K3 K2']
  const areBeside = (a: string, b: string): boolean => BESIDE.includes(`${a} ${b}`)
  const END = 200_000

  for (const [title, slug, overrides, type, isBad] of [
    [
      'covered or moved',
      'camera-tamper',
      { adjacentWithin: 30 },
      'camera.tamper',
      (v: Line['value']) => v.active === true,
    ],
    [
      'without a picture',
      'video-lost-or-not-recorded',
      { besideWithin: 30 },
      'camera.signal',
      (v: Line['value']) => v.present === false,
    ],
  ] as const)
    holdsAsReference(title, {
      rules: [catalogueRule(slug, overrides)],
      lines: streamOf(
        fc
          .constantFrom(...CAMERAS)
          .chain((camera) =>
            oneOf(
              [
                6,
                event(
                  camera,
                  type,
                  type === 'camera.tamper'
                    ? fc.record({ tamper: fc.constant('covered'), active: fc.boolean() })
                    : fc.record({ present: fc.boolean() }),
                ),
              ],
              [1, status(camera)],
            ),
          ),
        150_000,
        { min: 1, max: 30 },
      ),
      end: END,
      reference: (lines) =>
        besideSteps(
          CAMERAS.flatMap((key) => {
            const said = speaking(lines, key, type, EVER)
            const fault = (at: number) => (said(at) ? isBad(said(at) as Line['value']) : null)
            return heldSpans({
              key,
              parts: [{ level: 'yellow', forMs: type === 'camera.tamper' ? 5_000 : 10_000, holds: fault }],
              over: (at) => (fault(at) === null ? null : !fault(at)),
              overMs: 10_000,
              end: END,
              tickMs: TICK,
            })
          }),
          areBeside,
          30_000,
        ),
    })
})

describe('a fence alone', () => {
  const QUIET = 20_250
  const END = 300_000
  holdsAsReference('nobody sees who was at the fence', {
    least: { rise: 0.05 },
    rules: [
      quietAfter(catalogueRule('perimeter-single-source'), QUIET),
      catalogueRule('perimeter-intrusion-confirmed'),
    ],
    lines: streamOf(
      oneOf(
        [4, event('F1', 'fence.alarm', fc.constant({ strength: 'low' }))],
        [
          2,
          eventOfAny(
            ['K1', 'K2', 'K3', 'K5'],
            'camera.intrusion',
            fc.constantFrom(
              { object: 'animal', confidence: 0.9 },
              { object: 'animal', confidence: 0.9 },
              { object: 'unknown', confidence: 0.5, count: 0 },
              { object: 'human', confidence: 0.5 },
              { object: 'human', confidence: 0.9 },
            ),
          ),
        ],
        [1, eventOfAny(['K2', 'K5'], 'camera.motion', fc.record({ active: fc.boolean() }))],
      ),
      200_000,
      { min: 1, max: 24 },
    ),
    end: END,
    runs: 100,
    reference(all, others) {
      const lines = good(all)
      const near = lines.filter((l) => ['K1', 'K2', 'K3'].includes(l.device))
      const alarms = lines.filter((l) => l.type === 'fence.alarm').map((l) => l.time)
      const within = (l: Line, a: number, from: number) => l.time >= a + from && l.time <= a + 10_000
      /** What speaks for nobody being there: an animal, an empty picture, or no motion by the last word about it. */
      const explaining = (a: number): Line[] => {
        const seen = near.filter((l) => l.type === 'camera.intrusion' && within(l, a, -2_000))
        const animal = seen.find((l) => l.value.object === 'animal')
        const nothing = seen.find((l) => l.value.count === 0)
        const motion = all.findLast((l) => l.device === 'K2' && l.type === 'camera.motion' && l.time <= a + 10_000)
        const isStill = motion && motion.quality !== 'bad' && motion.value.active === false
        return [animal ?? nothing ?? (isStill ? motion : null)].filter((l) => l !== null)
      }
      const explained = (a: number): boolean => explaining(a).length > 0
      const newest = (a: number): number => Math.max(a, ...explaining(a).map((l) => l.time))
      const red = others.find((c) => c.alert.code === 'R01' && c.change === 'raised')
      const confirmedAt = red ? red.at - T_ZERO : EVER
      return stepsOf(
        pulseSpans(singlePulses(alarms, confirmedAt, explained, 10_000, 60_000, 'BELT', newest), QUIET, END),
      )
    },
  })
})
const T_ZERO = Date.parse('2026-03-02T10:00:00+08:00')

describe('signs of fire', () => {
  holdsAsReference('two of them within a minute', {
    rules: [catalogueRule('fire-confirmed')],
    site: { devices: [{ id: 'CP2', kind: 'call-point', driver: 'opcua', zone: 'C3' }] },
    lines: streamOf(
      oneOf(
        [
          6,
          eventOfAny(
            ['SM1', 'SM2', 'SM3'],
            'env.smoke',
            fc.constantFrom(...[0.1, 0.1, 1.9, 2, 5].map((n) => ({ percent_per_m: n }))),
          ),
        ],
        [6, event('TH1', 'env.temperature', fc.constantFrom(...[20, 22, 24, 27, 28].map((celsius) => ({ celsius }))))],
        [2, eventOfAny(['CP1', 'CP2'], 'env.call-point', fc.record({ active: fc.boolean() }))],
        [
          3,
          event(
            'K4',
            'camera.behaviour',
            fc.record({ behaviour: fc.constantFrom('flame', 'flame', 'fall'), confidence: fc.constantFrom(0.79, 0.8) }),
          ),
        ],
      ),
      400_000,
      { min: 2, max: 24 },
      2_500,
    ),
    end: 500_000,
    runs: 100,
    reference(all) {
      const lines = good(all)
      const ZONE: Record<string, string> = {
        SM1: 'COR1',
        SM2: 'COR1',
        CP1: 'COR1',
        K4: 'COR1',
        TH1: 'C1',
        SM3: 'W2',
        CP2: 'C3',
      }
      const instant = (device: string, at: number): Sign => ({
        name: device,
        zone: ZONE[device] as string,
        from: at,
        to: at,
      })
      const signs: Sign[] = [
        ...lines.filter((l) => (l.value.percent_per_m as number) >= 2).map((l) => instant(l.device, l.time)),
        ...lines
          .filter((l) => l.value.behaviour === 'flame' && (l.value.confidence as number) >= 0.8)
          .map((l) => instant('K4', l.time)),
        ...riseTimes(
          lines.filter((l) => l.device === 'TH1'),
          8,
        ).map((t) => instant('TH1', t)),
        ...['CP1', 'CP2'].flatMap((device) => {
          const own = lines.filter((l) => l.device === device)
          return own.flatMap((l, i): Sign[] => {
            if (l.value.active !== true) return []
            return [{ ...instant(device, l.time), to: own[i + 1]?.time ?? EVER }]
          })
        }),
      ]
      const wards = [
        ['W1', ['COR1', 'C1']],
        ['W2', ['W2', 'C3']],
      ] as const
      return stepsOf(
        wards.flatMap(([ward, zones]) => {
          const pair = firstPair(
            signs.filter((s) => (zones as readonly string[]).includes(s.zone)),
            60_000,
          )
          if (!pair) return []
          const [a, b] = pair.zones
          return [{ key: a === b ? a : ward, level: 'red' as const, from: pair.at, to: null }]
        }),
      )
    },
  })
})

describe('one reading is enough', () => {
  const END = 100_000
  const spansOf = (presses: readonly { at: number; key: string; level: Level }[]) =>
    stepsOf(presses.map(({ at, key, level }) => ({ key, level, from: at, to: null })))

  holdsAsReference('the key of a band, by the place of its wearer', {
    rules: [catalogueRule('sos-by-inmate')],
    lines: streamOf(
      fc.constantFrom('B1', 'B2').chain((b) => oneOf([1, event(b, 'band.sos')], [2, fix(b, [65, 77, 30], [15])])),
      60_000,
      { min: 0, max: 14 },
    ),
    end: END,
    runs: 80,
    reference(lines) {
      return spansOf(
        good(lines)
          .filter((l) => l.type === 'band.sos')
          .map((l) => {
            // Where he was last, however long ago.
            const before = lines.slice(0, lines.indexOf(l))
            const last = before.findLast(
              (f) =>
                f.device === l.device &&
                f.type === 'band.position' &&
                f.quality !== 'bad' &&
                (f.value.accuracy_m as number) <= 3,
            )
            const isAlone = last !== undefined && last.value.x_m !== 30
            return { at: l.time, key: l.device === 'B1' ? 'P1' : 'P2', level: isAlone ? 'orange' : 'yellow' }
          }),
      )
    },
  })

  holdsAsReference('a duress code and a panic button', {
    rules: [catalogueRule('duress-credential'), catalogueRule('officer-panic')],
    lines: streamOf(
      oneOf(
        [
          3,
          eventOfAny(
            ['R-C1', 'R-COR', 'R-WORK'],
            'access.duress',
            fc.record({ credential: fc.constantFrom('CARD1', 'CARD2', 'X9') }),
          ),
        ],
        [3, eventOfAny(['R-C1'], 'access.granted', { credential: 'CARD1' })],
        [1, event('S1T', 'tag.sos')],
      ),
      60_000,
      { min: 0, max: 8 },
    ),
    end: END,
    reference: (lines) =>
      spansOf(
        good(lines)
          .filter((l) => l.type === 'access.duress')
          .map((l) => {
            const holder = { CARD1: 'S1', CARD2: 'S2' }[l.value.credential as string] ?? l.value.credential
            const door = { 'R-C1': 'D-C1', 'R-COR': 'D-COR' }[l.device] ?? l.device
            return { at: l.time, key: `${holder}|${door}`, level: 'red' as const }
          }),
      ),
  })
})
