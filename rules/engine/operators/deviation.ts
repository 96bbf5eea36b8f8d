/**
 * Baseline deviation of a measured value: how unusual it is against the device's own past (`engine/deviation.ts`). True
 * while the score stands at or above a limit; silent, and saying nothing, until its window is full.
 */
import type { Level } from '#model/alert/alert.ts'
import { DeviationScorer, type DeviationState, newDeviation } from '../deviation.ts'
import { mark, type Operator } from '../operator.ts'

interface State extends DeviationState {
  active: boolean
}
interface Pattern {
  type: string
  field: string
  /** Names of parameters. */
  score: string
  window: string
  level: Level
  reason: string
}

export const operator: Operator<State> = {
  name: 'deviation',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['type', 'field', 'score', 'window', 'level', 'reason'],
    properties: {
      type: { type: 'string' },
      field: { type: 'string' },
      score: { type: 'string', description: 'name of a parameter, 0 to 1' },
      window: { type: 'string', description: 'name of a parameter: how many values are the past' },
      level: { enum: ['red', 'orange', 'yellow', 'blue'] },
      reason: { type: 'string' },
    },
  },
  prepare(rule) {
    const pattern = rule.file.pattern as unknown as Pattern
    const limit = rule.num(pattern.score)
    const window = rule.num(pattern.window)
    const scorer = new DeviationScorer()
    return {
      initial: () => ({ ...newDeviation(window), active: false }),
      on(input, cx) {
        const value = input.value[pattern.field]
        // A late value would stand in the wrong place of the series.
        if (input.type !== pattern.type || input.quality === 'bad' || input.late || typeof value !== 'number') return
        const state = cx.state(input.device)
        const score = scorer.next(state, value)
        if (score < limit) {
          if (state.active) cx.clear(input.device)
          state.active = false
          return
        }
        state.active = true
        cx.hit({
          key: input.device,
          level: pattern.level,
          opening: input.id,
          evidence: [mark(input)],
          zone: input.zone,
          device: input.device,
          subjects: input.subject === null ? [] : [input.subject],
          reasons: [{ code: pattern.reason, params: { value, score: Math.round(score * 10_000) / 10_000 } }],
        })
      },
    }
  },
}
