/**
 * R27: a person stays too long in a toilet or in a place that no camera sees. Each kind of place has its own limit. His own
 * cell is no such place, even where no camera looks into it.
 */
import { type Cx, mark, type Operator } from '../operator.ts'
import { dueAt, isIdle, newTimed, type Timed, timed, type Verdicts } from '../timed.ts'
import { FIX_VALID_MS } from '../whereabouts.ts'

interface State extends Timed {
  lastFix: number
  /** State of a person (the others are of a person and a zone): places of which a delay runs or an alert is active. */
  places: string[]
}
const UNKNOWN: Verdicts = { parts: [null, null], over: null }
const TOILET = 0
const BLIND = 1

export const operator: Operator<State> = {
  name: 'overstay',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const limits = [rule.ms('toiletLimit'), rule.ms('blindLimit')]
    type C = Cx<State>

    function kindOf(zone: string | null, cx: C): number | null {
      const place = cx.site.zone(zone)
      if (!place) return null
      if (place.kind === 'toilet') return TOILET
      if (place.kind === 'cell' || place.kind === 'dormitory') return null
      return place.kind === 'blind' || place.blind === true ? BLIND : null
    }

    function verdicts(key: string, at: number, cx: C): Verdicts {
      const [person, zone] = key.split('|') as [string, string]
      const fix = cx.people.at(person, at)
      const inside = fix ? fix.zone === zone : null
      const kind = kindOf(zone, cx)
      return {
        parts: [TOILET, BLIND].map((k) => (k === kind ? inside : false)),
        over: inside === null ? null : !inside,
      }
    }

    const clock = timed<State>({
      verdicts,
      forMs: limits,
      clearMs: rule.ms('leftFor'),
      fire(key, state, part, due, cx) {
        const [person, zone] = key.split('|') as [string, string]
        const opening = state.parts[part]?.opening
        const fix = cx.people.last(person)
        if (!opening || !fix) return
        cx.hit({
          key,
          level: 'yellow',
          opening: opening.id,
          evidence: [opening, { id: fix.id, t: fix.time }],
          zone,
          subjects: [person],
          reasons: [
            {
              code: part === TOILET ? 'toilet' : 'blind',
              params: { person, minutes: Math.round((limits[part] as number) / 60_000) },
              class: 'L4',
            },
          ],
          ...dueAt(due, cx.now),
        })
      },
    })

    return {
      initial: () => ({ ...newTimed(2), lastFix: 0, places: [] }),
      on(input, cx) {
        if (!input.usableFix || input.subject === null) return
        const person = input.subject
        // Late fixes never move a person back.
        if (!cx.site.person(person) || cx.people.last(person)?.id !== input.id) return
        const hidden = kindOf(input.zone, cx) !== null ? input.zone : null
        let index = cx.peek(person)
        if (!index && hidden === null) return
        index ??= cx.state(person)
        if (hidden !== null && !index.places.includes(hidden)) index.places.push(hidden)
        for (const zone of [...index.places]) {
          const key = `${person}|${zone}`
          const state = cx.state(key)
          if (state.lastFix > 0 && input.time - state.lastFix > FIX_VALID_MS)
            clock.apply(key, state, state.lastFix + FIX_VALID_MS, UNKNOWN, null, cx)
          state.lastFix = input.time
          clock.apply(key, state, input.time, verdicts(key, input.time, cx), mark(input), cx)
          if (!isIdle(state)) continue
          cx.forget(key)
          index.places = index.places.filter((z) => z !== zone)
        }
        if (index.places.length === 0) cx.forget(person)
      },
      wake: (key, tag, cx) => clock.wake(key, tag, cx),
    }
  },
}
