/**
 * Turns a story into what happens: readings at their seconds, and the times during which ordinary life must keep quiet
 * about a device. The recorder and the live player both play this, so a recording and a demo tell the same story.
 */
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { ContextChange } from '#model/context/kinds.ts'
import { WardwatchError } from '#model/errors.ts'
import type { Facility } from '../facility/facility.ts'
import type { Draft } from '../life/draft.ts'
import { walkInTime, wayBetween } from '../life/walker.ts'
import type { Beat, Story } from './story.ts'

/** Ordinary life says nothing about (device, type) in [fromMs, toMs). */
export interface Hold {
  device: string
  type: string
  fromMs: number
  toMs: number
}

export interface Silence {
  devices: ReadonlySet<string>
  fromMs: number
  toMs: number
  buffered: boolean
  /** Gateway that goes quiet with them, if they are named by one. */
  via: string | null
}

export interface Overlay {
  device: string
  fromMs: number
  toMs: number
  set: Record<string, unknown>
}

export interface Script {
  /** Readings with `time` in ms from the start, in order. */
  drafts: Draft[]
  contexts: ContextChange[]
  holds: Hold[]
  overlays: Overlay[]
  silences: Silence[]
  lengthMs: number
  /** Persons whom the story moves or changes: ordinary life keeps them and their mates at home. */
  persons: ReadonlySet<string>
}

const secondsToMs = (s: number): number => Math.round(s * 1000)

export function compileStory(story: Story, facility: Facility): Script {
  const lengthMs = secondsToMs(story.length)
  const { site } = facility
  const named = new Set(
    story.timeline.flatMap((b) => [b.walk ?? b.stay ?? b.vitals ?? b.device ?? b.silent ?? []].flat()),
  )
  const persons = new Set((site.devices ?? []).flatMap((d) => (d.subject && named.has(d.id) ? [d.subject] : [])))
  const script: Script = { drafts: [], contexts: [], holds: [], overlays: [], silences: [], lengthMs, persons }
  const where = new Map<string, string>()
  for (const device of site.devices ?? []) {
    const cell = (site.people ?? []).find((p) => p.id === device.subject)?.cell
    if (cell) where.set(device.id, cell)
  }
  const beats = [...story.timeline].sort((a, b) => start(a) - start(b))
  for (const [index, beat] of beats.entries()) {
    const fail = (message: string): never => {
      throw new WardwatchError('usage', `${story.id}: timeline at ${start(beat)}: ${message}`)
    }
    if (beat.context) contextBeat(script, beat)
    else if (beat.silent || beat.via) silentBeat(script, beat, facility)
    else if (beat.walk ?? beat.stay) {
      const devices = [beat.walk ?? beat.stay ?? []].flat()
      for (const [i, device] of devices.entries())
        moveBeat(script, device, placeInRow(beat, i, devices.length), facility, where, fail)
    } else if (beat.vitals)
      for (const device of [beat.vitals].flat())
        script.overlays.push(
          {
            device,
            fromMs: secondsToMs(start(beat)),
            toMs: secondsToMs(beat.to ?? story.length) + 1,
            set: beat.set ?? {},
          },
          ...rampOverlays(beat, device),
        )
    else if (beat.device && beat.type) readingBeat(script, beat, beats.slice(index + 1), lengthMs, fail)
    else fail('says nothing: name a device with type and value, or walk, stay, vitals, silent, context')
  }
  script.drafts.sort((a, b) => a.time - b.time)
  return script
}

const start = (beat: Beat): number => beat.at ?? beat.from ?? 0

function contextBeat(script: Script, beat: Beat): void {
  script.contexts.push({
    context: beat.context as ContextChange['context'],
    op: beat.op ?? 'put',
    id: beat.id ?? '',
    ...(beat.item ? { item: { id: beat.id, ...beat.item } } : {}),
    time: secondsToMs(start(beat)),
  })
}

function silentBeat(script: Script, beat: Beat, facility: Facility): void {
  const children = beat.via ? (facility.site.devices ?? []).filter((d) => d.via === beat.via).map((d) => d.id) : []
  script.silences.push({
    devices: new Set([...(beat.silent ?? []), ...children]),
    fromMs: secondsToMs(start(beat)),
    toMs: secondsToMs(beat.to ?? Number.POSITIVE_INFINITY),
    buffered: beat.buffered ?? false,
    via: beat.via ?? null,
  })
}

/** Several who stay in one place stand in rows. */
function placeInRow(beat: Beat, index: number, count: number): Beat {
  if (count === 1) return beat
  const columns = Math.ceil(Math.sqrt(count))
  const gap = beat.gap ?? 1
  const [x, y] = beat.offset ?? [0, 0]
  const rows = Math.ceil(count / columns)
  return {
    ...beat,
    offset: [
      x + ((index % columns) - (columns - 1) / 2) * gap,
      y + (Math.floor(index / columns) - (rows - 1) / 2) * gap,
    ],
  }
}

