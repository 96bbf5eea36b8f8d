/**
 * Reads rule files: YAML → schema → operator → CEL, with line and column of every fault. A folder of rule files is the
 * whole catalogue: adding a rule adds files and edits none. Reads files only when asked, never writes.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv, type ErrorObject } from 'ajv'
import { LineCounter, parseDocument } from 'yaml'
import type { Level } from '#model/alert/alert.ts'
import { READING_TYPES } from '#model/catalogue/index.ts'
import { WardwatchError } from '#model/errors.ts'
import { sha256Hex } from '#model/ids.ts'
import { durationMs } from '#model/local-time.ts'
import { secondsOf } from '../durations.ts'
import { ConditionFault } from '../engine/cel.ts'
import type { Operator } from '../engine/operator.ts'
import { OPERATORS } from '../engine/operators/index.ts'
import { ParameterFault, type ParameterSpec, Rule, type RuleFile } from '../engine/rule.ts'
import { loadPlans } from '../plans/load.ts'
import { RULE_SCHEMA } from '../rule-schema.ts'
import { fileFaults, watchRings } from './file-checks.ts'
import { applyOverrides, converted, type Overrides, overrideOf } from './overrides.ts'
import { findScalar, locate } from './place.ts'

export { applyOverrides, outOfRange, shadowRules } from './overrides.ts'

export const CATALOGUE_DIR = import.meta.dirname

export interface RuleFault {
  file: string
  line: number
  column: number
  message: string
}

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, strict: false, verbose: true })
const validate = ajv.compile(RULE_SCHEMA)
const patternValidators = new Map<string, ReturnType<Ajv['compile']>>()
let plans: ReadonlySet<string> | null = null
const planIds = (): ReadonlySet<string> => {
  plans ??= new Set(loadPlans().map((plan) => plan.id))
  return plans
}

/** One rule a file: what is larger is not a rule file. */
export const MAX_RULE_BYTES = 262_144

/** Rule files of a folder in order of code. Faults name file, line and column; a faulty file gives no rule. */
export function readRuleFiles(dir: string): { files: RuleFile[]; faults: RuleFault[] } {
  const files: RuleFile[] = []
  const faults: RuleFault[] = []
  let names: string[]
  try {
    names = readdirSync(dir)
      .filter((n) => /\.ya?ml$/i.test(n))
      .sort()
  } catch {
    throw new WardwatchError(
      'rule-invalid',
      `${dir}: the folder of rules cannot be read; give a folder with <rule>.yaml files`,
    )
  }
  for (const name of names) {
    const path = join(dir, name)
    let text: string
    try {
      text = readText(path)
    } catch (error) {
      faults.push({ file: path, line: 1, column: 1, message: (error as Error).message })
      continue
    }
    const result = parseRuleFile(text, path)
    if (result.file) files.push(result.file)
    faults.push(...result.faults)
  }
  const byId = new Map<string, RuleFile>()
  for (const file of files) {
    const twin = byId.get(file.id) ?? files.find((f) => f !== file && f.code === file.code && byId.has(f.id))
    if (twin) faults.push({ ...first(file), message: `id or code stands also in ${twin.file}; give each rule its own` })
    byId.set(file.id, file)
  }
  for (const ring of watchRings(files))
    faults.push({
      ...first(files.find((f) => f.code === ring[0]) as RuleFile),
      message: `rules that watch each other in a ring: ${[...ring, ring[0]].join(' → ')}; take one of them out of watches`,
    })
  files.sort((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : 0))
  return { files, faults }
}

const first = (file: RuleFile): Omit<RuleFault, 'message'> => ({ file: file.file, line: 1, column: 1 })

