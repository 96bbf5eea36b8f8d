/**
 * Reads rule files: YAML → schema → operator → CEL, with line and column of every fault. A folder of rule files is the
 * whole catalogue: adding a rule adds files and edits none. Reads files only when asked, never writes.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { type Document, LineCounter, parseDocument } from 'yaml'
import type { Level } from '#model/alert/alert.ts'
import { READING_TYPES } from '#model/catalogue/index.ts'
import { WardwatchError } from '#model/errors.ts'
import { sha256Hex } from '#model/ids.ts'
import { durationMs } from '#model/local-time.ts'
import { secondsOf } from '../durations.ts'
import { ConditionFault } from '../engine/cel.ts'
import type { Operator } from '../engine/operator.ts'
import { OPERATORS } from '../engine/operators/index.ts'
import { type ParameterSpec, Rule, type RuleFile } from '../engine/rule.ts'
import { RULE_SCHEMA } from '../rule-schema.ts'

export const CATALOGUE_DIR = import.meta.dirname

export interface RuleFault {
  file: string
  line: number
  column: number
  message: string
}

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, strict: false })
const validate = ajv.compile(RULE_SCHEMA)
const patternValidators = new Map<string, ReturnType<Ajv['compile']>>()

/** Rule files of a folder in order of code. Faults name file, line and column; a faulty file gives no rule. */
export function readRuleFiles(dir: string): { files: RuleFile[]; faults: RuleFault[] } {
  const files: RuleFile[] = []
  const faults: RuleFault[] = []
  let names: string[]
  try {
    names = readdirSync(dir)
      .filter((n) => /\.ya?ml$/.test(n))
      .sort()
  } catch {
    throw new WardwatchError(
      'rule-invalid',
      `${dir}: the folder of rules cannot be read; give a folder with <rule>.yaml files`,
    )
  }
  for (const name of names) {
    const path = join(dir, name)
    const result = parseRuleFile(readFileSync(path, 'utf8'), path)
    if (result.file) files.push(result.file)
    faults.push(...result.faults)
  }
  const byId = new Map<string, RuleFile>()
  for (const file of files) {
    const twin = byId.get(file.id) ?? files.find((f) => f !== file && f.code === file.code && byId.has(f.id))
    if (twin) faults.push({ file: file.file, line: 1, column: 1, message: `id or code stands also in ${twin.file}` })
    byId.set(file.id, file)
  }
  files.sort((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : 0))
  return { files, faults }
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
        message: e.message.split('\n')[0] ?? 'not YAML',
      })),
    }
  const at = (where: (string | number)[], message: string): RuleFault => ({
    file: path,
    ...locate(document, lines, where),
    message,
  })
  const content = document.toJS() as Record<string, never>
  if (!validate(content)) return { file: null, faults: (validate.errors ?? []).map((e) => schemaFault(e, at, [])) }
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
  if (!check(raw.pattern)) faults.push(...(check.errors ?? []).map((e) => schemaFault(e, at, ['pattern'])))
  if (faults.length > 0) return { file: null, faults }
  const file = toFile(raw, sha256Hex(text).slice(0, 12), path)
  try {
    operator.prepare(new Rule(file))
  } catch (error) {
    const where = error instanceof ConditionFault ? findScalar(document, error.expression) : ['pattern']
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

/** The rules of a folder with the `rules:` section of a site applied. Throws one error that lists every fault. */
export function loadRules(dir: string, overrides: Record<string, Record<string, unknown>> = {}): Rule[] {
  const { files, faults } = readRuleFiles(dir)
  refuse(faults)
  return applyOverrides(files, overrides)
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
export function draftRules(
  dir: string,
  rules: readonly Rule[],
  overrides: Record<string, Record<string, unknown>> = {},
): Rule[] {
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
    const own = overrides[file.id] ?? overrides[file.code]
    if (own?.shadow !== undefined && own.shadow !== false)
      faults.push({
        file: file.file,
        line: 1,
        column: 1,
        message: `rules.${file.id}.shadow of the site file is a draft of the same rule; keep one of the two`,
      })
  }
  refuse(faults)
  return files.map((file) => {
    const own = overrides[file.id] ?? overrides[file.code] ?? {}
    const names = new Set(file.parameters.map((p) => p.name))
    return new Rule(file, convert(file, Object.fromEntries(Object.entries(own).filter(([name]) => names.has(name)))))
  })
}

/**
 * Drafts that run without raising: rules whose overrides say `shadow: { parameter: value }` (beside the rule in force) or
 * `shadow: true` (instead of it).
 */
export function shadowRules(rules: readonly Rule[], overrides: Record<string, Record<string, unknown>>): Rule[] {
  return rules.flatMap(({ file }) => {
    const { shadow, enabled, ...rest } = overrides[file.id] ?? overrides[file.code] ?? {}
    if (shadow === undefined || shadow === false) return []
    return [new Rule(file, convert(file, shadow === true ? rest : { ...rest, ...(shadow as object) }))]
  })
}

export function applyOverrides(files: readonly RuleFile[], overrides: Record<string, Record<string, unknown>>): Rule[] {
  const known = new Set(files.flatMap((f) => [f.id, f.code]))
  for (const slug of Object.keys(overrides))
    if (!known.has(slug))
      throw new WardwatchError('rule-invalid', `rules.${slug}: there is no such rule; wardwatch rules list names them`)
  return files.map((file) => new Rule(file, convert(file, overrides[file.id] ?? overrides[file.code] ?? {})))
}

function convert(file: RuleFile, raw: Record<string, unknown>): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(raw)) {
    if (name === 'enabled') {
      if (typeof value !== 'boolean')
        throw new WardwatchError('rule-invalid', `rules.${file.id}.enabled: must be true or false`)
      out.enabled = value
      continue
    }
    if (name === 'shadow') {
      const isDraft = value !== null && typeof value === 'object' && !Array.isArray(value)
      if (typeof value !== 'boolean' && !isDraft)
        throw new WardwatchError(
          'rule-invalid',
          `rules.${file.id}.shadow: must be true, false or parameters of a draft`,
        )
      if (isDraft) convert(file, value as Record<string, unknown>)
      if (value === true) out.enabled = false
      continue
    }
    const spec = file.parameters.find((p) => p.name === name)
    if (!spec)
      throw new WardwatchError(
        'rule-invalid',
        `rules.${file.id}.${name}: there is no such parameter; it has ${file.parameters.map((p) => p.name).join(', ') || 'none'}`,
      )
    const converted = spec.unit === 's' ? secondsOf(value) : value
    if (typeof converted !== typeof spec.default)
      throw new WardwatchError(
        'rule-invalid',
        `rules.${file.id}.${name}: must be a ${spec.unit === 's' ? 'duration such as "3s"' : typeof spec.default}`,
      )
    out[name] = converted
  }
  return out
}

