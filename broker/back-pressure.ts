/** Stops reading while too much waits for the journal, per connection and altogether, and goes on when it has caught up. */
import type { ClientSession } from './client-session.ts'
import type { BrokerMetrics } from './metrics.ts'
import type { BrokerLimits } from './options.ts'

export class BackPressure {
  readonly #limits: BrokerLimits
  readonly #metrics: BrokerMetrics
  readonly #starved = new Set<ClientSession>()

  constructor(limits: BrokerLimits, metrics: BrokerMetrics) {
    this.#limits = limits
    this.#metrics = metrics
  }

  /** May nothing more be read from this connection now? It is woken when that changes. */
  holds(session: ClientSession): boolean {
    const full = session.waiting >= this.#limits.waitingPerClient || this.#load() >= 1
    if (full) {
      this.#metrics.journalBackpressure++
      this.#starved.add(session)
    }
    return full
  }

  /** Something has become durable. */
  released(): void {
    if (this.#starved.size === 0 || this.#load() >= 0.5) return
    for (const session of this.#starved) {
      if (session.waiting > this.#limits.waitingPerClient / 2) continue
      this.#starved.delete(session)
      setImmediate(() => session.guard?.wake())
    }
  }

  /** Share of what may wait altogether, in messages or bytes, whichever is nearer to its limit. */
  #load(): number {
    const { waiting, waitingBytes } = this.#metrics
    return Math.max(waiting / this.#limits.waitingMessages, waitingBytes / this.#limits.waitingBytes)
  }

  forget(session: ClientSession): void {
    this.#starved.delete(session)
  }
}
