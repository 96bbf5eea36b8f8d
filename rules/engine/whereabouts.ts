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

  move(fix: Omit<Fix, 'previous' | 'previousZone'>): boolean {
    const before = this.last(fix.person)
    if (before && fix.time < before.time) return false
    if (before) {
      if (before.zone !== fix.zone) {
        if (before.zone !== null) this.#byZone.get(before.zone)?.delete(fix.person)
        this.#enter(fix.zone, fix.person)
      }
      before.previous = before.time
      before.previousZone = before.zone
      before.device = fix.device
      before.id = fix.id
      before.time = fix.time
      before.zone = fix.zone
      before.floor = fix.floor
      before.x = fix.x
      before.y = fix.y
      return true
    }
    this.#fixes.set(fix.person, { ...fix, previous: null, previousZone: null })
    this.#enter(fix.zone, fix.person)
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
