/**
 * A consistent copy of a province, running or not, and back. The store is copied as rows in one snapshot, so that a copy of
 * the embedded store can be laid into a PostgreSQL server and the other way round. Every file stands in a manifest with
 * its hash, and a restore is compared with it table by table. Must never overwrite what is there.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { backup as copyDatabase, DatabaseSync } from 'node:sqlite'
import { WardwatchError } from '#model/errors.ts'
import type { Sql, Store } from './store/sql.ts'

export const MANIFEST = 'backup.json'
const PAGE = 1000

export interface ProvinceManifest {
  format: 1
  kind: 'province'
  madeAt: number
  /** The newest migration of the copied store. */
  migration: number
  files: { path: string; bytes: number; sha256: string; rows?: number }[]
}

const isEmptyOrAbsent = async (dir: string): Promise<boolean> =>
  (await readdir(dir).catch(() => [] as string[])).length === 0

async function tablesOf(sql: Sql): Promise<string[]> {
  const rows = await sql.query<{ tablename: string }>(
    "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'migrations' ORDER BY tablename",
  )
  return rows.map((row) => row.tablename)
}

const migrationOf = async (sql: Sql): Promise<number> =>
  (await sql.query<{ n: number }>('SELECT coalesce(max(number), 0)::int AS n FROM migrations'))[0]!.n

/** Rows of a table as lines of JSON, in an order that no engine and no collation changes. */
async function* linesOf(sql: Sql, table: string): AsyncGenerator<string[]> {
  await sql.query(
    `DECLARE copied NO SCROLL CURSOR FOR SELECT to_jsonb(t)::text AS row FROM "${table}" t ORDER BY to_jsonb(t)::text COLLATE "C"`,
  )
  for (;;) {
    const rows = await sql.query<{ row: string }>(`FETCH ${PAGE} FROM copied`)
    if (rows.length === 0) break
    yield rows.map((r) => r.row)
  }
  await sql.query('CLOSE copied')
}

async function hashOfTable(sql: Sql, table: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const lines of linesOf(sql, table)) for (const line of lines) hash.update(`${line}\n`)
  return hash.digest('hex')
}

function hashOfFile(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256')
    createReadStream(path)
      .on('data', (chunk) => hash.update(chunk))
      .on('error', reject)
      .on('end', () => resolve(hash.digest('hex')))
  })
}

