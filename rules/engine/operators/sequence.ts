/**
 * One thing after another of the same key within a time. Relaxed: other readings may come between; strict: nothing else of
 * the rule's inputs. Between two steps something may be forbidden (`not`); before the first and after the last, too, for a
 * time. A reading serves one match only. Key parts are those of `keys.ts`.
 */
import type { Level } from '#model/alert/alert.ts'
import { KEY_PARTS, type KeyPart, keyOf, subjectOf } from '../keys.ts'
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'
import { readingCondition } from '../views.ts'

/** A reading that matters: which steps it fits, which gaps it breaks. */
interface Seen extends Mark {
  steps: number[]
  /** Numbers of the steps before which it is forbidden. */
  breaks: number[]
  before: boolean
  after: boolean
  device: string
  zone: string | null
  subject: string | null
}
interface Pending {
  chain: Seen[]
  due: number
}
interface State {
  /** In order of (time, id). */
  seen: Seen[]
  /** What stands before it has served a match. */
  used: Mark | null
  /** Matches that wait until nothing came after them. */
  pending: Pending[]
}

interface Matcher {
  type: string
  when?: string
}
interface StepPattern extends Matcher {
  /** Must not come between the step before and this one. */
  not?: Matcher[]
}
interface Pattern {
  key: KeyPart[]
  contiguity?: 'relaxed' | 'strict'
  steps: StepPattern[]
  within: string
  'none-before'?: Matcher & { for: string }
  'none-after'?: Matcher & { for: string }
  level: Level
  reason: string
}

/** Late readings may still complete a pattern for so long. */
const KEEP_MS = 300_000
const MAX_SEEN = 96
const MAX_PENDING = 16

const matcher = { type: { type: 'string' }, when: { type: 'string' } }
const object = (required: string[], properties: Record<string, unknown>) => ({
  type: 'object',
  additionalProperties: false,
  required,
  properties,
})
const guard = object(['type', 'for'], {
  ...matcher,
  for: { type: 'string', description: 'name of a parameter in seconds' },
})

