/**
 * R46: two independent signs of fire within a minute in the same zone, or in the ward or building around it. Signs: one
 * smoke detector, another one, a fast rise of temperature, flames on video, a manual call point.
 */
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'

interface Sign extends Mark {
  /** smoke:<device>, temperature, flame or call: two signs with the same name are one. */
  name: string
  device: string
  zone: string
  /** The state or the active detection still holds. */
  holds: boolean
}
interface State {
  signs: Sign[]
  /** Samples of one temperature sensor of the last minute. */
  samples: { t: number; celsius: number; id: string }[]
}

const MAX_SIGNS = 64
/** A rise is judged over 20 s to a minute. */
const RISE_OVER_MS = 20_000
const RISE_WINDOW_MS = 60_000
/** A detection that nobody ends holds so long. */
const MAX_ACTIVE_MS = 600_000
/** Late readings may still complete a pattern for so long. */
const KEEP_MS = 310_000

export const operator: Operator<State> = {
  name: 'fire-confirmed',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const withinMs = rule.ms('within')
    const smoke = rule.num('smokeLimit')
    const rise = rule.num('riseLimit')
    const minConfidence = rule.num('minFlameConfidence')
    type C = Cx<State>

    /** The reading as a sign of fire: its name, whether it holds on; null = it is none; false = a sign that ended. */
    function signOf(input: Input, cx: C): { name: string; holds: boolean } | null | false {
      const { value } = input
      switch (input.type) {
        case 'env.smoke':
          return (value.percent_per_m as number) >= smoke ? { name: `smoke:${input.device}`, holds: false } : null
        case 'env.temperature':
          return isRising(input, cx) ? { name: 'temperature', holds: false } : null
        case 'env.call-point':
          return value.active === true ? { name: 'call', holds: true } : false
        default:
          if (value.behaviour !== 'flame') return null
          if (value.active === false) return false
          return (value.confidence as number) >= minConfidence ? { name: 'flame', holds: value.active === true } : null
      }
    }

    function isRising(input: Input, cx: C): boolean {
      const state = cx.state(`t|${input.device}`)
      const celsius = input.value.celsius as number
      if (!input.late || cx.signals.last(input.device, input.type)?.id === input.id) {
        state.samples = state.samples.filter((s) => input.time - s.t <= RISE_WINDOW_MS)
        // One sample a second is enough for a rate a minute, and bounds the list.
        if (state.samples.every((s) => input.time - s.t >= 1_000))
          state.samples.push({ t: input.time, celsius, id: input.id })
      }
      return state.samples.some((s) => {
        const ms = input.time - s.t
        return ms >= RISE_OVER_MS && ms <= RISE_WINDOW_MS && ((celsius - s.celsius) * 60_000) / ms >= rise - 1e-9
      })
    }

    /** The zone itself and the nearest ward or building around it. */
    function scopesOf(zone: string, cx: C): string[] {
      const around = cx.site
        .upward(zone)
        .slice(1)
        .find((id) => ['ward', 'building'].includes(cx.site.zone(id)?.kind ?? ''))
      return around === undefined ? [zone] : [zone, around]
    }

    function zonesOf(input: Input, cx: C): string[] {
      if (input.type !== 'camera.behaviour') return input.zone === null ? [] : [input.zone]
      return [...new Set([...(input.zone === null ? [] : [input.zone]), ...cx.site.zonesOfCamera(input.device)])]
    }

    function stillHolds(s: Sign, at: number, cx: C): boolean {
      if (!s.holds || s.t > at || cx.signals.find(s.device)?.online === false) return false
      return s.name === 'call' || at - s.t <= MAX_ACTIVE_MS
    }

    function judge(scope: string, sign: Sign, input: Input, cx: C): boolean {
      const others = (cx.peek(scope)?.signs ?? [])
        .filter((s) => s.name !== sign.name)
        .filter((s) => Math.abs(sign.t - s.t) <= withinMs || stillHolds(s, sign.t, cx) || (sign.holds && s.t >= sign.t))
        .sort((a, b) => a.t - b.t || (a.id < b.id ? -1 : 1))
      const other = others[0]
      if (!other) return false
      const pair = other.t < sign.t || (other.t === sign.t && other.id < sign.id) ? [other, sign] : [sign, other]
      cx.hit({
        key: scope,
        level: 'red',
        opening: (pair[0] as Sign).id,
        evidence: [...others, sign].map((s) => ({ id: s.id, t: s.t })),
        zone: scope,
        device: sign.device,
        reasons: [
          {
            code: 'two-signs',
            params: { signs: pair.map(nameOf), seconds: withinMs / 1000 },
          },
        ],
        ...(input.late ? { eventTime: Math.max(input.time, other.t) } : {}),
      })
      return true
    }

    return {
      initial: () => ({ signs: [], samples: [] }),
      on(input, cx) {
        if (input.quality === 'bad') return
        const found = signOf(input, cx)
        if (found === null) return
        for (const zone of zonesOf(input, cx)) {
          const scopes = scopesOf(zone, cx)
          if (found === false) {
            for (const scope of scopes)
              for (const s of cx.peek(scope)?.signs ?? []) if (s.device === input.device) s.holds = false
            continue
          }
          const sign: Sign = { ...mark(input), name: found.name, device: input.device, zone, holds: found.holds }
          for (const scope of scopes) remember(cx.state(scope), sign, cx.now)
          // A fire that is already known here, or in the ward around, grows; it is not a second fire.
          const open = scopes.findLast((scope) => cx.alerts.find(rule.code, scope) !== undefined)
          // The room beside one that burns: the same fire as long as the signs belong together.
          const beside = cx.alerts.open(rule.code).find(({ key }) => cx.site.within(key, scopes.at(-1) as string))?.key
          const asked = open !== undefined ? [open] : beside !== undefined ? [beside, ...scopes] : scopes
          for (const scope of asked) if (judge(scope, sign, input, cx)) break
        }
      },
    }
  },
}

function remember(state: State, sign: Sign, now: number): void {
  state.signs = state.signs.filter((s) => s.holds || s.t >= now - KEEP_MS)
  const same = state.signs.filter((s) => s.name === sign.name && s.device === sign.device)
  // Of a sign that goes on, its beginning and its newest reading are kept.
  if (same.length >= 2) state.signs.splice(state.signs.indexOf(same.at(-1) as Sign), 1)
  for (const s of same) if (sign.t >= s.t) s.holds = false
  state.signs.push(sign)
  if (state.signs.length > MAX_SIGNS) state.signs.shift()
}

const nameOf = (sign: Sign): string =>
  sign.name.startsWith('smoke:') ? sign.name.slice(6) : `${sign.name} ${sign.device}`
