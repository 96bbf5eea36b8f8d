/**
 * Local accounts, bearer tokens and sessions in one SQLite file. Passwords are scrypt hashes, tokens and sessions are
 * kept as SHA-256 only. The file is shared with the command line, so nothing is cached: a disabled account is out at once.
 */
import { createHash, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import { isRole, ROLES, type Role } from '#model/permissions.ts'
import { type AccountsDamage, openAccountFile } from './accounts-file.ts'

export interface Account {
  id: string
  name: string
  role: Role
  disabled: boolean
  createdAt: number
  passwordAt: number | null
  lastLoginAt: number | null
}

export interface TokenInfo {
  id: string
  account: string
  label: string
  createdAt: number
  expiresAt: number | null
}

export type PasswordOutcome =
  | { ok: true; account: Account }
  | { ok: false; reason: 'wrong'; left: number }
  | { ok: false; reason: 'locked'; unlockAt: number }
  | { ok: false; reason: 'busy' }

export interface AccountsOptions {
  dir: string
  clock: Clock
  /** log2 of the scrypt cost; 15 takes about 60 ms and 32 MB. Lower only in tests. */
  scryptLog2?: number
  /** Wrong passwords in a row until the account is locked, and for how long. */
  maxFails?: number
  lockMs?: number
}

export const MAX_FAILS = 5
export const LOCK_MS = 15 * 60_000
const MAX_FAIL_ROWS = 10_000
const MAX_SESSIONS = 2_000
const MAX_SESSIONS_PER_ACCOUNT = 50
/** Password checks at one time: each takes 32 MB. */
const MAX_CHECKS = 8
/** `seenAt` of a session is written at most this often. */
const TOUCH_MS = 15_000

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const secret = (): string => randomBytes(32).toString('base64url')

function hashPassword(password: string, salt: Buffer, log2: number): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** log2, r: 8, p: 1, maxmem: 256 * 1024 * 1024 }
  return new Promise((resolve, reject) =>
    scrypt(password.normalize('NFKC'), salt, 32, options, (error, key) => (error ? reject(error) : resolve(key))),
  )
}

/** Null when the password is strong enough, else one sentence. */
export function passwordFault(id: string, password: string): string | null {
  if (password.length < 10) return 'The password needs at least 10 characters.'
  if (password.length > 256) return 'The password may have at most 256 characters.'
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/].filter((k) => k.test(password)).length
  if (kinds < 3) return 'The password needs three of: lower case, upper case, digits, other characters.'
  if (password.toLowerCase().includes(id.toLowerCase())) return 'The password must not contain the account name.'
  return null
}

interface Row {
  id: string
  name: string
  role: string
  disabled: number
  createdAt: number
  passwordAt: number | null
  lastLoginAt: number | null
}

const COLUMNS =
  'id, name, role, disabled, created_at AS createdAt, password_at AS passwordAt, last_login_at AS lastLoginAt'
const accountOf = (row: Row): Account => ({ ...row, role: row.role as Role, disabled: row.disabled !== 0 })

export class Accounts {
  /** The file was not whole: it lies elsewhere, and what could be read of it is in a new one. */
  readonly damage: AccountsDamage | null
  readonly #db: DatabaseSync
  readonly #clock: Clock
  readonly #log2: number
  readonly #maxFails: number
  readonly #lockMs: number
  readonly #touched = new Map<string, number>()
  #checks = 0

