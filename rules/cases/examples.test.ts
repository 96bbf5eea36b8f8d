/** The rule files of docs/pattern-semantics.md do what the page says: their cases run like those of the catalogue. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readRuleFiles } from '../catalogue/load.ts'
import { runCasesOf } from './run.ts'

const DOCS = join(import.meta.dirname, '../../docs')

test('each example of the page on pattern semantics passes its cases and stands on the page', () => {
  const { files, faults } = readRuleFiles(join(DOCS, 'examples/patterns'))
  expect(faults).toEqual([])
  expect(files.length).toBeGreaterThanOrEqual(8)
  const page = readFileSync(join(DOCS, 'pattern-semantics.md'), 'utf8')
  for (const file of files) {
    const { results, faults: own } = runCasesOf(file, files)
    expect([...own, ...results.flatMap((r) => r.problems)]).toEqual([])
    expect(page).toContain(`examples/patterns/${file.id}.yaml`)
  }
})
