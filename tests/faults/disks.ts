/** Disks that a fault run may break: small ones, full ones, and one that goes read-only as after an error of its own. */
import { execFileSync } from 'node:child_process'
import { existsSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' })

export interface Disk {
  end(): void
}

/** A small file system in memory at `dir`; null where none can be mounted. */
export function smallDisk(dir: string): Disk | null {
  try {
    run('mount', '-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', dir)
  } catch {
    return null
  }
  return { end: () => void run('umount', '-l', dir) }
}

export interface BreakableDisk extends Disk {
  /** The file system finds an error in itself and takes no more writes. */
  goReadOnly(): void
  /** Unmounted, checked and mounted again, as an engineer does. Nobody may use it meanwhile. */
  repair(): void
}

/** An ext4 in a file, mounted at `dir`; null where that cannot be done. */
export function breakableDisk(folder: string, dir: string): BreakableDisk | null {
  const image = join(folder, 'disk.img')
  const mount = (): void => void run('mount', '-o', 'loop,errors=remount-ro', image, dir)
  const device = (): string => basename(run('findmnt', '-no', 'SOURCE', dir).trim())
  try {
    writeFileSync(image, '')
    truncateSync(image, 256 * 2 ** 20)
    run('mkfs.ext4', '-q', '-F', image)
    mount()
    if (!existsSync(`/sys/fs/ext4/${device()}/trigger_fs_error`)) throw new Error('this kernel cannot break it')
  } catch {
    try {
      run('umount', dir)
    } catch {
      // It was never mounted.
    }
    return null
  }
  return {
    goReadOnly: () => writeFileSync(`/sys/fs/ext4/${device()}/trigger_fs_error`, '1'),
    repair() {
      run('umount', dir)
      try {
        run('e2fsck', '-fy', image)
      } catch (error) {
        // 1: errors were corrected, which is what it is for.
        if ((error as { status?: number }).status !== 1) throw error
      }
      mount()
    },
    end: () => void run('umount', '-l', dir),
  }
}

/** Fills what is left of a file system but for some bytes; answers how to take it away again. */
export function fill(dir: string, leave: number): () => void {
  const file = join(dir, 'foreign')
  const { bavail, bsize } = statfsSync(dir)
  writeFileSync(file, Buffer.alloc(Math.max(0, bavail * bsize - leave)))
  return () => rmSync(file, { force: true })
}
