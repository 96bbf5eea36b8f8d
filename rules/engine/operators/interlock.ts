/** R09: both doors of an interlock are not closed at the same time, in normal mode. */
import { doorMode } from '../doors.ts'
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  a: Mark | null
  b: Mark | null
  bothSince: number | null
  closedSince: number | null
  active: boolean
}

export const operator: Operator<State> = {
  name: 'interlock',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const overlapMs = rule.ms('overlap')
    const closedMs = rule.ms('closedFor')
    type C = Cx<State>
    const isNormal = (door: string, cx: C): boolean => doorMode(door, cx.signals) === 'normal'

    const isHeard = (door: string, cx: C): boolean => {
      const said = cx.signals.last(door, 'door.state')
      return said !== null && !said.bad && cx.signals.find(door)?.online !== false
    }

    function settle(pair: string, a: string, b: string, at: number, cx: C): void {
      const state = cx.state(pair)
      // Unknown stops what runs, and ends nothing: a door that is offline is neither open nor closed.
      const [hearsA, hearsB] = [isHeard(a, cx), isHeard(b, cx)]
      const isClosed = (state.a === null && hearsA) || (state.b === null && hearsB)
      const both = state.a !== null && state.b !== null && hearsA && hearsB && isNormal(a, cx) && isNormal(b, cx)
      if (both) {
        state.closedSince = null
        if (state.bothSince === null) {
          state.bothSince = at
          cx.wake(pair, at + overlapMs, 'sustained', 'open')
        }
      } else {
        state.bothSince = null
        if (!isClosed) state.closedSince = null
        else if (state.active && state.closedSince === null) {
          state.closedSince = at
          cx.wake(pair, at + closedMs, 'sustained', 'closed')
        }
      }
    }

    return {
      initial: () => ({ a: null, b: null, bothSince: null, closedSince: null, active: false }),
      on(input, cx) {
        const pairs = cx.site.doorPairsOf(input.device)
        if (pairs.length === 0 || (input.late && cx.signals.last(input.device, input.type)?.id !== input.id)) return
        for (const pair of pairs) {
          const state = cx.state(pair.id)
          if (input.type === 'door.state' && input.quality !== 'bad') {
            const side = pair.a === input.device ? 'a' : 'b'
            if (input.value.state === 'open') state[side] ??= mark(input)
            else state[side] = null
          }
          settle(pair.id, pair.a, pair.b, input.time, cx)
        }
      },
      wake(id, tag, cx) {
        const state = cx.peek(id)
        const pair = cx.site.item('door-pairs', id)
        if (!state || !pair) return
        if (tag === 'open') {
          if (state.bothSince === null || !state.a || !state.b) return
          if (state.bothSince + overlapMs > cx.now) {
            cx.wake(id, state.bothSince + overlapMs, 'sustained', 'open')
            return
          }
          const first = state.a.t <= state.b.t ? state.a : state.b
          state.active = true
          cx.hit({
            key: id,
            level: 'red',
            opening: first.id,
            evidence: [state.a, state.b],
            zone: pair.zone ?? cx.site.zoneOfDevice(pair.a),
            device: state.a.t > state.b.t ? pair.a : pair.b,
            reasons: [{ code: 'both-open', params: { a: pair.a, b: pair.b } }],
            advice: ['hold-passage'],
            ...(state.bothSince + overlapMs === cx.now ? {} : { eventTime: state.bothSince + overlapMs }),
          })
        } else if (state.active && state.closedSince !== null) {
          if (state.closedSince + closedMs > cx.now) cx.wake(id, state.closedSince + closedMs, 'sustained', 'closed')
          else {
            state.active = false
            state.closedSince = null
            cx.clear(id)
          }
        }
      },
    }
  },
}
