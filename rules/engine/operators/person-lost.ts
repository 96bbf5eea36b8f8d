/**
 * R24: no trace of a person: no fix of a worn band, face, access, bed radar or roll-call answer. Judged only while the
 * sources could speak: the timer stands still with the gateway, and on the charging, medical and escort lists.
 */
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  last: Mark
  /** The trace before the last one: a fix in the same millisecond as "not worn" is no trace. */
  previous: Mark | null
  fromFix: boolean
  via: string | null
  /** Standstill of the gateway counted until the last trace. */
  stood: number
  /** End of the last excuse: the time counts from there. */
  excusedAt: number | null
  level: 0 | 1 | 2
  /** First trace after a loss: it must go on for a while to end it. */
  backSince: number | null
  zone: string | null
}

export const operator: Operator<State> = {
  name: 'person-lost',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const orangeMs = rule.ms('orangeAfter')
    const redMs = rule.ms('redAfter')
    const backMs = rule.ms('backFor')
    const minFace = rule.num('minFaceScore')
    type C = Cx<State>

    /** Whom a list or an order excused when the context was last looked at. */
    type Excused = { persons: string[] }
    const EXCUSED = ''
    function lookAtExcuses(cx: C): void {
      const known = (cx.peek(EXCUSED) as unknown as Excused | undefined) ?? (cx.begin(EXCUSED) as unknown as Excused)
      const before = known.persons ?? []
      const escorted = cx.site.all('escorts').flatMap((e) => e.persons.filter((p) => cx.site.escortOf(p, cx.now)))
      const listed = ['charging', 'medical'].flatMap((list) => cx.site.item('lists', list)?.persons ?? [])
      known.persons = [...new Set([...escorted, ...listed])].sort()
      // An excuse counts until the moment it ended, also when no timer looked in between.
      for (const person of new Set([...before, ...known.persons])) {
        const state = cx.peek(person)
        if (state && person !== EXCUSED) state.excusedAt = cx.now
      }
    }

    /** The last escort of the person that ended by its own time: no line told of it. */
    function escortEnd(person: string, after: number, cx: C): number | null {
      let last: number | null = null
      for (const { persons, to } of cx.site.all('escorts')) {
        if (to === undefined || !persons.includes(person)) continue
        const end = typeof to === 'number' ? to : Date.parse(to)
        if (end > after && end <= cx.now && end > (last ?? 0) && cx.site.escortOf(person, end - 1)) last = end
      }
      return last
    }

    const excused = (person: string, at: number, cx: C): boolean =>
      cx.site.isOnList('charging', person) ||
      cx.site.isOnList('medical', person) ||
      cx.site.escortOf(person, at) !== undefined

    function tracedPerson(input: Input, cx: C): string | null {
      switch (input.type) {
        case 'band.position':
          return input.usableFix ? input.subject : null
        case 'camera.face':
          return (input.value.score as number) >= minFace &&
            typeof input.value.person === 'string' &&
            input.value.active !== false
            ? cx.site.personOfFace(input.value.person)
            : null
        case 'access.granted':
          return cx.site.holderOfCredential(input.value.credential as string) ?? input.subject
        case 'radar.vitals':
          return input.value.present === true ? input.subject : null
        case 'rollcall.response':
          return (input.value.person as string) ?? input.subject
        default:
          return null
      }
    }

    /** Time that counts without a trace, ms. */
    function lostFor(state: State, at: number, cx: C): number {
      const from = Math.max(state.last.t, state.excusedAt ?? 0)
      return at - from - (cx.gateways.stoodStill(state.via ?? undefined, at) - state.stood)
    }

    function watch(person: string, state: State, cx: C): void {
      const limit = state.level === 0 ? orangeMs : redMs
      if (state.level < 2) cx.wake(person, Math.max(cx.now + 1, cx.now + limit - lostFor(state, cx.now, cx)), 'absence')
    }

    return {
      initial: () => {
        throw new Error('a person is watched from his first trace')
      },
      start: lookAtExcuses,
      context: lookAtExcuses,
      on(input, cx) {
        if (input.quality === 'bad') return
        if (input.type === 'band.worn') {
          if (input.value.worn !== false || input.subject === null) return
          const state = cx.peek(input.subject)
          if (state?.fromFix && state.last.t === input.time && state.previous) {
            state.last = state.previous
            state.previous = null
          }
          return
        }
        const person = tracedPerson(input, cx)
        if (person === null || !cx.site.person(person)) return
        let state = cx.peek(person)
        if (!state) {
          state = Object.assign(cx.begin(person), {
            last: mark(input),
            previous: null,
            fromFix: input.usableFix,
            via: null,
            stood: 0,
            excusedAt: null,
            level: 0,
            backSince: null,
            zone: input.zone,
          } satisfies State)
          cx.wake(person, input.time + orangeMs, 'absence')
        } else {
          if (input.time < state.last.t) return
          if (state.level > 0) {
            if (state.backSince === null || input.time - state.last.t > backMs) {
              state.backSince = input.time
              cx.wake(person, input.time + backMs, 'sustained', 'back')
            }
          }
          if (input.time > state.last.t) state.previous = { id: state.last.id, t: state.last.t }
          state.last.id = input.id
          state.last.t = input.time
          state.fromFix = input.usableFix
          state.zone = input.zone ?? state.zone
        }
        state.via = input.dev?.via ?? state.via
        state.stood = cx.gateways.stoodStill(state.via ?? undefined, cx.now)
        state.excusedAt = null
      },
      wake(person, tag, cx) {
        const state = cx.peek(person)
        if (!state || !cx.site.person(person)) return
        if (tag === 'back') {
          if (state.level === 0 || state.backSince === null) return
          if (state.backSince + backMs > cx.now) {
            cx.wake(person, state.backSince + backMs, 'sustained', 'back')
            return
          }
          state.level = 0
          state.backSince = null
          cx.clear(person)
          watch(person, state, cx)
          return
        }
        if (excused(person, cx.now, cx)) {
          state.excusedAt = cx.now
          cx.count('excused')
          cx.wake(person, cx.now + 1_000, 'absence')
          return
        }
        if (cx.gateways.standsStill(state.via ?? undefined, cx.now)) {
          cx.wake(person, cx.now + 1_000, 'absence')
          return
        }
        const ended = escortEnd(person, Math.max(state.last.t, state.excusedAt ?? 0), cx)
        if (ended !== null) state.excusedAt = ended
        const lost = lostFor(state, cx.now, cx)
        const wanted = lost >= redMs ? 2 : lost >= orangeMs ? 1 : 0
        if (wanted > state.level) {
          state.level = wanted as State['level']
          state.backSince = null
          cx.hit({
            key: person,
            level: wanted === 2 ? 'red' : 'orange',
            opening: state.last.id,
            evidence: [state.last],
            zone: state.zone,
            subjects: [person],
            reasons: [{ code: 'no-trace', params: { person, seconds: Math.round(lost / 1000) }, class: 'L4' }],
          })
        }
        watch(person, state, cx)
      },
    }
  },
}
