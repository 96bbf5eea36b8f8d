import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, test } from 'vitest'
import { openJournal } from '#ingest/journal/journal.ts'
import { systemClock } from '#model/system-clock.ts'
import { backUp, checkBackup, restore } from './backup.ts'

const root = mkdtempSync(join(tmpdir(), 'ww-backup-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const reading = (n: number) => ({
  kind: 'reading' as const,
  reading: {
    id: `r${n}`,
    facility: 'f',
    zone: null,
    device: 'D1',
    type: 'door.state',
    time: 1_795_300_000_000 + n,
    received: 1_795_300_000_000 + n,
    quality: 'good' as const,
    subject: null,
    value: { state: n % 2 ? 'open' : 'closed' },
  },
})

describe('backup of a running edge', () => {
  test('copies a journal that is being written, and the copy opens with everything acknowledged before', async () => {
    const data = join(root, 'data')
    mkdirSync(join(data, 'journal'), { recursive: true })
    mkdirSync(join(data, 'broker'), { recursive: true })
    writeFileSync(join(data, 'context.json'), '{}')
    writeFileSync(join(data, 'broker/CURRENT'), 'x')
    writeFileSync(join(data, 'journal/journal.corrupt-2026-11-22T00-00-00-000Z.db'), 'no database any more')
    const journal = await openJournal({ dir: join(data, 'journal'), clock: systemClock })
    for (let n = 0; n < 200; n++) await journal.append([reading(n)])
    const before = journal.stats().lastSeq
    const writing = (async () => {
      for (let n = 200; n < 400; n++) await journal.append([reading(n)])
    })()
    const manifest = await backUp(data, join(root, 'copy'), 5)
    await writing
    await journal.close()
    expect(manifest.files.map((f) => f.path)).toEqual([
      'context.json',
      'journal/journal.corrupt-2026-11-22T00-00-00-000Z.db',
      'journal/journal.promise',
      'journal/journal.db',
    ])
    await restore(join(root, 'copy'), join(root, 'back'))
    const again = await openJournal({ dir: join(root, 'back/journal'), clock: systemClock })
    expect(again.stats().lastSeq).toBeGreaterThanOrEqual(before)
    await again.close()
    expect(existsSync(join(root, 'back.restoring'))).toBe(false)
  })

  test('a copy with one changed byte is refused by name, and a restore never overwrites', async () => {
    const data = join(root, 'small')
    mkdirSync(data)
    new DatabaseSync(join(data, 'a.db')).exec('CREATE TABLE t(x); INSERT INTO t VALUES (1)')
    await backUp(data, join(root, 'small-copy'), 5)
    await expect(restore(join(root, 'small-copy'), data)).rejects.toThrow(/is not empty/)
    await expect(backUp(data, join(root, 'small-copy'), 5)).rejects.toThrow(/is not empty/)
    const file = join(root, 'small-copy/a.db')
    const bytes = readFileSync(file)
    bytes[100] = (bytes[100] ?? 0) ^ 1
    writeFileSync(file, bytes)
    await expect(checkBackup(join(root, 'small-copy'))).rejects.toThrow(/a\.db is not as it was copied/)
    await expect(checkBackup(join(root, 'nothing'))).rejects.toThrow(/is no copy/)
  })
})
