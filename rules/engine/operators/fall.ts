/**
 * R35: somebody falls and then does not move. A band names its wearer; a camera means whoever lies still in its zone, and
 * the zone itself while it goes on seeing a fallen person whom no band names.
 */
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'
import { dueAt } from '../timed.ts'
import { MIN_VITALS_CONFIDENCE, STILL_ACTIVITY } from '../views.ts'
import { FIX_VALID_MS } from '../whereabouts.ts'

interface State {
  /** The fall that started it; null while only an alert goes on. */
  fall: Mark | null
  /** The newest fall. */
  fellAt: number
  /** Since when he has not moved after it. */
  stillSince: number | null
  stillMark: Mark | null
  stillAt: number
  /** 0 none, 1 orange, 2 red. */
  level: 0 | 1 | 2
  movingSince: number | null
  zone: string | null
  device: string | null
  /** Camera zones ("z|…"): the newest frame and the end of an active detection. */
  frameAt: number
  activeUntil: number
}

const VALID_MS = 15_000
const FRAME_MS = 2_000
const ACTIVE_MS = 600_000
/** A zone has no activity of its own: it ends so long after the camera saw the fallen person last. */
const QUIET_MS = 60_000
const LEVELS = ['orange', 'red'] as const

export const operator: Operator<State> = {
  name: 'fall',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const minConfidence = rule.num('minConfidence')
    const limits: readonly number[] = [rule.ms('orangeAfter'), rule.ms('redAfter')]
    const startMs = rule.ms('stillWithin')
    const moving = rule.num('moving')
    const movingMs = rule.ms('movingFor')
    type C = Cx<State>

    /** His newest activity that speaks at `at`. */
    function activityOf(person: string, at: number, cx: C): { value: number; mark: Mark } | null {
      for (const device of cx.site.devicesOfSubject(person)) {
        const s = cx.signals.at(device, 'band.vitals', at)
        if (!s || (s.value.confidence as number) < MIN_VITALS_CONFIDENCE) continue
        if (cx.signals.isUnworn(device)) continue
        return { value: s.value.activity as number, mark: { id: s.id, t: s.time } }
      }
      return null
    }

    function fell(person: string, input: Input, cx: C): void {
      const state = cx.state(person)
      // He lies still since an earlier fall: another word of it takes nothing from the time.
      const goesOn = state.stillSince !== null && input.time - state.stillAt <= VALID_MS
      // Whoever falls again while he lies is counted from the first fall, and may lie still after any of them.
      state.fellAt = Math.max(state.fellAt, input.time)
      if (state.fall && goesOn && state.level === 0) return
      state.zone = input.zone
      state.device = input.device
      if (state.level > 0) return
      state.fall = mark(input)
      state.stillSince = null
      const activity = activityOf(person, input.time, cx)
      if (activity && activity.value <= STILL_ACTIVITY) still(person, state, input.time, activity.mark, cx)
      cx.wake(person, input.time + startMs, 'absence', 'forget')
    }

    function still(person: string, state: State, at: number, evidence: Mark, cx: C): void {
      state.stillSince = at
      state.stillMark = evidence
      state.stillAt = evidence.t
      cx.wake(person, at + (limits[0] as number), 'sustained')
    }

    function raise(key: string, state: State, level: 1 | 2, due: number, subjects: string[], cx: C): void {
      state.level = level
      if (subjects.length === 0) cx.wake(`z|${key}`, cx.now + QUIET_MS, 'sustained', 'quiet')
      const opening = state.fall ?? state.stillMark
      if (!opening) return
      cx.hit({
        key,
        level: LEVELS[level - 1] as 'orange' | 'red',
        opening: opening.id,
        evidence: [opening, ...(state.stillMark ? [state.stillMark] : [])],
        zone: state.zone,
        device: state.device,
        subjects,
        reasons: [
          {
            code: subjects.length > 0 ? 'person' : 'zone',
            params: { seconds: (limits[level - 1] as number) / 1000 },
            class: 'L4',
          },
        ],
        ...dueAt(due, cx.now),
      })
    }

    function vitals(input: Input, cx: C): void {
      const person = input.subject as string
      const state = cx.peek(person)
      if (!state) return
      if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
      const valid =
        input.quality !== 'bad' &&
        (input.value.confidence as number) >= MIN_VITALS_CONFIDENCE &&
        !cx.signals.isUnworn(input.device)
      if (!valid || (input.afterGap && state.stillSince !== null && input.time - state.stillAt > VALID_MS)) {
        state.stillSince = null
        state.movingSince = null
        if (!valid) return
      }
      const activity = input.value.activity as number
      if (activity <= STILL_ACTIVITY) {
        state.movingSince = null
        if (state.stillSince === null) {
          if (state.fall && (state.level > 0 || input.time - state.fellAt <= startMs))
            still(person, state, input.time, mark(input), cx)
        } else state.stillAt = input.time
        return
      }
      state.stillSince = null
      if (state.level === 0) return
      if (activity <= moving) state.movingSince = null
      else if (state.movingSince === null) {
        state.movingSince = input.time
        cx.wake(person, input.time + movingMs, 'sustained', 'moving')
      }
    }

    function camera(input: Input, cx: C): void {
      const { zone } = input
      if (zone === null) return
      const key = `z|${zone}`
      const fallen = input.value.behaviour === 'fall' && (input.value.confidence as number) >= minConfidence
      if (input.value.active === false || !fallen) {
        const state = cx.peek(key)
        if (state && state.activeUntil > 0 && input.value.active === false && state.device === input.device)
          state.activeUntil = Math.min(state.activeUntil, input.time)
        return
      }
      if (input.subject !== null) {
        fell(input.subject, input, cx)
        return
      }
      const persons = cx.people.inZone(zone, input.time).filter((p) => cx.site.person(p))
      for (const person of persons) {
        const activity = activityOf(person, input.time, cx)
        if (!activity || activity.value <= STILL_ACTIVITY || !cx.peek(person)?.fall) fell(person, input, cx)
      }
      if (persons.length > 0) return
      const known = cx.peek(key)
      const goesOn =
        known?.fall && (known.activeUntil >= input.time || input.time - known.frameAt < FRAME_MS) ? known : null
      const state = goesOn ?? cx.state(key)
      if (!goesOn) {
        state.fall = mark(input)
        state.stillSince = input.time
        state.level = state.level > 0 ? state.level : 0
        state.zone = zone
        state.device = input.device
        cx.wake(key, input.time + (limits[0] as number), 'sustained')
      }
      state.frameAt = input.time
      state.stillMark = mark(input)
      if (input.value.active === true) state.activeUntil = (state.stillSince ?? input.time) + ACTIVE_MS
      for (const [i, limit] of limits.entries())
        if (state.level <= i && input.time - (state.stillSince as number) >= limit)
          raise(zone, state, (i + 1) as 1 | 2, input.time, [], cx)
    }

    function wakeZone(key: string, state: State, cx: C): void {
      const limit = limits[state.level]
      if (state.stillSince === null || limit === undefined) return
      const due = state.stillSince + limit
      if (due > cx.now) cx.wake(key, due, 'sustained')
      else if (state.activeUntil >= due) {
        raise(key.slice(2), state, (state.level + 1) as 1 | 2, due, [], cx)
        wakeZone(key, state, cx)
      }
    }

    return {
      initial: () => ({
        fall: null,
        fellAt: 0,
        stillSince: null,
        stillMark: null,
        stillAt: 0,
        level: 0,
        movingSince: null,
        zone: null,
        device: null,
        frameAt: 0,
        activeUntil: 0,
      }),
      on(input, cx) {
        if (input.type === 'band.vitals') {
          if (input.subject !== null) vitals(input, cx)
          return
        }
        if (input.quality === 'bad') return
        if (input.type === 'camera.behaviour') camera(input, cx)
        else if (input.subject !== null && cx.site.person(input.subject)) fell(input.subject, input, cx)
      },
      wake(key, tag, cx) {
        const state = cx.peek(key)
        if (!state) return
        if (tag === 'forget') {
          const due = state.fellAt + startMs
          if (due > cx.now) cx.wake(key, due, 'absence', 'forget')
          else if (state.level === 0 && state.stillSince === null) cx.forget(key)
          return
        }
        if (tag === 'quiet') {
          const due = Math.max(state.frameAt, Math.min(state.activeUntil, cx.now)) + QUIET_MS
          if (due > cx.now) cx.wake(key, due, 'sustained', 'quiet')
          else {
            cx.clear(key.slice(2))
            cx.forget(key)
          }
          return
        }
        if (tag === 'moving') {
          if (state.movingSince === null) return
          const due = state.movingSince + movingMs
          if (due > cx.now) cx.wake(key, due, 'sustained', 'moving')
          else {
            cx.clear(key)
            cx.forget(key)
          }
          return
        }
        if (key.startsWith('z|')) {
          wakeZone(key, state, cx)
          return
        }
        const limit = limits[state.level]
        if (state.stillSince === null || limit === undefined) return
        const due = state.stillSince + limit
        if (due > cx.now) {
          cx.wake(key, due, 'sustained')
          return
        }
        const activity = activityOf(key, due, cx)
        if (!activity || activity.value > STILL_ACTIVITY) return
        if (cx.now - activity.mark.t > VALID_MS + FIX_VALID_MS) return
        raise(key, state, (state.level + 1) as 1 | 2, due, [key], cx)
        const next = limits[state.level]
        if (next !== undefined) cx.wake(key, state.stillSince + next, 'sustained')
      },
    }
  },
}
