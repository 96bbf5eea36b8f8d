/**
 * People off-site (离监外出): who is on an escort that leads out and is in force now, and who was just seen outside without
 * one. Numbers of persons only, no names; it counts nothing twice and hides nobody. Pure.
 */
import type { Escort, Zone } from '#model/context/kinds.ts'
import type { PersonPosition } from '#model/ports/facility.ts'
import { FIX_VALID_MS } from './headcount.ts'

export interface OffSite {
  person: string
  /** Id of the escort; null = seen outside without one. */
  escort: string | null
  officers: string[]
  /** When the escort ends, ms; null = open. */
  until: number | null
  /** Where the last fresh fix is; null = no fresh fix. */
  zone: string | null
  /** That fix lies inside the facility: not gone yet, or back already. */
  inside: boolean
}

const timeOf = (value: string | number | undefined, otherwise: number): number => {
  const time = typeof value === 'string' ? Date.parse(value) : (value ?? Number.NaN)
  return Number.isFinite(time) ? time : otherwise
}

export function offSiteOf(
  zones: ReadonlyMap<string, Zone>,
  escorts: readonly Escort[],
  positions: readonly PersonPosition[],
  now: number,
): OffSite[] {
  // A route names what the site file does not know, too: a hospital, a court. Both lead out.
  const leadsOut = (id: string) => zones.get(id)?.kind === 'outside' || !zones.has(id)
  const fresh = new Map(positions.filter((p) => !p.staff && now - p.time <= FIX_VALID_MS).map((p) => [p.person, p]))
  const found = new Map<string, OffSite>()
  for (const escort of escorts) {
    if (!escort.route?.some(leadsOut)) continue
    if (timeOf(escort.from, Number.NEGATIVE_INFINITY) > now) continue
    if (timeOf(escort.to, Number.POSITIVE_INFINITY) <= now) continue
    const until = timeOf(escort.to, Number.NaN)
    for (const person of escort.persons) {
      const zone = fresh.get(person)?.zone ?? null
      found.set(person, {
        person,
        escort: escort.id,
        officers: [...escort.officers],
        until: Number.isFinite(until) ? until : null,
        zone,
        inside: zone !== null && !leadsOut(zone),
      })
    }
  }
  for (const fix of fresh.values())
    if (fix.zone !== null && zones.get(fix.zone)?.kind === 'outside' && !found.has(fix.person))
      found.set(fix.person, {
        person: fix.person,
        escort: null,
        officers: [],
        until: null,
        zone: fix.zone,
        inside: false,
      })
  return [...found.values()].sort((a, b) => (a.person < b.person ? -1 : 1))
}
