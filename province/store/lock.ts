/** One process per data folder: two at once would destroy the embedded database. A lock of a dead process is taken over. */
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { WardwatchError } from '#model/errors.ts'

export interface DirectoryLock {
  release(): Promise<void>
}

const held = new Set<string>()

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Start time of a process, so that a reused process id is not mistaken for the old owner; null where it is unknown. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\)/s, '').trim().split(' ')
    return fields[19] ?? null
  } catch {
    return null
  }
}

export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, 'province.lock')
  const own = `${process.pid} ${(await startOf(process.pid)) ?? ''}`
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const file = await open(path, 'wx')
      await file.writeFile(own)
      await file.close()
      held.add(path)
      return {
        async release() {
          if (held.delete(path)) await rm(path, { force: true })
        },
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const [pid, start] = (await readFile(path, 'utf8').catch(() => '')).split(' ')
    const owner = Number(pid)
    const same = owner > 0 && isAlive(owner) && (!start || (await startOf(owner)) === start)
    if (same && (owner !== process.pid || held.has(path)))
      throw new WardwatchError(
        'data-unwritable',
        `The data folder ${directory} is used by the running process ${owner}; stop it or name another folder with --data.`,
      )
    await rm(path, { force: true })
  }
  throw new WardwatchError(
    'data-unwritable',
    `The lock ${path} could not be taken; remove it if no province is running.`,
  )
}
