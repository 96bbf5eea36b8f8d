/**
 * R44: watch rounds that come like a clock can be waited for: the spread of the last ten intervals, divided by their mean,
 * is too small. A round begins when a point is visited that this round has already seen.
 */
import { type Mark, mark, type Operator } from '../operator.ts'

interface State {
  /** Points (and persons) that the running round has visited. */
  seen: string[]
  starts: Mark[]
}

export const operator: Operator<State> = {
  name: 'regular-patrol',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const rounds = rule.num('intervals')
    const minSpread = rule.num('minSpread')
    return {
      initial: () => ({ seen: [], starts: [] }),
      on(input, cx) {
        if (input.quality === 'bad') return
        const route = cx.site.item('patrols', input.value.route as string)
        if (route?.kind !== 'watch') return
        const state = cx.state(route.id)
        const last = state.starts.at(-1)
        // Rounds are judged in their order; one that was told later changes nothing any more.
        if (last && input.time < last.t) return
        const point = `${input.value.point}|${input.value.person ?? ''}`
        if (last && !state.seen.includes(point)) {
          state.seen.push(point)
          return
        }
        state.seen = [point]
        state.starts = [...state.starts, mark(input)].slice(-(rounds + 1))
        if (state.starts.length <= rounds) return
        const intervals = state.starts.slice(1).map((s, i) => s.t - (state.starts[i] as Mark).t)
        const mean = intervals.reduce((a, b) => a + b, 0) / rounds
        const spread = Math.sqrt(intervals.reduce((a, b) => a + (b - mean) ** 2, 0) / rounds) / mean
        if (spread >= minSpread) {
          cx.clear(route.id)
          return
        }
        cx.hit({
          key: route.id,
          level: 'blue',
          opening: (state.starts[0] as Mark).id,
          evidence: state.starts,
          zone: input.zone,
          device: null,
          reasons: [{ code: 'regular', params: { route: route.id, spread, minutes: mean / 60_000 } }],
          ...(input.late ? { eventTime: input.time } : {}),
        })
      },
    }
  },
}
