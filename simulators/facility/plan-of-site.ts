/** Reads a walkable plan out of any site: where the middle of each zone is and through which zone one leaves it. */
import type { Zone } from '#model/context/kinds.ts'
import type { Site } from '#model/site/load.ts'
import type { Plan, WardPlan } from './plan.ts'

export function planOfSite(site: Site): Plan {
  const zones = site.zones ?? []
  const byId = new Map(zones.map((z) => [z.id, z]))
  const children = Map.groupBy(zones, (z) => z.parent ?? null)
  const middle: Plan['middle'] = new Map()
  for (const zone of zones) {
    const box = zone.polygon
    if (!box) continue
    const xs = box.map((p) => p[0])
    const ys = box.map((p) => p[1])
    middle.set(zone.id, {
      x_m: (Math.min(...xs) + Math.max(...xs)) / 2,
      y_m: (Math.min(...ys) + Math.max(...ys)) / 2,
      floor: zone.floor ?? 1,
    })
  }
  // One leaves a room through its corridor, a house over the open ground.
  const ground = byId.get('SITE') ?? zones.find((z) => z.kind === 'yard' && !z.parent)
  const wayOut: Plan['wayOut'] = new Map()
  const corridorOf = (zone: Zone): string | undefined =>
    (zone.adjacent ?? []).find((id) => byId.get(id)?.kind === 'corridor')
  for (const zone of zones) {
    if (zone.kind === 'outside' || zone === ground) continue
    const out = zone.kind === 'corridor' || zone.kind === 'ward' ? ground?.id : (corridorOf(zone) ?? ground?.id)
    if (out && out !== zone.id) wayOut.set(zone.id, out)
  }
  const wards = zones
    .filter((z) => z.kind === 'ward')
    .map((ward, index): WardPlan => {
      const inside = children.get(ward.id) ?? []
      const of = (kind: Zone['kind']): string => inside.find((z) => z.kind === kind)?.id ?? ward.id
      return {
        id: ward.id,
        number: Number(/\d+/.exec(ward.id)?.[0] ?? index + 1),
        building: ward.parent ?? ward.id,
        floor: ward.floor ?? 1,
        corridor: of('corridor'),
        toilet: of('toilet'),
        day: of('class-room'),
        post: of('post'),
        cells: inside.filter((z) => z.kind === 'cell' || z.kind === 'dormitory').map((z) => z.id),
      }
    })
  const all = [...middle.values()]
  return {
    zones,
    wards,
    middle,
    wayOut,
    widthM: Math.max(0, ...all.map((m) => m.x_m)),
    heightM: Math.max(0, ...all.map((m) => m.y_m)),
  }
}
