/**
 * The log of journal and ledger, cut anywhere in its last frames and opened again: what was acknowledged before the cut
 * is there whole and in order, what comes after goes on without a number twice.
 *
 * Every byte of the last two or three commits is cut, in files of small pages: SQLite opens each, and what it finds is, row for row,
 * what was acknowledged by then. Journal and ledger themselves are opened at the edges of the frames and every 211 bytes;
 * `npm run test:cuts` opens them at every byte of files as they really are (some 33,000 each, for minutes).
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test } from 'vitest'
import { openJournal } from '#ingest/journal/journal.ts'
import { alertBody, readingBody, sampleChange } from '#ingest/journal/sample-records.ts'
import { openLedger } from '#ingest/ledger/ledger.ts'
import { VirtualClock } from '#model/clock.ts'

const START = 1_795_300_000_000
const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'ww-cut-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const clock = new VirtualClock(START)

/** All offsets near the edges of the frames, and some within: a page in between is one like another. */
function cuts(from: number, to: number, frameBytes: number): number[] {
  const step = process.env.WARDWATCH_EVERY_BYTE ? 1 : 211
  const found = new Set<number>([from, to])
  for (let at = from; at <= to; at += step) found.add(at)
  for (let edge = 32; edge <= to; edge += frameBytes)
    for (let near = edge - 3; near <= edge + 27; near++) if (near >= from && near <= to) found.add(near)
  return [...found].sort((a, b) => a - b)
}

let n = 0
function cutCopy(dir: string, files: string[], wal: string, at: number): string {
  const copy = join(root, `cut-${n++}`)
  mkdirSync(copy)
  for (const name of files) if (existsSync(join(dir, name))) copyFileSync(join(dir, name), join(copy, name))
  truncateSync(join(copy, wal), at)
  return copy
}

/** What a fresh SQLite finds in the tables of a file. */
function rowsOf(path: string, tables: readonly string[]): string {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return JSON.stringify(tables.map((table) => db.prepare(`SELECT * FROM ${table}`).all()))
  } finally {
    db.close()
  }
}

/** A database of the smallest pages there are: as many kinds of frame in a tenth of the bytes. */
function smallPages(path: string): void {
  const db = new DatabaseSync(path)
  db.exec('PRAGMA page_size = 512; PRAGMA journal_mode = WAL; CREATE TABLE small (x)')
  db.close()
}

/** Answers how many bytes were cut, each of them. */
function cutEveryByte(
  path: string,
  tables: readonly string[],
  marks: readonly { bytes: number; rows: string }[],
): number {
  const [db, log] = [readFileSync(path), readFileSync(`${path}-wal`)]
  const at = join(root, `every-${n++}.db`)
  const [from, to] = [marks[0]!.bytes, marks.at(-1)!.bytes]
  writeFileSync(at, db)
  for (let cut = from; cut <= to; cut++) {
    writeFileSync(`${at}-wal`, log.subarray(0, cut))
    rmSync(`${at}-shm`, { force: true })
    const acknowledged = marks.findLast(({ bytes }) => bytes <= cut)!.rows
    if (rowsOf(at, tables) !== acknowledged) throw new Error(`cut at ${cut}: not what was acknowledged by then`)
  }
  expect(readFileSync(at).equals(db)).toBe(true)
  return to - from + 1
}

test('at every byte of its last two commits a cut log of the journal holds what was acknowledged, row for row', {
  timeout: 300_000,
}, async () => {
  const dir = join(root, 'journal-bytes')
  mkdirSync(dir)
  const path = join(dir, 'journal.db')
  smallPages(path)
  const journal = await openJournal({ dir, clock, ballastBytes: 0, thread: false })
  const tables = ['log', 'rare', 'mark', 'meta', 'cursor']
  const marks: { bytes: number; rows: string }[] = []
  for (let i = 0; i < 6; i++) {
    await journal.append([readingBody(i * 10), readingBody(i * 10 + 1), alertBody(i)])
    marks.push({ bytes: statSync(`${path}-wal`).size, rows: rowsOf(path, tables) })
  }
  expect(new Set(marks.map(({ rows }) => rows)).size).toBe(6)
  expect(cutEveryByte(path, tables, marks.slice(-3))).toBeGreaterThan(4000)
  await journal.close()
})

