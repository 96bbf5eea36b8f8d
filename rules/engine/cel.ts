/**
 * Conditions of rule files: CEL, type-checked when the rule is loaded, limited in length and nesting, `matches()` by a
 * linear-time matcher. A condition over something that was not measured is neither true nor false: it answers null.
 */
import { Environment } from '@marcbachmann/cel-js'
import { RE2JS } from 're2js'
import { READING_TYPES } from '#model/catalogue/index.ts'
import { closureOf } from './cel-closure.ts'
import type { Rule } from './rule.ts'

const MAX_LENGTH = 500
const MAX_DEPTH = 24
const MAX_NODES = 200

export type Condition = (variables: Record<string, unknown>) => boolean | null
export type Expression = (variables: Record<string, unknown>) => unknown

const patterns = new Map<string, RE2JS>()
function matches(text: string, pattern: string): boolean {
  let compiled = patterns.get(pattern)
  if (!compiled) {
    compiled = RE2JS.compile(pattern)
    if (patterns.size > 500) patterns.clear()
    patterns.set(pattern, compiled)
  }
  return compiled.matcher(text).find()
}

/** Variables by name with their CEL type. */
export type Variables = Record<string, 'double' | 'int' | 'string' | 'bool' | 'dyn' | 'map' | 'list'>

/** The fields of reading types: required ones typed (unless two types disagree), optional ones dynamic. */
export function fieldsOf(types: readonly string[]): Variables {
  const variables: Variables = {}
  for (const type of types)
    for (const field of READING_TYPES.get(type)?.fields ?? []) {
      const kind = { number: 'double', integer: 'double', boolean: 'bool', string: 'string' }[field.type] as 'double'
      const known = variables[field.name]
      variables[field.name] = field.optional || types.length > 1 || (known && known !== kind) ? 'dyn' : kind
    }
  return variables
}

const CEL_TYPE = { number: 'double', integer: 'double', boolean: 'bool', string: 'string' } as const

/** What the fields are when they are there, and the words they may hold; where two types disagree nothing is said. */
export interface Declared {
  types: Variables
  words: Record<string, readonly string[]>
}
export function declaredOf(types: readonly string[]): Declared {
  const declared: Declared = { types: {}, words: {} }
  const open = new Set<string>()
  for (const type of types)
    for (const { name, type: kind, values } of READING_TYPES.get(type)?.fields ?? []) {
      const known = declared.types[name]
      declared.types[name] = known !== undefined && known !== CEL_TYPE[kind] ? 'dyn' : CEL_TYPE[kind]
      if (!values) open.add(name)
      declared.words[name] = [...(declared.words[name] ?? []), ...(values ?? [])]
    }
  for (const name of open) delete declared.words[name]
  return declared
}

function environment(rule: Rule, variables: Variables): Environment {
  const env = new Environment({
    unlistedVariablesAreDyn: false,
    limits: {
      maxAstNodes: MAX_NODES,
      maxDepth: MAX_DEPTH,
      maxListElements: 64,
      maxMapEntries: 16,
      maxCallArguments: 8,
    },
  })
  // Numbers of readings are doubles; a literal "2" in a product must not make the expression fail.
  env.registerOperator('double * int', (a: number, b: bigint) => a * Number(b))
  env.registerOperator('int * double', (a: bigint, b: number) => Number(a) * b)
  env.registerOperator('double / int', (a: number, b: bigint) => a / Number(b))
  env.registerOperator('double + int', (a: number, b: bigint) => a + Number(b))
  env.registerOperator('double - int', (a: number, b: bigint) => a - Number(b))
  env.registerOperator('double == int', (a: number, b: bigint) => a === Number(b))
  env.registerFunction('like(string, string): bool', (text: string, pattern: string) => matches(text, pattern))
  for (const [name, value] of Object.entries(rule.values())) {
    const type = typeof value === 'number' ? 'double' : typeof value === 'boolean' ? 'bool' : 'string'
    env.registerConstant(name, type, value)
  }
  for (const [name, type] of Object.entries(variables)) env.registerVariable(name, type)
  return env
}

export class ConditionFault extends Error {
  readonly expression: string
  constructor(expression: string, message: string) {
    super(message)
    this.expression = expression
  }
}

/**
 * A field that may be missing is dynamic when it runs; what is written about it must fit all the same. A comparison that can
 * never be true would make a rule that never fires, and nobody would know.
 */
