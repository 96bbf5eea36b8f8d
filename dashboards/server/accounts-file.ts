/**
 * Opens the file of accounts only when it is whole. One that is not is moved aside under a name that says so; accounts and
 * tokens that can still be read go into a new one, so that people can sign in. Must never delete a damaged file.
 */
import { chmodSync, existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export interface AccountsDamage {
  /** Where the damaged file lies. */
  file: string
  reason: string
  /** Accounts that could be read in it. */
  kept: number
}

const KEPT: Record<string, string[]> = {
  accounts: ['id', 'name', 'role', 'disabled', 'created_at', 'salt', 'hash', 'log2', 'password_at', 'last_login_at'],
  tokens: ['hash', 'id', 'account', 'label', 'created_at', 'expires_at'],
}
/** SQLITE_CORRUPT, SQLITE_NOTADB. */
const DAMAGED = new Set([11, 26])

export function openAccountFile(
  file: string,
  schema: string,
  now: number,
): { db: DatabaseSync; damage: AccountsDamage | null } {
  mkdirSync(dirname(file), { recursive: true })
  const start = (): DatabaseSync => {
    const db = new DatabaseSync(file)
    try {
      chmodSync(file, 0o600)
      db.exec(schema)
      const [row] = db.prepare('PRAGMA quick_check(1)').all() as { quick_check: string }[]
      if (row && row.quick_check !== 'ok') throw Object.assign(new Error(row.quick_check), { errcode: 11 })
      return db
    } catch (error) {
      db.close()
      throw error
    }
  }
  const aside = (reason: string): { db: DatabaseSync; damage: AccountsDamage } => {
    const stamp = new Date(now).toISOString().replace(/[:.]/g, '-')
    const moved = file.replace(/\.sqlite$/, `.corrupt-${stamp}.sqlite`)
    for (const suffix of ['', '-wal', '-shm']) if (existsSync(file + suffix)) renameSync(file + suffix, moved + suffix)
    const db = start()
    return { db, damage: { file: moved, reason, kept: takeOver(moved, db) } }
  }
  // SQLite takes an empty file for a new database.
  if (statSync(file, { throwIfNoEntry: false })?.size === 0) return aside('the file is empty')
  try {
    return { db: start(), damage: null }
  } catch (error) {
    const { errcode, message } = error as { errcode?: number; message: string }
    if (errcode === undefined || !DAMAGED.has(errcode & 0xff)) throw error
    return aside(message)
  }
}

function takeOver(from: string, into: DatabaseSync): number {
  let source: DatabaseSync | null = null
  let kept = 0
  try {
    source = new DatabaseSync(from, { timeout: 1000 })
    for (const [table, columns] of Object.entries(KEPT)) {
      const put = into.prepare(
        `INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
      )
      for (const order of ['ASC', 'DESC'])
        try {
          const rows = source.prepare(`SELECT ${columns.join(', ')} FROM ${table} ORDER BY rowid ${order}`).iterate()
          for (const row of rows as Iterable<unknown> as Iterable<
            Record<string, string | number | Uint8Array | null>
          >) {
            const added = Number(put.run(...columns.map((column) => row[column] ?? null)).changes)
            if (table === 'accounts') kept += added
          }
          break
        } catch {
          // From the other end, up to the damage.
        }
    }
  } catch {
    // Nothing in it can be read.
  } finally {
    source?.close()
  }
  return kept
}
