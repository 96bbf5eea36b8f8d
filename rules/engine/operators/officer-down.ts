/**
 * R40: the tag of an officer does not move for 90 s, and he does not answer the 15 s pre-alert that follows. While an
 * officer-panic alert of the same officer or zone is open nobody waits for an answer, and the level is red.
 */
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'
import { dueAt, isIdle, newTimed, type Timed, timed, type Verdicts } from '../timed.ts'

interface State extends Timed {
  device: string
  /** Answer to the pre-alert: the stillness counts anew from it. */
  answeredAt: number | null
  /** Of the alert that stands. */
  opening: Mark | null
  level: 'orange' | 'red' | null
  zone: string | null
  latest: Mark | null
}

const PANIC = 'R39'

export const operator: Operator<State> = {
  name: 'officer-down',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const stillMs = rule.ms('stillFor')
    const answerMs = rule.ms('answerWithin')
    const still = rule.num('still')
    type C = Cx<State>

    function verdicts(officer: string, at: number, cx: C): Verdicts {
      const device = cx.peek(officer)?.device
      const signal = device ? cx.signals.at(device, 'tag.activity', at) : null
      if (!signal || !device) return { parts: [null], over: null }
      // A tag on its charger lies on a table.
      if (cx.signals.last(device, 'band.charging')?.value.charging === true) return { parts: [false], over: null }
      const quiet = (signal.value.activity as number) <= still
      return { parts: [quiet], over: !quiet }
    }

    const panicOf = (officer: string, zone: string | null, cx: C) =>
      cx.alerts
        .open(PANIC)
        .find((a) => a.key === officer || a.subjects.includes(officer) || (zone !== null && a.zone === zone))

    const clock = timed<State>({
      forMs: [stillMs],
      clearMs: rule.ms('movingFor'),
      verdicts,
      // The first 90 s: the tag warns its wearer now.
      fire(officer, state, _part, due, cx) {
        state.active = state.level !== null
        if (panicOf(officer, state.zone, cx)) raise(officer, state, due, cx)
        // An answer at the very end of the pre-alert still counts.
        else cx.wake(officer, due + answerMs, 'absence', 'answer')
      },
      ended(officer, state) {
        state.level = null
        state.opening = null
        void officer
      },
    })

    const inPreAlert = (state: State): boolean => state.parts[0]?.fired === true && state.level === null

    function raise(officer: string, state: State, due: number, cx: C): void {
      // Who moved for a moment and then fell silent has an alert all the same, and a panic button raises it.
      const opening = state.parts[0]?.opening ?? state.opening
      if (!opening) return
      state.opening = opening
      const panic = panicOf(officer, state.zone, cx)
      state.active = true
      state.level = panic ? 'red' : 'orange'
      cx.hit({
        key: officer,
        level: state.level,
        opening: opening.id,
        evidence: [opening, ...(state.latest ? [state.latest] : [])],
        zone: state.zone,
        device: state.device,
        subjects: [officer],
        reasons: [
          { code: 'still', params: { officer, seconds: stillMs / 1000 }, class: 'L3' },
          panic
            ? { code: 'with-panic', params: { related: panic.code } }
            : { code: 'no-answer', params: { seconds: answerMs / 1000 } },
        ],
        ...dueAt(due, cx.now),
      })
    }

    function forgetIfIdle(officer: string, state: State, cx: C): void {
      if (isIdle(state)) cx.forget(officer)
    }

    return {
      initial: () => ({
        ...newTimed(1),
        device: '',
        answeredAt: null,
        level: null,
        opening: null,
        zone: null,
        latest: null,
      }),
      on(input, cx) {
        const officer = input.subject
        if (officer === null || !cx.site.staff(officer)) return
        const known = cx.peek(officer)
        if (input.type === 'tag.answer') {
          if (!known || input.quality === 'bad' || !inPreAlert(known)) return
          const begin = (known.parts[0]?.since ?? 0) + stillMs
          if (input.time < begin || input.time > begin + answerMs) return
          cx.count('answered')
          // Alive: the stillness counts anew from the answer.
          clock.apply(officer, known, input.time, { parts: [false], over: null }, null, cx)
          clock.apply(officer, known, input.time, verdicts(officer, input.time, cx), mark(input), cx)
          return
        }
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        const state = known ?? cx.state(officer)
        if (input.type === 'tag.activity') {
          state.device = input.device
          state.zone = cx.people.last(officer)?.zone ?? input.zone
        } else if (state.device === '') {
          cx.forget(officer)
          return
        }
        if (input.afterGap && input.type === 'tag.activity') {
          clock.apply(officer, state, input.time, { parts: [null], over: null }, null, cx)
          if (state.parts[0] && state.level === null) state.parts[0].fired = false
        }
        const now = verdicts(officer, input.time, cx)
        // Unknown during the pre-alert breaks it like movement does.
        if (now.parts[0] !== true && state.parts[0]?.fired && state.level === null) state.parts[0].fired = false
        if (now.parts[0] === true) state.latest = mark(input)
        clock.apply(officer, state, input.time, now, mark(input), cx)
        forgetIfIdle(officer, state, cx)
      },
      wake(officer, tag, cx) {
        const state = cx.peek(officer)
        if (!state) return
        if (tag !== 'answer') {
          clock.wake(officer, tag, cx)
          return
        }
        const since = state.parts[0]?.since
        if (!inPreAlert(state) || since === null || since === undefined) return
        const due = since + stillMs + answerMs
        if (due > cx.now) cx.wake(officer, due, 'absence', 'answer')
        else if (verdicts(officer, due, cx).parts[0] === true) raise(officer, state, due, cx)
        else state.parts[0]!.fired = false
      },
      alert(event, cx) {
        if (event.change !== 'raised' && event.change !== 'reactivated') return
        for (const officer of [...cx.keys()].sort()) {
          const state = cx.peek(officer)
          if (!state || state.level === 'red' || (state.level === null && !inPreAlert(state))) continue
          // A tag that has fallen silent meanwhile says no more that he lies still.
          const isStill = state.level !== null || verdicts(officer, cx.now, cx).parts[0] === true
          if (isStill && panicOf(officer, state.zone, cx)) raise(officer, state, cx.now, cx)
        }
      },
    }
  },
}
