/**
 * A person is away from those who should be with him: from his whole buddy group (R19), or from every officer of his escort
 * (R21). He is together with them while one is near; apart only when every one of them is known to be far.
 */
import type { Level } from '#model/alert/alert.ts'
import { levelRank } from '#model/alert/alert.ts'
import type { FacilityContext } from '#model/context/facility-context.ts'
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'
import { dueAt, earliestMark, isIdle, newTimed, type Timed, timed, type Verdicts } from '../timed.ts'
import { FIX_VALID_MS, type Fix } from '../whereabouts.ts'

interface State extends Timed {
  level: Level | null
  /** Since when he is in a shared toilet or washroom, which is no separation for a while. */
  toiletSince: number | null
  // Key "now|" and the person: who of those concerned moved in this instant.
  moved?: Mark[]
}
interface Pattern {
  of: 'group' | 'escort'
  /** The same zone counts as together. */
  'same-zone'?: boolean
  level: Level
  'watch-level'?: Level
  'outside-level'?: Level
  reason: string
}

const level = { enum: ['red', 'orange', 'yellow', 'blue'] }
const UNKNOWN: Verdicts = { parts: [null], over: null }
const TOGETHER: Verdicts = { parts: [false], over: true }
const APART: Verdicts = { parts: [true], over: false }

