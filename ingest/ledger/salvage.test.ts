import {
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Act } from '#model/alert/acts.ts'
import { VirtualClock } from '#model/clock.ts'
import { openDesk } from '../desk/desk.ts'
import { openJournal } from '../journal/journal.ts'
import { START, sampleChange } from '../journal/sample-records.ts'
import { openDatabase } from '../thread/sqlite.ts'
import { certificateOf } from './certificate.ts'
import { copyLines } from './copy.ts'
import { openLedger } from './ledger.ts'
import { readLedger } from './ledger-file.ts'
import { openSigningKeys } from './signing.ts'
import { verifyCopy } from './verifier/verify.mjs'

const dirs: string[] = []
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

const DAY = 86_400_000
const ALERTS = 150
const chief = { id: 'S01', role: 'chief' }

async function house(dir: string, at = START) {
  const clock = new VirtualClock(at)
  const journal = await openJournal({ dir, clock, ballastBytes: 0, thread: false })
  const ledger = await openLedger({ dir, clock, thread: false, facilityKey: 'k'.repeat(32) })
  const desk = await openDesk({ dir, facility: 'js-03', clock, journal, ledger, thread: false })
  open.push(journal, ledger, desk)
  return { clock, journal, ledger, desk }
}
const closeAll = async (): Promise<void> => {
  for (const thing of open.splice(0).reverse()) await thing.close()
}

const newDir = (): string => {
  const dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'ww-salvage-'))
  dirs.push(dir)
  return dir
}

/** A ledger of some days: alerts, acts, checkpoints every twenty entries, an anchor that the province has. */
async function filled(alerts = ALERTS): Promise<{
  dir: string
  payloads: string[]
  anchor: { ledgerSeq: number; ledgerHash: string; at: number }
}> {
  const dir = newDir()
  const { clock, ledger, desk } = await house(dir)
  for (let n = 0; n < alerts; n++) {
    clock.advanceTo(START + n * 60_000)
    const change = { ...sampleChange(n, 'raised', { subjects: [`P${n % 7}`], subject: `P${n % 7}` }), at: clock.now() }
    await desk.apply(change, { source: 'ordered' })
    const act: Act = { act: 'acknowledge', alert: change.alert.id, time: clock.now(), by: 'S01' }
    if (n % 3 === 0) await desk.act(act, chief)
    if (n % 10 === 0) await ledger.checkpoint()
  }
  const head = ledger.head()
  const anchor = { ledgerSeq: head.seq, ledgerHash: head.hash, at: clock.now() }
  await ledger.anchored(anchor)
  const payloads = (await ledger.list({ limit: 10_000 })).map((entry) => JSON.stringify(entry.payload))
  await closeAll()
  return { dir, payloads, anchor }
}

function writeAt(file: string, position: number, bytes: Buffer): void {
  const handle = openSync(file, 'r+')
  writeSync(handle, bytes, 0, bytes.length, position)
  closeSync(handle)
}

const damages: [name: string, damage: (file: string) => void][] = [
  ['cut to no byte at all', (file) => truncateSync(file, 0)],
  ['with a header of something else', (file) => writeAt(file, 0, Buffer.alloc(200, 0x2a))],
  ['gone', (file) => rmSync(file)],
  ['cut in half', (file) => truncateSync(file, Math.floor(statSync(file).size / 8192) * 4096)],
  ...[0.2, 0.4, 0.6, 0.8].map((part): [string, (file: string) => void] => [
    `with the page at ${part * 100} % of it overwritten`,
    (file) => writeAt(file, 4096 * Math.floor((statSync(file).size / 4096) * part), Buffer.alloc(4096, 0x5a)),
  ]),
]