function moveBeat(
  script: Script,
  device: string,
  beat: Beat,
  facility: Facility,
  where: Map<string, string>,
  fail: (m: string) => never,
): void {
  const entry = (facility.site.devices ?? []).find((d) => d.id === device) ?? fail(`there is no device ${device}`)
  const zone = beat.zone ?? fail('walk and stay need a zone')
  const middle = facility.plan.middle.get(zone) ?? fail(`there is no zone ${zone}`)
  const goal = {
    x_m: middle.x_m + (beat.offset?.[0] ?? 0),
    y_m: middle.y_m + (beat.offset?.[1] ?? 0),
    floor: middle.floor,
  }
  const from = start(beat)
  const to = beat.to ?? from
  const spots = beat.walk
    ? walkInTime(
        [...wayBetween(facility.plan, where.get(device) ?? zone, zone, goal).slice(0, -1), { zone, spot: goal }],
        to - from,
      )
    : [goal]
  const type = entry.kind === 'tag' ? 'tag.position' : 'band.position'
  for (let s = from; s <= to; s += beat.every ?? 1) {
    const spot = beat.walk ? (spots[Math.min(spots.length - 1, Math.round(s - from))] ?? goal) : goal
    const wobble = ((s % 3) - 1) * 0.1
    script.drafts.push({
      device,
      type,
      time: secondsToMs(s),
      value: { x_m: round(spot.x_m + wobble), y_m: round(spot.y_m), floor: spot.floor, accuracy_m: 0.8 },
    })
  }
  where.set(device, zone)
  script.holds.push({ device, type, fromMs: secondsToMs(from), toMs: secondsToMs(to + 1) })
}

function rampOverlays(beat: Beat, device: string): Overlay[] {
  const from = start(beat)
  const to = beat.to ?? from
  const overlays: Overlay[] = []
  for (let s = from; s <= to; s++) {
    const share = to === from ? 1 : (s - from) / (to - from)
    const set = Object.fromEntries(
      Object.entries(beat.ramp ?? {}).map(([field, [low, high]]) => [field, Math.round(low + (high - low) * share)]),
    )
    if (Object.keys(set).length > 0) overlays.push({ device, fromMs: secondsToMs(s), toMs: secondsToMs(s + 1), set })
  }
  return overlays
}

function readingBeat(script: Script, beat: Beat, later: Beat[], lengthMs: number, fail: (m: string) => never): void {
  const device = beat.device as string
  const type = beat.type as string
  const kind = READING_TYPES.get(type) ?? fail(`type ${type} is not in the collection list`)
  const from = start(beat)
  const aside = {
    ...(beat.subject === undefined ? {} : { subject: beat.subject }),
    ...(beat.quality === undefined ? {} : { quality: beat.quality }),
  }
  const say = (second: number, value: Record<string, unknown>) =>
    script.drafts.push({
      device,
      type,
      ...aside,
      time: secondsToMs(second),
      value,
    })
  if (beat.to !== undefined) {
    for (let s = from; s <= beat.to + 1e-9; s += beat.every ?? 1) {
      const share = beat.to === from ? 1 : (s - from) / (beat.to - from)
      const ramp = Object.fromEntries(
        Object.entries(beat.ramp ?? {}).map(([field, [low, high]]) => [
          field,
          Math.round((low + (high - low) * share) * 100) / 100,
        ]),
      )
      say(s, { ...beat.value, ...ramp })
    }
    if (beat.after) say(beat.to + (beat.every ?? 1), beat.after)
    script.holds.push({ device, type, fromMs: secondsToMs(from), toMs: secondsToMs(beat.to + (beat.every ?? 1)) })
    return
  }
  if (kind.signal.kind !== 'sample') {
    say(from, beat.value ?? {})
    // A state that the story has set is the story's until its end.
    if (kind.signal.kind === 'state') script.holds.push({ device, type, fromMs: secondsToMs(from), toMs: lengthMs + 1 })
    return
  }
  const next = later.find((b) => b.device === device && b.type === type)
  const end = next ? start(next) * 1000 : lengthMs + 1
  const period = secondsToMs(beat.every ?? (kind.signal.periodMs ?? 1000) / 1000)
  for (let t = secondsToMs(from); t < end; t += period)
    script.drafts.push({
      device,
      type,
      ...aside,
      time: t,
      value: beat.value ?? {},
    })
  script.holds.push({ device, type, fromMs: secondsToMs(from), toMs: end })
}

/** Is ordinary life to keep quiet about this draft (time in ms from the start)? */
export function isHeld(script: Script, device: string, type: string, atMs: number): boolean {
  return script.holds.some((h) => h.device === device && h.type === type && atMs >= h.fromMs && atMs < h.toMs)
}

/** Devices and types that ordinary life speaks for again from this instant on: they return to their normal value now. */
export function resumedAt(script: Script, atMs: number): { device: string; type: string }[] {
  return script.holds.filter((h) => h.toMs === atMs && !isHeld(script, h.device, h.type, atMs))
}

/** Lays what the story says of vitals over those of ordinary life. */
export function overlaid(script: Script, draft: Draft, atMs: number): Draft {
  if (draft.type !== 'band.vitals') return draft
  const sets = script.overlays
    .filter((o) => o.device === draft.device && atMs >= o.fromMs && atMs < o.toMs)
    .map((o) => o.set)
  return sets.length === 0 ? draft : { ...draft, value: Object.assign({}, draft.value, ...sets) }
}

export function silenceOf(script: Script, device: string, atMs: number): Silence | null {
  return script.silences.find((s) => s.devices.has(device) && atMs >= s.fromMs && atMs < s.toMs) ?? null
}

function round(x: number): number {
  return Math.round(x * 100) / 100
}
