/** Values of indicators in words: shares as percent, times as durations, and a dash where nothing is known. */
import { duration } from '../live/format.ts'

export interface IndicatorItem {
  id: string
  name: { zh: string; en: string }
  unit: string
  formula: string
  target: number | null
  limit: number | null
  better: 'higher' | 'lower' | 'none'
  owner: string
  value: number | null
  n: number | null
}

export function indicatorValue(unit: string, value: number | null): string {
  if (value === null) return '—'
  if (unit === 'ratio') return `${(value * 100).toFixed(value > 0.9995 && value < 1 ? 2 : 1)} %`
  if (unit === 'ms') return duration(value)
  if (unit === 'count') return String(Math.round(value))
  return value.toFixed(unit === 'points' ? 1 : 2)
}

/** Does it meet what is wanted? Null where nothing is wanted of it, or nothing is known. */
export function meetsTarget(item: Pick<IndicatorItem, 'target' | 'better' | 'value'>): boolean | null {
  if (item.value === null || item.target === null || item.better === 'none') return null
  return item.better === 'higher' ? item.value >= item.target : item.value <= item.target
}

/** Numbers behind sums of seconds are shown as hours. */
export const sampleSize = (n: number | null): string =>
  n === null
    ? '—'
    : n >= 1e6
      ? `${(n / 1e6).toFixed(1)} M`
      : n >= 1e4
        ? `${Math.round(n / 1e3)} k`
        : String(Math.round(n))
