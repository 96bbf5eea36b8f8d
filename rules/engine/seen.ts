/**
 * Which ids were seen before: a table of 53-bit hashes in two generations, so that memory has a limit (2 M ids) and old
 * ids are forgotten after 24 h. Two different ids share a hash with a chance of about 2e-4 in the whole table at 2 M ids.
 */
const GENERATION_MS = 12 * 3_600_000
const GENERATION_IDS = 1_000_000
const START_SLOTS = 1 << 12

class Table {
  slots: Float64Array
  used = 0
  bornAt = 0

  constructor(size = START_SLOTS) {
    this.slots = new Float64Array(size)
  }

  has(hash: number): boolean {
    const mask = this.slots.length - 1
    for (let i = (hash % 4_294_967_291) & mask; ; i = (i + 1) & mask) {
      const slot = this.slots[i]
      if (slot === 0) return false
      if (slot === hash) return true
    }
  }
  add(hash: number): void {
    if ((this.used + 1) * 2 > this.slots.length) this.#grow()
    const mask = this.slots.length - 1
    let i = (hash % 4_294_967_291) & mask
    while (this.slots[i] !== 0) i = (i + 1) & mask
    this.slots[i] = hash
    this.used++
  }
  #grow(): void {
    const old = this.slots
    this.slots = new Float64Array(old.length * 2)
    const mask = this.slots.length - 1
    for (const hash of old) {
      if (hash === 0) continue
      let i = (hash % 4_294_967_291) & mask
      while (this.slots[i] !== 0) i = (i + 1) & mask
      this.slots[i] = hash
    }
  }
}

export interface SeenSnapshot {
  young: { slots: Float64Array; used: number; bornAt: number }
  old: { slots: Float64Array; used: number; bornAt: number }
}

export class SeenIds {
  #young = new Table()
  #old = new Table()

  /** Marks the id; answers whether it had been seen. `now` decides when generations are forgotten. */
  add(id: string, now: number): boolean {
    const hash = hash53(id)
    if (this.#young.has(hash) || this.#old.has(hash)) return true
    if (this.#young.used >= GENERATION_IDS || (this.#young.used > 0 && now - this.#young.bornAt > GENERATION_MS)) {
      this.#old = this.#young
      this.#young = new Table()
    }
    if (this.#young.used === 0) this.#young.bornAt = now
    this.#young.add(hash)
    return false
  }

  snapshot(): SeenSnapshot {
    const copy = (t: Table) => ({ slots: t.slots.slice(), used: t.used, bornAt: t.bornAt })
    return { young: copy(this.#young), old: copy(this.#old) }
  }
  restore(snapshot: SeenSnapshot): void {
    const table = (s: SeenSnapshot['young']): Table => {
      const t = new Table(0)
      t.slots = s.slots.slice()
      t.used = s.used
      t.bornAt = s.bornAt
      return t
    }
    this.#young = table(snapshot.young)
    this.#old = table(snapshot.old)
  }
}

/** 53 bits of two independent multiplicative hashes; never 0. */
function hash53(text: string): number {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    a = Math.imul(a ^ c, 2_654_435_761)
    b = Math.imul(b ^ c, 1_597_334_677)
  }
  a = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909)
  b = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909)
  return (2_097_151 & b) * 4_294_967_296 + (a >>> 0) + 1
}
