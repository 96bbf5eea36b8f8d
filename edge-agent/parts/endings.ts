/** What an edge has opened and does again and again, and how it ends: sources first, the journal last, whatever fails. */
import type { Clock, Timer } from '#model/clock.ts'
import type { Log } from '../log.ts'

const DRIVER = 'driver '

export class Endings {
  readonly #clock: Clock
  readonly #log: Log
  readonly #ends: [name: string, end: () => unknown][] = []
  readonly #timers = new Set<Timer>()
  #closing = false

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  get closing(): boolean {
    return this.#closing
  }

  /** Ended before everything that was opened earlier; drivers are named `driver …`. */
  add(name: string, end: () => unknown): void {
    this.#ends.push([name, end])
  }

  /** After each run, good or bad, so long until the next. */
  every(ms: number, task: () => unknown): void {
    const step = (): void => {
      const timer = this.#clock.after(ms, () => {
        this.#timers.delete(timer)
        if (this.#closing) return
        Promise.resolve()
          .then(task)
          .catch((error: Error) => this.#log.warn('task.failed', { error: error.message }))
          .finally(step)
      })
      this.#timers.add(timer)
    }
    step()
  }

  /** Resolves within five seconds. */
  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    for (const timer of this.#timers) timer.cancel()
    // Drivers all at once: each may take up to three seconds.
    const isDriver = ([name]: [string, unknown]): boolean => name.startsWith(DRIVER)
    await Promise.allSettled(this.#ends.filter(isDriver).map(([, end]) => end()))
    for (const [name, end] of this.#ends.filter((entry) => !isDriver(entry)).reverse())
      try {
        await end()
      } catch (error) {
        this.#log.warn('close.failed', { what: name, error: (error as Error).message })
      }
  }
}