describe('a ledger that is not whole at the start', () => {
  test.each(damages)(
    '%s: it is kept aside, what is missing is named for good, and what the journal has is entered again',
    async (name, damage) => {
      const { dir, payloads, anchor } = await filled()
      damage(join(dir, 'ledger.db'))
      const at = START + DAY
      const { ledger, desk, clock } = await house(dir, at)

      const losses = await ledger.losses()
      expect(losses.length).toBeGreaterThan(0)
      expect(losses.every((loss) => loss.noteSeq !== null && loss.restored !== null)).toBe(true)
      if (name !== 'gone') expect(readdirSync(dir).some((one) => /^ledger\.corrupt-.*\.db$/.test(one))).toBe(true)
      const notes = (await ledger.list({ kind: 'note', limit: 1000 })).map((entry) => entry.payload as { what: string })
      expect(notes.map((note) => note.what)).toEqual([...losses.map(() => 'ledger-damaged'), 'ledger-restored'])

      // Every payload that stood in it stands in it again: the journal holds them all here.
      const after = new Set((await ledger.list({ limit: 100_000 })).map((entry) => JSON.stringify(entry.payload)))
      expect(payloads.filter((text) => !after.has(text))).toEqual([])

      const verdict = await ledger.verify()
      const missing = losses.flatMap(({ lost }) => (lost ? [lost] : []))
      expect(verdict.missing.map(({ from, to }) => [from, to])).toEqual(missing)
      if (missing.length > 0) {
        expect(verdict.ok).toBe(false)
        expect(verdict.badSeq).toBe(missing[0]![0])
        expect(verdict.detail).toMatch(/missing: the file was found damaged on .* says so/)
        // No number that was given is given again.
        expect(losses[0]!.noteSeq).toBeGreaterThan(payloads.length)
        const certificate = certificateOf(
          {
            facility: 'js-03',
            day: 'the day of the loss',
            timezone: 'Asia/Shanghai',
            fromMs: START - 1000,
            toMs: START + DAY / 2,
            madeAt: at,
            facts: await ledger.day(START - 1000, START + DAY / 2),
            journal: null,
          },
          { sign: () => null, publicKeys: () => [] },
        )
        expect(certificate.gaps.map((gap) => gap.code)).toContain('ledger-lost')
      }

      // The ledger goes on: what comes now is chained, signed and proved, also after the next start.
      clock.advanceTo(at + 1000)
      await desk.apply(sampleChange(9001), { source: 'ordered' })
      await ledger.checkpoint()
      const newest = (await ledger.list({ ref: sampleChange(9001).alert.id })).at(-1)!
      expect(await ledger.proof(newest.seq)).not.toBeNull()
      expect((await ledger.verify(losses.at(-1)!.noteSeq!)).ok).toBe(true)
      const day = await ledger.day(at, at + DAY)
      expect(day.verdict.ok).toBe(true)
      await closeAll()
      const again = await house(dir, at + 2000)
      expect((await again.ledger.losses()).length).toBe(losses.length)
      expect((await again.ledger.verify()).missing).toEqual(verdict.missing)
      // What the province keeps still speaks against or for the very entry that it was about.
      const claimed = await again.ledger.verify(1, [anchor])
      expect(claimed.missing).toEqual(verdict.missing)
    },
    60_000,
  )

  test('whichever page is overwritten, both sides of what is lost stand, and nothing is numbered twice', async () => {
    const { dir, payloads } = await filled(40)
    const pages = statSync(join(dir, 'ledger.db')).size / 4096
    const found = { entries: 0, payloads: 0, nothing: 0 }
    for (let page = 0; page < pages; page++) {
      const copy = newDir()
      cpSync(dir, copy, { recursive: true })
      writeAt(join(copy, 'ledger.db'), 4096 * page, Buffer.alloc(4096, 0x5a))
      const clock = new VirtualClock(START + DAY)
      const ledger = await openLedger({ dir: copy, clock, thread: false, facilityKey: 'k'.repeat(32) })
      const losses = await ledger.losses()
      // A page that holds nothing is no loss; every other is found.
      if (losses.length === 0) {
        expect(await ledger.verify()).toMatchObject({ ok: true, entries: payloads.length })
        found.nothing++
      }
      for (const { part, lost } of losses) if (lost) found[part]++
      const missing = losses.flatMap(({ part, lost }) => (lost ? [{ part, from: lost[0], to: lost[1] }] : []))
      const verdict = await ledger.verify()
      expect(
        verdict.missing.map(({ part, from, to }) => ({ part, from, to })),
        `page ${page}`,
      ).toEqual(missing)
      expect(ledger.head().seq).toBe(Math.max(payloads.length, ...missing.map(({ to }) => to)) + losses.length)
      await ledger.checkpoint()
      await ledger.close()

      // Anybody may verify what stands on each side.
      const db = openDatabase(join(copy, 'ledger.db'), { durability: 'full', readOnly: true })
      const file = readLedger(db)
      const keys = openSigningKeys(copy, 'ed25519', false)
      const text = (from: number, to: number | null) =>
        Buffer.from([...copyLines(file, keys, { facility: 'js-03', from, to })].map((line) => `${line}\n`).join(''))
      const gap = missing.find(({ part }) => part === 'entries')
      const whole = (bytes: Buffer) => verifyCopy(bytes, null)
      if (gap) {
        if (gap.from > 1) expect(whole(text(1, gap.from - 1)).entries).toBeGreaterThan(0)
        expect(whole(text(gap.to + (gap.to >= payloads.length ? 1 : 2), null)).entries).toBeGreaterThan(0)
      } else expect(whole(text(1, null)).entries).toBe(payloads.length + losses.length)
      db.close()
      rmSync(copy, { recursive: true })
    }
    expect(found.entries).toBeGreaterThan(1)
    expect(found.payloads).toBeGreaterThan(10)
  }, 120_000)

  test('an entry that somebody takes out is a gap that nobody has named', async () => {
    const { dir } = await filled()
    const { DatabaseSync } = await import('node:sqlite')
    const db = new DatabaseSync(join(dir, 'ledger.db'))
    db.exec('DELETE FROM entry WHERE seq = 40')
    db.close()
    const { ledger } = await house(dir, START + DAY)
    expect(await ledger.losses()).toEqual([])
    expect(await ledger.verify()).toMatchObject({ ok: false, badSeq: 40, detail: 'entry 40 is missing' })
  })
})
