/**
 * The embedded store: PostgreSQL compiled to WebAssembly, in the data folder, one process at a time.
 * Its file layer never calls fsync, so every commit is followed by an fdatasync of the log segments that it wrote:
 * nothing is acknowledged to a facility that only the page cache knows.
 */
import { mkdir, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { WardwatchError } from '#model/errors.ts'
import { type DirectoryLock, lockDirectory } from './lock.ts'
import type { Sql, Store } from './sql.ts'

/** Segments of the write-ahead log that changed since the last call are flushed to the disk. */
function logFlusher(dataDir: string): () => Promise<void> {
  const wal = join(dataDir, 'pg_wal')
  const flushed = new Map<string, number>()
  return async () => {
    for (const name of await readdir(wal)) {
      if (!/^[0-9A-F]{24}$/.test(name)) continue
      const path = join(wal, name)
      const { mtimeMs } = await stat(path)
      if (flushed.get(name) === mtimeMs) continue
      const file = await open(path, 'r+')
      try {
        await file.datasync()
      } finally {
        await file.close()
      }
      flushed.set(name, mtimeMs)
    }
  }
}

export async function openPglite(dataDir: string): Promise<Store> {
  let lock: DirectoryLock
  try {
    await mkdir(dataDir, { recursive: true })
    lock = await lockDirectory(dataDir)
  } catch (error) {
    if (error instanceof WardwatchError) throw error
    throw new WardwatchError(
      'data-unwritable',
      `The data folder ${dataDir} cannot be written (${(error as NodeJS.ErrnoException).code}); give the service write access or name another folder with --data.`,
    )
  }
  const folder = join(dataDir, 'pg')
  try {
    const db = await PGlite.create({ dataDir: folder, relaxedDurability: false })
    const flush = logFlusher(folder)
    const rows = async <T>(sql: Pick<PGlite, 'query'>, text: string, params: unknown[] = []): Promise<T[]> =>
      (await sql.query<T>(text, params)).rows
    return {
      engine: 'pglite',
      query: (text, params) => rows(db, text, params),
      async transaction(work) {
        const result = await db.transaction((tx) =>
          work({ query: (text, params) => rows(tx as unknown as PGlite, text, params) } as Sql),
        )
        await flush()
        return result as Awaited<ReturnType<typeof work>>
      },
      async script(text) {
        await db.exec(text)
        await flush()
      },
      async close() {
        await db.close()
        await lock.release()
      },
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}