  constructor(options: AccountsOptions) {
    this.#clock = options.clock
    this.#log2 = options.scryptLog2 ?? 15
    this.#maxFails = options.maxFails ?? MAX_FAILS
    this.#lockMs = options.lockMs ?? LOCK_MS
    const file = join(options.dir, 'accounts.sqlite')
    try {
      const opened = openAccountFile(
        file,
        `
        PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 3000; PRAGMA foreign_keys = ON;
        CREATE TABLE IF NOT EXISTS accounts (id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL,
          disabled INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, salt BLOB, hash BLOB, log2 INTEGER,
          password_at INTEGER, last_login_at INTEGER) STRICT;
        CREATE TABLE IF NOT EXISTS tokens (hash TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE,
          account TEXT NOT NULL REFERENCES accounts(id), label TEXT NOT NULL, created_at INTEGER NOT NULL,
          expires_at INTEGER) STRICT;
        CREATE TABLE IF NOT EXISTS sessions (hash TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts(id),
          created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL) STRICT;
        CREATE TABLE IF NOT EXISTS fails (id TEXT PRIMARY KEY, fails INTEGER NOT NULL, last_at INTEGER NOT NULL,
          locked_until INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
      `,
        options.clock.now(),
      )
      this.#db = opened.db
      this.damage = opened.damage
    } catch (error) {
      throw new WardwatchError(
        'data-unwritable',
        `The account file ${file} cannot be opened: ${(error as Error).message}; give the service write access or name another folder with --data.`,
      )
    }
  }

