/** Questions that `--why` puts to the engine that ran: where somebody is, how long something lasts, what is on a list. No verdicts. */
import type { Engine } from './engine/engine.ts'
import type { Rule } from './engine/rule.ts'
import { FIX_VALID_MS, type Fix } from './engine/whereabouts.ts'

/** One predicate: true, false, or null where nobody knows. */
export interface Asked {
  predicate: string
  holds: boolean | null
  value: unknown
  limit?: unknown
  source?: string | null
  ageMs?: number | null
  /** Why it does not hold, when "not true" says too little. */
  cause?: string
}

export interface Question {
  rule: Rule
  key: string
  parts: readonly string[]
  engine: Engine
  at: number
}
export type Ask = (q: Question) => Asked[]

export const round = (n: number): number => Math.round(n * 10) / 10
export const say = (predicate: string, holds: boolean | null, value: unknown, more: Partial<Asked> = {}): Asked => ({
  predicate,
  holds,
  value,
  ...more,
})

export function fixOf({ engine, at }: Question, who: string): Fix | null {
  const fix = engine.fixOf(who)
  return fix && at <= fix.time + FIX_VALID_MS ? fix : null
}

/** Is the person heard, and where. */
export function heard(q: Question, who: string): Asked {
  const fix = q.engine.fixOf(who)
  if (!fix) return say(`position of ${who}`, null, null, { cause: 'no usable position yet', source: who })
  const ageMs = q.at - fix.time
  const more = { limit: FIX_VALID_MS / 1000, source: fix.device, ageMs }
  return ageMs <= FIX_VALID_MS
    ? say(`position of ${who}`, true, fix.zone, more)
    : say(`position of ${who}`, null, fix.zone, { ...more, cause: 'dead sensor: the last usable position is too old' })
}

export function apart(q: Question, a: string, b: string, holds: (metres: number) => boolean, limit: number): Asked {
  const [fa, fb] = [fixOf(q, a), fixOf(q, b)]
  const predicate = `distance ${a} – ${b}`
  if (!fa || !fb) return say(predicate, null, null, { limit, cause: 'unknown: one of them is not heard' })
  if (fa.floor !== fb.floor) return say(predicate, holds(Number.POSITIVE_INFINITY), 'another floor', { limit })
  const metres = Math.hypot(fa.x - fb.x, fa.y - fb.y)
  return say(predicate, holds(metres), round(metres), { limit, source: fb.device, ageMs: q.at - fb.time })
}

/** What excuses a person from rules about his place; each is asked as "is he not". */
export function excuses(q: Question, who: string): Asked[] {
  const { site } = q.engine
  const zone = fixOf(q, who)?.zone ?? null
  const person = site.person(who)
  return [
    say('not on the charging list', !site.isOnList('charging', who), site.isOnList('charging', who), {
      cause: 'excused: charging list',
    }),
    say('not on the medical list', !site.isOnList('medical', who), site.isOnList('medical', who), {
      cause: 'excused: medical list',
    }),
    say('no escort', !site.escortOf(who, q.at), site.escortOf(who, q.at)?.id ?? null, {
      cause: 'excused: an escort is on',
    }),
    say('no pass or order for the place', !site.hasPermit(who, zone, q.at), zone, {
      cause: 'excused: a pass, an escort or a work order is valid',
    }),
    ...(person && zone !== null
      ? [
          say('not in the timetable here', !site.isInSlot(person, zone, q.at), zone, {
            cause: 'excused: the timetable has him there now',
          }),
        ]
      : []),
  ]
}

export const night = ({ engine, at }: Question): Asked =>
  say('night', engine.site.isNight(at), engine.site.night, { cause: 'it is not night' })
export const doorMode = ({ engine }: Question, door: string): Asked => {
  const mode = engine.record(door)?.signals['door.mode']?.value.mode ?? 'normal'
  return say('door mode', mode === 'normal', mode, {
    limit: 'normal',
    source: door,
    cause: 'the mode of the door is not normal',
  })
}
export const kindIs = (q: Question, zone: string | null, kinds: readonly string[]): Asked => {
  const kind = q.engine.site.zone(zone)?.kind ?? null
  return say('kind of the place', kind !== null && kinds.includes(kind), kind, { limit: kinds, source: zone })
}
/** How long since; true when the limit has passed. */
export function waited(
  q: Question,
  predicate: string,
  since: number | null | undefined,
  limit: string,
  source: string | null,
): Asked {
  const seconds = q.rule.num(limit)
  if (since === null || since === undefined)
    return say(predicate, false, null, { limit: seconds, source, cause: 'it has not begun' })
  const elapsed = (q.at - since) / 1000
  return say(predicate, elapsed >= seconds, round(elapsed), {
    limit: seconds,
    source,
    ageMs: q.at - since,
    cause: 'not long enough yet',
  })
}
export const listed = (predicate: string, found: boolean, source: string, cause: string): Asked =>
  say(predicate, found, found, { source, cause })
export const signalTime = (q: Question, device: string, type: string): number | null =>
  q.engine.record(device)?.signals[type]?.time ?? null
export const stateOf = (q: Question, key = q.key): Record<string, unknown> => {
  for (const [name, state] of q.engine.statesOf(q.rule.id)) if (name === key) return state as Record<string, unknown>
  return {}
}
/** Since when the first part that runs has been true. */
export function timerOf(q: Question): number | null {
  const parts = stateOf(q).parts as { since: number | null }[] | undefined
  return parts?.find((p) => p.since !== null)?.since ?? null
}
export const inZone = (q: Question, zone: string, is: (who: string) => boolean): string[] =>
  q.engine.heardIn(zone, q.at).filter(is)
export const open = (q: Question, codes: readonly string[]): Asked[] =>
  codes.map((code) => {
    const alerts = q.engine.book.open(code)
    const near = alerts.filter((a) => a.zone !== null && q.engine.site.areLinked(a.zone, q.key))
    return say(
      `alert ${code} in a linked zone`,
      near.length > 0,
      near.map((a) => `${a.key} ${a.level}`),
      {
        cause: alerts.length > 0 ? 'open, but in no linked zone' : 'no such alert is open',
        ageMs: near[0] ? q.at - near[0].raisedAt : null,
      },
    )
  })
export const openOf = (q: Question): Asked[] =>
  open(
    q,
    q.rule.file.watches.filter((c) => c !== q.rule.code && c !== '*'),
  )

/** Health of the gateway that a timer waits for. */
export function gateway(q: Question, via: string | null): Asked[] {
  if (via === null) return []
  const since = q.engine.gatewayUnhealthySince(via, q.at)
  return [
    say('its gateway is healthy', since === null, since === null ? true : new Date(since).toISOString(), {
      source: via,
      ageMs: since === null ? null : q.at - since,
      cause: 'the gateway is not healthy: the timer stands still',
    }),
  ]
}
