/**
 * R32: signs of withdrawal in the first days of detoxification: pulse at rest, pulse with restlessness against the own
 * hours of the day, the nurse's scores, seizures. What the nurse scored counts for eight hours.
 */
import { localTime } from '#model/local-time.ts'
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'
import { addSample, type DaySums, hourlyMeans, hourOf, isHours, newDay, remember, robustZ, seeds } from '../profile.ts'
import { dueAt, isIdle, newTimed, type Timed, timed, type Verdict, type Verdicts } from '../timed.ts'
import { MIN_VITALS_CONFIDENCE, vitalsOf } from '../views.ts'

interface Score extends Mark {
  score: number
}
interface State extends Timed {
  scores: Record<string, Score>
  latest: Mark | null
  /** Activity of the last half hour by minute: minute, sum, samples. */
  recent: [number, number, number][]
  day: DaySums | null
  days: (number | null)[][]
}

const DAY_MS = 86_400_000
const MIN_HOUR_SAMPLES = 60
const ACTIVITY_FLOOR = 0.01
/** pulse at rest · pulse with restlessness · score · high score · seizure */
const LEVELS = ['yellow', 'yellow', 'orange', 'red', 'red'] as const
const CODES = ['pulse', 'pulse-and-restless', 'score', 'score', 'seizure'] as const
const UNKNOWN: Verdicts = { parts: [null, null, null, null, null], over: null }

