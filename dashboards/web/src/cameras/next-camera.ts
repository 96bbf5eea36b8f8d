/** Which camera can stand in for a dead one: its registered neighbour first, then one that watches or stands in the same place. */
import type { DeviceItem } from '../api/types.ts'

type Camera = Pick<DeviceItem, 'id' | 'kind' | 'zone' | 'watches' | 'online'> & { adjacent?: string[] }

export function nextSeeing<T extends Camera>(dead: T, devices: readonly T[]): T | null {
  const places = new Set([...(dead.watches ?? []), ...(dead.zone ? [dead.zone] : [])])
  const rank = (d: T): number => {
    if (dead.adjacent?.includes(d.id)) return 0
    if (d.watches?.some((zone) => places.has(zone))) return 1
    if (d.zone && places.has(d.zone)) return 2
    return 9
  }
  const found = devices
    .filter((d) => d.kind === 'camera' && d.id !== dead.id && d.online !== false && rank(d) < 9)
    .sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1))
  return found[0] ?? null
}
