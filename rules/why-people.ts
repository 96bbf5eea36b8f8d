/** What patterns about people and their places ask, for `--why`: distances, lists, hours, counts. See `why-predicates.ts`. */
import {
  type Ask,
  apart,
  excuses,
  fixOf,
  gateway,
  heard,
  inZone,
  kindIs,
  listed,
  night,
  say,
  stateOf,
  timerOf,
  waited,
} from './why-asking.ts'

export const ABOUT_PEOPLE: Readonly<Record<string, Ask>> = {
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
}
