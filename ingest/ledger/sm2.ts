/**
 * SM2 signatures (GB/T 32918.2-2016) over SM3, on the curve of GB/T 32918.5 with the customary identity
 * "1234567812345678" (GM/T 0009). OpenSSL has SM2, but Node gives no way to name the identity, so the curve comes from
 * @noble/curves and the hash from OpenSSL. Must never be used for anything but signing: no key agreement, no encryption.
 */
import { createHash, randomBytes } from 'node:crypto'
import { weierstrass } from '@noble/curves/abstract/weierstrass.js'

const P = 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn
const A = 0xfffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffcn
const B = 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n
const N = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n
const GX = 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n
const GY = 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n
const Point = weierstrass({ p: P, a: A, b: B, n: N, Gx: GX, Gy: GY, h: 1n })
Point.BASE.precompute(8)
const IDENTITY = Buffer.from('1234567812345678')

/** DER before the point of a public key, and around the scalar of a private key (RFC 5480, RFC 5915, OID of SM2). */
const SPKI = Buffer.from('3059301306072a8648ce3d020106082a811ccf5501822d034200', 'hex')
const PKCS8 = Buffer.from('308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420', 'hex')
const PKCS8_POINT = Buffer.from('a144034200', 'hex')

const sm3 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sm3')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
const bytes = (n: bigint): Buffer => Buffer.from(n.toString(16).padStart(64, '0'), 'hex')
const number = (b: Uint8Array): bigint => BigInt(`0x${Buffer.from(b).toString('hex') || '0'}`)
const mod = (n: bigint): bigint => ((n % N) + N) % N

function inverse(n: bigint): bigint {
  let [r0, r1, s0, s1] = [N, mod(n), 0n, 1n]
  while (r1 !== 0n) [r0, r1, s0, s1] = [r1, r0 % r1, s1, s0 - (r0 / r1) * s1]
  return mod(s0)
}

/** SM3 over who signs (identity, curve, public key) and the message: what the signature is about. */
export function sm2Digest(point: Uint8Array, message: Uint8Array, identity: Uint8Array = IDENTITY): Buffer {
  const bits = Buffer.alloc(2)
  bits.writeUInt16BE(identity.length * 8)
  const signer = sm3(bits, identity, bytes(A), bytes(B), bytes(GX), bytes(GY), Buffer.from(point).subarray(1))
  return sm3(signer, message)
}

/** `random` is handed in by tests of the standard's example only. */
export function sm2Sign(
  secret: Uint8Array,
  message: Uint8Array,
  random: () => Uint8Array = () => randomBytes(32),
): Buffer {
  const d = number(secret)
  const e = number(sm2Digest(Point.BASE.multiply(d).toBytes(false), message))
  for (;;) {
    const k = number(random())
    if (k === 0n || k >= N) continue
    const r = mod(e + Point.BASE.multiply(k).toAffine().x)
    if (r === 0n || r + k === N) continue
    const s = mod(inverse(1n + d) * mod(k - r * d))
    if (s !== 0n) return derOf(r, s)
  }
}

export function sm2Verify(point: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const pair = fromDer(signature)
  if (!pair) return false
  const [r, s] = pair
  if (r === 0n || r >= N || s === 0n || s >= N) return false
  const t = mod(r + s)
  if (t === 0n) return false
  try {
    const key = Point.fromBytes(point)
    key.assertValidity()
    const sum = Point.BASE.multiply(s).add(key.multiplyUnsafe(t))
    if (sum.is0()) return false
    return mod(number(sm2Digest(point, message)) + sum.toAffine().x) === r
  } catch {
    return false
  }
}

export function sm2KeyPair(random: () => Uint8Array = () => randomBytes(32)): {
  privatePem: string
  publicPem: string
} {
  for (;;) {
    const d = number(random())
    // n - 1 is no key: 1 + d would have no inverse.
    if (d === 0n || d >= N - 1n) continue
    const point = Point.BASE.multiply(d).toBytes(false)
    return {
      privatePem: pem('PRIVATE KEY', Buffer.concat([PKCS8, bytes(d), PKCS8_POINT, point])),
      publicPem: pem('PUBLIC KEY', Buffer.concat([SPKI, point])),
    }
  }
}

/** @returns the uncompressed point; null when the text is no SM2 public key. */
export function sm2Point(publicPem: string): Buffer | null {
  const der = fromPem(publicPem)
  return der.length === SPKI.length + 65 && der.subarray(0, SPKI.length).equals(SPKI) ? der.subarray(SPKI.length) : null
}

export function sm2Secret(privatePem: string): Buffer | null {
  const der = fromPem(privatePem)
  return der.subarray(0, PKCS8.length).equals(PKCS8) ? der.subarray(PKCS8.length, PKCS8.length + 32) : null
}

const pem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END ${label}-----\n`
const fromPem = (text: string): Buffer => Buffer.from(text.replace(/-----[^-]+-----|\s/g, ''), 'base64')

function derOf(r: bigint, s: bigint): Buffer {
  const integer = (n: bigint): Buffer => {
    let hex = n.toString(16)
    if (hex.length % 2 === 1) hex = `0${hex}`
    if (Number.parseInt(hex.slice(0, 2), 16) > 127) hex = `00${hex}`
    const value = Buffer.from(hex, 'hex')
    return Buffer.concat([Buffer.from([2, value.length]), value])
  }
  const body = Buffer.concat([integer(r), integer(s)])
  return Buffer.concat([Buffer.from([0x30, body.length]), body])
}

/** Strict: one signature has one form, so that a changed byte never goes unnoticed. */
function fromDer(signature: Uint8Array): [bigint, bigint] | null {
  const der = Buffer.from(signature)
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der[2] !== 2) return null
  const at = 4 + (der[3] ?? 0)
  if (der[at] !== 2 || at + 2 + (der[at + 1] ?? 0) !== der.length) return null
  const pair: [bigint, bigint] = [number(der.subarray(4, at)), number(der.subarray(at + 2))]
  return derOf(...pair).equals(der) ? pair : null
}
