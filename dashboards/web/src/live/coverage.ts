/** How much of the perimeter can be seen now: a segment is seen while at least one of its devices is online. */
import type { FacilityData } from './facility-data.ts'

export interface Cover {
  seen: number
  total: number
  /** Zones with devices of which none is online. */
  unseen: Set<string>
}

const PERIMETER_KINDS = new Set(['fence', 'belt', 'wall'])

/** Zones with at least one device, and whether any of these is not known to be offline. */
export function zoneCover(
  data: FacilityData,
): Map<string, { devices: number; online: number; lastSeen: number | null }> {
  const cover = new Map<string, { devices: number; online: number; lastSeen: number | null }>()
  for (const device of data.devices.values()) {
    // Bands and tags belong to people, not to the place they are registered at.
    if (!device.zone || device.kind === 'band' || device.kind === 'tag') continue
    const zone = cover.get(device.zone) ?? { devices: 0, online: 0, lastSeen: null }
    zone.devices++
    if (device.online === true) zone.online++
    if (device.lastSeen !== null) zone.lastSeen = Math.max(zone.lastSeen ?? 0, device.lastSeen)
    cover.set(device.zone, zone)
  }
  return cover
}

export function perimeterCover(data: FacilityData): Cover {
  const cover = zoneCover(data)
  const result: Cover = { seen: 0, total: 0, unseen: new Set() }
  for (const zone of data.zones.values()) {
    const state = cover.get(zone.id)
    if (!state) continue
    if (state.online === 0) result.unseen.add(zone.id)
    if (!zone.perimeter && !PERIMETER_KINDS.has(zone.kind)) continue
    result.total++
    if (state.online > 0) result.seen++
  }
  return result
}
