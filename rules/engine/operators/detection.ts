/**
 * A detection of a camera that lasts: with `active` from its beginning to its end; without, frames less than 2 s apart are
 * one detection, and "for N s" needs frames at least N s apart (`semantics.md` 3 and 10). Key: the zone it is seen in.
 */
import type { Level } from '#model/alert/alert.ts'
import { zonesSeen } from '../keys.ts'
import { type Cx, type Hit, type Input, type Mark, mark, type Operator } from '../operator.ts'
import { readingCondition } from '../views.ts'

interface State {
  since: number
  last: number
  /** End of an active detection if nobody says false; 0 = frames only. */
  activeUntil: number
  opening: Mark
  latest: Mark
  fired: boolean
  zone: string | null
  subject: string | null
  level: Level
  reason: string
  values: Record<string, unknown>
}
interface Case {
  type: string
  when: string
  for?: string
  level: Level
  reason: string
}
interface Pattern {
  key: 'zone' | 'facility' | 'subject-or-zone'
  /** Only zones of these kinds, in order of preference when a camera watches several. */
  kinds?: string[]
  cases: Case[]
  show?: string[]
}

const GAP_MS = 2_000
const MAX_ACTIVE_MS = 600_000

export const operator: Operator<State> = {
  name: 'detection',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['key', 'cases'],
    properties: {
      key: { enum: ['zone', 'facility', 'subject-or-zone'] },
      kinds: { type: 'array', items: { type: 'string' } },
      show: { type: 'array', items: { type: 'string' } },
      cases: {
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['type', 'when', 'level', 'reason'],
          properties: {
            type: { type: 'string' },
            when: { type: 'string' },
            for: { type: 'string', description: 'name of a parameter in seconds' },
            level: { enum: ['red', 'orange', 'yellow', 'blue'] },
            reason: { type: 'string' },
          },
        },
      },
    },
  },
  prepare(rule) {
    const pattern = rule.file.pattern as unknown as Pattern
    const cases = pattern.cases.map((c) => ({
      ...c,
      forMs: c.for === undefined ? 0 : rule.ms(c.for),
      check: readingCondition(rule, [c.type], c.when),
    }))
    type C = Cx<State>

    function zoneOf(input: Input, cx: C): string | null {
      if (!pattern.kinds) return input.zone
      const zones = zonesSeen(input, cx as unknown as Cx<never>)
      if (input.zone && pattern.kinds.includes(cx.site.zone(input.zone)?.kind ?? '')) return input.zone
      for (const kind of pattern.kinds) {
        const found = zones.find((z) => cx.site.zone(z)?.kind === kind)
        if (found) return found
      }
      return null
    }

    function fire(state: State, device: string, cx: C, eventTime?: number): void {
      state.fired = true
      const key =
        pattern.key === 'facility'
          ? cx.site.facility
          : pattern.key === 'subject-or-zone'
            ? (state.subject ?? state.zone)
            : state.zone
      if (key === null) return
      const hit: Hit = {
        key,
        level: state.level,
        opening: state.opening.id,
        evidence: [state.opening, state.latest],
        zone: state.zone,
        device,
        subjects: state.subject === null ? [] : [state.subject],
        reasons: [{ code: state.reason, params: state.values }],
        ...(eventTime === undefined ? {} : { eventTime }),
        ...(state.activeUntil > 0 ? { lastsUntil: state.activeUntil } : {}),
      }
      cx.hit(hit)
    }

    return {
      initial: () => {
        throw new Error('a detection begins with its first frame')
      },
      on(input, cx) {
        if (input.quality === 'bad') return
        for (const [index, c] of cases.entries()) {
          if (c.type !== input.type) continue
          const name = `${index}|${input.device}`
          const known = cx.peek(name)
          if (input.late && known && input.time < known.last) continue
          const zone = zoneOf(input, cx)
          const ends = input.value.active === false
          const holds = !ends && zone !== null && c.check(input, cx as unknown as Cx<never>) === true
          if (!holds) {
            // An active detection ends by its own word; a frame that shows something else says nothing about it.
            if (known && known.activeUntil > 0 && (ends || input.value.active === true)) {
              if (known.fired) {
                known.activeUntil = input.time
                fire(known, input.device, cx, input.late ? input.time : undefined)
              }
              cx.forget(name)
            }
            continue
          }
          const goesOn =
            known && (known.activeUntil >= input.time || input.time - known.last < GAP_MS) && known.zone === zone
          const active = input.value.active === true
          let state: State
          if (goesOn) {
            state = known
            state.last = input.time
            state.latest = mark(input)
            if (active) state.activeUntil = state.since + MAX_ACTIVE_MS
          } else {
            const values: Record<string, unknown> = { camera: input.device, seconds: c.forMs / 1000 }
            for (const field of pattern.show ?? []) values[field] = input.value[field] ?? null
            cx.forget(name)
            state = Object.assign(cx.begin(name), {
              since: input.time,
              last: input.time,
              activeUntil: active ? input.time + MAX_ACTIVE_MS : 0,
              opening: mark(input),
              latest: mark(input),
              fired: false,
              zone,
              subject: input.subject,
              level: c.level,
              reason: c.reason,
              values,
            } satisfies State)
            if (active && c.forMs > 0) cx.wake(name, input.time + c.forMs, 'sustained')
          }
          if (input.time - state.since >= c.forMs) fire(state, input.device, cx, input.late ? input.time : undefined)
        }
      },
      wake(name, _tag, cx) {
        const state = cx.peek(name)
        const forMs = cases[Number(name.split('|')[0])]?.forMs ?? 0
        if (!state || state.fired) return
        const due = state.since + forMs
        if (due > cx.now) {
          if (state.activeUntil > 0) cx.wake(name, due, 'sustained')
        } else if (state.activeUntil >= due)
          fire(state, name.slice(name.indexOf('|') + 1), cx, due === cx.now ? undefined : due)
      },
    }
  },
}