function readText(path: string): string {
  const size = statSync(path).size
  if (size > MAX_RULE_BYTES)
    throw new Error(`${Math.ceil(size / 1024)} kB; a rule file holds one rule and at most ${MAX_RULE_BYTES / 1024} kB`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch {
    throw new Error('the file cannot be read as UTF-8 text; save it as UTF-8, one file a rule')
  }
}

export function parseRuleFile(text: string, path: string): { file: RuleFile | null; faults: RuleFault[] } {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  if (document.errors.length > 0)
    return {
      file: null,
      faults: document.errors.map((e) => ({
        file: path,
        line: e.linePos?.[0].line ?? 1,
        column: e.linePos?.[0].col ?? 1,
        message: `not YAML: ${(e.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '')}`,
      })),
    }
  const at: At = (where, message, key) => ({ file: path, ...locate(document, lines, where, key), message })
  let content: Record<string, never>
  try {
    content = document.toJS() as Record<string, never>
  } catch (error) {
    // Names that lead nowhere, or aliases that grow without end.
    return { file: null, faults: [at([], `${(error as Error).message.split('\n')[0]}; write it out`)] }
  }
  if (content === null || typeof content !== 'object' || Array.isArray(content))
    return {
      file: null,
      faults: [at([], 'this is no rule; write keys and values: id, code, name … (docs/writing-rules.md)')],
    }
  if (!validate(content)) return { file: null, faults: schemaFaults(validate.errors ?? [], at, []) }
  const faults: RuleFault[] = []
  const raw = content as unknown as RawRule
  const slug = path
    .split('/')
    .pop()
    ?.replace(/\.ya?ml$/, '')
  if (slug !== raw.id) faults.push(at(['id'], `the id must be the name of the file, "${slug}"`))
  for (const [i, type] of raw.inputs.entries())
    if (type !== '*' && !READING_TYPES.has(type))
      faults.push(at(['inputs', i], `"${type}" is not a type of the collection list`))
  const operator = OPERATORS.get(raw.operator)
  if (!operator) {
    faults.push(
      at(['operator'], `there is no operator "${raw.operator}"; there are ${[...OPERATORS.keys()].join(', ')}`),
    )
    return { file: null, faults }
  }
  const check = patternValidator(operator)
  if (!check(raw.pattern)) faults.push(...schemaFaults(check.errors ?? [], at, ['pattern']))
  for (const [, p] of Object.entries(raw.parameters ?? {}))
    if (p.unit === 's') p.default = secondsOf(p.default) ?? p.default
  faults.push(...fileFaults(raw, planIds()).map(({ where, message }) => at(where, message)))
  if (faults.length > 0) return { file: null, faults }
  const file = toFile(raw, sha256Hex(text).slice(0, 12), path)
  try {
    operator.prepare(new Rule(file))
  } catch (error) {
    const words =
      error instanceof ConditionFault ? error.expression : error instanceof ParameterFault ? error.parameter : null
    const where = words === null ? null : findScalar(document, words, ['pattern'])
    return { file: null, faults: [at(where ?? ['pattern'], (error as Error).message)] }
  }
  return { file, faults: [] }
}

interface RawRule {
  id: string
  code: string
  name: RuleFile['name']
  description?: RuleFile['description']
  scope?: RuleFile['scope']
  tier?: RuleFile['tier']
  domain: RuleFile['domain']
  mandatory?: boolean
  levels: RuleFile['levels']
  plan?: string | null
  'plan-at'?: Partial<Record<Level, string>>
  'plan-also'?: string[]
  key: string[]
  inputs: string[]
  watches?: string[]
  eager?: boolean
  shelvable?: boolean
  incident?: 'joins' | 'never'
  parameters?: Record<
    string,
    { unit?: string | null; default: number | string | boolean; min?: number; max?: number; zh: string; en: string }
  >
  operator: string
  pattern: Record<string, unknown>
  clear: 'operator' | 'person' | { quiet: string }
  'cool-down'?: string
  reasons: RuleFile['reasons']
  'false-positives': string[]
}

function toFile(raw: RawRule, version: string, path: string): RuleFile {
  const parameters: ParameterSpec[] = Object.entries(raw.parameters ?? {}).map(([name, p]) => ({
    name,
    unit: p.unit ?? null,
    default: p.default,
    ...(p.min === undefined ? {} : { min: p.min }),
    ...(p.max === undefined ? {} : { max: p.max }),
    zh: p.zh,
    en: p.en,
  }))
  return {
    id: raw.id,
    code: raw.code,
    name: raw.name,
    scope: raw.scope ?? 'both',
    tier: raw.tier ?? 'facility',
    domain: raw.domain,
    mandatory: raw.mandatory ?? false,
    levels: raw.levels,
    plan: raw.plan ?? null,
    planAt: raw['plan-at'] ?? {},
    planAlso: raw['plan-also'] ?? [],
    key: raw.key,
    inputs: raw.inputs,
    watches: raw.watches ?? [],
    eager: raw.eager ?? false,
    shelvable: raw.shelvable ?? true,
    incident: raw.incident !== 'never',
    operator: raw.operator,
    pattern: raw.pattern,
    clear:
      raw.clear === 'operator' || raw.clear === 'person'
        ? { by: raw.clear }
        : { by: 'quiet', quietMs: durationMs(raw.clear.quiet) as number },
    coolDownMs: durationMs(raw['cool-down'] ?? '60s') as number,
    parameters,
    reasons: raw.reasons,
    description: raw.description ?? null,
    falsePositives: raw['false-positives'],
    version,
    file: path,
  }
}

function patternValidator(operator: Operator) {
  let compiled = patternValidators.get(operator.name)
  if (!compiled) {
    compiled = ajv.compile(operator.schema)
    patternValidators.set(operator.name, compiled)
  }
  return compiled
}

/** Name of the folder of a facility's own rules, beside its site file: in force beside the catalogue. */
export const OWN_FOLDER = 'rules-own'

/**
 * The rules of a folder, and a facility's own beside them, with the `rules:` section of a site applied. Throws one error that
 * lists every fault.
 *
 * @param own folder of the facility's own rules; it need not exist.
 */
export function loadRules(dir: string, overrides: Overrides = {}, own: string | null = null): Rule[] {
  const { files, faults } = readRuleFiles(dir)
  if (own !== null && existsSync(own)) {
    const mine = readRuleFiles(own)
    faults.push(...mine.faults)
    for (const file of mine.files) {
      const twin = files.find((f) => f.id === file.id || f.code === file.code)
      if (twin)
        faults.push({
          ...first(file),
          message: `${file.code} ${file.id} is already the catalogue's ${twin.code} ${twin.id}; give it an id and a code of its own, or set parameters of ${twin.id} in the section rules: of the site file`,
        })
    }
    files.push(...mine.files)
    faults.push(...watchFaults(mine.files, files))
    files.sort((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : 0))
  }
  refuse(faults)
  return applyOverrides(files, overrides)
}

/** Codes of rules that are watched and do not exist. */
export function watchFaults(files: readonly RuleFile[], all: readonly RuleFile[]): RuleFault[] {
  const codes = new Set(all.map((f) => f.code))
  return files.flatMap((file) =>
    file.watches
      .filter((code) => code !== '*' && !codes.has(code))
      .map((code) => ({
        ...first(file),
        message: `watches ${code}: there is no such rule; wardwatch rules list names them`,
      })),
  )
}

function refuse(faults: readonly RuleFault[]): void {
  if (faults.length > 0)
    throw new WardwatchError(
      'rule-invalid',
      faults.map((f) => `${f.file}:${f.line}:${f.column}: ${f.message}`).join('\n'),
      { faults },
    )
}

/** Name of the folder of draft rules beside a site file. */
export const DRAFT_FOLDER = 'rules-draft'

/**
 * Rule files of the folder of drafts, with those overrides of the site that they have parameters for; none when there is no
 * such folder. A draft of a rule in force bears its id; a new rule has an id and a code of its own.
 */
export function draftRules(dir: string, rules: readonly Rule[], overrides: Overrides = {}): Rule[] {
  if (!existsSync(dir)) return []
  const { files, faults } = readRuleFiles(dir)
  for (const file of files) {
    const twin = rules.find((r) => (r.id === file.id) !== (r.code === file.code))
    if (twin)
      faults.push({
        file: file.file,
        line: 1,
        column: 1,
        message: `${file.code} ${file.id} is neither a draft of ${twin.code} ${twin.id} nor a rule of its own: id and code must both be the same, or both be new`,
      })
    const own = overrideOf(file, overrides)
    if (own.shadow !== undefined && own.shadow !== false)
      faults.push({
        file: file.file,
        line: 1,
        column: 1,
        message: `rules.${file.id}.shadow of the site file is a draft of the same rule; keep one of the two`,
      })
  }
  refuse(faults)
  return files.map((file) => {
    const names = new Set(file.parameters.map((p) => p.name))
    const own = Object.entries(overrideOf(file, overrides)).filter(([name]) => names.has(name))
    return new Rule(file, converted(file, overrides, Object.fromEntries(own)))
  })
}

// Faults in the words of people.

type At = (where: (string | number)[], message: string, key?: string) => RuleFault

const HOW: Record<string, string> = {
  array: 'write a list: [ … ]',
  string: 'write text, in quotes if it looks like a number',
  object: 'write keys and values: { … }',
  boolean: 'write true or false',
  number: 'write a number',
  integer: 'write a whole number',
}

function schemaFaults(errors: readonly ErrorObject[], at: At, prefix: string[]): RuleFault[] {
  // Where one of several forms is wanted, what is wrong with each of them helps nobody.
  const choices = errors.filter((e) => e.keyword === 'oneOf' || e.keyword === 'anyOf').map((e) => e.instancePath)
  const told = errors.filter(
    (e) => e.keyword === 'oneOf' || !choices.some((c) => e.instancePath === c || e.instancePath.startsWith(`${c}/`)),
  )
  return told.map((e) => schemaFault(e, at, prefix))
}

function schemaFault(error: ErrorObject, at: At, prefix: string[]): RuleFault {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((p) => (/^\d+$/.test(p) ? Number(p) : p))
  const where = [...prefix, ...path]
  const name = path.join('.') || prefix.join('.') || 'the file'
  const { params } = error as { params: Record<string, unknown> }
  const schema = error.parentSchema as { description?: string; properties?: object } | undefined
  if (error.keyword === 'additionalProperties') {
    const key = String(params.additionalProperty)
    const known = Object.keys(schema?.properties ?? {})
    const there = known.length > 0 ? `; known here: ${known.join(', ')}` : ''
    return at(where, `unknown key "${key}"; remove it or correct its spelling${there}`, key)
  }
  if (error.keyword === 'required') return at(where, `"${params.missingProperty}" is missing; add it`)
  if (error.keyword === 'oneOf' && path[0] === 'clear')
    return at(where, `clear must be operator, person or { quiet: 60s }`)
  if (error.keyword === 'propertyNames')
    return at(where, `"${params.propertyName}" is no name; write it like minConfidence`)
  const allowed = (params.allowedValues as unknown[] | undefined)?.join(', ')
  const how = error.keyword === 'type' ? HOW[String(params.type)] : schema?.description
  return at(where, `${name} ${error.message ?? 'is not valid'}${allowed ? `: ${allowed}` : ''}${how ? `; ${how}` : ''}`)
}
