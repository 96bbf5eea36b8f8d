/**
 * The camera's door: WS-UsernameToken digests and HTTP Digest are checked for real (time, nonce, counter, hash), so that
 * a driver with a wrong computation is refused as by a real camera.
 */
import { createHash, randomBytes } from 'node:crypto'

const NONCE_LIFE_MS = 300_000
const MOST_NONCES = 2000
/** A token made longer ago than this by the camera's clock is a replay. */
const TOKEN_AGE_MS = 300_000

export interface Token {
  username: string
  digest: string
  nonce: string
  created: string
}

const hash = (algorithm: 'md5' | 'sha256', text: string) => createHash(algorithm).update(text, 'utf8').digest('hex')

export class CameraDoor {
  readonly #user: string
  readonly #password: string
  readonly #realm: string
  readonly #usedTokens = new Map<string, number>()
  readonly #issued = new Map<string, { at: number; lastCount: number }>()

  constructor(user: string, password: string, realm: string) {
    this.#user = user
    this.#password = password
    this.#realm = realm
  }

  /** @param now the camera's own clock, ms. */
  token(token: Token, now: number): boolean {
    const created = Date.parse(token.created)
    if (token.username !== this.#user || !(Math.abs(created - now) <= TOKEN_AGE_MS)) return false
    const key = `${token.nonce}|${token.created}`
    if (this.#usedTokens.has(key)) return false
    const nonce = Buffer.from(token.nonce, 'base64')
    const expected = createHash('sha1')
      .update(Buffer.concat([nonce, Buffer.from(token.created, 'utf8'), Buffer.from(this.#password, 'utf8')]))
      .digest('base64')
    if (token.digest !== expected) return false
    this.#usedTokens.set(key, now)
    trim(this.#usedTokens)
    return true
  }

  /** Challenges for a 401, one per algorithm as newer cameras send them. */
  challenges(now: number): string[] {
    const nonce = randomBytes(16).toString('hex')
    this.#issued.set(nonce, { at: now, lastCount: 0 })
    trim(this.#issued)
    const common = `Digest realm="${this.#realm}", qop="auth", nonce="${nonce}", opaque="5ccc069c"`
    return [`${common}, algorithm=MD5`, `${common}, algorithm=SHA-256`]
  }

  digest(header: string, method: string, path: string, now: number): boolean {
    if (!/^digest /i.test(header)) return false
    const field: Record<string, string> = {}
    for (const match of header.slice(7).matchAll(/([a-z]+)\s*=\s*(?:"([^"]*)"|([^,\s]+))/gi))
      field[(match[1] as string).toLowerCase()] = match[2] ?? match[3] ?? ''
    const nonce = this.#issued.get(field.nonce ?? '')
    if (!nonce || now - nonce.at > NONCE_LIFE_MS) return false
    if (field.username !== this.#user || field.realm !== this.#realm || field.uri !== path || field.qop !== 'auth')
      return false
    const count = Number.parseInt(field.nc ?? '', 16)
    if (!(count > nonce.lastCount)) return false
    const algorithm = /^sha-?256$/i.test(field.algorithm ?? '') ? 'sha256' : 'md5'
    const ha1 = hash(algorithm, `${this.#user}:${this.#realm}:${this.#password}`)
    const ha2 = hash(algorithm, `${method}:${path}`)
    const expected = hash(algorithm, [ha1, field.nonce, field.nc, field.cnonce, field.qop, ha2].join(':'))
    if (field.response !== expected) return false
    nonce.lastCount = count
    return true
  }
}

function trim(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    if (map.size <= MOST_NONCES) return
    map.delete(key)
  }
}
