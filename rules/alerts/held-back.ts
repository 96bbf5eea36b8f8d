/**
 * Patterns that are true and yet no alert: the cool-down after a closed alert, or a fire, holds them back. A condition
 * that goes on is remembered here and raised when nothing holds it back any more; a pulse only counts. Decides nothing.
 */
import { levelRank } from '#model/alert/alert.ts'
import type { Hit } from '../engine/operator.ts'

export type Holder = 'cool-down' | 'fire'

interface Held {
  slug: string
  hit: Hit
  by: Holder
  since: number
}

export class HeldBack {
  readonly #held = new Map<string, Held>()

  /** Keeps the highest level the pattern reached; the newest evidence of it. */
  hold(name: string, slug: string, hit: Hit, by: Holder, at: number): void {
    const known = this.#held.get(name)
    // A copy: an operator may go on writing into what it handed over.
    const kept = known && levelRank(known.hit.level) > levelRank(hit.level) ? known.hit : structuredClone(hit)
    this.#held.set(name, { slug, hit: kept, by, since: known?.since ?? at })
  }

  /** The condition ended, or it is about to be raised. */
  release(name: string): Held | undefined {
    const held = this.#held.get(name)
    if (held) this.#held.delete(name)
    return held
  }

  find(name: string): Held | undefined {
    return this.#held.get(name)
  }

  /** Names of what a holder holds, in a fixed order. */
  heldBy(by: Holder): string[] {
    return [...this.#held].flatMap(([name, held]) => (held.by === by ? [name] : [])).sort()
  }

  snapshot(): [string, Held][] {
    return [...this.#held]
  }
  restore(snapshot: [string, Held][]): void {
    this.#held.clear()
    for (const [name, held] of snapshot) this.#held.set(name, held)
  }
}
