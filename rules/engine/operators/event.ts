/** One reading is enough: raises at once when its condition holds. The first case whose condition is true decides the level. */
import type { Level } from '#model/alert/alert.ts'
import { KEY_PARTS, type KeyPart, keyOf, subjectOf } from '../keys.ts'
import { type Cx, mark, type Operator } from '../operator.ts'
import { readingCondition } from '../views.ts'

interface Case {
  type: string
  when?: string
  level: Level
  reason: string
  show?: string[]
  'until-person'?: boolean
}
interface Pattern {
  key: KeyPart[]
  cases: Case[]
}

export const operator: Operator<Record<string, never>> = {
  name: 'event',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['key', 'cases'],
    properties: {
      key: { type: 'array', minItems: 1, items: { enum: [...KEY_PARTS] } },
      cases: {
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['type', 'level', 'reason'],
          properties: {
            type: { type: 'string' },
            when: { type: 'string' },
            level: { enum: ['red', 'orange', 'yellow', 'blue'] },
            reason: { type: 'string' },
            show: { type: 'array', items: { type: 'string' } },
            'until-person': { type: 'boolean' },
          },
        },
      },
    },
  },
  prepare(rule) {
    const pattern = rule.file.pattern as unknown as Pattern
    const cases = pattern.cases.map((c) => ({
      ...c,
      check: c.when === undefined ? null : readingCondition(rule, [c.type], c.when),
    }))
    return {
      initial: () => ({}),
      on(input, cx) {
        if (input.quality === 'bad') return
        for (const c of cases) {
          if (c.type !== input.type) continue
          if (c.check && c.check(input, cx as unknown as Cx<never>) !== true) continue
          const bare = cx as unknown as Cx<never>
          const key = keyOf(pattern.key, input, bare)
          if (key === null) return
          const subject = subjectOf(input, bare)
          const params: Record<string, unknown> = {}
          for (const name of c.show ?? []) params[name] = input.value[name] ?? null
          cx.hit({
            key,
            level: c.level,
            opening: input.id,
            evidence: [mark(input)],
            zone: input.zone,
            device: input.device,
            subjects: subject === null ? [] : [subject],
            reasons: [{ code: c.reason, params }],
            ...(c['until-person'] ? { untilPerson: true } : {}),
            ...(input.late ? { eventTime: input.time } : {}),
          })
          return
        }
      },
    }
  },
}
