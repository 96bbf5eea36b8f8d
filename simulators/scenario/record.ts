/**
 * Records a story: some minutes of ordinary life, then the story, as replay lines and as the site they belong to. The
 * seed is fixed, so the files come out byte for byte the same; `npm run scenarios:record` writes them.
 */
import { type ContextChange, type ContextKind, contextItemId, type Device } from '#model/context/kinds.ts'
import { isLockUp } from '#model/context/lock-up.ts'
import { canonicalJson } from '#model/ids.ts'
import type { Site } from '#model/site/load.ts'
import { seededChance } from '../chance.ts'
import type { Facility } from '../facility/facility.ts'
import type { Draft } from '../life/draft.ts'
import { Life } from '../life/life.ts'
import { compileStory, isHeld, overlaid, resumedAt, silenceOf } from './compile.ts'
import type { Story } from './story.ts'

const BACKGROUND_S = 600
/** Network and edge delay of a recorded reading, ms. */
const DELAY_MS = 40

/** A reading as recorded, before it is written: `received` is what the edge would have noted. */
interface Recorded extends Draft {
  received: number
}

/** The part of a facility that a story needs: its cast, with their gateways, rooms, doors and neighbours. */
export function cutSite(facility: Facility, story: Story): Site {
  const { site } = facility
  const persons = new Set(story.cast.persons)
  const named = new Set(story.cast.devices)
  const bands = (site.devices ?? []).filter((d) => d.subject !== undefined && persons.has(d.subject))
  const gateways = new Set([...bands, ...(site.devices ?? []).filter((d) => named.has(d.id))].map((d) => d.via))
  const devices = (site.devices ?? []).filter(
    (d) => named.has(d.id) || bands.includes(d) || gateways.has(d.id) || d.kind === 'edge-agent',
  )
  const kept = new Set(devices.map((d) => d.id))
  const cut: Site = {
    ...site,
    devices: devices.map((d) =>
      withoutAddress({ ...d, ...(d.adjacent ? { adjacent: d.adjacent.filter((a) => kept.has(a)) } : {}) }),
    ),
    people: (site.people ?? []).filter((p) => persons.has(p.id)),
    staff: (site.staff ?? []).filter((s) => s.tag === undefined || kept.has(s.tag)),
    groups: (site.groups ?? [])
      .map((g) => ({ ...g, members: g.members.filter((m) => persons.has(m)) }))
      .filter((g) => g.members.length > 1),
    'door-pairs': (site['door-pairs'] ?? []).filter((p) => kept.has(p.a) && kept.has(p.b)),
    links: (site.links ?? []).filter((l) => kept.has(l.fence)),
    // What a schedule asks for must be able to answer: a story names the posts, routes and lock-ups that it needs.
    timetable: (site.timetable ?? []).filter((slot) => !isLockUp(slot)),
    posts: [],
    patrols: [],
    manning: [],
    tools: [],
  }
  // What runs an edge is no part of a story.
  delete cut.console
  delete (cut as { video?: unknown }).video
  for (const [section, items] of Object.entries(story.site ?? {})) {
    const present = ((cut as Record<string, unknown>)[section] ?? []) as Record<string, unknown>[]
    const idOf = (item: Record<string, unknown>): string => contextItemId(section as ContextKind, item)
    const laid = new Map(present.map((item) => [idOf(item), item]))
    for (const item of items) laid.set(idOf(item), { ...laid.get(idOf(item)), ...item })
    ;(cut as Record<string, unknown>)[section] = [...laid.values()]
  }
  return cut
}

function withoutAddress({ url: _url, user: _user, password: _password, ...device }: Device): Device {
  return device
}

export function recordStory(facility: Facility, story: Story, seed = 1): { site: Site; lines: string[] } {
  const site = cutSite(facility, story)
  const startMs = Date.parse(story.start)
  const script = compileStory(story, { site: facility.site, plan: facility.plan })
  const only = { persons: new Set(story.cast.persons), devices: new Set((site.devices ?? []).map((d) => d.id)) }
  const life = new Life(facility, {
    seed,
    positionEveryS: story.periods?.positions ?? 5,
    vitalsEveryS: story.periods?.vitals ?? 5,
    only,
    withEdge: true,
    inStep: true,
  })
  life.keepHome(script.persons)
  const background = story.background ?? BACKGROUND_S
  const chance = seededChance(seed + 17)
  const recorded: Recorded[] = []
  const keep = (draft: Draft): void => {
    const silence = silenceOf(script, draft.device, draft.time - startMs)
    if (silence && !silence.buffered) return
    recorded.push({
      ...draft,
      received: silence ? startMs + silence.toMs + DELAY_MS + chance.whole(0, 500) : draft.time + DELAY_MS,
    })
  }
  const beginMs = startMs - background * 1000
  for (const draft of life.initial(beginMs)) keep(draft)
  for (const [device, offset] of Object.entries(story.transport?.clocks ?? {}))
    keep({ device, type: 'device.clock', time: beginMs, value: { offset_ms: offset } })
  for (let second = -background; second <= story.length; second++) {
    const now = startMs + second * 1000
    const said = life.tick(now)
    for (const draft of said) {
      const at = draft.time - startMs
      if (!isHeld(script, draft.device, draft.type, at)) keep(overlaid(script, draft, at))
    }
    for (const { device, type } of resumedAt(script, second * 1000)) {
      const draft = said.some((d) => d.device === device && d.type === type) ? null : life.sample(device, type, now)
      if (draft) keep(overlaid(script, draft, second * 1000))
    }
  }
  for (const draft of script.drafts) keep({ ...draft, time: draft.time + startMs })
  return { site, lines: write(recorded, script.contexts, story, startMs, chance) }
}

function write(
  recorded: Recorded[],
  contexts: ContextChange[],
  story: Story,
  startMs: number,
  chance: ReturnType<typeof seededChance>,
): string[] {
  const { duplicateEvery, disorderS = 0, clocks = {} } = story.transport ?? {}
  const arrivals: { at: number; order: number; line: string }[] = []
  const push = (at: number, line: string) => arrivals.push({ at, order: arrivals.length, line })
  for (const [i, draft] of recorded.entries()) {
    const received = draft.received + (disorderS > 0 ? chance.whole(0, disorderS * 1000 - 2 * DELAY_MS) : 0)
    // A device with a wrong clock writes its own time; the edge's time of arrival is the true one.
    const line = canonicalJson({
      device: draft.device,
      type: draft.type,
      time: draft.time + (clocks[draft.device] ?? 0),
      received,
      ...(draft.subject === undefined ? {} : { subject: draft.subject }),
      ...(draft.quality === undefined ? {} : { quality: draft.quality }),
      value: draft.value,
    })
    push(received, line)
    if (duplicateEvery && i % duplicateEvery === 0) push(received + chance.whole(1, 3000), line)
  }
  for (const { time, ...change } of contexts) push(startMs + time, JSON.stringify({ ...change, time: startMs + time }))
  return arrivals.sort((a, b) => a.at - b.at || a.order - b.order).map((a) => a.line)
}
