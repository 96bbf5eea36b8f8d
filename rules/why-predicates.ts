/**
 * What the patterns that are code ask of the facility, for `--why`: for each operator the conditions of single readings (as
 * CEL) and the facts between things: distances, lists, hours, counts, waiting times. It asks the engine that ran, states
 * values beside limits, and decides nothing.
 */
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

/** Conditions that the operator puts to one reading of a type; names are fields, parameters and facts of the place. */
export const READING_CONDITIONS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'abnormal-sound': {
    'env.noise': ['db >= loud'],
    'camera.audio': ['sound == "scream" || sound == "impact"', 'level_db >= loud'],
  },
  'band-removed': { 'band.worn': ['worn == false'], 'band.charging': ['charging == false'] },
  'belt-presence': { 'camera.intrusion': ['object == "human" && confidence >= minConfidence'] },
  'camera-tamper': { 'camera.tamper': ['active == true'] },
  'door-forced': { 'door.state': ['state == "open"'] },
  'door-held': { 'door.state': ['state == "open"'], 'door.mode': ['mode == "normal"'] },
  'face-and-card': { 'camera.face': ['score >= isOther'] },
  fall: {
    'camera.behaviour': ['behaviour == "fall" && confidence >= minConfidence'],
    'band.vitals': ['activity <= 0.05', 'confidence >= 0.6'],
  },
  fight: {
    'camera.behaviour': ['behaviour == "fight" && confidence >= minConfidence'],
    'band.vitals': ['confidence >= 0.6'],
  },
  'fire-confirmed': {
    'env.smoke': ['percent_per_m >= smokeLimit'],
    'camera.behaviour': ['behaviour == "flame" && confidence >= minFlameConfidence'],
    'env.call-point': ['active == true'],
  },
  gathering: { 'camera.crowd': ['count >= yellowFrom', 'radius_m == null || radius_m <= radius'] },
  'inmate-face': { 'camera.face': ['score >= minScore', 'live == null || live == true'] },
  interlock: { 'door.state': ['state == "open"'], 'door.mode': ['mode == "normal"'] },
  'life-signs': {
    'radar.vitals': ['present == true', 'resp == null', 'confidence >= 0.6'],
    'band.vitals': ['hr == null', 'activity <= 0.05', 'confidence >= 0.6'],
    'band.worn': ['worn == true'],
  },
  'lock-up': {
    'door.lock': ['state == "unlocked"'],
    'door.state': ['state == "open"'],
    'door.mode': ['mode == "normal"'],
  },
  'lone-officer': { 'door.state': ['state == "open"'] },
  'mass-offline': { 'device.status': ['online == false'] },
  'officer-down': { 'tag.activity': ['activity <= still'] },
  'partial-news2': { 'band.vitals': ['confidence >= 0.6'], 'radar.vitals': ['confidence >= 0.6'] },
  'perimeter-single': { 'camera.intrusion': ['object == "human"'] },
  'person-lost': {
    'camera.face': ['score >= minFaceScore'],
    'radar.vitals': ['present == true'],
    'band.worn': ['worn == true'],
  },
  'sally-port-cycle': { 'gate.life': ['present == true && confidence >= minConfidence'] },
  'self-harm': {
    'camera.behaviour': ['behaviour == "ligature" && confidence >= minConfidence'],
    'band.vitals': ['activity <= 0.05', 'confidence >= 0.6'],
  },
  'video-lost': { 'camera.signal': ['present == false'] },
  withdrawal: {
    'band.vitals': ['hr > pulseHigh', 'hr >= pulseRaised', 'confidence >= 0.6'],
    'clinical.score': ['scale == "COWS" && score >= cowsOrange', 'scale == "CIWA" && score >= ciwaOrange'],
  },
}

interface Question {
  rule: Rule
  key: string
  parts: readonly string[]
  engine: Engine
  at: number
}
type Ask = (q: Question) => Asked[]

const round = (n: number): number => Math.round(n * 10) / 10
const say = (predicate: string, holds: boolean | null, value: unknown, more: Partial<Asked> = {}): Asked => ({
  predicate,
  holds,
  value,
  ...more,
})

