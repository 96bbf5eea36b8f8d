/** What decoding gives, and how something unreadable is described. Shared by the layouts of this driver. */
import type { ErrorCode } from '#model/errors.ts'
import type { Quarantined, RawReading } from '#model/reading.ts'
import { parseDeviceTopic } from '#model/topics.ts'

/** `received` is when the message came: read again later, it must say the same times. */
export type QuarantineItem = Omit<Quarantined, 'received'> & { received?: number }

export interface Decoded {
  readings: RawReading[]
  quarantine: QuarantineItem[]
}

/** Who said it: a device with the children it speaks for. Null: the broker between has decided that. */
export interface Speaker {
  id: string
  children: readonly string[]
}

export interface MessageFlags {
  will?: boolean
  retain?: boolean
}

/** The quarantine keeps at most this much of the original. */
const MAX_KEPT_BYTES = 64 * 1024

export function quarantined(
  topic: string,
  device: string | null,
  cause: ErrorCode,
  detail: string,
  payload: Uint8Array | string,
): QuarantineItem {
  const text =
    typeof payload === 'string'
      ? payload
      : Buffer.from(payload.buffer, payload.byteOffset, Math.min(payload.length, MAX_KEPT_BYTES)).toString('utf8')
  return { source: `mqtt:${topic.slice(0, 512)}`, device, cause, detail, payload: text.slice(0, MAX_KEPT_BYTES) }
}

/** What is kept of a message that was too large to be taken. */
export function tooLarge(topic: string, bytes: number, head: Uint8Array): Decoded {
  const device = parseDeviceTopic(topic)?.device ?? null
  const detail = `a message of ${bytes} bytes came, at most 1 MiB is taken; its beginning is kept; send smaller messages`
  return { readings: [], quarantine: [quarantined(topic, device, 'limit-exceeded', detail, head)] }
}

/** Deeper nesting is hostile: canonical JSON and validators further on are recursive. */
const MAX_DEPTH = 8

/** Is anything nested deeper than readings ever are, or named to reach a prototype? Not recursive itself. */
export function isMonstrous(value: unknown): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true
    const next: unknown[] = []
    for (const entry of level) {
      if (entry === null || typeof entry !== 'object') continue
      for (const [key, inner] of Object.entries(entry)) {
        if (key === '__proto__') return true
        if (inner !== null && typeof inner === 'object') next.push(inner)
      }
    }
    level = next
  }
  return false
}
