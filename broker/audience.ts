/**
 * Who listens: every live and every durable subscription. A device's message that nobody wants needs no work in aedes
 * after it is in the journal; asking here costs one look into a map.
 */
import type { Aedes, AedesPublishPacket } from 'aedes'
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

/** Follows every subscription of aedes, and spares it the distribution of what is in the journal and nobody wants. */
export function followSubscriptions(aedes: Aedes, audience: Audience): void {
  const subscribe = aedes.subscribe.bind(aedes)
  const unsubscribe = aedes.unsubscribe.bind(aedes)
  const publish = aedes.publish.bind(aedes) as (packet: AedesPublishPacket, client: unknown, done?: unknown) => void
  aedes.subscribe = (topic, deliver, done) => {
    audience.joined(topic)
    subscribe(topic, deliver, done)
  }
  aedes.unsubscribe = (topic, deliver, done) => {
    audience.left(topic)
    unsubscribe(topic, deliver, done)
  }
  const distribute = (packet: AedesPublishPacket, client: unknown, done?: unknown) => {
    const fromClient = client !== null && typeof client === 'object'
    if (fromClient && !packet.retain && !audience.wants(packet.topic)) {
      ;(done as (() => void) | undefined)?.()
      return
    }
    publish(packet, client, done)
  }
  aedes.publish = distribute as typeof aedes.publish
}
