/**
 * Headcount (实到/应到) of every zone: who belongs there, who is there by his last fix, and how old that knowledge is.
 * A person without a fresh fix is "unknown", never present and never absent: false calm kills. Pure.
 */
import type { Person, Zone } from '#model/context/kinds.ts'
import type { PersonPosition } from '#model/ports/facility.ts'

/** Beyond this age a position is a question, not an answer (console.md P2), ms. */
export const FIX_VALID_MS = 30_000

export interface Headcount {
  zone: string
  name: { zh: string; en: string } | null
  kind: string | null
  /** 应到: persons whose cell or ward lies in this zone. */
  expected: number
  /** 实到: those of them that are inside. */
  present: number
  /** Those of them that are known to be elsewhere. */
  elsewhere: number
  /** Those of them without a fresh fix. */
  unknown: number
  /** All persons inside, whether they belong there or not; staff excluded. */
  inside: number
  officers: number
  /** Age of the oldest fix that counts here, ms; null when none does. */
  ageMs: number | null
}

export function headcountOf(
  zones: readonly Zone[],
  people: readonly Person[],
  positions: readonly PersonPosition[],
  now: number,
): Headcount[] {
  const parent = new Map(zones.map((z) => [z.id, z.parent ?? null]))
  /** The zone and all that it lies in; a loop in the site file ends the walk. */
  const chain = (zone: string | null | undefined): string[] => {
    const found: string[] = []
    for (let id = zone ?? null; id !== null && !found.includes(id) && found.length < 32; id = parent.get(id) ?? null)
      found.push(id)
    return found
  }
  const rows = new Map(
    zones.map((z): [string, Headcount] => [
      z.id,
      {
        zone: z.id,
        name: z.name ?? null,
        kind: z.kind ?? null,
        expected: 0,
        present: 0,
        elsewhere: 0,
        unknown: 0,
        inside: 0,
        officers: 0,
        ageMs: null,
      },
    ]),
  )
  const fresh = new Map<string, PersonPosition>()
  for (const p of positions) if (now - p.time <= FIX_VALID_MS) fresh.set(p.person, p)
  for (const fix of fresh.values())
    for (const id of chain(fix.zone)) {
      const row = rows.get(id)
      if (!row) continue
      if (fix.staff) row.officers++
      else row.inside++
      row.ageMs = Math.max(row.ageMs ?? 0, now - fix.time)
    }
  for (const person of people) {
    const fix = fresh.get(person.id)
    const here = new Set(fix ? chain(fix.zone) : [])
    for (const id of new Set([...chain(person.cell), ...chain(person.ward)])) {
      const row = rows.get(id)
      if (!row) continue
      row.expected++
      if (!fix || fix.zone === null) row.unknown++
      else if (here.has(id)) row.present++
      else row.elsewhere++
    }
  }
  return [...rows.values()]
}
