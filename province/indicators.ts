/**
 * What facilities reported, put together for the province: one value per indicator and day, the spread over facilities, the
 * ranking. Pure. Small numbers about persons are not shown ("<5"), and nobody is ranked on too little or on alert counts.
 */
import { INDICATORS, type Indicator, quantile, ratio } from '#dashboards/indicators.ts'
import { penalty, SAFETY_PARTS } from '#dashboards/safety-index.ts'
import type { IndicatorRow } from './store/queries.ts'

export interface Merged {
  value: number | null
  n: number
}

/** A facility's value as the province may show it. */
export interface Shown extends Merged {
  facility: string
  /** Fewer than five persons or events about persons: neither value nor number is shown. */
  small: boolean
}

const SMALL = 5
/** A facility with fewer judged alerts in the week than this has no rank. */
export const LEAST_RANKED = 20
/** Its judged alerts (acknowledged or overdue) are the sample of a ranking. */
const SAMPLE = 'I04'

const BY_ID = new Map(INDICATORS.map((i) => [i.id, i]))
export const indicatorOf = (id: string): Indicator | null => BY_ID.get(id) ?? null

/** Values of several facilities or days as one. What is null takes no part; of nothing comes null. */
export function merge(indicator: Indicator, rows: readonly Merged[]): Merged {
  const known = rows.filter((r): r is { value: number; n: number } => r.value !== null)
  const n = rows.reduce((sum, r) => sum + r.n, 0)
  if (known.length === 0) return { value: null, n }
  const values = known.map((r) => r.value)
  switch (indicator.merging) {
    case 'sum':
      return { value: values.reduce((a, b) => a + b, 0), n }
    case 'max':
      return { value: Math.max(...values), n }
    case 'median':
      return {
        value: quantile(
          [...values].sort((a, b) => a - b),
          0.5,
        ),
        n,
      }
    default: {
      const weight = known.reduce((sum, r) => sum + r.n, 0)
      return {
        value: ratio(
          known.reduce((sum, r) => sum + r.value * r.n, 0),
          weight,
        ),
        n,
      }
    }
  }
}

export function shown(indicator: Indicator, facility: string, { value, n }: Merged): Shown {
  const small = indicator.personal && n > 0 && n < SMALL
  return { facility, value: small ? null : value, n: small ? 0 : n, small }
}

export interface Day {
  from: number
  to: number
  value: number | null
  n: number
  /** Lowest and highest of the facilities: the band around the line. */
  low: number | null
  high: number | null
  facilities: number
}

/** One line over days, oldest first. */
export function daysOf(indicator: Indicator, rows: readonly IndicatorRow[]): Day[] {
  const days = new Map<number, IndicatorRow[]>()
  for (const row of rows) days.set(row.from, [...(days.get(row.from) ?? []), row])
  return [...days]
    .sort((a, b) => a[0] - b[0])
    .map(([from, some]) => {
      const values = some.flatMap((r) => (r.value === null || shown(indicator, r.facility, r).small ? [] : [r.value]))
      return {
        from,
        to: Math.max(...some.map((r) => r.to)),
        ...merge(indicator, some),
        low: values.length ? Math.min(...values) : null,
        high: values.length ? Math.max(...values) : null,
        facilities: some.length,
      }
    })
}

/** Values of each facility over all the days given. */
export function byFacility(indicator: Indicator, rows: readonly IndicatorRow[]): Shown[] {
  const found = new Map<string, IndicatorRow[]>()
  for (const row of rows) found.set(row.facility, [...(found.get(row.facility) ?? []), row])
  return [...found].sort().map(([facility, some]) => shown(indicator, facility, merge(indicator, some)))
}

export interface Ranked {
  facility: string
  /** Safety index of the period; null = 数据不足. */
  index: number | null
  /** Against the period before; null when there is none. */
  change: number | null
  n: number
  low: number | null
  high: number | null
  rank: number | null
  /** What costs most, worst first: indicator and points. */
  reasons: { id: string; points: number }[]
}

/** @param rows of the period, @param before of the one before it: all indicators. */
export function ranking(
  facilities: readonly string[],
  rows: readonly IndicatorRow[],
  before: readonly IndicatorRow[],
): Ranked[] {
  const of = (some: readonly IndicatorRow[], facility: string, id: string): IndicatorRow[] =>
    some.filter((r) => r.facility === facility && r.indicator === id)
  const index = BY_ID.get('I39')!
  const list = facilities.map((facility): Ranked => {
    const mine = of(rows, facility, 'I39')
    const now = merge(index, mine).value
    const then = merge(index, of(before, facility, 'I39')).value
    const values = mine.flatMap((r) => (r.value === null ? [] : [r.value]))
    const reasons = SAFETY_PARTS.flatMap((part) => {
      const { value } = merge(BY_ID.get(part.id)!, of(rows, facility, part.id))
      const points = value === null ? 0 : part.weight * penalty(part, value)
      return points > 0.05 ? [{ id: part.id, points }] : []
    }).sort((a, b) => b.points - a.points)
    return {
      facility,
      index: now,
      change: now === null || then === null ? null : now - then,
      n: of(rows, facility, SAMPLE).reduce((sum, r) => sum + r.n, 0),
      low: values.length ? Math.min(...values) : null,
      high: values.length ? Math.max(...values) : null,
      rank: null,
      reasons,
    }
  })
  const ranked = list
    .filter((r) => r.index !== null && r.n >= LEAST_RANKED)
    .sort((a, b) => b.index! - a.index! || (a.facility < b.facility ? -1 : 1))
  for (const [i, one] of ranked.entries()) one.rank = i + 1
  // Those without a rank follow: they are shown, with why not.
  const rest = list
    .filter((r) => r.rank === null)
    .sort((a, b) => (b.index ?? -1) - (a.index ?? -1) || (a.facility < b.facility ? -1 : 1))
  return [...ranked, ...rest]
}
