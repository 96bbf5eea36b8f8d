/**
 * A condition that must hold for a time: each part is a CEL condition over the signals of a key with its own on-delay
 * and level; the clear condition has an off-delay. Unknown stops a running delay and never clears. Options: events that
 * are a hit at once, several parts together raising the level, and a level that alerts of linked zones raise.
 */
import type { Level } from '#model/alert/alert.ts'
import { levelRank } from '#model/alert/alert.ts'
import { type Cx, type Hit, type Input, type Mark, mark, type Operator } from '../operator.ts'
import type { Rule } from '../rule.ts'
import { placeOfDevice, readingCondition, type ViewName, viewOf } from '../views.ts'

interface PartState {
  /** Since when the condition holds; null = it does not, or it is unknown. */
  since: number | null
  opening: Mark | null
  fired: boolean
  /** Values that were known when it fired: without them nothing ends. */
  known?: string[]
}
interface State {
  parts: PartState[]
  clearSince: number | null
  active: boolean
  /** Opening and zone of the running alert, for links that come later. */
  opening: string | null
  level: Level | null
  hitAt: number
}

interface PartPattern {
  when: string
  for?: string
  level: Level
  reason: string
  /** Names of variables that go into the reason's params. */
  show?: string[]
}

interface Pattern {
  view?: ViewName
  parts: PartPattern[]
  together?: { parts: number; level: Level; reason: string }
  instant?: { type: string; when?: string; level: Level; reason: string; 'until-person'?: boolean }[]
  linked?: { codes: string[]; within: string; level: Level; reason: string }
  clear: { when: string; for?: string }
}

const level = { enum: ['red', 'orange', 'yellow', 'blue'] }
const part = {
  type: 'object',
  additionalProperties: false,
  required: ['when', 'level', 'reason'],
  properties: {
    when: { type: 'string' },
    for: { type: 'string', description: 'name of a parameter in seconds' },
    level,
    reason: { type: 'string' },
    show: { type: 'array', items: { type: 'string' } },
  },
}

