/** R20: two persons who must be kept apart are near each other on one floor. Nearer than the second limit is the higher level. */
import type { FacilityContext } from '#model/context/facility-context.ts'
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'
import { dueAt, earliestMark, isIdle, newTimed, type Timed, timed, type Verdicts } from '../timed.ts'
import { FIX_VALID_MS } from '../whereabouts.ts'

/** Key: the two persons, sorted. Key "now|" and the pair: who of them moved in this instant. */
type State = Timed & { moved?: Mark[] }

const UNKNOWN: Verdicts = { parts: [null, null], over: null }
const LEVELS = ['yellow', 'orange'] as const

export const operator: Operator<State> = {
  name: 'keep-apart',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const limits = [rule.num('near'), rule.num('veryNear')] as const
    const apart = rule.num('apart')
    const sustainedMs = rule.ms('sustained')
    type C = Cx<State>

    // Pairs of a person: derived from the context alone, made anew when it changes.
    let index: { site: FacilityContext; version: number; pairs: Map<string, string[]> } | null = null
    function pairsOf(person: string, site: FacilityContext): readonly string[] {
      if (!index || index.site !== site || index.version !== site.version) {
        const pairs = new Map<string, Set<string>>()
        for (const { persons } of site.all('keep-apart'))
          for (const [i, a] of persons.entries())
            for (const b of persons.slice(i + 1)) {
              if (a === b) continue
              const key = [a, b].sort().join('|')
              for (const p of [a, b]) pairs.set(p, (pairs.get(p) ?? new Set()).add(key))
            }
        index = { site, version: site.version, pairs: new Map([...pairs].map(([p, keys]) => [p, [...keys].sort()])) }
      }
      return index.pairs.get(person) ?? []
    }

    function metres(key: string, at: number, cx: C): number | null {
      const [a, b] = key.split('|').map((p) => cx.people.at(p, at))
      if (!a || !b) return null
      return a.floor === b.floor ? Math.hypot(a.x - b.x, a.y - b.y) : Number.POSITIVE_INFINITY
    }

    const APART: Verdicts = { parts: [false, false], over: true }
    const isListed = (key: string, cx: C): boolean => pairsOf(key.slice(0, key.indexOf('|')), cx.site).includes(key)

    function verdicts(key: string, at: number, cx: C): Verdicts {
      // Who need not be kept apart any more may be near.
      if (!isListed(key, cx)) return APART
      const d = metres(key, at, cx)
      return d === null ? UNKNOWN : { parts: limits.map((limit) => d < limit), over: d > apart }
    }

    const clock = timed<State>({
      forMs: [sustainedMs, sustainedMs],
      clearMs: rule.ms('apartFor'),
      verdicts,
      fire(key, state, part, due, cx) {
        const opening = state.parts[part]?.opening
        const persons = key.split('|')
        if (!opening) return
        const fixes = persons.flatMap((p) => cx.people.last(p) ?? [])
        const d = metres(key, due, cx)
        cx.hit({
          key,
          level: LEVELS[part] as 'yellow' | 'orange',
          opening: state.parts[0]?.opening?.id ?? opening.id,
          evidence: [
            ...(state.parts[0]?.opening ? [state.parts[0].opening] : []),
            opening,
            ...fixes.map((f) => ({ id: f.id, t: f.time })),
          ],
          zone: fixes[0]?.zone ?? null,
          subjects: persons,
          reasons: [
            {
              code: part === 0 ? 'near' : 'very-near',
              params: {
                persons: persons.join(', '),
                metres: d === null ? null : Math.round(d * 10) / 10,
                seconds: sustainedMs / 1000,
              },
              class: 'L4',
            },
          ],
          ...dueAt(due, cx.now),
        })
      },
    })

    /** All that moved at one instant moved together: two who walk side by side are never far for a moment. */
    function judge(key: string, at: number, cause: Mark | null, cx: C): void {
      const now = verdicts(key, at, cx)
      const known = cx.peek(key)
      if (!known && now.parts[0] !== true) return
      const state = known ?? cx.state(key)
      clock.apply(key, state, at, now, cause, cx)
      if (isIdle(state)) {
        cx.forget(key)
        return
      }
      // Looks again when one of them is not heard any more: what was true until then says nothing about the time after.
      const times = key.split('|').map((p) => cx.people.at(p, at)?.time ?? Number.POSITIVE_INFINITY)
      const lapse = Math.min(...times) + FIX_VALID_MS + 1
      if (Number.isFinite(lapse)) cx.wake(key, Math.max(cx.now + 1, lapse), 'absence', 'lapse')
    }

    return {
      initial: () => newTimed(2),
      on(input, cx) {
        if (!input.usableFix || input.subject === null) return
        if (cx.people.last(input.subject)?.id !== input.id) return
        for (const key of pairsOf(input.subject, cx.site)) {
          if (input.late) {
            judge(key, input.time, mark(input), cx)
            continue
          }
          // Not near yet: if the other moves in this instant, that asks again.
          if (!cx.peek(key) && verdicts(key, cx.now, cx).parts[0] !== true) continue
          const pending = cx.state(`${NOW}${key}`)
          pending.moved = [...(pending.moved ?? []), mark(input)]
          cx.wake(key, cx.now, 'absence', 'judge')
        }
      },
      context(cx) {
        for (const key of cx.keys()) if (!key.startsWith(NOW)) cx.wake(key, cx.now, 'absence', 'judge')
      },
      wake(key, tag, cx) {
        if (tag === 'lapse') {
          if (cx.peek(key)) judge(key, cx.now, null, cx)
        } else if (tag === 'judge') {
          const moved = cx.peek(`${NOW}${key}`)?.moved ?? []
          cx.forget(`${NOW}${key}`)
          judge(key, cx.now, earliestMark(moved), cx)
        } else clock.wake(key, tag, cx)
      },
    }
  },
}

const NOW = 'now|'
