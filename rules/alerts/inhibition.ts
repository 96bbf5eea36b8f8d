/** Modes that hold rules back (`semantics.md` 9): in a fire, doors stand open and people crowd by design. */
import type { Level } from '#model/alert/alert.ts'
import { levelRank } from '#model/alert/alert.ts'
import type { FacilityContext } from '#model/context/facility-context.ts'
import type { Rule } from '../engine/rule.ts'
import type { Signals } from '../engine/signals.ts'

const HELD_BY_FIRE: ReadonlySet<string> = new Set([
  'R07',
  'R08',
  'R09',
  'R12',
  'R19',
  'R22',
  'R26',
  'R27',
  'R42',
  'R43',
  'R45',
])

/** Why an alert may not be raised now; null when nothing holds it back. */
export function inhibition(
  rule: Rule,
  zone: string | null,
  level: Level,
  at: number,
  site: FacilityContext,
  signals: Signals,
): string | null {
  const held = HELD_BY_FIRE.has(rule.code) || (rule.code === 'R18' && levelRank(level) < 4)
  if (!held) return null
  return isFire(zone, at, site, signals) ? 'fire' : null
}

/** Fire mode by context, or by a door of the zone (or of a zone around it) that stands in fire or emergency. */
export function isFire(zone: string | null, at: number, site: FacilityContext, signals: Signals): boolean {
  if (site.modesAt(zone, at, 'fire').length > 0) return true
  for (const place of site.upward(zone))
    for (const device of site.devicesOf(place)) {
      const mode = signals.last(device.id, 'door.mode')?.value.mode
      if (mode === 'fire' || mode === 'emergency') return true
    }
  return false
}
