/**
 * SM2 signatures checked by the school formulas (GB/T 32918.2, identity 1234567812345678, hash SM3): needed by verify.mjs
 * for ledgers that sign with SM2 only. Nothing secret passes here, so nothing is done in constant time.
 */
import { createHash } from 'node:crypto'

const P = 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn
const N = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n
const A = P - 3n
const B = 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n
const G = [
  0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n,
  0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n,
]
const mod = (a, m) => ((a % m) + m) % m

/** Points as (X, Y, Z) with x = X/Z² and y = Y/Z³; null is the point at infinity. */
function double([x, y, z]) {
  const s = 4n * x * y * y
  const m = 3n * x * x + A * z ** 4n
  const x2 = mod(m * m - 2n * s, P)
  return y === 0n ? null : [x2, mod(m * (s - x2) - 8n * y ** 4n, P), mod(2n * y * z, P)]
}

function add(p, q) {
  if (!p || !q) return p ?? q
  const [u, v] = [mod(p[0] * q[2] ** 2n, P), mod(p[1] * q[2] ** 3n, P)]
  const h = mod(q[0] * p[2] ** 2n - u, P)
  const r = mod(q[1] * p[2] ** 3n - v, P)
  if (h === 0n) return r === 0n ? double(p) : null
  const x = mod(r * r - h ** 3n - 2n * u * h * h, P)
  return [x, mod(r * (u * h * h - x) - v * h ** 3n, P), mod(h * p[2] * q[2], P)]
}

function times(k, [x, y]) {
  let sum = null
  for (let p = [x, y, 1n]; k && p; k >>= 1n, p = double(p)) if (k & 1n) sum = add(sum, p)
  return sum
}

/** A positive INTEGER of DER, as hex. */
function integer(n) {
  let h = n.toString(16)
  if (h.length % 2) h = `0${h}`
  if (h[0] > '7') h = `00${h}`
  return `02${(h.length / 2).toString(16).padStart(2, '0')}${h}`
}

/** `signature`: DER in hex; `pem`: the public key. */
export function sm2Verify(pem, text, signature) {
  const point = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64').subarray(-64)
  const q = [0, 32].map((at) => BigInt(`0x${point.subarray(at, at + 32).toString('hex')}`))
  if (mod(q[1] ** 2n - q[0] ** 3n - A * q[0] - B, P) !== 0n) return false
  const split = 8 + 2 * Number.parseInt(signature.slice(6, 8), 16)
  const r = BigInt(`0x${signature.slice(8, split)}`)
  const s = BigInt(`0x${signature.slice(split + 4)}`)
  const body = integer(r) + integer(s)
  // One signature has one spelling, so that no byte of it can be changed unnoticed.
  if (`30${(body.length / 2).toString(16).padStart(2, '0')}${body}` !== signature) return false
  if (r === 0n || r >= N || s === 0n || s >= N || mod(r + s, N) === 0n) return false
  const numbers = [A, B, ...G, ...q].map((n) => n.toString(16).padStart(64, '0')).join('')
  const signer = createHash('sm3')
    .update(Buffer.from(`008031323334353637383132333435363738${numbers}`, 'hex'))
    .digest()
  const e = BigInt(`0x${createHash('sm3').update(signer).update(text).digest('hex')}`)
  const sum = add(times(s, G), times(mod(r + s, N), q))
  if (sum === null) return false
  // The x of the sum, brought back from X/Z² without dividing: z² · x = X, for the one or two x that give this r.
  const z2 = mod(sum[2] ** 2n, P)
  const x = mod(r - e, N)
  return [x, x + N].some((one) => one < P && mod(one * z2, P) === sum[0])
}
