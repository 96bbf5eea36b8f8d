import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { csvColumn, csvTime } from './csv.ts'
import { DeviationScorer, newDeviation, windowFor } from './engine/deviation.ts'
import { replay } from './replay.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'csv-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** A day that repeats, every five minutes, with a little noise; `odd` changes some of it. */
function series(days: number, odd: (i: number, value: number) => number = (_, v) => v): number[] {
  let seed = 11
  const noise = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed / 2_147_483_648 - 0.5
  }
  return Array.from({ length: days * 288 }, (_, i) =>
    odd(i, 20 + 5 * Math.sin((i / 288) * 2 * Math.PI) + noise() * 0.4),
  )
}
const text = (i: number): string =>
  new Date(Date.UTC(2014, 3, 1) + i * 300_000).toISOString().slice(0, 19).replace('T', ' ')
function file(values: readonly (number | string)[]): string {
  const path = join(dir, 'in.csv')
  writeFileSync(path, `timestamp,value\n${values.map((v, i) => `${text(i)},${v}`).join('\n')}\n`)
  return path
}
async function run(readings: string, more: Record<string, unknown> = {}) {
  let out = ''
  let err = ''
  const scores = join(dir, 'scores.csv')
  const io = {
    out: (t: string) => {
      out += t
    },
    err: (t: string) => {
      err += t
    },
    isTerminal: false,
  }
  const code = await replay({ readings, csv: csvColumn('env.temperature=celsius'), scores, json: true, ...more }, io)
  const [header, ...rows] = readFileSync(scores, 'utf8').trimEnd().split('\n')
  return { code, out, err, header, rows: rows.map((r) => r.split(',')) }
}

describe('replay --csv', () => {
  test('has a score for every row in the order of the input, between 0 and 1, in UTC', async () => {
    const values = series(14)
    const { code, header, rows, err } = await run(file(values))
    expect(code).toBe(0)
    expect(header).toBe('timestamp,value,anomaly_score')
    expect(rows).toHaveLength(values.length)
    expect(rows.map((r) => r[0])).toEqual(values.map((_, i) => text(i)))
    expect(rows.map((r) => Number(r[1]))).toEqual(values)
    expect(rows.every((r) => Number(r[2]) >= 0 && Number(r[2]) <= 1)).toBe(true)
    expect(JSON.parse(err)).toMatchObject({ readings: values.length, quarantined: 0 })
  })

  test('the rows are readings for the rules', async () => {
    const hot = Array.from({ length: 60 }, (_, i) => (i < 20 ? 22 : 48))
    const { err } = await run(file(hot))
    expect(JSON.parse(err).readings).toBe(60)
  })

  test('an unusual stretch stands out against an ordinary day', async () => {
    const from = 10 * 288 + 100
    const { rows } = await run(file(series(14, (i, v) => (i >= from && i < from + 12 ? v + 6 : v))))
    const score = rows.map((r) => Number(r[2]))
    const before = score.slice(from - 288, from)
    expect(Math.max(...score.slice(from, from + 12))).toBeGreaterThan(0.99)
    expect(before.filter((s) => s > 0.99).length).toBeLessThan(6)
  })

  test('a row that cannot be read is named and still has its row of scores', async () => {
    const values: (number | string)[] = series(2)
    values[100] = 'n/a'
    const { rows, err } = await run(file(values))
    expect(rows).toHaveLength(values.length)
    expect(rows[100]).toEqual([text(100), 'n/a', '0'])
    expect(err).toMatch(/in\.csv:102: the row has no time or no number/)
  })

  test('the column is checked, and times are UTC', () => {
    expect(() => csvColumn('env.warmth=x')).toThrow(/not a type of the collection list/)
    expect(() => csvColumn('env.temperature=kelvin')).toThrow(/it has celsius/)
    expect(csvTime('2014-02-14 14:30:00')).toBe(Date.UTC(2014, 1, 14, 14, 30))
    expect(csvTime('2014-02-14T14:30:00Z')).toBe(Date.UTC(2014, 1, 14, 14, 30))
    expect(csvTime('soon')).toBeNull()
  })
})

describe('the deviation score', () => {
  const scores = (values: readonly number[], restartAt = -1): number[] => {
    let scorer = new DeviationScorer()
    let state = newDeviation(windowFor(values.length))
    return values.map((v, i) => {
      if (i === restartAt) {
        scorer = new DeviationScorer()
        state = JSON.parse(JSON.stringify(state))
      }
      return scorer.next(state, v)
    })
  }

  test('goes on from its state after a restart at any value', () => {
    const values = series(4, (i, v) => (i === 900 ? v + 9 : v))
    const whole = scores(values)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: values.length - 1 }), (at) => {
        expect(scores(values, at)).toEqual(whole)
      }),
      { numRuns: 10 },
    )
  })

  test('bears flat lines, jumps and numbers of any size', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant(0), fc.constant(1e9), fc.double({ noNaN: true, min: -1e12, max: 1e12 })), {
          minLength: 200,
          maxLength: 600,
        }),
        (values) => {
          for (const s of scores(values)) expect(s >= 0 && s <= 1).toBe(true)
        },
      ),
      { numRuns: 15 },
    )
  })
})
