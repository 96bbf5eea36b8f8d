/** 实到/应到 by zone, asked every five seconds while something on the screen shows it; knows how old its answer is. */
import { useEffect } from 'react'
import { getAll } from '../api/client.ts'
import type { HeadcountItem } from '../api/types.ts'
import { serverClock } from './server-clock.ts'
import { Signal } from './signal.ts'
import { useSignal } from './use-signal.ts'

const EVERY_MS = 5000

export interface HeadcountState {
  items: HeadcountItem[]
  /** Server time of the last answer; 0 = none yet. */
  at: number
  failure: string | null
}

const none: HeadcountState = { items: [], at: 0, failure: null }
export const headcount = new Signal<HeadcountState>(none)

let users = 0
let timer: ReturnType<typeof setInterval> | undefined

async function load(): Promise<void> {
  try {
    const { items } = await getAll<HeadcountItem>('/api/v1/headcount')
    if (users > 0) headcount.set({ items, at: serverClock.now(), failure: null })
  } catch (error) {
    headcount.set({ ...headcount.get(), failure: error instanceof Error ? error.message : String(error) })
  }
}

export function useHeadcount(): HeadcountState {
  useEffect(() => {
    if (users++ === 0) {
      void load()
      timer = setInterval(() => void load(), EVERY_MS)
    }
    return () => {
      if (--users > 0) return
      clearInterval(timer)
      headcount.set(none)
    }
  }, [])
  return useSignal(headcount)
}

const COUNTED_KINDS = new Set([
  'building',
  'ward',
  'workshop',
  'medical',
  'canteen',
  'kitchen',
  'visit',
  'isolation',
  'class-room',
  'yard',
])
/** Places by whose count the watch goes; a building only when it holds no ward. */
export function countedRows(
  items: HeadcountItem[],
  zones: Map<string, { kind: string; parent?: string | null }>,
): HeadcountItem[] {
  const holders = new Set([...zones.values()].filter((z) => z.kind === 'ward').map((z) => z.parent ?? ''))
  return items.filter((row) => {
    const zone = zones.get(row.zone)
    if (zone && (!COUNTED_KINDS.has(zone.kind) || (zone.kind === 'class-room' && zone.parent))) return false
    if (zone?.kind === 'building' && holders.has(row.zone)) return false
    return (row.expected ?? 0) > 0 || row.present > 0 || (row.inside ?? 0) > 0 || row.officers > 0
  })
}

/** Share of those expected of whom a fresh fix says where they are, there or elsewhere; 1 when nobody is expected. */
export function knownShare(row: { expected?: number | null; unknown?: number }): number {
  const expected = row.expected ?? 0
  return expected === 0 ? 1 : Math.max(0, 1 - (row.unknown ?? 0) / expected)
}

/** The whole facility by its wards: the sum a roll-call must reach. */
export function totalOf(rows: HeadcountItem[], zones: Map<string, { kind: string }>): HeadcountItem {
  const wards = rows.filter((row) => zones.get(row.zone)?.kind === 'ward')
  const own = wards.length > 0 ? wards : rows
  const sum = (of: (row: HeadcountItem) => number) => own.reduce((n, row) => n + of(row), 0)
  return {
    zone: '*',
    present: sum((r) => r.present),
    expected: sum((r) => r.expected ?? 0),
    unknown: sum((r) => r.unknown ?? 0),
    officers: rows.filter((r) => zones.get(r.zone)?.kind !== 'building').reduce((n, r) => n + r.officers, 0),
  }
}
