/**
 * R43: fewer officers in a zone than its manning plan asks for the inmates who are there. A zone without a plan has no
 * such rule; before the first staff fix of the run nobody can be missing.
 */
import type { FacilityContext } from '#model/context/facility-context.ts'
import { type Cx, type Input, mark, type Operator } from '../operator.ts'
import { dueAt, newTimed, type Timed, timed } from '../timed.ts'
import { FIX_VALID_MS, type Fix } from '../whereabouts.ts'

interface State extends Timed {
  /** State "": a staff fix came. */
  armed: boolean
  /** States "w|person": planned zones he was in last. */
  zones: string[]
}

const TICK_MS = 5_000
const MAX_FORMULA = 200
const NOWHERE: string[] = []

export const operator: Operator<State> = {
  name: 'under-manned',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    type C = Cx<State>
    const plans = new Map<string, (inmates: number) => number>()

    /** Plans by zone, as the context stands; asked on every fix. */
    let known = {
      version: -1,
      byZone: new Map<string, (inmates: number) => number>(),
      /** Planned zones around a zone, nearest first. */
      around: new Map<string, string[]>(),
    }
    function planOf(zone: string, site: FacilityContext): ((inmates: number) => number) | null {
      if (known.version !== site.version) {
        known = { version: site.version, byZone: new Map(), around: new Map() }
        for (const place of site.all('zones')) if (place.manning) known.byZone.set(place.id, compiled(place.manning))
        for (const item of site.all('manning')) known.byZone.set(item.zone, compiled(String(item.officers)))
      }
      return known.byZone.get(zone) ?? null
    }
    const hasPlans = (site: FacilityContext): boolean => planOf('', site) !== null || known.byZone.size > 0
    function plannedAround(zone: string | null, site: FacilityContext): string[] {
      if (zone === null || !hasPlans(site)) return NOWHERE
      let found = known.around.get(zone)
      if (!found) {
        found = site.upward(zone).filter((z) => known.byZone.has(z))
        known.around.set(zone, found)
      }
      return found
    }
    /** Planned zones of everybody's last fix, beside the state, so that who stays costs one look-up. */
    const lastSeen = new Map<string, readonly string[]>()
    function compiled(text: string): (inmates: number) => number {
      const plan = plans.get(text) ?? formula(text)
      plans.set(text, plan)
      return plan
    }

    function peopleIn(zone: string, at: number, cx: C): string[] {
      const found = cx.people.inZone(zone, at)
      for (const child of cx.site.children(zone)) found.push(...peopleIn(child, at, cx))
      return found
    }

    function count(zone: string, at: number, cx: C) {
      const people = peopleIn(zone, at, cx)
      const officers = people.filter((p) => cx.site.staff(p)).sort()
      return {
        officers,
        inmates: people.length - officers.length,
        need: planOf(zone, cx.site)?.(people.length - officers.length) ?? 0,
      }
    }

    /** Somebody of the staff was here last and his gateway is silent: nobody knows whether he still is. */
    function isBlind(zone: string, at: number, cx: C): boolean {
      return cx.site.all('staff').some((s) => {
        const fix = cx.people.last(s.id)
        if (!fix || fix.zone === null || !cx.site.within(fix.zone, zone) || cx.people.at(s.id, at)) return false
        return cx.gateways.standsStill(cx.site.device(fix.device)?.via, at)
      })
    }

    function verdicts(zone: string, at: number, cx: C) {
      const { officers, need } = count(zone, at, cx)
      const short = officers.length < need
      return { parts: [short ? (isBlind(zone, at, cx) ? null : true) : false], over: !short }
    }

    const engine = timed<State>({
      forMs: [rule.ms('sustained')],
      clearMs: rule.ms('enoughFor'),
      verdicts: (zone, at, cx) => verdicts(zone, at, cx),
      fire(zone, state, _part, due, cx) {
        const { officers, inmates, need } = count(zone, due, cx)
        const opening = state.parts[0]?.opening ?? null
        cx.hit({
          key: zone,
          level: 'yellow',
          opening: opening?.id ?? `due:${new Date(due).toISOString()}`,
          evidence: opening ? [opening] : [],
          zone,
          reasons: [{ code: 'too-few', params: { officers: officers.length, need, inmates } }],
          ...dueAt(due, cx.now),
        })
      },
    })

    function settle(zone: string, at: number, input: Input | null, cx: C): void {
      // Who is not heard after this instant is not counted any more.
      engine.apply(zone, cx.state(zone), at, verdicts(zone, at + 1, cx), input ? mark(input) : null, cx)
      cx.wake(zone, Math.min(at + TICK_MS, nextExpiry(zone, at, cx)), 'absence', 'tick')
    }

    /** The first instant at which somebody counted here is not heard any more. */
    function nextExpiry(zone: string, at: number, cx: C): number {
      let next = Number.POSITIVE_INFINITY
      for (const person of peopleIn(zone, at, cx)) {
        const silent = (cx.people.last(person)?.time ?? at) + FIX_VALID_MS
        if (silent > at && silent < next) next = silent
      }
      return next
    }

    return {
      initial: () => ({ ...newTimed(1), armed: false, zones: [] }),
      on(input, cx) {
        if (!input.usableFix || input.subject === null) return
        if (!hasPlans(cx.site)) return
        const facility = cx.state('')
        if (!facility.armed && cx.site.staff(input.subject) !== undefined) {
          facility.armed = true
          for (const zone of plannedZones(cx.site)) settle(zone, input.time, input, cx)
        }
        // A late fix never moves a person back.
        if (cx.people.last(input.subject)?.id !== input.id) return
        const now = plannedAround(input.zone, cx.site)
        const { previous } = cx.people.last(input.subject) as Fix
        const isBack = previous !== null && input.time - previous > FIX_VALID_MS
        if (isBack && facility.armed) for (const zone of now) settle(zone, input.time, input, cx)
        if (lastSeen.get(input.subject) === now) return
        lastSeen.set(input.subject, now)
        const who = cx.state(`w|${input.subject}`)
        const changed = [...who.zones.filter((z) => !now.includes(z)), ...now.filter((z) => !who.zones.includes(z))]
        who.zones = now
        if (facility.armed) for (const zone of changed) settle(zone, input.time, input, cx)
      },
      wake(zone, tag, cx) {
        if (tag !== 'tick') {
          engine.wake(zone, tag, cx)
          return
        }
        if (planOf(zone, cx.site) === null) {
          cx.forget(zone)
          cx.clear(zone)
        } else if (cx.peek(zone)) settle(zone, cx.now, null, cx)
      },
      context(cx) {
        if (cx.peek('')?.armed !== true) return
        for (const zone of plannedZones(cx.site)) settle(zone, cx.now, null, cx)
      },
    }
  },
}

