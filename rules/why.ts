/** `replay --why RULE --key KEY`: whether an alert came, on what evidence, and what held it back. Prints facts, judges nothing. */
import type { AlertChange } from '#model/alert/alert.ts'
import type { Engine } from './engine/engine.ts'
import type { Rule } from './engine/rule.ts'

export interface WhyAnswer {
  rule: string
  key: string
  at: number | null
  fired: boolean
  because: {
    predicate: string
    value: unknown
    limit: unknown
    source: string | null
    age: number | null
    cause: string | null
  }[]
}

export function whyText(
  question: { rule: string; key: string; at: number | null },
  changes: readonly AlertChange[],
  rules: readonly Rule[],
  engine: Engine,
): WhyAnswer {
  const rule = rules.find((r) => r.id === question.rule || r.code === question.rule)
  const answer: WhyAnswer = {
    rule: rule?.id ?? question.rule,
    key: question.key,
    at: question.at,
    fired: false,
    because: [],
  }
  if (!rule) {
    answer.because.push({
      predicate: 'rule',
      value: null,
      limit: null,
      source: null,
      age: null,
      cause: 'there is no such rule',
    })
    return answer
  }
  if (!rule.enabled)
    answer.because.push({
      predicate: 'enabled',
      value: false,
      limit: true,
      source: 'site file',
      age: null,
      cause: 'the rule is switched off',
    })
  const own = changes.filter(
    (c) => c.alert.rule === rule.id && c.alert.key === question.key && (question.at === null || c.at <= question.at),
  )
  const last = own.at(-1)
  if (last) {
    answer.fired = true
    for (const reason of last.alert.reasons)
      for (const [name, value] of Object.entries({ ...reason.params, '': null }))
        if (name !== '' || Object.keys(reason.params).length === 0)
          answer.because.push({
            predicate: name === '' ? reason.code : `${reason.code}.${name}`,
            value,
            limit: null,
            source: last.alert.device,
            age: (question.at ?? last.at) - last.alert.eventTime,
            cause: reason.code,
          })
    return answer
  }
  for (const type of rule.file.inputs) {
    if (type === '*') continue
    const source = engine.lastOf(type, question.key)
    answer.because.push({
      predicate: type,
      value: source?.value ?? null,
      limit: null,
      source: source?.device ?? null,
      age: source === null ? null : (question.at ?? engine.arrived) - source.time,
      cause: source === null ? 'no reading of this type came' : 'the pattern was not complete',
    })
  }
  for (const p of rule.file.parameters)
    answer.because.push({
      predicate: p.name,
      value: null,
      limit: rule.value(p.name),
      source: 'rule',
      age: null,
      cause: null,
    })
  for (const [name, n] of Object.entries(engine.tallies()))
    if (name.startsWith(`${rule.code}:`))
      answer.because.push({
        predicate: name.slice(rule.code.length + 1),
        value: n,
        limit: null,
        source: null,
        age: null,
        cause: 'held back',
      })
  for (const [name, n] of Object.entries(engine.book.totals().suppressed))
    if (name.startsWith(`${rule.code}:`))
      answer.because.push({
        predicate: name.slice(rule.code.length + 1),
        value: n,
        limit: null,
        source: null,
        age: null,
        cause: 'held back',
      })
  return answer
}
