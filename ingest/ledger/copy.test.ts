import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { openDatabase } from '../thread/sqlite.ts'
import { copyLines, proofFile } from './copy.ts'
import { openLedger } from './ledger.ts'
import { readLedger } from './ledger-file.ts'
import { openSigningKeys } from './signing.ts'
import { trustedKey, verifyCopy, verifyProof } from './verifier/verify.mjs'

const folder = mkdtempSync(join(tmpdir(), 'ww-copy-'))
const VERIFIER = new URL('./verifier/verify.mjs', import.meta.url).pathname
const PYTHON_VERIFIER = new URL('./verifier/verify.py', import.meta.url).pathname
const hasPython = spawnSync('python3', ['-c', 'import hashlib; hashlib.new("sm3")']).status === 0
const SUITES = [
  { hash: 'sha256' as const, signature: 'ed25519' as const, cipher: 'aes-256-gcm' as const },
  { hash: 'sm3' as const, signature: 'sm2' as const, cipher: 'sm4-ctr-hmac-sm3' as const },
]

function copyOf(dir: string, signature: 'ed25519' | 'sm2', from = 1, to: number | null = null): Buffer {
  const db = openDatabase(join(dir, 'ledger.db'), { durability: 'full', readOnly: true })
  try {
    const keys = openSigningKeys(dir, signature, false)
    return Buffer.from(
      [...copyLines(readLedger(db), keys, { facility: 'js-03', from, to })].map((l) => `${l}\n`).join(''),
    )
  } finally {
    db.close()
  }
}

/** 23 entries under four checkpoints and two behind them; some sealed, one person forgotten. */
async function write(dir: string, suite: (typeof SUITES)[number]) {
  const clock = new VirtualClock(Date.UTC(2026, 10, 22, 4))
  const ledger = await openLedger({ dir, clock, thread: false, facilityKey: 'k', ...suite })
  const alert = (n: number, ...subjects: string[]) => ({
    kind: 'alert' as const,
    ref: `a${n % 5}`,
    by: n % 2 ? 'S01' : null,
    payload: { change: 'raised', alert: { id: `a${n % 5}`, subjects }, note: '告警 "引号" \n\u2028 \ud83d\ude80 ½' },
  })
  for (let i = 0; i < 4; i++) {
    await ledger.append(Array.from({ length: 5 }, (_, k) => alert(5 * i + k, ...(k % 2 ? [`P0${k}`] : []))))
    await ledger.checkpoint()
  }
  await ledger.forget('P01', { by: 'E01', reason: '' })
  await ledger.append([alert(21), alert(22, 'P03')])
  return ledger
}

