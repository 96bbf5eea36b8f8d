/**
 * R37: a ligature seen by a camera for 2 s → red; a watch-listed person 180 s in a toilet or blind zone → orange; in such a
 * place a swing of the pulse by 40 within a minute, and then no movement for 30 s → red.
 */
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'
import { MIN_VITALS_CONFIDENCE, STILL_ACTIVITY } from '../views.ts'

interface State {
  // Person.
  inSince: number | null
  entered: Mark | null
  /** Newest reading that places him there. */
  seen: Mark | null
  zone: string | null
  pulses: { t: number; hr: number; id: string }[]
  swing: { at: number; from: Mark; to: Mark; by: number } | null
  stillSince: number | null
  stillMark: Mark | null
  lastVitals: number
  orange: boolean
  red: boolean
  movingSince: number | null
  // Camera.
  frames: {
    since: number
    last: number
    activeUntil: number
    opening: Mark
    zone: string
    subject: string | null
    fired: boolean
  } | null
  quietAt: number | null
}

const FIX_SPEAKS_MS = 10_000
const VITALS_SPEAK_MS = 15_000
const FRAME_GAP_MS = 2_000
const ACTIVE_MS = 600_000
const MOVING = 0.2

export const operator: Operator<State> = {
  name: 'self-harm',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const ligatureMs = rule.ms('ligatureFor')
    const minConfidence = rule.num('minConfidence')
    const stayMs = rule.ms('stay')
    const swingBy = rule.num('pulseSwing')
    const swingMs = rule.ms('swingWithin')
    const stillMs = rule.ms('stillFor')
    const followMs = rule.ms('stillWithin')
    const leftMs = rule.ms('movingFor')
    const quietMs = rule.ms('ligatureQuiet')
    type C = Cx<State>

    function isHidden(zone: string | null, cx: C): boolean {
      const place = cx.site.zone(zone)
      return (
        place !== undefined &&
        (place.kind === 'toilet' || place.kind === 'washroom' || place.kind === 'blind' || place.blind === true)
      )
    }

    function hit(
      person: string,
      state: State,
      level: 'orange' | 'red',
      code: string,
      evidence: Mark[],
      due: number,
      cx: C,
    ): void {
      const opening = state.entered ?? (evidence[0] as Mark)
      cx.hit({
        key: person,
        level,
        opening: opening.id,
        evidence: [opening, ...evidence],
        zone: state.zone,
        subjects: [person],
        reasons: [
          {
            code,
            params: {
              person,
              seconds: Math.round((due - (state.inSince ?? due)) / 1000),
              swing: state.swing?.by ?? null,
            },
            class: 'L4',
          },
        ],
        ...(due === cx.now ? {} : { eventTime: due }),
      })
    }

    /** A reading places the person: fixes, and vital signs through the last known place. */
    function place(person: string, input: Input, cx: C): State | null {
      const hidden = isHidden(input.zone, cx)
      const known = cx.peek(person)
      if (!hidden) {
        if (!known) return null
        known.inSince = null
        known.entered = known.orange || known.red ? known.entered : null
        known.pulses = []
        known.swing = null
        known.stillSince = null
        known.zone = input.zone
        if (!known.orange && !known.red) cx.forget(person)
        return known
      }
      const state = known ?? cx.state(person)
      const speaks = input.type === 'band.position' ? FIX_SPEAKS_MS : VITALS_SPEAK_MS
      if (state.inSince === null || (state.seen && input.time - state.seen.t > Math.max(speaks, VITALS_SPEAK_MS))) {
        state.inSince = input.time
        if (!state.orange && !state.red) state.entered = mark(input)
        if (cx.site.person(person)?.watch === true) cx.wake(person, input.time + stayMs, 'sustained', 'stay')
      }
      state.seen = mark(input)
      state.zone = input.zone
      state.movingSince = null
      return state
    }

    function vitals(person: string, input: Input, state: State, cx: C): void {
      if ((input.value.confidence as number) < MIN_VITALS_CONFIDENCE) return
      if (cx.signals.isUnworn(input.device)) return
      const activity = input.value.activity as number
      const hr = input.value.hr
      if (state.inSince !== null) {
        if (typeof hr === 'number') {
          state.pulses = state.pulses.filter((p) => p.t >= input.time - swingMs)
          for (const p of state.pulses)
            if (Math.abs(hr - p.hr) >= swingBy) {
              state.swing = { at: input.time, from: { id: p.id, t: p.t }, to: mark(input), by: Math.abs(hr - p.hr) }
              break
            }
          state.pulses.push({ t: input.time, hr, id: input.id })
          if (state.pulses.length > 64) state.pulses.shift()
        }
        if (input.afterGap || activity > STILL_ACTIVITY) state.stillSince = null
        if (activity <= STILL_ACTIVITY && state.stillSince === null) {
          state.stillSince = input.time
          state.stillMark = mark(input)
          if (state.swing && input.time - state.swing.at <= followMs)
            cx.wake(person, input.time + stillMs, 'sustained', 'still')
        }
      } else if (state.orange || state.red) {
        if (input.afterGap) state.movingSince = null
        if (activity > MOVING) {
          if (state.movingSince === null) {
            state.movingSince = input.time
            cx.wake(person, input.time + leftMs, 'sustained', 'left')
          }
        } else state.movingSince = null
      }
      state.lastVitals = input.time
    }

    function camera(input: Input, cx: C): void {
      const name = `c|${input.device}`
      const state = cx.peek(name)
      const frames = state?.frames ?? null
      if (input.value.active === false) {
        if (frames && frames.activeUntil > 0) ended(name, cx.state(name), input.time, cx)
        return
      }
      if (
        input.value.behaviour !== 'ligature' ||
        (input.value.confidence as number) < minConfidence ||
        input.zone === null
      )
        return
      const active = input.value.active === true
      const goesOn = frames && (frames.activeUntil >= input.time || input.time - frames.last < FRAME_GAP_MS)
      const s = cx.state(name)
      if (!goesOn) {
        s.frames = {
          since: input.time,
          last: input.time,
          activeUntil: active ? input.time + ACTIVE_MS : 0,
          opening: mark(input),
          zone: input.zone,
          subject: input.subject,
          fired: false,
        }
        if (active) cx.wake(name, input.time + ligatureMs, 'sustained', 'ligature')
      } else frames.last = input.time
      if (s.frames && input.time - s.frames.since >= ligatureMs) ligature(name, s, mark(input), input.time, cx)
    }

    function ligature(name: string, state: State, evidence: Mark, at: number, cx: C): void {
      const frames = state.frames
      if (!frames) return
      frames.fired = true
      state.quietAt = Math.max(at, frames.activeUntil) + quietMs
      const key = frames.subject ?? frames.zone
      cx.hit({
        key,
        level: 'red',
        opening: frames.opening.id,
        evidence: [frames.opening, evidence],
        zone: frames.zone,
        device: name.slice(2),
        subjects: frames.subject ? [frames.subject] : [],
        reasons: [{ code: 'ligature', params: { camera: name.slice(2) } }],
        ...(at === cx.now ? {} : { eventTime: at }),
      })
      cx.wake(name, Math.max(cx.now, state.quietAt), 'sustained', 'quiet')
    }

    function ended(name: string, state: State, at: number, cx: C): void {
      if (!state.frames?.fired) {
        cx.forget(name)
        return
      }
      state.frames.activeUntil = 0
      state.frames.last = at
      state.quietAt = at + quietMs
      cx.wake(name, Math.max(cx.now, state.quietAt), 'sustained', 'quiet')
    }

    return {
      initial: () => ({
        inSince: null,
        entered: null,
        seen: null,
        zone: null,
        pulses: [],
        swing: null,
        stillSince: null,
        stillMark: null,
        lastVitals: 0,
        orange: false,
        red: false,
        movingSince: null,
        frames: null,
        quietAt: null,
      }),
      on(input, cx) {
        if (input.quality === 'bad') return
        if (input.type === 'camera.behaviour') {
          camera(input, cx)
          return
        }
        const person = input.subject
        if (person === null || !cx.site.person(person)) return
        if (input.type === 'band.position') {
          if (input.usableFix && cx.people.last(person)?.id === input.id) place(person, input, cx)
          return
        }
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        const state = isHidden(input.zone, cx) || cx.peek(person) ? place(person, input, cx) : null
        if (state) vitals(person, input, state, cx)
      },
      wake(name, tag, cx) {
        const state = cx.peek(name)
        if (!state) return
        const later = (due: number): boolean => {
          if (due <= cx.now) return false
          cx.wake(name, due, 'sustained', tag)
          return true
        }
        if (tag === 'stay') {
          if (state.inSince === null || state.orange || cx.site.person(name)?.watch !== true) return
          const due = state.inSince + stayMs
          if (later(due) || !state.seen || due - state.seen.t > VITALS_SPEAK_MS) return
          state.orange = true
          hit(name, state, 'orange', 'long-stay', [state.seen], due, cx)
        } else if (tag === 'still') {
          if (state.inSince === null || state.stillSince === null || !state.swing || !state.stillMark) return
          if (state.stillSince - state.swing.at > followMs) return
          const due = state.stillSince + stillMs
          if (later(due) || due - state.lastVitals > VITALS_SPEAK_MS) return
          state.red = true
          hit(name, state, 'red', 'swing-then-still', [state.swing.from, state.swing.to, state.stillMark], due, cx)
        } else if (tag === 'left') {
          if (state.movingSince === null || later(state.movingSince + leftMs)) return
          // Not heard any more: nobody knows how he is.
          if (state.movingSince + leftMs - state.lastVitals > VITALS_SPEAK_MS) {
            state.movingSince = null
            return
          }
          state.orange = false
          state.red = false
          cx.clear(name)
          cx.forget(name)
        } else if (tag === 'ligature') {
          const frames = state.frames
          if (!frames || frames.fired || later(frames.since + ligatureMs)) return
          if (frames.activeUntil >= frames.since + ligatureMs)
            ligature(name, state, frames.opening, frames.since + ligatureMs, cx)
        } else if (tag === 'quiet') {
          if (state.quietAt === null || later(state.quietAt) || !state.frames) return
          cx.clear(state.frames.subject ?? state.frames.zone)
          cx.forget(name)
        }
      },
    }
  },
}
