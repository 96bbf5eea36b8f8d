/** The promise of the engine as a property: the same readings give the same lines, whatever the order, copies and restarts. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { parseSite } from '#model/site/load.ts'
import { CATALOGUE_DIR, loadRules } from '../catalogue/load.ts'
import { changeLine } from '../replay.ts'
import { Engine } from './engine.ts'
import { OPERATORS } from './operators/index.ts'

const { site } = parseSite(JSON.stringify(parse(readFileSync(join(import.meta.dirname, '../cases/site.yaml'), 'utf8'))))
if (!site) throw new Error('the site of the cases is wrong')
const rules = loadRules(CATALOGUE_DIR)
const T0 = Date.parse('2026-03-02T02:00:00+08:00')

type Line = Record<string, unknown> & { time: number }

/** Something happens somewhere: weighted to what rules look at, often in one place, so that patterns do complete. */
const event: fc.Arbitrary<Omit<Line, 'time'>> = fc.oneof(
  ...(
    [
      ['F1', 'fence.alarm', fc.constant({ strength: 'high' })],
      ['F1', 'fence.voltage', fc.record({ kv: fc.constantFrom(2, 6), nominal_kv: fc.constant(6) })],
      [
        'K1',
        'camera.intrusion',
        fc.record({ object: fc.constantFrom('human', 'animal'), confidence: fc.constantFrom(0.5, 0.9) }),
      ],
      [
        'K2',
        'camera.behaviour',
        fc.record({ behaviour: fc.constantFrom('climb', 'fight', 'ligature'), confidence: fc.constant(0.9) }),
      ],
      [
        'K2',
        'camera.intrusion',
        fc.record({ object: fc.constant('human'), confidence: fc.constant(0.9), active: fc.boolean() }),
      ],
      ['K1', 'camera.tamper', fc.record({ tamper: fc.constant('covered'), active: fc.boolean() })],
      ['K2', 'camera.tamper', fc.record({ tamper: fc.constant('moved'), active: fc.boolean() })],
      ['K3', 'device.status', fc.record({ online: fc.boolean() })],
      ['D-C1', 'door.state', fc.record({ state: fc.constantFrom('open', 'closed') })],
      ['D-AB1-IN', 'door.state', fc.record({ state: fc.constantFrom('open', 'closed') })],
      ['D-AB1-OUT', 'door.state', fc.record({ state: fc.constantFrom('open', 'closed') })],
      ['R-C1', 'access.granted', fc.constant({ credential: 'CARD1' })],
      [
        'B1',
        'band.position',
        fc.record({
          x_m: fc.constantFrom(2, 30, 110, 162),
          y_m: fc.constantFrom(3, 12),
          floor: fc.constant(1),
          accuracy_m: fc.constant(1),
        }),
      ],
      [
        'B2',
        'band.position',
        fc.record({
          x_m: fc.constantFrom(2, 162),
          y_m: fc.constant(3),
          floor: fc.constant(1),
          accuracy_m: fc.constant(1),
        }),
      ],
      ['B1', 'band.worn', fc.record({ worn: fc.boolean() })],
      ['B2', 'band.tamper', fc.constant({})],
      [
        'B1',
        'band.vitals',
        fc.record({
          hr: fc.constantFrom(35, 72, 140),
          spo2: fc.constantFrom(85, 97),
          activity: fc.constantFrom(0, 0.5),
          confidence: fc.constantFrom(0.3, 0.9),
        }),
      ],
      ['SM1', 'env.smoke', fc.record({ percent_per_m: fc.constantFrom(0.1, 3) })],
      ['SM2', 'env.smoke', fc.record({ percent_per_m: fc.constantFrom(0.1, 3) })],
      ['PWR1', 'power.mains', fc.record({ on: fc.boolean() })],
      ['K4', 'device.clock', fc.record({ offset_ms: fc.constantFrom(0, 800, 2000) })],
      ['S1T', 'tag.sos', fc.constant({})],
      ['nobody', 'tag.sos', fc.constant({})],
    ] as [string, string, fc.Arbitrary<unknown>][]
  ).map(([device, type, value]) => value.map((v) => ({ device, type, value: v }))),
)

/** A minute or three of life: events at whole half seconds, so that equal times happen. */
const stream: fc.Arbitrary<Line[]> = fc
  .array(fc.tuple(event, fc.integer({ min: 0, max: 240 })), { minLength: 20, maxLength: 150 })
  .map((events) => events.map(([e, half]) => ({ ...e, time: T0 + half * 500 }) as Line))
  .map((lines) => lines.sort((a, b) => a.time - b.time))

/** @param downAfter nobody listens for 20 s after so many lines. */
function run(lines: readonly Line[], restartEvery = 0, downAfter = -1): string {
  const out: string[] = []
  const make = (): Engine =>
    new Engine({ site: site as never, rules, operators: OPERATORS, onChange: (c) => out.push(changeLine(c)) })
  let engine = make()
  for (const [index, line] of lines.entries()) {
    engine.line(line)
    if (index === downAfter) engine.resume(line.time + 20_000)
    if (restartEvery > 0 && (index + 1) % restartEvery === 0) {
      const snapshot = engine.snapshot()
      engine = make()
      engine.restore(snapshot)
    }
  }
  engine.finish(T0 + 200_000)
  return out.join('\n')
}

const RUNS = { numRuns: 25 }

describe('the same readings give the same alerts', { timeout: 120_000 }, () => {
  test('in any order within the lateness, and with any copies', () => {
    fc.assert(
      fc.property(
        stream,
        fc.array(fc.integer({ min: 0, max: 4_900 }), { minLength: 400, maxLength: 400 }),
        fc.array(fc.boolean(), { minLength: 200, maxLength: 200 }),
        (lines, delays, copies) => {
          // Lateness is measured against the corrected time: the clock of K4 is up to two seconds fast.
          const delay = (line: Line, i: number): number =>
            line.device === 'K4' ? Math.min(2_900, delays[i] as number) : (delays[i] as number)
          const arrivals = lines.flatMap((line, i) => {
            const first = { line, at: line.time + delay(line, i) }
            return copies[i] ? [first, { line, at: line.time + delay(line, 200 + i) }] : [first]
          })
          arrivals.sort((a, b) => a.at - b.at)
          expect(run(arrivals.map((a) => a.line))).toBe(run(lines))
        },
      ),
      RUNS,
    )
  })

  test('when all state is dropped and restored after every few lines', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 7 }), (lines, every) => {
        expect(run(lines, every)).toBe(run(lines))
      }),
      RUNS,
    )
  })

  test('when the state is dropped and restored while what passed in an outage is still judged', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 7 }), fc.integer({ min: 0, max: 60 }), (lines, every, down) => {
        expect(run(lines, every, down)).toBe(run(lines, 0, down))
      }),
      RUNS,
    )
  })

  test('and the streams of this test do raise alerts', () => {
    const codes = new Set<string>()
    for (const lines of fc.sample(stream, { numRuns: 20, seed: 7 }))
      for (const line of run(lines).split('\n')) if (line) codes.add(JSON.parse(line).alert.code)
    expect(codes.size).toBeGreaterThan(8)
  })
})
