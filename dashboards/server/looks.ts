/**
 * Looks at personal data: who saw what, how many, why (PIPL, Q43). Repeated looks of one kind are folded for a minute,
 * so that a console that refreshes costs one record a minute; the count is never lost.
 */
import type { Clock, Timer } from '#model/clock.ts'

export interface Look {
  at: number
  by: string
  /** people · names · positions · vitals · evidence · picture · snapshot · context · quarantine */
  what: string
  count: number
  purpose: string | null
}

const FOLD_MS = 60_000
const MAX_OPEN = 2_000

export class Looks {
  readonly #clock: Clock
  readonly #record: (look: Look) => void
  #open = new Map<string, Look>()
  #timer: Timer | null = null

  constructor(clock: Clock, record: (look: Look) => void) {
    this.#clock = clock
    this.#record = record
  }

  /** The first look of a kind is recorded at once, the following ones of the same minute together. */
  look(by: string, what: string, count: number, purpose: string | null = null): void {
    if (count <= 0) return
    const key = `${by}\0${what}\0${purpose ?? ''}`
    const open = this.#open.get(key)
    if (open) {
      open.count += count
      return
    }
    if (this.#open.size >= MAX_OPEN) this.flush()
    this.#record({ at: this.#clock.now(), by, what, count, purpose })
    this.#open.set(key, { at: this.#clock.now(), by, what, count: 0, purpose })
    this.#timer ??= this.#clock.after(FOLD_MS, () => {
      this.#timer = null
      this.flush()
    })
  }

  flush(): void {
    const open = [...this.#open.values()]
    this.#open.clear()
    for (const look of open) if (look.count > 0) this.#record(look)
  }

  close(): void {
    this.#timer?.cancel()
    this.flush()
  }
}
