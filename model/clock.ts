/**
 * Time comes in through the door: whoever needs the time or a timer is given a Clock.
 * Model and rules never call the system clock (the structure test refuses it).
 */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number
  /** Runs `task` once, `delayMs` from now. The timer does not keep the process alive. */
  after(delayMs: number, task: () => void): Timer
}

/** A clock that only moves when told to; tasks run in order of time, then of asking. */
export class VirtualClock implements Clock {
  #now: number
  #order = 0
  #tasks: { at: number; order: number; task: () => void; live: boolean }[] = []

  constructor(startMs = 0) {
    this.#now = startMs
  }

  now(): number {
    return this.#now
  }

  after(delayMs: number, task: () => void): Timer {
    const entry = { at: this.#now + Math.max(0, delayMs), order: this.#order++, task, live: true }
    this.#tasks.push(entry)
    return {
      cancel: () => {
        entry.live = false
      },
    }
  }

  /** Moves to `timeMs`, running every task that falls due on the way. */
  advanceTo(timeMs: number): void {
    for (;;) {
      this.#tasks = this.#tasks.filter((entry) => entry.live)
      const next = this.#tasks.filter((e) => e.at <= timeMs).sort((a, b) => a.at - b.at || a.order - b.order)[0]
      if (!next) break
      next.live = false
      this.#now = Math.max(this.#now, next.at)
      next.task()
    }
    this.#now = Math.max(this.#now, timeMs)
  }
}
