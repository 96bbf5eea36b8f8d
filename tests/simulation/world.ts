/**
 * Virtual time and seeded chance of one simulated run: every event happens in one order that the seed alone decides.
 * Nothing here may read the real clock or real chance, or a failing seed would not replay.
 */
import type { Clock, Timer } from '#model/clock.ts'

interface Event {
  at: number
  order: number
  live: boolean
  run(): void
}

export class World {
  now: number
  /** Work of real asynchrony (the provincial database) under way: time stands still until it is done. */
  busy = 0
  events = 0
  readonly #heap: Event[] = []
  #bomb: { steps: number; run(): void } | null = null
  #order = 0
  #state: number

  constructor(seed: number, start: number) {
    this.now = start
    this.#state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ (seed >>> 3)) >>> 0
    for (let i = 0; i < 8; i++) this.chance()
  }

  /** 0 ≤ x < 1 (mulberry32). */
  chance(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  below(n: number): number {
    return Math.floor(this.chance() * n)
  }

  between(low: number, high: number): number {
    return low + this.chance() * (high - low)
  }

  maybe(probability: number): boolean {
    return this.chance() < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  after(ms: number, run: () => void): Event {
    const event: Event = { at: this.now + Math.max(0, ms), order: this.#order++, live: true, run }
    const heap = this.#heap
    let i = heap.push(event) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!earlier(heap[i]!, heap[parent]!)) break
      ;[heap[i], heap[parent]] = [heap[parent]!, heap[i]!]
      i = parent
    }
    return event
  }

  /** After so many further events, before anything that waits for the last of them goes on. */
  afterSteps(steps: number, run: () => void): void {
    this.#bomb = { steps, run }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }

  /** Runs every event up to `until`; after each, everything it set in motion comes to rest before the next. */
  async run(until: number): Promise<void> {
    await this.#rest()
    for (;;) {
      const next = this.#heap[0]
      if (!next || next.at > until) break
      this.#pop()
      if (!next.live) continue
      this.now = Math.max(this.now, next.at)
      this.events++
      next.run()
      if (this.#bomb !== null && --this.#bomb.steps <= 0) {
        const { run } = this.#bomb
        this.#bomb = null
        run()
      }
      await this.#rest()
    }
    this.now = Math.max(this.now, until)
  }

  async #rest(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve))
    while (this.busy > 0)
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    heap[0] = last
    for (let i = 0; ; ) {
      let least = i
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < heap.length && earlier(heap[child]!, heap[least]!)) least = child
      if (least === i) return
      ;[heap[i], heap[least]] = [heap[least]!, heap[i]!]
      i = least
    }
  }
}

const earlier = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/** The clock of one machine: it may be wrong, drift and be set; its timers run on, as timers do. */
export class MachineClock {
  readonly #world: World
  readonly #start: number
  offsetMs = 0
  /** Seconds of this clock in a true second. */
  rate = 1

  constructor(world: World) {
    this.#world = world
    this.#start = world.now
  }

  now(): number {
    return Math.round(this.#start + (this.#world.now - this.#start) * this.rate + this.offsetMs)
  }

  /** The clock as one process sees it: its timers end with the process. */
  of(process: { alive: boolean }): Clock {
    return {
      now: () => this.now(),
      after: (delayMs, task): Timer => {
        const event = this.#world.after(delayMs / this.rate, () => {
          if (process.alive) task()
        })
        return {
          cancel: () => {
            event.live = false
          },
        }
      },
    }
  }
}
