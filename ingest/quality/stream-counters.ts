/**
 * Counts per stream (device and type): received, duplicates, late, invalid, and when the last one came. The ground for
 * completeness, timeliness and validity (I21–I24). Bounded: beyond the limit new streams are counted together.
 */
import type { Reading } from '#model/reading.ts'

export interface StreamCount {
  device: string
  type: string
  received: number
  duplicates: number
  late: number
  invalid: number
  lastTime: number | null
  lastReceived: number | null
}

export interface StreamCountersOptions {
  /** A reading that arrives later than this after its own time is late, ms. */
  lateMs?: number
  maxStreams?: number
}

const REST = '*'

export class StreamCounters {
  readonly #streams = new Map<string, StreamCount>()
  readonly #lateMs: number
  readonly #maxStreams: number

  constructor(options: StreamCountersOptions = {}) {
    this.#lateMs = options.lateMs ?? 5000
    this.#maxStreams = options.maxStreams ?? 20_000
  }

  /** @param seq what the journal answered: 0 = a duplicate. */
  received(reading: Reading, seq: number): void {
    const count = this.#stream(reading.device, reading.type)
    if (seq === 0) {
      count.duplicates++
      return
    }
    count.received++
    if (reading.received - reading.time > this.#lateMs) count.late++
    count.lastTime = Math.max(count.lastTime ?? 0, reading.time)
    count.lastReceived = reading.received
  }

  invalid(device: string | null, type: string | null): void {
    this.#stream(device ?? REST, type ?? REST).invalid++
  }

  list(): StreamCount[] {
    return [...this.#streams.values()].map((count) => ({ ...count }))
  }

  totals(): Pick<StreamCount, 'received' | 'duplicates' | 'late' | 'invalid'> {
    const totals = { received: 0, duplicates: 0, late: 0, invalid: 0 }
    for (const count of this.#streams.values())
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += count[name]
    return totals
  }

  #stream(device: string, type: string): StreamCount {
    const known = this.#streams.get(`${device}\0${type}`)
    if (known) return known
    if (this.#streams.size >= this.#maxStreams && (device !== REST || type !== REST)) return this.#stream(REST, REST)
    const count = { device, type, received: 0, duplicates: 0, late: 0, invalid: 0, lastTime: null, lastReceived: null }
    this.#streams.set(`${device}\0${type}`, count)
    return count
  }
}