/** @throws WardwatchError `data-unwritable` when `out` is not empty. */
export async function backUpProvince(
  store: Store,
  dataDir: string,
  out: string,
  now: number,
): Promise<ProvinceManifest> {
  if (!(await isEmptyOrAbsent(out)))
    throw new WardwatchError('data-unwritable', `${out} is not empty; name a new folder for the copy`)
  await mkdir(join(out, 'tables'), { recursive: true, mode: 0o700 })
  const manifest: ProvinceManifest = { format: 1, kind: 'province', madeAt: now, migration: 0, files: [] }
  await store.transaction(async (sql) => {
    // One snapshot for all tables: what arrives meanwhile is in the next copy, whole.
    await sql.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
    manifest.migration = await migrationOf(sql)
    for (const table of await tablesOf(sql)) {
      const path = `tables/${table}.ndjson`
      const file = await open(join(out, path), 'w', 0o600)
      const hash = createHash('sha256')
      let rows = 0
      let bytes = 0
      try {
        for await (const lines of linesOf(sql, table)) {
          const text = `${lines.join('\n')}\n`
          hash.update(text)
          bytes += (await file.write(text)).bytesWritten
          rows += lines.length
        }
        await file.sync()
      } finally {
        await file.close()
      }
      manifest.files.push({ path, bytes, sha256: hash.digest('hex'), rows })
    }
  })
  const accounts = join(dataDir, 'accounts')
  for (const name of await readdir(accounts).catch(() => [] as string[])) {
    if (!/\.(db|sqlite)$/.test(name)) continue
    const to = join(out, 'accounts', name)
    await mkdir(dirname(to), { recursive: true })
    const database = new DatabaseSync(join(accounts, name), { readOnly: true })
    try {
      await copyDatabase(database, to)
    } finally {
      database.close()
    }
    manifest.files.push({ path: `accounts/${name}`, bytes: (await stat(to)).size, sha256: await hashOfFile(to) })
  }
  await writeFile(join(out, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`)
  return manifest
}

/** What kind of copy lies there; null: none that can be read. */
export async function kindOfBackup(from: string): Promise<'edge' | 'province' | null> {
  try {
    const { kind } = JSON.parse(await readFile(join(from, MANIFEST), 'utf8')) as Partial<ProvinceManifest>
    return kind === 'province' ? 'province' : 'edge'
  } catch {
    return null
  }
}

/** @throws WardwatchError naming the first file that is not as it was. */
async function checked(from: string): Promise<ProvinceManifest> {
  const manifest = JSON.parse(await readFile(join(from, MANIFEST), 'utf8')) as ProvinceManifest
  for (const { path, sha256 } of manifest.files) {
    const found = await hashOfFile(join(from, path)).catch(() => null)
    if (found !== sha256)
      throw new WardwatchError(
        'journal-corrupt',
        `${join(from, path)} ${found === null ? 'is missing' : 'is not as it was copied'}; use another copy`,
      )
  }
  return manifest
}

/** Checks the copy, lays it into an empty data folder or an empty server, and compares what is there then. @throws WardwatchError */
export async function restoreProvince(from: string, dataDir: string, url: string | null): Promise<ProvinceManifest> {
  const manifest = await checked(from)
  if (!(await isEmptyOrAbsent(dataDir)))
    throw new WardwatchError(
      'data-unwritable',
      `${dataDir} is not empty; move what is there aside first, a restore never overwrites`,
    )
  const half = `${dataDir.replace(/\/+$/, '')}.restoring`
  await rm(half, { recursive: true, force: true })
  await mkdir(half, { recursive: true, mode: 0o700 })
  // The embedded engine is large: a copy of an edge must not wait for it.
  const { openStore } = await import('./store/open.ts')
  const store = await openStore({ url, dataDir: half })
  try {
    await store.transaction((sql) => fill(sql, from, manifest))
  } finally {
    await store.close()
  }
  for (const { path } of manifest.files)
    if (path.startsWith('accounts/')) {
      await mkdir(dirname(join(half, path)), { recursive: true, mode: 0o700 })
      await copyFile(join(from, path), join(half, path))
    }
  await mkdir(dirname(dataDir), { recursive: true })
  await rename(half, dataDir)
  return manifest
}

async function fill(sql: Sql, from: string, manifest: ProvinceManifest): Promise<void> {
  const [known] = await sql.query<{ n: number }>('SELECT count(*)::int AS n FROM facilities')
  if (known!.n > 0)
    throw new WardwatchError(
      'data-unwritable',
      'The database of store.url holds facilities already; a restore never overwrites: name an empty one.',
    )
  const here = await migrationOf(sql)
  if (manifest.migration > here)
    throw new WardwatchError(
      'data-unwritable',
      `The copy is at migration ${manifest.migration}, this release knows ${here}; use the release that made it.`,
    )
  for (const { path, sha256 } of manifest.files) {
    const table = /^tables\/(\w+)\.ndjson$/.exec(path)?.[1]
    if (table === undefined) continue
    let page: string[] = []
    const flush = async (): Promise<void> => {
      if (page.length > 0)
        await sql.query(
          `INSERT INTO "${table}" OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_recordset(NULL::"${table}", $1::jsonb)`,
          [`[${page.join(',')}]`],
        )
      page = []
    }
    for await (const line of createInterface({ input: createReadStream(join(from, path)) })) {
      page.push(line)
      if (page.length >= PAGE) await flush()
    }
    await flush()
    // A copy of an older release may lack columns that were added since; of the same release every row must be the same.
    if (manifest.migration === here && (await hashOfTable(sql, table)) !== sha256)
      throw new WardwatchError('internal', `The table ${table} is not what was copied; nothing was restored.`)
  }
  const identities = await sql.query<{ table_name: string; column_name: string }>(
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() AND is_identity = 'YES'",
  )
  for (const { table_name: table, column_name: column } of identities)
    await sql.query(
      `SELECT setval(pg_get_serial_sequence('"${table}"', '${column}'), coalesce((SELECT max("${column}") FROM "${table}"), 1), (SELECT count(*) > 0 FROM "${table}"))`,
    )
}

/** The embedded store belongs to one process: a running province is asked through two files in its data folder. */
const REQUEST = 'backup.request'
const ANSWER = 'backup.answer'
const LOOK_MS = 500

interface Answer {
  id: string
  manifest?: ProvinceManifest
  error?: { code: string; message: string }
}

/** Answers requests for a copy while the province runs. @returns how to end it. */
export function answerBackups(
  store: Store,
  dataDir: string,
  clock: { now(): number; after(ms: number, task: () => void): { cancel(): void } },
): () => Promise<void> {
  let timer: { cancel(): void }
  let ended = false
  let working: Promise<void> = Promise.resolve()
  const look = async (): Promise<void> => {
    const path = join(dataDir, REQUEST)
    if (!existsSync(path)) return
    const { id, out } = JSON.parse(await readFile(path, 'utf8')) as { id: string; out: string }
    await rm(path)
    const answer: Answer = await backUpProvince(store, dataDir, out, clock.now()).then(
      (manifest) => ({ id, manifest }),
      (error: Error & { code?: string }) => ({
        id,
        error: { code: error.code ?? 'internal', message: error.message },
      }),
    )
    await writeFile(join(dataDir, `${ANSWER}.new`), JSON.stringify(answer), { mode: 0o600 })
    await rename(join(dataDir, `${ANSWER}.new`), join(dataDir, ANSWER))
  }
  const later = (): void => {
    timer = clock.after(LOOK_MS, () => {
      working = look()
        .catch(() => undefined)
        .finally(() => !ended && later())
    })
  }
  later()
  return async () => {
    ended = true
    timer.cancel()
    await working
  }
}

/** @throws WardwatchError when the running process does not answer, or says why it could not. */
export async function askForBackup(dataDir: string, out: string, waitMs: number): Promise<ProvinceManifest> {
  const id = randomBytes(8).toString('hex')
  await writeFile(join(dataDir, `${REQUEST}.new`), JSON.stringify({ id, out }), { mode: 0o600 })
  await rename(join(dataDir, `${REQUEST}.new`), join(dataDir, REQUEST))
  for (let waited = 0; waited < waitMs; waited += 200) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    const text = await readFile(join(dataDir, ANSWER), 'utf8').catch(() => null)
    if (text === null) continue
    const answer = JSON.parse(text) as Answer
    if (answer.id !== id) continue
    await rm(join(dataDir, ANSWER), { force: true })
    if (answer.manifest) return answer.manifest
    throw new WardwatchError('data-unwritable', answer.error?.message ?? 'the copy could not be made')
  }
  await rm(join(dataDir, REQUEST), { force: true })
  throw new WardwatchError(
    'internal',
    `The running province on ${dataDir} did not answer within ${waitMs / 1000} s; look at its log, or stop it and try again.`,
  )
}
