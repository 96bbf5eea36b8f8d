import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { merkleProof, merkleRoot, provesInclusion } from './chain.ts'
import { type EdgeLedger, openLedger } from './ledger.ts'

/** 2026-11-22 23:30 in Shanghai. */
const LATE_EVENING = Date.UTC(2026, 10, 22, 15, 30)
const dirs: string[] = []
const ledgers: EdgeLedger[] = []
const clock = new VirtualClock(LATE_EVENING)
const newDir = () => {
  dirs.push(mkdtempSync(join(tmpdir(), 'ww-ledger-')))
  return dirs.at(-1)!
}
const open = async (dir: string) => {
  const ledger = await openLedger({ dir, clock })
  ledgers.push(ledger)
  return ledger
}
const entries = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({
    kind: 'alert' as const,
    ref: `a${(from + i) % 3}`,
    by: 'system',
    payload: { n: from + i, name: '告警' },
  }))
/** Overwrites one byte of a text column in place, as somebody with the file would. */
function change(dir: string, sql: string): void {
  const db = new DatabaseSync(join(dir, 'ledger.db'))
  db.exec(sql)
  db.close()
}

afterEach(async () => {
  for (const ledger of ledgers.splice(0)) await ledger.close()
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

describe('ledger', () => {
  test('chains entries over restarts, finds them by alert and verifies', async () => {
    const dir = newDir()
    const ledger = await open(dir)
    await Promise.all([ledger.append(entries(4)), ledger.append(entries(3, 4))])
    await ledger.close()
    const again = await open(dir)
    const [entry] = await again.append([{ kind: 'act', ref: 'a1', by: 'S01', payload: { act: 'acknowledge' } }])
    expect(entry!.seq).toBe(8)
    expect(again.head()).toEqual({ seq: 8, hash: entry!.hash })
    expect((await again.list({ ref: 'a1' })).map((e) => e.seq)).toEqual([2, 5, 8])
    expect((await again.list({ kind: 'act' }))[0]!.payload).toEqual({ act: 'acknowledge' })
    expect(await again.verify()).toMatchObject({ entries: 8, ok: true, badSeq: null, detail: null, checkpoints: 1 })
    expect(await again.verify(5)).toMatchObject({ entries: 4, ok: true })
  })

  test.each([
    ['a payload', 'UPDATE payload SET body = replace(body, \'"n":4\', \'"n":5\') WHERE seq = 5', 5],
    ['an author', "UPDATE entry SET by = 'S02' WHERE seq = 3", 3],
    ['a time', 'UPDATE entry SET at = at + 1 WHERE seq = 7', 7],
    ['a hash', "UPDATE entry SET hash = 'x' || substr(hash, 2) WHERE seq = 2", 2],
    ['the presence of an entry', 'DELETE FROM entry WHERE seq = 6', 6],
    ['the end', 'DELETE FROM entry WHERE seq = 10', 10],
  ])('names the first bad entry when %s was changed', async (_what, sql, badSeq) => {
    const dir = newDir()
    const ledger = await open(dir)
    await ledger.append(entries(10))
    await ledger.close()
    change(dir, sql)
    const again = await open(dir)
    const answer = await again.verify()
    expect([answer.ok, answer.badSeq]).toEqual([false, badSeq])
  })

  test('a chain rewritten from one entry on contradicts its signed checkpoint', async () => {
    const dir = newDir()
    const ledger = await open(dir)
    await ledger.append(entries(5))
    await ledger.close()
    change(dir, 'UPDATE checkpoint SET at = at + 1')
    const again = await open(dir)
    expect(await again.verify()).toMatchObject({ ok: false, badSeq: 5, detail: expect.stringContaining('signature') })
  })

  test('gives the chain hash of a payload, also of one that is about to come', async () => {
    const ledger = await open(newDir())
    const [entry] = await ledger.append(entries(1))
    expect(await ledger.hashOf('a0', entries(1)[0]!.payload)).toBe(entry!.hash)
    const early = ledger.hashOf('a1', entries(1, 1)[0]!.payload)
    const [late] = await ledger.append(entries(1, 1))
    await new Promise((resolve) => setTimeout(resolve, 20))
    clock.advanceTo(clock.now() + 200)
    expect(await early).toBe(late!.hash)
  })

  test('deleting a payload leaves the chain whole', async () => {
    const dir = newDir()
    const ledger = await open(dir)
    await ledger.append(entries(5))
    await ledger.close()
    change(dir, 'DELETE FROM payload WHERE seq = 2')
    const again = await open(dir)
    expect(await again.verify()).toMatchObject({ ok: true, entries: 5 })
    expect((await again.list({}))[1]!.payload).toBeNull()
  })

  test('numbers alerts by local day, once each, over restarts', async () => {
    const dir = newDir()
    const ledger = await open(dir)
    expect(await ledger.number('x', LATE_EVENING)).toBe('1122-0001')
    expect(await ledger.number('y', LATE_EVENING)).toBe('1122-0002')
    expect(await ledger.number('x', LATE_EVENING)).toBe('1122-0001')
    const raised = (id: string, number: string) => ({
      kind: 'alert' as const,
      ref: id,
      payload: { change: 'raised', alert: { id, number, raisedAt: LATE_EVENING } },
    })
    await ledger.append([raised('x', '1122-0001'), raised('y', '1122-0002')])
    await ledger.close()
    const again = await open(dir)
    expect(await again.number('x', LATE_EVENING + 86_400_000)).toBe('1122-0001')
    expect(await again.number('w', LATE_EVENING)).toBe('1122-0003')
    expect(await again.number('z', LATE_EVENING + 3_600_000)).toBe('1123-0001')
  })

  test('proves that an entry lies under a signed root', async () => {
    const ledger = await open(newDir())
    await ledger.append(entries(7))
    expect(await ledger.proof(3)).toBeNull()
    await ledger.checkpoint()
    const proof = (await ledger.proof(3))!
    expect(provesInclusion('sha256', proof.entryHash, proof.steps, proof.checkpoint.root)).toBe(true)
    expect(provesInclusion('sha256', 'another', proof.steps, proof.checkpoint.root)).toBe(false)
  })

  test('every leaf of every tree proves itself, in SHA-256 and in SM3', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string(), { minLength: 1, maxLength: 40 }),
        fc.constantFrom('sha256' as const, 'sm3' as const),
        (values, hash) => {
          const root = merkleRoot(hash, values)
          for (let i = 0; i < values.length; i++)
            expect(provesInclusion(hash, values[i]!, merkleProof(hash, values, i), root)).toBe(true)
        },
      ),
    )
  })
})
