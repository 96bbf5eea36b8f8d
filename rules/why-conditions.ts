/**
 * The conditions written in a rule file (`when:` of its pattern) taken apart into predicates, each with the values and the
 * limit it compares. Runs compiled CEL over values it is given; keeps nothing.
 */
import type { ReadingValue } from '#model/reading.ts'
import { type Condition, condition, fieldsOf, type Variables } from './engine/cel.ts'
import type { Engine } from './engine/engine.ts'
import type { Rule } from './engine/rule.ts'
import { READING_CONDITIONS } from './why-readings.ts'

export interface Predicate {
  text: string
  /** The parameter or literal that it is compared with. */
  limit: unknown
  judge(value: ReadingValue, device: string, engine: Engine, at: number): { verdict: boolean | null; value: unknown }
}

const PLACE: Variables = {
  zone_kind: 'dyn',
  zone_class: 'dyn',
  perimeter: 'dyn',
  high_security: 'dyn',
  night: 'dyn',
  rest: 'dyn',
  watch: 'dyn',
  activity: 'dyn',
}

/** Every `when` that can be about a reading of the type. */
function whensOf(rule: Rule, type: string): string[] {
  const found: string[] = []
  const walk = (node: unknown, name: string): void => {
    if (node === null || typeof node !== 'object') return
    if (Array.isArray(node)) {
      for (const item of node) walk(item, name)
      return
    }
    const { type: own, when } = node as { type?: string; when?: string }
    if (typeof when === 'string' && name !== 'clear' && (own === undefined || own === type)) found.push(when)
    for (const [child, value] of Object.entries(node)) walk(value, child)
  }
  walk(rule.file.pattern, '')
  found.push(...(READING_CONDITIONS[rule.file.operator]?.[type] ?? []))
  return [...new Set(found)]
}

/** Splits at the outermost `&&`. */
export function conjuncts(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let quote = ''
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string
    if (quote !== '') {
      if (c === quote) quote = ''
    } else if (c === '"' || c === "'") quote = c
    else if (c === '(' || c === '[') depth++
    else if (c === ')' || c === ']') depth--
    else if (depth === 0 && text.startsWith('&&', i)) {
      parts.push(text.slice(from, i).trim())
      from = i + 2
      i++
    }
  }
  parts.push(text.slice(from).trim())
  // One pair of brackets around a whole conjunct is no reason not to look inside.
  return parts.flatMap((p) => {
    const inner = /^\((.*)\)$/s.exec(p)?.[1]
    return inner !== undefined && balanced(inner) && inner.includes('&&') && !inner.includes('||')
      ? conjuncts(inner)
      : [p]
  })
}

function balanced(text: string): boolean {
  let depth = 0
  for (const c of text) {
    if (c === '(') depth++
    else if (c === ')' && --depth < 0) return false
  }
  return depth === 0
}

const WORD = /[A-Za-z_][A-Za-z0-9_]*/g

/** Variables and parameters that an expression names, in order. */
function names(text: string): string[] {
  return [...new Set(text.replace(/"[^"]*"|'[^']*'/g, '').match(WORD) ?? [])]
}

export function conditionsOf(rule: Rule, type: string): Predicate[] {
  const fields = Object.fromEntries(Object.keys(fieldsOf([type])).map((name) => [name, 'dyn' as const]))
  const others = Object.fromEntries(
    Object.keys(fieldsOf(rule.file.inputs.filter((t) => t !== '*'))).map((n) => [n, 'dyn' as const]),
  )
  const variables: Variables = { ...others, ...PLACE, ...fields }
  return whensOf(rule, type).flatMap((when) =>
    conjuncts(when).flatMap((text): Predicate[] => {
      const named = names(text)
      const own = named.filter((n) => n in fields || n in PLACE)
      if (!named.some((n) => n in fields) && !named.some((n) => n in PLACE)) return []
      let check: Condition
      try {
        // Only what it names: a field may be called like a type of the language.
        const declared = Object.fromEntries(named.flatMap((n) => (n in variables ? [[n, 'dyn' as const]] : [])))
        check = condition(rule, text, declared)
      } catch {
        return []
      }
      return [
        {
          text,
          limit: limitIn(rule, text),
          judge(value, device, engine, at) {
            const values: Record<string, unknown> = {}
            for (const name of Object.keys(variables)) values[name] = value[name] ?? null
            const { site } = engine
            const zone = site.zoneOfDevice(device)
            const place = site.zone(zone)
            const subject = site.subjectOfDevice(device)
            Object.assign(values, {
              zone_kind: place?.kind ?? null,
              zone_class: place?.class ?? 'none',
              perimeter: place?.perimeter === true,
              high_security: place?.security === 'high',
              night: site.isNight(at),
              watch: subject === null ? null : site.person(subject)?.watch === true,
              rest: subject === null ? null : engine.restsAt(subject, at),
            })
            const shown = own.filter((n) => !(n in rule.values()))
            return {
              verdict: check(values),
              value:
                shown.length === 1
                  ? (values[shown[0] as string] ?? null)
                  : Object.fromEntries(shown.map((n) => [n, values[n] ?? null])),
            }
          },
        },
      ]
    }),
  )
}

/** The parameter that a comparison is with, else its literal. */
function limitIn(rule: Rule, text: string): unknown {
  const values = rule.values()
  const named = names(text).filter((n) => n in values)
  if (named.length === 1) return values[named[0] as string]
  if (named.length > 1) return Object.fromEntries(named.map((n) => [n, values[n]]))
  const literal = /(?:[<>=!]=?|==)\s*("[^"]*"|'[^']*'|-?[0-9.]+|true|false|null)/.exec(text)?.[1]
  if (literal === undefined) return null
  if (/^["']/.test(literal)) return literal.slice(1, -1)
  return literal === 'true' ? true : literal === 'false' ? false : literal === 'null' ? null : Number(literal)
}

/** Limit of each field in the conditions of a rule, and of "seconds" its on-delay: for the reasons of an alert. */
export function limitsOf(rule: Rule): Map<string, unknown> {
  const limits = new Map<string, unknown>()
  const walk = (node: unknown): void => {
    if (node === null || typeof node !== 'object') return
    if (Array.isArray(node)) {
      for (const item of node) walk(item)
      return
    }
    const { when, for: held } = node as { when?: string; for?: string }
    if (typeof when === 'string')
      for (const part of conjuncts(when).flatMap((p) => p.split('||')))
        for (const name of names(part)) {
          const limit = limitIn(rule, part)
          if (!(name in rule.values()) && limit !== null && !limits.has(name)) limits.set(name, limit)
        }
    if (typeof held === 'string' && held in rule.values() && !limits.has('seconds'))
      limits.set('seconds', rule.value(held))
    for (const value of Object.values(node)) walk(value)
  }
  walk(rule.file.pattern)
  for (const [name, value] of Object.entries(rule.values())) if (!limits.has(name)) limits.set(name, value)
  return limits
}
