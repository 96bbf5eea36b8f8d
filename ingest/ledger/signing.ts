/**
 * The ledger's signing keys: one file per algorithm beside the ledger, readable by its owner alone, and the public half
 * for everybody. Must never hand a private key out.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  sign as ed25519Sign,
  verify as ed25519Verify,
  generateKeyPairSync,
} from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { storeError } from '../thread/sqlite.ts'
import { sm2KeyPair, sm2Point, sm2Secret, sm2Sign, sm2Verify } from './sm2.ts'

export type SignatureAlgorithm = 'ed25519' | 'sm2'
export const SIGNATURE_ALGORITHMS: readonly SignatureAlgorithm[] = ['ed25519', 'sm2']

export interface PublicKeyText {
  algorithm: SignatureAlgorithm
  pem: string
}

export interface Signature {
  algorithm: SignatureAlgorithm
  /** Hex: 64 bytes of Ed25519, or DER of SM2. */
  signature: string
}

const FILES: Record<SignatureAlgorithm, { secret: string; open: string }> = {
  ed25519: { secret: 'ledger-key.pem', open: 'ledger-key.pub.pem' },
  sm2: { secret: 'ledger-key-sm2.pem', open: 'ledger-key-sm2.pub.pem' },
}

export interface SigningKeys {
  /** Null where the private key is not at hand (a copy, another user). */
  sign(text: string): Signature | null
  verify(text: string, signature: Signature): boolean
  publicKeys(): PublicKeyText[]
}

/** Opens the keys in `dir`; makes those of `algorithm` where there are none and writing is allowed. */
export function openSigningKeys(dir: string, algorithm: SignatureAlgorithm, mayMake: boolean): SigningKeys {
  const path = join(dir, FILES[algorithm].secret)
  try {
    if (!existsSync(path) && mayMake) make(dir, algorithm)
    const known = new Map<SignatureAlgorithm, string>()
    for (const one of SIGNATURE_ALGORITHMS) {
      const pem = publicPem(dir, one)
      if (pem !== null) known.set(one, pem)
    }
    let secret: string | null | undefined
    return {
      sign(text) {
        secret ??= readable(path)
        return secret === null ? null : { algorithm, signature: signWith(algorithm, secret, text) }
      },
      verify: (text, { algorithm: by, signature }) =>
        verifySignature({ algorithm: by, pem: known.get(by) ?? '' }, text, signature),
      publicKeys: () => [...known].map(([one, pem]) => ({ algorithm: one, pem })),
    }
  } catch (error) {
    throw storeError(error, path)
  }
}

export function verifySignature(key: PublicKeyText, text: string, signature: string): boolean {
  if (key.pem === '' || !/^([0-9a-f]{2})+$/.test(signature)) return false
  const bytes = Buffer.from(signature, 'hex')
  try {
    if (key.algorithm === 'ed25519') return ed25519Verify(null, Buffer.from(text), createPublicKey(key.pem), bytes)
    const point = sm2Point(key.pem)
    return point !== null && sm2Verify(point, Buffer.from(text), bytes)
  } catch {
    return false
  }
}

/** Short name of a public key for people to compare by telephone: SHA-256 of its DER, first 32 hex digits in fours. */
export function fingerprint(key: PublicKeyText): string {
  const der = Buffer.from(key.pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  const hex = createHash('sha256').update(der).digest('hex').slice(0, 32)
  return hex.replace(/.{4}(?=.)/g, '$& ')
}

function signWith(algorithm: SignatureAlgorithm, secretPem: string, text: string): string {
  if (algorithm === 'ed25519') return ed25519Sign(null, Buffer.from(text), createPrivateKey(secretPem)).toString('hex')
  return sm2Sign(sm2Secret(secretPem)!, Buffer.from(text)).toString('hex')
}

function make(dir: string, algorithm: SignatureAlgorithm): void {
  const pair =
    algorithm === 'sm2'
      ? sm2KeyPair()
      : (({ privateKey, publicKey }) => ({ privatePem: privateKey, publicPem: publicKey }))(
          generateKeyPairSync('ed25519', {
            privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
            publicKeyEncoding: { type: 'spki', format: 'pem' },
          }),
        )
  // Whole or not at all: half a key, left by a full disk, would stand in the way of every later start.
  const put = (name: string, pem: string, mode?: number): void => {
    writeFileSync(join(dir, `${name}.new`), pem, { flush: true, ...(mode === undefined ? {} : { mode }) })
    renameSync(join(dir, `${name}.new`), join(dir, name))
  }
  put(FILES[algorithm].open, pair.publicPem)
  put(FILES[algorithm].secret, pair.privatePem, 0o600)
}

function publicPem(dir: string, algorithm: SignatureAlgorithm): string | null {
  const open = readable(join(dir, FILES[algorithm].open))
  if (open !== null) return open
  // The public half can be made again from the private one; SM2 keys always stand with theirs.
  const secret = algorithm === 'ed25519' ? readable(join(dir, FILES[algorithm].secret)) : null
  return secret === null ? null : (createPublicKey(secret).export({ type: 'spki', format: 'pem' }) as string)
}

function readable(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}
