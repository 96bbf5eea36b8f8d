/**
 * The small file in which the keys of persons lie, a line each. What was added is on the disk when `append` returns; what
 * was left out by `replace` is overwritten where it lay. A power cut at any moment must never cost a key that stays.
 */
import * as nodeFs from 'node:fs'
import { dirname } from 'node:path'
import { storeError } from '../thread/sqlite.ts'

/** What is used of the file system; a test puts a disk of its own in this place. */
export type KeyDisk = Pick<
  typeof nodeFs,
  'closeSync' | 'existsSync' | 'fstatSync' | 'fsyncSync' | 'openSync' | 'readFileSync' | 'renameSync' | 'writeSync'
>

export interface KeyFile {
  lines(): string[]
  append(lines: readonly string[]): void
  replace(lines: readonly string[]): void
}

const OWNER_ONLY = 0o600

export function openKeyFile(path: string, disk: KeyDisk = nodeFs): KeyFile {
  function withFile(name: string, flags: string, work: (file: number) => void): void {
    const file = disk.openSync(name, flags, OWNER_ONLY)
    try {
      work(file)
    } finally {
      disk.closeSync(file)
    }
  }

  function write(file: number, bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at += disk.writeSync(file, bytes, at, bytes.length - at)
  }

  /** A new name is on the disk only when its folder is. */
  const keepName = (): void => withFile(dirname(path), 'r', (folder) => disk.fsyncSync(folder))

  function naming<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw storeError(error, path)
    }
  }

  return {
    lines: () => naming(() => (disk.existsSync(path) ? disk.readFileSync(path, 'utf8').split('\n') : [])),
    append: (lines) =>
      naming(() => {
        const fresh = !disk.existsSync(path)
        withFile(path, 'a', (file) => {
          // Begins with a line end: a half line of an earlier power cut must not swallow this one.
          write(file, Buffer.from(`\n${lines.join('\n')}\n`))
          disk.fsyncSync(file)
        })
        if (fresh) keepName()
      }),
    replace: (lines) =>
      naming(() =>
        withFile(path, 'r+', (old) => {
          withFile(`${path}.new`, 'w', (file) => {
            write(file, Buffer.from(lines.map((line) => `${line}\n`).join('')))
            disk.fsyncSync(file)
          })
          disk.renameSync(`${path}.new`, path)
          // Before the old bytes go: a cut could bring back the old name, and with it a file of zeros.
          keepName()
          write(old, Buffer.alloc(Number(disk.fstatSync(old).size)))
          disk.fsyncSync(old)
        }),
      ),
  }
}
