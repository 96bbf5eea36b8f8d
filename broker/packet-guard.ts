/**
 * Stands between a socket and aedes, which has no limit of packet size and none of rate: it follows the frame headers
 * of what is read, cuts the connection before an oversized packet is buffered, and delays reading from who sends too
 * fast. It copies nothing and never decodes a packet.
 */
import type { Duplex } from 'node:stream'
import type { Clock, Timer } from '#model/clock.ts'

const PUBLISH = 3
/** MQTT's remaining length has at most 4 bytes. */
const MAX_LENGTH_BYTES = 4

/** Follows packet boundaries through arbitrary chunks. */
export class FrameScanner {
  readonly #maxBytes: number
  #stage: 'type' | 'length' | 'body' = 'type'
  #length = 0
  #lengthBytes = 0
  #left = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Number of PUBLISH packets that begin in the chunk; -1 when a packet is larger than the limit or has no legal length. */
  scan(chunk: Uint8Array): number {
    let publishes = 0
    let i = 0
    const end = chunk.length
    while (i < end) {
      if (this.#stage === 'body') {
        const step = Math.min(this.#left, end - i)
        i += step
        this.#left -= step
        if (this.#left > 0) break
        this.#stage = 'type'
      } else if (this.#stage === 'type') {
        if ((chunk[i++] as number) >> 4 === PUBLISH) publishes++
        this.#stage = 'length'
        this.#length = 0
        this.#lengthBytes = 0
      } else {
        const byte = chunk[i++] as number
        this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes++
        if (this.#length + 1 + this.#lengthBytes > this.#maxBytes) return -1
        if (byte & 0x80) {
          if (this.#lengthBytes >= MAX_LENGTH_BYTES) return -1
        } else {
          this.#left = this.#length
          this.#stage = this.#left > 0 ? 'body' : 'type'
        }
      }
    }
    return publishes
  }
}

/** Messages per second with a burst; a chunk that goes below zero is paid for by waiting. */
export class TokenBucket {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #at: number

  constructor(ratePerS: number, burst: number, now: number) {
    this.#perMs = ratePerS / 1000
    this.#burst = burst
    this.#tokens = burst
    this.#at = now
  }

  /** Takes `count` and says how long the taker must wait, ms. */
  take(count: number, now: number): number {
    // A clock that steps back must not take tokens away.
    if (now > this.#at) this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs)
    this.#at = now
    this.#tokens -= count
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#perMs
  }
}

export interface GuardHooks {
  clock: Clock
  maxPacketBytes: number
  /** The longest single delay, and how long a client may be held back without a pause before it is cut, ms. */
  maxDelayMs: number
  maxThrottledMs: number
  bucket(): TokenBucket
  /** True while nothing more may be read: too much waits for the journal. */
  full(): boolean
  onOversize(): void
  onThrottle(delayMs: number): void
  onOverrun(): void
}

export interface Guard {
  /** Reads on after `full()` has become false. */
  wake(): void
  readonly starved: boolean
}

/**
 * Wraps `conn.read`, which is the only way aedes takes bytes from a connection; TCP's own back-pressure does the rest.
 */
export function guardConnection(conn: Duplex, hooks: GuardHooks): Guard {
  const scanner = new FrameScanner(hooks.maxPacketBytes)
  const read = conn.read.bind(conn)
  let timer: Timer | null = null
  let starved = false
  let throttledSince: number | null = null
  conn.once('close', () => timer?.cancel())

  conn.read = (size?: number) => {
    if (timer) return null
    if (hooks.full()) {
      starved = true
      return null
    }
    const chunk: Buffer | null = read(size)
    if (chunk === null) return null
    const publishes = scanner.scan(chunk)
    if (publishes < 0) {
      hooks.onOversize()
      conn.destroy()
      return null
    }
    if (publishes > 0) {
      const now = hooks.clock.now()
      const delay = hooks.bucket().take(publishes, now)
      if (delay === 0) throttledSince = null
      else {
        throttledSince ??= now
        if (now - throttledSince > hooks.maxThrottledMs) {
          hooks.onOverrun()
          conn.destroy()
          return null
        }
        const delayMs = Math.min(delay, hooks.maxDelayMs)
        hooks.onThrottle(delayMs)
        timer = hooks.clock.after(delayMs, () => {
          timer = null
          conn.emit('readable')
        })
      }
    }
    return chunk
  }

  return {
    wake() {
      if (!starved) return
      starved = false
      conn.emit('readable')
    },
    get starved() {
      return starved
    },
  }
}
