/** The data folder of an edge: what lies where, and a clear word when it cannot be used. */
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WardwatchError } from '#model/errors.ts'

export interface DataDir {
  root: string
  journal: string
  ledger: string
  desk: string
  series: string
  uplink: string
  quality: string
  broker: string
  accounts: string
  pictures: string
  pki: string
  rulesState: string
  driver(name: string): string
}

/** @throws WardwatchError `data-unwritable` */
export function openDataDir(root: string): DataDir {
  const at = (name: string): string => join(root, name)
  const dir: DataDir = {
    root,
    journal: at('journal'),
    ledger: at('ledger'),
    desk: at('desk'),
    series: at('series'),
    uplink: at('uplink'),
    quality: at('quality'),
    broker: at('broker'),
    accounts: at('accounts'),
    pictures: at('pictures'),
    pki: at('pki'),
    rulesState: at('rules-state.json'),
    driver: (name) => at(join('drivers', name)),
  }
  try {
    // Persons stand in it: a folder that is made here is for the user of the service alone.
    mkdirSync(root, { recursive: true, mode: 0o700 })
    for (const path of [
      dir.journal,
      dir.ledger,
      dir.desk,
      dir.series,
      dir.uplink,
      dir.quality,
      dir.broker,
      dir.accounts,
      dir.pictures,
      dir.pki,
    ])
      mkdirSync(path, { recursive: true, mode: 0o700 })
    accessSync(root, constants.W_OK)
    writeFileSync(at('.writable'), '')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EROFS')
      throw new WardwatchError(
        'data-unwritable',
        `the data folder ${root} lies on a file system that is read-only; nothing was changed: the disk may have failed (look at the log of the kernel) and be mounted read-only by the system; mount it for writing again, or name another folder with --data`,
      )
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new WardwatchError(
        'disk-full',
        `the disk of the data folder ${root} is so full that not even a folder can be made in it; free space, or name another folder with --data`,
      )
    throw new WardwatchError(
      'data-unwritable',
      `the data folder ${root} cannot be written (${(error as Error).message}); give the user of the service write access or name another folder with --data`,
    )
  }
  return dir
}
