/**
 * R41: a point of a patrol route that nobody visited in its interval (plus the tolerance); two intervals in a row are orange.
 * Intervals count from the beginning of the route's hours; one that had begun before the run is nobody's fault.
 */
import type { Patrol } from '#model/context/kinds.ts'
import { durationMs, inHours, localTime, minuteOf } from '#model/local-time.ts'
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  /** End of the interval that is being watched; 0 = none. */
  due: number
  /** Visits that have not been given to an interval. */
  visits: Mark[]
  missed: number
  /** State "": when the run began. */
  began: number
}

const MAX_VISITS = 32
const DAY_MS = 86_400_000

export const operator: Operator<State> = {
  name: 'patrol-missed',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const everyMs = { day: rule.ms('dayEvery'), night: rule.ms('nightEvery'), watch: rule.ms('watchEvery') }
    const toleranceMs = rule.ms('tolerance')
    type C = Cx<State>

    const interval = (route: Patrol): number => durationMs(route.every ?? '') ?? everyMs[route.kind]
    const grace = (route: Patrol): number => durationMs(route.tolerance ?? '') ?? toleranceMs

    /** Local hours of a route; null = always. */
    function hoursOf(route: Patrol, cx: C): string | null {
      if (route.hours) return route.hours
      const [from, to] = cx.site.night.split('-') as [string, string]
      return route.kind === 'night' ? `${from}-${to}` : route.kind === 'day' ? `${to}-${from}` : null
    }

    /** End of the first interval that begins at or after `at`. */
    function nextDue(route: Patrol, at: number, cx: C): number {
      const hours = hoursOf(route, cx)
      const every = interval(route)
      const timezone = cx.site.timezone
      const fromMinute = hours === null ? 0 : minuteOf(hours.slice(0, 5))
      const { midnight } = localTime(timezone, at)
      for (const day of [-1, 0, 1, 2]) {
        const start = localTime(timezone, midnight + day * DAY_MS + DAY_MS / 2).midnight + fromMinute * 60_000
        const length = hours === null ? DAY_MS : lengthOf(hours)
        const first = start + Math.max(0, Math.ceil((at - start) / every)) * every
        if (first + every <= start + length) return first + every
      }
      return at + every
    }

    function watch(name: string, route: Patrol, from: number, cx: C): void {
      const state = cx.state(name)
      state.due = nextDue(route, from, cx)
      cx.wake(name, state.due + grace(route), 'absence')
    }

    function settle(cx: C): void {
      const names = new Set<string>()
      for (const route of cx.site.all('patrols'))
        for (const point of route.points) {
          const name = `${route.id}|${point}`
          names.add(name)
          if (!cx.peek(name)) watch(name, route, cx.now, cx)
        }
      for (const name of [...cx.keys()])
        if (name !== '' && !names.has(name)) {
          cx.forget(name)
          cx.clear(name)
        }
    }

    return {
      initial: () => ({ due: 0, visits: [], missed: 0, began: 0 }),
      start: settle,
      context: settle,
      on(input, cx) {
        if (input.quality === 'bad') return
        const name = `${input.value.route}|${input.value.point}`
        const state = cx.peek(name)
        if (!state) return
        state.visits = [...state.visits, mark(input)].slice(-MAX_VISITS)
        state.missed = 0
        cx.clear(name)
      },
      wake(name, _tag, cx) {
        const state = cx.peek(name)
        const route = cx.site.item('patrols', name.slice(0, name.indexOf('|')))
        if (!state || !route) return
        const every = interval(route)
        const deadline = state.due + grace(route)
        if (deadline > cx.now) {
          cx.wake(name, deadline, 'absence')
          return
        }
        const { due } = state
        const inTime = state.visits.some((v) => v.t >= due - every && v.t <= due)
        const late = state.visits.find((v) => v.t > due && v.t <= deadline)
        // What came before the end of the interval is used up; a late visit belongs to one interval only.
        state.visits = state.visits.filter((v) => v.t > due && (inTime || v !== late))
        if (inTime || late) {
          state.missed = 0
        } else {
          state.missed++
          const point = name.slice(name.indexOf('|') + 1)
          const level = state.missed >= 2 ? 'orange' : 'yellow'
          cx.hit({
            key: name,
            level,
            opening: `due:${new Date(due).toISOString()}`,
            evidence: [],
            zone: cx.site.zoneOfDevice(point),
            device: cx.site.device(point) ? point : null,
            reasons: [
              {
                code: level === 'orange' ? 'missed-again' : 'missed',
                params: { route: route.id, point, times: state.missed },
              },
            ],
            ...(deadline === cx.now ? {} : { eventTime: deadline }),
          })
        }
        const hours = hoursOf(route, cx)
        const goesOn = hours === null || inHours(cx.site.timezone, hours, due)
        state.due = goesOn ? nextDue(route, due, cx) : nextDue(route, cx.now, cx)
        cx.wake(name, state.due + grace(route), 'absence')
      },
    }
  },
}

function lengthOf(hours: string): number {
  const from = minuteOf(hours.slice(0, 5))
  const to = minuteOf(hours.slice(6))
  return ((to - from + 1440) % 1440 || 1440) * 60_000
}
