/**
 * Who listens: every live and every durable subscription. A device's message that nobody wants needs no work in aedes
 * after it is in the journal; asking here costs one look into a map.
 */
import { topicMatches } from '#model/topics.ts'

const MAX_REMEMBERED = 20_000

export class Audience {
  readonly #live = new Map<string, number>()
  #durable: ReadonlySet<string> = new Set()
  readonly #answers = new Map<string, boolean>()

  joined(filter: string): void {
    this.#live.set(filter, (this.#live.get(filter) ?? 0) + 1)
    this.#answers.clear()
  }

  left(filter: string): void {
    const count = (this.#live.get(filter) ?? 0) - 1
    if (count > 0) this.#live.set(filter, count)
    else this.#live.delete(filter)
    this.#answers.clear()
  }

  durable(filters: ReadonlySet<string>): void {
    this.#durable = filters
    this.#answers.clear()
  }

  wants(topic: string): boolean {
    if (this.#live.size === 0 && this.#durable.size === 0) return false
    const known = this.#answers.get(topic)
    if (known !== undefined) return known
    let wanted = false
    for (const filter of this.#live.keys()) if (topicMatches(filter, topic)) wanted = true
    if (!wanted) for (const filter of this.#durable) if (topicMatches(filter, topic)) wanted = true
    if (this.#answers.size >= MAX_REMEMBERED) this.#answers.clear()
    this.#answers.set(topic, wanted)
    return wanted
  }
}
