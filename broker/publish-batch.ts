/**
 * Collects what devices publish in one turn of the event loop and hands it to the journal in one piece; each message is
 * released, and so acknowledged, only after the journal has it on disk. It never acknowledges what was not kept.
 */
import type { BrokerDevice } from './identities.ts'
import type { BrokerMetrics } from './metrics.ts'

/** One message of a device, as the edge must journal it. */
export interface InboundPublish {
  topic: string
  payload: Uint8Array
  qos: 0 | 1 | 2
  retain: boolean
  /** True when the broker says it in the name of a client that was lost. */
  will: boolean
  /** Who said it: the connected device (a gateway speaks for its children). */
  device: BrokerDevice
  receivedMs: number
}

interface Waiting {
  settle(error: Error | null): void
}

export class PublishBatch {
  readonly #onPublish: (batch: InboundPublish[]) => Promise<void>
  readonly #metrics: BrokerMetrics
  readonly #onFailure: (error: Error) => void
  #messages: InboundPublish[] = []
  #waiting: Waiting[] = []
  #scheduled = false
  readonly #running = new Set<Promise<void>>()

  constructor(
    onPublish: (batch: InboundPublish[]) => Promise<void>,
    metrics: BrokerMetrics,
    onFailure: (error: Error) => void,
  ) {
    this.#onPublish = onPublish
    this.#metrics = metrics
    this.#onFailure = onFailure
  }

  add(message: InboundPublish, waiting: Waiting): void {
    this.#messages.push(message)
    this.#waiting.push(waiting)
    this.#metrics.waiting++
    this.#metrics.waitingBytes += message.payload.length
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#scheduled = false
    const messages = this.#messages
    const waiting = this.#waiting
    this.#messages = []
    this.#waiting = []
    const run = this.#hand(messages)
      .then((error) => {
        let bytes = 0
        for (const message of messages) bytes += message.payload.length
        this.#metrics.waiting -= messages.length
        this.#metrics.waitingBytes -= bytes
        for (const entry of waiting) entry.settle(error)
      })
      .finally(() => this.#running.delete(run))
    this.#running.add(run)
  }

  async #hand(messages: InboundPublish[]): Promise<Error | null> {
    try {
      await this.#onPublish(messages)
      return null
    } catch (error) {
      this.#metrics.journalFailures++
      this.#onFailure(error as Error)
      return error as Error
    }
  }

  /** Resolves when everything handed over is settled. */
  async drained(): Promise<void> {
    while (this.#running.size > 0 || this.#messages.length > 0) {
      await Promise.all(this.#running)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}
