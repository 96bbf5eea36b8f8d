/**
 * How far a camera's clock stands from ours. GetSystemDateAndTime only knows whole seconds, so each answer is an
 * interval that holds the truth; several of them, taken at different fractions of the second, are cut with each other.
 */
const KEEP = 6
const OLDEST_MS = 15 * 60_000

interface Sample {
  low: number
  high: number
  at: number
}

export class ClockOffset {
  #samples: Sample[] = []

  /** @param resolutionMs 1000 when the camera gave whole seconds, 1 when it gave milliseconds. */
  add(deviceMs: number, resolutionMs: number, sentMs: number, receivedMs: number): void {
    this.#samples.unshift({ low: deviceMs - receivedMs, high: deviceMs + resolutionMs - sentMs, at: receivedMs })
    this.#samples.length = Math.min(this.#samples.length, KEEP)
  }

  /** The narrowest interval that the newest samples agree on: an older one that contradicts means the clock was set. */
  #interval(): Sample | null {
    const [newest, ...older] = this.#samples
    if (!newest) return null
    let { low, high } = newest
    for (const sample of older) {
      if (newest.at - sample.at > OLDEST_MS || sample.low > high || sample.high < low) break
      low = Math.max(low, sample.low)
      high = Math.min(high, sample.high)
    }
    return { low, high, at: newest.at }
  }

  get widthMs(): number {
    const interval = this.#interval()
    return interval ? interval.high - interval.low : Number.POSITIVE_INFINITY
  }

  /** Device clock minus ours, ms; null before the first sample. A clock that may well be right counts as right. */
  get offsetMs(): number | null {
    const interval = this.#interval()
    if (!interval) return null
    if (interval.low <= 0 && interval.high >= 0) return 0
    return Math.round((interval.low + interval.high) / 2)
  }
}
