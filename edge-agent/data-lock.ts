/**
 * One process per data folder. The lock is the operating system's on a small SQLite file, so that it ends with the
 * process, however that ends; a file with a process number would outlive a power cut.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { WardwatchError } from '#model/errors.ts'

/** @returns the release. @throws WardwatchError `data-unwritable` when another process holds the folder. */
export function lockDataDir(root: string): () => void {
  const database = new DatabaseSync(join(root, 'lock.db'), { timeout: 0 })
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch {
    database.close()
    throw new WardwatchError(
      'data-unwritable',
      `another wardwatch edge already runs on ${root}; stop it, or name another folder with --data`,
    )
  }
  return () => database.close()
}