export const operator: Operator<State> = {
  name: 'separation',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['of', 'level', 'reason'],
    properties: {
      of: { enum: ['group', 'escort'] },
      'same-zone': { type: 'boolean' },
      level,
      'watch-level': { ...level, description: 'for persons on the watch list' },
      'outside-level': { ...level, description: 'while he is outside the walls' },
      reason: { type: 'string' },
    },
  },
  prepare(rule) {
    const pattern = rule.file.pattern as unknown as Pattern
    const distance = rule.num('distance')
    const sustainedMs = rule.ms('sustained')
    const toiletMs = pattern.of === 'group' ? rule.ms('toiletLimit') : 0
    type C = Cx<State>

    // Who is judged when somebody moves: derived from the context alone, made anew when it changes.
    let index: {
      site: FacilityContext
      version: number
      concerns: Map<string, Set<string>>
      mates: Map<string, Set<string>>
    } | null = null
    function indexOf(site: FacilityContext): NonNullable<typeof index> {
      if (!index || index.site !== site || index.version !== site.version) {
        const concerns = new Map<string, Set<string>>()
        const mates = new Map<string, Set<string>>()
        const put = (map: Map<string, Set<string>>, from: string, to: string): void => {
          const set = map.get(from)
          if (set) set.add(to)
          else map.set(from, new Set([to]))
        }
        const join = (from: string, to: string): void => {
          put(concerns, from, to)
          if (from !== to) put(mates, from, to)
        }
        if (pattern.of === 'group') {
          for (const group of site.all('groups'))
            for (const a of group.members) for (const b of group.members) if (group.members.length > 1) join(a, b)
        } else
          for (const escort of site.all('escorts'))
            for (const person of escort.persons) for (const who of [person, ...escort.officers]) join(who, person)
        index = { site, version: site.version, concerns, mates }
      }
      return index
    }
    const concernedBy = (mover: string, site: FacilityContext): ReadonlySet<string> =>
      indexOf(site).concerns.get(mover) ?? NOBODY

    /** Those who should be near him now; null = the rule does not apply to him now. */
    function companions(person: string, fix: Fix, at: number, cx: C): string[] | null {
      if (pattern.of === 'escort') {
        const escort = cx.site.escortOf(person, at)
        return escort && escort.officers.length > 0 ? escort.officers : null
      }
      if (isLawful(person, fix, at, cx) || isInToilet(person, at, cx)) return null
      const found = new Set<string>()
      for (const member of indexOf(cx.site).mates.get(person) ?? NOBODY) if (!isAway(member, at, cx)) found.add(member)
      return found.size > 0 ? [...found] : null
    }

    /** A pass or an order sends him there, or his timetable: who is at class is not sought by his cell. */
    const isLawful = (person: string, fix: Fix, at: number, cx: C): boolean =>
      cx.site.isLawfullyIn(person, fix.zone, at)

    function isInToilet(person: string, at: number, cx: C): boolean {
      const since = cx.peek(person)?.toiletSince ?? null
      return since !== null && at - since < toiletMs
    }

    /** A member who is lawfully elsewhere is nobody's missing buddy. */
    function isAway(member: string, at: number, cx: C): boolean {
      if (cx.site.isOnList('medical', member) || cx.site.isOnList('charging', member)) return true
      if (cx.site.escortOf(member, at) || isInToilet(member, at, cx)) return true
      const fix = cx.people.at(member, at)
      return fix !== undefined && isLawful(member, fix, at, cx)
    }

    function areTogether(a: Fix, b: Fix): boolean {
      if (pattern['same-zone'] && a.zone !== null && a.zone === b.zone) return true
      return a.floor === b.floor && Math.hypot(a.x - b.x, a.y - b.y) <= distance
    }

    function verdicts(person: string, at: number, cx: C): Verdicts {
      const fix = cx.people.at(person, at)
      if (!fix) return UNKNOWN
      // Nearly always somebody of the group is beside him, and nothing else need be asked.
      if (pattern.of === 'group')
        for (const mate of indexOf(cx.site).mates.get(person) ?? NOBODY) {
          const theirs = cx.people.at(mate, at)
          if (theirs && areTogether(fix, theirs) && !isAway(mate, at, cx)) return TOGETHER
        }
      const others = companions(person, fix, at, cx)
      if (others === null) return TOGETHER
      let unknown = false
      for (const other of others) {
        const theirs = cx.people.at(other, at)
        if (!theirs) unknown = true
        else if (areTogether(fix, theirs)) return TOGETHER
      }
      return unknown ? UNKNOWN : APART
    }

    function levelOf(person: string, zone: string | null, cx: C): Level {
      const { 'outside-level': outside, 'watch-level': watch } = pattern
      if (outside && cx.site.upward(zone).some((z) => cx.site.zone(z)?.kind === 'outside')) return outside
      return watch && cx.site.person(person)?.watch === true ? watch : pattern.level
    }

    const clock = timed<State>({
      forMs: [sustainedMs],
      clearMs: rule.ms('togetherFor'),
      verdicts,
      ...(pattern.of === 'group'
        ? {
            stood: (person, at, cx) => cx.gateways.stoodStill(cx.site.device(cx.people.last(person)?.device)?.via, at),
          }
        : {}),
      fire: (person, state, _part, due, cx) => hit(person, state, due, cx),
    })

    function hit(person: string, state: State, due: number, cx: C): void {
      const opening = state.parts[0]?.opening
      const fix = cx.people.last(person)
      if (!opening || !fix) return
      state.level = levelOf(person, fix.zone, cx)
      cx.hit({
        key: person,
        level: state.level,
        opening: opening.id,
        evidence: [opening, { id: fix.id, t: fix.time }],
        zone: fix.zone,
        subjects: [person],
        reasons: [
          { code: pattern.reason, params: { person, metres: distance, seconds: sustainedMs / 1000 }, class: 'L4' },
        ],
        ...dueAt(due, cx.now),
      })
    }

    function noteToilet(person: string, fix: Fix, gap: boolean, cx: C): void {
      const kind = cx.site.zone(fix.zone)?.kind
      const known = cx.peek(person)
      if (kind !== 'toilet' && kind !== 'washroom') {
        if (known) known.toiletSince = null
        return
      }
      const state = known ?? cx.state(person)
      if (state.toiletSince === null || gap) state.toiletSince = fix.time
    }

    /** All that moved at one instant moved together: who walks beside his officer is never far for a moment. */
    function judge(person: string, at: number, cause: Mark | null, cx: C): void {
      const known = cx.peek(person)
      const now = verdicts(person, at, cx)
      if (!known && now.parts[0] !== true) return
      const state = known ?? cx.state(person)
      clock.apply(person, state, at, now, cause, cx)
      const fix = cx.people.at(person, at)
      if (fix && state.active && now.parts[0] === true && state.level !== null) {
        const wanted = levelOf(person, fix.zone, cx)
        // The place got worse while he is apart: outside the walls.
        if (levelRank(wanted) > levelRank(state.level)) hit(person, state, cx.now, cx)
      }
      if (!isIdle(state)) armLapse(person, at, cx)
      else if (state.toiletSince === null) cx.forget(person)
    }

    /** Looks again when one of them is not heard any more: what was true until then says nothing about the time after. */
    function armLapse(person: string, at: number, cx: C): void {
      const fix = cx.people.at(person, at)
      if (!fix) return
      let oldest = fix.time
      for (const other of companions(person, fix, at, cx) ?? []) {
        const theirs = cx.people.at(other, at)
        if (theirs && theirs.time < oldest) oldest = theirs.time
      }
      cx.wake(person, Math.max(cx.now + 1, oldest + FIX_VALID_MS + 1), 'absence', 'lapse')
    }

    return {
      initial: () => ({ ...newTimed(1), level: null, toiletSince: null }),
      on(input, cx) {
        if (!input.usableFix || input.subject === null) return
        const moved = cx.people.last(input.subject)
        // Late fixes never move a person back.
        if (moved?.id !== input.id) return
        const gap = moved.previous !== null && moved.time - moved.previous > FIX_VALID_MS
        const concerned = concernedBy(input.subject, cx.site)
        if (toiletMs > 0 && concerned.has(input.subject)) noteToilet(input.subject, moved, gap, cx)
        for (const person of concerned) {
          if (input.late) {
            judge(person, input.time, mark(input), cx)
            continue
          }
          // Not apart yet: whoever else moves in this instant asks again.
          if (!cx.peek(person) && verdicts(person, cx.now, cx).parts[0] !== true) continue
          const pending = cx.state(`${NOW}${person}`)
          pending.moved = [...(pending.moved ?? []), mark(input)]
          cx.wake(person, cx.now, 'absence', 'judge')
        }
      },
      // An order that ends, or a group that is made anew, is judged then and not at the next fix.
      context(cx) {
        for (const key of cx.keys()) if (!key.startsWith(NOW)) cx.wake(key, cx.now, 'absence', 'judge')
      },
      wake(key, tag, cx) {
        if (tag === 'lapse') {
          if (cx.peek(key)) judge(key, cx.now, null, cx)
        } else if (tag === 'judge') {
          const moved = cx.peek(`${NOW}${key}`)?.moved ?? []
          cx.forget(`${NOW}${key}`)
          judge(key, cx.now, earliestMark(moved), cx)
        } else clock.wake(key, tag, cx)
      },
    }
  },
}

const NOW = 'now|'
const NOBODY: ReadonlySet<string> = new Set()
