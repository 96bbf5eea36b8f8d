/**
 * Who may look through which camera: never into toilets and washrooms; into medical zones and those that lodge women
 * nobody but those whom the site file names for them; into other zones that it restricts only those it names; and a wall
 * only where a serious alert is open. Pure; video right first.
 */
import type { Device, Zone } from '#model/context/kinds.ts'
import type { Role } from '#model/permissions.ts'

/** `console.viewing` of the site file. */
export interface ViewingRule {
  zones: readonly string[]
  roles?: readonly string[]
  accounts?: readonly string[]
}

export interface Viewer {
  id: string
  role: Role
}

export type ViewingFault = { why: 'private' | 'medical' | 'women' | 'restricted' | 'no-alert'; zone: string | null }

const PRIVATE = new Set(['toilet', 'washroom'])
/** Closed by what they are, without a word of who may look; opened by an entry that names them (decisions 21 and 28). */
const CLOSED = {
  medical: (zone: Zone | undefined) => zone?.kind === 'medical',
  women: (zone: Zone | undefined) => zone?.lodges === 'women',
}

/** A zone and all that it lies in; a loop in the site file ends the walk. */
function chainOf(zones: ReadonlyMap<string, Zone>, id: string | undefined): string[] {
  const found: string[] = []
  for (
    let at = id;
    at !== undefined && !found.includes(at) && found.length < 32;
    at = zones.get(at)?.parent ?? undefined
  )
    found.push(at)
  return found
}

/** Null when this viewer may look through the camera. */
export function viewingFault(
  camera: Pick<Device, 'zone' | 'watches'>,
  viewer: Viewer,
  zones: ReadonlyMap<string, Zone>,
  rules: readonly ViewingRule[],
): ViewingFault | null {
  const places = [camera.zone, ...(camera.watches ?? [])].map((zone) => chainOf(zones, zone))
  const seen = new Set(places.flat())
  for (const zone of seen) if (PRIVATE.has(zones.get(zone)?.kind ?? '')) return { why: 'private', zone }
  const named = (rule: ViewingRule) => rule.roles?.includes(viewer.role) || rule.accounts?.includes(viewer.id)
  for (const why of ['medical', 'women'] as const)
    for (const place of places) {
      const outermost = place.findLastIndex((id) => CLOSED[why](zones.get(id)))
      if (outermost < 0) continue
      // From the place itself out to the last zone that is closed: a rule about the whole building opens no infirmary in it.
      const within = place.slice(0, outermost + 1)
      if (rules.some((rule) => rule.zones.some((id) => within.includes(id)) && named(rule))) continue
      return { why, zone: within.find((id) => CLOSED[why](zones.get(id)))! }
    }
  for (const rule of rules) {
    const zone = rule.zones.find((id) => seen.has(id))
    if (zone === undefined) continue
    if (!named(rule)) return { why: 'restricted', zone }
  }
  return null
}

/** Does the camera show one of these zones, what lies in it, what it lies in, or what is next to it? */
export function showsNear(
  camera: Pick<Device, 'zone' | 'watches'>,
  alertZones: Iterable<string>,
  zones: ReadonlyMap<string, Zone>,
): boolean {
  const own = [camera.zone, ...(camera.watches ?? [])].filter((zone) => zone !== undefined)
  const within = new Set(own.flatMap((zone) => chainOf(zones, zone)))
  for (const id of alertZones) {
    if (within.has(id)) return true
    const near = new Set([...chainOf(zones, id), ...(zones.get(id)?.adjacent ?? [])])
    if (own.some((zone) => near.has(zone) || zones.get(zone)?.adjacent?.includes(id))) return true
  }
  return false
}
