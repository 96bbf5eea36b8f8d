/** I38 trend and I39 safety index (`domain.md` 4). Pure. What is not known takes no part, and too little gives no number. */
import type { IndicatorValue } from './indicators.ts'

interface Part {
  id: string
  weight: number
  target: number
  floor: number
}

export const SAFETY_PARTS: readonly Part[] = [
  { id: 'I04', weight: 0.15, target: 0.95, floor: 0.6 },
  { id: 'I06', weight: 0.1, target: 0.95, floor: 0.6 },
  { id: 'I16', weight: 0.1, target: 0.98, floor: 0.8 },
  { id: 'I17', weight: 0.15, target: 0.999, floor: 0.95 },
  { id: 'I19', weight: 0.1, target: 0.999, floor: 0.95 },
  { id: 'I24', weight: 0.1, target: 95, floor: 70 },
  { id: 'I25', weight: 0.1, target: 1, floor: 0.9 },
  { id: 'I26', weight: 0.1, target: 0.98, floor: 0.8 },
  { id: 'I29', weight: 0.05, target: 0.98, floor: 0.8 },
  { id: 'I07', weight: 0.05, target: 0.2, floor: 0.6 },
]
/** More weight than this unknown: 数据不足, no number. */
const MOST_UNKNOWN = 0.3

/** The same expression serves "lower is better": there the floor lies above the target. */
export const penalty = ({ target, floor }: Part, x: number): number =>
  100 * Math.min(1, Math.max(0, (target - x) / (target - floor)))

/** @param values I04 is that of red and orange alerts. */
export function safetyIndex(values: ReadonlyMap<string, number | null>): IndicatorValue {
  let known = 0
  let lost = 0
  const penalties: Record<string, number | null> = {}
  for (const part of SAFETY_PARTS) {
    const x = values.get(part.id) ?? null
    const points = x === null ? null : penalty(part, x)
    penalties[part.id] = points === null ? null : part.weight * points
    if (points === null) continue
    known += part.weight
    lost += part.weight * points
  }
  const enough = 1 - known <= MOST_UNKNOWN + 1e-9
  return {
    value: enough ? 100 - lost / known : null,
    n: SAFETY_PARTS.filter((p) => penalties[p.id] !== null).length,
    detail: { penalties, knownWeight: Math.round(known * 1000) / 1000 },
  }
}

const LEAST_DAYS = 30
const LAMBDA = 0.2

/** @param days values of earlier days, oldest first; nulls take no part. */
export function trendOf(
  days: readonly (number | null)[],
  today: number | null,
): { z: number | null; ewma: number | null; mean: number | null; sd: number | null; n: number } {
  const known = days.filter((x): x is number => x !== null)
  const n = known.length
  let ewma: number | null = null
  for (const x of [...known, ...(today === null ? [] : [today])])
    ewma = ewma === null ? x : LAMBDA * x + (1 - LAMBDA) * ewma
  if (n < LEAST_DAYS) return { z: null, ewma: null, mean: null, sd: null, n }
  const mean = known.reduce((a, b) => a + b, 0) / n
  const sd = Math.sqrt(known.reduce((a, b) => a + (b - mean) ** 2, 0) / (n - 1))
  return { z: today === null || sd === 0 ? null : (today - mean) / sd, ewma, mean, sd, n }
}