function plannedZones(site: FacilityContext): string[] {
  const zones = new Set(site.all('manning').map((m) => m.zone))
  for (const zone of site.all('zones')) if (zone.manning) zones.add(zone.id)
  return [...zones].sort()
}

/** "2", "ceil(inmates/20)", "max(1, inmates/10 + 1)". What cannot be read asks for nobody. */
export function formula(text: string): (inmates: number) => number {
  const tokens = text.match(/[a-z]+|\d+(\.\d+)?|[-+*/(),]/gi) ?? []
  if (text.length > MAX_FORMULA || tokens.join('') !== text.replace(/\s/g, '')) return () => 0
  return (inmates) => {
    let at = 0
    const peek = () => tokens[at]
    const atom = (): number => {
      const token = tokens[at++]
      if (token === '(') {
        const value = sum()
        at++
        return value
      }
      if (token === '-') return -atom()
      if (token === 'inmates') return inmates
      if (token && /^\d/.test(token)) return Number(token)
      if (token && ['ceil', 'floor', 'round', 'max', 'min'].includes(token) && tokens[at] === '(') {
        at++
        const args = [sum()]
        while (peek() === ',') {
          at++
          args.push(sum())
        }
        at++
        return (Math[token as 'ceil'] as (...n: number[]) => number)(...args)
      }
      return Number.NaN
    }
    const product = (): number => {
      let value = atom()
      while (peek() === '*' || peek() === '/') value = tokens[at++] === '*' ? value * atom() : value / atom()
      return value
    }
    const sum = (): number => {
      let value = product()
      while (peek() === '+' || peek() === '-') value = tokens[at++] === '+' ? value + product() : value - product()
      return value
    }
    const value = sum()
    return Number.isFinite(value) && at >= tokens.length ? value : 0
  }
}
