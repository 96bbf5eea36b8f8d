/**
 * Remembers which reading ids were seen, as hashes with the row they point to: a hit is a suspicion, the row decides.
 * Fixed memory: generations of half the limit; the oldest of three is forgotten, so the newest `limit` ids are always known.
 */
interface Generation {
  /** Second hash, 0 = empty slot. */
  checks: Uint32Array
  /** Rows, counted from `base`: half the memory of whole numbers. */
  rows: Uint32Array
  /** The first row of the generation; null while it is empty. */
  base: number | null
  mask: number
  used: number
}

const MAX_OFFSET = 0xffff_ffff
const isWithin = ({ base }: Generation, row: number): boolean =>
  base === null || (row >= base && row - base <= MAX_OFFSET)

const FIRST_SLOTS = 1 << 12

function newGeneration(slots: number): Generation {
  return { checks: new Uint32Array(slots), rows: new Uint32Array(slots), base: null, mask: slots - 1, used: 0 }
}

export class DuplicateFilter {
  readonly #perGeneration: number
  #generations: Generation[] = [newGeneration(FIRST_SLOTS)]
  #h1 = 0
  #h2 = 0

  /** @param limit ids that are remembered at least. */
  constructor(limit: number) {
    this.#perGeneration = Math.max(1024, Math.ceil(limit / 2))
  }

  /** Calls `exact` with each row that may hold `id`, newest first, until it says true. */
  find(id: string, exact: (row: number) => boolean): boolean {
    this.#hash(id)
    const h1 = this.#h1
    const h2 = this.#h2
    for (let g = this.#generations.length - 1; g >= 0; g--) {
      const { checks, rows, mask, base } = this.#generations[g]!
      for (let slot = h1 & mask; checks[slot] !== 0; slot = (slot + 1) & mask)
        if (checks[slot] === h2 && exact(base! + rows[slot]!)) return true
    }
    return false
  }

  add(id: string, row: number): void {
    let generation = this.#generations.at(-1)!
    if (generation.used >= this.#perGeneration || !isWithin(generation, row)) {
      generation = newGeneration(FIRST_SLOTS)
      this.#generations.push(generation)
      if (this.#generations.length > 3) this.#generations.shift()
    } else if (generation.used * 2 > generation.mask) {
      generation = this.#grow(generation)
      this.#generations[this.#generations.length - 1] = generation
    }
    this.#hash(id)
    let slot = this.#h1 & generation.mask
    while (generation.checks[slot] !== 0) slot = (slot + 1) & generation.mask
    generation.checks[slot] = this.#h2
    generation.base ??= row
    generation.rows[slot] = row - generation.base
    generation.used++
  }

  size(): number {
    return this.#generations.reduce((sum, g) => sum + g.used, 0)
  }

  /** The second hash is kept, the first is derived from it again: both halves of one mix. */
  #grow(old: Generation): Generation {
    const grown = newGeneration((old.mask + 1) * 2)
    for (let i = 0; i <= old.mask; i++) {
      const check = old.checks[i]!
      if (check === 0) continue
      let slot = slotOf(check) & grown.mask
      while (grown.checks[slot] !== 0) slot = (slot + 1) & grown.mask
      grown.checks[slot] = check
      grown.rows[slot] = old.rows[i]!
    }
    grown.base = old.base
    grown.used = old.used
    return grown
  }

  #hash(id: string): void {
    let h = 0x811c9dc5
    for (let i = 0; i < id.length; i++) {
      h = Math.imul(h ^ id.charCodeAt(i), 0x01000193)
      h ^= h >>> 15
    }
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    h = (h ^ (h >>> 16)) >>> 0
    this.#h2 = h === 0 ? 1 : h
    this.#h1 = slotOf(this.#h2)
  }
}

function slotOf(check: number): number {
  const h = Math.imul(check ^ (check >>> 15), 0x2c1b3c6d)
  return (h ^ (h >>> 12)) >>> 0
}
