/** Small tables over the context of a facility, made anew at most once a second: zone tree, who wears what, names. */
import type { Clock } from '#model/clock.ts'
import type { Device, Person, Zone } from '#model/context/kinds.ts'
import type { FacilityDesk, RuleInfo } from '#model/ports/facility.ts'
import { type MaskingFacts, NO_FACTS } from './masking.ts'

const WORN = new Set(['band', 'tag', 'bed-radar', 'clinic-terminal'])
const FRESH_MS = 1_000

export class FacilityFacts implements MaskingFacts {
  readonly #desk: FacilityDesk
  readonly #clock: Clock
  #madeAt = Number.NEGATIVE_INFINITY
  zones = new Map<string, Zone>()
  devices = new Map<string, Device>()
  people = new Map<string, Person>()
  #rules = new Map<string, RuleInfo>()

  constructor(desk: FacilityDesk, clock: Clock) {
    this.#desk = desk
    this.#clock = clock
  }

  /** Call before a batch of questions. */
  fresh(): this {
    const now = this.#clock.now()
    if (now - this.#madeAt < FRESH_MS && now >= this.#madeAt) return this
    this.#madeAt = now
    this.zones = new Map((this.#desk.context('zones') as Zone[]).map((z) => [z.id, z]))
    this.devices = new Map((this.#desk.context('devices') as Device[]).map((d) => [d.id, d]))
    this.people = new Map((this.#desk.context('people') as Person[]).map((p) => [p.id, p]))
    this.#rules = new Map(this.#desk.rules().map((r) => [r.id, r]))
    return this
  }

  forget(): void {
    this.#madeAt = Number.NEGATIVE_INFINITY
  }

  isPersonal(id: string): boolean {
    const device = this.fresh().devices.get(id)
    // An unknown device may be anybody's.
    if (!device) return true
    return device.subject !== undefined || WORN.has(device.kind ?? '')
  }

  isZone(id: string): boolean {
    return this.fresh().zones.has(id)
  }

  ruleName(slug: string): { zh: string; en: string } | null {
    return this.fresh().#rules.get(slug)?.name ?? null
  }

  /** The zones given and everything inside them. */
  within(ids: readonly string[]): Set<string> {
    const children = new Map<string, string[]>()
    for (const zone of this.fresh().zones.values()) {
      if (!zone.parent) continue
      const list = children.get(zone.parent)
      if (list) list.push(zone.id)
      else children.set(zone.parent, [zone.id])
    }
    const found = new Set<string>()
    const open = [...ids]
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (found.has(id)) continue
      found.add(id)
      open.push(...(children.get(id) ?? []))
    }
    return found
  }
}

export function maskingFacts(facts: FacilityFacts | null): MaskingFacts {
  return facts ?? NO_FACTS
}
