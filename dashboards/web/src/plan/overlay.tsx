/** What stands over the plan in pixels: names of zones, badges of alerts, scale and north; none lies on another. */
import { levelRank } from '#model/alert/alert.ts'
import type { HeadcountItem, ListedAlert, ZoneItem } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { isUnacknowledged } from '../live/alert-store.ts'
import type { View } from './geometry.ts'
import { placeLabels, type Rect, scaleBar } from './labels.ts'
import css from './plan.module.css'

/** Two badges closer than this could not be hit apart: the more serious one stands for both and says how many. */
export const PIN_PX = 26

export interface Pin {
  alert: ListedAlert
  left: number
  top: number
  count: number
}

/** Open alerts of one spot of the floor, the most serious in front. */
export interface Spot {
  alert: ListedAlert
  /** Metres. */
  x: number
  y: number
  count: number
}

/**
 * Thousands of alerts stand at some hundred places: brought together once per change, not once per movement of the
 * view. The followed one first, then waiting ones, then by level.
 */
export function spotsOf(
  open: Iterable<ListedAlert>,
  focus: string | null,
  place: (alert: ListedAlert) => { x: number; y: number } | null,
): Spot[] {
  const rank = (a: ListedAlert) => Number(a.id === focus) * 16 + Number(isUnacknowledged(a)) * 8 + levelRank(a.level)
  const spots = new Map<string, Spot>()
  for (const alert of open) {
    const at = place(alert)
    if (!at) continue
    const key = `${at.x} ${at.y}`
    const spot = spots.get(key)
    if (!spot) spots.set(key, { alert, x: at.x, y: at.y, count: 1 })
    else {
      spot.count++
      if (rank(alert) > rank(spot.alert)) spot.alert = alert
    }
  }
  return [...spots.values()].sort((a, b) => rank(b.alert) - rank(a.alert))
}

/** Badges of the spots in sight; none lies on another. */
export function pinsOf(
  spots: readonly Spot[],
  width: number,
  height: number,
  screen: (x: number, y: number) => [number, number],
): Pin[] {
  const pins: Pin[] = []
  for (const { alert, x, y, count } of spots) {
    const at = screen(x, y)
    // Just outside the edge stays outside; just inside moves in, so that it can be hit.
    if (at[0] < 0 || at[1] < 0 || at[0] > width || at[1] > height) continue
    const left = clamp(at[0], PIN_PX / 2, width - PIN_PX / 2)
    const top = clamp(at[1], PIN_PX / 2, height - PIN_PX / 2)
    const near = pins.find((p) => Math.abs(p.left - left) < PIN_PX && Math.abs(p.top - top) < PIN_PX)
    if (near) near.count += count
    else pins.push({ alert, left, top, count })
  }
  return pins
}

/** Narrower than this, tools and scale bar do not fit beside each other. */
const NARROW_PX = 640
const TOOLS_PX = 48

const clamp = (value: number, least: number, most: number) => Math.max(least, Math.min(most, value))

interface LabelsProps {
  zones: ZoneItem[]
  view: View
  size: { width: number; height: number }
  screen(x: number, y: number): [number, number]
  unseen: Set<string>
  obstacles: Rect[]
  counts: Map<string, HeadcountItem>
}

export function Labels(p: LabelsProps) {
  const t = useText()
  const note = (zone: ZoneItem): string => {
    if (p.unseen.has(zone.id)) return t('plan.legend.noData')
    const count = p.counts.get(zone.id)
    return count && (count.expected ?? 0) > 0 ? `${count.present}/${count.expected}` : ''
  }
  const labels = placeLabels(p.zones, p.view, p.size, p.screen, p.obstacles, {
    name: (zone) => t.pick(zone.name, zone.id),
    note,
    strong: (zone) => {
      const count = p.counts.get(zone.id)
      return p.unseen.has(zone.id) || (!!count && (count.expected ?? 0) > 0 && count.present !== count.expected)
    },
  })
  return labels.map((label) => (
    <text
      key={label.zone.id}
      className={css.label}
      data-small={label.small}
      data-strong={label.strong}
      data-zone={label.zone.id}
      textAnchor="middle"
      transform={`translate(${label.x} ${label.y})${label.upright ? ' rotate(-90)' : ''} translate(0 4)`}
    >
      {label.name}
      {label.note && (
        <tspan className={css.labelNote} dx="4">
          {label.note}
        </tspan>
      )}
    </text>
  ))
}

/** How long a metre is here, and where north lies: plans are drawn north up. */
export function ScaleBar({ scale, width, height }: { scale: number; width: number; height: number }) {
  const t = useText()
  const { metres, px } = scaleBar(scale)
  // In a narrow picture the tools take the whole lower edge.
  const bottom = width < NARROW_PX && height > 2 * TOOLS_PX ? 16 + TOOLS_PX : 16
  return (
    <g
      className={css.scaleBar}
      transform={`translate(16 ${height - bottom})`}
      data-testid="scale-bar"
      data-width={width}
    >
      <rect x={-8} y={-22} width={px + 62} height={30} />
      <path d={`M0.5-5V0.5H${px}V-5`} />
      <text x={px / 2} y={-8} textAnchor="middle">
        {metres} m
      </text>
      <g transform={`translate(${px + 24} -2)`}>
        <path d="M0 2V-16M-4-11L0-17L4-11" />
        <text x={10} y={-4}>
          {t('plan.north')}
        </text>
      </g>
    </g>
  )
}
