/**
 * The `rules:` section of a site file laid over rule files: names, kinds and units are checked, a fault says where in the
 * section it stands. Ranges are not enforced here: who leaves the range of a mandatory rule is told by R61, of another by
 * `outOfRange`. Pure.
 */
import { WardwatchError } from '#model/errors.ts'
import { secondsOf } from '../durations.ts'
import { type ParameterSpec, Rule, type RuleFile } from '../engine/rule.ts'

export type Overrides = Record<string, Record<string, unknown>>

/** @param path place in the section `rules:`, so that whoever has the file can say the line. */
function fault(path: string[], message: string): WardwatchError {
  const field = ['rules', ...path]
  return new WardwatchError('rule-invalid', `${field.join('.')}: ${message}`, { field })
}

/** What the site file says of a rule, by its id or by its code. */
export function overrideOf(file: Pick<RuleFile, 'id' | 'code'>, overrides: Overrides): Record<string, unknown> {
  const own = overrides[file.id] ?? overrides[file.code]
  return own !== null && typeof own === 'object' ? own : {}
}

/** @throws WardwatchError naming what is wrong in the section. */
export function applyOverrides(files: readonly RuleFile[], overrides: Overrides): Rule[] {
  const known = new Map(files.flatMap((f) => [[f.id, f] as const, [f.code, f] as const]))
  for (const [name, own] of Object.entries(overrides)) {
    const file = known.get(name)
    if (!file) throw fault([name], 'there is no such rule; wardwatch rules list names them')
    if (name === file.code && overrides[file.id] !== undefined)
      throw fault([name], `${file.code} and ${file.id} are the same rule; write its parameters in one place`)
    if (own === null || typeof own !== 'object' || Array.isArray(own))
      throw fault([name], 'write parameters and their values: { enabled: false }')
  }
  return files.map((file) => new Rule(file, converted(file, overrides)))
}

/** What the site file says of a rule, in the units of its parameters. */
export function converted(
  file: RuleFile,
  overrides: Overrides,
  own = overrideOf(file, overrides),
): Record<string, unknown> {
  return convert(file, own, [overrides[file.id] !== undefined ? file.id : file.code])
}

/**
 * Drafts that run without raising: rules whose overrides say `shadow: { parameter: value }` (beside the rule in force) or
 * `shadow: true` (instead of it).
 */
export function shadowRules(rules: readonly Rule[], overrides: Overrides): Rule[] {
  return rules.flatMap(({ file }) => {
    const { shadow, enabled, ...rest } = overrideOf(file, overrides)
    if (shadow === undefined || shadow === false) return []
    const own = shadow === true ? rest : { ...rest, ...(shadow as object) }
    return [new Rule(file, converted(file, overrides, own))]
  })
}

/** Parameters that a site set outside the range of the rule file: allowed, and worth a sentence. */
export function outOfRange(rules: readonly Rule[]): { field: string[]; message: string }[] {
  return rules.flatMap((rule) =>
    rule.file.parameters.flatMap((p) => {
      const value = rule.value(p.name)
      if (typeof value !== 'number' || (value >= (p.min ?? value) && value <= (p.max ?? value))) return []
      const range = `${p.min ?? '…'} to ${p.max ?? '…'}${p.unit ? ` ${p.unit}` : ''}`
      const told = rule.file.mandatory ? '; R61 says so while it lasts' : ''
      const message = `${value} is outside the allowed range ${range} (${p.en}): the rule may never fire, or always${told}`
      return [{ field: ['rules', rule.id, p.name], message }]
    }),
  )
}

function convert(file: RuleFile, raw: Record<string, unknown>, path: string[]): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(raw)) {
    const where = [...path, name]
    if (name === 'enabled') {
      if (typeof value !== 'boolean') throw fault(where, 'must be true or false')
      out.enabled = value
    } else if (name === 'shadow') {
      const isDraft = value !== null && typeof value === 'object' && !Array.isArray(value)
      if (typeof value !== 'boolean' && !isDraft) throw fault(where, 'must be true, false or parameters of a draft')
      if (isDraft) convert(file, value as Record<string, unknown>, where)
      if (value === true) out.enabled = false
    } else {
      const spec = file.parameters.find((p) => p.name === name)
      if (!spec) {
        const names = file.parameters.map((p) => (p.unit === null ? p.name : `${p.name} (${p.unit})`))
        throw fault(where, `there is no such parameter; it has ${names.join(', ') || 'none'}`)
      }
      out[name] = inUnit(spec, value, where)
    }
  }
  return out
}

function inUnit(spec: ParameterSpec, value: unknown, where: string[]): number | string | boolean {
  const isTime = spec.unit === 's'
  const read = isTime ? secondsOf(value) : value
  const unit = spec.unit !== null && !isTime ? ` in ${spec.unit}` : ''
  const range = spec.min !== undefined && spec.max !== undefined ? `, ${spec.min} to ${spec.max}` : ''
  const wanted = isTime
    ? `a duration such as "3s", "5m" or a number of seconds${range}`
    : `a ${typeof spec.default}${unit}${range}`
  if (read === null || typeof read !== typeof spec.default) throw fault(where, `must be ${wanted}`)
  if (typeof read === 'number' && (!Number.isFinite(read) || (isTime && read < 0)))
    throw fault(where, `must be ${wanted}`)
  return read as number | string | boolean
}
