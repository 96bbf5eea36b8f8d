/** Every case of the catalogue in another order, with copies, and with a restart after every few lines: the same lines come out. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { CATALOGUE_DIR, readRuleFiles } from '../catalogue/load.ts'
import { Engine } from '../engine/engine.ts'
import { OPERATORS } from '../engine/operators/index.ts'
import { Rule, type RuleFile } from '../engine/rule.ts'
import { changeLine } from '../replay.ts'
import { parseCases, type RuleCase } from './case-file.ts'
import { casesPathOf, mergedSite } from './run.ts'

const { files } = readRuleFiles(CATALOGUE_DIR)
const MAX_DISORDER_MS = 4_000
/** Long cases cost seconds in each way they are run; the others show the same. */
const MAX_LINES = 500

type Line = Record<string, unknown>

/** A repeatable sequence of numbers in [0, 1). */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function run(rule: RuleFile, testCase: RuleCase, lines: readonly Line[], restartEvery: number): string[] {
  const site = mergedSite(testCase.site)
  const overrides = (site.rules ?? {}) as Record<string, Record<string, unknown>>
  const out: string[] = []
  const rules = [rule, ...files.filter((f) => f !== rule && rule.watches.includes(f.code))].map(
    (file) => new Rule(file, overrides[file.id] ?? {}),
  )
  const make = (): Engine =>
    new Engine({ site, rules, operators: OPERATORS, onChange: (change) => void out.push(changeLine(change)) })
  let engine = make()
  for (const [i, line] of lines.entries()) {
    engine.line(line)
    if (restartEvery > 0 && i % restartEvery === restartEvery - 1) {
      const snapshot = engine.snapshot()
      engine = make()
      engine.restore(snapshot)
    }
  }
  engine.finish(testCase.end)
  return out.sort()
}

/** The lines as they may arrive: each up to four seconds late, some twice. */
function disordered(lines: readonly Line[], seed: number): Line[] {
  const random = chance(seed)
  return lines
    .flatMap((line) => {
      const arrives = (line.time as number) + Math.floor(random() * MAX_DISORDER_MS)
      return random() < 0.2
        ? [
            { line, arrives },
            { line, arrives: arrives + 1 },
          ]
        : [{ line, arrives }]
    })
    .sort((a, b) => a.arrives - b.arrives)
    .map(({ line }) => line)
}

describe('the order of lines, copies and restarts change nothing', () => {
  test.each(files.map((f) => [f.code, f] as const))('%s', (_code, rule) => {
    for (const testCase of parseCases(readFileSync(casesPathOf(rule), 'utf8'))) {
      if (testCase.input.length > MAX_LINES) continue
      const plain = run(rule, testCase, testCase.input, 0)
      expect(run(rule, testCase, disordered(testCase.input, 7), 0), `${testCase.title}: disorder`).toEqual(plain)
      expect(run(rule, testCase, testCase.input, 31), `${testCase.title}: restart`).toEqual(plain)
    }
  })
})
