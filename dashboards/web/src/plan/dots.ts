/**
 * The moving layer: bands and tags on a canvas. A fix older than 5 s is an outline, older than 30 s a "?" at the last
 * place; positions jump as they come and are never smoothed into places where nobody was seen.
 */
import type { Located } from '../live/positions.ts'
import { toScreen, type View } from './geometry.ts'

export const OLD_MS = 5000
export const UNKNOWN_MS = 30_000

export interface DotStyle {
  dot: string
  officer: string
  ground: string
  focus: string
}

export interface DotLayers {
  people: boolean
  staff: boolean
  heat?: boolean
}

/** Side of a square of the heat layer, metres: as wide as a fix is sure of. */
const HEAT_M = 4
/** So many persons in one square give the full shade. */
const HEAT_FULL = 12

/** How many persons stand in each square of a floor; officers and old fixes are not part of a crowd. */
export function crowds(located: Iterable<Located>, floor: number, serverNow: number): Map<string, number> {
  const squares = new Map<string, number>()
  for (const p of located) {
    if (p.floor !== floor || p.staff || fixAge(p, serverNow) > UNKNOWN_MS) continue
    const key = `${Math.floor(p.x_m / HEAT_M)} ${Math.floor(p.y_m / HEAT_M)}`
    squares.set(key, (squares.get(key) ?? 0) + 1)
  }
  return squares
}

function drawHeat(
  context: CanvasRenderingContext2D,
  size: { width: number; height: number },
  view: View,
  squares: Map<string, number>,
  color: string,
): void {
  const side = HEAT_M * view.scale
  context.fillStyle = color
  for (const [key, n] of squares) {
    const [col, row] = key.split(' ').map(Number) as [number, number]
    const [x, y] = toScreen(view, size.width, size.height, col * HEAT_M, row * HEAT_M)
    context.globalAlpha = 0.08 + 0.47 * Math.min(1, n / HEAT_FULL)
    context.fillRect(x, y, side, side)
  }
  context.globalAlpha = 1
}

/** Age of a fix for this desk: by the server's clock, but never younger than what was heard here. */
export const fixAge = (p: Located, serverNow: number, here = performance.now()): number =>
  Math.max(0, serverNow - p.time, here - p.heardAt)

export function drawDots(
  context: CanvasRenderingContext2D,
  size: { width: number; height: number; ratio: number },
  view: View,
  floor: number,
  located: Iterable<Located>,
  serverNow: number,
  layers: DotLayers,
  style: DotStyle,
  marked: ReadonlySet<string>,
): number {
  const { width, height, ratio } = size
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  const radius = Math.max(1.6, Math.min(4, view.scale * 0.33))
  let drawn = 0
  context.lineWidth = 1
  context.font = '700 11px sans-serif'
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  const here = performance.now()
  if (layers.heat) {
    const all = [...located]
    drawHeat(context, size, view, crowds(all, floor, serverNow), style.dot)
    located = all
  }
  for (const p of located) {
    if (p.floor !== floor || !(p.staff ? layers.staff : layers.people)) continue
    const [x, y] = toScreen(view, width, height, p.x_m, p.y_m)
    if (x < -20 || y < -20 || x > width + 20 || y > height + 20) continue
    drawn++
    const age = fixAge(p, serverNow, here)
    const color = p.staff ? style.officer : style.dot
    context.strokeStyle = color
    context.fillStyle = color
    if (marked.has(p.person)) {
      // Where he may be: the circle is the error, not a decoration.
      context.save()
      context.strokeStyle = style.focus
      context.setLineDash([3, 3])
      context.beginPath()
      context.arc(x, y, Math.max(8, p.accuracy_m * view.scale), 0, 7)
      context.stroke()
      context.restore()
    }
    if (age > UNKNOWN_MS) {
      context.setLineDash([2, 2])
      context.beginPath()
      context.arc(x, y, 7, 0, 7)
      context.stroke()
      context.setLineDash([])
      context.fillText('?', x, y + 0.5)
    } else if (p.staff) {
      context.beginPath()
      context.arc(x, y, 3.6, 0, 7)
      context.stroke()
      if (age <= OLD_MS) {
        context.beginPath()
        context.arc(x, y, 1.4, 0, 7)
        context.fill()
      }
    } else {
      context.beginPath()
      context.arc(x, y, radius, 0, 7)
      if (age > OLD_MS) context.stroke()
      else context.fill()
    }
  }
  return drawn
}
