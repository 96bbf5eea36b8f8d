/**
 * R58: more alarms sound at a console than a person can follow: while it lasts, new blue and yellow alerts are held back
 * by design. Counts what sounded, which the alert book alone decides.
 */
import { levelRank } from '#model/alert/alert.ts'
import type { Cx, Mark, Operator } from '../operator.ts'

interface State {
  /** Alarms that sounded within the window, oldest first. */
  sounded: (Mark & { zone: string | null })[]
  active: boolean
  /** Alerts held back while the flood lasts: [code, key]. */
  held: [string, string][]
}

const MAX_SOUNDED = 512
const MAX_HELD = 2_000
/** Of the system itself: never held back. */
const NEVER_HELD: ReadonlySet<string> = new Set(['R58', 'R61'])

export const operator: Operator<State> = {
  name: 'alarm-flood',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const more = rule.num('moreThan')
    const fewer = rule.num('endsBelow')
    const windowMs = rule.ms('window')
    type C = Cx<State>

    /** So many that sounded still count at `at`; drops the others. */
    function trim(state: State, at: number): number {
      state.sounded = state.sounded.filter((s) => s.t >= at - windowMs)
      return state.sounded.length
    }

    function release(desk: string, state: State, cx: C): void {
      state.active = false
      for (const [code, key] of state.held) cx.suppress(code, key, false)
      state.held = []
      cx.clear(desk)
    }

    return {
      initial: () => ({ sounded: [], active: false, held: [] }),
      on() {},
      alert(event, cx) {
        const { alert } = event
        if (event.change === 'raised') {
          if (levelRank(alert.level) > levelRank('yellow') || NEVER_HELD.has(alert.code)) return
          for (const desk of cx.keys()) {
            const state = cx.peek(desk)
            if (!state?.active || state.held.length >= MAX_HELD) continue
            cx.suppress(alert.code, alert.key, true)
            state.held.push([alert.code, alert.key])
            cx.count('held')
          }
          return
        }
        if (event.change !== 'annunciated') return
        for (const desk of event.desks ?? []) {
          const state = cx.state(desk)
          state.sounded.push({ id: alert.evidence[0] ?? alert.id, t: event.at, zone: alert.zone })
          if (state.sounded.length > MAX_SOUNDED) state.sounded.shift()
          if (trim(state, event.at) <= more || state.active) continue
          state.active = true
          const first = state.sounded[0] as Mark
          cx.hit({
            key: desk,
            level: 'blue',
            opening: first.id,
            evidence: state.sounded.map(({ id, t }) => ({ id, t })),
            zone: null,
            reasons: [{ code: 'flood', params: { alarms: state.sounded.length, minutes: windowMs / 60_000 } }],
          })
          cx.wake(desk, first.t + windowMs + 1, 'sustained')
        }
      },
      wake(desk, _tag, cx) {
        const state = cx.peek(desk)
        if (!state?.active) return
        if (trim(state, cx.now) < fewer) release(desk, state, cx)
        else cx.wake(desk, (state.sounded[0] as Mark).t + windowMs + 1, 'sustained')
      },
    }
  },
}
