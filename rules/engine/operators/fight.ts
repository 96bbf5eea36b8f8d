/**
 * R36: a camera sees a fight for 2 s; within 15 s of any of its frames at least two bands near each other in its zone show
 * it too, by the pulse against their own baseline or by a burst of activity. The camera alone is the lower level.
 */
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'
import { dueAt } from '../timed.ts'
import { MIN_VITALS_CONFIDENCE } from '../views.ts'

interface Excited extends Mark {
  person: string
  x: number
  y: number
  floor: number
}
interface State {
  // Of a person: pulses of the baseline, and the burst that runs.
  pulses: [number, number][]
  burstSince: number | null
  burstMark: Mark | null
  burstAt: number
  // Of a zone ("z|…"): the fight, its frames, who was excited near it.
  since: number | null
  opening: Mark | null
  latest: Mark | null
  device: string | null
  frames: number[]
  activeUntil: number
  seen: boolean
  excited: Excited[]
}

const GAP_MS = 2_000
const ACTIVE_MS = 600_000
const VALID_MS = 15_000
const MAX_FRAMES = 64
const MAX_EXCITED = 64
const MAX_PULSES = 80
/** Late readings may still complete a pattern for so long. */
const KEEP_MS = 60_000

/** For each reading of vital signs, over all that is kept: a plain loop costs a quarter of `reduce`. */
function lowestOf(pulses: readonly [number, number][]): number {
  let lowest = Number.POSITIVE_INFINITY
  for (let i = 0; i < pulses.length; i++) {
    const hr = (pulses[i] as [number, number])[1]
    if (hr < lowest) lowest = hr
  }
  return lowest
}

