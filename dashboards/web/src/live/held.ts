/**
 * What a console holds for the hour without a link: numbers to call, kept in the browser's own storage as well, and the
 * response plans. Fetched with the first load and after every reconnection; it never asks when it is needed.
 */
import { getAll } from '../api/client.ts'
import type { PhoneItem, PlanOfAlert, ZoneItem } from '../api/types.ts'
import { serverClock } from './server-clock.ts'
import { Signal } from './signal.ts'

const STORE_KEY = 'wardwatch.phones'

export interface HeldPhones {
  facility: string | null
  items: PhoneItem[]
  /** Server time of the answer; 0 = none yet. */
  at: number
}
const none: HeldPhones = { facility: null, items: [], at: 0 }

const isPhone = (item: unknown): item is PhoneItem => {
  const p = item as Partial<PhoneItem> | null
  return typeof p?.number === 'string' && typeof p.name === 'object' && Array.isArray(p.zones)
}

function kept(): HeldPhones {
  try {
    const held = JSON.parse(localStorage.getItem(STORE_KEY) ?? 'null') as Partial<HeldPhones> | null
    if (!held || !Array.isArray(held.items)) return none
    return { facility: held.facility ?? null, items: held.items.filter(isPhone), at: Number(held.at) || 0 }
  } catch {
    return none
  }
}

export const phones = new Signal<HeldPhones>(kept())
export const plans = new Signal<{ items: PlanOfAlert[]; failure: string | null }>({ items: [], failure: null })

function put(held: HeldPhones): void {
  phones.set(held)
  try {
    if (held.items.length > 0) localStorage.setItem(STORE_KEY, JSON.stringify(held))
    else localStorage.removeItem(STORE_KEY)
  } catch {
    // A kiosk browser may refuse storage: the numbers then hold until the page is closed.
  }
}

/** A failure leaves what is there: old numbers are better than none, and say of when they are. */
export async function holdPhones(facility: string | null): Promise<void> {
  // Another house's numbers are worse than none.
  if (phones.get().facility !== facility) phones.set({ ...none, facility })
  try {
    const { items } = await getAll<PhoneItem>('/api/v1/phones')
    put({ facility, items: items.filter(isPhone), at: serverClock.now() })
  } catch {
    // Asked again with the next connection.
  }
}

export async function holdPlans(): Promise<void> {
  try {
    const { items } = await getAll<PlanOfAlert>('/api/v1/plans')
    plans.set({ items, failure: null })
  } catch (error) {
    plans.set({ ...plans.get(), failure: error instanceof Error ? error.message : String(error) })
  }
}

/** At log-out: the next one at this screen may be anybody. */
export function forgetHeld(): void {
  put(none)
  plans.set({ items: [], failure: null })
}

type Places = ReadonlyMap<string, Pick<ZoneItem, 'parent' | 'adjacent'>>

/** From a place to what it lies in or what it holds; to its neighbour, which is another's house. */
const INTO = 2
const BESIDE = 3
/** Beyond this the numbers of the whole house help more. */
const NEAR = 5

/** Nearest to a zone first, then the numbers of the whole house, then the rest; the order of the site file within each. */
export function nearestFirst(items: readonly PhoneItem[], zone: string | null, zones: Places): PhoneItem[] {
  const far = zone === null ? new Map<string, number>() : distancesFrom(zone, zones)
  const rank = ({ zones: own }: PhoneItem): number => {
    if (own.length === 0) return NEAR + 0.5
    return Math.min(...own.map((id) => far.get(id) ?? Number.MAX_SAFE_INTEGER))
  }
  return items
    .map((phone, n) => ({ phone, n, rank: rank(phone) }))
    .sort((a, b) => a.rank - b.rank || a.n - b.n)
    .map(({ phone }) => phone)
}

function distancesFrom(start: string, zones: Places): Map<string, number> {
  const ways = new Map<string, [to: string, cost: number][]>()
  const link = (a: string, b: string, cost: number) => {
    ways.set(a, [...(ways.get(a) ?? []), [b, cost]])
    ways.set(b, [...(ways.get(b) ?? []), [a, cost]])
  }
  for (const [id, zone] of zones) {
    if (zone.parent) link(id, zone.parent, INTO)
    for (const other of zone.adjacent ?? []) link(id, other, BESIDE)
  }
  const found = new Map([[start, 0]])
  const open = [start]
  for (const id of open)
    for (const [next, cost] of ways.get(id) ?? []) {
      const distance = found.get(id)! + cost
      if (distance > NEAR || distance >= (found.get(next) ?? Number.MAX_SAFE_INTEGER)) continue
      found.set(next, distance)
      open.push(next)
    }
  return found
}

/** What a soft phone dials: signs for the eye left out. */
export const telLink = (number: string): string => `tel:${number.replace(/[^0-9+*#]/g, '').replaceAll('#', '%23')}`