// Where in the file something stands.

type At = (where: (string | number)[], message: string) => RuleFault

function locate(document: Document, lines: LineCounter, where: (string | number)[]): { line: number; column: number } {
  let node: unknown = document.contents
  for (const step of where) node = (node as { get?: (k: unknown, keep: boolean) => unknown })?.get?.(step, true) ?? node
  const { line, col } = lines.linePos((node as { range?: number[] } | null)?.range?.[0] ?? 0)
  return { line, column: col }
}

function schemaFault(
  error: { instancePath: string; keyword: string; message?: string; params: Record<string, unknown> },
  at: At,
  prefix: string[],
): RuleFault {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((p) => (/^\d+$/.test(p) ? Number(p) : p))
  if (error.keyword === 'additionalProperties')
    return at(
      [...prefix, ...path, String(error.params.additionalProperty)],
      `unknown key "${error.params.additionalProperty}"`,
    )
  if (error.keyword === 'required') return at([...prefix, ...path], `"${error.params.missingProperty}" is missing`)
  const allowed = (error.params.allowedValues as unknown[] | undefined)?.join(', ')
  return at(
    [...prefix, ...path],
    `${path.join('.') || 'it'} ${error.message ?? 'is not valid'}${allowed ? `: ${allowed}` : ''}`,
  )
}

/** Path of the scalar that holds a text: CEL faults know their expression, not their place. */
function findScalar(document: Document, text: string): (string | number)[] | null {
  const walk = (value: unknown, path: (string | number)[]): (string | number)[] | null => {
    if (value === text) return path
    if (value === null || typeof value !== 'object') return null
    for (const [key, child] of Object.entries(value)) {
      const found = walk(child, [...path, Array.isArray(value) ? Number(key) : key])
      if (found) return found
    }
    return null
  }
  return walk(document.toJS(), [])
}
