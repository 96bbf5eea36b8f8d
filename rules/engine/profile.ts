/**
 * What is usual for one person: daily values and hourly means of some days, as small lists, seedable by the context kind
 * `baselines` ({person, features: {name: [value of a day, …]}}, oldest first). Robust z by median and MAD.
 */
import type { FacilityContext } from '#model/context/facility-context.ts'
import { localDayAt, minuteOfDay } from '#model/local-time.ts'

/** Days that a profile remembers. */
export const PROFILE_DAYS = 14

/** Hourly sums of a running day, by the hours of the clock on the wall: a day may have 23 of them, or 25. */
export interface DaySums {
  midnight: number
  end: number
  sums: number[]
  counts: number[]
}

export function newDay(timezone: string, at: number): DaySums {
  const [midnight, end] = localDayAt(timezone, at)
  return { midnight, end, sums: Array<number>(24).fill(0), counts: Array<number>(24).fill(0) }
}

export const hourOf = (timezone: string, at: number): number => Math.floor(minuteOfDay(timezone, at) / 60)

export function addSample(day: DaySums, hour: number, value: number): void {
  day.sums[hour] = (day.sums[hour] as number) + value
  day.counts[hour] = (day.counts[hour] as number) + 1
}

/** Mean of each hour, null where too little was measured. */
export const hourlyMeans = (day: DaySums, minSamples: number): (number | null)[] =>
  day.sums.map((sum, hour) => {
    const n = day.counts[hour] as number
    return n >= minSamples ? Math.round((sum / n) * 100) / 100 : null
  })

export function remember<T>(days: T[], day: T): void {
  days.push(day)
  while (days.length > PROFILE_DAYS) days.shift()
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/**
 * z = 0.6745 · (x − median) / MAD; null without enough days. The MAD has a floor: somebody who lives by the clock would
 * otherwise deviate by a minute.
 */
export function robustZ(x: number, usual: readonly number[], minDays: number, floor: number): number | null {
  if (usual.length < minDays) return null
  const centre = medianOf(usual)
  const mad = Math.max(floor, medianOf(usual.map((v) => Math.abs(v - centre))))
  return (0.6745 * (x - centre)) / mad
}

/** Seeds of a feature for a person from the context, newest last; values that are not of the expected kind are left out. */
export function seeds<T>(
  site: FacilityContext,
  person: string,
  feature: string,
  isValue: (value: unknown) => value is T,
): T[] {
  for (const item of site.all('baselines')) {
    if ((item.person ?? item.id) !== person) continue
    const list = item.features?.[feature]
    if (Array.isArray(list)) return list.filter(isValue).slice(-PROFILE_DAYS)
  }
  return []
}

export const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
export const isHours = (value: unknown): value is (number | null)[] =>
  Array.isArray(value) && value.length === 24 && value.every((v) => v === null || isNumber(v))
