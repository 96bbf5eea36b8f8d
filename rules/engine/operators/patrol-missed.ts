/**
 * R41: a point of a patrol route that nobody visited for its interval plus the tolerance, counted from the last visit or from
 * the beginning of the route's hours (or of the run: nobody answers for what was before); two intervals in a row are orange.
 */
import type { Patrol } from '#model/context/kinds.ts'
import { durationMs, localTime, minuteOf } from '#model/local-time.ts'
import type { Cx, Operator } from '../operator.ts'

interface State {
  /** From here the interval counts: the last visit, or the beginning of the hours. */
  since: number
  /** Intervals missed since then. */
  missed: number
  /** Where the interval that is being watched ends. */
  due: number
}

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

    /** The hours that hold `at`, or those that begin next: first and last instant. */
    function hoursAround(route: Patrol, at: number, cx: C): { from: number; to: number } {
      const hours = hoursOf(route, cx)
      if (hours === null) return { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }
      const { timezone } = cx.site
      const { midnight } = localTime(timezone, at)
      for (const day of [-1, 0, 1]) {
        // Noon of the day, so that a change of the clock does not lead into another day.
        const from =
          localTime(timezone, midnight + day * DAY_MS + DAY_MS / 2).midnight + minuteOf(hours.slice(0, 5)) * 60_000
        if (from + lengthOf(hours) > at) return { from, to: from + lengthOf(hours) }
      }
      return { from: at, to: at }
    }

    /** Watches the next interval: after `since`, or in the next hours when this one would end outside. */
    function watch(name: string, route: Patrol, since: number, missed: number, cx: C): void {
      const every = interval(route)
      const state = cx.state(name)
      let hours = hoursAround(route, since, cx)
      state.since = Math.max(since, hours.from)
      state.missed = missed
      state.due = state.since + every * (missed + 1)
      if (state.due > hours.to) {
        hours = hoursAround(route, hours.to, cx)
        Object.assign(state, { since: hours.from, missed: 0, due: hours.from + every })
      }
      cx.wake(name, state.due + grace(route), 'absence')
    }

    const hoursChanged = (route: Patrol, { since, due }: State, cx: C): boolean => {
      const { from, to } = hoursAround(route, since, cx)
      return since < from || due > to
    }

    function settle(cx: C): void {
      const names = new Set<string>()
      for (const route of cx.site.all('patrols'))
        for (const point of route.points) {
          const name = `${route.id}|${point}`
          names.add(name)
          const known = cx.peek(name)
          if (!known) watch(name, route, cx.now, 0, cx)
          // Another interval, other hours: what was last seen counts, against the route as it is now.
          else if (known.since + interval(route) * (known.missed + 1) !== known.due || hoursChanged(route, known, cx))
            watch(name, route, known.since, known.missed, cx)
        }
      for (const name of [...cx.keys()])
        if (name !== '' && !names.has(name)) {
          cx.forget(name)
          cx.clear(name)
        }
    }

    return {
      initial: () => ({ since: 0, missed: 0, due: 0 }),
      start: settle,
      context: settle,
      on(input, cx) {
        if (input.quality === 'bad') return
        const name = `${input.value.route}|${input.value.point}`
        const state = cx.peek(name)
        const route = cx.site.item('patrols', String(input.value.route))
        if (!state || !route) return
        cx.clear(name)
        if (input.time >= state.since) watch(name, route, input.time, 0, cx)
      },
      wake(name, _tag, cx) {
        const state = cx.peek(name)
        const route = cx.site.item('patrols', name.slice(0, name.indexOf('|')))
        if (!state || !route) return
        const { due } = state
        const deadline = due + grace(route)
        if (deadline > cx.now) {
          cx.wake(name, deadline, 'absence')
          return
        }
        const times = state.missed + 1
        const point = name.slice(name.indexOf('|') + 1)
        const level = times >= 2 ? 'orange' : 'yellow'
        cx.hit({
          key: name,
          level,
          opening: `due:${new Date(due).toISOString()}`,
          evidence: [],
          zone: cx.site.zoneOfDevice(point),
          device: cx.site.device(point) ? point : null,
          reasons: [{ code: times >= 2 ? 'missed-again' : 'missed', params: { route: route.id, point, times } }],
          ...(deadline === cx.now ? {} : { eventTime: deadline }),
        })
        watch(name, route, state.since, times, cx)
      },
    }
  },
}

function lengthOf(hours: string): number {
  const from = minuteOf(hours.slice(0, 5))
  const to = minuteOf(hours.slice(6))
  return ((to - from + 1440) % 1440 || 1440) * 60_000
}
