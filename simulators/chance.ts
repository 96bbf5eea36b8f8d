/** Seeded chance: the same seed gives the same facility, the same life and the same recording, byte for byte. */
export interface Chance {
  /** 0 ≤ x < 1 */
  next(): number
  between(low: number, high: number): number
  /** Whole number, both ends included. */
  whole(low: number, high: number): number
  pick<T>(items: readonly T[]): T
  /** Bell-shaped around 0 with about the given standard deviation. */
  bell(deviation: number): number
}

export function seededChance(seed: number): Chance {
  let state = seed >>> 0
  // Mulberry32: small, fast, good enough for make-believe; never used for keys or passwords.
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return {
    next,
    between: (low, high) => low + next() * (high - low),
    whole: (low, high) => low + Math.floor(next() * (high - low + 1)),
    pick: (items) => items[Math.floor(next() * items.length)] as (typeof items)[number],
    bell: (deviation) => (next() + next() + next() + next() - 2) * deviation * 1.73,
  }
}
