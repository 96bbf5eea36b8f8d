/**
 * R23: a roll-call that does not come out: expected − out-counts − present ≠ 0 at the close, or not closed in time →
 * orange; no recount of zero within 300 s of the close → red. A recount of zero ends it.
 */
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  started: Mark | null
  zone: string | null
  device: string | null
  expected: number
  outCount: number
  dueAt: number
  closed: Mark | null
  redAt: number | null
  present: number | null
}

export const operator: Operator<State> = {
  name: 'roll-call',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const closeMs = rule.ms('closeWithin')
    const recountMs = rule.ms('recountWithin')
    type C = Cx<State>

    function missing(count: string, state: State, cx: C, level: 'orange' | 'red', code: string, due: number): void {
      const difference = state.present === null ? null : state.expected - state.outCount - state.present
      cx.hit({
        key: count,
        level,
        opening: state.started?.id ?? state.closed?.id ?? '',
        evidence: [...(state.started ? [state.started] : []), ...(state.closed ? [state.closed] : [])],
        zone: state.zone,
        device: state.device,
        reasons: [
          { code, params: { difference, expected: state.expected, out: state.outCount, present: state.present } },
        ],
        advice: ['freeze-movement'],
        ...(due === cx.now ? {} : { eventTime: due }),
      })
    }

    return {
      initial: () => ({
        started: null,
        zone: null,
        device: null,
        expected: 0,
        outCount: 0,
        dueAt: 0,
        closed: null,
        redAt: null,
        present: null,
      }),
      on(input, cx) {
        if (input.quality === 'bad') return
        const count = input.value.count as string
        if (input.type === 'rollcall.started') {
          const state = cx.state(count)
          if (state.started) return
          state.started = mark(input)
          state.zone = input.zone
          state.device = input.device
          state.expected = input.value.expected as number
          state.outCount = input.value.out_count as number
          state.dueAt = input.time + closeMs
          cx.wake(count, state.dueAt, 'absence')
          return
        }
        const state = cx.peek(count)
        // A count whose start nobody saw: what was expected is not known.
        if (!state?.started) return
        state.present = input.value.present as number
        const difference = state.expected - state.outCount - state.present
        if (difference === 0) {
          cx.clear(count)
          cx.forget(count)
          return
        }
        if (state.closed === null) {
          state.closed = mark(input)
          state.redAt = input.time + recountMs
          cx.wake(count, state.redAt, 'absence')
        }
        missing(count, state, cx, 'orange', 'difference', input.time)
      },
      wake(count, _tag, cx) {
        const state = cx.peek(count)
        if (!state?.started) return
        if (state.closed === null) {
          if (state.dueAt > cx.now) cx.wake(count, state.dueAt, 'absence')
          else {
            missing(count, state, cx, 'orange', 'not-closed', state.dueAt)
            if (state.redAt === null) {
              // Not closed in time counts as a close that did not come out.
              state.redAt = state.dueAt + recountMs
              cx.wake(count, state.redAt, 'absence')
            } else if (state.redAt <= cx.now) {
              // A recount that comes out still ends it.
              missing(count, state, cx, 'red', 'no-recount', state.redAt)
            }
          }
          return
        }
        if (state.redAt === null) return
        if (state.redAt > cx.now) cx.wake(count, state.redAt, 'absence')
        else {
          missing(count, state, cx, 'red', 'no-recount', state.redAt)
          state.redAt = null
        }
      },
    }
  },
}
