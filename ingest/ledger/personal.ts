/**
 * Payloads about persons, unreadable once the key of one of them is gone. Each person has a key of his own, wrapped by the
 * facility's key, in a file that only its owner reads; a payload about several needs the keys of all. The chain hashes
 * what is stored, so it verifies with and without the keys. Must never write a person's id in plain beside a key.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import { type KeyDisk, openKeyFile } from './key-file.ts'

export type PayloadCipher = 'aes-256-gcm' | 'sm4-ctr-hmac-sm3'
export const PAYLOAD_CIPHERS: readonly PayloadCipher[] = ['aes-256-gcm', 'sm4-ctr-hmac-sm3']
export const PERSON_KEYS_FILE = 'person-keys.ndjson'

export type Opened = { state: 'present'; text: string } | { state: 'deleted' | 'unreadable' }

export interface PersonKeys {
  /** The stored form of a payload about the persons of these keys. Store it after `flush` only. */
  seal(keyIds: readonly string[], text: string): string
  /** Ids of the keys of these persons; makes keys for those who have none. */
  idsOf(persons: readonly string[]): string[]
  /** Id of a person's key; null while there is none. */
  find(person: string): string | null
  /** Brings new keys to the disk, all in one. */
  flush(): void
  open(body: string, forgotten: (key: string) => boolean): Opened
  /** Seals and opens nothing with this key from now on; asks no disk, so it cannot fail. */
  leave(key: string): void
  /** Destroys a key: what was sealed with it can never be read again. Nothing where it is destroyed already. */
  destroy(key: string): void
  /** The facility's key opens what is in the file, or there is nothing in it. */
  fits(): boolean
}

interface StoredKey {
  id: string
  /** Keyed hash of the person's id: the file alone names nobody. */
  name: string
  cipher: PayloadCipher
  box: string
}

interface SealedBody {
  $sealed: PayloadCipher
  keys: string[]
  /** Fixes the key: one stored payload cannot be opened to two texts. */
  commit: string
  box: string
}

const PREFIX = '{"$sealed":'

export const isSealed = (body: string): boolean => body.startsWith(PREFIX)
export const sealedKeys = (body: string): string[] => (JSON.parse(body) as SealedBody).keys

export interface PersonKeysParts {
  /** Source of keys and initial values: unguessable; handed in by tests only. */
  bytes?(n: number): Buffer
  disk?: KeyDisk
}

export function openPersonKeys(
  dir: string,
  facilityKey: string,
  cipher: PayloadCipher,
  parts: PersonKeysParts = {},
): PersonKeys {
  const file = openKeyFile(join(dir, PERSON_KEYS_FILE), parts.disk)
  const bytes = parts.bytes ?? randomBytes
  const derive = (use: string) => Buffer.from(hkdfSync('sha256', facilityKey, 'wardwatch ledger', use, 32))
  const wrapping = derive('wrap person keys')
  const naming = derive('name person keys')
  const nameOf = (person: string) => createHmac('sha256', naming).update(person).digest('hex')
  const byName = new Map<string, string>()
  const stored = new Map<string, StoredKey>()
  const opened = new Map<string, Buffer>()
  /** Seal and open nothing any more; their lines may lie on the disk still. */
  const left = new Set<string>()
  /** Made and not yet on disk: nothing that they seal may be stored before. */
  let fresh: StoredKey[] = []

  for (const line of file.lines()) take(line)

  /** A line that a power cut left half is no key: nothing was sealed with it, because it is written first. */
  function take(line: string): void {
    if (line.trim() === '') return
    try {
      const key = JSON.parse(line) as StoredKey
      if (typeof key.id !== 'string' || !PAYLOAD_CIPHERS.includes(key.cipher)) return
      stored.set(key.id, key)
      byName.set(key.name, key.id)
    } catch {
      // See above.
    }
  }

  function make(name: string): string {
    const id = bytes(12).toString('hex')
    const key = bytes(32)
    const line: StoredKey = { id, name, cipher, box: lock(cipher, wrapping, key, bytes) }
    fresh.push(line)
    stored.set(id, line)
    byName.set(name, id)
    opened.set(id, key)
    return id
  }

  function flush(): void {
    if (fresh.length === 0) return
    file.append(fresh.map((line) => JSON.stringify(line)))
    fresh = []
  }

  function keyOf(id: string): Buffer | null {
    if (left.has(id)) return null
    const known = opened.get(id)
    if (known) return known
    const line = stored.get(id)
    const key = line ? unlock(line.cipher, wrapping, line.box) : null
    if (key) opened.set(id, key)
    return key
  }

  function leave(id: string): void {
    left.add(id)
    opened.get(id)?.fill(0)
    opened.delete(id)
    const name = stored.get(id)?.name
    if (name !== undefined && byName.get(name) === id) byName.delete(name)
  }

  function common(ids: readonly string[]): Buffer | null {
    const mac = createHmac('sha256', 'wardwatch payload')
    for (const id of [...ids].sort()) {
      const key = keyOf(id)
      if (!key) return null
      mac.update(key)
    }
    return mac.digest()
  }
  const commitOf = (key: Buffer) => createHmac('sha256', key).update('commit').digest('hex')

  return {
    seal(ids, text) {
      const keys = [...new Set(ids)].sort()
      const key = common(keys)
      if (!key) throw new Error(`the key of a person (${keys.join(', ')}) cannot be read`)
      const body: SealedBody = {
        $sealed: cipher,
        keys,
        commit: commitOf(key),
        box: lock(cipher, key, Buffer.from(text), bytes),
      }
      return JSON.stringify(body)
    },
    idsOf: (persons) =>
      persons.map((person) => {
        const name = nameOf(person)
        const known = byName.get(name)
        // A key that was wrapped by another facility key can seal nothing; the person gets a new one.
        return known !== undefined && keyOf(known) ? known : make(name)
      }),
    find: (person) => byName.get(nameOf(person)) ?? null,
    open(text, forgotten) {
      const body = JSON.parse(text) as SealedBody
      if (body.keys.some(forgotten)) return { state: 'deleted' }
      const key = common(body.keys)
      if (!key || commitOf(key) !== body.commit) return { state: 'unreadable' }
      const plain = unlock(body.$sealed, key, body.box)
      return plain ? { state: 'present', text: plain.toString() } : { state: 'unreadable' }
    },
    destroy(id) {
      leave(id)
      if (!stored.has(id)) return
      flush()
      // Out of the list only when it is off the disk: who could not do it tries again.
      file.replace([...stored.values()].filter((key) => key.id !== id).map((key) => JSON.stringify(key)))
      stored.delete(id)
    },
    leave,
    flush,
    fits: () => stored.size === 0 || [...stored.keys()].some((id) => keyOf(id) !== null),
  }
}

