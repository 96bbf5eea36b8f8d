/** People on their feet: where they are, where they go, how fast. Pure geometry, one second a step. */
import type { Plan } from '../facility/plan.ts'

export interface Spot {
  x_m: number
  y_m: number
  floor: number
}

export interface WayPoint {
  zone: string
  spot: Spot
}

export const WALK_M_PER_S = 1.2

function boxOf(plan: Plan, zone: string): { left: number; right: number; top: number; bottom: number } {
  const ring = plan.zones.find((z) => z.id === zone)?.polygon ?? []
  const xs = ring.map((p) => p[0])
  const ys = ring.map((p) => p[1])
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) }
}

/**
 * The way between two zones, through the corridors: middle points, first and last included.
 * @param goal where in the last zone one goes to; it matters on open ground, which lies all around the houses.
 */
export function wayBetween(plan: Plan, from: string, to: string, goal?: Spot): WayPoint[] {
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
  const known = zones.filter((zone) => plan.middle.has(zone))
  const way: WayPoint[] = known.slice(0, 1).map((zone) => ({ zone, spot: plan.middle.get(zone) as Spot }))
  for (let i = 1; i < known.length; i++) {
    const [zone, next] = [known[i - 1] as string, known[i] as string]
    if (isHouseOn(plan, zone, next)) way.push(...leaving(plan, zone, next, known[i + 1], goal))
    else if (isHouseOn(plan, next, zone)) way.push(...leaving(plan, next, zone, known[i - 2]).reverse())
    else way.push(...crossing(plan, zone, next, i > 1, i < known.length - 1))
  }
  const last = known[known.length - 1]
  if (known.length > 1 && last) way.push({ zone: last, spot: plan.middle.get(last) as Spot })
  return way
}

/** Open ground is what nothing leads out of; belts and walls are strips of it, no houses. */
function isHouseOn(plan: Plan, zone: string, ground: string): boolean {
  const kind = plan.zones.find((z) => z.id === zone)?.kind
  if (plan.wards.length === 0 || kind === 'belt' || kind === 'wall') return false
  return plan.wayOut.get(zone) === ground && !plan.wayOut.has(ground)
}

/** So far from its walls one walks past a house. */
const BESIDE_M = 2.5
/** Length of the stairs beside a house, metres. */
const STAIRS_M = 8
/** Middle of the road that runs between two rows of ward buildings, from the corridor's edge. */
const CORRIDOR_TO_ROAD_M = 16

/**
 * The way from a house over the open ground, up to the line along the ward buildings on the side of where one goes (or
 * comes from): a ward is left by the door at its corridor's end, along the house to the road below it, and along that road;
 * a house beside the buildings by its inner side, a gate house by its upper side. No way goes through a house or a yard.
 */
function leaving(plan: Plan, zone: string, ground: string, other: string | undefined, goal?: Spot): WayPoint[] {
  const boxes = plan.wards.map((w) => boxOf(plan, w.corridor))
  const west = Math.min(...boxes.map((b) => b.left)) - BESIDE_M
  const east = Math.max(...boxes.map((b) => b.right)) + BESIDE_M
  const centre = (west + east) / 2
  const sideOf = (z: string): number => ((plan.middle.get(z) as Spot).x_m > centre ? east : west)
  const middle = plan.middle.get(zone) as Spot
  const box = boxOf(plan, zone)
  const on = (x_m: number, y_m: number): WayPoint => ({ zone: ground, spot: { x_m, y_m, floor: 1 } })
  const isWard = (z: string): boolean => plan.wards.some((w) => w.corridor === z)
  if (isWard(zone)) {
    const inside: WayPoint = { zone, spot: { ...middle, x_m: box.left + 0.5 } }
    const road = box.bottom + CORRIDOR_TO_ROAD_M - (box.bottom - box.top)
    const beside = box.left - BESIDE_M
    const way = [inside, ...stairs(plan, zone, on(beside, middle.y_m)), on(beside, road)]
    if (other !== undefined) return [...way, on(isWard(other) ? west : sideOf(other), road)]
    // Somebody who goes out on the ground itself keeps to the road up to the side on which his goal lies.
    if (goal && (goal.x_m < west || goal.x_m > east)) return [...way, on(goal.x_m > centre ? east : west, road)]
    return way
  }
  const isAtGate = (z: string): boolean => {
    const kind = plan.zones.find((known) => known.id === z)?.kind
    const x = plan.middle.get(z)?.x_m ?? 0
    return kind === 'visit' || kind === 'sally-port' || (x > west && x < east)
  }
  // Between two houses the one at the gate is come to on the side of the other: the line above the gates is free.
  const isOwnSide = other === undefined || isWard(other) || isAtGate(other)
  if (isAtGate(zone)) {
    const side = other === undefined || isWard(other) ? sideOf(zone) : sideOf(other)
    return [on(middle.x_m, box.top - BESIDE_M), on(side, box.top - BESIDE_M)]
  }
  const side = isOwnSide ? sideOf(zone) : sideOf(other)
  const own = sideOf(zone)
  const out = besideWhatStandsInTheWay(plan, zone, ground, own)
  const door = out === null ? [on(own, middle.y_m)] : [on(middle.x_m, out), on(own, out)]
  const road = Math.min(...boxes.map((b) => b.top)) + CORRIDOR_TO_ROAD_M
  return own === side ? door : [...door, on(own, road), on(side, road)]
}

