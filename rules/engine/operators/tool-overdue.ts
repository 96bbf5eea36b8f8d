/** R59: a tool that was given out and has not come back by the end of the shift plus a few minutes. */
import type { FacilityContext } from '#model/context/facility-context.ts'
import { inHours, localTime, minuteOf } from '#model/local-time.ts'
import { type Mark, mark, type Operator } from '../operator.ts'

interface State {
  out: Mark
  due: number
  cabinet: string
  zone: string | null
  person: string | null
  fired: boolean
}

const DAY_MS = 86_400_000

export const operator: Operator<State> = {
  name: 'tool-overdue',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const graceMs = rule.ms('grace')
    return {
      initial: () => {
        throw new Error('a tool is watched from the reading that gave it out')
      },
      on(input, cx) {
        if (input.quality === 'bad') return
        const tool = input.value.tool as string
        const state = cx.peek(tool)
        // A word older than the last giving out is about an earlier loan.
        if (state && input.time < state.out.t) return
        if (input.type === 'tool.in') {
          if (!state) return
          cx.forget(tool)
          cx.clear(tool)
          return
        }
        // Who gives a tool on does not bring it back: only the cabinet's "in" does.
        if (state) return
        const end = shiftEnd(input.time, cx.site)
        if (end === null) return
        const due = end + graceMs
        Object.assign(cx.begin(tool), {
          out: mark(input),
          due,
          cabinet: input.device,
          zone: input.zone,
          person: (input.value.person as string | null | undefined) ?? null,
          fired: false,
        } satisfies State)
        cx.wake(tool, due, 'absence')
      },
      wake(tool, _tag, cx) {
        const state = cx.peek(tool)
        if (!state || state.fired) return
        if (state.due > cx.now) {
          cx.wake(tool, state.due, 'absence')
          return
        }
        state.fired = true
        cx.hit({
          key: tool,
          level: 'orange',
          opening: state.out.id,
          evidence: [state.out],
          zone: state.zone,
          device: state.cabinet,
          subjects: state.person === null ? [] : [state.person],
          reasons: [{ code: 'not-returned', params: { tool, person: state.person }, class: 'L3' }],
          ...(state.due === cx.now ? {} : { eventTime: state.due }),
        })
      },
    }
  },
}

/** End of the shift that is on at `at` (the earliest when several are), else the next end of any shift. Null: no shifts. */
function shiftEnd(at: number, site: FacilityContext): number | null {
  const shifts = site.all('shifts')
  const on = shifts.filter((s) => inHours(site.timezone, `${s.from}-${s.to}`, at))
  let best: number | null = null
  for (const shift of on.length > 0 ? on : shifts) {
    const { midnight } = localTime(site.timezone, at)
    for (const day of [0, 1, 2]) {
      const end = localTime(site.timezone, midnight + day * DAY_MS + DAY_MS / 2).midnight + minuteOf(shift.to) * 60_000
      if (end <= at) continue
      if (best === null || end < best) best = end
      break
    }
  }
  return best
}