function fixOf({ engine, at }: Question, who: string): Fix | null {
  const fix = engine.fixOf(who)
  return fix && at <= fix.time + FIX_VALID_MS ? fix : null
}

/** Is the person heard, and where. */
function heard(q: Question, who: string): Asked {
  const fix = q.engine.fixOf(who)
  if (!fix) return say(`position of ${who}`, null, null, { cause: 'no usable position yet', source: who })
  const ageMs = q.at - fix.time
  const more = { limit: FIX_VALID_MS / 1000, source: fix.device, ageMs }
  return ageMs <= FIX_VALID_MS
    ? say(`position of ${who}`, true, fix.zone, more)
    : say(`position of ${who}`, null, fix.zone, { ...more, cause: 'dead sensor: the last usable position is too old' })
}

function apart(q: Question, a: string, b: string, holds: (metres: number) => boolean, limit: number): Asked {
  const [fa, fb] = [fixOf(q, a), fixOf(q, b)]
  const predicate = `distance ${a} – ${b}`
  if (!fa || !fb) return say(predicate, null, null, { limit, cause: 'unknown: one of them is not heard' })
  if (fa.floor !== fb.floor) return say(predicate, holds(Number.POSITIVE_INFINITY), 'another floor', { limit })
  const metres = Math.hypot(fa.x - fb.x, fa.y - fb.y)
  return say(predicate, holds(metres), round(metres), { limit, source: fb.device, ageMs: q.at - fb.time })
}

