/**
 * What the patterns that are code ask of the facility, for `--why`: for each operator the facts between things: distances,
 * lists, hours, counts, waiting times. It asks the engine that ran, states values beside limits, and decides nothing.
 */
import type { TimetableSlot } from '#model/context/kinds.ts'
import { isLockUp } from '#model/context/lock-up.ts'
import type { Engine } from './engine/engine.ts'
import type { Rule } from './engine/rule.ts'
import {
  type Ask,
  type Asked,
  doorMode,
  heard,
  kindIs,
  listed,
  open,
  openOf,
  round,
  say,
  signalTime,
  stateOf,
  timerOf,
  waited,
} from './why-asking.ts'
import { ABOUT_PEOPLE } from './why-people.ts'

const ABOUT_THINGS: Readonly<Record<string, Ask>> = {
  'door-forced'(q) {
    const { site } = q.engine
    const opened = signalTime(q, q.key, 'door.state')
    const helpers = [
      q.key,
      ...site
        .all('devices')
        .filter((d) => d.door === q.key)
        .map((d) => d.id),
    ]
    const permits = helpers.flatMap((d) =>
      ['access.granted', 'door.exit-request', 'door.command'].flatMap((type) => {
        const t = signalTime(q, d, type)
        return t === null ? [] : [{ type, t, source: d }]
      }),
    )
    const within = permits.find(
      (p) => opened !== null && p.t >= opened - q.rule.ms('permitBefore') && p.t <= opened + q.rule.ms('permitAfter'),
    )
    return [
      say('no permission around the opening', within === undefined, within?.type ?? null, {
        limit: [-q.rule.num('permitBefore'), q.rule.num('permitAfter')],
        source: within?.source ?? null,
        ageMs: within ? q.at - within.t : null,
        cause: 'somebody had the right to open it',
      }),
      waited(q, 'decided after', opened, 'permitAfter', q.key),
      doorMode(q, q.key),
    ]
  },
  'door-held'(q) {
    const kind = q.engine.site.zone(q.engine.site.zoneOfDevice(q.key))?.kind
    const limit = kind === 'cell' ? 'cellLimit' : kind === 'sally-port' ? 'sallyLimit' : 'limit'
    const signal = q.engine.record(q.key)?.signals['door.state']
    const since = stateOf(q).since ?? (signal?.value.state === 'open' ? signal.time : null)
    return [waited(q, 'open for', since as number | null, limit, q.key), doorMode(q, q.key)]
  },
  interlock(q) {
    const pair = q.engine.site.item('door-pairs', q.key)
    if (!pair) return [listed('is a door pair', false, q.key, 'there is no such pair of doors')]
    return [pair.a, pair.b].flatMap((door) => {
      const state = q.engine.record(door)?.signals['door.state']
      const known = state && q.engine.record(door)?.online !== false
      return [
        say(`${door} not closed`, known ? state.value.state !== 'closed' : null, state?.value.state ?? null, {
          source: door,
          ageMs: state ? q.at - state.time : null,
        }),
        doorMode(q, door),
      ]
    })
  },
  'lock-up'(q) {
    const { site } = q.engine
    const cell = site.zoneOfDevice(q.key)
    const concerns = (s: TimetableSlot): boolean =>
      site.within(cell, s.zone) || s.wards?.some((w) => site.within(cell, w)) === true
    const slots = site.all('timetable').filter((s) => isLockUp(s) && concerns(s))
    return [
      kindIs(q, cell, ['cell', 'dormitory']),
      listed(
        'a lock-up stands in the timetable',
        slots.length > 0,
        cell ?? q.key,
        'the timetable has no lock-up for this place',
      ),
      say(
        'locked-up hours',
        site.slotsAt(q.at).some((s) => slots.includes(s)),
        site.slotsAt(q.at).map((s) => s.activity),
        { source: 'timetable', cause: 'it is not the time of lock-up' },
      ),
      doorMode(q, q.key),
    ]
  },
  'patrol-missed'(q) {
    const [route = '', point = ''] = q.parts
    const entry = q.engine.site.item('patrols', route)
    const state = stateOf(q) as { due?: number; visits?: { t: number }[] }
    const last = signalTime(q, point, 'patrol.checkin')
    return [
      listed('stands in a route', entry?.points.includes(point) === true, q.key, 'no such point in such a route'),
      say(
        'the interval is over',
        state.due === undefined ? null : q.at >= state.due,
        state.due ? new Date(state.due).toISOString() : null,
        { cause: 'it is not due yet' },
      ),
      say('last visit', last === null ? true : null, last === null ? null : new Date(last).toISOString(), {
        source: point,
        ageMs: last === null ? null : q.at - last,
        cause: 'compare with the interval',
      }),
    ]
  },
  'tool-overdue': (q) => [
    listed('is out', Object.keys(stateOf(q)).length > 0, q.key, 'it is in, or was never taken'),
    listed(
      'shifts are known',
      q.engine.site.all('shifts').length > 0,
      'shifts',
      'no shifts: nobody knows when it is due',
    ),
  ],
  'roll-call': (q) => [
    listed('has begun in this run', Object.keys(stateOf(q)).length > 0, q.key, 'no such count has begun'),
  ],
  'regular-patrol': (q) => [
    say(
      'is a watch round',
      q.engine.site.item('patrols', q.key)?.kind === 'watch',
      q.engine.site.item('patrols', q.key)?.kind ?? null,
      { limit: 'watch' },
    ),
    say(
      'rounds known',
      ((stateOf(q).starts as unknown[]) ?? []).length > q.rule.num('intervals'),
      ((stateOf(q).starts as unknown[]) ?? []).length,
      { limit: q.rule.num('intervals') + 1, cause: 'no baseline: too few rounds yet' },
    ),
  ],
  habits: (q) => [
    say('days known', null, Object.keys(stateOf(q)).length, {
      limit: q.rule.num('minDays'),
      cause: 'no baseline: warm-up is not over, or nothing is unusual',
    }),
  ],
  'stuck-sensor'(q) {
    const [device = ''] = q.parts
    const state = stateOf(q) as { first?: { t: number } }
    return [waited(q, 'unchanged for', state.first?.t, 'stuckFor', device)]
  },
  'mass-offline'(q) {
    const { site } = q.engine
    if (site.device(q.key)) {
      const record = q.engine.record(q.key)
      return [
        say(
          'offline',
          record?.online === null || record === undefined ? null : record.online === false,
          record?.online ?? null,
          { source: q.key },
        ),
        waited(
          q,
          'offline for',
          record?.online === false ? record.onlineChangedAt || signalTime(q, q.key, 'device.status') : null,
          'singleAfter',
          q.key,
        ),
      ]
    }
    const devices = [q.key, ...site.children(q.key)].flatMap((z) => site.devicesOf(z))
    const off = devices.filter((d) => q.engine.record(d.id)?.online === false)
    const share = devices.length === 0 ? 0 : round((off.length / devices.length) * 100)
    return [
      say('devices offline', off.length >= q.rule.num('minimum'), off.length, {
        limit: q.rule.num('minimum'),
        cause: 'too few',
      }),
      say('share offline', share >= q.rule.num('share'), share, {
        limit: q.rule.num('share'),
        cause: 'too small a share',
      }),
    ]
  },
  'anti-passback'(q) {
    const holder = q.engine.site.holderOfCredential(q.key)
    return [
      listed('has an earlier passage', Object.keys(stateOf(q)).length > 0, q.key, 'no earlier passage of this card'),
      listed('belongs to somebody', holder !== null, q.key, 'nobody holds this card'),
    ]
  },
  tailgating(q) {
    const { site } = q.engine
    const cameras = site
      .all('devices')
      .filter((d) => Object.values(d.lines ?? {}).some((l) => l.door === q.key) || d.door === q.key)
    const grant = site
      .all('devices')
      .filter((d) => d.door === q.key)
      .map((d) => signalTime(q, d.id, 'access.granted'))
      .find((t) => t !== null)
    return [
      listed('a camera counts at the door', cameras.length > 0, q.key, 'no camera has a line at this door'),
      say(
        'last grant',
        grant === undefined ? false : null,
        grant === undefined ? null : new Date(grant as number).toISOString(),
        {
          limit: q.rule.num('after'),
          ageMs: grant === undefined ? null : q.at - (grant as number),
          cause: grant === undefined ? 'nobody was granted passage' : 'compare with who crossed',
        },
      ),
    ]
  },
  'rule-weakened'(q) {
    const target = q.engine.book.rules().find((r) => r.id === q.key || r.code === q.key)
    return [
      listed(
        'is a mandatory rule',
        target?.file.mandatory === true,
        q.key,
        target ? 'the rule is not mandatory' : 'there is no such rule',
      ),
      say('is switched off', target ? !target.enabled : null, target?.enabled ?? null, {
        source: q.key,
        cause: 'the rule is in force',
      }),
    ]
  },
  'suspected-escape': openOf,
  'riot-build-up': openOf,
  'alarm-flood': (q) => [
    say(
      'sounded in the window',
      ((stateOf(q).sounded as unknown[]) ?? []).length > q.rule.num('moreThan'),
      ((stateOf(q).sounded as unknown[]) ?? []).length,
      { limit: q.rule.num('moreThan'), source: q.key, cause: 'bearable' },
    ),
  ],
  'officer-down': (q) => [
    waited(q, 'still for', timerOf(q), 'stillFor', q.key),
    say('no answer to the pre-alert', stateOf(q).answeredAt == null, stateOf(q).answeredAt ?? null, {
      cause: 'the pre-alert was answered',
    }),
    ...open(q, []),
  ],
  'partial-news2'(q) {
    const rest = q.engine.restsAt(q.key, q.at)
    return [
      say('at rest', rest, rest, {
        limit: q.rule.num('rest'),
        cause: rest === null ? 'unknown: no activity is measured' : 'he is not at rest',
      }),
    ]
  },
  withdrawal(q) {
    const detox = q.engine.site.person(q.key)?.detox
    const days = detox?.since === undefined ? null : Math.floor((q.at - Date.parse(String(detox.since))) / 86_400_000)
    return [
      say('days of detox', days === null ? false : days <= q.rule.num('lastDay'), days, {
        limit: q.rule.num('lastDay'),
        source: q.key,
        cause: days === null ? 'he is not in detox' : 'the dangerous days are over',
      }),
    ]
  },
  'perimeter-single': (q) => [
    say('R01 is not open here', !q.engine.book.find('R01', q.key), q.engine.book.find('R01', q.key)?.state ?? null, {
      cause: 'R01 is open: the intrusion is confirmed',
    }),
  ],
  'inmate-face'(q) {
    const [who = '', zone = ''] = q.parts
    const person = q.engine.site.person(who)
    return [
      listed('is a prisoner', person !== undefined, who, 'there is no such person'),
      ...(person && zone
        ? [
            say('the zone is forbidden to him', q.engine.site.isForbidden(person, zone, q.at), zone, {
              cause: 'he may be there',
            }),
          ]
        : []),
    ]
  },
  'card-away'(q) {
    const holder = q.key
    return [heard(q, holder)]
  },
}

const BY_OPERATOR: Readonly<Record<string, Ask>> = { ...ABOUT_PEOPLE, ...ABOUT_THINGS }

export const isAsked = (operator: string): boolean => operator in BY_OPERATOR

export function askedOf(rule: Rule, key: string, engine: Engine, at: number): Asked[] {
  const ask = BY_OPERATOR[rule.file.operator]
  return ask ? ask({ rule, key, parts: key.split('|'), engine, at }) : []
}
