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

/** How objects of the same keys in the same order are written: their keys sorted, each with what stands before its value. */
interface Layout {
  count: number
  keys: string[]
  heads: string[]
}
const layouts = new Map<string, Layout | null>()

function layoutOf(keys: readonly string[]): Layout | null {
  const name = keys.length === 1 ? (keys[0] as string) : keys.join('\n')
  const known = layouts.get(name)
  // A key with a line feed in it joins to the name of more keys than there are.
  if (known !== undefined) return known !== null && known.count === keys.length ? known : null
  const isPlain = keys.length > 0 && keys.length <= 24 && keys.every((key) => /^[a-z]\w*$/i.test(key))
  const sorted = [...keys].sort()
  const heads = sorted.map((key, i) => `${i === 0 ? '{' : ','}"${key}":`)
  const layout = isPlain ? { count: keys.length, keys: sorted, heads } : null
  if (layouts.size >= 2_000) layouts.clear()
  if (name.length <= 512) layouts.set(name, layout)
  return layout
}

/** Null when a value is no plain number, text, truth value or null. */
function written(object: Record<string, unknown>, { keys, heads }: Layout): string | null {
  let text = ''
  for (let i = 0; i < keys.length; i++) {
    const value = object[keys[i] as string]
    if (typeof value === 'number') text += Number.isFinite(value) ? `${heads[i]}${value}` : `${heads[i]}null`
    else if (typeof value === 'string') text += heads[i] + JSON.stringify(value)
    else if (value === null || typeof value === 'boolean') text += `${heads[i]}${value}`
    else return null
  }
  return `${text}}`
}

/** JSON with sorted keys and no white space (RFC 8785 for finite numbers, strings, booleans, null, arrays, objects). */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const object = value as Record<string, unknown>
  const keys = Object.keys(object)
  const layout = layoutOf(keys)
  const plain = layout === null ? null : written(object, layout)
  if (plain !== null) return plain
  let isInOrder = true
  let isSimple = true
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string
    const content = object[key]
    if (i > 0 && (keys[i - 1] as string) > key) isInOrder = false
    // Objects put numeric keys first, whatever order they are given in; and one name is no plain key.
    if ((content !== null && typeof content === 'object') || key < ':' || key === '__proto__') isSimple = false
  }
  // The engine's own writer is faster than anything written here.
  if (isInOrder && isSimple) return JSON.stringify(object)
  keys.sort()
  if (isSimple) {
    const ordered: Record<string, unknown> = {}
    for (let i = 0; i < keys.length; i++) ordered[keys[i] as string] = object[keys[i] as string]
    return JSON.stringify(ordered)
  }
  let text = ''
  for (const key of keys) {
    const content = object[key]
    if (content !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(content)}`
  }
  return `{${text}}`
}

/** Hex SHA-256 of a UTF-8 string. */
export function sha256Hex(text: string): string {
  return hash('sha256', text, 'hex')
}

const CODES = Uint8Array.from(ALPHABET, (c) => c.charCodeAt(0))
const scratch = Buffer.alloc(64)

/** As Latin-1 text the digest costs a third of what a Buffer does, and one slice is one string. */
function sha256Base32(text: string, length: number): string {
  const digest = hash('sha256', text, 'binary')
  let bits = 0
  let value = 0
  for (let i = 0, at = 0; at < length; i++) {
    value = ((value << 8) | digest.charCodeAt(i)) & 0x1fff
    bits += 8
    while (bits >= 5 && at < length) {
      scratch[at++] = CODES[(value >>> (bits - 5)) & 31] as number
      bits -= 5
    }
  }
  return scratch.toString('latin1', 0, length)
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
