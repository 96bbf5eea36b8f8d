/** Opens the store that the configuration names and brings it to the newest migration; data of a newer release is refused. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WardwatchError } from '#model/errors.ts'
import { openPglite } from './pglite.ts'
import { openPostgres } from './postgres.ts'
import type { Store } from './sql.ts'

const MIGRATIONS = join(import.meta.dirname, 'migrations')

/** Applies the numbered files that are not in yet, each in its own transaction. Resolves with their numbers. */
export async function migrate(store: Store): Promise<number[]> {
  await store.script('CREATE TABLE IF NOT EXISTS migrations (number integer PRIMARY KEY, name text NOT NULL)')
  const known = new Set(
    (await store.query<{ number: number }>('SELECT number FROM migrations')).map((row) => row.number),
  )
  const files = (await readdir(MIGRATIONS)).filter((name) => /^\d{4}-.+\.sql$/.test(name)).sort()
  const newest = Number(files.at(-1)?.slice(0, 4) ?? 0)
  const ahead = [...known].filter((number) => number > newest)
  if (ahead.length > 0)
    throw new WardwatchError(
      'data-unwritable',
      `The store is at migration ${Math.max(...ahead)}, this release knows ${newest}; use the release that wrote it.`,
    )
  const applied: number[] = []
  for (const name of files) {
    const number = Number(name.slice(0, 4))
    if (known.has(number)) continue
    const text = await readFile(join(MIGRATIONS, name), 'utf8')
    // One script, one transaction: several statements without parameters are allowed in a script only.
    await store.script(`BEGIN;\n${text}\nINSERT INTO migrations VALUES (${number}, '${name}');\nCOMMIT;`)
    applied.push(number)
  }
  return applied
}

export async function openStore(options: { url?: string | null; dataDir: string }): Promise<Store> {
  const store = options.url ? await openPostgres(options.url) : await openPglite(options.dataDir)
  try {
    await migrate(store)
    return store
  } catch (error) {
    await store.close().catch(() => {})
    throw error
  }
}
