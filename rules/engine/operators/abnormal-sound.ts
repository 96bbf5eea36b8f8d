/**
 * R49: a loud noise that lasts, and either somebody screams or hits, or these are quiet hours. Noise meters and the
 * microphones of cameras of one zone are one ear.
 */
import { nextMinute } from '../night.ts'
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'
import { dueAt, isIdle, newTimed, type Timed, timed } from '../timed.ts'

interface State extends Timed {
  /** Devices that ever measured here. */
  sources: string[]
  /** Newest scream or impact. */
  sound: (Mark & { what: string }) | null
}

const MAX_SOURCES = 32
/** A scream may come a little before the noise that follows it. */
const SOUND_BEFORE_MS = 5_000
const QUIET_HOURS = 'quiet-hours'

export const operator: Operator<State> = {
  name: 'abnormal-sound',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const loud = rule.num('loud')
    const quietBelow = rule.num('quietBelow')
    const sustainedMs = rule.ms('sustained')
    type C = Cx<State>

    /** The loudest valid measurement of the zone; null = nobody knows. */
    function loudest(
      state: State,
      at: number,
      cx: C,
      hidden?: string,
    ): { db: number; mark: Mark; device: string } | null {
      let best: { db: number; mark: Mark; device: string } | null = null
      for (const device of state.sources) {
        if (device === hidden) continue
        for (const [type, field] of [
          ['env.noise', 'db'],
          ['camera.audio', 'level_db'],
        ] as const) {
          const signal = cx.signals.at(device, type, at)
          const db = signal?.value[field]
          if (signal && typeof db === 'number' && (!best || db > best.db))
            best = { db, mark: { id: signal.id, t: signal.time }, device }
        }
      }
      return best
    }

    const verdicts = (state: State, at: number, cx: C, hidden?: string) => {
      const now = loudest(state, at, cx, hidden)
      return { parts: [now === null ? null : now.db >= loud], over: now === null ? null : now.db < quietBelow }
    }

    function say(zone: string, state: State, at: number, cx: C): void {
      const part = state.parts[0]
      if (!part?.fired || part.since === null) return
      // It began anew after a silence of the meters.
      if (at - part.since < sustainedMs) {
        cx.wake(zone, part.since + sustainedMs, 'sustained', QUIET_HOURS)
        return
      }
      const sound = state.sound && state.sound.t >= part.since - SOUND_BEFORE_MS ? state.sound : null
      if (!sound && !cx.site.isQuiet(zone, at)) {
        // Quiet hours may begin while it is loud.
        cx.wake(zone, nextMinute(at), 'sustained', QUIET_HOURS)
        return
      }
      const now = loudest(state, at, cx)
      const evidence = [
        ...(part.opening ? [part.opening] : []),
        ...(now ? [now.mark] : []),
        ...(sound ? [{ id: sound.id, t: sound.t }] : []),
      ]
      const first = evidence.reduce((a, b) => (b.t < a.t || (b.t === a.t && b.id < a.id) ? b : a), evidence[0] as Mark)
      cx.hit({
        key: zone,
        level: 'yellow',
        opening: first.id,
        evidence,
        zone,
        device: now?.device ?? null,
        reasons: [
          {
            code: sound ? sound.what : 'quiet-hours',
            params: { db: now?.db ?? null, seconds: sustainedMs / 1000 },
          },
        ],
        ...dueAt(at, cx.now),
      })
    }

    const engine = timed<State>({
      forMs: [sustainedMs],
      clearMs: rule.ms('quietFor'),
      verdicts: (zone, at, cx) => verdicts(cx.peek(zone) as State, at, cx),
      fire: (zone, state, _part, due, cx) => say(zone, state, due, cx),
    })

    function hear(zone: string, input: Input, cx: C): void {
      const state = cx.state(zone)
      if (!state.sources.includes(input.device)) state.sources = [...state.sources, input.device].slice(-MAX_SOURCES)
      const { sound } = input.value
      if (input.quality !== 'bad' && (sound === 'scream' || sound === 'impact') && input.value.active !== false)
        if (!state.sound || input.time >= state.sound.t) state.sound = { ...mark(input), what: sound }
      // What this device said before had ended: only the others carried the noise over the gap.
      if (input.afterGap) engine.apply(zone, state, input.time, verdicts(state, input.time, cx, input.device), null, cx)
      const present = verdicts(state, input.time, cx)
      engine.apply(zone, state, input.time, present, mark(input), cx)
      // In a gap of the meters the waiting for quiet hours had ended.
      const goesOn = input.afterGap && present.parts[0] === true && state.parts[0]?.fired
      if (state.sound?.id === input.id || goesOn) say(zone, state, input.time, cx)
      if (isIdle(state) && state.sound !== null && input.time - state.sound.t > SOUND_BEFORE_MS) state.sound = null
    }

    return {
      initial: () => ({ ...newTimed(1), sources: [], sound: null }),
      on(input, cx) {
        if (input.type === 'device.status') {
          const around = new Set([...(input.zone === null ? [] : [input.zone]), ...cx.site.zonesOfCamera(input.device)])
          for (const zone of around) {
            const state = cx.peek(zone)
            // A meter that was away for a moment has not heard whether it was loud all the time.
            if (!state?.sources.includes(input.device)) continue
            engine.apply(zone, state, input.time, verdicts(state, input.time, cx), null, cx)
            const part = state.parts[0]
            if (part?.fired && part.since === input.time) say(zone, state, input.time, cx)
          }
          return
        }
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        const zones =
          input.type === 'camera.audio'
            ? new Set([...(input.zone === null ? [] : [input.zone]), ...cx.site.zonesOfCamera(input.device)])
            : new Set(input.zone === null ? [] : [input.zone])
        for (const zone of zones) hear(zone, input, cx)
      },
      wake(zone, tag, cx) {
        if (tag !== QUIET_HOURS) return engine.wake(zone, tag, cx)
        const state = cx.peek(zone)
        if (!state) return
        const isLoud = verdicts(state, cx.now, cx).parts[0]
        if (isLoud === true) say(zone, state, cx.now, cx)
        // Nobody knows just now: it may be as loud when somebody does.
        else if (isLoud === null && state.parts[0]?.fired) cx.wake(zone, nextMinute(cx.now), 'sustained', QUIET_HOURS)
      },
    }
  },
}
