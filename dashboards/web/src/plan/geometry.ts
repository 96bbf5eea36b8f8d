/** Plan geometry: what is on a floor, where things stand, which part is looked at. Metres in, pixels out; y grows downward. */
import type { ZoneItem } from '../api/types.ts'

export interface Box {
  x: number
  y: number
  w: number
  h: number
}

export interface View {
  /** Metres at the centre of the picture. */
  cx: number
  cy: number
  /** Pixels per metre. */
  scale: number
}

export const MIN_SCALE = 0.4
export const MAX_SCALE = 40

export function boxOf(points: readonly (readonly [number, number])[]): Box | null {
  if (points.length === 0) return null
  let [x1, y1] = points[0]!
  let [x2, y2] = points[0]!
  for (const [x, y] of points) {
    x1 = Math.min(x1, x)
    y1 = Math.min(y1, y)
    x2 = Math.max(x2, x)
    y2 = Math.max(y2, y)
  }
  return { x: x1, y: y1, w: x2 - x1, h: y2 - y1 }
}

export const floorOf = (zone: ZoneItem): number => zone.floor ?? 1

/**
 * Floors that hold anything, lowest first: a floor that nobody has drawn yet still has its doors and cameras, and must
 * not vanish with them.
 */
export const floorsOf = (
  zones: Iterable<ZoneItem>,
  devices: Iterable<{ at?: { floor?: number } | null }> = [],
): number[] => {
  const floors = new Set<number>()
  for (const zone of zones) if (zone.kind !== 'outside' && zone.polygon) floors.add(floorOf(zone))
  for (const device of devices) if (device.at) floors.add(device.at.floor ?? 1)
  return [...floors].sort((a, b) => a - b)
}

const inRing = (ring: readonly (readonly [number, number])[], x: number, y: number): boolean => {
  let inside = false
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [xi, yi] = ring[i]!
    const [xj, yj] = ring[j]!
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside
  }
  return inside
}

export const contains = (zone: ZoneItem, x: number, y: number): boolean =>
  !!zone.polygon && inRing(zone.polygon, x, y) && !(zone.holes ?? []).some((hole) => inRing(hole, x, y))

/** The smallest place that holds this point: of a cell in a ward in a building, the cell. */
export function zoneAt(zones: readonly ZoneItem[], x: number, y: number): ZoneItem | null {
  // Drawn large to small, so the last one that holds the point is the smallest.
  return zones.findLast((zone) => contains(zone, x, y)) ?? null
}

/** What the plan is about: everything drawn but the world outside the wall. */
export function siteBox(zones: Iterable<ZoneItem>): Box | null {
  const drawn = [...zones].filter((z) => z.polygon)
  const own = drawn.filter((z) => z.kind !== 'outside')
  return boxOf((own.length > 0 ? own : drawn).flatMap((z) => z.polygon ?? []))
}

/** The view that shows the whole box with a margin. */
export function fitView(box: Box, width: number, height: number, margin = 16): View {
  const scale = Math.min((width - 2 * margin) / Math.max(box.w, 1), (height - 2 * margin) / Math.max(box.h, 1))
  return { cx: box.x + box.w / 2, cy: box.y + box.h / 2, scale: Math.max(MIN_SCALE / 4, Math.min(MAX_SCALE, scale)) }
}

/** Keeps the picture filled with site where it can be: beyond its edge there is nothing to see. */
export function within(view: View, box: Box, width: number, height: number, margin = 24): View {
  const along = (centreAt: number, from: number, length: number, pixels: number) => {
    const half = pixels / view.scale / 2
    const spare = margin / view.scale
    if (length + 2 * spare <= 2 * half) return from + length / 2
    return Math.max(from - spare + half, Math.min(from + length + spare - half, centreAt))
  }
  return { ...view, cx: along(view.cx, box.x, box.w, width), cy: along(view.cy, box.y, box.h, height) }
}

export const toScreen = (view: View, width: number, height: number, x: number, y: number): [number, number] => [
  (x - view.cx) * view.scale + width / 2,
  (y - view.cy) * view.scale + height / 2,
]

/** Middle of a polygon, weighted by area; the mean of its corners when it has none. */
export function centre(polygon: readonly (readonly [number, number])[]): [number, number] {
  let area = 0
  let cx = 0
  let cy = 0
  for (let i = 0; i < polygon.length; i++) {
    const [x1, y1] = polygon[i]!
    const [x2, y2] = polygon[(i + 1) % polygon.length]!
    const cross = x1 * y2 - x2 * y1
    area += cross
    cx += (x1 + x2) * cross
    cy += (y1 + y2) * cross
  }
  if (Math.abs(area) < 1e-9) {
    const n = Math.max(1, polygon.length)
    return [polygon.reduce((s, p) => s + p[0], 0) / n, polygon.reduce((s, p) => s + p[1], 0) / n]
  }
  return [cx / (3 * area), cy / (3 * area)]
}

/** Large zones first, so that rooms are drawn on their building. */
export function drawOrder(zones: ZoneItem[]): ZoneItem[] {
  const size = (z: ZoneItem) => {
    const box = boxOf(z.polygon ?? [])
    return box ? box.w * box.h : 0
  }
  return [...zones].sort((a, b) => size(b) - size(a) || (a.id < b.id ? -1 : 1))
}

/** SVG path of a polygon with its holes. */
export function pathOf(zone: ZoneItem): string {
  const ring = (points: readonly (readonly [number, number])[]) => `M${points.map((p) => `${p[0]} ${p[1]}`).join('L')}Z`
  return [zone.polygon ?? [], ...(zone.holes ?? [])]
    .filter((r) => r.length > 2)
    .map(ring)
    .join('')
}
