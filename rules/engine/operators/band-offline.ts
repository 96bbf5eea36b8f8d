/** R29: a band says nothing at all: blue after 90 s, yellow (watch list: orange) after 300 s. Its timer stands still with its gateway. */
import type { Level } from '#model/alert/alert.ts'
import { levelRank } from '#model/alert/alert.ts'
import type { Cx, Mark, Operator } from '../operator.ts'

interface State {
  last: Mark
  stood: number
  level: Level | null
  subject: string | null
  zone: string | null
  waiting: boolean
}

export const operator: Operator<State> = {
  name: 'band-offline',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['kinds'],
    properties: { kinds: { type: 'array', items: { type: 'string' } } },
  },
  prepare(rule) {
    const blueMs = rule.ms('blueAfter')
    const yellowMs = rule.ms('yellowAfter')
    const kinds = rule.file.pattern.kinds as string[]
    type C = Cx<State>

    const silentFor = (device: string, state: State, at: number, cx: C): number =>
      at - state.last.t - (cx.gateways.stoodStill(cx.site.device(device)?.via, at) - state.stood)

    return {
      initial: () => {
        throw new Error('a band is watched from its first message')
      },
      on(input, cx) {
        // What a driver says about the band is no message of the band.
        if (input.type === 'device.status' || input.type === 'device.clock' || !input.dev) return
        if (!kinds.includes(input.dev.kind ?? '')) return
        const { device } = input
        let state = cx.peek(device)
        if (!state) {
          state = Object.assign(cx.begin(device), {
            last: { id: input.id, t: cx.now },
            stood: 0,
            level: null,
            subject: input.subject,
            zone: input.zone,
            waiting: true,
          } satisfies State)
          cx.wake(device, cx.now + blueMs, 'absence')
        } else if (state.level !== null) {
          state.level = null
          cx.clear(device)
          cx.wake(device, cx.now + blueMs, 'absence')
        }
        state.last.id = input.id
        state.last.t = cx.now
        state.stood = cx.gateways.stoodStill(input.dev.via, cx.now)
        if (input.zone !== null) state.zone = input.zone
      },
      // Who is put on the watch list while his band is silent is worth more at once.
      context(cx) {
        for (const device of cx.keys()) {
          const state = cx.peek(device)
          if (state?.level === 'yellow' && cx.site.person(state.subject)?.watch === true)
            cx.wake(device, cx.now, 'absence')
        }
      },
      wake(device, _tag, cx) {
        const state = cx.peek(device)
        const entry = cx.site.device(device)
        if (!state || !entry) return
        if (cx.gateways.standsStill(entry.via, cx.now)) {
          cx.wake(device, cx.now + 1_000, 'absence')
          return
        }
        const silent = silentFor(device, state, cx.now, cx)
        const serious: Level = cx.site.person(state.subject)?.watch === true ? 'orange' : 'yellow'
        const wanted: Level | null = silent >= yellowMs ? serious : silent >= blueMs ? 'blue' : null
        if (wanted && (state.level === null || levelRank(wanted) > levelRank(state.level))) {
          state.level = wanted
          cx.hit({
            key: device,
            level: wanted,
            opening: state.last.id,
            evidence: [state.last],
            zone: state.zone,
            device,
            subjects: state.subject ? [state.subject] : [],
            reasons: [{ code: 'silent', params: { seconds: Math.round(silent / 1000) } }],
          })
        }
        const next = silent >= yellowMs ? null : silent >= blueMs ? yellowMs : blueMs
        if (next !== null) cx.wake(device, cx.now + Math.max(1, next - silent), 'absence')
      },
    }
  },
}