export const operator: Operator<State> = {
  name: 'sequence',
  schema: object(['key', 'steps', 'within', 'level', 'reason'], {
    key: { type: 'array', minItems: 1, items: { enum: [...KEY_PARTS] } },
    contiguity: { enum: ['relaxed', 'strict'], description: 'may other readings of the inputs come between' },
    steps: {
      type: 'array',
      minItems: 1,
      maxItems: 8,
      items: object(['type'], { ...matcher, not: { type: 'array', items: object(['type'], matcher) } }),
    },
    within: { type: 'string', description: 'name of a parameter in seconds: first to last step' },
    'none-before': guard,
    'none-after': guard,
    level: { enum: ['red', 'orange', 'yellow', 'blue'] },
    reason: { type: 'string' },
  }),
  prepare(rule) {
    const pattern = rule.file.pattern as unknown as Pattern
    type C = Cx<State>
    type Check = (input: Input, cx: C) => boolean
    const compile = (m: Matcher): Check => {
      const check = m.when === undefined ? null : readingCondition(rule, [m.type], m.when)
      return (input, cx) => m.type === input.type && (!check || check(input, cx as unknown as Cx<never>) === true)
    }
    const steps = pattern.steps.map((s) => ({ fits: compile(s), breaks: (s.not ?? []).map(compile) }))
    const strict = pattern.contiguity === 'strict'
    const withinMs = rule.ms(pattern.within)
    const guardOf = (g: (Matcher & { for: string }) | undefined) => g && { fits: compile(g), ms: rule.ms(g.for) }
    const before = guardOf(pattern['none-before'])
    const after = guardOf(pattern['none-after'])
    const keepMs = KEEP_MS + withinMs + (before?.ms ?? 0)

    function see(input: Input, cx: C): Seen | null {
      const numbers = (is: (i: number) => boolean): number[] => steps.flatMap((_, i) => (is(i) ? [i] : []))
      const seen: Seen = {
        ...mark(input),
        steps: numbers((i) => (steps[i] as (typeof steps)[number]).fits(input, cx)),
        breaks: numbers((i) => (steps[i] as (typeof steps)[number]).breaks.some((b) => b(input, cx))),
        before: before?.fits(input, cx) === true,
        after: after?.fits(input, cx) === true,
        device: input.device,
        zone: input.zone,
        subject: subjectOf(input, cx as unknown as Cx<never>),
      }
      const matters = strict || seen.steps.length > 0 || seen.breaks.length > 0 || seen.before || seen.after
      return matters ? seen : null
    }

    function insert(state: State, seen: Seen, now: number, cx: C): void {
      let at = state.seen.length
      while (at > 0 && isAfter(state.seen[at - 1] as Seen, seen)) at--
      state.seen.splice(at, 0, seen)
      while ((state.seen[0] as Seen).t < now - keepMs) state.seen.shift()
      if (state.seen.length > MAX_SEEN) {
        state.seen.shift()
        cx.count('window full')
      }
    }

    /** The chain that ends with number `end` and begins earliest; null when there is none. */
    function chainTo(state: State, end: number): Seen[] | null {
      const { seen, used } = state
      const from = (seen[end] as Seen).t - withinMs
      /** Of each reading and step: the reading before it in the chain that begins earliest, and where that begins. */
      const best: { start: number; previous: number }[][] = seen.map(() => [])
      for (let j = 0; j <= end; j++) {
        const it = seen[j] as Seen
        if (it.t < from || (used && !isAfter(it, used))) continue
        for (const s of it.steps) {
          if (s === 0) {
            if (!hasBefore(seen, it)) (best[j] as (typeof best)[number])[0] = { start: j, previous: -1 }
            continue
          }
          let found: { start: number; previous: number } | undefined
          for (let i = j - 1; i >= 0; i--) {
            const known = best[i]?.[s - 1]
            if (known && (!found || known.start < found.start)) found = { start: known.start, previous: i }
            if (strict || (seen[i] as Seen).breaks.includes(s)) break
          }
          if (found) (best[j] as (typeof best)[number])[s] = found
        }
      }
      if (!best[end]?.[steps.length - 1]) return null
      const chain: Seen[] = []
      for (let i = end, s = steps.length - 1; s >= 0; s--) {
        chain.unshift(seen[i] as Seen)
        i = best[i]?.[s]?.previous ?? -1
      }
      return chain
    }

    const hasBefore = (seen: readonly Seen[], it: Seen): boolean =>
      before !== undefined && seen.some((s) => s.before && s.t >= it.t - before.ms && isAfter(it, s))

    /** @param eventTime the last step, or the moment until which nothing came after it: that silence is evidence too. */
    function fire(key: string, chain: readonly Seen[], eventTime: number, cx: C): void {
      const [first, last] = [chain[0] as Seen, chain.at(-1) as Seen]
      cx.hit({
        key,
        level: pattern.level,
        opening: first.id,
        evidence: chain.map(({ id, t }) => ({ id, t })),
        zone: last.zone,
        device: last.device,
        subjects: [...new Set(chain.flatMap((s) => (s.subject === null ? [] : [s.subject])))],
        reasons: [{ code: pattern.reason, params: { steps: chain.length, seconds: (last.t - first.t) / 1000 } }],
        ...(eventTime === last.t ? {} : { lastsUntil: eventTime }),
        ...(eventTime === cx.now ? {} : { eventTime }),
      })
    }

    return {
      initial: () => ({ seen: [], used: null, pending: [] }),
      on(input, cx) {
        if (input.quality === 'bad') return
        const key = keyOf(pattern.key, input, cx as unknown as Cx<never>)
        if (key === null) return
        const seen = see(input, cx)
        if (!seen) return
        const state = cx.state(key)
        if (seen.after && after)
          state.pending = state.pending.filter(({ chain, due }) => {
            const last = chain.at(-1) as Seen
            return !(isAfter(seen, last) && seen.t <= due)
          })
        insert(state, seen, cx.now, cx)
        // On time it can only be the last of a chain; late, it may also complete one that stands.
        const at = state.seen.indexOf(seen)
        for (let end = at; end >= 0 && end < state.seen.length; end++) {
          if (!(state.seen[end] as Seen).steps.includes(steps.length - 1)) continue
          const chain = chainTo(state, end)
          if (!chain) continue
          const last = chain.at(-1) as Seen
          state.used = { id: last.id, t: last.t }
          if (!after) fire(key, chain, last.t, cx)
          else if (!state.seen.some((s) => s.after && isAfter(s, last) && s.t <= last.t + after.ms)) {
            state.pending.push({ chain, due: last.t + after.ms })
            if (state.pending.length > MAX_PENDING) {
              state.pending.shift()
              cx.count('too many waiting')
            }
            cx.wake(key, last.t + after.ms, 'absence')
          }
        }
      },
      wake(key, _tag, cx) {
        const state = cx.peek(key)
        if (!state) return
        const due = state.pending.filter((p) => p.due <= cx.now)
        state.pending = state.pending.filter((p) => p.due > cx.now)
        for (const p of due) {
          // Nobody could have heard what should have come.
          if (cx.signals.find((p.chain.at(-1) as Seen).device)?.online === false) cx.count('source offline')
          else fire(key, p.chain, p.due, cx)
        }
        const next = state.pending[0]
        if (next) cx.wake(key, next.due, 'absence')
      },
    }
  },
}

const isAfter = (a: Mark, b: Mark): boolean => a.t > b.t || (a.t === b.t && a.id > b.id)
