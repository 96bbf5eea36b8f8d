/**
 * R65: a camera gives no picture for ten seconds; a second one beside it within two minutes makes both orange. Unknown
 * (the camera is offline) stops the delay and never ends the alert.
 */
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  opening: Mark | null
  /** Since when the picture is gone for sure; null = it is there, or nobody knows. */
  since: number | null
  backSince: number | null
  active: boolean
  /** Last raise or return of the alert, kept for the camera beside it. */
  raisedAt: number | null
}

export const operator: Operator<State> = {
  name: 'video-lost',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const lostMs = rule.ms('lostFor')
    const backMs = rule.ms('backFor')
    const besideMs = rule.ms('besideWithin')
    type C = Cx<State>

    function raise(id: string, state: State, due: number, others: readonly string[], cx: C, risesOnly = false): void {
      const own = { code: 'no-signal', params: { seconds: lostMs / 1000 } }
      cx.hit({
        key: id,
        level: others.length > 0 ? 'orange' : 'yellow',
        opening: state.opening?.id ?? '',
        evidence: state.opening ? [state.opening] : [],
        zone: cx.site.zoneOfDevice(id),
        device: id,
        reasons: others.length > 0 ? [own, { code: 'beside', params: { cameras: others } }] : [own],
        ...(risesOnly ? { risesOnly } : {}),
        ...(due === cx.now ? {} : { eventTime: due }),
      })
    }

    function fire(id: string, state: State, due: number, cx: C): void {
      if (!state.active) state.raisedAt = due
      state.active = true
      const beside = [...cx.keys()]
        .filter((other) => {
          const raisedAt = cx.peek(other)?.raisedAt ?? null
          return (
            other !== id &&
            raisedAt !== null &&
            Math.abs(due - raisedAt) <= besideMs &&
            cx.site.areAdjacentCameras(id, other)
          )
        })
        .sort()
      raise(id, state, due, beside, cx)
      for (const other of beside) {
        const theirs = cx.peek(other) as State
        // One that was closed meanwhile is a story that ended; one that has returned still rises.
        if (!cx.alerts.find(rule.code, other)) continue
        raise(other, theirs, cx.now, [id], cx, true)
      }
    }

    function settle(id: string, at: number, cx: C): void {
      const state = cx.peek(id)
      if (!state) return
      const signal = cx.signals.at(id, 'camera.signal', at)
      if (!signal) {
        state.since = null
        state.backSince = null
        if (state.active) cx.stale(id, true)
        return
      }
      if (state.active) cx.stale(id, false)
      if (signal.value.present === false) {
        state.backSince = null
        state.opening ??= { id: signal.id, t: signal.time }
        if (state.since === null) {
          state.since = at
          if (!state.active) cx.wake(id, at + lostMs, 'sustained')
        }
        return
      }
      state.since = null
      if (!state.active) state.opening = null
      else if (state.backSince === null) {
        state.backSince = at
        cx.wake(id, at + backMs, 'sustained', 'back')
      }
    }

    return {
      initial: () => ({ opening: null, since: null, backSince: null, active: false, raisedAt: null }),
      on(input, cx) {
        const id = input.device
        if (input.late && cx.signals.last(id, input.type)?.id !== input.id) return
        if (input.type === 'camera.signal' && input.quality !== 'bad' && input.value.present === false) {
          const state = cx.state(id)
          if (!state.active) state.opening ??= mark(input)
        }
        settle(id, input.time, cx)
      },
      wake(id, tag, cx) {
        const state = cx.peek(id)
        if (!state) return
        if (tag === 'back') {
          if (state.backSince === null) return
          const due = state.backSince + backMs
          if (due > cx.now) cx.wake(id, due, 'sustained', 'back')
          else {
            state.backSince = null
            state.active = false
            state.opening = null
            cx.clear(id)
          }
          return
        }
        if (state.since === null || state.active) return
        const due = state.since + lostMs
        if (due > cx.now) cx.wake(id, due, 'sustained')
        else fire(id, state, due, cx)
      },
    }
  },
}