test('at every byte of its last three commits, a checkpoint among them, a cut log of the ledger holds what was acknowledged, row for row', {
  timeout: 300_000,
}, async () => {
  const dir = join(root, 'ledger-bytes')
  mkdirSync(dir)
  const path = join(dir, 'ledger.db')
  smallPages(path)
  const ledger = await openLedger({ dir, clock, thread: false })
  const tables = ['entry', 'payload', 'number', 'checkpoint', 'suite', 'forgotten', 'mark', 'anchor', 'loss']
  const marks: { bytes: number; rows: string }[] = []
  for (let i = 0; i < 5; i++) {
    await ledger.append([{ kind: 'act', ref: `a${i}`, by: 'S01', payload: { act: 'comment', note: 'x'.repeat(300) } }])
    marks.push({ bytes: statSync(`${path}-wal`).size, rows: rowsOf(path, tables) })
    // Signed in a commit of its own.
    if (i === 3) await ledger.checkpoint()
    if (i === 3) marks.push({ bytes: statSync(`${path}-wal`).size, rows: rowsOf(path, tables) })
  }
  expect(cutEveryByte(path, tables, marks.slice(-4))).toBeGreaterThan(2000)
  await ledger.close()
})

test('a journal cut at any byte of its last frames keeps what was acknowledged and goes on', {
  timeout: process.env.WARDWATCH_EVERY_BYTE ? 7_200_000 : 600_000,
}, async () => {
  const dir = join(root, 'journal')
  mkdirSync(dir)
  const open = (at: string) => openJournal({ dir: at, clock, ballastBytes: 0, thread: false })
  const journal = await open(dir)
  const wal = 'journal.db-wal'
  /** Bytes of the log and number of the last record after each acknowledged commit. */
  const marks: [bytes: number, seq: number][] = []
  for (let i = 0; i < 6; i++) {
    await journal.append([readingBody(i * 10), readingBody(i * 10 + 1), alertBody(i)])
    marks.push([statSync(join(dir, wal)).size, journal.stats().lastSeq])
  }
  for (const at of cuts(marks.at(-3)![0], marks.at(-1)![0], 8192 + 24)) {
    const copy = cutCopy(dir, ['journal.db', wal, 'journal.promise'], wal, at)
    const cut = await open(copy)
    const found = await cut.read(1, 100)
    const acknowledged = marks.filter(([bytes]) => bytes <= at).at(-1)![1]
    expect(
      found.map((r) => r.seq),
      `cut at ${at}`,
    ).toEqual(Array.from({ length: acknowledged }, (_, i) => i + 1))
    expect(await cut.append([readingBody(0), readingBody(900)])).toEqual([0, acknowledged + 1])
    await cut.close()
    rmSync(copy, { recursive: true })
  }
  await journal.close()
})

test('a ledger cut at any byte of its last frames is whole up to what was acknowledged and goes on', {
  timeout: process.env.WARDWATCH_EVERY_BYTE ? 7_200_000 : 600_000,
}, async () => {
  const dir = join(root, 'ledger')
  mkdirSync(dir)
  const open = (at: string) => openLedger({ dir: at, clock, thread: false })
  const ledger = await open(dir)
  const wal = 'ledger.db-wal'
  const item = (i: number) => ({
    kind: 'alert' as const,
    ref: sampleChange(i).alert.id,
    by: null,
    payload: sampleChange(i),
  })
  const marks: [bytes: number, seq: number, hash: string][] = []
  for (let i = 0; i < 6; i++) {
    await ledger.append([item(2 * i), item(2 * i + 1)])
    if (i === 3) await ledger.checkpoint()
    marks.push([statSync(join(dir, wal)).size, ledger.head().seq, ledger.head().hash])
  }
  for (const at of cuts(marks.at(-3)![0], marks.at(-1)![0], 4096 + 24)) {
    const copy = cutCopy(dir, ['ledger.db', wal, 'ledger-key.pem', 'ledger-key.pub.pem'], wal, at)
    const cut = await open(copy)
    const [, seq, hash] = marks.filter(([bytes]) => bytes <= at).at(-1)!
    expect(cut.head(), `cut at ${at}`).toEqual({ seq, hash })
    expect((await cut.append([item(99)]))[0]!.seq).toBe(seq + 1)
    expect(await cut.verify()).toMatchObject({ entries: seq + 1, ok: true, badSeq: null, detail: null })
    await cut.close()
    rmSync(copy, { recursive: true })
  }
  await ledger.close()
})
