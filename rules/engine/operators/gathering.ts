/**
 * R22: too many prisoners in one place: the fullest circle of the given radius, or what a camera counts. Key: the zone of
 * most of them. Silent where the timetable gathers people, and in cells and dormitories up to their capacity.
 */
import { circlesThrough, type Point } from '../circle.ts'
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'
import { dueAt, earliestMark, isIdle, newTimed, type Timed, timed, type Verdict, type Verdicts } from '../timed.ts'
import { FIX_VALID_MS } from '../whereabouts.ts'

interface Counting {
  count: number
  last: number
  /** End of an active detection; 0 = single frames. */
  activeUntil: number
  mark: Mark
}
interface State extends Timed {
  evaluatedAt: number
  /** Persons of the last circle that was full enough. */
  members: string[]
  cameras: Record<string, Counting>
  // State "": where each prisoner was last, and how many there are in a zone.
  zoneOf: Record<string, string>
  counts: Record<string, number>
}

const FRAME_MS = 2_000
const ACTIVE_MS = 600_000
/** Crowds up to this size are judged at every instant, larger ones once a second. */
const SMALL_CROWD = 24
const EVALUATE_EVERY_MS = 1_000
const LEVELS = ['yellow', 'orange'] as const
const ALL = ''

export const operator: Operator<State> = {
  name: 'gathering',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const limits: readonly number[] = [rule.num('yellowFrom'), rule.num('orangeFrom')]
    const least = limits[0] as number
    const radius = rule.num('radius')
    const sustainedMs = rule.ms('sustained')
    type C = Cx<State>

    const isLivingSpace = (zone: string, cx: C): boolean => {
      const kind = cx.site.zone(zone)?.kind
      return kind === 'cell' || kind === 'dormitory'
    }
    const isUpToCapacity = (zone: string, count: number, cx: C): boolean =>
      isLivingSpace(zone, cx) && count <= (cx.site.zone(zone)?.capacity ?? Number.POSITIVE_INFINITY)

    function prisonersIn(zone: string, at: number, cx: C): string[] {
      const found = cx.people.inZone(zone, at).filter((p) => cx.site.person(p))
      return isUpToCapacity(zone, found.length, cx) || cx.site.isGathering(zone, at) ? [] : found
    }

    /** The fullest circle most of whose people are in the zone. */
    function circle(zone: string, at: number, cx: C): string[] {
      const own = prisonersIn(zone, at, cx)
      if (own.length === 0) return []
      const fixes = own.flatMap((p) => cx.people.at(p, at) ?? [])
      const others = [...cx.site.linked(zone)]
        .filter((z) => z !== zone)
        .sort()
        .flatMap((z) => prisonersIn(z, at, cx))
        .flatMap((p) => cx.people.at(p, at) ?? [])
        .filter((b) => fixes.some((a) => a.floor === b.floor && Math.hypot(a.x - b.x, a.y - b.y) <= 2 * radius))
      const everybody = [...fixes, ...others]
      if (everybody.length < least) return []
      let best: string[] = []
      for (const floor of new Set(everybody.map((f) => f.floor))) {
        const points: Point[] = everybody
          .filter((f) => f.floor === floor)
          .map((f) => ({ id: f.person, x: f.x, y: f.y }))
          .sort((a, b) => (a.id < b.id ? -1 : 1))
        if (points.length < least) continue
        circlesThrough(points, radius, (members) => {
          if (members.length > best.length && zoneOfMost(members, at, cx) === zone) best = members.map((m) => m.id)
        })
      }
      return best.sort()
    }

    function zoneOfMost(members: Point[], at: number, cx: C): string | null {
      const counts = new Map<string, number>()
      for (const m of members) {
        const zone = cx.people.at(m.id, at)?.zone
        if (zone) counts.set(zone, (counts.get(zone) ?? 0) + 1)
      }
      let best: string | null = null
      for (const [zone, n] of counts) {
        const most = best === null ? 0 : (counts.get(best) as number)
        if (best === null || n > most || (n === most && zone < best)) best = zone
      }
      return best
    }

    function judge(zone: string, at: number, cx: C): { verdicts: Verdicts; members: string[]; count: number } {
      const state = cx.peek(zone)
      const members = circle(zone, at, cx)
      let count = members.length
      const cameras = cx.site.isGathering(zone, at) ? [] : Object.values(state?.cameras ?? {})
      const parts = limits.map((limit): Verdict => {
        if (members.length >= limit) return true
        let verdict: Verdict = false
        for (const c of cameras) {
          if (c.count < limit || isUpToCapacity(zone, c.count, cx)) continue
          if (at <= c.last || at <= c.activeUntil) verdict = true
          // A frame holds for a moment, but only the next one proves that it lasted.
          else if (verdict === false && at <= c.last + FRAME_MS) verdict = 'wait'
        }
        return verdict
      })
      for (const c of cameras) if (at <= Math.max(c.last + FRAME_MS, c.activeUntil)) count = Math.max(count, c.count)
      const lost = (state?.members ?? []).some((p) => !cx.people.at(p, at))
      return { verdicts: { parts, over: count >= least ? false : lost ? null : true }, members, count }
    }

    const clock = timed<State>({
      forMs: [sustainedMs, sustainedMs],
      clearMs: rule.ms('fewerFor'),
      verdicts: (zone, at, cx) => judge(zone, at, cx).verdicts,
      fire(zone, state, part, due, cx) {
        const { members, count } = judge(zone, due, cx)
        const opening = state.parts[0]?.opening ?? state.parts[part]?.opening
        if (!opening) return
        const now = members.flatMap((p) => cx.people.last(p) ?? []).map((f) => ({ id: f.id, t: f.time }))
        const seen = Object.values(state.cameras).map((c) => c.mark)
        cx.hit({
          key: zone,
          level: LEVELS[part] as (typeof LEVELS)[number],
          opening: opening.id,
          evidence: [opening, ...(members.length >= (limits[part] as number) ? now : seen)],
          zone,
          subjects: members,
          reasons: [{ code: 'crowd', params: { count, metres: radius, seconds: sustainedMs / 1000 }, class: 'L4' }],
          ...dueAt(due, cx.now),
        })
      },
      ended(_zone, state) {
        state.members = []
      },
    })

    function evaluate(zone: string, cx: C): void {
      const state = cx.state(zone)
      state.evaluatedAt = cx.now
      for (const [device, c] of Object.entries(state.cameras))
        if (cx.now >= Math.max(c.last + FRAME_MS, c.activeUntil)) delete state.cameras[device]
      const { verdicts, members } = judge(zone, cx.now, cx)
      // Who was among them and is not heard any more may still be there.
      if (members.length >= least)
        state.members = [...members, ...state.members.filter((p) => !members.includes(p) && !cx.people.at(p, cx.now))]
      const marks: Mark[] = members.flatMap((p) => cx.people.last(p) ?? []).map((f) => ({ id: f.id, t: f.time }))
      for (const c of Object.values(state.cameras)) marks.push(c.mark)
      clock.apply(zone, state, cx.now, verdicts, earliestMark(marks), cx)
      armLapse(zone, members, cx)
      if (isIdle(state) && Object.keys(state.cameras).length === 0) cx.forget(zone)
    }

    /** Looks again when one of them is not heard any more: nobody knows whether they are still together. */
    function armLapse(zone: string, members: readonly string[], cx: C): void {
      if (members.length < least) return
      const oldest = Math.min(...members.map((p) => cx.people.last(p)?.time ?? cx.now))
      cx.wake(zone, oldest + FIX_VALID_MS + 1, 'absence', 'lapse')
    }

    /** At the end of the instant, so that all of its readings count; large crowds once a second. */
    function ask(zone: string, cx: C): void {
      const known = cx.peek(zone)
      const every = (cx.peek(ALL)?.counts[zone] ?? 0) > SMALL_CROWD ? EVALUATE_EVERY_MS : 0
      cx.wake(zone, Math.max(cx.now, (known?.evaluatedAt ?? 0) + every), 'absence', 'evaluate')
    }

    /** Prisoners in a zone and the linked ones, by zone; good until somebody changes zones. */
    const sums = new Map<string, number>()
    let sumsOf = -1
    function countAround(zone: string, counts: State['counts'], cx: C): number {
      if (sumsOf !== cx.site.version) {
        sums.clear()
        sumsOf = cx.site.version
      }
      let around = sums.get(zone)
      if (around !== undefined) return around
      around = counts[zone] ?? 0
      for (const z of cx.site.linked(zone))
        if (z !== zone && !isUpToCapacity(z, counts[z] ?? 0, cx)) around += counts[z] ?? 0
      sums.set(zone, around)
      return around
    }

    function moved(input: Input, cx: C): void {
      const person = input.subject
      if (!input.usableFix || person === null || !cx.site.person(person) || cx.people.last(person)?.id !== input.id)
        return
      const all = cx.state(ALL)
      const before = all.zoneOf[person]
      const { zone } = input
      if (before !== (zone ?? undefined)) sums.clear()
      if (before !== undefined && before !== zone) {
        all.counts[before] = (all.counts[before] ?? 1) - 1
        delete all.zoneOf[person]
        if (cx.peek(before)) ask(before, cx)
      }
      if (zone === null) return
      if (before !== zone) {
        all.zoneOf[person] = zone
        all.counts[zone] = (all.counts[zone] ?? 0) + 1
      }
      const own = all.counts[zone] ?? 0
      const around = countAround(zone, all.counts, cx)
      if (cx.peek(zone) || (around >= least && !isUpToCapacity(zone, own, cx))) ask(zone, cx)
      // A circle over two zones belongs to the one with most of its people, who need not have moved.
      if (around >= least && around > own)
        for (const z of cx.site.linked(zone)) if (z !== zone && cx.peek(z)) ask(z, cx)
    }

    function counted(input: Input, cx: C): void {
      const { zone } = input
      if (input.quality === 'bad' || zone === null) return
      const known = cx.peek(zone)
      const { count, active, radius_m } = input.value
      if (input.late && (known?.cameras[input.device]?.last ?? 0) > input.time) return
      const tooWide = typeof radius_m === 'number' && radius_m > radius
      if (active === false || tooWide || (count as number) < least) {
        if (!known?.cameras[input.device]) return
        delete known.cameras[input.device]
        ask(zone, cx)
        return
      }
      const state = known ?? cx.state(zone)
      state.cameras[input.device] = {
        count: count as number,
        last: input.time,
        activeUntil: active === true ? input.time + ACTIVE_MS : 0,
        mark: mark(input),
      }
      ask(zone, cx)
      // When no other frame follows, the crowd is gone.
      cx.wake(zone, input.time + FRAME_MS, 'absence', 'gone')
    }

    return {
      initial: () => ({ ...newTimed(2), evaluatedAt: 0, members: [], cameras: {}, zoneOf: {}, counts: {} }),
      on(input, cx) {
        if (input.type === 'camera.crowd') counted(input, cx)
        else moved(input, cx)
      },
      wake(zone, tag, cx) {
        if (tag === 'evaluate') evaluate(zone, cx)
        else if (tag === 'lapse') {
          // A wish of an earlier crowd comes early: looking once more changes nothing.
          if (cx.peek(zone)) evaluate(zone, cx)
        } else if (tag === 'gone') {
          const state = cx.peek(zone)
          if (!state) return
          const last = Math.max(0, ...Object.values(state.cameras).map((c) => (c.activeUntil > 0 ? 0 : c.last)))
          if (last > 0 && last + FRAME_MS > cx.now) cx.wake(zone, last + FRAME_MS, 'absence', 'gone')
          else evaluate(zone, cx)
        } else clock.wake(zone, tag, cx)
      },
    }
  },
}
