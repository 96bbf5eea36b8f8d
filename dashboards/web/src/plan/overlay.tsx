/** What stands over the plan in pixels: names of zones and badges of alerts, placed so that none lies on another. */
import { levelRank } from '#model/alert/alert.ts'
import type { ListedAlert, ZoneItem } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { isUnacknowledged } from '../live/alert-store.ts'
import { boxOf, type View } from './geometry.ts'
import css from './plan.module.css'

const LABEL_PX = 26
const SMALL_SCALE = 14

/** Two badges closer than this could not be hit apart: the more serious one stands for both and says how many. */
export const PIN_PX = 26

export interface Pin {
  alert: ListedAlert
  left: number
  top: number
  count: number
}

/** Badges of open alerts on this floor, the followed one first, then waiting ones, then by level; never overlapping. */
export function pinsOf(
  open: ListedAlert[],
  focus: string | null,
  width: number,
  height: number,
  place: (alert: ListedAlert) => [number, number] | null,
): Pin[] {
  const rank = (a: ListedAlert) => Number(a.id === focus) * 16 + Number(isUnacknowledged(a)) * 8 + levelRank(a.level)
  const pins: Pin[] = []
  for (const alert of [...open].sort((a, b) => rank(b) - rank(a))) {
    const at = place(alert)
    if (!at) continue
    const [left, top] = at
    if (left < 0 || top < 0 || left > width || top > height) continue
    const near = pins.find((p) => Math.abs(p.left - left) < PIN_PX && Math.abs(p.top - top) < PIN_PX)
    if (near) near.count++
    else pins.push({ alert, left, top, count: 1 })
  }
  return pins
}

/** Rooms and corridors are too many to be named; belts and yards carry their name inside, all else above the corner. */
const SMALL = new Set(['cell', 'toilet', 'washroom', 'dormitory'])
const UNLABELLED = new Set(['corridor', 'outside'])
const INSIDE = new Set(['belt', 'fence', 'wall', 'yard'])
const LINE_PX = 14

interface Label {
  zone: ZoneItem
  name: string
  x: number
  y: number
  upright: boolean
  inside: boolean
}

/** Labels that have room and do not lie on each other; zones come largest first, so that the larger one keeps its name. */
export function labelsOf(
  zones: ZoneItem[],
  scale: number,
  charPx: number,
  screen: (x: number, y: number) => [number, number],
  nameOf: (zone: ZoneItem) => string,
): Label[] {
  const taken: { x: number; y: number; w: number; h: number }[] = []
  const labels: Label[] = []
  for (const zone of zones) {
    const box = boxOf(zone.polygon ?? [])
    if (!box || UNLABELLED.has(zone.kind) || (SMALL.has(zone.kind) && scale < SMALL_SCALE)) continue
    const inside = INSIDE.has(zone.kind)
    const upright = inside && box.h > box.w * 2
    const name = nameOf(zone)
    const length = name.length * charPx
    const room = upright ? box.h * scale * 0.5 : box.w * scale * (inside ? 0.9 : 1.6)
    const across = (upright ? box.w : box.h) * scale
    if (room < LABEL_PX || room < length || (inside && across < LINE_PX)) continue
    // A quarter along, because the middle belongs to the alert's ring.
    const [x, y] = inside
      ? upright
        ? screen(box.x + box.w / 2, box.y + box.h / 4)
        : screen(box.x + box.w / 4, box.y + box.h / 2)
      : screen(box.x, box.y)
    const place = upright
      ? { x: x - LINE_PX / 2, y: y - length / 2, w: LINE_PX, h: length }
      : { x: inside ? x - length / 2 : x, y: y - LINE_PX, w: length, h: LINE_PX }
    if (
      taken.some(
        (o) => o.x < place.x + place.w && place.x < o.x + o.w && o.y < place.y + place.h && place.y < o.y + o.h,
      )
    )
      continue
    taken.push(place)
    labels.push({ zone, name, x, y, upright, inside })
  }
  return labels
}

export function Labels(p: {
  zones: ZoneItem[]
  view: View
  screen(x: number, y: number): [number, number]
  unseen: Set<string>
}) {
  const t = useText()
  const nameOf = (zone: ZoneItem) =>
    `${t.pick(zone.name, zone.id)}${p.unseen.has(zone.id) ? ` · ${t('plan.legend.noData')}` : ''}`
  return labelsOf(p.zones, p.view.scale, t.language === 'zh' ? 12 : 6.5, p.screen, nameOf).map((label) => (
    <text
      key={label.zone.id}
      className={css.label}
      data-small={SMALL.has(label.zone.kind)}
      textAnchor={label.inside ? 'middle' : 'start'}
      transform={`translate(${label.inside ? label.x : label.x + 2} ${label.inside ? label.y + (label.upright ? 0 : 4) : label.y - 4})${label.upright ? ' rotate(-90) translate(0 4)' : ''}`}
    >
      {label.name}
    </text>
  ))
}
