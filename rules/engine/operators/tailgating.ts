/**
 * R12: more people went in than cards were accepted. A burst of grants is one window, from the first to the last + 8 s;
 * it is judged at its end, because the next grant may still belong to somebody who is already through.
 */
import type { FacilityContext } from '#model/context/facility-context.ts'
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'

interface Crossing extends Mark {
  persons: number
}
interface State {
  grants: (Mark & { holder: string | null })[]
  crossings: Crossing[]
  camera: string | null
}

const MAX = 64

export const operator: Operator<State> = {
  name: 'tailgating',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const afterMs = rule.ms('after')
    type C = Cx<State>

    function judge(door: string, state: State, cx: C): void {
      const first = state.grants[0] as Mark
      const end = (state.grants.at(-1) as Mark).t + afterMs
      const inside = state.crossings.filter((c) => c.t >= first.t && c.t <= end)
      const persons = inside.reduce((n, c) => n + c.persons, 0)
      const grants = state.grants
      cx.forget(door)
      if (persons <= grants.length) return
      const zone = cx.site.zoneOfDevice(door)
      const isSally = cx.site.zone(zone)?.kind === 'sally-port' || cx.site.doorPairsOf(door).length > 0
      cx.hit({
        key: door,
        level: isSally ? 'orange' : 'yellow',
        opening: first.id,
        evidence: [...grants.map(({ id, t }) => ({ id, t })), ...inside.map(({ id, t }) => ({ id, t }))],
        zone,
        device: door,
        subjects: grants.flatMap((g) => (g.holder === null ? [] : [g.holder])),
        reasons: [{ code: 'more-than-grants', params: { persons, grants: grants.length, camera: state.camera } }],
        ...(end === cx.now ? {} : { eventTime: end }),
      })
    }

    return {
      initial: () => ({ grants: [], crossings: [], camera: null }),
      on(input, cx) {
        if (input.quality === 'bad') return
        if (input.type === 'access.granted') {
          if (input.value.direction === 'out') return
          const named = input.value.door
          for (const door of typeof named === 'string' ? [named] : cx.site.doorsOf(input.device)) {
            const state = cx.state(door)
            const holder = cx.site.holderOfCredential(input.value.credential as string)
            state.grants.push({ ...mark(input), holder })
            state.grants.sort((a, b) => a.t - b.t || (a.id < b.id ? -1 : 1))
            if (state.grants.length > MAX) state.grants.shift()
            cx.wake(door, input.time + afterMs, 'absence')
          }
          return
        }
        if (input.value.object !== 'human' || input.value.active === false) return
        const door = doorOfLine(input, cx.site)
        if (door === null) return
        const state = cx.state(door)
        // Nobody was let in yet: only a grant of this very instant can still be meant (an opening without a right is another
        // rule's matter).
        if (state.grants.length === 0) state.crossings = state.crossings.filter((c) => c.t >= input.time)
        state.camera = input.device
        state.crossings.push({ ...mark(input), persons: (input.value.count as number | null | undefined) ?? 1 })
        if (state.crossings.length > MAX) state.crossings.shift()
      },
      wake(door, _tag, cx) {
        const state = cx.peek(door)
        const last = state?.grants.at(-1)
        if (!state || !last) return
        const due = last.t + afterMs
        if (due > cx.now) cx.wake(door, due, 'absence')
        else judge(door, state, cx)
      },
    }
  },
}

/** The door a line belongs to if it was crossed inward; null otherwise. */
function doorOfLine(input: Input, site: FacilityContext): string | null {
  const line = input.dev?.lines?.[input.value.line as string]
  if (input.value.direction !== (line?.inward ?? 'in')) return null
  const named = input.value.door
  return line?.door ?? (typeof named === 'string' ? named : site.doorOf(input.device))
}
