/**
 * Identifiers that are functions of content: the same reading or alert has the same id on every machine and every run.
 * Base32 is RFC 4648 (upper case, no padding); canonical JSON is RFC 8785 for the values that readings carry.
 */
import { createHmac, hash } from 'node:crypto'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** RFC 4648 base32 without padding. */
export function base32(bytes: Uint8Array): string {
  let out = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff
    bits += 8
    while (bits >= 5) {
      out += ALPHABET[(value >>> (bits - 5)) & 31]
      bits -= 5
    }
  }
  if (bits > 0) out += ALPHABET[(value << (5 - bits)) & 31]
  return out
}

/** JSON with sorted keys and no white space (RFC 8785 for finite numbers, strings, booleans, null, arrays, objects). */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value === 0 ? 0 : value) : 'null'
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const object = value as Record<string, unknown>
  let text = ''
  for (const key of Object.keys(object).sort()) {
    const content = object[key]
    if (content !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(content)}`
  }
  return `{${text}}`
}

/** Hex SHA-256 of a UTF-8 string. */
export function sha256Hex(text: string): string {
  return hash('sha256', text, 'hex')
}

function sha256Base32(text: string, length: number): string {
  return base32(hash('sha256', text, 'buffer').subarray(0, Math.ceil((length * 5) / 8))).slice(0, length)
}

/** Id of a reading whose source gives none: a redelivered reading gets the same id (`semantics.md` 1). */
export function derivedReadingId(device: string, type: string, time: number, value: unknown): string {
  return `r${sha256Base32(`${device}\0${type}\0${time}\0${canonicalJson(value)}`, 26)}`
}

/** Id of an alert: rule slug, key and opening reading decide it, so a replay never doubles an alert. */
export function alertId(slug: string, key: string, opening: string): string {
  return `a${sha256Base32(`${slug}\0${key}\0${opening}`, 20)}`
}

/** Keyed pseudonym of a person: all that may leave the facility (`semantics.md` 8). */
export function pseudonym(facilityKey: Uint8Array | string, person: string): string {
  return `p${base32(createHmac('sha256', facilityKey).update(person).digest()).slice(0, 16)}`
}
