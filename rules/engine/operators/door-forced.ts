/** R07: a door opens and nobody had a right to it: no grant, exit request or command in [−5 s, +3 s]; decided at +3 s. */
import { doorMode } from '../doors.ts'
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  /** "open" or "closed" as last said. */
  last: string | null
  /** Openings that wait for their decision, oldest first. */
  openings: Mark[]
  /** Times of permissions for this door, newest last. */
  permits: number[]
  closedSince: number | null
  active: boolean
}

const MAX_PERMITS = 16
/** A door that chatters: more openings within three seconds say nothing new. */
const MAX_OPENINGS = 32

export const operator: Operator<State> = {
  name: 'door-forced',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const beforeMs = rule.ms('permitBefore')
    const afterMs = rule.ms('permitAfter')
    const closedMs = rule.ms('closedFor')
    type C = Cx<State>

    function permit(door: string, at: number, cx: C): void {
      const state = cx.state(door)
      state.permits.push(at)
      if (state.permits.length > MAX_PERMITS) state.permits.shift()
    }

    function doorsOf(input: Input, cx: C): readonly string[] {
      const named = input.value.door
      return typeof named === 'string' ? [named] : cx.site.doorsOf(input.device)
    }

    function decide(door: string, opening: Mark, state: State, cx: C): void {
      if (state.permits.some((t) => t >= opening.t - beforeMs && t <= opening.t + afterMs)) return
      if (doorMode(door, cx.signals) !== 'normal') {
        cx.count('door mode')
        return
      }
      const zone = cx.site.zoneOfDevice(door)
      state.active = true
      cx.hit({
        key: door,
        level: cx.site.isPerimeter(zone) ? 'red' : 'orange',
        opening: opening.id,
        evidence: [opening],
        zone,
        device: door,
        reasons: [{ code: 'no-permit', params: { before: beforeMs / 1000, after: afterMs / 1000 } }],
        ...(opening.t + afterMs === cx.now ? {} : { eventTime: opening.t + afterMs }),
      })
    }

    return {
      initial: () => ({ last: null, openings: [], permits: [], closedSince: null, active: false }),
      on(input, cx) {
        if (input.quality === 'bad') return
        if (input.type !== 'door.state') {
          if (input.type === 'door.command' && input.value.command !== 'open') return
          for (const door of doorsOf(input, cx)) permit(door, input.time, cx)
          return
        }
        const door = input.device
        if (input.late && cx.signals.last(door, 'door.state')?.id !== input.id) return
        const state = cx.state(door)
        const now = input.value.state as string
        if (now === state.last) return
        state.last = now
        if (now === 'open') {
          state.closedSince = null
          if (state.openings.length >= MAX_OPENINGS) {
            cx.count('openings')
            return
          }
          state.openings.push(mark(input))
          cx.wake(door, input.time + afterMs, 'absence', 'decide')
        } else {
          state.closedSince = input.time
          if (state.active) cx.wake(door, input.time + closedMs, 'sustained', 'closed')
        }
      },
      wake(door, tag, cx) {
        const state = cx.peek(door)
        if (!state) return
        if (tag === 'decide') {
          const due = state.openings.filter((o) => o.t + afterMs <= cx.now)
          state.openings = state.openings.filter((o) => o.t + afterMs > cx.now)
          for (const opening of due) decide(door, opening, state, cx)
          const next = state.openings[0]
          if (next) cx.wake(door, next.t + afterMs, 'absence', 'decide')
          // Closed again before the decision: the clearing counts from the closing.
          if (state.active && state.closedSince !== null)
            cx.wake(door, Math.max(cx.now, state.closedSince + closedMs), 'sustained', 'closed')
        } else if (state.active && state.closedSince !== null) {
          if (state.closedSince + closedMs > cx.now) cx.wake(door, state.closedSince + closedMs, 'sustained', 'closed')
          else {
            state.active = false
            cx.clear(door)
          }
        }
      },
    }
  },
}
