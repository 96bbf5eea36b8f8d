/**
 * What keeps one failing device from harming the others: waiting longer after each failure, and logging a repeated
 * fault at most once a minute. Shared by all drivers; knows no protocol.
 */
import type { Clock } from '#model/clock.ts'
import type { DriverLog } from './contract.ts'

/** Exponential back-off with full jitter on the upper half: 1 s, 2 s, … at most 60 s, never in step with its neighbours. */
export class Backoff {
  #attempt = 0
  readonly #random: () => number
  readonly #firstMs: number
  readonly #maxMs: number

  constructor(random: () => number, firstMs = 1000, maxMs = 60_000) {
    this.#random = random
    this.#firstMs = firstMs
    this.#maxMs = maxMs
  }

  /** Delay before the next attempt, ms. */
  nextMs(): number {
    const ceiling = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#attempt, 30))
    this.#attempt++
    return ceiling / 2 + (this.#random() * ceiling) / 2
  }

  get attempts(): number {
    return this.#attempt
  }

  reset(): void {
    this.#attempt = 0
  }
}

/** A log in which the same fault of the same device appears at most once a minute, with the count since the last. */
export class QuietLog {
  readonly #log: DriverLog
  readonly #clock: Clock
  readonly #everyMs: number
  readonly #last = new Map<string, { at: number; repeated: number }>()

  constructor(log: DriverLog, clock: Clock, everyMs = 60_000) {
    this.#log = log
    this.#clock = clock
    this.#everyMs = everyMs
  }

  warn(device: string, event: string, fields: Record<string, unknown> = {}): void {
    const key = `${device}\0${event}`
    const now = this.#clock.now()
    const known = this.#last.get(key)
    if (known && now - known.at < this.#everyMs) {
      known.repeated++
      return
    }
    // The map is bounded: devices × kinds of fault is small, but names may come from outside.
    if (this.#last.size >= 10_000) this.#last.clear()
    this.#last.set(key, { at: now, repeated: 0 })
    this.#log.warn(event, { device, ...fields, ...(known?.repeated ? { repeated: known.repeated } : {}) })
  }
}