function checkDeclared(rule: Rule, text: string, variables: Variables, declared: Declared): void {
  const known = Object.fromEntries(
    Object.entries(variables).map(([name, type]) => [name, type === 'dyn' ? (declared.types[name] ?? type) : type]),
  )
  const source = text.replace(/\b[a-z_]\w*\s*[!=]=\s*null\b/g, 'true').replace(/\.matches\(/g, '.contains(')
  const check = environment(rule, known).parse(source).check()
  if (!check.valid) throw new ConditionFault(text, spoken(check.error, known, rule))
  for (const [, name = '', , word = ''] of text.matchAll(/\b([a-z_]\w*)\s*([!=]=)\s*"([^"]*)"/g)) {
    const words = declared.words[name]
    if (words && !words.includes(word))
      throw new ConditionFault(text, `"${name}" is never "${word}"; it is one of ${words.join(', ')}`)
  }
}

/** What the library says, with what there is instead. */
function spoken(error: unknown, variables: Variables, rule: Rule): string {
  const said = firstLine(error)
  const unknown = /^Unknown variable: (\w+)/.exec(said)?.[1]
  if (unknown !== undefined)
    return `there is no "${unknown}" here; there are ${[...Object.keys(variables), ...rule.file.parameters.map((p) => p.name)].join(', ')}`
  if (/^no such overload/.test(said))
    return `${said}: the two sides do not fit; double is a number, string is "text", bool is true or false`
  return `the condition is not CEL: ${said}; write for example celsius > limit && zone_kind == "cell"`
}

function compile(rule: Rule, text: string, variables: Variables) {
  if (text.length > MAX_LENGTH) throw new ConditionFault(text, `the expression is longer than ${MAX_LENGTH} characters`)
  // The built-in matches() uses a backtracking engine and can be made to run for minutes.
  const source = text.replace(/\.matches\(/g, '.matchesLinear(')
  const env = environment(rule, variables)
  env.registerFunction('string.matchesLinear(string): bool', (value: string, pattern: string) =>
    matches(value, pattern),
  )
  let program: ReturnType<Environment['parse']>
  try {
    program = env.parse(source)
  } catch (error) {
    throw new ConditionFault(text, spoken(error, variables, rule))
  }
  const check = program.check()
  if (!check.valid) throw new ConditionFault(text, spoken(check.error, variables, rule))
  return { program, type: String(check.type) }
}

const firstLine = (error: unknown): string => String((error as Error)?.message ?? error).split('\n')[0] ?? 'not CEL'

/**
 * @param library always ask CEL itself (tests).
 * @param declared what dynamic variables are when they are there.
 * @throws ConditionFault
 */
export function condition(
  rule: Rule,
  text: string,
  variables: Variables,
  library = false,
  declared?: Declared,
): Condition {
  const { program, type } = compile(rule, text, variables)
  if (declared) checkDeclared(rule, text, variables, declared)
  if (type !== 'bool' && type !== 'dyn')
    throw new ConditionFault(text, `the expression gives ${type}, not true or false`)
  // Known without asking CEL: when nothing that the expression names is known, and it does not ask about null itself.
  const named = text.includes('null') ? [] : Object.keys(variables).filter((v) => new RegExp(`\\b${v}\\b`).test(text))
  const isUnknown = (values: Record<string, unknown>): boolean => {
    for (let i = 0; i < named.length; i++) {
      const value = values[named[i] as string]
      if (value !== null && value !== undefined) return false
    }
    return named.length > 0
  }
  const plain = library ? null : closureOf((program as { ast?: unknown }).ast, rule.values())
  if (plain) return (values) => (isUnknown(values) ? null : plain(values))
  return (values) => {
    if (isUnknown(values)) return null
    const limit = Error.stackTraceLimit
    // An unknown value costs an error object inside CEL; its stack trace would cost ten times as much.
    Error.stackTraceLimit = 0
    try {
      const result = program(values)
      return typeof result === 'boolean' ? result : null
    } catch {
      // CEL's own logic has absorbed what does not matter; what is left could not be known.
      return null
    } finally {
      Error.stackTraceLimit = limit
    }
  }
}

/** @throws ConditionFault */
export function expression(rule: Rule, text: string, variables: Variables): Expression {
  const { program } = compile(rule, text, variables)
  return (values) => {
    try {
      const result = program(values)
      return typeof result === 'bigint' ? Number(result) : result
    } catch {
      return null
    }
  }
}
