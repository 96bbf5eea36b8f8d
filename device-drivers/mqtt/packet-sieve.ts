/**
 * Lets the packets of an MQTT connection pass and takes out those that are too large: their topic, number and beginning
 * are told, their rest is dropped as it comes. Without it one large message would be delivered again after each
 * reconnect for ever, and nobody else would be heard. Knows nothing of what passes.
 */
export interface LargePublish {
  topic: string
  qos: 0 | 1 | 2
  retain: boolean
  messageId: number | undefined
  /** Beginning of the payload. */
  head: Buffer
  /** Size of the whole packet. */
  bytes: number
}

/** Bytes of a large payload that are kept. */
const HEAD_BYTES = 2048
/** Topic of at most 64 KiB with its length, and the message id. */
const MAX_FRONT = 2 + 65_535 + 2
const PUBLISH = 3
const NOTHING: Buffer = Buffer.alloc(0)

interface Large {
  first: number
  bytes: number
  front: Buffer[]
  frontBytes: number
}

export class PacketSieve {
  readonly #maxBytes: number
  readonly #pass: (bytes: Buffer) => void
  readonly #onLarge: (publish: LargePublish) => void
  /** Bytes of a fixed header that is not whole yet. */
  #header: Buffer = NOTHING
  /** Bytes of the present packet that are still to come, and what is done with them. */
  #left = 0
  #large: Large | null = null

  constructor(maxBytes: number, pass: (bytes: Buffer) => void, onLarge: (publish: LargePublish) => void) {
    this.#maxBytes = maxBytes
    this.#pass = pass
    this.#onLarge = onLarge
  }

  /** @throws Error when the bytes are no MQTT. */
  push(chunk: Buffer): void {
    // What passes is handed on in one piece: this is the hot path of a facility behind an external broker.
    let from = 0
    let at = 0
    const passTo = (end: number): void => {
      if (end > from) this.#pass(chunk.subarray(from, end))
    }
    while (at < chunk.length) {
      if (this.#left > 0) {
        const end = Math.min(chunk.length, at + this.#left)
        this.#left -= end - at
        if (this.#large) {
          this.#keep(this.#large, chunk.subarray(at, end))
          from = end
        }
        at = end
        continue
      }
      const split = this.#header.length
      const bytes = split > 0 ? Buffer.concat([this.#header, chunk.subarray(at, at + 5)]) : chunk.subarray(at, at + 5)
      const size = this.#begin(bytes)
      if (size === 0) {
        passTo(at)
        this.#header = Buffer.from(bytes)
        return
      }
      this.#header = NOTHING
      if (this.#large) passTo(at)
      else if (split > 0) this.#pass(bytes.subarray(0, split))
      if (split > 0 && !this.#large) from = at
      at += size - split
      if (this.#large) from = at
    }
    passTo(at)
  }

  /** Reads a fixed header; its size, 0 while it is not whole. */
  #begin(bytes: Buffer): number {
    let length = 0
    for (let i = 1; i < Math.min(bytes.length, 5); i++) {
      const digit = bytes[i] as number
      length += (digit & 127) * 128 ** (i - 1)
      if ((digit & 128) !== 0) continue
      const first = bytes[0] as number
      this.#left = length
      this.#large = null
      if (length > this.#maxBytes) {
        if (first >> 4 !== PUBLISH) throw new Error('a large packet that is no PUBLISH')
        this.#large = { first, bytes: length + i + 1, front: [], frontBytes: 0 }
      }
      return i + 1
    }
    if (bytes.length >= 5) throw new Error('a packet length that is none')
    return 0
  }

  #keep(large: Large, part: Buffer): void {
    const wanted = MAX_FRONT + HEAD_BYTES - large.frontBytes
    if (wanted > 0) {
      // A copy: the chunk it lies in is not held.
      const kept = Buffer.from(part.subarray(0, wanted))
      large.front.push(kept)
      large.frontBytes += kept.length
    }
    if (this.#left > 0) return
    const front = Buffer.concat(large.front)
    const topicEnd = 2 + front.readUInt16BE(0)
    const qos = ((large.first >> 1) & 3) as 0 | 1 | 2
    const payloadAt = topicEnd + (qos > 0 ? 2 : 0)
    this.#large = null
    this.#onLarge({
      topic: front.toString('utf8', 2, topicEnd),
      qos,
      retain: (large.first & 1) === 1,
      messageId: qos > 0 ? front.readUInt16BE(topicEnd) : undefined,
      head: front.subarray(payloadAt, payloadAt + HEAD_BYTES),
      bytes: large.bytes,
    })
  }
}
