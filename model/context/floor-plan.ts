/**
 * Which zone holds a point: polygons of each floor behind a grid, so that a fix costs one cell, not every polygon.
 * Pure geometry in metres; knows nothing of people or rules.
 */
import type { Zone } from './kinds.ts'

const CELL_M = 5
/** A polygon without a floor (a yard, a fence) holds on every floor. */
const ANY_FLOOR = Number.MIN_SAFE_INTEGER
/** Larger polygons would fill the grid with cells; they are kept in a list that every question walks. */
const MAX_CELLS = 20_000

/** Corners: x, y, x, y … */
type Ring = Float64Array

interface Shape {
  id: string
  area: number
  ring: Ring
  holes: readonly Ring[]
  x0: number
  y0: number
  x1: number
  y1: number
  /** Nothing but its box, as most rooms are. */
  isBox: boolean
}

interface Floor {
  cells: Map<number, Shape[]>
  large: Shape[]
}

export class FloorPlan {
  readonly #floors = new Map<number, Floor>()

  constructor(zones: readonly Zone[]) {
    for (const zone of zones) {
      if (!zone.polygon) continue
      const [x0, y0, x1, y1] = boxOf(zone.polygon)
      const holes = (zone.holes ?? []).map(ringOf)
      const ring = ringOf(zone.polygon)
      const area = areaOf(zone.polygon)
      const isBox = holes.length === 0 && isBoxed(ring, x0, y0, x1, y1)
      const shape: Shape = { id: zone.id, area, ring, holes, x0, y0, x1, y1, isBox }
      const level = zone.floor ?? ANY_FLOOR
      let floor = this.#floors.get(level)
      if (!floor) {
        floor = { cells: new Map(), large: [] }
        this.#floors.set(level, floor)
      }
      place(floor, shape)
    }
    for (const floor of this.#floors.values()) {
      for (const shapes of [...floor.cells.values(), floor.large])
        shapes.sort((a, b) => a.area - b.area || (a.id < b.id ? -1 : 1))
    }
  }

  zoneAt(level: number, x: number, y: number): string | null {
    const here = this.#find(level, x, y)
    const anywhere = this.#find(ANY_FLOOR, x, y)
    if (here && anywhere) return anywhere.area < here.area ? anywhere.id : here.id
    return (here ?? anywhere)?.id ?? null
  }

  #find(level: number, x: number, y: number): Shape | null {
    const floor = this.#floors.get(level)
    if (!floor) return null
    let best: Shape | null = null
    const near = floor.cells.get(cellKey(Math.floor(x / CELL_M), Math.floor(y / CELL_M)))
    if (near !== undefined)
      for (let i = 0; i < near.length; i++)
        if (holds(near[i] as Shape, x, y)) {
          best = near[i] as Shape
          break
        }
    for (const shape of floor.large) {
      if (best && shape.area >= best.area) break
      if (holds(shape, x, y)) {
        best = shape
        break
      }
    }
    return best
  }
}

/** A small integer, which a map finds fastest. Cells 160 km apart share one, and the polygons decide. */
const cellKey = (cx: number, cy: number): number => ((cx & 0x7fff) << 15) | (cy & 0x7fff)

function place(floor: Floor, shape: Shape): void {
  // One cell of margin: a point on the edge belongs to the zone even when rounding puts it into the next cell.
  const c = [shape.x0, shape.y0, shape.x1, shape.y1].map((v) => Math.floor(v / CELL_M)) as [
    number,
    number,
    number,
    number,
  ]
  if ((c[2] - c[0] + 1) * (c[3] - c[1] + 1) > MAX_CELLS) {
    floor.large.push(shape)
    return
  }
  for (let cx = c[0]; cx <= c[2]; cx++)
    for (let cy = c[1]; cy <= c[3]; cy++) {
      const key = cellKey(cx, cy)
      const list = floor.cells.get(key)
      if (list) list.push(shape)
      else floor.cells.set(key, [shape])
    }
}

function boxOf(ring: readonly (readonly number[])[]): [number, number, number, number] {
  const xs = ring.map((p) => p[0] as number)
  const ys = ring.map((p) => p[1] as number)
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]
}

function areaOf(ring: readonly (readonly number[])[]): number {
  let twice = 0
  for (let i = 0; i < ring.length; i++) {
    const [x1, y1] = ring[i] as [number, number]
    const [x2, y2] = ring[(i + 1) % ring.length] as [number, number]
    twice += x1 * y2 - x2 * y1
  }
  return Math.abs(twice) / 2
}

function ringOf(polygon: readonly (readonly number[])[]): Ring {
  const corners = polygon.flatMap((p) => [p[0] as number, p[1] as number])
  // A ring that names its first corner again at the end.
  if (corners.length > 6 && corners[0] === corners.at(-2) && corners[1] === corners.at(-1)) corners.length -= 2
  return Float64Array.from(corners)
}

/** A rectangle along the axes: each side keeps to one side of the box, each corner is one of the box. */
function isBoxed(ring: Ring, x0: number, y0: number, x1: number, y1: number): boolean {
  if (ring.length !== 8 || x0 === x1 || y0 === y1) return false
  for (let i = 0, j = 6; i < 8; j = i, i += 2) {
    const [x, y] = [ring[i], ring[i + 1]]
    if ((x !== x0 && x !== x1) || (y !== y0 && y !== y1) || (x === ring[j]) === (y === ring[j + 1])) return false
  }
  return ring[0] !== ring[4] && ring[1] !== ring[5]
}

function holds(shape: Shape, x: number, y: number): boolean {
  // Written so that what is no number is in no box.
  if (!(x >= shape.x0 && x <= shape.x1 && y >= shape.y0 && y <= shape.y1)) return false
  if (shape.isBox) return true
  if (side(shape.ring, x, y) === 'out') return false
  for (const hole of shape.holes) if (side(hole, x, y) === 'in') return false
  return true
}

function side(ring: Ring, x: number, y: number): 'in' | 'on' | 'out' {
  let inside = false
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
    const xi = ring[i] as number
    const yi = ring[i + 1] as number
    const xj = ring[j] as number
    const yj = ring[j + 1] as number
    const cross = (x - xi) * (yj - yi) - (y - yi) * (xj - xi)
    if (
      Math.abs(cross) < 1e-9 &&
      x >= Math.min(xi, xj) &&
      x <= Math.max(xi, xj) &&
      y >= Math.min(yi, yj) &&
      y <= Math.max(yi, yj)
    )
      return 'on'
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside
  }
  return inside ? 'in' : 'out'
}
