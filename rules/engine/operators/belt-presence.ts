/** R05: somebody is in the warning belt without a work order: a usable fix of any person, or a camera that sees a human. */
import { zonesSeen } from '../keys.ts'
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'
import { readingCondition } from '../views.ts'
import { FIX_VALID_MS } from '../whereabouts.ts'

interface State {
  /** Who or what says that somebody is there, and until when that speaks. Frames of a camera end after 2 s. */
  sources: Record<string, { until: number; frame: boolean; mark: Mark; subject: string | null; device: string }>
  since: number | null
  opening: Mark | null
  fired: boolean
  active: boolean
  emptySince: number | null
  /** What ended last. */
  left: { at: number; since: number; opening: Mark | null; fired: boolean } | null
}

/** Frames closer than 2 s are one presence. */
const FRAME_MS = 1_999
const ACTIVE_MS = 600_000
const MAX_SOURCES = 200

export const operator: Operator<State> = {
  name: 'belt-presence',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['cameras'],
    properties: {
      cameras: {
        type: 'array',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['type', 'when'],
          properties: { type: { type: 'string' }, when: { type: 'string' } },
        },
      },
    },
  },
  prepare(rule) {
    const stayMs = rule.ms('sustained')
    const emptyMs = rule.ms('emptyFor')
    const cameras = (rule.file.pattern.cameras as { type: string; when: string }[]).map((c) => ({
      type: c.type,
      check: readingCondition(rule, [c.type], c.when),
    }))
    type C = Cx<State>

    const isBelt = (zone: string | null, cx: C): boolean => cx.site.zone(zone)?.kind === 'belt'
    /** The belt a zone lies in: asked on every fix. */
    let belts = { version: -1, byZone: new Map<string, string | null>() }
    function beltOf(zone: string | null, cx: C): string | null {
      if (zone === null) return null
      if (belts.version !== cx.site.version) belts = { version: cx.site.version, byZone: new Map() }
      let belt = belts.byZone.get(zone)
      if (belt === undefined) {
        belt = cx.site.upward(zone).find((z) => isBelt(z, cx)) ?? null
        belts.byZone.set(zone, belt)
      }
      return belt
    }

    /**
     * Forgets cameras that stopped speaking before `at`; presence ended when the last of them did. Who was in the belt and is
     * not heard any more is unknown: that stops the timer and ends nothing.
     */
    function expire(zone: string, state: State, at: number, cx: C): void {
      let last = Number.NEGATIVE_INFINITY
      let present = false
      let lost = false
      for (const [name, s] of Object.entries(state.sources)) {
        if (s.until >= at) present = true
        else {
          last = Math.max(last, s.until)
          if (s.subject !== null) lost = true
          else delete state.sources[name]
        }
      }
      if (present) return
      if (lost) {
        state.since = null
        state.emptySince = null
        cx.stale(zone, true)
      } else if (Number.isFinite(last)) leave(zone, state, Math.min(at, Math.max(last, state.since ?? last)), cx)
    }

    function leave(zone: string, state: State, at: number, cx: C): void {
      if (state.since !== null) state.left = { at, since: state.since, opening: state.opening, fired: state.fired }
      state.since = null
      state.fired = false
      if (!state.active) {
        if (Object.keys(state.sources).length === 0) cx.forget(zone)
        return
      }
      if (state.emptySince === null && Number.isFinite(at)) {
        state.emptySince = at
        cx.wake(zone, Math.max(cx.now, at + emptyMs), 'sustained', 'empty')
      }
    }

    function come(zone: string, name: string, source: State['sources'][string], input: Input, cx: C): void {
      const known = cx.peek(zone)
      if (known) expire(zone, known, input.time, cx)
      const state = cx.state(zone)
      if (!state.sources[name] && Object.keys(state.sources).length >= MAX_SOURCES) return
      state.sources[name] = source
      state.emptySince = null
      if (state.active) cx.stale(zone, false)
      // One leaves and another comes in the same instant: there was somebody all the time.
      if (state.since === null && state.left?.at === input.time) Object.assign(state, { ...state.left, left: null })
      if (state.since === null) {
        state.since = input.time
        state.opening = source.mark
        cx.wake(zone, input.time + stayMs, 'sustained', 'stay')
      } else if (!state.fired && input.time - state.since >= stayMs)
        fire(zone, state, cx, input.late ? input.time : undefined)
    }

    function fire(zone: string, state: State, cx: C, eventTime?: number): void {
      if (!state.opening) return
      state.fired = true
      state.active = true
      const sources = Object.values(state.sources)
      cx.hit({
        key: zone,
        level: 'orange',
        opening: state.opening.id,
        evidence: [state.opening, ...sources.map((s) => s.mark)],
        zone,
        device: sources[0]?.device ?? null,
        subjects: sources.flatMap((s) => (s.subject ? [s.subject] : [])),
        reasons: [{ code: 'present', params: { seconds: stayMs / 1000 } }],
        ...(eventTime === undefined ? {} : { eventTime }),
      })
    }

    return {
      initial: () => ({
        sources: {},
        since: null,
        opening: null,
        fired: false,
        active: false,
        emptySince: null,
        left: null,
      }),
      on(input, cx) {
        if (input.quality === 'bad') return
        if (input.type === 'band.position' || input.type === 'tag.position') {
          if (!input.usableFix || input.subject === null || cx.people.last(input.subject)?.id !== input.id) return
          const here = beltOf(input.zone, cx)
          for (const zone of cx.keys()) {
            const state = cx.peek(zone) as State
            const name = ofPerson(input.subject)
            if (zone === here || !state.sources[name]) continue
            delete state.sources[name]
            expire(zone, state, input.time, cx)
            if (Object.keys(state.sources).length === 0) leave(zone, state, input.time, cx)
          }
          if (here === null || cx.site.hasWorkOrder(here, input.time, input.subject)) return
          come(
            here,
            ofPerson(input.subject),
            {
              until: input.time + FIX_VALID_MS,
              frame: false,
              mark: mark(input),
              subject: input.subject,
              device: input.device,
            },
            input,
            cx,
          )
          return
        }
        const camera = cameras.find((c) => c.type === input.type)
        if (!camera) return
        const belt = zonesSeen(input, cx as unknown as Cx<never>).find((z) => isBelt(z, cx))
        if (!belt) return
        const name = `c:${input.device}`
        const sees = camera.check(input, cx as unknown as Cx<never>) === true
        // What it says now counts: it is over, or it is no human any more.
        if (input.value.active === false || (input.value.active === true && !sees)) {
          const state = cx.peek(belt)
          if (state?.sources[name]) {
            delete state.sources[name]
            expire(belt, state, input.time, cx)
            if (Object.keys(state.sources).length === 0) leave(belt, state, input.time, cx)
          }
          return
        }
        if (!sees || cx.site.hasWorkOrder(belt, input.time)) return
        const active = input.value.active === true
        come(
          belt,
          name,
          {
            until: input.time + (active ? ACTIVE_MS : FRAME_MS),
            frame: !active,
            mark: mark(input),
            subject: input.subject,
            device: input.device,
          },
          input,
          cx,
        )
      },
      wake(zone, tag, cx) {
        const state = cx.peek(zone)
        if (!state) return
        if (tag === 'stay') {
          if (state.since === null || state.fired) return
          const due = state.since + stayMs
          if (due > cx.now) cx.wake(zone, due, 'sustained', 'stay')
          // Frames alone prove presence only when one of them stands at or after the end of the time.
          else if (Object.values(state.sources).some((s) => !s.frame && s.until >= cx.now)) fire(zone, state, cx)
          return
        }
        expire(zone, state, cx.now, cx)
        if (state.emptySince === null) return
        if (state.emptySince + emptyMs > cx.now) cx.wake(zone, state.emptySince + emptyMs, 'sustained', 'empty')
        else {
          state.active = false
          state.emptySince = null
          cx.clear(zone)
          if (Object.keys(state.sources).length === 0) cx.forget(zone)
        }
      },
    }
  },
}

/** Name of the source that is a person. */
const ofPerson = (person: string): string => `p:${person}`
