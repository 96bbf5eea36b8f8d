/** What differs between two sets of rules, in the words of people: for the log, the ledger and R61. Pure. */
import type { Rule } from './engine/rule.ts'

export interface RuleChange {
  /** Id of the rule. */
  rule: string
  what: 'added' | 'removed' | 'enabled' | 'parameter' | 'reshaped' | 'text'
  field: string | null
  from: string | null
  to: string | null
}

export function ruleChanges(before: readonly Rule[], after: readonly Rule[]): RuleChange[] {
  const old = new Map(before.map((r) => [r.id, r]))
  const now = new Map(after.map((r) => [r.id, r]))
  const change = (
    rule: string,
    what: RuleChange['what'],
    field?: string,
    from?: unknown,
    to?: unknown,
  ): RuleChange => ({
    rule,
    what,
    field: field ?? null,
    from: from === undefined ? null : String(from),
    to: to === undefined ? null : String(to),
  })
  const changes: RuleChange[] = []
  for (const id of old.keys()) if (!now.has(id)) changes.push(change(id, 'removed'))
  for (const [id, rule] of now) {
    const was = old.get(id)
    if (!was) {
      changes.push(change(id, 'added'))
      continue
    }
    if (was.enabled !== rule.enabled) changes.push(change(id, 'enabled', 'enabled', was.enabled, rule.enabled))
    const [a, b] = [was.values(), rule.values()]
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)]))
      if (a[name] !== b[name]) changes.push(change(id, 'parameter', name, a[name], b[name]))
    if (was.shape !== rule.shape) changes.push(change(id, 'reshaped', 'pattern', was.file.version, rule.file.version))
    else if (was.file.version !== rule.file.version && !changes.some((c) => c.rule === id))
      changes.push(change(id, 'text', 'version', was.file.version, rule.file.version))
  }
  return changes
}
