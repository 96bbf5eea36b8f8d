/**
 * One heap of wake-ups for all rules. A (rule, key, tag) has at most one that counts, the earliest asked for; later
 * wishes wait in the operator's state. Serialisable; equal instants come in order of class, rule, key, tag.
 */
import { Heap } from './heap.ts'

export interface Deadline {
  at: number
  cls: number
  rule: number
  key: string
  tag: string
}

function before(a: Deadline, b: Deadline): boolean {
  if (a.at !== b.at) return a.at < b.at
  if (a.cls !== b.cls) return a.cls < b.cls
  if (a.rule !== b.rule) return a.rule < b.rule
  return a.key !== b.key ? a.key < b.key : a.tag < b.tag
}

export class Deadlines {
  readonly #heap = new Heap<Deadline>(before)
  /** Earliest wake-up asked for, by rule, then by key and tag. */
  readonly #earliest: Map<string, number>[] = []

  #of(rule: number): Map<string, number> {
    let map = this.#earliest[rule]
    if (!map) {
      map = new Map()
      this.#earliest[rule] = map
    }
    return map
  }

  ask(rule: number, key: string, tag: string, at: number, cls: number): void {
    const map = this.#of(rule)
    const name = tag === '' ? key : `${key}\0${tag}`
    const known = map.get(name)
    if (known !== undefined && known <= at) return
    map.set(name, at)
    this.#heap.push({ at, cls, rule, key, tag })
  }

  peek(): Deadline | undefined {
    return this.#heap.peek()
  }

  /** The next wake-up that still counts, or undefined when the top one was replaced by an earlier one. */
  pop(): Deadline | undefined {
    const top = this.#heap.pop()
    if (!top) return undefined
    const map = this.#of(top.rule)
    const name = top.tag === '' ? top.key : `${top.key}\0${top.tag}`
    if (map.get(name) !== top.at) return undefined
    map.delete(name)
    return top
  }

  get size(): number {
    return this.#heap.size
  }

  snapshot(): Deadline[] {
    return this.#heap.items().filter((d) => {
      const name = d.tag === '' ? d.key : `${d.key}\0${d.tag}`
      return this.#of(d.rule).get(name) === d.at
    })
  }
  restore(items: Deadline[]): void {
    this.#earliest.length = 0
    this.#heap.rebuild([])
    for (const d of items) this.ask(d.rule, d.key, d.tag, d.at, d.cls)
  }
}
