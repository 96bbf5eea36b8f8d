/**
 * Something changes too fast: the newest sample of a device against the samples of the window before it. A gap begins the
 * window anew: nobody knows how it came from there to here.
 */
import type { Level } from '#model/alert/alert.ts'
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'
import { readingCondition } from '../views.ts'

interface Sample extends Mark {
  x: number
}
interface State {
  samples: Sample[]
}
interface Pattern {
  type: string
  field: string
  when?: string
  direction: 'rise' | 'fall' | 'either'
  /** Names of parameters: how much, within how many seconds. */
  by: string
  within: string
  level: Level
  reason: string
}

const MAX_SAMPLES = 256

export const operator: Operator<State> = {
  name: 'rate',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['type', 'field', 'direction', 'by', 'within', 'level', 'reason'],
    properties: {
      type: { type: 'string' },
      field: { type: 'string', description: 'a number of the reading' },
      when: { type: 'string' },
      direction: { enum: ['rise', 'fall', 'either'] },
      by: { type: 'string', description: 'name of a parameter: the change that is too much' },
      within: { type: 'string', description: 'name of a parameter in seconds' },
      level: { enum: ['red', 'orange', 'yellow', 'blue'] },
      reason: { type: 'string' },
    },
  },
  prepare(rule) {
    const pattern = rule.file.pattern as unknown as Pattern
    const by = rule.num(pattern.by)
    const withinMs = rule.ms(pattern.within)
    const check = pattern.when === undefined ? null : readingCondition(rule, [pattern.type], pattern.when)
    type C = Cx<State>

    /** How far it has come since the most distant sample of the window; positive in the direction that is asked for. */
    function farthest(state: State, now: Sample): { change: number; from: Sample } | null {
      let best: { change: number; from: Sample } | null = null
      for (const from of state.samples) {
        if (from.t > now.t || from.t < now.t - withinMs || from.id === now.id) continue
        const up = now.x - from.x
        const change = pattern.direction === 'rise' ? up : pattern.direction === 'fall' ? -up : Math.abs(up)
        if (!best || change > best.change) best = { change, from }
      }
      return best
    }

    return {
      initial: () => ({ samples: [] }),
      on(input, cx: C) {
        if (input.type !== pattern.type) return
        const x = input.value[pattern.field]
        // Unknown, or of a place that does not matter: what comes next begins anew.
        if (
          input.quality === 'bad' ||
          typeof x !== 'number' ||
          (check && check(input, cx as unknown as Cx<never>) !== true)
        ) {
          if (!input.late) cx.forget(input.device)
          return
        }
        const state = cx.state(input.device)
        if (input.afterGap) state.samples = []
        const now: Sample = { ...mark(input), x }
        const found = farthest(state, now)
        let at = state.samples.length
        while (at > 0 && (state.samples[at - 1] as Sample).t > now.t) at--
        state.samples.splice(at, 0, now)
        const newest = (state.samples.at(-1) as Sample).t
        state.samples = state.samples.filter((s) => s.t >= newest - withinMs)
        if (state.samples.length > MAX_SAMPLES) {
          state.samples.shift()
          cx.count('window full')
        }
        if (!found || found.change < by - 1e-9) return
        cx.hit({
          key: input.device,
          level: pattern.level,
          opening: found.from.id,
          evidence: [{ id: found.from.id, t: found.from.t }, mark(input)],
          zone: input.zone,
          device: input.device,
          subjects: input.subject === null ? [] : [input.subject],
          reasons: [
            {
              code: pattern.reason,
              params: {
                change: Math.round(found.change * 1000) / 1000,
                seconds: (now.t - found.from.t) / 1000,
                [pattern.field]: x,
              },
            },
          ],
          ...(input.late ? { eventTime: input.time } : {}),
        })
      },
    }
  },
}