/** What excuses a person from rules about his place; each is asked as "is he not". */
function excuses(q: Question, who: string): Asked[] {
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

const night = ({ engine, at }: Question): Asked =>
  say('night', engine.site.isNight(at), engine.site.night, { cause: 'it is not night' })
const doorMode = ({ engine }: Question, door: string): Asked => {
  const mode = engine.record(door)?.signals['door.mode']?.value.mode ?? 'normal'
  return say('door mode', mode === 'normal', mode, {
    limit: 'normal',
    source: door,
    cause: 'the mode of the door is not normal',
  })
}
const kindIs = (q: Question, zone: string | null, kinds: readonly string[]): Asked => {
  const kind = q.engine.site.zone(zone)?.kind ?? null
  return say('kind of the place', kind !== null && kinds.includes(kind), kind, { limit: kinds, source: zone })
}
/** How long since; true when the limit has passed. */
function waited(
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
const listed = (predicate: string, found: boolean, source: string, cause: string): Asked =>
  say(predicate, found, found, { source, cause })
const signalTime = (q: Question, device: string, type: string): number | null =>
  q.engine.record(device)?.signals[type]?.time ?? null
const stateOf = (q: Question, key = q.key): Record<string, unknown> => {
  for (const [name, state] of q.engine.statesOf(q.rule.id)) if (name === key) return state as Record<string, unknown>
  return {}
}
/** Since when the first part that runs has been true. */
function timerOf(q: Question): number | null {
  const parts = stateOf(q).parts as { since: number | null }[] | undefined
  return parts?.find((p) => p.since !== null)?.since ?? null
}
const inZone = (q: Question, zone: string, is: (who: string) => boolean): string[] =>
  q.engine.heardIn(zone, q.at).filter(is)
const open = (q: Question, codes: readonly string[]): Asked[] =>
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
const openOf = (q: Question): Asked[] =>
  open(
    q,
    q.rule.file.watches.filter((c) => c !== q.rule.code),
  )

const BY_OPERATOR: Readonly<Record<string, Ask>> = {
  gathering(q) {
    const { site } = q.engine
    const people = inZone(q, q.key, (p) => site.person(p) !== undefined)
    const zone = site.zone(q.key)
    const living = zone?.kind === 'cell' || zone?.kind === 'dormitory'
    return [
      say('prisoners heard here', people.length >= q.rule.num('yellowFrom'), people.length, {
        limit: q.rule.num('yellowFrom'),
        source: q.key,
        cause: 'too few',
      }),
      say('the timetable gathers nobody here', !site.isGathering(q.key, q.at), site.isGathering(q.key, q.at), {
        source: 'timetable',
        cause: 'the timetable gathers people here',
      }),
      ...(living
        ? [
            say('more than live here', people.length > (zone?.capacity ?? Number.POSITIVE_INFINITY), people.length, {
              limit: zone?.capacity ?? null,
              cause: 'a cell or dormitory up to its capacity',
            }),
          ]
        : []),
    ]
  },
  separation(q) {
    const { site } = q.engine
    const who = q.key
    const limit = q.rule.num('distance')
    const isGroup = q.rule.file.pattern.of === 'group'
    const others = isGroup
      ? [
          ...new Set(
            site
              .all('groups')
              .filter((g) => g.members.includes(who))
              .flatMap((g) => g.members),
          ),
        ].filter((m) => m !== who)
      : [...(site.escortOf(who, q.at)?.officers ?? [])]
    const exists = listed(
      isGroup ? 'has a buddy group' : 'an escort is on',
      others.length > 0,
      who,
      isGroup ? 'he is in no group' : 'no escort of this person is on',
    )
    return [
      exists,
      heard(q, who),
      ...others.map((o) => apart(q, who, o, (m) => m > limit, limit)),
      ...(isGroup ? excuses(q, who) : []),
      waited(q, 'apart for', timerOf(q), 'sustained', who),
    ]
  },
  'keep-apart'(q) {
    const [a = '', b = ''] = q.parts
    const pair = q.engine.site.all('keep-apart').some((k) => k.persons.includes(a) && k.persons.includes(b))
    return [
      listed('are to be kept apart', pair, q.key, 'the two are on no keep-apart list'),
      heard(q, a),
      heard(q, b),
      apart(q, a, b, (m) => m < q.rule.num('near'), q.rule.num('near')),
      waited(q, 'near for', timerOf(q), 'sustained', q.key),
    ]
  },
  geofence(q) {
    const [who = '', zone = ''] = q.parts
    const fix = fixOf(q, who)
    const state = stateOf(q, who)
    return [
      heard(q, who),
      say('is inside', fix === null ? null : fix.zone === zone, fix?.zone ?? null, {
        limit: zone,
        source: fix?.device ?? null,
      }),
      say(
        'consecutive fixes',
        Number(state.fixes ?? 0) >= q.rule.num('minFixes') && state.zone === zone,
        state.zone === zone ? state.fixes : 0,
        { limit: q.rule.num('minFixes'), cause: 'too few consecutive fixes' },
      ),
      waited(q, 'inside for', state.zone === zone ? (state.since as number) : null, 'sustained', who),
    ]
  },
  'person-lost'(q) {
    const state = stateOf(q) as { last?: { id: string; t: number }; via?: string | null }
    return [
      listed('has been seen in this run', state.last !== undefined, q.key, 'armed by the first trace: there was none'),
      waited(q, 'without a trace for', state.last?.t, 'orangeAfter', q.key),
      ...gateway(q, state.via ?? null),
      ...excuses(q, q.key).slice(0, 3),
    ]
  },
  'band-offline'(q) {
    const record = q.engine.record(q.key)
    return [
      listed('has spoken in this run', record?.spokeAt != null, q.key, 'armed by the first message: there was none'),
      waited(q, 'silent for', record?.spokeAt, 'blueAfter', q.key),
      ...gateway(q, q.engine.site.device(q.key)?.via ?? null),
    ]
  },
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
    const slots = site.all('timetable').filter((s) => s.activity === 'lock-up' && site.within(cell, s.zone))
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
  'out-of-cell'(q) {
    const { site } = q.engine
    const person = site.person(q.key)
    const fix = fixOf(q, q.key)
    return [
      night(q),
      heard(q, q.key),
      say('out of the own cell', person && fix ? !site.isOwnCell(person, fix.zone) : null, fix?.zone ?? null, {
        limit: person?.cell ?? null,
        cause: 'he is in his cell',
      }),
      ...excuses(q, q.key),
      waited(q, 'out for', stateOf(q).since as number | null, 'limit', q.key),
    ]
  },
  overstay(q) {
    const [who = '', zone = ''] = q.parts
    const kind = q.engine.site.zone(zone)?.kind
    const isToilet = kind === 'toilet' || kind === 'washroom'
    return [
      say(
        'is a toilet or blind',
        isToilet || q.engine.site.zone(zone)?.blind === true || kind === 'blind',
        kind ?? null,
        { source: zone, cause: 'neither a toilet nor a blind zone' },
      ),
      heard(q, who),
      say('is inside', fixOf(q, who) ? fixOf(q, who)?.zone === zone : null, fixOf(q, who)?.zone ?? null, {
        limit: zone,
      }),
      waited(q, 'inside for', timerOf(q), isToilet ? 'toiletLimit' : 'blindLimit', who),
    ]
  },
  'lone-officer'(q) {
    const { site } = q.engine
    const staff = inZone(q, q.key, (p) => site.staff(p) !== undefined)
    const inmates = inZone(q, q.key, (p) => site.person(p) !== undefined)
    return [
      night(q),
      kindIs(q, q.key, ['cell', 'dormitory']),
      say('one officer inside', staff.length === 1, staff, { limit: 1 }),
      say('inmates inside', inmates.length >= 1, inmates.length, { limit: 1 }),
    ]
  },
  'belt-presence'(q) {
    const people = inZone(q, q.key, () => true)
    return [
      kindIs(q, q.key, ['belt']),
      say('somebody is heard here', people.length > 0, people, {}),
      say('no work order', !q.engine.site.hasWorkOrder(q.key, q.at), q.engine.site.hasWorkOrder(q.key, q.at), {
        cause: 'excused: a work order is valid here',
      }),
    ]
  },
  'post-vacant'(q) {
    const post = q.engine.site.item('posts', q.key)
    if (!post) return [listed('is a post', false, q.key, 'there is no such post')]
    const staff = inZone(q, post.zone, (p) => q.engine.site.staff(p) !== undefined)
    return [
      say('too few staff', staff.length < (post.count ?? 1), staff, {
        limit: post.count ?? 1,
        source: post.zone,
        cause: 'it is staffed',
      }),
      waited(q, 'vacant for', stateOf(q).vacantSince as number | null, 'yellowAfter', q.key),
    ]
  },
  'under-manned'(q) {
    const { site } = q.engine
    const plan = site.all('manning').find((m) => m.zone === q.key)
    const within = (who: (p: string) => boolean): number =>
      [q.key, ...site.children(q.key)].reduce((n, z) => n + inZone(q, z, who).length, 0)
    return [
      listed('has a manning plan', plan !== undefined, q.key, 'no manning plan: the rule is off here'),
      say(
        'officers',
        null,
        within((p) => site.staff(p) !== undefined),
        { limit: plan?.officers ?? null, cause: 'compare with the plan over the number of inmates' },
      ),
      say(
        'inmates',
        null,
        within((p) => site.person(p) !== undefined),
        {},
      ),
      waited(q, 'too few for', timerOf(q), 'sustained', q.key),
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
  'watch-check'(q) {
    const state = stateOf(q) as { since?: number }
    return [
      listed('is on the watch list', q.engine.site.person(q.key)?.watch === true, q.key, 'he is not on watch'),
      listed(
        'has been checked in this run',
        state.since !== undefined,
        q.key,
        'armed by the first check: there was none',
      ),
      waited(q, 'unchecked for', state.since, 'yellowAfter', q.key),
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
  'self-harm'(q) {
    const person = q.engine.site.person(q.key)
    const zone = fixOf(q, q.key)?.zone ?? q.key
    const place = q.engine.site.zone(zone)
    return [
      ...(person
        ? [
            heard(q, q.key),
            listed(
              'is on the watch list',
              person.watch === true,
              q.key,
              'not on watch: a long stay alone says nothing',
            ),
          ]
        : []),
      say(
        'is in a toilet or blind zone',
        place
          ? place.kind === 'toilet' || place.kind === 'washroom' || place.kind === 'blind' || place.blind === true
          : null,
        place?.kind ?? null,
        { source: zone },
      ),
      waited(q, 'inside for', stateOf(q).inSince as number | null, 'stay', q.key),
    ]
  },
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

/** Health of the gateway that a timer waits for. */
function gateway(q: Question, via: string | null): Asked[] {
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

export const isAsked = (operator: string): boolean => operator in BY_OPERATOR

export function askedOf(rule: Rule, key: string, engine: Engine, at: number): Asked[] {
  const ask = BY_OPERATOR[rule.file.operator]
  return ask ? ask({ rule, key, parts: key.split('|'), engine, at }) : []
}
