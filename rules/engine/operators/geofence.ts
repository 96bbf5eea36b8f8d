/**
 * R18: a person stays in a zone that is forbidden to him: at least three consecutive usable fixes, all inside, over at
 * least five seconds. The colour is the zone's class.
 */
import type { Level } from '#model/alert/alert.ts'
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'
import { FIX_VALID_MS } from '../whereabouts.ts'

interface State {
  /** The run of consecutive fixes in one forbidden zone. */
  zone: string | null
  since: number
  fixes: number
  opening: Mark | null
  latest: Mark | null
  fired: boolean
  /** Zones with a running alert: since when he is outside, or null while inside. */
  active: Record<string, number | null>
}

export const operator: Operator<State> = {
  name: 'geofence',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const stayMs = rule.ms('sustained')
    const minFixes = rule.num('minFixes')
    const outsideMs = rule.ms('outsideFor')
    type C = Cx<State>

    function fire(person: string, state: State, cx: C, eventTime?: number): void {
      if (state.zone === null || !state.opening || !state.latest) return
      const level = cx.site.zone(state.zone)?.class as Level | 'none' | undefined
      if (!level || level === 'none') return
      state.fired = true
      state.active[state.zone] = null
      cx.hit({
        key: `${person}|${state.zone}`,
        level,
        opening: state.opening.id,
        evidence: [state.opening, state.latest],
        zone: state.zone,
        subjects: [person],
        reasons: [{ code: 'inside', params: { person, seconds: stayMs / 1000 }, class: 'L4' }],
        ...(eventTime === undefined ? {} : { eventTime }),
      })
    }

    return {
      initial: () => ({ zone: null, since: 0, fixes: 0, opening: null, latest: null, fired: false, active: {} }),
      on(input, cx) {
        if (!input.usableFix || input.subject === null) return
        const person = cx.site.person(input.subject)
        if (!person || cx.people.last(person.id)?.id !== input.id) return
        const { zone, time } = input
        const known = cx.peek(person.id)
        const forbidden = zone !== null && cx.site.isForbidden(person, zone, time)
        if (!known && !forbidden) return
        const state = known ?? cx.state(person.id)
        for (const [place, outside] of Object.entries(state.active)) {
          if (place === zone) state.active[place] = null
          else if (outside === null) {
            state.active[place] = time
            cx.wake(person.id, time + outsideMs, 'sustained', place)
          }
        }
        const gap = state.latest !== null && time - state.latest.t > FIX_VALID_MS
        if (!forbidden || zone !== state.zone || gap) {
          state.zone = forbidden ? zone : null
          state.since = time
          state.fixes = 0
          state.opening = mark(input)
          state.fired = false
          if (forbidden) cx.wake(person.id, time + stayMs, 'sustained')
          else if (Object.keys(state.active).length === 0) {
            cx.forget(person.id)
            return
          }
        }
        state.fixes++
        state.latest = mark(input)
        if (forbidden && !state.fired && state.fixes >= minFixes && time - state.since >= stayMs)
          fire(person.id, state, cx, input.late ? time : undefined)
      },
      wake(person, tag, cx) {
        const state = cx.peek(person)
        if (!state) return
        if (tag !== '') {
          const outside = state.active[tag]
          if (outside === null || outside === undefined) return
          if (outside + outsideMs > cx.now) cx.wake(person, outside + outsideMs, 'sustained', tag)
          else {
            delete state.active[tag]
            cx.clear(`${person}|${tag}`)
          }
          return
        }
        if (state.zone === null || state.fired) return
        const due = state.since + stayMs
        if (due > cx.now) cx.wake(person, due, 'sustained')
        else if (state.fixes >= minFixes && state.latest && cx.now - state.latest.t <= FIX_VALID_MS)
          fire(person, state, cx)
      },
    }
  },
}
