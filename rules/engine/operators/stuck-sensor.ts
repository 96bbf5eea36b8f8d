/**
 * R56: a sensor that must vary (the catalogue says which) and has said exactly the same for half an hour. A gap in its
 * samples begins the time anew: nobody knows what it would have said.
 */
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { ReadingValue } from '#model/reading.ts'
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  said: string
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
    function text(names: readonly string[], value: ReadingValue): string {
      let said = ''
      for (let i = 0; i < names.length; i++) {
        const measured = value[names[i] as string] ?? ''
        said += i === 0 ? `${measured}` : `|${measured}`
      }
      return said
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
      initial: () => {
        throw new Error('a sensor is watched from its first sample')
      },
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
        const said = text(names, input.value)
        if (state && state.said === said && (!input.afterGap || state.active)) return
        if (state?.active) cx.clear(key)
        const known = state ?? cx.begin(key)
        Object.assign(known, { said, first: mark(input), zone: input.zone, subject: input.subject, active: false })
        cx.wake(key, input.time + stuckMs, 'sustained')
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
          evidence: [state.first, { id: last.id, t: last.time }],
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
