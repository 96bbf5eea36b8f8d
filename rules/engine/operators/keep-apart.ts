/** R20: two persons who must be kept apart are near each other on one floor. Nearer than the second limit is the higher level. */
import type { FacilityContext } from '#model/context/facility-context.ts'
import { type Cx, mark, type Operator } from '../operator.ts'
import { dueAt, isIdle, newTimed, type Timed, timed, type Verdicts } from '../timed.ts'
import { FIX_VALID_MS } from '../whereabouts.ts'

/** Key: the two persons, sorted. */
type State = Timed

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

    function verdicts(key: string, at: number, cx: C): Verdicts {
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

    return {
      initial: () => newTimed(2),
      on(input, cx) {
        if (!input.usableFix || input.subject === null) return
        const fix = cx.people.last(input.subject)
        if (fix?.id !== input.id) return
        const gap = fix.previous !== null && fix.time - fix.previous > FIX_VALID_MS
        for (const key of pairsOf(input.subject, cx.site)) {
          const now = verdicts(key, input.time, cx)
          const known = cx.peek(key)
          if (!known && now.parts[0] !== true) continue
          const state = known ?? cx.state(key)
          // He, or the other, was out of hearing in between.
          if (gap) clock.apply(key, state, input.time, UNKNOWN, null, cx)
          clock.apply(key, state, input.time, now, mark(input), cx)
          if (isIdle(state)) cx.forget(key)
        }
      },
      wake: (key, tag, cx) => clock.wake(key, tag, cx),
    }
  },
}