/** Encrypts and authenticates; iv, text and tag as base64. SM4 has no GCM in OpenSSL 3.5: CTR, then HMAC-SM3 over all. */
function lock(cipher: PayloadCipher, key: Buffer, plain: Buffer, bytes: (n: number) => Buffer): string {
  if (cipher === 'aes-256-gcm') {
    const iv = bytes(12)
    const c = createCipheriv('aes-256-gcm', key, iv)
    return Buffer.concat([iv, c.update(plain), c.final(), c.getAuthTag()]).toString('base64')
  }
  const iv = bytes(16)
  const { enc, mac } = sm4Keys(key)
  const c = createCipheriv('sm4-ctr', enc, iv)
  const text = Buffer.concat([iv, c.update(plain), c.final()])
  return Buffer.concat([text, createHmac('sm3', mac).update(text).digest()]).toString('base64')
}

function unlock(cipher: PayloadCipher, key: Buffer, box: string): Buffer | null {
  const bytes = Buffer.from(box, 'base64')
  try {
    if (cipher === 'aes-256-gcm') {
      const d = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
      d.setAuthTag(bytes.subarray(-16))
      return Buffer.concat([d.update(bytes.subarray(12, -16)), d.final()])
    }
    const { enc, mac } = sm4Keys(key)
    const text = bytes.subarray(0, -32)
    if (!timingSafeEqual(createHmac('sm3', mac).update(text).digest(), bytes.subarray(-32))) return null
    const d = createDecipheriv('sm4-ctr', enc, text.subarray(0, 16))
    return Buffer.concat([d.update(text.subarray(16)), d.final()])
  } catch {
    return null
  }
}

const sm4Keys = (key: Buffer): { enc: Buffer; mac: Buffer } => ({
  enc: createHmac('sm3', key).update('encrypt').digest().subarray(0, 16),
  mac: createHmac('sm3', key).update('authenticate').digest(),
})

/** About whom a payload is: the persons of an alert change, or those that an act names. */
export function personsOf(kind: string, payload: unknown): string[] {
  const p = payload as { alert?: { subject?: unknown; subjects?: unknown }; subjects?: unknown } | null
  if (p === null || typeof p !== 'object') return []
  const alert = kind === 'alert' && p.alert !== null && typeof p.alert === 'object' ? p.alert : null
  const named = alert ? [alert.subject, ...listOf(alert.subjects)] : listOf(p.subjects)
  return [...new Set(named.filter((one): one is string => typeof one === 'string' && one !== ''))].sort()
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