export const operator: Operator<State> = {
  name: 'held',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['parts', 'clear'],
    properties: {
      view: { enum: ['device', 'vitals'], description: 'whose signals: of the device, or merged for the person' },
      parts: { type: 'array', minItems: 1, items: part },
      together: {
        type: 'object',
        additionalProperties: false,
        required: ['parts', 'level', 'reason'],
        properties: { parts: { type: 'integer', minimum: 2 }, level, reason: { type: 'string' } },
      },
      instant: {
        type: 'array',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['type', 'level', 'reason'],
          properties: {
            type: { type: 'string' },
            when: { type: 'string' },
            level,
            reason: { type: 'string' },
            'until-person': { type: 'boolean' },
          },
        },
      },
      linked: {
        type: 'object',
        additionalProperties: false,
        required: ['codes', 'within', 'level', 'reason'],
        properties: {
          codes: { type: 'array', items: { type: 'string' } },
          within: { type: 'string' },
          level,
          reason: { type: 'string' },
        },
      },
      clear: {
        type: 'object',
        additionalProperties: false,
        required: ['when'],
        properties: { when: { type: 'string' }, for: { type: 'string' } },
      },
    },
  },

  prepare(rule: Rule) {
    const pattern = rule.file.pattern as unknown as Pattern
    const view = viewOf(pattern.view ?? 'device', rule)
    const parts = pattern.parts.map((p) => ({
      ...p,
      check: view.condition(p.when),
      forMs: p.for === undefined ? 0 : rule.ms(p.for),
      show: p.show ?? [],
    }))
    const clearCheck = view.condition(pattern.clear.when)
    const clearMs = pattern.clear.for === undefined ? 0 : rule.ms(pattern.clear.for)
    const instant = (pattern.instant ?? []).map((i) => ({
      ...i,
      check: i.when === undefined ? null : readingCondition(rule, [i.type], i.when),
    }))
    const linked = pattern.linked ? { ...pattern.linked, withinMs: rule.ms(pattern.linked.within) } : null

    type C = Cx<State>
    const bare = (cx: C): Cx<never> => cx as unknown as Cx<never>

    const zoneOf = (key: string, cx: C): string | null =>
      pattern.view === 'vitals'
        ? (cx.people.last(key)?.zone ?? cx.site.person(key)?.cell ?? null)
        : placeOfDevice(key, cx)

    const linkedAlert = (zone: string | null, at: number, cx: C) =>
      linked?.codes
        .flatMap((code) => cx.alerts.open(code))
        .find((a) => cx.site.areLinked(a.zone, zone) && Math.abs(at - a.eventTime) <= linked.withinMs)

    function hit(key: string, state: State, more: Pick<Hit, 'level' | 'reasons'> & Partial<Hit>, cx: C): void {
      const zone = zoneOf(key, cx)
      const related = linkedAlert(zone, more.eventTime ?? cx.now, cx)
      let { level, reasons } = more
      if (related && linked && levelRank(linked.level) > levelRank(level)) {
        level = linked.level
        reasons = [...reasons, { code: linked.reason, params: { related: related.code } }]
      }
      state.active = true
      state.opening ??= more.opening ?? null
      state.level = state.level && levelRank(state.level) > levelRank(level) ? state.level : level
      state.hitAt = more.eventTime ?? cx.now
      cx.hit({
        ...more,
        key,
        opening: state.opening ?? more.opening ?? '',
        evidence: more.evidence ?? [],
        zone,
        device: pattern.view === 'vitals' ? null : key,
        subjects: pattern.view === 'vitals' ? [key] : [],
        level,
        reasons,
      })
    }

    function fire(key: string, state: State, index: number, at: number, cx: C): void {
      const p = parts[index] as (typeof parts)[number]
      const s = state.parts[index] as PartState
      s.fired = true
      const values = view.values(key, at, bare(cx))
      const shown: Record<string, unknown> = { seconds: p.forMs / 1000 }
      for (const name of p.show) shown[name] = values[name] ?? null
      s.known = p.show.filter((name) => values[name] !== null && values[name] !== undefined)
      const fired = state.parts.filter((x) => x.fired)
      const together = pattern.together && fired.length >= pattern.together.parts ? pattern.together : null
      const reasons = [
        { code: p.reason, params: shown, class: pattern.view === 'vitals' ? ('L4' as const) : ('L2' as const) },
      ]
      const opening = earliest(fired.map((x) => x.opening))
      hit(
        key,
        state,
        {
          level: together ? together.level : p.level,
          opening: opening?.id ?? '',
          evidence: [...(s.opening ? [s.opening] : []), ...view.marks(key, at, bare(cx))],
          reasons: together ? [...reasons, { code: together.reason, params: {} }] : reasons,
          ...(at === cx.now ? {} : { eventTime: at }),
        },
        cx,
      )
    }

    /** Is it over? What raised the alert and is not measured any more cannot be ended by other values. */
    function overAt(state: State, values: Record<string, unknown>): boolean | null {
      const unheard = state.parts.some((s) =>
        s.known?.some((name) => values[name] === null || values[name] === undefined),
      )
      return unheard ? null : clearCheck(values)
    }

    /** Applies the conditions as they stand at `at`; `cause` is the reading that brought it about. */
    function evaluate(key: string, at: number, cause: Mark | null, cx: C, hidden?: string): void {
      const values = view.values(key, at, bare(cx), hidden)
      let state = cx.peek(key)
      for (let i = 0; i < parts.length; i++) {
        const p = parts[i] as (typeof parts)[number]
        const verdict = p.check(values)
        if (verdict !== true) {
          const s = state?.parts[i]
          if (!s) continue
          if (verdict === null && s.fired) continue
          s.since = null
          s.opening = null
          if (verdict === false) s.fired = false
          continue
        }
        state ??= cx.state(key)
        const s = state.parts[i] as PartState
        if (s.since === null) {
          s.since = at
          s.opening = cause
          if (p.forMs > 0) cx.wake(key, at + p.forMs, 'sustained')
        }
        if (p.forMs === 0 && !s.fired) fire(key, state, i, at, cx)
      }
      if (!state) return
      const over = overAt(state, values)
      if (over === null && state.active) cx.stale(key, true)
      if (over !== null && state.active) cx.stale(key, false)
      if (over !== true || !state.active) {
        state.clearSince = null
        if (!state.active && state.parts.every((s) => s.since === null)) cx.forget(key)
        return
      }
      if (clearMs === 0) end(key, state, cx)
      else if (state.clearSince === null) {
        state.clearSince = at
        cx.wake(key, at + clearMs, 'sustained')
      }
    }

    function end(key: string, state: State, cx: C): void {
      state.clearSince = null
      state.active = false
      state.opening = null
      state.level = null
      for (const s of state.parts) {
        s.fired = false
        delete s.known
      }
      cx.clear(key)
      if (state.parts.every((s) => s.since === null)) cx.forget(key)
    }

    /** Fires what had been held long enough before `at`. */
    function ripen(key: string, state: State, at: number, cx: C): void {
      // Offline in between: nobody knows what was then, so the time begins with its return.
      const returned = pattern.view === 'vitals' ? 0 : (cx.signals.find(key)?.onlineChangedAt ?? 0)
      const sinceReturn = (since: number): number => (returned > since && returned <= at ? returned : since)
      for (let i = 0; i < parts.length; i++) {
        const s = state.parts[i] as PartState
        const p = parts[i] as (typeof parts)[number]
        if (s.since === null || s.fired) continue
        s.since = sinceReturn(s.since)
        const due = s.since + p.forMs
        if (due > at) {
          cx.wake(key, due, 'sustained')
          continue
        }
        // What made it true must still speak at the due time: a sample that expired on the way proves nothing.
        const verdict = p.check(view.values(key, due, bare(cx)))
        if (verdict === true) fire(key, state, i, due, cx)
        else {
          s.since = null
          s.opening = null
        }
      }
      if (state.clearSince !== null) {
        state.clearSince = sinceReturn(state.clearSince)
        const due = state.clearSince + clearMs
        if (due > at) cx.wake(key, due, 'sustained')
        else if (overAt(state, view.values(key, due, bare(cx))) === true) end(key, state, cx)
        else state.clearSince = null
      }
    }

    return {
      initial: () => ({
        parts: parts.map(() => ({ since: null, opening: null, fired: false })),
        clearSince: null,
        active: false,
        opening: null,
        level: null,
        hitAt: 0,
      }),

      on(input: Input, cx) {
        const key = view.key(input)
        if (key === null) return
        for (const i of instant) {
          if (i.type !== input.type || input.quality === 'bad' || (i.check && i.check(input, bare(cx)) !== true))
            continue
          hit(
            key,
            cx.state(key),
            {
              level: i.level,
              opening: input.id,
              evidence: [mark(input)],
              reasons: [{ code: i.reason }],
              ...(i['until-person'] ? { untilPerson: true } : {}),
              ...(input.late ? { eventTime: input.time } : {}),
            },
            cx,
          )
        }
        // An older late value changes nothing: the signal kept the newer one.
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        const state = cx.peek(key)
        if (state && input.afterGap) evaluate(key, input.time, null, cx, input.type)
        evaluate(key, input.time, mark(input), cx)
      },

      wake(key, _tag, cx) {
        const state = cx.peek(key)
        if (state) ripen(key, state, cx.now, cx)
      },

      alert(event, cx) {
        if (!linked || (event.change !== 'raised' && event.change !== 'reactivated' && event.change !== 'escalated'))
          return
        for (const key of [...cx.keys()]) {
          const state = cx.peek(key)
          if (!state?.active || state.level === linked.level) continue
          const own = cx.alerts.find(rule.code, key)
          if (!own || !cx.site.areLinked(own.zone, event.alert.zone)) continue
          if (Math.abs(event.at - own.eventTime) > linked.withinMs) continue
          hit(
            key,
            state,
            {
              level: linked.level,
              opening: state.opening ?? '',
              evidence: [],
              reasons: [{ code: linked.reason, params: { related: event.alert.code } }],
            },
            cx,
          )
        }
      },
    }
  },
}

function earliest(marks: (Mark | null)[]): Mark | null {
  let best: Mark | null = null
  for (const m of marks) if (m && (!best || m.t < best.t || (m.t === best.t && m.id < best.id))) best = m
  return best
}
