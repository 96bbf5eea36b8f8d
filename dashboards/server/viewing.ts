/**
 * Who may look through which camera: never into toilets and washrooms, into the zones that the site file restricts
 * (women's wards, medical) only those it names, and a wall only where a serious alert is open. Pure; video right first.
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

export type ViewingFault = { why: 'private' | 'restricted' | 'no-alert'; zone: string | null }

const PRIVATE = new Set(['toilet', 'washroom'])

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
  const seen = new Set([camera.zone, ...(camera.watches ?? [])].flatMap((zone) => chainOf(zones, zone)))
  for (const zone of seen) if (PRIVATE.has(zones.get(zone)?.kind ?? '')) return { why: 'private', zone }
  for (const rule of rules) {
    const zone = rule.zones.find((id) => seen.has(id))
    if (zone === undefined) continue
    if (!rule.roles?.includes(viewer.role) && !rule.accounts?.includes(viewer.id)) return { why: 'restricted', zone }
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
