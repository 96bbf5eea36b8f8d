/**
 * Coverage: which zones lack a live device of a kind that their kind of place needs. A device counts where it stands
 * and where it watches. Pure; says "uncovered" rather than guess.
 */
import type { Device, Zone } from '#model/context/kinds.ts'
import type { Ability, DeviceState, RuleInability } from '#model/ports/facility.ts'
import type { ZoneKind } from '#model/site/schema.ts'

/** Kinds of device of which at least one must live; `a|b` = either will do. */
export const REQUIRED_KINDS: Partial<Record<ZoneKind, readonly string[]>> = {
  cell: ['camera|bed-radar', 'call-button'],
  dormitory: ['camera|bed-radar', 'call-button'],
  isolation: ['camera|bed-radar', 'call-button'],
  medical: ['camera', 'call-button|panic-button'],
  corridor: ['camera'],
  yard: ['camera'],
  workshop: ['camera', 'smoke'],
  canteen: ['camera', 'smoke'],
  kitchen: ['camera', 'smoke', 'gas'],
  boiler: ['gas', 'smoke'],
  'machine-room': ['climate', 'smoke'],
  'class-room': ['camera'],
  visit: ['camera', 'panic-button'],
  post: ['panic-button'],
  store: ['smoke'],
  dock: ['camera'],
  gate: ['camera', 'gate|door'],
  'sally-port': ['camera', 'gate|door', 'life-detector|plate-reader'],
  belt: ['camera', 'fence'],
  fence: ['fence'],
  wall: ['camera'],
}

export interface Coverage {
  zone: string
  name: { zh: string; en: string } | null
  kind: ZoneKind | null
  /** Marked as seen by no camera on purpose. */
  blind: boolean
  covered: boolean
  /** Needs without a live device. */
  missing: string[]
  required: { kind: string; total: number; live: number; neverSeen: number; devices: string[] }[]
  /** Rules that cannot fire here, and why. */
  unable: Omit<RuleInability, 'zone'>[]
}

/**
 * @param required by kind of zone; the facility may hand in its own.
 * @param ability what the rules know: a device that went silent lives no more, whoever has noticed.
 */
export function coverageOf(
  zones: readonly Zone[],
  devices: readonly Device[],
  states: readonly DeviceState[],
  required: Partial<Record<ZoneKind, readonly string[]>> = REQUIRED_KINDS,
  ability: Ability | null = null,
): Coverage[] {
  const unableIn = new Map<string, Coverage['unable']>()
  for (const { zone, ...rest } of ability?.unable ?? []) {
    const list = unableIn.get(zone)
    if (list) list.push(rest)
    else unableIn.set(zone, [rest])
  }
  const isLive = (id: string): boolean => stateOf.get(id)?.online === true && ability?.devices[id] !== 'stale'
  const stateOf = new Map(states.map((s) => [s.id, s]))
  const inZone = new Map<string, Device[]>()
  for (const device of devices)
    for (const zone of new Set([...(device.zone ? [device.zone] : []), ...(device.watches ?? [])])) {
      const list = inZone.get(zone)
      if (list) list.push(device)
      else inZone.set(zone, [device])
    }
  return zones.flatMap((zone): Coverage[] => {
    const needs =
      (zone.kind === undefined ? undefined : required[zone.kind]) ?? (unableIn.has(zone.id) ? [] : undefined)
    if (!needs) return []
    const here = inZone.get(zone.id) ?? []
    const rows = needs.map((need) => {
      const kinds = need.split('|')
      const own = here.filter((d) => kinds.includes(d.kind ?? ''))
      const live = own.filter((d) => isLive(d.id)).length
      const neverSeen = own.filter((d) => (stateOf.get(d.id)?.lastSeen ?? null) === null).length
      return { kind: need, total: own.length, live, neverSeen, devices: own.map((d) => d.id) }
    })
    const missing = rows.filter((r) => r.live === 0).map((r) => r.kind)
    return [
      {
        zone: zone.id,
        name: zone.name ?? null,
        kind: zone.kind ?? null,
        blind: zone.blind ?? false,
        covered: missing.length === 0,
        missing,
        required: rows,
        unable: unableIn.get(zone.id) ?? [],
      },
    ]
  })
}