/** The stairs of an upper ward: one comes out on its floor beside the house, and is on the ground some metres further. */
function stairs(plan: Plan, ward: string, out: WayPoint): WayPoint[] {
  const floor = plan.middle.get(ward)?.floor ?? 1
  if (floor === out.spot.floor) return [out]
  const end = { ...out.spot, y_m: out.spot.y_m + STAIRS_M }
  return [
    { ...out, spot: { ...out.spot, floor } },
    { ...out, spot: { ...end, floor } },
    { ...out, spot: end },
  ]
}

/** Where another house stands between a house and the road, one leaves by the upper side: how high. Null = the way is free. */
function besideWhatStandsInTheWay(plan: Plan, zone: string, ground: string, roadX: number): number | null {
  const { x_m, y_m } = plan.middle.get(zone) as Spot
  const stands = plan.zones.some(({ id, parent, kind }) => {
    if (id === zone || parent !== undefined || kind === 'building' || !isHouseOn(plan, id, ground)) return false
    const box = boxOf(plan, id)
    return box.top < y_m && y_m < box.bottom && box.right > Math.min(x_m, roadX) && box.left < Math.max(x_m, roadX)
  })
  return stands ? boxOf(plan, zone).top - BESIDE_M : null
}

/** Points on both sides of the passage between two rooms: one walks along the middle line of what one crosses. */
function crossing(plan: Plan, from: string, to: string, throughFrom: boolean, throughTo: boolean): WayPoint[] {
  const at = (zone: string): Spot => plan.middle.get(zone) as Spot
  const opposite = (zone: string, other: string): WayPoint => {
    const box = boxOf(plan, zone)
    return { zone, spot: { ...at(zone), x_m: Math.min(box.right - 0.5, Math.max(box.left + 0.5, at(other).x_m)) } }
  }
  return [...(throughFrom ? [opposite(from, to)] : []), ...(throughTo ? [opposite(to, from)] : [])]
}

/** Positions second by second along a way. */
export function* walkAlong(way: WayPoint[], speed = WALK_M_PER_S): Generator<Spot> {
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

export interface Journey {
  /** Where one is, second by second. */
  spots: Spot[]
  /** Doors passed: the zone whose door it is, seconds from the start, and whether one goes in. */
  passages: { zone: string; second: number; inward: boolean }[]
  zones: string[]
  /** Seconds until one is out of the first room. */
  outAfterS: number
}

/** A door is opened when one is so near to the place one goes to. */
const NEAR_S = 3

/** A whole walk from a spot in a zone to a spot in another. */
export function journey(plan: Plan, from: WayPoint, to: WayPoint): Journey {
  const way = wayBetween(plan, from.zone, to.zone)
  if (way.length === 0) return { spots: [to.spot], passages: [], zones: [to.zone], outAfterS: 0 }
  way[0] = from
  if (way.length === 1) way.push(to)
  else way[way.length - 1] = to
  const spots: Spot[] = []
  const passages: Journey['passages'] = []
  let outAfterS = 0
  for (let i = 1; i < way.length; i++) {
    const [before, here] = [way[i - 1] as WayPoint, way[i] as WayPoint]
    const begun = spots.length
    for (const spot of walkAlong([before, here])) {
      const last = spots[spots.length - 1]
      if (last && last.x_m === spot.x_m && last.y_m === spot.y_m && last.floor === spot.floor) continue
      spots.push(spot)
    }
    if (before.zone === here.zone) continue
    if (passages.length === 0) outAfterS = spots.length
    const inward = plan.wayOut.get(here.zone) === before.zone
    const second = inward ? Math.max(begun, spots.length - NEAR_S) : begun
    passages.push({ zone: inward ? here.zone : before.zone, second, inward })
  }
  return { spots, passages, zones: [...new Set(way.map((w) => w.zone))], outAfterS }
}

/** The way and its points spread evenly over a given time, for stories that must arrive on the second. */
export function walkInTime(way: WayPoint[], seconds: number): Spot[] {
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

/** The i-th of n places to sit or stand in a room, in rows. */
export function seatIn(plan: Plan, zone: string, index: number, count: number): Spot {
  const middle = plan.middle.get(zone) ?? { x_m: 0, y_m: 0, floor: 1 }
  const box = boxOf(plan, zone)
  const width = Math.max(0.5, box.right - box.left - 1.6)
  const depth = Math.max(0.5, box.bottom - box.top - 1.6)
  const columns = Math.max(1, Math.ceil(Math.sqrt((count * width) / depth)))
  const rows = Math.max(1, Math.ceil(count / columns))
  const column = index % columns
  const row = Math.floor(index / columns) % rows
  return {
    x_m: middle.x_m + ((column + 0.5) / columns - 0.5) * width,
    y_m: middle.y_m + ((row + 0.5) / rows - 0.5) * depth,
    floor: middle.floor,
  }
}
