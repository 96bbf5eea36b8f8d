/** Binary heap over a comparison. Equal elements come out in an order that only the comparison decides. */
export class Heap<T> {
  #items: T[] = []
  readonly #before: (a: T, b: T) => boolean

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }
  peek(): T | undefined {
    return this.#items[0]
  }
  items(): readonly T[] {
    return this.#items
  }

  push(item: T): void {
    const items = this.#items
    let i = items.length
    items.push(item)
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = items[parent] as T
      if (!this.#before(item, above)) break
      items[i] = above
      i = parent
    }
    items[i] = item
  }

  pop(): T | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (items.length === 0 || last === undefined) return top
    let i = 0
    const half = items.length >> 1
    while (i < half) {
      let child = 2 * i + 1
      let least = items[child] as T
      const right = items[child + 1]
      if (child + 1 < items.length && this.#before(right as T, least)) {
        child++
        least = right as T
      }
      if (!this.#before(least, last)) break
      items[i] = least
      i = child
    }
    items[i] = last
    return top
  }

  /** Puts the order right after the keys of items changed. */
  rebuild(items: T[]): void {
    this.#items = []
    for (const item of items) this.push(item)
  }
}
