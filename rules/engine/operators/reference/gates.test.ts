/** Vehicles through a sally port, beside their reference. */
import fc from 'fast-check'
import { describe } from 'vitest'
import { catalogueRule, holdsAsReference, type Line } from './bench.ts'
import { sallySteps } from './gates.ts'
import { good } from './streams.ts'

type Word = Pick<Line, 'device' | 'type' | 'value'>
const gate = (leaf: string, state: string): Word => ({ device: 'GATE1', type: 'gate.state', value: { leaf, state } })
const search = (state: string): Word => ({ device: 'GATE1', type: 'gate.search', value: { state } })
const life = (present: boolean, confidence = 0.9): Word => ({
  device: 'LIFE1',
  type: 'gate.life',
  value: { present, confidence },
})
/** A lawful way out, and one in: what people leave out or do twice is told by the numbers beside each word. */
const OUT = [
  gate('inner', 'open'),
  gate('inner', 'closed'),
  search('started'),
  search('finished'),
  life(false),
  gate('outer', 'open'),
  gate('outer', 'closed'),
]
const IN = [gate('outer', 'open'), gate('outer', 'closed'), gate('inner', 'open'), gate('inner', 'closed')]
const ODD = [
  life(true, 0.8),
  life(true, 0.79),
  gate('inner', 'open'),
  gate('outer', 'open'),
  gate('outer', 'closed'),
  search('finished'),
]

describe('a sequence with its own order', () => {
  holdsAsReference('vehicles out of and into a sally port', {
    least: { rise: 0.03 },
    rules: [catalogueRule('vehicle-sally-port-violation', { search: 20 })],
    lines: fc
      .array(
        fc.tuple(
          fc.constantFrom(OUT, OUT, IN),
          fc.array(
            fc.record({
              skip: fc.integer({ min: 0, max: 11 }),
              wait: fc.constantFrom(2, 5, 15, 25),
              bad: fc.integer({ min: 0, max: 30 }),
            }),
            {
              minLength: 7,
              maxLength: 7,
            },
          ),
          fc.option(fc.tuple(fc.constantFrom(...ODD), fc.integer({ min: 0, max: 6 })), { freq: 2 }),
        ),
        { minLength: 1, maxLength: 5 },
      )
      .map((trips) => {
        let time = 0
        const lines: Line[] = []
        const say = (word: Word, wait: number, bad: boolean): void => {
          time += wait * 1_000
          lines.push({ ...word, time, quality: bad ? 'bad' : 'good' })
        }
        for (const [trip, manner, odd] of trips)
          for (const [i, word] of trip.entries()) {
            const { skip, wait, bad } = manner[i] as (typeof manner)[number]
            if (odd?.[1] === i) say(odd[0], 1, false)
            if (skip > 0) say(word, wait, bad === 0)
          }
        return lines
      }),
    end: 1_200_000,
    runs: 150,
    reference: (lines) => sallySteps(good(lines), 'SALLY', 20_000, 0.8),
  })
})
