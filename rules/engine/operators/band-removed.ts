/**
 * R28: a band is tampered with, or not worn for 10 s and neither charging nor excused. Three persons of one zone within a
 * minute: all of them red. The charging and medical lists excuse "not worn", never tampering.
 */
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  offSince: number | null
  opening: Mark | null
  /** Zone in which it was worn last. */
  zone: string | null
  device: string | null
  wornSince: number | null
  active: boolean
  tampered: boolean
  /** Zone states ("z|…") only: raises in the zone. */
  raises: { person: string; at: number }[]
}

export const operator: Operator<State> = {
  name: 'band-removed',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const offMs = rule.ms('sustained')
    const wornMs = rule.ms('wornFor')
    const groupMs = rule.ms('groupWithin')
    const groupSize = rule.num('groupSize')
    type C = Cx<State>

    function excused(person: string, state: State, cx: C): boolean {
      if (cx.site.isOnList('charging', person) || cx.site.isOnList('medical', person)) return true
      if (!state.device) return false
      const charging = cx.signals.last(state.device, 'band.charging')?.value.charging === true
      return charging || cx.signals.last(state.device, 'band.worn')?.value.charging === true
    }

    function raise(person: string, state: State, evidence: Mark, code: string, eventTime: number, cx: C): void {
      state.active = true
      const zone = state.zone
      const base = { device: state.device, zone, subjects: [person] }
      const late = eventTime === cx.now ? {} : { eventTime }
      const tampered = code === 'tamper' ? { untilPerson: true, unshelvable: true } : {}
      let level: 'orange' | 'red' = 'orange'
      let others: string[] = []
      if (zone !== null) {
        const group = cx.state(`z|${zone}`)
        group.raises = group.raises.filter((r) => eventTime - r.at <= groupMs && r.person !== person)
        group.raises.push({ person, at: eventTime })
        if (group.raises.length >= groupSize) {
          level = 'red'
          others = group.raises.map((r) => r.person).filter((p) => p !== person)
        }
      }
      const reasons = [{ code, params: { person, seconds: offMs / 1000 }, class: 'L3' as const }]
      const together = { code: 'several-together', params: { persons: others.length + 1 } }
      cx.hit({
        key: person,
        level,
        opening: state.opening?.id ?? evidence.id,
        evidence: [...(state.opening ? [state.opening] : []), evidence],
        ...base,
        ...late,
        ...tampered,
        reasons: level === 'red' ? [...reasons, together] : reasons,
      })
      for (const other of others) {
        // Who has put his band on again meanwhile rises as well: his alert is open until somebody closes it.
        const alert = cx.alerts.find(rule.code, other)
        if (!alert || alert.level === 'red') continue
        cx.hit({
          key: other,
          level: 'red',
          opening: evidence.id,
          evidence: [],
          zone: alert.zone,
          subjects: [other],
          reasons: [together],
          risesOnly: true,
        })
      }
    }

    function locate(input: Input, state: State, person: string, cx: C): void {
      state.device = input.device
      state.zone = input.zone ?? cx.people.last(person)?.zone ?? state.zone
    }

    return {
      initial: () => ({
        offSince: null,
        opening: null,
        zone: null,
        device: null,
        wornSince: null,
        active: false,
        tampered: false,
        raises: [],
      }),
      on(input, cx) {
        if (input.quality === 'bad' || input.subject === null) return
        const person = input.subject
        if (input.type === 'band.tamper') {
          const state = cx.state(person)
          locate(input, state, person, cx)
          state.opening ??= mark(input)
          state.tampered = true
          raise(person, state, mark(input), 'tamper', input.time, cx)
          return
        }
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        if (input.type === 'band.charging') {
          const state = cx.peek(person)
          if (input.value.charging === false && state?.offSince !== null && state !== undefined && !state.active) {
            // Taken off the charger and not put on: the time begins here.
            state.offSince = input.time
            cx.wake(person, input.time + offMs, 'sustained')
          }
          return
        }
        const worn = input.value.worn === true
        const known = cx.peek(person)
        if (worn) {
          if (!known) return
          known.offSince = null
          if (!known.active) {
            cx.forget(person)
            return
          }
          if (known.wornSince === null) {
            known.wornSince = input.time
            cx.wake(person, input.time + wornMs, 'sustained', 'worn')
          }
          return
        }
        const state = known ?? cx.state(person)
        state.wornSince = null
        if (state.offSince !== null) return
        locate(input, state, person, cx)
        state.offSince = input.time
        state.opening ??= mark(input)
        if (!state.active) state.opening = mark(input)
        cx.wake(person, input.time + offMs, 'sustained')
      },
      wake(person, tag, cx) {
        const state = cx.peek(person)
        if (!state) return
        if (tag === 'worn') {
          if (state.wornSince === null) return
          if (state.wornSince + wornMs > cx.now) cx.wake(person, state.wornSince + wornMs, 'sustained', 'worn')
          else {
            state.wornSince = null
            if (state.tampered) return
            cx.clear(person)
            cx.forget(person)
          }
          return
        }
        if (state.offSince === null || !state.opening) return
        const due = state.offSince + offMs
        if (due > cx.now) {
          cx.wake(person, due, 'sustained')
          return
        }
        const device = state.device as string
        if (cx.signals.at(device, 'band.worn', cx.now) === null) return
        if (excused(person, state, cx)) {
          cx.count('excused')
          return
        }
        raise(person, state, state.opening, 'not-worn', due, cx)
      },
      context(cx) {
        // A person taken off a list with his band still off: the time begins now.
        for (const person of [...cx.keys()]) {
          const state = cx.peek(person)
          if (
            !state ||
            state.offSince === null ||
            state.active ||
            person.startsWith('z|') ||
            excused(person, state, cx)
          )
            continue
          if (state.offSince + offMs > cx.now) continue
          state.offSince = cx.now
          cx.wake(person, cx.now + offMs, 'sustained')
        }
      },
    }
  },
}
