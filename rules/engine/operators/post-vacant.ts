/**
 * R42: a manned post without enough staff. Present = a tag whose last fix lies in the post and still speaks, or a face of
 * the staff list seen there. Armed by the first staff trace of the run, or when the hours of the post begin.
 */
import type { Post } from '#model/context/kinds.ts'
import { inHours, nextBoundary } from '#model/local-time.ts'
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'
import { FIX_VALID_MS } from '../whereabouts.ts'

interface State {
  /** State "": when the first trace of staff came; null = none yet. */
  armedAt: number | null
  /** Traces in the post: officer → [newest reading, time]. */
  here: Record<string, Mark>
  /** Tag of the officer who was there last: its gateway decides whether time stands still. */
  lastTag: string | null
  vacantSince: number | null
  opening: Mark | null
  stood: number
  staffedSince: number | null
  active: boolean
  orange: boolean
  /** Beginning of the hours that run now; 0 = they had begun before the run. */
  hoursFrom: number
}

const MIN_SCORE = 0.9
const NOWHERE: readonly Post[] = []

export const operator: Operator<State> = {
  name: 'post-vacant',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const yellowMs = rule.ms('yellowAfter')
    const orangeMs = rule.ms('orangeAfter')
    const staffedMs = rule.ms('staffedFor')
    type C = Cx<State>

    const isOn = (post: Post, at: number, cx: C): boolean => !post.hours || inHours(cx.site.timezone, post.hours, at)
    const needed = (post: Post): number => post.count ?? 1
    const stood = (state: State, at: number, cx: C): number =>
      cx.gateways.stoodStill(cx.site.device(state.lastTag)?.via, at)

    // Derived of context and state, so that an officer who stays costs a look-up and not every post.
    let index = { version: -1, around: new Map<string, readonly Post[]>(), known: new Map<string, readonly string[]>() }
    /** Posts whose zone holds this zone. */
    function postsAround(zone: string | null, cx: C): readonly Post[] {
      if (zone === null) return NOWHERE
      let found = index.around.get(zone)
      if (!found) {
        found = cx.site.all('posts').filter((post) => cx.site.within(zone, post.zone))
        index.around.set(zone, found)
      }
      return found
    }
    /** Posts that must hear of a trace of the officer there: where he is, and where he was. */
    function concerned(officer: string, zone: string | null, isFirst: boolean, cx: C): readonly Post[] {
      if (index.version !== cx.site.version) index = { version: cx.site.version, around: new Map(), known: new Map() }
      const inside = postsAround(zone, cx)
      const was = index.known.get(officer)
      const stays = !isFirst && was !== undefined && was.every((id) => inside.some((post) => post.id === id))
      return stays ? inside : cx.site.all('posts')
    }
    const isKnownAt = (post: Post, officer: string, cx: C): boolean => cx.peek(post.id)?.here[officer] !== undefined

    /** Until when enough people are there, by what is known now; null = they are not. */
    function staffedUntil(state: State, post: Post, at: number): number | null {
      const ends = Object.values(state.here)
        .map((m) => m.t + FIX_VALID_MS)
        .filter((t) => t >= at)
        .sort((a, b) => b - a)
      return ends[needed(post) - 1] ?? null
    }

    function leave(post: Post, state: State, since: number, opening: Mark | null, cx: C): void {
      state.staffedSince = null
      if (state.vacantSince !== null) return
      state.vacantSince = since
      state.opening = opening
      state.stood = stood(state, since, cx)
      cx.wake(post.id, since + yellowMs, 'sustained')
    }

    function settle(post: Post, at: number, cause: Mark | null, cx: C): void {
      const state = cx.state(post.id)
      const until = staffedUntil(state, post, at)
      if (until !== null) {
        state.vacantSince = null
        if (state.active && state.staffedSince === null) {
          state.staffedSince = at
          cx.wake(post.id, at + staffedMs, 'sustained', 'staffed')
        }
        cx.wake(post.id, until + 1, 'sustained', 'expiry')
        return
      }
      if (cx.peek('')?.armedAt == null || !isOn(post, at, cx)) return
      leave(post, state, at, cause, cx)
    }

    function begin(post: Post, cx: C): void {
      if (!post.hours) return
      cx.wake(post.id, nextBoundary(cx.site.timezone, post.hours, cx.now), 'sustained', 'hours')
    }
    const all = (cx: C): void => {
      for (const post of cx.site.all('posts')) begin(post, cx)
    }

    return {
      initial: () => ({
        armedAt: null,
        here: {},
        lastTag: null,
        vacantSince: null,
        opening: null,
        stood: 0,
        staffedSince: null,
        active: false,
        orange: false,
        hoursFrom: 0,
      }),
      start: all,
      context(cx) {
        all(cx)
        for (const id of [...cx.keys()])
          if (id !== '' && !cx.site.item('posts', id)) {
            cx.forget(id)
            cx.clear(id)
          }
      },
      on(input, cx) {
        if (input.quality === 'bad') return
        const isFace = input.type === 'camera.face'
        const officer = isFace ? (input.value.person as string | undefined) : input.subject
        if (isFace ? input.value.list !== 'staff' || (input.value.score as number) < MIN_SCORE : !input.usableFix)
          return
        if (!officer || !cx.site.staff(officer)) return
        const posts = cx.site.all('posts')
        if (posts.length === 0) return
        const trace = mark(input)
        const facility = cx.state('')
        const isFirst = facility.armedAt === null
        facility.armedAt ??= input.time
        const some = concerned(officer, input.zone, isFirst, cx)
        for (const post of some) {
          const inside = cx.site.within(input.zone, post.zone)
          const state = cx.peek(post.id)
          const known = state?.here[officer]
          if (known && known.t > input.time) continue
          if (inside) {
            const own = cx.state(post.id)
            own.here[officer] = trace
            if (!isFace) own.lastTag = input.device
          } else if (known && !isFace && state) delete state.here[officer]
          else if (!isFirst) continue
          settle(post, input.time, trace, cx)
        }
        const known = index.known.get(officer)
        if (some === posts || known?.length !== some.length)
          index.known.set(
            officer,
            some.flatMap((post) => (isKnownAt(post, officer, cx) ? [post.id] : [])),
          )
      },
      wake(id, tag, cx) {
        const post = cx.site.item('posts', id)
        if (!post) return
        const state = cx.state(id)
        if (tag === 'hours') {
          begin(post, cx)
          if (isOn(post, cx.now, cx)) {
            if (staffedUntil(state, post, cx.now) === null) leave(post, state, cx.now, null, cx)
          } else {
            state.vacantSince = null
            if (state.active) cx.clear(id)
            state.active = false
            state.orange = false
          }
          return
        }
        if (tag === 'expiry') {
          const until = staffedUntil(state, post, cx.now)
          if (until !== null) cx.wake(id, until + 1, 'sustained', 'expiry')
          else if (isOn(post, cx.now, cx)) {
            const last = Object.values(state.here).sort((a, b) => b.t - a.t)[0] ?? null
            leave(post, state, last ? Math.min(cx.now, last.t + FIX_VALID_MS) : cx.now, last, cx)
          }
          return
        }
        if (tag === 'staffed') {
          if (state.staffedSince === null) return
          if (state.staffedSince + staffedMs > cx.now) {
            cx.wake(id, state.staffedSince + staffedMs, 'sustained', 'staffed')
            return
          }
          state.active = false
          state.orange = false
          state.staffedSince = null
          cx.clear(id)
          return
        }
        if (state.vacantSince === null || !isOn(post, cx.now, cx)) return
        const gone = stood(state, cx.now, cx) - state.stood
        const yellowAt = state.vacantSince + yellowMs + gone
        const orangeAt = state.vacantSince + orangeMs + gone
        if (yellowAt > cx.now) {
          cx.wake(id, yellowAt, 'sustained')
          return
        }
        const orange = orangeAt <= cx.now
        state.active = true
        state.orange = orange
        cx.hit({
          key: id,
          level: orange ? 'orange' : 'yellow',
          opening: state.opening?.id ?? `due:${new Date(state.vacantSince).toISOString()}`,
          evidence: state.opening ? [state.opening] : [],
          zone: post.zone,
          reasons: [{ code: 'vacant', params: { post: id, seconds: (orange ? orangeMs : yellowMs) / 1000 } }],
          ...((orange ? orangeAt : yellowAt) === cx.now ? {} : { eventTime: orange ? orangeAt : yellowAt }),
        })
        if (!orange) cx.wake(id, orangeAt, 'sustained')
      },
    }
  },
}
