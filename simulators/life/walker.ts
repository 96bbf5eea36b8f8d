/** One person on his feet: where he is, where he goes, how fast. Pure geometry, one second a step. */
import type { Plan } from '../facility/plan.ts'

export interface Spot {
  x_m: number
  y_m: number
  floor: number
}

const WALK_M_PER_S = 1.2

/** The way between two zones, through the corridors: middle points, first and last included. */
export function wayBetween(plan: Plan, from: string, to: string): { zone: string; spot: Spot }[] {
  const out = (zone: string): string[] => {
    const chain = [zone]
    for (let z = plan.wayOut.get(zone); z && chain.length < 10; z = plan.wayOut.get(z)) chain.push(z)
    return chain
  }
  const a = out(from)
  const b = out(to)
  const meet = a.find((zone) => b.includes(zone)) ?? a[a.length - 1]
  const zones = [
    ...a.slice(0, a.indexOf(meet as string) + 1),
    ...b.slice(0, Math.max(0, b.indexOf(meet as string))).reverse(),
  ]
  const way: { zone: string; spot: Spot }[] = []
  for (const [i, zone] of zones.entries()) {
    const middle = plan.middle.get(zone)
    if (!middle) continue
    const isCorridor = i > 0 && i < zones.length - 1
    if (!isCorridor) {
      way.push({ zone, spot: middle })
      continue
    }
    // Through a corridor one walks along its middle line, from opposite one door to opposite the other.
    const before = plan.middle.get(zones[i - 1] as string) ?? middle
    const after = plan.middle.get(zones[i + 1] as string) ?? middle
    const box = plan.zones.find((z) => z.id === zone)?.polygon ?? []
    const left = Math.min(...box.map((p) => p[0])) + 0.5
    const right = Math.max(...box.map((p) => p[0])) - 0.5
    const clamp = (x: number) => Math.min(right, Math.max(left, x))
    way.push({ zone, spot: { x_m: clamp(before.x_m), y_m: middle.y_m, floor: middle.floor } })
    way.push({ zone, spot: { x_m: clamp(after.x_m), y_m: middle.y_m, floor: middle.floor } })
  }
  return way
}

/** Positions second by second along a way. */
export function* walkAlong(way: { zone: string; spot: Spot }[], speed = WALK_M_PER_S): Generator<Spot> {
  let at = way[0]?.spot
  if (!at) return
  yield at
  for (const { spot } of way.slice(1)) {
    if (spot.floor !== at.floor) at = { ...at, floor: spot.floor }
    let rest = Math.hypot(spot.x_m - at.x_m, spot.y_m - at.y_m)
    while (rest > speed) {
      at = {
        x_m: at.x_m + ((spot.x_m - at.x_m) / rest) * speed,
        y_m: at.y_m + ((spot.y_m - at.y_m) / rest) * speed,
        floor: at.floor,
      }
      rest = Math.hypot(spot.x_m - at.x_m, spot.y_m - at.y_m)
      yield at
    }
    at = spot
  }
  yield at
}

/** The way and its points spread evenly over a given time, for stories that must arrive on the second. */
export function walkInTime(way: { zone: string; spot: Spot }[], seconds: number): Spot[] {
  let length = 0
  for (let i = 1; i < way.length; i++)
    length += Math.hypot(
      (way[i]?.spot.x_m ?? 0) - (way[i - 1]?.spot.x_m ?? 0),
      (way[i]?.spot.y_m ?? 0) - (way[i - 1]?.spot.y_m ?? 0),
    )
  const steps = [...walkAlong(way, Math.max(0.05, length / Math.max(1, seconds)))]
  return Array.from(
    { length: seconds + 1 },
    (_, s) => steps[Math.min(steps.length - 1, Math.round((s * (steps.length - 1)) / Math.max(1, seconds)))] as Spot,
  )
}
