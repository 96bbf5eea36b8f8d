/** `wardwatch backup` and `wardwatch restore` of a province. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { WardwatchError } from '#model/errors.ts'
import { systemClock } from '#model/system-clock.ts'
import { askForBackup, backUpProvince, type ProvinceManifest, restoreProvince } from './backup.ts'
import { loadProvinceConfig } from './config.ts'

/** How long a running province may take for its copy. */
const WAIT_MS = 600_000

export interface ProvinceCopyFlags {
  data: string
  config?: string
  json: boolean
}

/** Is this the data folder of a province, or does somebody say so by its configuration? */
export const isProvince = (flags: { data: string; config?: string }): boolean =>
  flags.config !== undefined || existsSync(join(flags.data, 'pg')) || existsSync(join(flags.data, 'province.lock'))

const urlOf = (config: string | undefined): string | null =>
  config === undefined ? null : (loadProvinceConfig(config).store.url ?? null)

function say(manifest: ProvinceManifest, json: boolean, what: string): void {
  const rows = manifest.files.reduce((sum, file) => sum + (file.rows ?? 0), 0)
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0)
  if (json) process.stdout.write(`${JSON.stringify({ files: manifest.files.length, rows, bytes })}\n`)
  else
    process.stdout.write(
      `${what}: ${manifest.files.length} files, ${rows} rows, ${(bytes / 2 ** 20).toFixed(1)} MB, each with its hash\n`,
    )
}

export async function runProvinceBackup(flags: ProvinceCopyFlags & { out: string }): Promise<number> {
  const url = urlOf(flags.config)
  const out = resolve(flags.out)
  const make = async (): Promise<ProvinceManifest> => {
    const { openStore } = await import('./store/open.ts')
    const store = await openStore({ url, dataDir: flags.data })
    try {
      return await backUpProvince(store, flags.data, out, systemClock.now())
    } finally {
      await store.close()
    }
  }
  // A server may be asked by anybody who has its address; the embedded store only by the process that has it open.
  const manifest =
    url === null && (await isHeld(flags.data)) ? await askForBackup(flags.data, out, WAIT_MS) : await make()
  say(manifest, flags.json, `copied to ${flags.out}`)
  return 0
}

export async function runProvinceRestore(flags: ProvinceCopyFlags & { from: string }): Promise<number> {
  const manifest = await restoreProvince(flags.from, flags.data, urlOf(flags.config))
  say(manifest, flags.json, `checked, laid into ${flags.config === undefined ? flags.data : 'the store'} and compared`)
  return 0
}

async function isHeld(dataDir: string): Promise<boolean> {
  const [pid] = (await readFile(join(dataDir, 'province.lock'), 'utf8').catch(() => '')).split(' ')
  if (!pid) return false
  try {
    process.kill(Number(pid), 0)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return true
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw new WardwatchError('internal', (error as Error).message)
  }
}
