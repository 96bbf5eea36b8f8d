/** Runs the cases beside the rules through the production engine and compares the lines. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse as parseYaml } from 'yaml'
import type { AlertChange } from '#model/alert/alert.ts'
import { CONTEXT_KINDS, type ContextKind, contextItemId } from '#model/context/kinds.ts'
import { parseSite, type Site } from '#model/site/load.ts'
import type { RuleFault } from '../catalogue/load.ts'
import { Engine } from '../engine/engine.ts'
import { OPERATORS } from '../engine/operators/index.ts'
import { Rule, type RuleFile } from '../engine/rule.ts'
import { CaseFault, missingKinds, parseCases, type RuleCase } from './case-file.ts'

export interface CaseResult {
  rule: RuleFile
  case: RuleCase
  got: string[]
  /** Sentences: what differs, what was refused. */
  problems: string[]
}

const SITE_FILE = join(import.meta.dirname, 'site.yaml')
export const MIN_CASES = 3

export const casesPathOf = (rule: RuleFile): string => rule.file.replace(/\.ya?ml$/, '.cases')

/** The cases beside a rule, and what they lack: a rule is refused without one of each kind. Runs nothing. */
export function readCases(rule: RuleFile): { cases: RuleCase[]; faults: RuleFault[] } {
  const path = casesPathOf(rule)
  const fault = (message: string, line = 1): RuleFault => ({ file: path, line, column: 1, message })
  const KINDS = 'one that fires, one that stays silent, one with missing or bad data'
  if (!existsSync(path)) return { cases: [], faults: [fault(`a rule needs cases: ${KINDS}`)] }
  let cases: RuleCase[]
  try {
    cases = parseCases(readFileSync(path, 'utf8'))
  } catch (error) {
    return { cases: [], faults: [fault((error as Error).message, error instanceof CaseFault ? error.line : 1)] }
  }
  const faults = missingKinds(cases).map((message) => fault(message))
  if (cases.length < MIN_CASES)
    faults.unshift(fault(`${cases.length} cases; at least ${MIN_CASES} are needed: ${KINDS}`))
  return { cases, faults }
}

/** @returns the results, and faults with FILE:LINE. */
export function runCasesOf(rule: RuleFile, all: readonly RuleFile[]): { results: CaseResult[]; faults: string[] } {
  const path = casesPathOf(rule)
  const { cases, faults: lacking } = readCases(rule)
  // Whether one fires and one stays silent is told by the run: the expected lines may be about to be written.
  const faults = lacking
    .filter((f) => !/^no case (fires|stays)/.test(f.message))
    .map((f) => `${f.file}:${f.line}: ${f.message}`)
  const others = all.filter(
    (r) => r.code !== rule.code && (rule.watches.includes(r.code) || rule.watches.includes('*')),
  )
  const results = cases.map((c) => runCase(rule, others, c, path))
  if (cases.length > 0) {
    if (!results.some((r) => r.got.length > 0)) faults.push(`${path}:1: no case fires`)
    if (!results.some((r) => r.got.length === 0)) faults.push(`${path}:1: no case stays silent`)
  }
  return { results, faults }
}

export function runCase(rule: RuleFile, others: readonly RuleFile[], testCase: RuleCase, path: string): CaseResult {
  const problems: string[] = []
  const changes: AlertChange[] = []
  let site: Site
  try {
    site = mergedSite(testCase.site)
  } catch (error) {
    return { rule, case: testCase, got: [], problems: [`${path}:${testCase.line}: ${(error as Error).message}`] }
  }
  const overrides = (site.rules ?? {}) as Record<string, Record<string, unknown>>
  const engine = new Engine({
    site,
    rules: [rule, ...others].map((file) => new Rule(file, overrides[file.id] ?? {})),
    operators: OPERATORS,
    onChange: (change) => changes.push(change),
    onRefused: (_cause, detail) => problems.push(`${path}:${testCase.line}: ${detail}`),
  })
  for (const line of testCase.input) engine.line(line)
  engine.finish(testCase.end)
  const got = changes.filter((c) => c.alert.code === rule.code).map((c) => printed(c, testCase.start, rule.plan))
  const expected = testCase.expected
  for (let i = 0; i < Math.max(got.length, expected.length); i++)
    if (got[i] !== expected[i]) {
      problems.push(
        `${path}:${testCase.line}: "${testCase.title}": expected "${expected[i] ?? 'nothing more'}", got "${got[i] ?? 'nothing more'}"`,
      )
      break
    }
  return { rule, case: testCase, got, problems }
}

const USUAL: readonly string[] = ['unacknowledged', 'returned-unacknowledged']

function printed(change: AlertChange, start: number, plan: string | null): string {
  const { alert } = change
  const extra: string[] = []
  if (!USUAL.includes(alert.state)) extra.push(`state=${alert.state}`)
  if (alert.delayed) extra.push('delayed')
  if (alert.drill) extra.push('drill')
  if (alert.advice.length > 0) extra.push(`advice=${alert.advice.join(',')}`)
  if (alert.zone !== null && !alert.key.split('|').includes(alert.zone)) extra.push(`zone=${alert.zone}`)
  const others = alert.subjects.filter((s) => !alert.key.split('|').includes(s))
  if (others.length > 0) extra.push(`subjects=${others.join(',')}`)
  if (alert.plan !== plan) extra.push(`plan=${alert.plan}`)
  return [((change.at - start) / 1000).toFixed(3), change.change, alert.code, alert.key, alert.level, ...extra].join(
    ' ',
  )
}

let baseSite: Record<string, unknown> | null = null

export function mergedSite(patch: Record<string, unknown>): Site {
  baseSite ??= parseYaml(readFileSync(SITE_FILE, 'utf8')) as Record<string, unknown>
  const merged: Record<string, unknown> = { ...baseSite }
  for (const [section, value] of Object.entries(patch)) {
    if (!Array.isArray(value) || !CONTEXT_KINDS.includes(section as ContextKind)) {
      merged[section] = section === 'facility' ? { ...(baseSite.facility as object), ...(value as object) } : value
      continue
    }
    const kind = section as ContextKind
    const items = new Map(
      ((merged[section] as Record<string, unknown>[] | undefined) ?? []).map((item) => [
        contextItemId(kind, item),
        item,
      ]),
    )
    for (const item of value as Record<string, unknown>[]) {
      const id = contextItemId(kind, item)
      items.set(id, kind === 'zones' || kind === 'devices' || kind === 'people' ? { ...items.get(id), ...item } : item)
    }
    merged[section] = [...items.values()]
  }
  const { site, faults } = parseSite(JSON.stringify(merged))
  if (!site) throw new Error(`site: ${faults.map((f) => `${f.field} ${f.message}`).join('; ')}`)
  return site
}
