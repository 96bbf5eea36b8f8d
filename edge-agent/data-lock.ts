/**
 * One process per data folder. The lock is the operating system's on a small SQLite file, so that it ends with the
 * process, however that ends; a file with a process number would outlive a power cut.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { storeError } from '#ingest/thread/sqlite.ts'
import { WardwatchError } from '#model/errors.ts'

/** @returns the release. @throws WardwatchError `data-unwritable` when another process holds the folder. */
export function lockDataDir(root: string): () => void {
  const path = join(root, 'lock.db')
  try {
    return lock(path)
  } catch (error) {
    if (!isDamaged(error)) throw refused(error, root)
    // There is nothing in it but the lock.
    rmSync(path, { force: true })
    try {
      return lock(path)
    } catch (again) {
      throw refused(again, root)
    }
  }
}

function lock(path: string): () => void {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    // Without a file of its own for the rollback: on a full disk the lock must be had all the same.
    database.exec('PRAGMA journal_mode = MEMORY')
    database.exec('BEGIN EXCLUSIVE')
    return () => database.close()
  } catch (error) {
    database.close()
    throw error
  }
}

const primaryOf = (error: unknown): number => ((error as { errcode?: number }).errcode ?? 0) & 0xff
/** SQLITE_CORRUPT, SQLITE_NOTADB. */
const isDamaged = (error: unknown): boolean => [11, 26].includes(primaryOf(error))

function refused(error: unknown, root: string): unknown {
  // SQLITE_BUSY, SQLITE_LOCKED: somebody holds it.
  if ([5, 6].includes(primaryOf(error)))
    return new WardwatchError(
      'data-unwritable',
      `another wardwatch edge already runs on ${root}; stop it, or name another folder with --data`,
    )
  return storeError(error, join(root, 'lock.db'))
}
