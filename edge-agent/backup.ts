/**
 * A consistent copy of a running edge, and back. What can be made again from the journal is copied before it, so that
 * the copy of the journal knows at least what every other copy knows; on the first start after a restore the rest
 * catches up. Every file stands in a manifest with its hash.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { backup as copyDatabase, DatabaseSync } from 'node:sqlite'
import { WardwatchError } from '#model/errors.ts'

export const MANIFEST = 'backup.json'

export interface BackupFile {
  path: string
  bytes: number
  sha256: string
}

export interface BackupManifest {
  format: 1
  madeAt: number
  files: BackupFile[]
}

/** Copied last, in this order: what is before them can be caught up from them. */
// The keys of persons after what they seal: the copy can read all that it holds.
const LAST = ['ledger/ledger.db', 'ledger/person-keys.ndjson', 'journal/journal.promise', 'journal/journal.db']
/** Of use to the running process alone. `broker/` holds messages queued for local subscribers, which cannot be copied while in use. */
const LEFT_OUT = /(^|\/)(lock\.db.*|.*-(wal|shm|journal)|\.writable|journal\.ballast|demo\.pid)$|^(broker|logs|twins)\//

async function filesBelow(root: string, dir = root): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) found.push(...(await filesBelow(root, path)))
    else if (entry.isFile()) found.push(relative(root, path))
  }
  return found
}

function hashOf(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256')
    createReadStream(path)
      .on('data', (chunk) => hash.update(chunk))
      .on('error', reject)
      .on('end', () => resolve(hash.digest('hex')))
  })
}

async function isEmptyOrAbsent(dir: string): Promise<boolean> {
  try {
    return (await readdir(dir)).length === 0
  } catch {
    return true
  }
}

/** @throws WardwatchError `data-unwritable` when `out` is not empty. */
export async function backUp(data: string, out: string, now: number): Promise<BackupManifest> {
  if (!(await isEmptyOrAbsent(out)))
    throw new WardwatchError('data-unwritable', `${out} is not empty; name a new folder for the copy`)
  if (await isEmptyOrAbsent(data))
    throw new WardwatchError('not-found', `there is nothing in ${data}; name the data folder of the edge with --data`)
  const all = (await filesBelow(data)).filter((path) => !LEFT_OUT.test(path)).sort()
  const order = [...all.filter((path) => !LAST.includes(path)), ...LAST.filter((path) => all.includes(path))]
  const files: BackupFile[] = []
  for (const path of order) {
    const to = join(out, path)
    await mkdir(dirname(to), { recursive: true })
    // A damaged file that lies aside is evidence and copied as it is.
    if (/\.(db|sqlite)$/.test(path) && !path.includes('.corrupt-')) {
      const database = new DatabaseSync(join(data, path), { readOnly: true })
      try {
        await copyDatabase(database, to)
      } finally {
        database.close()
      }
    } else
      try {
        await copyFile(join(data, path), to)
      } catch (error) {
        // Pictures come and go while the copy is made.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue
        throw error
      }
    files.push({ path, bytes: (await stat(to)).size, sha256: await hashOf(to) })
  }
  const manifest: BackupManifest = { format: 1, madeAt: now, files }
  await writeFile(join(out, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`)
  return manifest
}

/** Checks every file of a copy against its manifest. @throws WardwatchError naming the first file that is not as it was. */
export async function checkBackup(from: string): Promise<BackupManifest> {
  let manifest: BackupManifest
  try {
    manifest = JSON.parse(await readFile(join(from, MANIFEST), 'utf8')) as BackupManifest
  } catch (error) {
    throw new WardwatchError('not-found', `${from} is no copy made by wardwatch backup (${(error as Error).message})`)
  }
  for (const { path, sha256 } of manifest.files) {
    const found = await hashOf(join(from, path)).catch(() => null)
    if (found !== sha256)
      throw new WardwatchError(
        'journal-corrupt',
        `${join(from, path)} ${found === null ? 'is missing' : 'is not as it was copied'}; use another copy`,
      )
  }
  return manifest
}

/** Checks the copy, then lays it into an empty data folder. @throws WardwatchError */
export async function restore(from: string, data: string): Promise<BackupManifest> {
  const manifest = await checkBackup(from)
  if (!(await isEmptyOrAbsent(data)))
    throw new WardwatchError(
      'data-unwritable',
      `${data} is not empty; move what is there aside first, a restore never overwrites`,
    )
  // Laid beside first: a restore that is cut leaves no half data folder that an edge would start on.
  const half = `${data.replace(/\/+$/, '')}.restoring`
  for (const { path } of manifest.files) {
    await mkdir(dirname(join(half, path)), { recursive: true })
    await copyFile(join(from, path), join(half, path))
  }
  await mkdir(dirname(data), { recursive: true })
  await rename(half, data)
  return manifest
}
