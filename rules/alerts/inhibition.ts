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

/** Rules about where a person ought to be: who was led out of a burning house is where he must be. */
const ABOUT_HIS_PLACE: ReadonlySet<string> = new Set(['R19', 'R26'])

/**
 * Does the condition outlive the fire: an open door does, so its alert is raised when the fire is over. A pulse does not,
 * and a door that was opened in a fire was opened by design, whenever that is judged (R08 speaks if it stays open).
 */
export function goesOnAfterFire(rule: Rule): boolean {
  return rule.file.clear.by === 'operator' && rule.code !== 'R07'
}

/** Why an alert may not be raised now; null when nothing holds it back. @param persons whom it is about. */
export function inhibition(
  rule: Rule,
  zone: string | null,
  level: Level,
  persons: readonly string[],
  at: number,
  site: FacilityContext,
  signals: Signals,
): string | null {
  const held = HELD_BY_FIRE.has(rule.code) || (rule.code === 'R18' && levelRank(level) < 4)
  if (!held) return null
  const homes = ABOUT_HIS_PLACE.has(rule.code) ? persons.map((p) => site.person(p)?.cell ?? null) : []
  return [zone, ...homes].some((place) => isFire(place, at, site, signals)) ? 'fire' : null
}

/** Fire mode by context, or by a door of the zone (or of a zone around it) that stands in fire or emergency. */
export function isFire(zone: string | null, at: number, site: FacilityContext, signals: Signals): boolean {
  if (site.modesAt(zone, at, 'fire').length > 0) return true
  for (const place of site.upward(zone))
    for (const device of site.devicesOf(place)) {
      const signal = signals.last(device.id, 'door.mode')
      const mode = signal && !signal.bad ? signal.value.mode : undefined
      if (mode === 'fire' || mode === 'emergency') return true
    }
  return false
}
