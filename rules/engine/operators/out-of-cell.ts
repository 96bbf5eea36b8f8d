/** R26: outside the own cell at night without permission. A shared toilet is allowed for a while; what belongs to the cell is the cell. */
import { flipAfter } from '../night.ts'
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'
import { FIX_VALID_MS } from '../whereabouts.ts'

interface State {
  since: number | null
  /** Standstill of the gateway counted until `since`. */
  stood: number
  opening: Mark | null
  latest: Mark | null
  toiletSince: number | null
  active: boolean
}

/** Night begins, or the time in a shared toilet ends, between two fixes. */
const AGAIN = 'again'

export const operator: Operator<State> = {
  name: 'out-of-cell',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const limitMs = rule.ms('limit')
    const toiletMs = rule.ms('toiletLimit')
    type C = Cx<State>

    function inSharedToilet(zone: string | null, cx: C): boolean {
      return cx.site.upward(zone).some((z) => {
        const kind = cx.site.zone(z)?.kind
        return kind === 'toilet' || kind === 'washroom'
      })
    }

    /** May he be there at this instant? By day, where he was sent, and for a while in a shared toilet. */
    function isAllowed(person: string, zone: string | null, at: number, state: State, cx: C): boolean {
      return (
        !cx.site.isNight(at) ||
        cx.site.isLawfullyIn(person, zone, at) ||
        (cx.site.zone(zone)?.kind === 'medical' && cx.site.isOnList('medical', person)) ||
        (state.toiletSince !== null && at - state.toiletSince < toiletMs)
      )
    }
    function begin(person: string, state: State, at: number, opening: Mark, cx: C): void {
      state.since = at
      state.stood = stood(person, cx)
      state.opening = opening
      cx.wake(person, at + limitMs, 'sustained')
    }

    /** While his gateway is unhealthy, and for a while after, the timer stands still. */
    const stood = (person: string, cx: C): number =>
      cx.gateways.stoodStill(cx.site.device(cx.people.last(person)?.device)?.via, cx.now)

    return {
      initial: () => ({ since: null, stood: 0, opening: null, latest: null, toiletSince: null, active: false }),
      on(input, cx) {
        if (!input.usableFix || input.subject === null) return
        const person = cx.site.person(input.subject)
        if (!person?.cell || cx.people.last(person.id)?.id !== input.id) return
        const { zone, time } = input
        const known = cx.peek(person.id)
        if (cx.site.isOwnCell(person, zone)) {
          if (!known) return
          if (known.active) cx.clear(person.id)
          cx.forget(person.id)
          return
        }
        const night = cx.site.isNight(time)
        // Night may begin before the next fix.
        const flip = night ? null : flipAfter((at) => cx.site.isNight(at), time, FIX_VALID_MS)
        if (!known && !night && flip === null) return
        const state = known ?? cx.state(person.id)
        const gap = state.latest !== null && time - state.latest.t > FIX_VALID_MS
        if (!inSharedToilet(zone, cx)) state.toiletSince = null
        else if (night && (state.toiletSince === null || gap)) state.toiletSince = time
        const allowed = isAllowed(person.id, zone, time, state, cx)
        state.latest = mark(input)
        if (allowed) {
          state.since = null
          const toiletEnd = state.toiletSince === null ? null : state.toiletSince + toiletMs
          for (const at of [flip, toiletEnd])
            if (at !== null && at > time && at <= time + FIX_VALID_MS) cx.wake(person.id, at, 'sustained', AGAIN)
          if (flip === null && !state.active && state.toiletSince === null && !night) cx.forget(person.id)
          return
        }
        if (state.since === null || gap) begin(person.id, state, time, mark(input), cx)
      },
      wake(person, tag, cx) {
        const state = cx.peek(person)
        if (tag === AGAIN) {
          const fix = cx.people.at(person, cx.now)
          if (!state?.latest || fix?.id !== state.latest.id || state.since !== null) return
          // Who was in the toilet when night began is there since then.
          if (cx.site.isNight(cx.now) && inSharedToilet(fix.zone, cx)) state.toiletSince ??= cx.now
          if (!isAllowed(person, fix.zone, cx.now, state, cx)) begin(person, state, cx.now, state.latest, cx)
          return
        }
        if (!state || state.since === null || !state.opening || !state.latest) return
        const due = state.since + limitMs + stood(person, cx) - state.stood
        if (due > cx.now) {
          cx.wake(person, due, 'sustained')
          return
        }
        // Nobody saw him for the last seconds: where he is now is not known.
        if (due - state.latest.t > FIX_VALID_MS) return
        state.active = true
        const fix = cx.people.last(person)
        cx.hit({
          key: person,
          level: 'yellow',
          opening: state.opening.id,
          evidence: [state.opening, state.latest],
          zone: fix?.zone ?? null,
          subjects: [person],
          reasons: [{ code: 'outside-at-night', params: { person, seconds: limitMs / 1000 }, class: 'L4' }],
          ...(due === cx.now ? {} : { eventTime: due }),
        })
      },
    }
  },
}
