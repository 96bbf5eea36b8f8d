/**
 * R16: a card was accepted and the face before the reader is not its holder's: two frames within five seconds that hardly
 * match the holder, or that match somebody else. An inmate's face makes it red.
 */
import type { Level } from '#model/alert/alert.ts'
import type { FacilityContext } from '#model/context/facility-context.ts'
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'

interface Face extends Mark {
  camera: string
  person: string | null
  list: string
  score: number
}
interface Grant extends Mark {
  holder: string
  zone: string | null
}
interface State {
  grants: Grant[]
  faces: Face[]
}

const MAX = 32
/** Late readings may still complete a pattern for so long. */
const KEEP_MS = 310_000

export const operator: Operator<State> = {
  name: 'face-and-card',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const withinMs = rule.ms('within')
    const notHolder = rule.num('notHolder')
    const isOther = rule.num('isOther')
    const frames = rule.num('frames')
    type C = Cx<State>

    function judge(reader: string, grant: Grant, state: State, input: Input, cx: C): void {
      const seen = state.faces.filter((f) => f.t >= grant.t && f.t <= grant.t + withinMs)
      const own = seen.filter((f) => f.person === grant.holder)
      const low = own.filter((f) => f.score < notHolder)
      const others = new Map<string, Face[]>()
      for (const f of seen)
        if (f.person !== null && f.person !== grant.holder && f.score >= isOther)
          others.set(f.person, [...(others.get(f.person) ?? []), f])
      // A colleague behind a holder who was recognised is a queue; an inmate there never is.
      const isHolderSeen = own.some((f) => f.score >= isOther)
      const found = [...others.entries()]
        .filter(([, list]) => instants(list) >= frames && (!isHolderSeen || list.some((f) => f.list === 'inmate')))
        .sort(([a, x], [b, y]) => Number(isInmate(y)) - Number(isInmate(x)) || (a < b ? -1 : 1))
      const [other, otherFaces] = found[0] ?? [null, []]
      if (other === null && instants(low) < frames) return
      const level: Level = isInmate(otherFaces) ? 'red' : 'orange'
      const evidence: Mark[] = [grant, ...otherFaces, ...(instants(low) >= frames ? low : [])]
      cx.hit({
        key: reader,
        level,
        opening: grant.id,
        evidence: evidence.map(({ id, t }) => ({ id, t })),
        zone: grant.zone,
        device: reader,
        subjects: other === null ? [grant.holder] : [grant.holder, other],
        reasons: [
          {
            code: other === null ? 'not-holder' : isInmate(otherFaces) ? 'inmate' : 'somebody-else',
            params: { holder: grant.holder, other, score: (otherFaces[0] ?? low[0])?.score ?? null },
            class: 'L4',
          },
        ],
        advice: ['hold-outer-door'],
        ...(input.late ? { eventTime: Math.max(...evidence.map((e) => e.t)) } : {}),
      })
    }

    return {
      initial: () => ({ grants: [], faces: [] }),
      on(input, cx) {
        if (input.quality === 'bad') return
        if (input.type === 'access.granted') {
          const holder = cx.site.holderOfCredential(input.value.credential as string)
          if (holder === null) return
          const state = cx.state(input.device)
          const grant: Grant = { ...mark(input), holder, zone: input.zone }
          state.grants = [...state.grants.filter((g) => g.t >= cx.now - KEEP_MS), grant].slice(-MAX)
          // Frames that came before a late grant.
          judge(input.device, grant, state, input, cx)
          return
        }
        if (input.value.active === false) return
        const face: Face = {
          ...mark(input),
          camera: input.device,
          person: (input.value.person as string | null | undefined) ?? null,
          list: input.value.list as string,
          score: input.value.score as number,
        }
        for (const reader of readersOf(input, cx.site)) {
          // Kept without a grant too: one of the same instant may come after it.
          const state = cx.state(reader)
          state.faces = [...state.faces.filter((f) => f.t >= cx.now - KEEP_MS), face].slice(-2 * MAX)
          for (const grant of state.grants)
            if (face.t >= grant.t && face.t <= grant.t + withinMs) judge(reader, grant, state, input, cx)
        }
      },
    }
  },
}

const instants = (faces: readonly Face[]): number => new Set(faces.map((f) => f.t)).size
const isInmate = (faces: readonly Face[]): boolean => faces.some((f) => f.list === 'inmate')

/** Readers that stand before this camera: of the same door, else in a zone that it sees. */
function readersOf(input: Input, site: FacilityContext): string[] {
  const doors = new Set<string>()
  if (input.dev?.door) doors.add(input.dev.door)
  for (const line of Object.values(input.dev?.lines ?? {})) if (line.door) doors.add(line.door)
  const zones = new Set([...(input.zone === null ? [] : [input.zone]), ...site.zonesOfCamera(input.device)])
  return site
    .devicesOfKind('reader')
    .filter((r) => (r.door !== undefined && doors.has(r.door)) || (r.zone !== undefined && zones.has(r.zone)))
    .map((r) => r.id)
    .sort()
}
