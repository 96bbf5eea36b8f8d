/**
 * A set of sequence numbers kept as closed ranges: what has arrived from one facility. It must never say that a number
 * has arrived when it has not: that would drop an alert as a duplicate.
 */
export type Range = [from: number, to: number]

export class SequenceSet {
  #ranges: Range[]

  constructor(ranges: Range[] = []) {
    this.#ranges = ranges.map(([from, to]) => [from, to])
  }

  /** "1-4,7-7": the form in which the store keeps it. */
  static parse(text: string): SequenceSet {
    if (text === '') return new SequenceSet()
    return new SequenceSet(text.split(',').map((part) => part.split('-').map(Number) as Range))
  }

  toString(): string {
    return this.#ranges.map(([from, to]) => `${from}-${to}`).join(',')
  }

  /** Index of the first range whose end is not before `n`. */
  #find(n: number): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#ranges[middle]![1] < n) low = middle + 1
      else high = middle
    }
    return low
  }

  has(n: number): boolean {
    const range = this.#ranges[this.#find(n)]
    return range !== undefined && range[0] <= n
  }

  /** Are all numbers from `from` to `to` here? */
  covers(from: number, to: number): boolean {
    const range = this.#ranges[this.#find(from)]
    return range !== undefined && range[0] <= from && range[1] >= to
  }

  /** Adds a number; false when it was already there. */
  add(n: number): boolean {
    const at = this.#find(n)
    const next = this.#ranges[at]
    if (next && next[0] <= n) return false
    const before = this.#ranges[at - 1]
    const joinsBefore = before !== undefined && before[1] === n - 1
    const joinsNext = next !== undefined && next[0] === n + 1
    if (joinsBefore && joinsNext) {
      before[1] = next[1]
      this.#ranges.splice(at, 1)
    } else if (joinsBefore) before[1] = n
    else if (joinsNext) next[0] = n
    else this.#ranges.splice(at, 0, [n, n])
    return true
  }

  /** The largest number that has arrived; 0 when none has. */
  get last(): number {
    return this.#ranges.at(-1)?.[1] ?? 0
  }

  get count(): number {
    return this.#ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0)
  }

  /** The holes below the largest number; sequences start at 1. */
  holes(): Range[] {
    const holes: Range[] = []
    let expected = 1
    for (const [from, to] of this.#ranges) {
      if (from > expected) holes.push([expected, from - 1])
      expected = to + 1
    }
    return holes
  }
}
