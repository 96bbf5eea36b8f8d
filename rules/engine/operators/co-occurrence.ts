/**
 * Two kinds of observation in linked zones within a time of each other, in either order; complete at the later one.
 * `first` gives the key (its zone); `second` speaks for every zone that its camera sees.
 */
import type { Level } from '#model/alert/alert.ts'
import { zonesSeen } from '../keys.ts'
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'
import { readingCondition } from '../views.ts'

interface Seen extends Mark {
  device: string
  /** A detection with `active` lasts until it says false; an instant lasts no time. */
  until: number
  subject: string | null
}
interface State {
  seen: Seen[]
}
interface Side {
  type: string
  when?: string
}
interface Pattern {
  first: Side[]
  second: Side[]
  within: string
  level: Level
  reason: string
}

/** Late readings may still complete a pattern for so long. */
const KEEP_MS = 310_000
const MAX_SEEN = 64
const MAX_ACTIVE_MS = 600_000

const sides = {
  type: 'array',
  minItems: 1,
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['type'],
    properties: { type: { type: 'string' }, when: { type: 'string' } },
  },
}

export const operator: Operator<State> = {
  name: 'co-occurrence',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['first', 'second', 'within', 'level', 'reason'],
    properties: {
      first: sides,
      second: sides,
      within: { type: 'string', description: 'name of a parameter in seconds' },
      level: { enum: ['red', 'orange', 'yellow', 'blue'] },
      reason: { type: 'string' },
    },
  },
  prepare(rule) {
    const pattern = rule.file.pattern as unknown as Pattern
    const withinMs = rule.ms(pattern.within)
    const compile = (list: Side[]) =>
      list.map((s) => ({ type: s.type, check: s.when === undefined ? null : readingCondition(rule, [s.type], s.when) }))
    const first = compile(pattern.first)
    const second = compile(pattern.second)
    type C = Cx<State>
    const holds = (side: typeof first, input: Input, cx: C): boolean =>
      side.some((s) => s.type === input.type && (!s.check || s.check(input, cx as unknown as Cx<never>) === true))

    function remember(state: State, input: Input, now: number): Seen {
      const until = input.value.active === true ? input.time + MAX_ACTIVE_MS : input.time
      const entry: Seen = { ...mark(input), device: input.device, until, subject: input.subject }
      state.seen = state.seen.filter((s) => s.until >= now - KEEP_MS)
      // An active detection that goes on is one detection: the newest frame carries its end.
      if (input.value.active === true)
        for (const s of state.seen)
          if (s.device === input.device && s.until > input.time) s.until = Math.max(s.t, input.time)
      state.seen.push(entry)
      if (state.seen.length > MAX_SEEN) state.seen.shift()
      return entry
    }

    function near(a: Seen, b: Seen): boolean {
      return a.t - b.until <= withinMs && b.t - a.until <= withinMs
    }

    const zonesOf = (input: Input, cx: C): readonly string[] => zonesSeen(input, cx as unknown as Cx<never>)

    function complete(zone: string, alarms: Seen[], cameras: Seen[], input: Input, cx: C): void {
      const evidence = [...alarms, ...cameras].map((s) => ({ id: s.id, t: s.t }))
      const opening = evidence.reduce((a, b) => (b.t < a.t || (b.t === a.t && b.id < a.id) ? b : a))
      const fence = alarms[0] as Seen
      cx.hit({
        key: zone,
        level: pattern.level,
        opening: opening.id,
        evidence,
        zone,
        device: fence.device,
        subjects: [...alarms, ...cameras].flatMap((s) => (s.subject ? [s.subject] : [])),
        reasons: [{ code: pattern.reason, params: { fence: fence.device, camera: cameras[0]?.device ?? null } }],
        ...(input.late ? { eventTime: input.time } : {}),
      })
    }

    return {
      initial: () => ({ seen: [] }),
      on(input, cx) {
        if (input.quality === 'bad') return
        if (holds(first, input, cx) && input.zone !== null) {
          const zone = input.zone
          const own = remember(cx.state(`1|${zone}`), input, cx.now)
          const cameras: Seen[] = []
          for (const other of cx.site.linked(zone))
            for (const s of cx.peek(`2|${other}`)?.seen ?? [])
              if (near(own, s) && !cameras.some((c) => c.id === s.id)) cameras.push(s)
          if (cameras.length > 0) complete(zone, [own], [cameras.reduce(earlier)], input, cx)
        }
        if (second.some((s) => s.type === input.type) && input.value.active === false) {
          for (const zone of zonesOf(input, cx))
            for (const s of cx.peek(`2|${zone}`)?.seen ?? [])
              if (s.device === input.device && s.until > input.time) s.until = Math.max(s.t, input.time)
          return
        }
        if (holds(second, input, cx)) {
          const done = new Set<string>()
          for (const zone of zonesOf(input, cx)) {
            const own = remember(cx.state(`2|${zone}`), input, cx.now)
            for (const other of cx.site.linked(zone)) {
              if (done.has(other)) continue
              const alarms = (cx.peek(`1|${other}`)?.seen ?? []).filter((s) => near(own, s))
              if (alarms.length === 0) continue
              done.add(other)
              complete(other, [alarms.reduce(earlier)], [own], input, cx)
            }
          }
        }
      },
    }
  },
}

const earlier = (a: Seen, b: Seen): Seen => (b.t < a.t || (b.t === a.t && b.id < a.id) ? b : a)
