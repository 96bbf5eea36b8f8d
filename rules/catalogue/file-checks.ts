/**
 * What a rule file says about itself that no schema can check: names that lead nowhere and numbers outside their own range.
 * A rule that is accepted and can never fire, or fires without words, is worse than one that is refused. Pure.
 */
import { READING_TYPES } from '#model/catalogue/index.ts'
import { fieldsOf } from '../engine/cel.ts'
import { CONTEXT_VARIABLES, VITALS_VARIABLES } from '../engine/views.ts'

export interface Checked {
  code: string
  levels: string[]
  plan?: string | null
  'plan-at'?: Record<string, string>
  'plan-also'?: string[]
  key: string[]
  inputs: string[]
  watches?: string[]
  parameters?: Record<string, { unit?: string | null; default: unknown; min?: number; max?: number }>
  pattern: Record<string, unknown>
  reasons: Record<string, unknown>
}
type Path = (string | number)[]
export interface Found {
  where: Path
  message: string
}

/** Words that parts of an alert key go by. */
const KEY_WORDS: ReadonlySet<string> = new Set(
  (
    'zone device facility door door-pair door-or-device credential holder reader-or-credential person reader subject pair count ' +
    'subject-or-zone subject-or-device route point post camera zone-or-device type console tool client rule'
  ).split(' '),
)
const DAY_S = 86_400

/** @param plans ids of the response plans. */
export function fileFaults(rule: Checked, plans: ReadonlySet<string>): Found[] {
  return [
    ...(rule.code.startsWith('S')
      ? [{ where: ['code'], message: `${rule.code} is a code of the system itself; take R and two digits, e.g. R70` }]
      : []),
    ...parameterFaults(rule),
    ...planFaults(rule, plans),
    ...rule.key.flatMap((part, i) =>
      KEY_WORDS.has(part)
        ? []
        : [{ where: ['key', i], message: `"${part}" is no part of a key; there are ${[...KEY_WORDS].join(', ')}` }],
    ),
    ...(rule.watches ?? []).flatMap((code, i) =>
      code === rule.code ? [{ where: ['watches', i], message: 'a rule cannot watch its own alerts; remove it' }] : [],
    ),
    ...patternFaults(rule),
  ]
}

function parameterFaults(rule: Checked): Found[] {
  return Object.entries(rule.parameters ?? {}).flatMap(([name, p]): Found[] => {
    const where = ['parameters', name]
    const { default: value, min, max } = p
    if (p.unit === 's' && typeof value !== 'number')
      return [{ where: [...where, 'default'], message: `${name} is a time; write seconds or a duration: 10, 10s, 5m` }]
    if (typeof value !== 'number')
      return min === undefined && max === undefined
        ? []
        : [{ where: [...where, 'default'], message: `${name} has a range and needs a number as default` }]
    if (!Number.isFinite(value)) return [{ where: [...where, 'default'], message: `${name}: write a finite number` }]
    if (min !== undefined && max !== undefined && min > max)
      return [{ where: [...where, 'min'], message: `min ${min} is above max ${max}; exchange them` }]
    if ((min !== undefined && value < min) || (max !== undefined && value > max))
      return [
        {
          where: [...where, 'default'],
          message: `the default ${value} is outside the range ${min ?? '…'} to ${max ?? '…'} that this file allows`,
        },
      ]
    if (p.unit === 's' && value > 3650 * DAY_S)
      return [{ where: [...where, 'default'], message: `${value} s are more than ten years; is it in ms?` }]
    return []
  })
}

function planFaults(rule: Checked, plans: ReadonlySet<string>): Found[] {
  const named: [Path, string][] = [
    ...(rule.plan ? [[['plan'], rule.plan] as [Path, string]] : []),
    ...Object.entries(rule['plan-at'] ?? {}).map(([level, plan]): [Path, string] => [['plan-at', level], plan]),
    ...(rule['plan-also'] ?? []).map((plan, i): [Path, string] => [['plan-also', i], plan]),
  ]
  return [
    ...named.flatMap(([where, plan]) =>
      plans.has(plan) ? [] : [{ where, message: `there is no plan ${plan}; there are ${[...plans].join(', ')}` }],
    ),
    ...Object.keys(rule['plan-at'] ?? {}).flatMap((level) =>
      rule.levels.includes(level)
        ? []
        : [{ where: ['plan-at', level], message: `the rule has no level ${level}; add it to levels or remove this` }],
    ),
  ]
}

/** Reasons, levels, types and shown values that the pattern names. */
function patternFaults(rule: Checked): Found[] {
  const faults: Found[] = []
  const reasons = Object.keys(rule.reasons)
  const shown = new Set([
    ...Object.keys(fieldsOf(rule.inputs.includes('*') ? [...READING_TYPES.keys()] : rule.inputs)),
    ...Object.keys(VITALS_VARIABLES),
    ...Object.keys(CONTEXT_VARIABLES),
  ])
  const visit = (value: unknown, where: Path, key: string): void => {
    if (typeof value === 'string') {
      if (key === 'reason' && !reasons.includes(value))
        faults.push({
          where,
          message: `reason "${value}" has no text; add it to reasons (there: ${reasons.join(', ')})`,
        })
      else if (/(^|-)level$/.test(key) && !rule.levels.includes(value))
        faults.push({
          where,
          message: `level ${value} is not in levels; add it there (levels: ${rule.levels.join(', ')})`,
        })
      else if (key === 'type' && !READING_TYPES.has(value))
        faults.push({ where, message: `"${value}" is not a type of the collection list` })
      else if (key === 'type' && !rule.inputs.includes(value) && !rule.inputs.includes('*'))
        faults.push({ where, message: `${value} is not in inputs, so the rule would never hear it; add it there` })
      else if (key === 'show' && !shown.has(value))
        faults.push({ where, message: `there is no value "${value}" to show; there are ${[...shown].join(', ')}` })
      return
    }
    if (value === null || typeof value !== 'object') return
    for (const [name, child] of Object.entries(value))
      if (Array.isArray(value)) visit(child, [...where, Number(name)], key)
      else visit(child, [...where, name], name)
  }
  visit(rule.pattern, ['pattern'], '')
  return faults
}

/** Rules that watch each other in a ring: none of them could ever be decided. Each ring once, as codes. */
export function watchRings(rules: readonly { code: string; watches: readonly string[] }[]): string[][] {
  const of = new Map(rules.map((r) => [r.code, r.watches]))
  const done = new Set<string>()
  const rings: string[][] = []
  const walk = (code: string, way: string[]): void => {
    const at = way.indexOf(code)
    if (at >= 0) {
      rings.push(way.slice(at))
      return
    }
    if (done.has(code)) return
    for (const next of of.get(code) ?? []) walk(next, [...way, code])
    done.add(code)
  }
  for (const { code } of rules) walk(code, [])
  return rings
}