export const operator: Operator<State> = {
  name: 'withdrawal',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const lastDay = rule.num('lastDay')
    const hrHigh = rule.num('pulseHigh')
    const hrRaised = rule.num('pulseRaised')
    const restlessZ = rule.num('restlessZ')
    const recentMs = rule.ms('restlessWindow')
    const warmUp = rule.num('warmUpDays')
    const validMs = rule.ms('scoreValid')
    const seizureFrom = rule.num('seizure')
    const limits: Record<string, readonly [number, number]> = {
      COWS: [rule.num('cowsOrange'), rule.num('cowsRed')],
      CIWA: [rule.num('ciwaOrange'), rule.num('ciwaRed')],
    }
    type C = Cx<State>

    function isInPhase(person: string, at: number, cx: C): boolean {
      const since = cx.site.person(person)?.detox?.since
      if (!since) return false
      const first = Date.parse(`${since.slice(0, 10)}T00:00:00Z`)
      const today = Date.parse(`${localTime(cx.site.timezone, at).date}T00:00:00Z`)
      const day = (today - first) / DAY_MS + 1
      return day >= 1 && day <= lastDay
    }

    /** Restlessness now against the same hour of other days; null = not known. */
    function restlessness(person: string, state: State, at: number, cx: C): number | null {
      const used = state.recent.filter(([minute]) => minute * 60_000 >= at - recentMs)
      const n = used.reduce((sum, [, , count]) => sum + count, 0)
      if (n === 0) return null
      const mean = used.reduce((sum, [, value]) => sum + value, 0) / n
      const hour = Math.floor(localTime(cx.site.timezone, at).minuteOfDay / 60)
      const days = [...seeds(cx.site, person, 'activityByHour', isHours), ...state.days]
      const usual = days.flatMap((d) => d[hour] ?? [])
      return robustZ(mean, usual, warmUp, ACTIVITY_FLOOR)
    }

    function verdicts(person: string, at: number, cx: C): Verdicts {
      const state = cx.peek(person)
      if (!state) return UNKNOWN
      if (!isInPhase(person, at, cx)) return { parts: [false, false, false, false, false], over: true }
      const { hr, rest, seizure } = vitalsOf(person, at, cx as unknown as Cx<never>) as {
        hr: number | null
        rest: boolean | null
        seizure: number | null
      }
      const high: Verdict = hr === null ? null : hr <= hrHigh ? false : rest
      const raised = hr === null ? null : hr >= hrRaised && hr <= hrHigh
      const z = raised === true ? restlessness(person, state, at, cx) : null
      const restless = z !== null && z > restlessZ
      const scored = [0, 1].map((i) =>
        Object.entries(state.scores).some(
          ([scale, s]) => at <= s.t + validMs && s.score >= (limits[scale]?.[i] ?? Number.POSITIVE_INFINITY),
        ),
      )
      const seizing: Verdict = seizure === null ? null : seizure >= seizureFrom
      const calm = high === null ? null : !high && !restless && seizing !== true
      return {
        parts: [
          high,
          raised === true ? (restless ? true : 'wait') : raised,
          scored[0] as boolean,
          scored[1] as boolean,
          seizing,
        ],
        over: scored[0] || scored[1] ? false : calm,
      }
    }

    const clock = timed<State>({
      forMs: [rule.ms('pulseHighFor'), rule.ms('pulseRaisedFor'), 0, 0, rule.ms('seizureFor')],
      clearMs: rule.ms('calmFor'),
      verdicts,
      fire(person, state, part, due, cx) {
        const opening = state.parts[part]?.opening
        if (!opening) return
        const values = vitalsOf(person, due, cx as unknown as Cx<never>)
        const scores = Object.entries(state.scores).filter(([, s]) => due <= s.t + validMs)
        const isScore = CODES[part] === 'score'
        cx.hit({
          key: person,
          level: LEVELS[part] as (typeof LEVELS)[number],
          opening: opening.id,
          evidence: [
            opening,
            ...(isScore ? scores.map(([, s]) => ({ id: s.id, t: s.t })) : state.latest ? [state.latest] : []),
          ],
          zone: cx.people.last(person)?.zone ?? cx.site.person(person)?.cell ?? null,
          subjects: [person],
          reasons: [
            {
              code: CODES[part] as string,
              params: {
                person,
                hr: values.hr ?? null,
                seizure: values.seizure ?? null,
                score: scores.map(([scale, s]) => `${scale} ${s.score}`).join(', '),
              },
              class: 'L4',
            },
          ],
          ...dueAt(due, cx.now),
        })
      },
    })

    function learn(state: State, input: Input, cx: C): void {
      const { activity, confidence } = input.value
      if (input.type !== 'band.vitals' || typeof activity !== 'number') return
      // What is no evidence today is no habit tomorrow.
      if ((confidence as number) < MIN_VITALS_CONFIDENCE || cx.signals.isUnworn(input.device)) return
      if (state.day && input.time >= state.day.end) {
        remember(state.days, hourlyMeans(state.day, MIN_HOUR_SAMPLES))
        state.day = null
      }
      state.day ??= newDay(cx.site.timezone, input.time)
      addSample(state.day, hourOf(cx.site.timezone, input.time), activity)
      const minute = Math.floor(input.time / 60_000)
      const last = state.recent.at(-1)
      if (last?.[0] === minute) {
        last[1] += activity
        last[2]++
      } else state.recent.push([minute, activity, 1])
      while ((state.recent[0]?.[0] ?? minute) * 60_000 < input.time - recentMs) state.recent.shift()
    }

    return {
      initial: () => ({ ...newTimed(5), scores: {}, latest: null, recent: [], day: null, days: [] }),
      on(input, cx) {
        const person = input.subject
        if (person === null || !cx.site.person(person)?.detox) return
        const known = cx.peek(person)
        if (!isInPhase(person, input.time, cx) && (!known || isIdle(known))) {
          if (known) cx.forget(person)
          return
        }
        if (input.type === 'clinical.score') {
          const scale = String(input.value.scale)
          if (input.quality === 'bad' || !limits[scale]) return
          const state = known ?? cx.state(person)
          const before = state.scores[scale]
          if (before && before.t > input.time) return
          state.scores[scale] = { ...mark(input), score: input.value.score as number }
          clock.apply(person, state, input.time, verdicts(person, input.time, cx), mark(input), cx)
          return
        }
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        const state = known ?? cx.state(person)
        if (input.quality !== 'bad') learn(state, input, cx)
        if (input.afterGap) {
          const now = verdicts(person, input.time, cx)
          clock.apply(
            person,
            state,
            input.time,
            { parts: [null, null, now.parts[2] as Verdict, now.parts[3] as Verdict, null], over: null },
            null,
            cx,
          )
        }
        state.latest = mark(input)
        clock.apply(person, state, input.time, verdicts(person, input.time, cx), mark(input), cx)
      },
      wake: (key, tag, cx) => clock.wake(key, tag, cx),
    }
  },
}
