/** Names under which people are known outside the facility: the same for ever, and of no use without its key. */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { storeError } from '#ingest/thread/sqlite.ts'
import { WardwatchError } from '#model/errors.ts'
import { pseudonym } from '#model/ids.ts'
import type { Site } from '#model/site/load.ts'

const KEPT = 20_000

/** The key of the facility makes pseudonyms and wraps the keys of persons; it is drawn once where the site file names none. */
export function facilityKey(site: Site, root: string): string {
  const file = join(root, 'facility.key')
  const named = site.facility.key
  if (named) return named
  try {
    if (!existsSync(file)) {
      // Whole or not at all: half a key must not be taken for one.
      writeFileSync(`${file}.new`, randomBytes(32).toString('hex'), { mode: 0o600, flush: true })
      renameSync(`${file}.new`, file)
    }
    const key = readFileSync(file, 'utf8').trim()
    if (key !== '') return key
  } catch (error) {
    throw storeError(error, file)
  }
  throw new WardwatchError(
    'secret-missing',
    `${file} is not a key any more; bring it back from a backup: with another one every pseudonym changes, and payloads about persons in the ledger can never be read again`,
  )
}

export function openAliases(site: Site, root: string): (person: string) => string {
  const key = facilityKey(site, root)
  const known = new Map<string, string>()
  return (person) => {
    let name = known.get(person)
    if (name === undefined) {
      name = pseudonym(key, person)
      if (known.size > KEPT) known.clear()
      known.set(person, name)
    }
    return name
  }
}
