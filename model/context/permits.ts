/**
 * Who may be where: passes, escorts, work orders and lists, found by person or by zone instead of one after the other.
 * Made anew when any of them changes; the instant is always an argument.
 */
import type { ContextItems, ContextKind, Escort, Pass, WorkOrder } from './kinds.ts'

type Items = { readonly [K in ContextKind]: ReadonlyMap<string, ContextItems[K]> }

/** Instant of a `from` or `to`: ms, or RFC 3339 text. */
export function instant(value: string | number | undefined | null): number | null {
  if (value === undefined || value === null) return null
  if (typeof value === 'number') return value
  const parsed = Date.parse(value)
  return Number.isNaN(parsed) ? null : parsed
}

export function covers(item: { from?: string | number; to?: string | number }, at: number): boolean {
  const from = instant(item.from)
  const to = instant(item.to)
  return (from === null || at >= from) && (to === null || at < to)
}

export class Permits {
  readonly #passes = new Map<string, Pass[]>()
  readonly #escorts = new Map<string, Escort[]>()
  readonly #orders = new Map<string, WorkOrder[]>()
  readonly #lists = new Map<string, ReadonlySet<string>>()
  /** Every instant at which one of them begins or ends, in order. */
  readonly changes: readonly number[]

  constructor(items: Items) {
    const changes = new Set<number>()
    const note = (item: { from?: string | number; to?: string | number }): void => {
      for (const at of [instant(item.from), instant(item.to)]) if (at !== null) changes.add(at)
    }
    for (const pass of items.passes.values()) {
      note(pass)
      add(this.#passes, pass.person, pass)
    }
    for (const escort of items.escorts.values()) {
      note(escort)
      for (const person of new Set(escort.persons)) add(this.#escorts, person, escort)
    }
    for (const order of items['work-orders'].values()) {
      note(order)
      for (const zone of new Set(order.zones)) add(this.#orders, zone, order)
    }
    for (const [id, list] of items.lists) this.#lists.set(id, new Set(list.persons))
    this.changes = [...changes].sort((a, b) => a - b)
  }

  isOnList(list: string, person: string): boolean {
    return this.#lists.get(list)?.has(person) ?? false
  }

  escortOf(person: string, at: number): Escort | undefined {
    return this.#escorts.get(person)?.find((escort) => covers(escort, at))
  }

  /** @param up the zone and what it lies in. */
  hasPermit(person: string, up: readonly string[], at: number): boolean {
    const passes = this.#passes.get(person)
    if (passes?.some((pass) => covers(pass, at) && pass.zones.some((z) => up.includes(z)))) return true
    const escort = this.escortOf(person, at)
    if (escort && (!escort.route?.length || escort.route.some((z) => up.includes(z)))) return true
    return this.hasOrder(up, at, person)
  }

  hasOrder(up: readonly string[], at: number, person?: string): boolean {
    if (this.#orders.size === 0) return false
    for (const zone of up)
      for (const order of this.#orders.get(zone) ?? [])
        if (covers(order, at) && (person === undefined || !order.persons?.length || order.persons.includes(person)))
          return true
    return false
  }
}

function add<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}
