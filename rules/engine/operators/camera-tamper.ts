/**
 * R53: a camera is covered, moved or blurred for 5 s; a second adjacent one within 120 s makes both orange; ten at once with
 * a change of light are dusk, not people.
 */
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  /** Kinds of tampering that hold now, with their beginning. */
  kinds: Record<string, Mark>
  since: number | null
  opening: Mark | null
  firedAt: number | null
  falseSince: number | null
  active: boolean
  /** State "": change of light. */
  lightAt: number | null
  lights: Record<string, { t: number; lux: number }>
}

const AT_ONCE_MS = 60_000
const MIN_LIGHT_FALL = 0.3

export const operator: Operator<State> = {
  name: 'camera-tamper',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const sustainedMs = rule.ms('sustained')
    const adjacentMs = rule.ms('adjacentWithin')
    const falseMs = rule.ms('falseFor')
    const many = rule.num('dusk')
    const lightMs = rule.ms('lightWithin')
    type C = Cx<State>

    function isDusk(cx: C): boolean {
      const light = cx.peek('')?.lightAt
      if (light === null || light === undefined || cx.now - light > lightMs) return false
      let together = 0
      for (const camera of cx.keys()) {
        const s = cx.peek(camera) as State
        if (camera !== '' && s.opening && cx.now - s.opening.t <= AT_ONCE_MS) together++
      }
      return together >= many
    }

    /** Takes over what the camera says now; offline, or a bad word, is unknown: that stops both times and ends nothing. */
    function settle(camera: string, at: number, cx: C): void {
      const state = cx.peek(camera)
      if (!state) return
      const isKnown = cx.signals.at(camera, 'camera.tamper', at) !== null
      if (state.active) cx.stale(camera, !isKnown)
      if (!isKnown) {
        state.since = null
        state.falseSince = null
        return
      }
      const kinds = Object.values(state.kinds)
      if (kinds.length > 0) {
        state.falseSince = null
        if (state.since !== null) return
        state.since = at
        if (state.active) return
        state.opening = kinds.reduce((first, m) => (m.t < first.t ? m : first))
        cx.wake(camera, at + sustainedMs, 'sustained')
        return
      }
      state.since = null
      // Kept for a moment: dusk counts cameras that blinked together.
      if (!state.active) cx.wake(camera, at + AT_ONCE_MS, 'sustained', 'forget')
      else if (state.falseSince === null) {
        state.falseSince = at
        cx.wake(camera, at + falseMs, 'sustained', 'false')
      }
    }

    function fire(camera: string, state: State, due: number, cx: C): void {
      if (isDusk(cx)) {
        cx.count('dusk')
        return
      }
      state.active = true
      state.firedAt = due
      const neighbours = [...cx.keys()].filter((other) => {
        if (other === '' || other === camera) return false
        const s = cx.peek(other) as State
        return (
          s.firedAt !== null &&
          Math.abs(due - s.firedAt) <= adjacentMs &&
          cx.site.areAdjacentCameras(camera, other) &&
          cx.alerts.find(rule.code, other) !== undefined
        )
      })
      const kinds = Object.keys(state.kinds)
      const serious = kinds.some((k) => k === 'covered' || k === 'moved')
      const own = { code: 'tampered', params: { camera, kinds } }
      cx.hit({
        key: camera,
        level: neighbours.length > 0 ? 'orange' : 'yellow',
        opening: (state.opening as Mark).id,
        evidence: [state.opening as Mark],
        zone: cx.site.zoneOfDevice(camera),
        device: camera,
        reasons: neighbours.length > 0 ? [own, { code: 'neighbours', params: { cameras: neighbours } }] : [own],
        ...(serious ? { unshelvable: true } : {}),
        ...(due === cx.now ? {} : { eventTime: due }),
      })
      for (const other of neighbours) {
        const theirs = cx.peek(other) as State
        cx.hit({
          key: other,
          level: 'orange',
          opening: theirs.opening?.id ?? '',
          evidence: [],
          zone: cx.site.zoneOfDevice(other),
          device: other,
          reasons: [{ code: 'neighbours', params: { cameras: [camera] } }],
          risesOnly: true,
        })
      }
    }

    return {
      initial: () => ({
        kinds: {},
        since: null,
        opening: null,
        firedAt: null,
        falseSince: null,
        active: false,
        lightAt: null,
        lights: {},
      }),
      on(input, cx) {
        if (input.quality === 'bad' && input.type !== 'camera.tamper') return
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        if (input.type === 'camera.day-night') {
          cx.state('').lightAt = input.time
          return
        }
        if (input.type === 'env.light') {
          const state = cx.state('')
          const lux = input.value.lux as number
          const known = state.lights[input.device]
          if (known && lux < known.lux * (1 - MIN_LIGHT_FALL)) state.lightAt = input.time
          // The reference follows slowly, so that a fall spread over a few samples is seen as one.
          if (!known || lux > known.lux || input.time - known.t > lightMs)
            state.lights[input.device] = { t: input.time, lux }
          return
        }
        const camera = input.device
        if (input.type === 'camera.tamper' && input.quality !== 'bad') {
          const state = cx.peek(camera) ?? (input.value.active === true ? cx.state(camera) : undefined)
          if (!state) return
          const kind = input.value.tamper as string
          if (input.value.active === true) state.kinds[kind] ??= mark(input)
          else delete state.kinds[kind]
        }
        settle(camera, input.time, cx)
      },
      wake(camera, tag, cx) {
        const state = cx.peek(camera)
        if (!state) return
        if (tag === 'forget') {
          if (state.since === null && !state.active && state.firedAt === null) cx.forget(camera)
          return
        }
        if (tag === 'false') {
          if (state.falseSince === null) return
          if (state.falseSince + falseMs > cx.now) cx.wake(camera, state.falseSince + falseMs, 'sustained', 'false')
          else {
            state.active = false
            state.falseSince = null
            cx.clear(camera)
          }
          return
        }
        if (state.since === null || state.active) return
        const due = state.since + sustainedMs
        if (due > cx.now) cx.wake(camera, due, 'sustained')
        else fire(camera, state, due, cx)
      },
    }
  },
}
