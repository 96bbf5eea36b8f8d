/** The clock of the edge as an RxJS scheduler, so that streams run on the same time as everything else, virtual or real. */
import { type SchedulerAction, type SchedulerLike, Subscription } from 'rxjs'
import type { Clock, Timer } from '#model/clock.ts'

class ClockAction<T> extends Subscription implements SchedulerAction<T> {
  readonly #clock: Clock
  readonly #work: (this: SchedulerAction<T>, state?: T) => void
  #timer: Timer | null = null

  constructor(clock: Clock, work: (this: SchedulerAction<T>, state?: T) => void) {
    super(() => this.#timer?.cancel())
    this.#clock = clock
    this.#work = work
  }

  schedule(state?: T, delay = 0): Subscription {
    if (this.closed) return this
    this.#timer?.cancel()
    this.#timer = this.#clock.after(delay, () => {
      if (!this.closed) this.#work.call(this, state)
    })
    return this
  }
}

export function clockScheduler(clock: Clock): SchedulerLike {
  return {
    now: () => clock.now(),
    schedule: <T>(work: (this: SchedulerAction<T>, state?: T) => void, delay?: number, state?: T): Subscription =>
      new ClockAction<T>(clock, work).schedule(state as T, delay),
  }
}