  #get<T>(sql: string, ...values: (string | number | null | Uint8Array)[]): T | undefined {
    return this.#db.prepare(sql).get(...values) as T | undefined
  }

  #run(sql: string, ...values: (string | number | null | Uint8Array)[]): number {
    return Number(this.#db.prepare(sql).run(...values).changes)
  }

  list(): Account[] {
    return (this.#db.prepare(`SELECT ${COLUMNS} FROM accounts ORDER BY id`).all() as unknown as Row[]).map(accountOf)
  }

  get(id: string): Account | null {
    const row = this.#get<Row>(`SELECT ${COLUMNS} FROM accounts WHERE id = ?`, id)
    return row ? accountOf(row) : null
  }

  #must(id: string): Account {
    const account = this.get(id)
    if (!account) throw new WardwatchError('not-found', `There is no account "${id}"; "wardwatch user list" shows all.`)
    return account
  }

  /** Without a password the account can only be used with tokens. */
  async add(account: { id: string; name?: string; role: string; password?: string }): Promise<Account> {
    const { id, role, password } = account
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,63}$/.test(id))
      throw new WardwatchError('field-missing', `"${id}" is no account name: 2 to 64 letters, digits, dots, dashes.`, {
        field: 'id',
      })
    if (!isRole(role))
      throw new WardwatchError('field-missing', `"${role}" is no role; choose one of ${ROLES.join(', ')}.`, {
        field: 'role',
      })
    if (this.get(id)) throw new WardwatchError('conflict', `The account "${id}" exists already.`, { field: 'id' })
    const fault = password === undefined ? null : passwordFault(id, password)
    if (fault) throw new WardwatchError('field-missing', fault, { field: 'password' })
    this.#run(
      'INSERT INTO accounts (id, name, role, created_at) VALUES (?, ?, ?, ?)',
      id,
      account.name ?? id,
      role,
      this.#clock.now(),
    )
    if (password !== undefined) await this.setPassword(id, password)
    return this.#must(id)
  }

  /** Sets the password, ends the sessions of the account and lifts its lock. */
  async setPassword(id: string, password: string): Promise<void> {
    this.#must(id)
    const fault = passwordFault(id, password)
    if (fault) throw new WardwatchError('field-missing', fault, { field: 'password' })
    const salt = randomBytes(16)
    const hash = await hashPassword(password, salt, this.#log2)
    this.#run(
      'UPDATE accounts SET salt = ?, hash = ?, log2 = ?, password_at = ? WHERE id = ?',
      salt,
      hash,
      this.#log2,
      this.#clock.now(),
      id,
    )
    this.#run('DELETE FROM sessions WHERE account = ?', id)
    this.unlock(id)
  }

  /** A disabled account loses its sessions; its tokens stop working until it is enabled again. */
  disable(id: string): Account {
    this.#must(id)
    this.#run('UPDATE accounts SET disabled = 1 WHERE id = ?', id)
    this.#run('DELETE FROM sessions WHERE account = ?', id)
    return this.#must(id)
  }

  enable(id: string): Account {
    this.#must(id)
    this.#run('UPDATE accounts SET disabled = 0 WHERE id = ?', id)
    this.unlock(id)
    return this.#must(id)
  }

  unlock(id: string): void {
    this.#run('DELETE FROM fails WHERE id = ?', id)
  }

  /** The token itself is given out once and never kept. */
  token(id: string, options: { label?: string; ttlMs?: number } = {}): { token: string; info: TokenInfo } {
    this.#must(id)
    const token = `ww_${secret()}`
    const now = this.#clock.now()
    const info: TokenInfo = {
      id: randomBytes(6).toString('hex'),
      account: id,
      label: options.label ?? '',
      createdAt: now,
      expiresAt: options.ttlMs === undefined ? null : now + options.ttlMs,
    }
    this.#run(
      'INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?)',
      sha256(token),
      info.id,
      id,
      info.label,
      now,
      info.expiresAt,
    )
    return { token, info }
  }

  tokens(account?: string): TokenInfo[] {
    const rows = this.#db
      .prepare(
        'SELECT id, account, label, created_at AS createdAt, expires_at AS expiresAt FROM tokens ORDER BY created_at, id',
      )
      .all() as unknown as TokenInfo[]
    return rows.filter((t) => account === undefined || t.account === account).map((t) => ({ ...t }))
  }

  revokeToken(tokenId: string): boolean {
    return this.#run('DELETE FROM tokens WHERE id = ?', tokenId) > 0
  }

  byToken(token: string): Account | null {
    const row = this.#get<Row & { expiresAt: number | null }>(
      `SELECT a.${COLUMNS.replaceAll(', ', ', a.')}, t.expires_at AS expiresAt FROM tokens t JOIN accounts a ON a.id = t.account WHERE t.hash = ?`,
      sha256(token),
    )
    if (!row || row.disabled || (row.expiresAt !== null && row.expiresAt <= this.#clock.now())) return null
    const { expiresAt: _, ...account } = row
    return accountOf(account)
  }

  /** Checks a password; counts wrong ones and locks after `maxFails` in a row, unknown names exactly alike. */
  async check(id: string, password: string): Promise<PasswordOutcome> {
    const now = this.#clock.now()
    const known = this.#get<{ fails: number; lockedUntil: number }>(
      'SELECT fails, locked_until AS lockedUntil FROM fails WHERE id = ?',
      id,
    )
    if (known && known.lockedUntil > now) return { ok: false, reason: 'locked', unlockAt: known.lockedUntil }
    if (this.#checks >= MAX_CHECKS) return { ok: false, reason: 'busy' }
    const stored = this.#get<{ salt: Uint8Array | null; hash: Uint8Array | null; log2: number }>(
      'SELECT salt, hash, log2 FROM accounts WHERE id = ? AND disabled = 0',
      id,
    )
    this.#checks++
    let right = false
    try {
      // An unknown name costs the same time as a wrong password.
      const salt = stored?.salt ? Buffer.from(stored.salt) : Buffer.alloc(16)
      const hash = await hashPassword(password, salt, stored?.log2 ?? this.#log2)
      right = stored?.hash ? timingSafeEqual(hash, Buffer.from(stored.hash)) : false
    } finally {
      this.#checks--
    }
    if (right) {
      // Another attempt may have locked the name while this one was being hashed.
      const locked = this.#get<{ lockedUntil: number }>(
        'SELECT locked_until AS lockedUntil FROM fails WHERE id = ?',
        id,
      )
      if (locked && locked.lockedUntil > now) return { ok: false, reason: 'locked', unlockAt: locked.lockedUntil }
      this.unlock(id)
      this.#run('UPDATE accounts SET last_login_at = ? WHERE id = ?', now, id)
      return { ok: true, account: this.#must(id) }
    }
    return this.#fail(id, now)
  }

  #fail(id: string, now: number): PasswordOutcome {
    this.#run(
      `INSERT INTO fails (id, fails, last_at) VALUES (?, 1, ?)
       ON CONFLICT (id) DO UPDATE SET fails = CASE WHEN locked_until > 0 AND locked_until <= ? THEN 1 ELSE fails + 1 END,
         locked_until = CASE WHEN locked_until <= ? THEN 0 ELSE locked_until END, last_at = ?`,
      id.slice(0, 64),
      now,
      now,
      now,
      now,
    )
    this.#run(
      'DELETE FROM fails WHERE id IN (SELECT id FROM fails ORDER BY last_at DESC LIMIT -1 OFFSET ?)',
      MAX_FAIL_ROWS,
    )
    const fails = this.#get<{ fails: number }>('SELECT fails FROM fails WHERE id = ?', id.slice(0, 64))?.fails ?? 0
    if (fails < this.#maxFails) return { ok: false, reason: 'wrong', left: this.#maxFails - fails }
    const unlockAt = now + this.#lockMs
    this.#run('UPDATE fails SET locked_until = ? WHERE id = ?', unlockAt, id.slice(0, 64))
    return { ok: false, reason: 'locked', unlockAt }
  }

  openSession(account: string): string {
    const id = secret()
    const now = this.#clock.now()
    this.#run('INSERT INTO sessions VALUES (?, ?, ?, ?)', sha256(id), account, now, now)
    this.#run(
      'DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE account = ? ORDER BY seen_at DESC LIMIT -1 OFFSET ?)',
      account,
      MAX_SESSIONS_PER_ACCOUNT,
    )
    this.#run(
      'DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions ORDER BY seen_at DESC LIMIT -1 OFFSET ?)',
      MAX_SESSIONS,
    )
    return id
  }

  /**
   * The account of a session that is neither idle nor too old, else null. `touch` counts as activity.
   * @param idleMs by role, so that a duty console may stay on through a shift.
   */
  bySession(
    session: string,
    limits: { idleMs: (role: Role) => number; maxAgeMs: number },
    touch = true,
  ): Account | null {
    const hash = sha256(session)
    const row = this.#get<Row & { sessionAt: number; seenAt: number }>(
      `SELECT a.${COLUMNS.replaceAll(', ', ', a.')}, s.created_at AS sessionAt, s.seen_at AS seenAt FROM sessions s JOIN accounts a ON a.id = s.account WHERE s.hash = ?`,
      hash,
    )
    if (!row) return null
    const { sessionAt, seenAt, ...rest } = row
    const account = accountOf(rest)
    const now = this.#clock.now()
    const seen = Math.max(seenAt, this.#touched.get(hash) ?? 0)
    if (account.disabled || now - seen > limits.idleMs(account.role) || now - sessionAt > limits.maxAgeMs) {
      this.#run('DELETE FROM sessions WHERE hash = ?', hash)
      this.#touched.delete(hash)
      return null
    }
    if (touch) {
      if (this.#touched.size >= MAX_SESSIONS) this.#touched.clear()
      this.#touched.set(hash, now)
      if (now - seenAt >= TOUCH_MS) this.#run('UPDATE sessions SET seen_at = ? WHERE hash = ?', now, hash)
    }
    return account
  }

  closeSession(session: string): void {
    this.#run('DELETE FROM sessions WHERE hash = ?', sha256(session))
  }

  /** A small named fact that must survive a restart, e.g. the epoch of the stream. */
  fact(name: string, make: () => string): string {
    this.#run('INSERT OR IGNORE INTO facts VALUES (?, ?)', name, make())
    return this.#get<{ value: string }>('SELECT value FROM facts WHERE name = ?', name)!.value
  }

  close(): void {
    this.#db.close()
  }
}

/** Opens (and makes) the account file `accounts.sqlite` in a folder. */
export function openAccounts(options: AccountsOptions): Accounts {
  return new Accounts(options)
}
