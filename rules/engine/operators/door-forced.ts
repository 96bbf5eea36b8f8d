/** R07: a door opens and nobody had a right to it: no grant, exit request or command in [−5 s, +3 s]; decided at +3 s. */
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  /** "open" or "closed" as last said. */
  last: string | null
  /** Opening that waits for its decision. */
  opening: Mark | null
  decideAt: number
  /** Times of permissions for this door, newest last. */
  permits: number[]
  closedSince: number | null
  active: boolean
}

const MAX_PERMITS = 16

export const operator: Operator<State> = {
  name: 'door-forced',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const beforeMs = rule.ms('permitBefore')
    const afterMs = rule.ms('permitAfter')
    const closedMs = rule.ms('closedFor')
    type C = Cx<State>

    const modeOf = (door: string, cx: C): unknown => cx.signals.last(door, 'door.mode')?.value.mode ?? 'normal'

    function permit(door: string, at: number, cx: C): void {
      const state = cx.state(door)
      state.permits.push(at)
      if (state.permits.length > MAX_PERMITS) state.permits.shift()
    }

    function doorsOf(input: Input, cx: C): readonly string[] {
      const named = input.value.door
      return typeof named === 'string' ? [named] : cx.site.doorsOf(input.device)
    }

    function decide(door: string, state: State, cx: C): void {
      const opening = state.opening
      if (!opening) return
      state.opening = null
      if (state.permits.some((t) => t >= opening.t - beforeMs && t <= opening.t + afterMs)) return
      if (modeOf(door, cx) !== 'normal') {
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
        ...(state.decideAt === cx.now ? {} : { eventTime: state.decideAt }),
      })
    }

    return {
      initial: () => ({ last: null, opening: null, decideAt: 0, permits: [], closedSince: null, active: false }),
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
          state.opening = mark(input)
          state.decideAt = input.time + afterMs
          cx.wake(door, state.decideAt, 'absence', 'decide')
        } else {
          state.closedSince = input.time
          if (state.active) cx.wake(door, input.time + closedMs, 'sustained', 'closed')
        }
      },
      wake(door, tag, cx) {
        const state = cx.peek(door)
        if (!state) return
        if (tag === 'decide') {
          if (state.opening && state.decideAt > cx.now) cx.wake(door, state.decideAt, 'absence', 'decide')
          else decide(door, state, cx)
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
