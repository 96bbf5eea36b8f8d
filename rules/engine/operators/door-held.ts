/** R08: a door stands open longer than its kind of place allows; silent while the door is not in normal mode. */
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  opening: Mark | null
  /** Since when it stands open in normal mode; null = closed, or another mode. */
  since: number | null
  active: boolean
}

export const operator: Operator<State> = {
  name: 'door-held',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const orangeMs = rule.ms('orangeAfter')
    type C = Cx<State>
    const isNormal = (door: string, cx: C): boolean =>
      (cx.signals.last(door, 'door.mode')?.value.mode ?? 'normal') === 'normal'

    function limitMs(door: string, cx: C): number {
      const kind = cx.site.zone(cx.site.zoneOfDevice(door))?.kind
      return rule.ms(
        kind === 'cell' || kind === 'dormitory' ? 'cellLimit' : kind === 'sally-port' ? 'sallyLimit' : 'limit',
      )
    }

    return {
      initial: () => ({ opening: null, since: null, active: false }),
      on(input, cx) {
        if (input.quality === 'bad') return
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        const door = input.device
        const state = cx.state(door)
        if (input.type === 'door.mode') {
          if (!isNormal(door, cx)) state.since = null
          else if (state.opening && state.since === null) {
            state.since = input.time
            cx.wake(door, input.time + limitMs(door, cx), 'sustained')
          }
          return
        }
        if (input.value.state === 'open') {
          if (state.opening) return
          state.opening = mark(input)
          if (!isNormal(door, cx)) return
          state.since = input.time
          cx.wake(door, input.time + limitMs(door, cx), 'sustained')
        } else {
          state.opening = null
          state.since = null
          if (state.active) cx.clear(door)
          state.active = false
        }
      },
      wake(door, _tag, cx) {
        const state = cx.peek(door)
        if (!state?.opening || state.since === null) return
        const held = cx.now - state.since
        const limit = limitMs(door, cx)
        if (held < limit) {
          cx.wake(door, state.since + limit, 'sustained')
          return
        }
        if (cx.signals.at(door, 'door.state', cx.now) === null) {
          // Offline: nobody knows whether it still stands open.
          cx.stale(door, true)
          cx.wake(door, cx.now + 1_000, 'sustained')
          return
        }
        state.active = true
        cx.hit({
          key: door,
          level: held >= orangeMs ? 'orange' : 'yellow',
          opening: state.opening.id,
          evidence: [state.opening],
          zone: cx.site.zoneOfDevice(door),
          device: door,
          reasons: [{ code: held >= orangeMs ? 'very-long' : 'too-long', params: { seconds: held / 1000 } }],
        })
        if (held < orangeMs) cx.wake(door, state.since + orangeMs, 'sustained')
      },
    }
  },
}
