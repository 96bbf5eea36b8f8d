/**
 * What is in a place now: who is inside, who belongs there and is elsewhere or unknown, which devices stand there. Pure;
 * it never counts: the numbers 实到/应到 are the server's.
 */
import type { DeviceItem, PersonItem, ZoneItem } from '../api/types.ts'
import type { Located } from '../live/positions.ts'
import { UNKNOWN_MS } from './dots.ts'

export interface Whereabouts {
  person: string
  /** Last fix, however old; null = none known. */
  fix: Located | null
  /** Older than half a minute: a question, not an answer. */
  old: boolean
}

export interface ZoneContent {
  inside: Whereabouts[]
  officers: Whereabouts[]
  /** Belong here, and are known to be elsewhere or not known at all. */
  missing: Whereabouts[]
  devices: DeviceItem[]
}

interface Known {
  zones: Map<string, ZoneItem>
  devices: Map<string, DeviceItem>
  people: Map<string, PersonItem>
}

/** The place itself and all that lies in it. */
export function within(zones: Map<string, ZoneItem>, place: string): Set<string> {
  const inside = new Set([place])
  const lies = (id: string | null | undefined): boolean => {
    const seen: string[] = []
    for (let at = id ?? null; at !== null && seen.length < 32; at = zones.get(at)?.parent ?? null) {
      if (inside.has(at)) {
        for (const passed of seen) inside.add(passed)
        return true
      }
      if (seen.includes(at)) return false
      seen.push(at)
    }
    return false
  }
  for (const id of zones.keys()) lies(id)
  return inside
}

const isWrong = (d: DeviceItem): boolean => d.online === false

export function contentOf(known: Known, place: string, located: Iterable<Located>, now: number): ZoneContent {
  const here = within(known.zones, place)
  const inside: Whereabouts[] = []
  const officers: Whereabouts[] = []
  const fixes = new Map<string, Located>()
  for (const fix of located) {
    fixes.set(fix.person, fix)
    if (fix.zone === null || !here.has(fix.zone)) continue
    const one = { person: fix.person, fix, old: now - fix.time > UNKNOWN_MS }
    if (fix.staff) officers.push(one)
    else inside.push(one)
  }
  const missing: Whereabouts[] = []
  for (const person of known.people.values()) {
    if (!(person.cell && here.has(person.cell)) && !(person.ward && here.has(person.ward))) continue
    const fix = fixes.get(person.id) ?? null
    const old = fix === null || now - fix.time > UNKNOWN_MS
    if (old || fix.zone === null || !here.has(fix.zone)) missing.push({ person: person.id, fix, old })
  }
  const by = (a: Whereabouts, b: Whereabouts) => Number(b.old) - Number(a.old) || (a.person < b.person ? -1 : 1)
  const devices = [...known.devices.values()]
    .filter((d) => d.zone && here.has(d.zone) && d.kind !== 'band' && d.kind !== 'tag')
    .sort((a, b) => Number(isWrong(b)) - Number(isWrong(a)) || (a.id < b.id ? -1 : 1))
  return { inside: inside.sort(by), officers: officers.sort(by), missing: missing.sort(by), devices }
}
