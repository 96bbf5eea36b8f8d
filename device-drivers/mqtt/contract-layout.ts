/**
 * The layout of the contract, `ww/v1/{facility}/dev/{device}/{type}`: one object or an array of up to 500, short
 * (`{"time":…, …value fields}`) or as a full reading. The hot path of the edge: no look at anything but the payload.
 */
import { READING_TYPES, readingFault } from '#model/catalogue/index.ts'
import type { RawReading } from '#model/reading.ts'
import { type Decoded, isMonstrous, type MessageFlags, quarantined } from './decoded.ts'

export const MAX_ITEMS = 500

const utf8 = new TextDecoder('utf-8', { fatal: true })
/** Keys that are not fields of the value, unless the type has a field of that name. */
const RESERVED = ['time', 'id', 'quality', 'subject', 'zone', 'received'] as const
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/
const FIELD_NAMES = new Map([...READING_TYPES.values()].map((t) => [t.type, new Set(t.fields.map((f) => f.name))]))

/** Parsed JSON, or the sentence that says why not. Throws nothing. */
export function parseJson(payload: Uint8Array): { value: unknown } | { fault: string } {
  let text: string
  try {
    text = utf8.decode(payload)
  } catch {
    return { fault: 'the payload is not UTF-8; check the encoding of the device' }
  }
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    return {
      fault: `the payload is not JSON (${(error as Error).message.slice(0, 120)}); check the firmware of the device`,
    }
  }
}

export interface ContractTopic {
  topic: string
  facility: string
  device: string
  type: string
}

export function decodeContract(
  where: ContractTopic,
  payload: Uint8Array,
  receivedMs: number,
  flags: MessageFlags,
): Decoded {
  const status = where.type === 'status'
  // An empty retained message removes a retained status; it says nothing about the device.
  if (status && payload.length === 0) return { readings: [], quarantine: [] }
  const parsed = parseJson(payload)
  if ('fault' in parsed)
    return { readings: [], quarantine: [quarantined(where.topic, where.device, 'bad-json', parsed.fault, payload)] }
  const items = Array.isArray(parsed.value) ? parsed.value : [parsed.value]
  if (items.length > MAX_ITEMS)
    return {
      readings: [],
      quarantine: [
        quarantined(
          where.topic,
          where.device,
          'limit-exceeded',
          `an array of ${items.length} readings came, at most ${MAX_ITEMS} are taken in one message; send smaller arrays`,
          payload,
        ),
      ],
    }
  const out: Decoded = { readings: [], quarantine: [] }
  const type = status ? 'device.status' : where.type
  for (const item of items) {
    const got = readItem(item, where, type, receivedMs, flags)
    if ('reading' in got) out.readings.push(got.reading)
    else
      out.quarantine.push(
        quarantined(where.topic, where.device, got.cause, got.detail, items.length === 1 ? payload : safeJson(item)),
      )
  }
  return out
}

/** JSON of one element for the quarantine; a monstrous one may be too deep to be written. */
function safeJson(item: unknown): string {
  try {
    return JSON.stringify(item) ?? ''
  } catch {
    return '(nested too deeply to be kept)'
  }
}

type ItemResult =
  | { reading: RawReading }
  | { cause: 'bad-reading' | 'unknown-type' | 'bad-value' | 'topic-denied'; detail: string }

function readItem(
  item: unknown,
  where: ContractTopic,
  type: string,
  receivedMs: number,
  flags: MessageFlags,
): ItemResult {
  if (item === null || typeof item !== 'object' || Array.isArray(item))
    return {
      cause: 'bad-reading',
      detail: `a reading must be a JSON object like {"time":…, …fields}, not ${Array.isArray(item) ? 'an array' : JSON.stringify(item)?.slice(0, 40)}`,
    }
  if (isMonstrous(item))
    return { cause: 'bad-reading', detail: 'the object is nested too deeply or has a forbidden key; readings are flat' }
  const raw = item as Record<string, unknown>
  const reading: Record<string, unknown> = { device: where.device, type }
  const inner = raw.value
  if (inner !== undefined && inner !== null && typeof inner === 'object' && !Array.isArray(inner)) {
    // The full reading. What it says of itself must fit the topic it came on.
    for (const [key, want] of [
      ['device', where.device],
      ['type', type],
      ['facility', where.facility],
    ] as const)
      if (raw[key] !== undefined && raw[key] !== want)
        return {
          cause: key === 'type' ? 'bad-reading' : 'topic-denied',
          detail: `the reading says ${key} ${JSON.stringify(raw[key])?.slice(0, 80)}, its topic says "${want}"; publish it on its own topic`,
        }
    for (const key of RESERVED) if (raw[key] !== undefined && raw[key] !== null) reading[key] = raw[key]
    reading.value = inner
  } else {
    const fields = FIELD_NAMES.get(type)
    const value: Record<string, unknown> = {}
    for (const [key, content] of Object.entries(raw)) {
      if ((RESERVED as readonly string[]).includes(key) && !fields?.has(key)) {
        if (content !== null) reading[key] = content
      } else value[key] = content
    }
    reading.value = value
  }
  // Milliseconds are the contract; a text that names its zone means one instant only, so it is understood as well.
  if (typeof reading.time === 'string' && RFC_3339.test(reading.time)) reading.time = Date.parse(reading.time)
  // The edge's clock is its own: a device cannot say when it was received.
  reading.received = receivedMs
  if (type === 'device.status') {
    const value = reading.value as Record<string, unknown>
    if (flags.will) value.reason = 'will'
    else if (value.online === false && value.reason === undefined) value.reason = 'driver'
  }
  if (reading.time === undefined) {
    reading.time = receivedMs
    // A will is said by the broker at the moment it happens: that time is known.
    if (!flags.will) reading.quality ??= 'uncertain'
  }
  const fault = readingFault(reading)
  return fault ?? { reading: reading as unknown as RawReading }
}
