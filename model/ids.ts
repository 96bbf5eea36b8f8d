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

/** Keys as they stand in JSON; the same few hundred names come again and again. */
const quoted = new Map<string, string>()
function quotedKey(key: string): string {
  let text = quoted.get(key)
  if (text === undefined) {
    text = JSON.stringify(key)
    if (quoted.size > 4_000) quoted.clear()
    quoted.set(key, text)
  }
  return text
}

/** JSON with sorted keys and no white space (RFC 8785 for finite numbers, strings, booleans, null, arrays, objects). */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value === 0 ? 0 : value) : 'null'
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const object = value as Record<string, unknown>
  const keys = Object.keys(object)
  for (let i = 1; i < keys.length; i++)
    if ((keys[i - 1] as string) > (keys[i] as string)) {
      keys.sort()
      break
    }
  let text = ''
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string
    const content = object[key]
    if (content !== undefined) text += `${text === '' ? '' : ','}${quotedKey(key)}:${canonicalJson(content)}`
  }
  return `{${text}}`
}

/** Hex SHA-256 of a UTF-8 string. */
export function sha256Hex(text: string): string {
  return hash('sha256', text, 'hex')
}

/** Two base32 characters for each ten bits. */
const PAIRS = Array.from({ length: 1024 }, (_, i) => `${ALPHABET[i >> 5]}${ALPHABET[i & 31]}`)

/** @param length even, at most 50. As Latin-1 text the digest costs a third of what a Buffer does. */
function sha256Base32(text: string, length: number): string {
  const digest = hash('sha256', text, 'binary')
  let out = ''
  let bits = 0
  let value = 0
  for (let i = 0; out.length < length; i++) {
    value = ((value << 8) | digest.charCodeAt(i)) & 0x3ffff
    bits += 8
    if (bits >= 10) {
      out += PAIRS[(value >>> (bits - 10)) & 1023]
      bits -= 10
    }
  }
  return out
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
