/**
 * Opens a SQLite file only when it is whole: one that is empty, is no database, or does not hold together is moved aside
 * under a name that says so, and a new one begins in its place. What was in it is the caller's to make again. Must never
 * delete or change a damaged file, and never stay silent about one.
 */
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { inTransaction, type OpenOptions, openDatabase, setAside, storeError } from './sqlite.ts'

export interface Damage {
  /** The file as it was called. */
  path: string
  /** Where it now lies. */
  file: string
  reason: string
}

/** Up to this size the whole file is looked through at the start; damage in a larger one shows when it is read. */
const LOOK_THROUGH_BYTES = 128 << 20

/** @param prepare makes the tables and reads what must be readable; asked again of the new file. */
export function openWhole(
  path: string,
  options: OpenOptions & { now: number },
  prepare: (db: DatabaseSync) => void,
): { db: DatabaseSync; damage: Damage | null } {
  const start = (): DatabaseSync => {
    const db = openDatabase(path, options)
    try {
      prepare(db)
      const fault = faultOf(db, path)
      if (fault !== null) throw storeError({ errcode: 11, message: fault }, path)
      return db
    } catch (error) {
      db.close()
      throw storeError(error, path)
    }
  }
  const aside = (reason: string): { db: DatabaseSync; damage: Damage } => {
    const file = setAside(path, options.now)
    rmSync(suspectOf(path), { force: true })
    return { db: start(), damage: { path, file, reason } }
  }
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (size === undefined) rmSync(suspectOf(path), { force: true })
  // SQLite takes an empty file for a new database; one of ours has its first page from the moment it is made.
  if (size === 0) return aside('the file is empty')
  if (existsSync(suspectOf(path))) return aside('it could not be read while the edge ran')
  try {
    return { db: start(), damage: null }
  } catch (error) {
    if (!isCorrupt(error)) throw error
    return aside((error as Error).message)
  }
}

/** What does not hold together in a file that may be looked through; null: nothing. */
export function faultOf(db: DatabaseSync, path: string): string | null {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LOOK_THROUGH_BYTES) return null
  const [row] = db.prepare('PRAGMA quick_check(1)').all() as { quick_check: string }[]
  return row === undefined || row.quick_check === 'ok' ? null : row.quick_check
}

export const isCorrupt = (error: unknown): boolean => (error as { code?: string } | null)?.code === 'journal-corrupt'
const suspectOf = (path: string): string => path.replace(/\.db$/, '.suspect')
export const isSuspect = (path: string): boolean => existsSync(suspectOf(path))
export const clearSuspect = (path: string): void => rmSync(suspectOf(path), { force: true })

/** Damage that shows only now: the next start does not trust the file any more. Answers the catalogue's error. */
export function suspected(error: unknown, path: string): unknown {
  const known = storeError(error, path)
  if (isCorrupt(known)) {
    try {
      writeFileSync(suspectOf(path), '')
      const file = openSync(suspectOf(path), 'r')
      fsyncSync(file)
      closeSync(file)
    } catch {
      // Then the next start finds out for itself, or this happens again.
    }
  }
  return known
}

/** A store's methods, each of which notes the damage that it runs into. */
// biome-ignore lint/suspicious/noExplicitAny: methods keep their own types
export function watchful<M extends Record<string, (...args: any[]) => any>>(path: string, methods: M): M {
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [
      name,
      (...args: unknown[]) => {
        try {
          return method(...args)
        } catch (error) {
          throw suspected(error, path)
        }
      },
    ]),
  ) as M
}

/** A damaged file that lies aside, if what `probe` asks of it can be answered; null: nothing in it can be read. */
export function openDamaged(file: string, probe: string): DatabaseSync | null {
  try {
    const db = new DatabaseSync(file, { timeout: 1000 })
    try {
      db.prepare(probe).get()
      return db
    } catch {
      db.close()
      return null
    }
  } catch {
    return null
  }
}

/** Takes over what can still be read of a table, from both ends up to the damage. Answers how many rows. */
export function copyReadable(
  damage: Damage,
  into: DatabaseSync,
  table: string,
  columns: readonly string[],
  where = '1 = 1',
): number {
  let source: DatabaseSync | null = null
  let copied = 0
  try {
    source = new DatabaseSync(damage.file, { timeout: 1000 })
    const insert = into.prepare(
      `INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    )
    for (const order of ['ASC', 'DESC']) {
      const rows: (string | number | null)[][] = []
      let whole = true
      try {
        const keys = columns.map((column) => `${column} ${order}`).join(', ')
        const all = source.prepare(`SELECT ${columns.join(', ')} FROM ${table} WHERE ${where} ORDER BY ${keys}`)
        for (const row of all.iterate() as Iterable<unknown> as Iterable<Record<string, string | number | null>>)
          rows.push(columns.map((column) => row[column] ?? null))
      } catch {
        whole = false
      }
      inTransaction(into, damage.path, () => {
        for (const row of rows) copied += Number(insert.run(...row).changes)
      })
      if (whole) break
    }
  } catch {
    // Nothing in it can be read.
  } finally {
    source?.close()
  }
  return copied
}
