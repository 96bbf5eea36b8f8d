/**
 * R68: a person on the watch list whom nobody has looked at for too long. Armed by the first check of him in this run, or
 * when he is put on the list; never by the start of the run.
 */
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  since: number
  /** The last check; null: put on the list, not checked yet. */
  check: Mark | null
  orange: boolean
  /** State "": who is on the list. */
  list: string[]
}

export const operator: Operator<State> = {
  name: 'watch-check',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const yellowMs = rule.ms('yellowAfter')
    const orangeMs = rule.ms('orangeAfter')
    type C = Cx<State>
    const watched = (cx: C): string[] =>
      cx.site
        .all('people')
        .filter((p) => p.watch === true)
        .map((p) => p.id)
        .sort()

    function arm(person: string, since: number, check: Mark | null, cx: C): void {
      Object.assign(cx.state(person), { since, check, orange: false })
      cx.wake(person, since + yellowMs, 'absence')
    }

    return {
      initial: () => ({ since: 0, check: null, orange: false, list: [] }),
      start(cx) {
        cx.state('').list = watched(cx)
      },
      context(cx) {
        const before = cx.state('').list
        const now = watched(cx)
        cx.state('').list = now
        for (const person of now) if (!before.includes(person) && !cx.peek(person)) arm(person, cx.now, null, cx)
        for (const person of before)
          if (!now.includes(person) && cx.peek(person)) {
            cx.forget(person)
            cx.clear(person)
          }
      },
      on(input, cx) {
        const person = input.value.person
        if (input.quality === 'bad' || typeof person !== 'string') return
        if (cx.site.person(person)?.watch !== true) return
        const state = cx.peek(person)
        if (state && input.time < state.since) return
        cx.clear(person)
        arm(person, input.time, mark(input), cx)
      },
      wake(person, _tag, cx) {
        const state = cx.peek(person)
        if (!state || person === '') return
        const waited = cx.now - state.since
        if (waited < yellowMs) {
          cx.wake(person, state.since + yellowMs, 'absence')
          return
        }
        const orange = waited >= orangeMs
        const limit = orange ? orangeMs : yellowMs
        if (!state.orange)
          cx.hit({
            key: person,
            level: orange ? 'orange' : 'yellow',
            opening: state.check?.id ?? `due:${new Date(state.since + yellowMs).toISOString()}`,
            evidence: state.check ? [state.check] : [],
            zone: cx.people.last(person)?.zone ?? cx.site.person(person)?.cell ?? null,
            subjects: [person],
            reasons: [{ code: 'unchecked', params: { minutes: limit / 60_000 }, class: 'L3' }],
            ...(state.since + limit === cx.now ? {} : { eventTime: state.since + limit }),
          })
        state.orange = orange
        if (!orange) cx.wake(person, state.since + orangeMs, 'absence')
      },
    }
  },
}
