/**
 * R15: the face of an inmate where he must not be: two frames of a living face of the same person in the same zone within
 * three seconds.
 */
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  frames: (Mark & { camera: string; score: number })[]
}

const MAX_FRAMES = 32
/** Late readings may still complete a pattern for so long. */
const KEEP_MS = 310_000

export const operator: Operator<State> = {
  name: 'inmate-face',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const minScore = rule.num('minScore')
    const withinMs = rule.ms('within')
    const frames = rule.num('frames')
    type C = Cx<State>

    /** The earliest run of enough frames of different instants within the time that holds the given one. */
    function complete(state: State, id: string): State['frames'] | null {
      for (const end of state.frames) {
        const run = state.frames.filter((f) => f.t <= end.t && f.t >= end.t - withinMs)
        if (new Set(run.map((f) => f.t)).size >= frames && run.some((f) => f.id === id)) return run
      }
      return null
    }

    return {
      initial: () => ({ frames: [] }),
      on(input, cx: C) {
        const { value, zone } = input
        if (input.quality === 'bad' || value.active === false || zone === null) return
        if (value.list !== 'inmate' || value.live === false || (value.score as number) < minScore) return
        const person = cx.site.person(value.person as string | undefined)
        // A face that the list cannot name: nobody knows what he is allowed.
        if (!person || !cx.site.isForbidden(person, zone, input.time)) return
        const key = `${person.id}|${zone}`
        const state = cx.state(key)
        state.frames = state.frames.filter((f) => f.t >= cx.now - KEEP_MS)
        state.frames.push({ ...mark(input), camera: input.device, score: value.score as number })
        state.frames.sort((a, b) => a.t - b.t || (a.id < b.id ? -1 : 1))
        if (state.frames.length > MAX_FRAMES) state.frames.shift()
        const run = complete(state, input.id)
        if (!run) return
        cx.hit({
          key,
          level: 'red',
          opening: (run[0] as Mark).id,
          evidence: run.map(({ id, t }) => ({ id, t })),
          zone,
          device: input.device,
          subjects: [person.id],
          reasons: [
            { code: 'face', params: { camera: input.device, score: value.score, frames: run.length }, class: 'L4' },
          ],
          advice: ['hold-outer-door'],
          ...(input.late ? { eventTime: (run.at(-1) as Mark).t } : {}),
        })
      },
    }
  },
}
