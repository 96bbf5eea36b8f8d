/** Indicators that are shares of time or of events counted as they happened (`domain.md` 4). Pure. */
import { type IndicatorValue, ratio } from './indicators.ts'

/** Sums over a window, by name and part. */
export type FactSums = ReadonlyMap<string, ReadonlyMap<string, number>>

/** Every sum that the formulas below ask for. */
export const FACT_NAMES: readonly string[] = [
  ...['device', 'perimeter', 'video', 'uplink', 'post', 'manning', 'band', 'fix', 'rule'].flatMap((name) => [
    `${name}.good`,
    `${name}.required`,
  ]),
  'desk.seconds',
  'population',
  'operator',
  'patrol.due',
  'patrol.visited',
  ...['scheduled', 'held', 'on-time', 'mismatch', 'cleared', 'clear-ms'].map((name) => `rollcall.${name}`),
]

const NONE: ReadonlyMap<string, number> = new Map()
const partsOf = (sums: FactSums, name: string): ReadonlyMap<string, number> => sums.get(name) ?? NONE
export const totalOf = (sums: FactSums, name: string): number => {
  let total = 0
  for (const value of partsOf(sums, name).values()) total += value
  return total
}

/** Σ good / Σ required, in all and by part. */
function share(sums: FactSums, name: string): IndicatorValue {
  const good = partsOf(sums, `${name}.good`)
  const required = partsOf(sums, `${name}.required`)
  const n = totalOf(sums, `${name}.required`)
  const parts = [...required].map(([part, whole]) => [part, ratio(good.get(part) ?? 0, whole)])
  return {
    value: ratio(totalOf(sums, `${name}.good`), n),
    n: Math.round(n),
    ...(parts.length > 1 || (parts[0] && parts[0][0] !== '') ? { detail: { parts: Object.fromEntries(parts) } } : {}),
  }
}

export function indicatorsOfFacts(sums: FactSums, watchRounds: ReadonlyMap<string, readonly number[]>) {
  const out = new Map<string, IndicatorValue>()
  for (const [id, name] of [
    ['I16', 'device'],
    ['I17', 'perimeter'],
    ['I18', 'video'],
    ['I19', 'uplink'],
    ['I27', 'post'],
    ['I28', 'manning'],
    ['I29', 'band'],
    ['I30', 'fix'],
  ] as const)
    out.set(id, share(sums, name))

  const scheduled = totalOf(sums, 'rollcall.scheduled')
  const held = totalOf(sums, 'rollcall.held')
  const cleared = totalOf(sums, 'rollcall.cleared')
  out.set('I25', {
    value: ratio(totalOf(sums, 'rollcall.on-time'), scheduled),
    n: scheduled,
    detail: {
      clearMs: ratio(totalOf(sums, 'rollcall.clear-ms'), cleared),
      mismatch: ratio(totalOf(sums, 'rollcall.mismatch'), held),
    },
  })

  const due = totalOf(sums, 'patrol.due')
  out.set('I26', {
    value: ratio(totalOf(sums, 'patrol.visited'), due),
    n: due,
    detail: { watchRegularity: regularity(watchRounds) },
  })

  // Each mandatory rule counts alike: a rule that is off is not made good by sixty that are on.
  const rules = [...partsOf(sums, 'rule.required')]
  const good = partsOf(sums, 'rule.good')
  out.set('I36', {
    value:
      rules.length === 0
        ? null
        : rules.reduce((sum, [code, all]) => sum + (good.get(code) ?? 0) / all, 0) / rules.length,
    n: rules.length,
    detail: { weak: rules.filter(([code, all]) => (good.get(code) ?? 0) < all).map(([code]) => code) },
  })
  return out
}

const LEAST_ROUNDS = 4
const LEAST_SPREAD = 0.1

/** Share of watch routes whose rounds do not come like a clock: spread of the intervals by their mean ≥ 0.10 (R44). */
function regularity(rounds: ReadonlyMap<string, readonly number[]>): { value: number | null; n: number } {
  let irregular = 0
  let n = 0
  for (const starts of rounds.values()) {
    if (starts.length < LEAST_ROUNDS) continue
    const gaps = starts.slice(1).map((t, i) => t - starts[i]!)
    const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length
    if (mean <= 0) continue
    n++
    const spread = Math.sqrt(gaps.reduce((a, b) => a + (b - mean) ** 2, 0) / gaps.length) / mean
    if (spread >= LEAST_SPREAD) irregular++
  }
  return { value: ratio(irregular, n), n }
}
