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
}

/** Age of a fix for this desk: by the server's clock, but never younger than what was heard here. */
export const fixAge = (p: Located, serverNow: number): number => Math.max(0, serverNow - p.time)

export function drawDots(
  context: CanvasRenderingContext2D,
  size: { width: number; height: number; ratio: number },
  view: View,
  floor: number,
  located: Iterable<Located>,
  serverNow: number,
  layers: DotLayers,
  style: DotStyle,
  subject: string | null,
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
  for (const p of located) {
    if (p.floor !== floor || !(p.staff ? layers.staff : layers.people)) continue
    const [x, y] = toScreen(view, width, height, p.x_m, p.y_m)
    if (x < -20 || y < -20 || x > width + 20 || y > height + 20) continue
    drawn++
    const age = fixAge(p, serverNow)
    const color = p.staff ? style.officer : style.dot
    context.strokeStyle = color
    context.fillStyle = color
    if (p.person === subject) {
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
