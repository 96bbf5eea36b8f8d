import fc from 'fast-check'
import { expect, test } from 'vitest'
import { circlesThrough, type Point } from './circle.ts'

const best = (points: Point[], radius: number): number => {
  let most = 0
  circlesThrough(points, radius, (members) => {
    most = Math.max(most, members.length)
  })
  return most
}

/** The slow truth: the circle of every pair of points on its edge, and of every point as its middle. */
function slow(points: Point[], radius: number): number {
  let most = 0
  const count = (x: number, y: number): number =>
    points.filter((p) => Math.hypot(p.x - x, p.y - y) <= radius + 1e-6).length
  for (const a of points) {
    most = Math.max(most, count(a.x, a.y))
    for (const b of points) {
      const d = Math.hypot(b.x - a.x, b.y - a.y)
      if (d === 0 || d > 2 * radius) continue
      const h = Math.sqrt(Math.max(0, radius * radius - (d * d) / 4))
      for (const sign of [-1, 1])
        most = Math.max(
          most,
          count((a.x + b.x) / 2 + (sign * h * (b.y - a.y)) / d, (a.y + b.y) / 2 - (sign * h * (b.x - a.x)) / d),
        )
    }
  }
  return most
}

const points = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 })), { minLength: 1, maxLength: 14 })
  .map((list) => list.map(([x, y], i) => ({ id: String(i), x: x / 3, y: y / 3 })))

test('the sweep finds as many points as the slow search over all pairs', () => {
  fc.assert(fc.property(points, (list) => best(list, 5) === slow(list, 5)))
})

test('the order of the points does not matter', () => {
  fc.assert(fc.property(points, (list) => best(list, 5) === best([...list].reverse(), 5)))
})

test('two points exactly one diameter apart fit, a little more does not', () => {
  const at = (x: number): Point[] => [
    { id: 'a', x: 0, y: 0 },
    { id: 'b', x, y: 0 },
  ]
  expect(best(at(10), 5)).toBe(2)
  expect(best(at(10.01), 5)).toBe(1)
})
