/**
 * Which cameras a wall may show: those near an open red or orange alert alone, for a wall is seen by whoever passes.
 * Pure; who may look into which place at all is decided before.
 */
import type { Device, Zone } from '#model/context/kinds.ts'

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