export const operator: Operator<State> = {
  name: 'fight',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const minConfidence = rule.num('minConfidence')
    const fightMs = rule.ms('sustained')
    const withinMs = rule.ms('bandsWithin')
    const nearM = rule.num('near')
    const riseBy = rule.num('pulseRise')
    const baselineMs = rule.ms('baselineWindow')
    const minSamples = rule.num('baselineSamples')
    const burst = rule.num('burst')
    const burstMs = rule.ms('burstFor')
    type C = Cx<State>

    /** Median pulse of the window before `at`; null = no baseline: too few samples, or not spread over half of it. */
    function baseline(state: State, at: number): number | null {
      const used = state.pulses.filter(([t]) => t >= at - baselineMs && t < at)
      const first = used[0]
      const last = used.at(-1)
      if (!first || !last || used.length < minSamples || last[0] - first[0] < baselineMs / 2) return null
      const values = used.map(([, hr]) => hr).sort((a, b) => a - b)
      const middle = values.length >> 1
      return values.length % 2 === 1
        ? (values[middle] as number)
        : ((values[middle - 1] as number) + (values[middle] as number)) / 2
    }

    function vitals(input: Input, cx: C): void {
      const person = input.subject
      if (person === null || !cx.site.person(person)) return
      const state = cx.state(person)
      const usable =
        input.quality !== 'bad' &&
        (input.value.confidence as number) >= MIN_VITALS_CONFIDENCE &&
        !cx.signals.isUnworn(input.device)
      if (!usable || (state.burstSince !== null && input.time - state.burstAt > VALID_MS)) state.burstSince = null
      if (!usable) return
      const hr = input.value.hr
      if (typeof hr === 'number') {
        // The median is at least as high as the lowest value: no need to sort where that already says no.
        if (hr >= lowestOf(state.pulses) + riseBy) {
          const base = baseline(state, input.time)
          if (base !== null && hr >= base + riseBy) excite(person, mark(input), input.time, cx)
        }
        if (input.time >= (state.pulses.at(-1)?.[0] ?? 0)) state.pulses.push([input.time, hr])
        while ((state.pulses[0]?.[0] ?? input.time) < input.time - baselineMs || state.pulses.length > MAX_PULSES)
          state.pulses.shift()
      }
      if ((input.value.activity as number) >= burst) {
        state.burstAt = input.time
        if (state.burstSince === null) {
          state.burstSince = input.time
          state.burstMark = mark(input)
          cx.wake(person, input.time + burstMs, 'sustained', 'burst')
        } else if (input.time - state.burstSince >= burstMs) excite(person, mark(input), input.time, cx)
      } else state.burstSince = null
    }

    /** The person shows signs of a fight at `at`: remembered for the zone where he is, and compared with its camera. */
    function excite(person: string, evidence: Mark, at: number, cx: C): void {
      const fix = cx.people.at(person, at)
      if (!fix || fix.zone === null) return
      for (const zone of cx.site.upward(fix.zone)) {
        const key = `z|${zone}`
        if (cx.site.camerasOf(zone).length === 0 && !cx.peek(key)) continue
        const state = cx.state(key)
        state.excited = state.excited.filter((e) => e.t >= cx.now - KEEP_MS && e.person !== person)
        state.excited.push({ ...evidence, t: at, person, x: fix.x, y: fix.y, floor: fix.floor })
        if (state.excited.length > MAX_EXCITED) state.excited.shift()
        // Who is still excited when the fight is long over is no new evidence of it.
        // A gap between the frames begins the two seconds anew, not the fight that was told.
        const isTold = state.seen || cx.alerts.find(rule.code, zone)?.conditionActive === true
        if (isTold && isNearFrame(state, at)) judge(zone, state, at, cx)
      }
    }

    function isNearFrame(state: State, t: number): boolean {
      if (
        state.since !== null &&
        state.activeUntil > 0 &&
        t >= state.since - withinMs &&
        t <= state.activeUntil + withinMs
      )
        return true
      return state.frames.some((f) => Math.abs(t - f) <= withinMs)
    }

    /** Raises what holds now: red with two excited bands near each other, else what the camera alone says. */
    function judge(zone: string, state: State, at: number, cx: C): void {
      if (!state.opening) return
      const near = state.excited.filter((e) => isNearFrame(state, e.t))
      const together = near.filter((a) =>
        near.some((b) => a.person !== b.person && a.floor === b.floor && Math.hypot(a.x - b.x, a.y - b.y) <= nearM),
      )
      const red = together.length >= 2
      if (!red && at !== state.latest?.t && cx.alerts.find(rule.code, zone) === undefined) return
      const marks = [
        state.opening,
        ...(state.latest ? [state.latest] : []),
        ...together.map((e) => ({ id: e.id, t: e.t })),
      ]
      cx.hit({
        key: zone,
        level: red ? 'red' : 'orange',
        opening: state.opening.id,
        evidence: marks,
        zone,
        device: state.device,
        subjects: together.map((e) => e.person),
        reasons: [
          { code: 'camera', params: { camera: state.device, seconds: fightMs / 1000 } },
          ...(red
            ? [{ code: 'bands', params: { persons: together.map((e) => e.person).join(', ') }, class: 'L4' as const }]
            : []),
        ],
        ...(state.activeUntil > cx.now ? { lastsUntil: state.activeUntil } : {}),
        ...dueAt(at, cx.now),
      })
    }

    function camera(input: Input, cx: C): void {
      const { zone } = input
      if (zone === null) return
      const key = `z|${zone}`
      const known = cx.peek(key)
      if (input.value.active === false) {
        if (known?.since !== null && known !== undefined && known.device === input.device && known.activeUntil > 0) {
          known.activeUntil = 0
          known.frames.push(input.time)
          known.since = null
        }
        return
      }
      if (input.value.behaviour !== 'fight' || (input.value.confidence as number) < minConfidence) return
      const state = known ?? cx.state(key)
      const last = state.frames.at(-1) ?? Number.NEGATIVE_INFINITY
      if (input.late && input.time < last) return
      const goesOn = state.since !== null && (state.activeUntil >= input.time || input.time - last < GAP_MS)
      if (!goesOn) {
        state.since = input.time
        state.opening = mark(input)
        state.device = input.device
        state.activeUntil = 0
        state.seen = false
        if (input.value.active === true) cx.wake(key, input.time + fightMs, 'sustained', 'fight')
      }
      if (input.value.active === true) state.activeUntil = (state.since as number) + ACTIVE_MS
      state.latest = mark(input)
      state.frames = state.frames.filter((f) => f >= input.time - KEEP_MS)
      state.frames.push(input.time)
      if (state.frames.length > MAX_FRAMES) state.frames.shift()
      if (input.time - (state.since as number) >= fightMs) {
        state.seen = true
        judge(zone, state, input.time, cx)
      }
    }

    return {
      initial: () => ({
        pulses: [],
        burstSince: null,
        burstMark: null,
        burstAt: 0,
        since: null,
        opening: null,
        latest: null,
        device: null,
        frames: [],
        activeUntil: 0,
        seen: false,
        excited: [],
      }),
      on(input, cx) {
        if (input.type === 'camera.behaviour') {
          if (input.quality !== 'bad') camera(input, cx)
        } else if (!input.late || cx.signals.last(input.device, input.type)?.id === input.id) vitals(input, cx)
      },
      wake(key, tag, cx) {
        const state = cx.peek(key)
        if (!state) return
        if (tag === 'fight') {
          if (state.since === null || state.seen || state.activeUntil === 0) return
          const due = state.since + fightMs
          if (due > cx.now) cx.wake(key, due, 'sustained', 'fight')
          else {
            state.seen = true
            state.latest = state.latest ? { ...state.latest, t: due } : null
            judge(key.slice(2), state, due, cx)
          }
          return
        }
        if (state.burstSince === null || !state.burstMark) return
        const due = state.burstSince + burstMs
        if (due > cx.now) cx.wake(key, due, 'sustained', 'burst')
        else if (due - state.burstAt <= VALID_MS) excite(key, state.burstMark, due, cx)
      },
    }
  },
}
