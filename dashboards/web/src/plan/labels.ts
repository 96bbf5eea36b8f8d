/**
 * Where names of zones stand on the plan, so that none lies on another name, on a symbol or on a badge. What has no
 * free place at this zoom is left out; a building is named only when none of the wards inside it is. Pure.
 */
import type { ZoneItem } from '../api/types.ts'
import { type Box, boxOf, type View } from './geometry.ts'

/** Pixels. */
export interface Rect {
  x: number
  y: number
  w: number
  h: number
}

export interface Label {
  zone: ZoneItem
  name: string
  /** Second part, said more quietly: a head count, "no data". */
  note: string
  /** Middle of the text. */
  x: number
  y: number
  upright: boolean
  small: boolean
  strong: boolean
}

export interface LabelWords {
  name(zone: ZoneItem): string
  note(zone: ZoneItem): string
  /** Zones whose note says that something is wrong: bold. */
  strong(zone: ZoneItem): boolean
}

const LINE_PX = 16
const SMALL_LINE_PX = 14
const PAD_PX = 3
/** A zone that covers most of the picture is the ground, not a place. */
const GROUND_SHARE = 0.6
const MAX_LABELS = 120
/** A room where people stand in the middle is named above them when it is so many lines high, not across them. */
const STAFFED_LINES = 3
const ROOMS = new Set(['cell', 'dormitory', 'toilet', 'washroom', 'class-room', 'post', 'machine-room'])
const EDGES = new Set(['belt', 'fence', 'wall'])
/** Besides what is a place of its own: in these, too, the name of another would be read as theirs. */
const HOUSES = new Set(['building', 'belt'])
const UNLABELLED = new Set(['corridor', 'outside'])

/** Lower goes first: houses and wards, then belts, then rooms; walls say least. */
function rankOf(zone: ZoneItem, parents: Map<string, ZoneItem>): number {
  const inRoomOfWard = zone.parent ? parents.get(zone.parent)?.kind === 'ward' : false
  if (zone.kind === 'wall' || zone.kind === 'fence') return 6
  if (ROOMS.has(zone.kind) && inRoomOfWard) return 5
  if (zone.kind === 'building') return 4
  if (zone.kind === 'belt') return 2
  if (zone.kind === 'yard') return 3
  return zone.kind === 'ward' ? 0 : 1
}

const overlaps = (a: Rect, b: Rect): boolean => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h

/** Width of a text in pixels at 12 px: Chinese is square, Latin about half. */
export function textPx(text: string, size = 12): number {
  let sum = 0
  for (const c of text) sum += c.charCodeAt(0) > 0x2e7f ? size : c === ' ' ? size * 0.28 : size * 0.58
  return sum
}

/** "1监区活动室" inside "1监区" is "活动室": the ward's name stands beside it already. */
export function ownPart(name: string, parent: string | null): string {
  if (parent === null || !name.startsWith(parent)) return name
  const rest = name.slice(parent.length).trim()
  return rest === '' ? name : rest[0]!.toUpperCase() + rest.slice(1)
}

interface Candidate {
  x: number
  y: number
  upright: boolean
}

export function placeLabels(
  zones: ZoneItem[],
  view: View,
  size: { width: number; height: number },
  screen: (x: number, y: number) => [number, number],
  obstacles: Rect[],
  words: LabelWords,
): Label[] {
  const taken = [...obstacles]
  const byId = new Map(zones.map((z) => [z.id, z]))
  const boxes = new Map(zones.map((z) => [z.id, boxOf(z.polygon ?? [])]))
  const whole = boxOf(zones.filter((z) => z.kind !== 'outside').flatMap((z) => z.polygon ?? []))
  const labels: Label[] = []
  const named = new Set<string>()
  const wardOf = (zone: ZoneItem): string | null => {
    const parent = zone.parent ? byId.get(zone.parent) : undefined
    return parent ? words.name(parent) : null
  }
  const ordered = zones
    .filter((z) => !UNLABELLED.has(z.kind) && boxes.get(z.id))
    .map((zone) => ({ zone, rank: rankOf(zone, byId) }))
    .sort((a, b) => a.rank - b.rank || (a.zone.id < b.zone.id ? -1 : 1))
  const isGround = (box: Box) => !!whole && box.w * box.h > whole.w * whole.h * GROUND_SHARE
  const houses = ordered
    .filter(({ zone, rank }) => (rank <= 1 || HOUSES.has(zone.kind)) && !isGround(boxes.get(zone.id)!))
    .map(({ zone }) => {
      const box = boxes.get(zone.id)!
      const [x, y] = screen(box.x, box.y)
      return { id: zone.id, x, y, w: box.w * view.scale, h: box.h * view.scale }
    })
  const above = (zone: ZoneItem): Set<string> => {
    const chain = new Set([zone.id])
    for (let id = zone.parent; id && !chain.has(id); id = byId.get(id)?.parent) chain.add(id)
    return chain
  }
  /** The building that holds this ward alone: a name set on its outline would be struck through by it. */
  const shellOf = (zone: ZoneItem): Box | null => {
    const parent = zone.kind === 'ward' && zone.parent ? byId.get(zone.parent) : undefined
    if (parent?.kind !== 'building') return null
    const alone = zones.every((z) => z === zone || z.kind !== 'ward' || z.parent !== parent.id)
    return alone ? (boxes.get(parent.id) ?? null) : null
  }
  for (const { zone, rank } of ordered) {
    if (labels.length >= MAX_LABELS) break
    const box = boxes.get(zone.id)!
    if (zone.kind === 'yard' && isGround(box)) continue
    if (zone.kind === 'building' && zones.some((z) => z.parent === zone.id && named.has(z.id))) continue
    const [left, top] = screen(box.x, box.y)
    const w = box.w * view.scale
    const h = box.h * view.scale
    if (left > size.width || top > size.height || left + w < 0 || top + h < 0) continue
    const room = rank === 5
    const small = room || rank === 6
    const note = words.note(zone)
    const name = room ? ownPart(words.name(zone), wardOf(zone)) : words.name(zone)
    const line = small ? SMALL_LINE_PX : LINE_PX
    const length = textPx(note ? `${name} ${note}` : name) + 2 * PAD_PX
    const shell = shellOf(zone)
    const around = shell
      ? { x: screen(shell.x, 0)[0], y: screen(0, shell.y)[1], w: shell.w * view.scale, h: shell.h * view.scale }
      : null
    const open = candidates(zone, { x: left, y: top, w, h }, length, line, room, around).filter((c) => {
      const rect = rectOf(c, length, line)
      if (rect.x < 0 || rect.y < 0 || rect.x + rect.w > size.width || rect.y + rect.h > size.height) return false
      return !taken.some((o) => overlaps(o, rect))
    })
    // A name in another house would be read as the name of that house: rather none, it stands in the list beside the plan.
    const own = above(zone)
    const others = houses.filter((o) => !own.has(o.id) && !above(byId.get(o.id)!).has(zone.id))
    const free = open.find((c) => !others.some((o) => overlaps(o, rectOf(c, length, line))))
    if (!free) continue
    taken.push(rectOf(free, length, line))
    named.add(zone.id)
    labels.push({ zone, name, note, ...free, small, strong: words.strong(zone) })
  }
  return labels
}

