/**
 * R28: a band is tampered with, or not worn for 10 s and neither charging nor excused. Three persons of one zone within a
 * minute: all of them red. The charging and medical lists excuse "not worn", never tampering.
 */
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'
import { isIdle, newTimed, type Timed, timed, type Verdicts } from '../timed.ts'

interface State extends Timed {
  opening: Mark | null
  /** Zone in which it was worn last. */
  zone: string | null
  device: string | null
  tampered: boolean
  /** Zone states ("z|…") only: raises in the zone. */
  raises: { person: string; at: number }[]
}

export const operator: Operator<State> = {
  name: 'band-removed',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const offMs = rule.ms('sustained')
    const groupMs = rule.ms('groupWithin')
    const groupSize = rule.num('groupSize')
    type C = Cx<State>

    function isExcused(person: string, device: string, cx: C): boolean {
      if (cx.site.isOnList('charging', person) || cx.site.isOnList('medical', person)) return true
      const charging = cx.signals.at(device, 'band.charging', cx.now)?.value.charging === true
      return charging || cx.signals.at(device, 'band.worn', cx.now)?.value.charging === true
    }

    /** Offline, or a bad word, is unknown: that stops both times and ends nothing. */
    function verdicts(person: string, at: number, cx: C): Verdicts {
      const state = cx.peek(person)
      const worn = state?.device ? cx.signals.at(state.device, 'band.worn', at)?.value.worn : undefined
      if (!state?.device || worn === undefined) return { parts: [null], over: null }
      return {
        parts: [worn === false && !isExcused(person, state.device, cx)],
        over: worn === true && !state.tampered,
      }
    }

    const clock = timed<State>({
      forMs: [offMs],
      clearMs: rule.ms('wornFor'),
      verdicts,
      fire(person, state, part, due, cx) {
        const opening = state.parts[part]?.opening ?? null
        state.opening ??= opening
        raise(person, state, opening ?? { id: `due:${new Date(due).toISOString()}`, t: due }, 'not-worn', due, cx)
      },
      ended: (person, _state, cx) => cx.forget(person),
    })

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
      initial: () => ({ ...newTimed(1), opening: null, zone: null, device: null, tampered: false, raises: [] }),
      on(input, cx) {
        if (input.subject === null) return
        const person = input.subject
        if (input.type === 'band.tamper') {
          if (input.quality === 'bad') return
          const state = cx.state(person)
          locate(input, state, person, cx)
          state.opening ??= mark(input)
          state.tampered = true
          raise(person, state, mark(input), 'tamper', input.time, cx)
          return
        }
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        const known = cx.peek(person)
        // Most bands are worn, and come and go so.
        const isOff = input.type === 'band.worn' && input.quality !== 'bad' && input.value.worn === false
        if (!known && !isOff) return
        const state = known ?? cx.state(person)
        if (isOff && (state.parts[0]?.since ?? null) === null) locate(input, state, person, cx)
        settle(person, state, input.time, mark(input), cx)
      },
      wake: (person, tag, cx) => clock.wake(person, tag, cx),
      context(cx) {
        // A person put on a list, or taken off it with his band still off: the time begins now.
        for (const person of [...cx.keys()]) {
          const state = cx.peek(person)
          if (state && !person.startsWith('z|')) settle(person, state, cx.now, null, cx)
        }
      },
    }

    function settle(person: string, state: State, at: number, cause: Mark | null, cx: C): void {
      clock.apply(person, state, at, verdicts(person, at, cx), cause, cx)
      // Off, or unknown since it was off: what it says next counts.
      const isOn = state.device !== null && cx.signals.at(state.device, 'band.worn', at)?.value.worn === true
      if (isIdle(state) && !state.tampered && isOn) cx.forget(person)
    }
  },
}
