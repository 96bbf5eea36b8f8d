/**
 * Opens SQLite files the way the edge needs them (WAL, durable or relaxed) and turns SQLite's numbers into the error
 * catalogue. Must never be called on the main thread for a file that is written under load: writes are synchronous.
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { WardwatchError } from '#model/errors.ts'

export interface OpenOptions {
  /** `full`: a commit is on disk when it returns. `normal`: may lose the last commits at power cut, never its shape. */
  durability: 'full' | 'normal'
  readOnly?: boolean
  pageBytes?: number
  checkpointPages?: number
}

export function openDatabase(path: string, options: OpenOptions): DatabaseSync {
  try {
    if (!options.readOnly) mkdirSync(dirname(path), { recursive: true })
    const db = new DatabaseSync(path, { readOnly: options.readOnly === true, timeout: 5000 })
    try {
      if (options.readOnly) {
        db.prepare('SELECT count(*) FROM sqlite_schema').get()
        return db
      }
      db.exec(`PRAGMA page_size = ${options.pageBytes ?? 4096}`)
      db.exec('PRAGMA journal_mode = WAL')
      db.exec(`PRAGMA synchronous = ${options.durability === 'full' ? 'FULL' : 'NORMAL'}`)
      db.exec(`PRAGMA wal_autocheckpoint = ${options.checkpointPages ?? 2000}`)
      db.exec('PRAGMA temp_store = MEMORY')
      return db
    } catch (error) {
      db.close()
      throw error
    }
  } catch (error) {
    throw storeError(error, path)
  }
}

/** SQLITE_IOERR_SHMSIZE: the shared memory file beside a database could not be given its size. Only a full disk does that. */
const SHM_SIZE = 4874
/** SQLITE_IOERR_READ, _SHORT_READ, _CORRUPTFS: a sector that cannot be read is damage like any other. */
const UNREADABLE = new Set([266, 522, 8458])
const UNWRITABLE = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOENT'])

/** The catalogue's word for what SQLite or the file system said about `path`. */
export function storeError(error: unknown, path: string): unknown {
  if (error instanceof WardwatchError) return error
  const e = error as { errcode?: number; code?: string; message?: string }
  const primary = e.errcode === undefined ? null : e.errcode & 0xff
  if (primary === 13 || e.errcode === SHM_SIZE || e.code === 'ENOSPC' || e.code === 'EDQUOT')
    return new WardwatchError(
      'disk-full',
      `The disk that holds ${path} is full; free space or lower retention.max-gb.`,
      {
        path,
      },
    )
  if (primary === 11 || primary === 26 || (e.errcode !== undefined && UNREADABLE.has(e.errcode)))
    return new WardwatchError('journal-corrupt', `${path} cannot be read as a database (${e.message}).`, { path })
  if (primary === 8 || primary === 14 || primary === 3 || (e.code && UNWRITABLE.has(e.code)))
    return new WardwatchError(
      'data-unwritable',
      `The data folder ${dirname(path)} cannot be written (${e.message}); give the user of the service write access or name another folder with --data.`,
      { path },
    )
  return error
}

/** Runs `work` in one transaction; anything thrown rolls it back and comes out as the catalogue's error. */
export function inTransaction<T>(db: DatabaseSync, path: string, work: () => T): T {
  try {
    db.exec('BEGIN IMMEDIATE')
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.isTransaction) {
      try {
        db.exec('ROLLBACK')
      } catch {
        // SQLite has already rolled back by itself (disk full, I/O error).
      }
    }
    throw storeError(error, path)
  }
}

/** Moves a damaged database with its log to a name that says so; nothing is deleted. Answers the new name. */
export function setAside(path: string, now: number): string {
  const stamp = new Date(now).toISOString().replace(/[:.]/g, '-')
  const file = path.replace(/\.db$/, `.corrupt-${stamp}.db`)
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, file + suffix)
  return file
}