function rectOf(c: Candidate, length: number, line: number): Rect {
  return c.upright
    ? { x: c.x - line / 2, y: c.y - length / 2, w: line, h: length }
    : { x: c.x - length / 2, y: c.y - line / 2, w: length, h: line }
}

/** Places for a name, best first. */
function candidates(
  zone: ZoneItem,
  b: Rect,
  length: number,
  line: number,
  room: boolean,
  shell: Rect | null,
): Candidate[] {
  const flat = (x: number, y: number): Candidate => ({ x, y, upright: false })
  const midX = b.x + b.w / 2
  const midY = b.y + b.h / 2
  const inside = length <= b.w - 2 && line <= b.h - 1
  if (EDGES.has(zone.kind)) {
    const shares = [0.25, 0.75, 0.15, 0.85, 0.4, 0.6]
    if (b.h > b.w * 2)
      return line <= b.w - 2 && length <= b.h * 0.5
        ? shares.map((s) => ({ x: midX, y: b.y + b.h * s, upright: true }))
        : []
    return line <= b.h - 2 && length <= b.w * 0.5 ? shares.map((s) => flat(b.x + b.w * s, midY)) : []
  }
  const within = inside
    ? [
        flat(midX, midY),
        flat(b.x + length / 2 + 2, b.y + line / 2 + 1),
        flat(b.x + b.w - length / 2 - 2, b.y + line / 2 + 1),
        flat(b.x + length / 2 + 2, b.y + b.h - line / 2 - 1),
        flat(midX, b.y + b.h * 0.3),
        flat(midX, b.y + b.h * 0.7),
      ]
    : []
  // The middle of a staffed room belongs to those who stand in it.
  if (room) return zone.kind === 'cell' ? within : b.h < STAFFED_LINES * line ? [] : within.slice(1)
  if (zone.kind === 'yard') return within
  // A name longer than its house may stand out a little, as long as nothing is there.
  const o = shell ?? b
  const around =
    length <= Math.max(o.w * 2.2, 64)
      ? [
          flat(o.x + length / 2 - PAD_PX, o.y - line / 2 - 1),
          flat(o.x + o.w - length / 2 + PAD_PX, o.y - line / 2 - 1),
          flat(midX, o.y - line / 2 - 1),
          flat(midX, o.y + o.h + line / 2 + 2),
          flat(o.x + length / 2 - PAD_PX, o.y + o.h + line / 2 + 2),
          // A camera in the corner, a door in the middle: a little further away is still beside.
          flat(o.x + length / 2 - PAD_PX, o.y - line / 2 - 6),
          flat(midX, o.y - line / 2 - 6),
          flat(midX, o.y + o.h + line / 2 + 7),
          flat(o.x + o.w + length / 2 + 3, midY),
          flat(o.x - length / 2 - 3, midY),
        ]
      : []
  return [...around, ...within]
}

/** A round length in metres for the scale bar, at most `maxPx` long. */
export function scaleBar(scale: number, maxPx = 120): { metres: number; px: number } {
  const steps = [500, 200, 100, 50, 20, 10, 5, 2, 1]
  const metres = steps.find((m) => m * scale <= maxPx) ?? 1
  return { metres, px: metres * scale }
}
