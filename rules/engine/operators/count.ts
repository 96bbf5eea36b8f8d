/**
 * So many readings of a kind within a window of one key (a card, a client), or so many different ones (`distinct`: cards at
 * one reader). The first key of `keys` that reaches its number takes the reading; a case without a number is enough by itself.
 */
import type { Level } from '#model/alert/alert.ts'
import { KEY_PARTS, type KeyPart, keyPart, subjectOf } from '../keys.ts'
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'
import { readingCondition } from '../views.ts'

interface Counted extends Mark {
  /** What is told apart; absent where every reading counts. */
  of?: string
}
interface State {
  marks: Counted[]
}
interface KeyPattern {
  of: KeyPart | 'client'
  /** Text before the value in the key, e.g. "reader:". */
  prefix?: string
}
interface CountCase {
  type: string
  when?: string
  /** Names of parameters: how many within how long. */
  count?: string
  within?: string
  /** Count how many different ones of this there are, not how many readings. */
  distinct?: KeyPart
  level: Level
  reason: string
}
interface Pattern {
  keys: KeyPattern[]
  cases: CountCase[]
}

/** Late readings may still complete a pattern for so long after its window. */
const KEEP_MS = 310_000
const MAX_MARKS = 64
const MAX_SAME = 8

export const operator: Operator<State> = {
  name: 'count',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['keys', 'cases'],
    properties: {
      keys: {
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['of'],
          properties: { of: { enum: [...KEY_PARTS, 'client'] }, prefix: { type: 'string' } },
        },
      },
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
            count: { type: 'string', description: 'name of a parameter' },
            within: { type: 'string', description: 'name of a parameter in seconds' },
            distinct: { enum: [...KEY_PARTS], description: 'count different ones of this' },
            level: { enum: ['red', 'orange', 'yellow', 'blue'] },
            reason: { type: 'string' },
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
      needed: c.count === undefined ? 1 : rule.num(c.count),
      withinMs: c.within === undefined ? 0 : rule.ms(c.within),
    }))

    return {
      initial: () => ({ marks: [] }),
      on(input, cx) {
        if (input.quality === 'bad') return
        const bare = cx as unknown as Cx<never>
        for (const [index, c] of cases.entries()) {
          if (c.type !== input.type || (c.check && c.check(input, bare) !== true)) continue
          for (const k of pattern.keys) {
            const value = k.of === 'client' ? (input.value.client as string | undefined) : keyPart(k.of, input, bare)
            if (value === null || value === undefined) continue
            const key = `${k.prefix ?? ''}${value}`
            const state = cx.state(`${index}|${key}`)
            state.marks = state.marks.filter((m) => m.t >= cx.now - KEEP_MS - c.withinMs)
            const of = c.distinct === undefined ? undefined : keyPart(c.distinct, input, bare)
            if (of === null) continue
            // Of one thing that repeats itself its newest readings are enough: it must not push out the others.
            const same = of === undefined ? [] : state.marks.filter((m) => m.of === of)
            if (same.length >= MAX_SAME) state.marks.splice(state.marks.indexOf(same[0] as Counted), 1)
            state.marks.push(of === undefined ? mark(input) : { ...mark(input), of })
            state.marks.sort((a, b) => a.t - b.t || (a.id < b.id ? -1 : 1))
            if (state.marks.length > MAX_MARKS) state.marks.shift()
          }
          const full = pattern.keys
            .map((k) => {
              const value = k.of === 'client' ? (input.value.client as string | undefined) : keyPart(k.of, input, bare)
              const key = `${k.prefix ?? ''}${value}`
              return {
                key,
                window: fullWindow(cx.peek(`${index}|${key}`)?.marks ?? [], input.id, c.needed, c.withinMs),
              }
            })
            .find((k) => k.window !== null)
          if (!full?.window) return
          const subject = subjectOf(input, bare)
          const last = full.window.at(-1) as Mark
          cx.hit({
            key: full.key,
            level: c.level,
            opening: (full.window[0] as Mark).id,
            evidence: full.window.map(({ id, t }) => ({ id, t })),
            zone: input.zone,
            device: input.device,
            subjects: subject === null ? [] : [subject],
            reasons: [
              {
                code: c.reason,
                params: {
                  ...input.value,
                  times: new Set(full.window.map((m) => m.of ?? m.id)).size,
                  seconds: c.withinMs / 1000,
                },
              },
            ],
            ...(input.late ? { eventTime: last.t } : {}),
          })
          return
        }
      },
    }
  },
}

/** The earliest window that holds the reading and enough others; with one more the window is as long as it may be. */
function fullWindow(marks: readonly Counted[], id: string, needed: number, withinMs: number): Counted[] | null {
  for (const end of marks) {
    const window = marks.filter((m) => m.t <= end.t && m.t >= end.t - withinMs)
    if (new Set(window.map((m) => m.of ?? m.id)).size >= needed && window.some((m) => m.id === id)) return window
  }
  return null
}
