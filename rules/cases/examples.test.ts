/** The rule files of the pages in docs/ do what the pages say: their cases run like those of the catalogue. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CATALOGUE_DIR, loadRules, readRuleFiles, watchFaults } from '../catalogue/load.ts'
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

test('each example of the page on writing rules passes its cases beside the catalogue, and its file stands on the page', () => {
  const dir = join(DOCS, 'examples/own-rules')
  const { files, faults } = readRuleFiles(dir)
  const all = [...files, ...readRuleFiles(CATALOGUE_DIR).files]
  expect([...faults, ...watchFaults(files, all)]).toEqual([])
  expect(files.map((file) => file.code)).toEqual(['R70', 'R71', 'R72', 'R73'])
  // In force beside the catalogue as a facility would have them.
  expect(loadRules(CATALOGUE_DIR, {}, dir)).toHaveLength(72)
  const page = readFileSync(join(DOCS, 'writing-rules.md'), 'utf8')
  for (const file of files) {
    const { results, faults: own } = runCasesOf(file, all)
    expect([...own, ...results.flatMap((r) => r.problems)]).toEqual([])
    expect(page).toContain(`examples/own-rules/${file.id}.yaml`)
  }
  // The file that the page shows whole is the file that runs.
  expect(page).toContain(
    readFileSync(join(dir, 'server-room-heat.yaml'), 'utf8').split('\n').slice(1).join('\n').trim(),
  )
})
