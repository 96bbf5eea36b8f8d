/**
 * R02: a fence alarm that nobody confirmed, decided once, at alarm + 10 s: confirmed (R01) → nothing; a linked camera said
 * animal or nothing → blue; no word at all → yellow; two unverified alarms of the zone within a minute → orange.
 */
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'
import { readingCondition } from '../views.ts'

interface State {
  /** Alarms that wait for their decision. */
  waiting: Mark[]
  /** Times of alarms that stayed unverified. */
  unverified: Mark[]
  device: string | null
  /** Per camera: what it said lately. */
  said: { camera: string; t: number; id: string; what: 'animal' | 'nothing' }[]
}

const MAX = 32
const BEFORE_MS = 2_000

export const operator: Operator<State> = {
  name: 'perimeter-single',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['animal', 'nothing'],
    properties: { animal: { type: 'string' }, nothing: { type: 'string' } },
  },
  prepare(rule) {
    const decideMs = rule.ms('decideAfter')
    const repeatMs = rule.ms('repeatWithin')
    const isAnimal = readingCondition(rule, ['camera.intrusion'], rule.file.pattern.animal as string)
    const isNothing = readingCondition(rule, ['camera.intrusion'], rule.file.pattern.nothing as string)
    type C = Cx<State>

    /** A camera that is online, untampered and sees no motion through the whole window says "nothing". */
    function seesNothing(camera: string, from: number, to: number, cx: C): Mark | null {
      if (cx.signals.find(camera)?.online === false) return null
      if (cx.signals.last(camera, 'camera.tamper')?.value.active === true) return null
      const motion = cx.signals.at(camera, 'camera.motion', cx.now)
      if (motion?.value.active !== false) return null
      return motion.since <= from || (motion.time >= from && motion.time <= to)
        ? { id: motion.id, t: motion.time }
        : null
    }

    function decide(zone: string, state: State, alarm: Mark, cx: C): void {
      const confirmed = cx.alerts.find('R01', zone)
      if (confirmed) return
      const from = alarm.t - BEFORE_MS
      const to = alarm.t + decideMs
      const cameras = cx.site.camerasLinkedTo(zone)
      const word = cameras
        .flatMap((camera) => cx.peek(`k|${camera}`)?.said ?? [])
        .filter((s) => s.t >= from && s.t <= to)
        .sort((a, b) => a.t - b.t || (a.id < b.id ? -1 : 1))
      const animal = word.find((s) => s.what === 'animal')
      const nothing = word.find((s) => s.what === 'nothing')
      const still = animal || nothing ? null : cameras.map((c) => seesNothing(c, from, to, cx)).find((m) => m !== null)
      const base = { key: zone, opening: alarm.id, zone, device: state.device }
      const late = to < cx.now ? { eventTime: to } : {}
      if (animal || nothing || still) {
        const said = animal ?? nothing
        const evidence: Mark[] = [alarm, ...(said ? [{ id: said.id, t: said.t }] : []), ...(still ? [still] : [])]
        cx.hit({
          ...base,
          ...late,
          level: 'blue',
          evidence,
          reasons: [{ code: animal ? 'animal' : 'nothing-seen', params: { fence: state.device } }],
        })
        return
      }
      state.unverified = [...state.unverified.filter((m) => alarm.t - m.t <= repeatMs), alarm].slice(-MAX)
      const repeated = state.unverified.length >= 2
      cx.hit({
        ...base,
        ...late,
        level: repeated ? 'orange' : 'yellow',
        evidence: repeated ? state.unverified : [alarm],
        reasons: [
          {
            code: repeated ? 'repeated' : 'unverified',
            params: { fence: state.device, alarms: state.unverified.length },
          },
        ],
      })
    }

    return {
      initial: () => ({ waiting: [], unverified: [], device: null, said: [] }),
      on(input, cx) {
        if (input.quality === 'bad') return
        if (input.type === 'fence.alarm') {
          if (input.zone === null) return
          const state = cx.state(input.zone)
          state.device = input.device
          state.waiting = [...state.waiting, mark(input)].slice(-MAX)
          cx.wake(input.zone, input.time + decideMs, 'absence')
        } else if (input.type === 'camera.intrusion') {
          const bare = cx as unknown as Cx<never>
          const what = isAnimal(input, bare) === true ? 'animal' : isNothing(input, bare) === true ? 'nothing' : null
          if (!what) return
          const state = cx.state(`k|${input.device}`)
          state.said = [...state.said, { camera: input.device, t: input.time, id: input.id, what } as const].slice(-MAX)
        }
      },
      wake(zone, _tag, cx) {
        const state = cx.peek(zone)
        if (!state) return
        const due = state.waiting.filter((m) => m.t + decideMs <= cx.now)
        state.waiting = state.waiting.filter((m) => m.t + decideMs > cx.now)
        for (const alarm of due) decide(zone, state, alarm, cx)
        const next = state.waiting[0]
        if (next) cx.wake(zone, next.t + decideMs, 'absence')
      },
    }
  },
}
