/**
 * When processes began to listen since the state of the rules was last kept. One that ends before it has kept a state
 * leaves this alone: without it the next would take the outage before it for a silence of the devices. Must never stop a start.
 */
import { existsSync, readFileSync } from 'node:fs'

export interface Start {
  /** Number of the process, counted from 1. */
  n: number
  /** Up to where in the journal it had read when it began to listen, and when that was. */
  seq: number
  at: number
}

/** As many as the rules keep pauses. */
const MAX_STARTS = 16

export class RulesStarts {
  readonly #file: string
  readonly #write: (file: string, text: string) => Promise<void>
  readonly #onFault: (detail: string) => void
  #known: Start[] = []
  /** Those that the tail of the journal has still to pass, oldest first. */
  #ahead: Start[] = []
  #n = 0

  constructor(file: string, write: (file: string, text: string) => Promise<void>, onFault: (detail: string) => void) {
    this.#file = file
    this.#write = write
    this.#onFault = onFault
  }

  /** Number of this process once it has begun, before that of the one whose state it goes on from. */
  get n(): number {
    return this.#n
  }

  /** @param kept number of the process whose state is gone on from; 0 = no state. */
  restore(kept: number, now: number): void {
    this.#n = kept
    if (!existsSync(this.#file)) return
    try {
      this.#known = (JSON.parse(readFileSync(this.#file, 'utf8')) as Start[]).filter(isStart)
    } catch (error) {
      this.#onFault(
        `the starts of earlier processes could not be read (${(error as Error).message}); an outage may be taken for a silence`,
      )
    }
    // Of a clock that has been put back since: the time of the rules must not stand still until then.
    this.#ahead = this.#known.filter(({ n, at }) => n > kept && at <= now)
  }

  /** The next start that lies before this record; the caller lets the outage before it pass. */
  before(seq: number): number | null {
    const next = this.#ahead[0]
    if (next === undefined || next.seq >= seq) return null
    this.#ahead.shift()
    return next.at
  }

  /** This process begins to listen; resolves when that is durable, or cannot be made so. */
  async begin(seq: number, at: number): Promise<void> {
    this.#n = Math.max(this.#n, ...this.#known.map(({ n }) => n)) + 1
    this.#known = [...this.#known, { n: this.#n, seq, at }].slice(-MAX_STARTS)
    try {
      await this.#write(this.#file, JSON.stringify(this.#known))
    } catch (error) {
      this.#onFault(`the start of this process could not be noted: ${(error as Error).message}`)
    }
  }
}

const isStart = (start: unknown): start is Start => {
  const { n, seq, at } = (start ?? {}) as Partial<Start>
  return [n, seq, at].every((value) => typeof value === 'number')
}
