/**
 * At most N cameras connect at the same time. Cameras that have failed before may hold only half of the places, so that
 * hundreds of dead ones never keep a healthy one waiting.
 */
export class ConnectGate {
  readonly #places: number
  #taken = 0
  #takenByRepeaters = 0
  #waiting: { repeater: boolean; enter: () => void }[] = []

  constructor(places: number) {
    this.#places = places
  }

  get taken(): number {
    return this.#taken
  }

  /** Resolves with the function that gives the place back; rejects when aborted while waiting. */
  enter(repeater: boolean, signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const place = {
        repeater,
        enter: () => {
          signal.removeEventListener('abort', leave)
          this.#taken++
          if (repeater) this.#takenByRepeaters++
          let given = false
          resolve(() => {
            if (given) return
            given = true
            this.#taken--
            if (repeater) this.#takenByRepeaters--
            this.#admit()
          })
        },
      }
      const leave = () => {
        this.#waiting = this.#waiting.filter((other) => other !== place)
        reject(new Error('stopped'))
      }
      if (signal.aborted) {
        reject(new Error('stopped'))
        return
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(place)
      this.#admit()
    })
  }

  #admit(): void {
    while (this.#taken < this.#places) {
      const repeatersMay = this.#takenByRepeaters < Math.max(1, Math.floor(this.#places / 2))
      const index = this.#waiting.findIndex((w) => !w.repeater || repeatersMay)
      if (index < 0) return
      const [next] = this.#waiting.splice(index, 1)
      next?.enter()
    }
  }
}
