/**
 * Reports of refused clients, so many as the journal can bear: each kind of refusal of each client up to a burst, then
 * one a second; what is folded is counted. Names come from outside, so they are cut and the table is bounded.
 */
import type { Clock } from '#model/clock.ts'
import { TokenBucket } from './packet-guard.ts'

export type RejectionCause = 'unknown-device' | 'bad-credential' | 'topic-denied' | 'malformed'

export interface Rejection {
  /** Device id, user or client id as far as known, else the remote address. */
  client: string
  cause: RejectionCause
  /** One sentence: what was refused and what to do. */
  detail: string
}

const BURST = 10
const PER_SECOND = 1
const MAX_KEYS = 10_000
const MAX_NAME = 128

export class Rejections {
  readonly #clock: Clock
  readonly #report: (rejection: Rejection) => void
  readonly #onFolded: () => void
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(clock: Clock, report: (rejection: Rejection) => void, onFolded: () => void) {
    this.#clock = clock
    this.#report = report
    this.#onFolded = onFolded
  }

  add(client: string, cause: RejectionCause, detail: string): void {
    const name = printable(client).slice(0, MAX_NAME) || 'unnamed'
    const key = `${cause} ${name}`
    const now = this.#clock.now()
    let bucket = this.#buckets.get(key)
    if (!bucket) {
      if (this.#buckets.size >= MAX_KEYS) this.#buckets.clear()
      bucket = new TokenBucket(PER_SECOND, BURST, now)
      this.#buckets.set(key, bucket)
    }
    if (bucket.take(1, now) > 0) {
      // Nothing was reported, so the token goes back: a steady stream must still be heard once a second.
      bucket.take(-1, now)
      this.#onFolded()
      return
    }
    this.#report({ client: name, cause, detail })
  }
}

/** Control characters of hostile names must not reach a log or a screen. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '�')
}
