/**
 * R25: a person who should not be there, and a perimeter that is not whole, within 180 s in linked zones or about the same
 * person: composite of alerts. A child counts while it is open or for 180 s after it ended.
 */
import type { Alert } from '#model/alert/alert.ts'
import type { Cx, Operator } from '../operator.ts'

interface Child {
  id: string
  code: string
  zone: string | null
  subjects: string[]
  /** Times at which it was raised or rose to the needed level. */
  at: number
  evidence: string[]
  endedAt: number | null
}
interface State {
  persons: Child[]
  perimeter: Child[]
}

const MAX_CHILDREN = 200

export const operator: Operator<State> = {
  name: 'suspected-escape',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['persons', 'perimeter'],
    properties: {
      persons: { type: 'array', items: { type: 'string' }, description: 'codes; "R18:red" = only at that level' },
      perimeter: { type: 'array', items: { type: 'string' } },
    },
  },
  prepare(rule) {
    const withinMs = rule.ms('within')
    const wants = (list: unknown) =>
      (list as string[]).map((text) => {
        const [code, level] = text.split(':')
        return { code: code as string, level: level ?? null }
      })
    const persons = wants(rule.file.pattern.persons)
    const perimeter = wants(rule.file.pattern.perimeter)
    type C = Cx<State>

    const fits = (set: typeof persons, alert: Alert): boolean =>
      set.some((w) => w.code === alert.code && (w.level === null || w.level === alert.level))

    const needsLevel = (set: typeof persons, alert: Alert): boolean =>
      set.some((w) => w.code === alert.code && w.level !== null)

    /** Only pairs with the child that has just come: an older pair was said when it was complete. */
    function match(state: State, child: Child, cx: C): void {
      for (const wall of state.perimeter)
        for (const person of state.persons) {
          if (wall !== child && person !== child) continue
          if (Math.abs(wall.at - person.at) > withinMs) continue
          const common = wall.subjects.some((s) => person.subjects.includes(s))
          if (!common && !cx.site.areLinked(wall.zone, person.zone)) continue
          if (wall.zone === null) continue
          const first = person.at < wall.at || (person.at === wall.at && person.id < wall.id) ? person : wall
          const evidence = [
            ...person.evidence.map((id) => ({ id, t: person.at })),
            ...wall.evidence.map((id) => ({ id, t: wall.at })),
          ]
          cx.hit({
            key: wall.zone,
            level: 'red',
            opening: first.evidence[0] ?? first.id,
            evidence,
            zone: wall.zone,
            subjects: [...person.subjects, ...wall.subjects],
            reasons: [{ code: 'person-and-perimeter', params: { person: person.code, perimeter: wall.code } }],
          })
        }
    }

    return {
      initial: () => ({ persons: [], perimeter: [] }),
      on() {},
      alert(event, cx) {
        const { alert } = event
        const isPerson = fits(persons, alert)
        const isWall = fits(perimeter, alert)
        if (!isPerson && !isWall) return
        const state = cx.state('')
        const list = isPerson ? state.persons : state.perimeter
        const known = list.find((c) => c.id === alert.id)
        if (event.change === 'cleared' || event.change === 'closed') {
          if (known) known.endedAt ??= event.at
          return
        }
        // A rise counts where a level is asked for; of the others the raise does.
        const rose = event.change === 'escalated' && (!known || needsLevel(isPerson ? persons : perimeter, alert))
        if (event.change !== 'raised' && event.change !== 'reactivated' && !rose) {
          if (known) known.subjects = alert.subjects
          return
        }
        // Drills and alerts held back by design are no sign of an escape.
        if (alert.state === 'suppressed-by-design' || alert.state === 'out-of-service' || alert.drill) return
        const keep = (c: Child): boolean => event.at - c.at <= withinMs || c.id === alert.id
        state.persons = state.persons.filter(keep).slice(-MAX_CHILDREN)
        state.perimeter = state.perimeter.filter(keep).slice(-MAX_CHILDREN)
        const mine = isPerson ? state.persons : state.perimeter
        const child: Child = {
          id: alert.id,
          code: alert.code,
          zone: alert.zone,
          subjects: alert.subjects,
          at: event.at,
          evidence: alert.evidence.slice(0, 4),
          endedAt: null,
        }
        const index = mine.findIndex((c) => c.id === alert.id)
        if (index >= 0) mine[index] = child
        else mine.push(child)
        match(state, child, cx)
      },
    }
  },
}
