import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { type LedgerOptions, openLedger } from './ledger.ts'
import { openPersonKeys, PAYLOAD_CIPHERS, PERSON_KEYS_FILE } from './personal.ts'

const NOON = Date.UTC(2026, 10, 22, 4)
const KEY = 'c0ffee'.repeat(10)
const ends: (() => unknown)[] = []
const newDir = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'ww-personal-'))
  ends.push(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
const open = async (dir: string, more: Partial<LedgerOptions> = {}) => {
  const ledger = await openLedger({ dir, clock: new VirtualClock(NOON), facilityKey: KEY, thread: false, ...more })
  ends.push(() => ledger.close())
  return ledger
}
const alert = (id: string, ...subjects: string[]) => ({
  kind: 'alert' as const,
  ref: id,
  payload: {
    change: 'raised',
    at: NOON,
    alert: { id, subject: subjects[0] ?? null, subjects, explanation: `${subjects} 心率异常` },
  },
})
const act = (id: string, note: string) => ({
  kind: 'act' as const,
  ref: id,
  by: 'S01',
  payload: { act: 'comment', alert: id, note },
})
const bytesOf = (dir: string): string =>
  ['ledger.db', 'ledger.db-wal', PERSON_KEYS_FILE]
    .map((name) => {
      try {
        return readFileSync(join(dir, name), 'latin1')
      } catch {
        return ''
      }
    })
    .join('\n')
const statesOf = async (ledger: Awaited<ReturnType<typeof open>>) =>
  (await ledger.list({})).map((e) => e.payloadState ?? 'present')

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

describe('payloads about persons', () => {
  test.each(PAYLOAD_CIPHERS)(
    'lie sealed on the disk (%s), are read with the key, and nothing names the person',
    async (cipher) => {
      const dir = newDir()
      const ledger = await open(dir, { cipher })
      await ledger.append([alert('a1', 'P017-LI-WEI'), act('a1', 'gave him SECRET-WORD'), alert('a2')])
      await ledger.close()
      const bytes = bytesOf(dir)
      expect(bytes).not.toContain('P017-LI-WEI')
      expect(bytes).not.toContain('SECRET-WORD')
      expect(statSync(join(dir, PERSON_KEYS_FILE)).mode & 0o777).toBe(0o600)
      const again = await open(dir, { cipher })
      expect((await again.list({})).map((e) => e.payload)).toEqual([
        alert('a1', 'P017-LI-WEI').payload,
        act('a1', 'gave him SECRET-WORD').payload,
        alert('a2').payload,
      ])
      expect(await again.hashOf('a1', alert('a1', 'P017-LI-WEI').payload)).toBe((await again.list({}))[0]!.hash)
    },
  )

  test('are deleted for good with the key of the person: the chain stays whole and the deletion is recorded', async () => {
    const dir = newDir()
    const ledger = await open(dir)
    await ledger.append([
      alert('a1', 'P017'),
      act('a1', 'note'),
      alert('a2', 'P018'),
      alert('a3', 'P017', 'P018'),
      alert('a4'),
    ])
    const before = ledger.head()
    const done = await ledger.forget('P017', { by: 'E01', reason: '刑满释放' })
    expect(done).toMatchObject({ sealed: 3, removed: 0, seq: before.seq + 1 })
    expect(await statesOf(ledger)).toEqual(['deleted', 'deleted', 'present', 'deleted', 'present', 'present'])
    const [record] = await ledger.list({ afterSeq: before.seq })
    expect(record).toMatchObject({ by: 'E01', payload: { act: 'forget-person', sealed: 3, reason: '刑满释放' } })
    expect(JSON.stringify(record)).not.toContain('P017')
    expect(await ledger.verify()).toMatchObject({ ok: true, entries: 6, deleted: 0 })
    expect(bytesOf(dir)).not.toContain(done.key!.concat('","name'))
    await ledger.close()
    const again = await open(dir)
    expect(await statesOf(again)).toEqual(['deleted', 'deleted', 'present', 'deleted', 'present', 'present'])
    expect(await again.forget('P017', { by: 'E01', reason: '' })).toEqual({
      key: null,
      sealed: 0,
      removed: 0,
      seq: null,
    })
  })

  test('of somebody who comes back are sealed with a new key; the old ones stay unreadable', async () => {
    const ledger = await open(newDir())
    await ledger.append([alert('a1', 'P017')])
    await ledger.forget('P017', { by: 'E01', reason: '' })
    await ledger.append([alert('a5', 'P017'), act('a1', 'later word about the old alert')])
    expect(await statesOf(ledger)).toEqual(['deleted', 'present', 'present', 'present'])
    expect(await ledger.verify()).toMatchObject({ ok: true, entries: 4 })
  })

  test('in a ledger from before sealing are removed as they lie, with acts on their alerts, and it still verifies', async () => {
    const dir = newDir()
    const old = await openLedger({ dir, clock: new VirtualClock(NOON), thread: false })
    await old.append([alert('a1', 'P017'), act('a1', 'plain SECRET-WORD'), alert('a2', 'P0171'), alert('a3')])
    await old.close()
    const ledger = await open(dir)
    expect(await ledger.verify()).toMatchObject({ ok: true, entries: 4 })
    expect(await statesOf(ledger)).toEqual(['present', 'present', 'present', 'present'])
    expect(await ledger.forget('P017', { by: 'E01', reason: '' })).toMatchObject({ key: null, removed: 2, seq: 5 })
    expect(await statesOf(ledger)).toEqual(['deleted', 'deleted', 'present', 'present', 'present'])
    expect(await ledger.verify()).toMatchObject({ ok: true, entries: 5, deleted: 2 })
    await ledger.close()
    expect(bytesOf(dir)).not.toContain('SECRET-WORD')
  })

  test('are found again by their change, also old ones after a restart: the province asks for the chain hash of each', async () => {
    const dir = newDir()
    const ledger = await open(dir)
    const change = (n: number) => ({ ...alert('a1', 'P017'), payload: { ...alert('a1', 'P017').payload, n } })
    const entries = await ledger.append(Array.from({ length: 120 }, (_, n) => change(n)))
    expect(await ledger.hashOf('a1', change(3).payload)).toBe(entries[3]!.hash)
    await ledger.close()
    const again = await open(dir)
    for (const n of [0, 60, 119]) expect(await again.hashOf('a1', change(n).payload)).toBe(entries[n]!.hash)
  })

  test('a file from before sealing opens and verifies as it is, also without any key and for reading only', async () => {
    const dir = newDir()
    const old = await openLedger({ dir, clock: new VirtualClock(NOON), thread: false })
    await old.append([alert('a1', 'P017'), alert('a2')])
    await old.close()
    const db = new DatabaseSync(join(dir, 'ledger.db'))
    db.exec('DROP TABLE suite; DROP TABLE forgotten; DROP TABLE anchor')
    db.close()
    const reader = await open(dir, { readOnly: true })
    expect(await reader.verify()).toMatchObject({ ok: true, entries: 2, checkpoints: 1 })
    await reader.close()
    const ledger = await open(dir, { hash: 'sm3' })
    await ledger.append([alert('a3', 'P018')])
    expect([await ledger.hashName(2), await ledger.hashName(3)]).toEqual(['sha256', 'sm3'])
    expect(await ledger.verify()).toMatchObject({ ok: true, entries: 3 })
  })

  test('without the facility key, or with another one, are said to be unreadable, and the chain still verifies', async () => {
    const dir = newDir()
    const ledger = await open(dir)
    await ledger.append([alert('a1', 'P017'), alert('a2')])
    await ledger.close()
    for (const facilityKey of [undefined, 'another key']) {
      const reader = await open(dir, { readOnly: true, facilityKey })
      expect(await statesOf(reader)).toEqual(['unreadable', 'present'])
      expect(await reader.verify()).toMatchObject({ ok: true, entries: 2 })
      await reader.close()
    }
  })

  test('a key file of an old backup beside a newer ledger does not bring back who was forgotten', async () => {
    const dir = newDir()
    const ledger = await open(dir)
    await ledger.append([alert('a1', 'P017')])
    const kept = readFileSync(join(dir, PERSON_KEYS_FILE))
    await ledger.forget('P017', { by: 'E01', reason: '' })
    await ledger.close()
    writeFileSync(join(dir, PERSON_KEYS_FILE), kept)
    const again = await open(dir)
    expect((await statesOf(again))[0]).toBe('deleted')
    expect(readFileSync(join(dir, PERSON_KEYS_FILE), 'utf8')).not.toContain(JSON.parse(kept.toString()).box)
  })

  test('a key line that a power cut left half costs nobody else his key', async () => {
    const dir = newDir()
    const ledger = await open(dir)
    await ledger.append([alert('a1', 'P017')])
    await ledger.close()
    const copy = newDir()
    cpSync(dir, copy, { recursive: true })
    writeFileSync(join(copy, PERSON_KEYS_FILE), `${readFileSync(join(dir, PERSON_KEYS_FILE), 'utf8')}{"id":"half","na`)
    const again = await open(copy)
    await again.append([alert('a2', 'P018')])
    await again.close()
    const third = await open(copy)
    expect(await statesOf(third)).toEqual(['present', 'present'])
  })

  test('whatever the text and the persons: sealed and opened is the same, and without one of the keys it is not there', () => {
    const dir = newDir()
    fc.assert(
      fc.property(
        fc.constantFrom(...PAYLOAD_CIPHERS),
        fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 4 }),
        fc.string({ unit: 'binary' }),
        (cipher, persons, text) => {
          rmSync(join(dir, PERSON_KEYS_FILE), { force: true })
          const keys = openPersonKeys(dir, KEY, cipher)
          const body = keys.seal(keys.idsOf(persons), text)
          keys.flush()
          const opened = (by: typeof keys) => by.open(body, () => false)
          expect(opened(keys)).toEqual({ state: 'present', text: Buffer.from(text).toString() })
          expect(opened(openPersonKeys(dir, KEY, cipher))).toEqual(opened(keys))
          keys.destroy(keys.find(persons[0]!)!)
          expect(opened(keys)).toEqual({ state: 'unreadable' })
        },
      ),
      { numRuns: 40 },
    )
  })
})
