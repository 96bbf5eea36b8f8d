/**
 * R56: a sensor that must vary (the catalogue says which) and has said exactly the same for half an hour. A gap in its
 * samples begins the time anew: nobody knows what it would have said.
 */
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { ReadingValue } from '#model/reading.ts'
import type { Cx, Mark, Operator } from '../operator.ts'

interface State {
  /** The first value of those that were the same since. */
  said: ReadingValue
  first: Mark
  zone: string | null
  subject: string | null
  active: boolean
}

/** Of how many devices the key is kept at hand. */
const MAX_KEYS = 20_000

/** Says how sure the device is, not what it measured. */
const NOT_MEASURED: ReadonlySet<string> = new Set(['confidence', 'nominal_kv', 'posture'])

export const operator: Operator<State> = {
  name: 'stuck-sensor',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const stuckMs = rule.ms('stuckFor')
    const fields = new Map(
      rule.file.inputs.flatMap((type) => {
        const spec = READING_TYPES.get(type)
        const names = spec?.fields.filter((f) => f.type === 'number' && !NOT_MEASURED.has(f.name)).map((f) => f.name)
        return spec?.mustVary ? [[type, names ?? []] as const] : []
      }),
    )
    type C = Cx<State>
    function isSame(a: ReadingValue, b: ReadingValue, names: readonly string[]): boolean {
      for (let i = 0; i < names.length; i++) {
        const name = names[i] as string
        if ((a[name] ?? null) !== (b[name] ?? null)) return false
      }
      return true
    }
    // Keys by type and device: made once, not on every sample.
    const keys = new Map([...fields.keys()].map((type) => [type, new Map<string, string>()]))
    function keyOf(type: string, device: string): string {
      const known = keys.get(type) as Map<string, string>
      let key = known.get(device)
      if (key === undefined) {
        key = `${device}|${type}`
        if (known.size < MAX_KEYS) known.set(device, key)
      }
      return key
    }

    return {
      initial: () => ({ said: {}, first: { id: '', t: 0 }, zone: null, subject: null, active: false }),
      on(input, cx: C) {
        const names = fields.get(input.type)
        if (names === undefined) return
        const key = keyOf(input.type, input.device)
        const state = cx.peek(key)
        if (input.late || input.quality === 'bad') {
          // Unknown stops the time and ends nothing.
          if (state && !state.active && !input.late) cx.forget(key)
          return
        }
        // A band in a drawer measures nothing.
        if (cx.signals.isUnworn(input.device)) {
          if (state && !state.active) cx.forget(key)
          return
        }
        if (state && isSame(state.said, input.value, names) && (!input.afterGap || state.active)) return
        if (state?.active) cx.clear(key)
        const known = state ?? cx.state(key)
        known.said = input.value
        known.first.id = input.id
        known.first.t = input.time
        known.zone = input.zone
        known.subject = input.subject
        known.active = false
        cx.wake(key, input.time + stuckMs, 'sustained')
      },
      restored(cx) {
        // A state of an older version kept it as text: compared with the next sample it begins anew.
        for (const key of cx.keys()) {
          const state = cx.peek(key) as State
          if (typeof state.said === 'string') state.said = {}
        }
      },
      wake(key, _tag, cx) {
        const state = cx.peek(key)
        if (!state || state.active) return
        const due = state.first.t + stuckMs
        if (due > cx.now) {
          cx.wake(key, due, 'sustained')
          return
        }
        const [device, type] = key.split('|') as [string, string]
        const last = cx.signals.at(device, type, due)
        if (!last) {
          cx.forget(key)
          return
        }
        state.active = true
        cx.hit({
          key,
          level: 'blue',
          opening: state.first.id,
          evidence: [{ ...state.first }, { id: last.id, t: last.time }],
          zone: state.zone,
          device,
          subjects: state.subject === null ? [] : [state.subject],
          reasons: [{ code: 'stuck', params: { type, minutes: stuckMs / 60_000 } }],
          ...(due === cx.now ? {} : { eventTime: due }),
        })
      },
    }
  },
}
