/**
 * R62: signs of a riot, a composite of alerts in linked zones within three minutes: a crowd (or three removed bands) and
 * one other sign, or three different signs of the whole set. Key: zone of the last one.
 */
import type { Alert } from '#model/alert/alert.ts'
import { levelRank } from '#model/alert/alert.ts'
import type { Cx, Mark, Operator } from '../operator.ts'

interface Child {
  id: string
  code: string
  zone: string
  subjects: string[]
  /** Raise, and rise to orange; null = not (yet) at that level. */
  at: number
  orangeAt: number | null
  evidence: string
}
interface State {
  children: Child[]
}
interface Pattern {
  crowd: string
  removed: string
  others: string[]
}

const MAX_CHILDREN = 300

export const operator: Operator<State> = {
  name: 'riot-build-up',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['crowd', 'removed', 'others'],
    properties: {
      crowd: { type: 'string', description: 'code of the crowd; it counts from orange' },
      removed: { type: 'string', description: 'code of the removed band; so many count as a crowd' },
      others: { type: 'array', items: { type: 'string' } },
    },
  },
  prepare(rule) {
    const pattern = rule.file.pattern as unknown as Pattern
    const withinMs = rule.ms('within')
    const removedMin = rule.num('removedBands')
    const distinctMin = rule.num('distinct')
    const codes = [pattern.crowd, pattern.removed, ...pattern.others]
    type C = Cx<State>

    function judge(last: Child, at: number, state: State, cx: C): void {
      const near = state.children.filter((c) => c.zone === last.zone || cx.site.areLinked(c.zone, last.zone))
      const now = near.filter((c) => Math.abs(at - c.at) <= withinMs)
      const crowd = near.filter(
        (c) => c.code === pattern.crowd && c.orangeAt !== null && Math.abs(at - c.orangeAt) <= withinMs,
      )
      const removed = now.filter((c) => c.code === pattern.removed)
      const others = now.filter((c) => pattern.others.includes(c.code))
      const distinct = new Set([...now, ...crowd].map((c) => c.code))
      const gathered = crowd.length > 0 ? crowd : removed.length >= removedMin ? removed : []
      const set =
        distinct.size >= distinctMin
          ? [...new Set([...now, ...crowd])]
          : gathered.length > 0 && others.length > 0
            ? [...gathered, ...others]
            : []
      if (set.length === 0) return
      set.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
      const evidence: Mark[] = set.map((c) => ({ id: c.evidence, t: c.at }))
      cx.hit({
        key: last.zone,
        level: 'red',
        opening: (set[0] as Child).evidence,
        evidence,
        zone: last.zone,
        subjects: set.flatMap((c) => c.subjects),
        reasons: [{ code: 'build-up', params: { signs: [...new Set(set.map((c) => c.code))].sort() } }],
      })
    }

    return {
      initial: () => ({ children: [] }),
      on() {},
      alert(event, cx) {
        const { alert } = event
        if (!codes.includes(alert.code) || alert.zone === null) return
        if (event.change !== 'raised' && event.change !== 'escalated' && event.change !== 'reactivated') return
        // Drills and what is held back by design are no sign of a riot.
        if (alert.drill || alert.state === 'suppressed-by-design' || alert.state === 'out-of-service') return
        const state = cx.state('')
        state.children = state.children.filter(
          (c) => event.at - Math.max(c.at, c.orangeAt ?? c.at) <= withinMs || c.id === alert.id,
        )
        let child = state.children.find((c) => c.id === alert.id)
        const isOrange = levelRank(alert.level) >= levelRank('orange')
        if (!child) {
          child = newChild(alert, event.at)
          state.children.push(child)
          if (state.children.length > MAX_CHILDREN) state.children.shift()
        } else if (event.change === 'reactivated') child.at = event.at
        if (isOrange) child.orangeAt ??= event.at
        child.subjects = alert.subjects
        judge(child, event.at, state, cx)
      },
    }
  },
}

const newChild = (alert: Alert, at: number): Child => ({
  id: alert.id,
  code: alert.code,
  zone: alert.zone as string,
  subjects: alert.subjects,
  at,
  orangeAt: null,
  evidence: alert.evidence[0] ?? alert.id,
})