const dirOf = (suite: (typeof SUITES)[number]) => join(folder, suite.hash)
beforeAll(async () => {
  for (const suite of SUITES) {
    const ledger = await write(dirOf(suite), suite)
    // Ends without the checkpoint that an orderly end makes.
    ledger.checkpoint = async () => null
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.each(SUITES)('a copy of a ledger with $hash and $signature', (suite) => {
  const dir = dirOf(suite)

  test('is found whole by the independent verifier, with the key in it and with a trusted one', () => {
    const copy = copyOf(dir, suite.signature)
    const verdict = verifyCopy(copy)
    expect(verdict).toMatchObject({ entries: 23, checkpoints: 4, unsigned: 3 })
    const key = verdict.keys.find((k) => k.algorithm === suite.signature)!
    expect(trustedKey(key.pem)).toEqual(key)
    expect(verifyCopy(copy, [key])).toMatchObject({ entries: 23 })
    const stranger = openSigningKeys(mkdtempSync(join(folder, 'other-')), suite.signature, true).publicKeys()
    expect(() => verifyCopy(copy, stranger)).toThrow(expect.objectContaining({ line: 7 }))
  })

  test('of a part of it is widened to whole checkpoints and verifies too', () => {
    const copy = copyOf(dir, suite.signature, 7, 12)
    const seqs = copy.toString().match(/"seq":\d+,"at":\d+,"kind"/g)!
    expect([seqs[0], seqs.at(-1), seqs.length]).toEqual([
      expect.stringContaining('"seq":6,'),
      expect.stringContaining('"seq":15,'),
      10,
    ])
    expect(verifyCopy(copy)).toMatchObject({ entries: 10, checkpoints: 2, unsigned: 0 })
  })

  test('with any one byte changed is refused, and the line is named', () => {
    const copy = copyOf(dir, suite.signature)
    fc.assert(
      fc.property(fc.nat(copy.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bad = Buffer.from(copy)
        bad[at]! ^= flip
        const line = copy.subarray(0, at).filter((b) => b === 10).length + 1
        // A line end that is changed joins its line with the next one: the line is still the first that does not fit.
        expect(() => verifyCopy(bad)).toThrow(expect.objectContaining({ line }))
      }),
      // SM2 by the school formulas takes its time.
      { numRuns: suite.signature === 'sm2' ? 60 : 300 },
    )
  })

  test('with any line removed, doubled, or two lines swapped is refused, and the first line that does not fit is named', () => {
    const lines = copyOf(dir, suite.signature).toString().split('\n').slice(0, -1)
    const verify = (some: string[]) => verifyCopy(Buffer.from(some.map((l) => `${l}\n`).join('')))
    for (let i = 0; i < lines.length; i++) {
      const removed = lines.toSpliced(i, 1)
      expect(() => verify(removed), `without line ${i + 1}`).toThrow(expect.objectContaining({ line: i + 1 }))
      const doubled = lines.toSpliced(i, 0, lines[i]!)
      expect(() => verify(doubled), `line ${i + 1} twice`).toThrow(expect.objectContaining({ line: i + 2 }))
      for (let k = i + 1; k < Math.min(lines.length, i + (suite.signature === 'sm2' ? 2 : 4)); k++) {
        const swapped = lines.with(i, lines[k]!).with(k, lines[i]!)
        expect(() => verify(swapped), `lines ${i + 1} and ${k + 1} swapped`).toThrow(
          expect.objectContaining({ line: i + 1 }),
        )
      }
    }
    expect(() => verifyCopy(Buffer.alloc(0))).toThrow(expect.objectContaining({ line: 1 }))
  })

  test('proves each signed entry by itself; a changed proof proves nothing', async () => {
    const clock = new VirtualClock(0)
    const ledger = await openLedger({ dir, clock, thread: false, readOnly: true })
    const keys = openSigningKeys(dir, suite.signature, false)
    for (let seq = 1; seq <= 20; seq++) {
      const proof = JSON.parse(
        JSON.stringify(proofFile((await ledger.proof(seq))!, await ledger.hashName(seq), 'js-03', keys)),
      ) as { entry: Record<string, unknown>; steps: { hash: string }[]; checkpoint: Record<string, unknown> }
      expect(verifyProof(proof)).toMatchObject({ seq })
      expect(() => verifyProof({ ...proof, entry: { ...proof.entry, at: 1 } })).toThrow('hash')
      expect(() => verifyProof({ ...proof, checkpoint: { ...proof.checkpoint, at: 1 } })).toThrow('signature')
      expect(() => verifyProof({ ...proof, steps: proof.steps.slice(1) })).toThrow('root')
    }
    expect(await ledger.proof(22)).toBeNull()
    expect(await ledger.proof(99)).toBeNull()
    await ledger.close()
  })

  test('is verified by the file as a program of its own, which names the line of a fault', () => {
    const path = join(folder, `${suite.hash}.ndjson`)
    const copy = copyOf(dir, suite.signature)
    writeFileSync(path, copy)
    const run = () => spawnSync(process.execPath, [VERIFIER, path], { encoding: 'utf8' })
    expect(run()).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('23 entries, 4 checkpoints, 3 unsigned: whole'),
    })
    writeFileSync(path, copy.toString().replace('"seq":9,', '"seq":8,'))
    expect(run()).toMatchObject({ status: 1, stdout: expect.stringMatching(/^line 11: /) })
  })

  test.skipIf(!hasPython)(
    'is verified by a second verifier in Python, written from the description of the format',
    () => {
      const path = join(folder, `${suite.hash}-python.ndjson`)
      const copy = copyOf(dir, suite.signature)
      const run = (bytes: Buffer | string) => {
        writeFileSync(path, bytes)
        return spawnSync('python3', [PYTHON_VERIFIER, path], { encoding: 'utf8' })
      }
      expect(run(copy)).toMatchObject({ status: 0, stdout: '23 entries: whole\n' })
      expect(run(copy.toString().replace('"seq":9,', '"seq":8,')).status).toBe(1)
    },
  )
})

test('a ledger that changes from SHA-256 and Ed25519 to SM3 and SM2 stays one chain', async () => {
  const dir = join(folder, 'both')
  const clock = new VirtualClock(0)
  for (const suite of SUITES) {
    const ledger = await openLedger({ dir, clock, thread: false, ...suite })
    await ledger.append([{ kind: 'note', payload: { suite: suite.hash } }])
    await ledger.close()
  }
  expect(verifyCopy(copyOf(dir, 'sm2'))).toMatchObject({ entries: 2, checkpoints: 2, unsigned: 0 })
  const reader = await openLedger({ dir, clock, thread: false, readOnly: true })
  expect(await reader.verify()).toMatchObject({ ok: true, entries: 2, checkpoints: 2 })
  await reader.close()
})
