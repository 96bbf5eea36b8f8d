/**
 * Where each person was last seen by a usable fix: accurate to 3 m, of a band that is worn. Later fixes only: a late
 * one never moves a person back.
 */
export interface Fix {
  person: string
  device: string
  id: string
  time: number
  zone: string | null
  floor: number
  x: number
  y: number
  /** Time of the fix before this one; null for the first. */
  previous: number | null
  /** Zone of the fix before this one. */
  previousZone: string | null
}

type Place = Pick<Fix, 'device' | 'id' | 'time' | 'zone'>

export const MAX_ACCURACY_M = 3
/** A fix says where somebody is for so long. */
export const FIX_VALID_MS = 10_000

const NOBODY: readonly string[] = []

export class Whereabouts {
  readonly #fixes = new Map<string, Fix>()
  /** Persons by zone of their last fix, so that a zone's people are found without walking everybody. */
  readonly #byZone = new Map<string, Set<string>>()

  /** The fix that was asked for last: the rules ask about the same person one after the other. */
  #recent: Fix | undefined

  /** Where a reading of a position puts the person. */
  move(person: string, { device, id, time, zone }: Place, floor: number, x: number, y: number): boolean {
    const before = this.last(person)
    if (before && time < before.time) return false
    if (before) {
      if (before.zone !== zone) {
        if (before.zone !== null) this.#byZone.get(before.zone)?.delete(person)
        this.#enter(zone, person)
      }
      before.previous = before.time
      before.previousZone = before.zone
      before.device = device
      before.id = id
      before.time = time
      before.zone = zone
      before.floor = floor
      before.x = x
      before.y = y
      return true
    }
    this.#fixes.set(person, { person, device, id, time, zone, floor, x, y, previous: null, previousZone: null })
    this.#enter(zone, person)
    return true
  }

  #enter(zone: string | null, person: string): void {
    if (zone === null) return
    const set = this.#byZone.get(zone)
    if (set) set.add(person)
    else this.#byZone.set(zone, new Set([person]))
  }

  last(person: string): Fix | undefined {
    if (this.#recent?.person === person) return this.#recent
    const fix = this.#fixes.get(person)
    if (fix !== undefined) this.#recent = fix
    return fix
  }
  /** The last fix if it still speaks at `at`. */
  at(person: string, at: number): Fix | undefined {
    const fix = this.last(person)
    return fix && at <= fix.time + FIX_VALID_MS ? fix : undefined
  }
  /** People whose valid fix lies in the zone, sorted. */
  inZone(zone: string, at: number): string[] {
    const found: string[] = []
    for (const person of this.#byZone.get(zone) ?? []) if (this.at(person, at)) found.push(person)
    return found.sort()
  }

  /** People whose last fix, however old, lies in the zone. */
  lastIn(zone: string): Iterable<string> {
    return this.#byZone.get(zone) ?? NOBODY
  }

  snapshot(): Fix[] {
    return [...this.#fixes.values()]
  }
  restore(fixes: Fix[]): void {
    this.#fixes.clear()
    this.#recent = undefined
    this.#byZone.clear()
    for (const fix of fixes) {
      this.#fixes.set(fix.person, fix)
      this.#enter(fix.zone, fix.person)
    }
  }
}
