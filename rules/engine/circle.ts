/**
 * The fullest circle: the largest number of points that fit into one circle of a given radius anywhere. Exact: such a
 * circle can be moved until one of its points lies on its edge, so a sweep around every point finds it. O(n² log n).
 */
export interface Point {
  id: string
  x: number
  y: number
}

const EPSILON = 1e-9

/**
 * Calls `found` for the fullest circle through each point, fullest first is not promised; answers nothing itself so that
 * the caller can choose (for example by the zone of most of its points).
 */
export function circlesThrough(points: readonly Point[], radius: number, found: (members: Point[]) => void): void {
  for (const centre of points) {
    const always: Point[] = [centre]
    const events: { angle: number; delta: 1 | -1; point: Point }[] = []
    for (const other of points) {
      if (other === centre) continue
      const dx = other.x - centre.x
      const dy = other.y - centre.y
      const d = Math.hypot(dx, dy)
      if (d < EPSILON) {
        always.push(other)
        continue
      }
      if (d > 2 * radius + EPSILON) continue
      const towards = Math.atan2(dy, dx)
      const half = Math.acos(Math.min(1, d / (2 * radius))) + EPSILON
      events.push({ angle: towards - half, delta: 1, point: other }, { angle: towards + half, delta: -1, point: other })
    }
    found([...always, ...fullest(events)])
  }
}

/** The points whose angles overlap most. Twice around, so that overlaps across the seam are seen. */
function fullest(events: { angle: number; delta: 1 | -1; point: Point }[]): Point[] {
  const turn = 2 * Math.PI
  const twice = [...events, ...events.map((e) => ({ ...e, angle: e.angle + turn }))].sort(
    (a, b) => a.angle - b.angle || b.delta - a.delta,
  )
  const open = new Set<Point>()
  let best: Point[] = []
  for (const e of twice) {
    if (e.delta === -1) open.delete(e.point)
    else {
      open.add(e.point)
      if (open.size > best.length) best = [...open]
    }
  }
  return best
}
