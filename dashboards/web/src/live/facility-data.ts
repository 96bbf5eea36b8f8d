/**
 * The slow things a screen needs to put names to codes: rules, zones, devices, persons, plans. Fetched once, refreshed
 * when the stream tells; each part knows when it was fetched and why it could not be.
 */
import { getAll } from '../api/client.ts'
import type { DeviceItem, PersonItem, RuleItem, ZoneItem } from '../api/types.ts'
import { Signal } from './signal.ts'

export interface FacilityData {
  rules: Map<string, RuleItem>
  zones: Map<string, ZoneItem>
  devices: Map<string, DeviceItem>
  people: Map<string, PersonItem>
  /** `performance.now()` of the last fetch by part; absent = never. */
  fetchedAt: Partial<Record<Part, number>>
  failures: Partial<Record<Part, string>>
}

export const PARTS = ['rules', 'zones', 'devices', 'people'] as const
export type Part = (typeof PARTS)[number]

const empty: FacilityData = {
  rules: new Map(),
  zones: new Map(),
  devices: new Map(),
  people: new Map(),
  fetchedAt: {},
  failures: {},
}

export const facility = new Signal<FacilityData>(empty)

/** A device as the screens use it, whatever of it the server left out. */
export function readDevice(raw: Partial<DeviceItem> & { id: string; state?: Partial<DeviceItem> }): DeviceItem {
  const { state, ...own } = raw
  const merged = { ...own, ...(state && typeof state === 'object' ? state : {}) }
  return {
    ...merged,
    online: merged.online ?? null,
    lastSeen: merged.lastSeen ?? null,
    offsetMs: merged.offsetMs ?? null,
    reason: merged.reason ?? null,
    readings: merged.readings ?? 0,
    quarantined: merged.quarantined ?? 0,
    latest: merged.latest ?? {},
  }
}

export async function fetchPart(part: Part): Promise<void> {
  try {
    const { items } = await getAll<{ id: string }>(`/api/v1/${part}?limit=1000`, 20_000)
    const map = new Map(items.map((item) => [item.id, part === 'devices' ? readDevice(item) : item]))
    const { [part]: _gone, ...failures } = facility.get().failures
    facility.set({
      ...facility.get(),
      [part]: map,
      fetchedAt: { ...facility.get().fetchedAt, [part]: performance.now() },
      failures,
    })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    facility.set({ ...facility.get(), failures: { ...facility.get().failures, [part]: why } })
  }
}

export const fetchAllParts = (parts: readonly Part[] = PARTS): Promise<unknown> => Promise.all(parts.map(fetchPart))

let waiting: Map<string, Partial<DeviceItem> & { id: string }> | null = null

/** Device events come in bursts; they are merged into the map once a second. */
export function deviceChanged(raw: unknown): void {
  const device = raw as Partial<DeviceItem> & { id?: string }
  if (typeof device?.id !== 'string') return
  if (!waiting) {
    waiting = new Map()
    setTimeout(() => {
      const changed = waiting
      waiting = null
      if (!changed) return
      const devices = new Map(facility.get().devices)
      for (const [id, part] of changed) {
        const before = devices.get(id)
        const latest = { ...before?.latest, ...part.latest }
        devices.set(id, readDevice({ ...before, ...part, id, latest }))
      }
      facility.set({
        ...facility.get(),
        devices,
        fetchedAt: { ...facility.get().fetchedAt, devices: performance.now() },
      })
    }, 1000)
  }
  waiting.set(device.id, { ...waiting.get(device.id), ...device, id: device.id })
}

export function forgetFacility(): void {
  facility.set(empty)
}

const GROUP_OF_KIND: Record<string, string> = {
  belt: 'perimeter',
  fence: 'perimeter',
  wall: 'perimeter',
  roof: 'perimeter',
  outside: 'perimeter',
  gate: 'gate',
  'sally-port': 'gate',
  dock: 'gate',
  ward: 'ward',
  cell: 'ward',
  dormitory: 'ward',
  toilet: 'ward',
  washroom: 'ward',
  isolation: 'ward',
  workshop: 'workshop',
}
export const ZONE_GROUPS = ['perimeter', 'gate', 'ward', 'workshop', 'public'] as const

/** Perimeter, gates, wards, workshops, the rest: by the zone's own kind, then by what it lies in. */
export function zoneGroup(data: FacilityData, id: string | null): string {
  let zone = id === null ? undefined : data.zones.get(id)
  for (let depth = 0; zone && depth < 8; depth++) {
    if (zone.perimeter) return 'perimeter'
    const group = GROUP_OF_KIND[zone.kind]
    if (group) return group
    zone = zone.parent ? data.zones.get(zone.parent) : undefined
  }
  return 'public'
}
