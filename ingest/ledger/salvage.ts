/**
 * What happens to a ledger that is not whole: the file is moved aside as it is (it is evidence), every entry that can
 * still be read goes into a new one under its own number and hash, and what is missing is recorded. The gap stays a gap:
 * no number is given twice, nothing is chained over as if it had not happened. Must never delete or repair anything.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { inTransaction, storeError } from '../thread/sqlite.ts'
import { type Damage, openDamaged, openWhole } from '../thread/whole.ts'

/** One loss, as the ledger keeps it and its certificates name it. */
export interface LedgerLoss {
  id: number
  at: number
  /** Where the damaged file lies. */
  file: string
  reason: string
  /** Entries taken over. */
  kept: number
  /** Whole entries, or the payloads of entries whose place in the chain is known still. */
  part: 'entries' | 'payloads'
  /** First and last missing number; null: everything was read. */
  lost: [from: number, to: number] | null
  /** Between these times lies what is missing, ms: of the entries on both sides. */
  fromAt: number
  toAt: number
  /** The entry that names it; null: not yet written. */
  noteSeq: number | null
  /** What was entered again from the journal; null: not yet done. */
  restored: number | null
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS loss (id INTEGER PRIMARY KEY, part TEXT NOT NULL, at INTEGER NOT NULL, file TEXT NOT NULL, reason TEXT NOT NULL, kept INTEGER NOT NULL, lost_from INTEGER, lost_to INTEGER, from_at INTEGER NOT NULL, to_at INTEGER NOT NULL, note_seq INTEGER, restored INTEGER);
`
const COLUMNS =
  'id, part, at, file, reason, kept, lost_from AS lostFrom, lost_to AS lostTo, from_at AS fromAt, to_at AS toAt, note_seq AS noteSeq, restored'

/** Entries promised ahead in a side file, so that a lost end never gives a number twice. */
const AHEAD = 1000
const PAGE = 500

const TABLES: Record<string, string[]> = {
  number: ['alert', 'day', 'n'],
  checkpoint: ['seq', 'at', 'from_seq', 'root', 'head', 'hash', 'algorithm', 'signature'],
  suite: ['from_seq', 'hash'],
  forgotten: ['key', 'seq'],
  mark: ['seq', 'mark'],
  anchor: ['ledger_seq', 'ledger_hash', 'at', 'acknowledged_at'],
}

export function openLedgerFile(path: string, options: { now: number; schema: string }): DatabaseSync {
  const promised = readPromise(path)
  const missing = !existsSync(path) && promised > 0
  const { db, damage } = openWhole(path, { durability: 'full', now: options.now }, (opened) => {
    opened.exec(options.schema)
    opened.exec(SCHEMA)
    for (const table of ['entry', 'payload', ...Object.keys(TABLES)])
      opened.prepare(`SELECT count(*) FROM ${table}`).get()
  })
  const found = damage ?? (missing ? { path, file: path, reason: 'the file is gone' } : null)
  try {
    if (found) salvage(db, found, promised, options.now)
  } catch (error) {
    db.close()
    throw storeError(error, path)
  }
  return db
}

function salvage(db: DatabaseSync, damage: Damage, promised: number, now: number): void {
  const source = damage.file === damage.path ? null : openDamaged(damage.file, 'SELECT 1 FROM entry LIMIT 1')
  const nothing: Taken = { kept: 0, unread: { above: 0, below: Number.MAX_SAFE_INTEGER } }
  let entries = nothing
  let payloads = nothing
  try {
    if (source) {
      entries = takeBySeq(source, db, damage.path, 'entry', ENTRY)
      payloads = takeBySeq(source, db, damage.path, 'payload', ['seq', 'salt', 'body'])
      for (const [table, columns] of Object.entries({ ...TABLES, loss: lossColumns(source) }))
        takeTable(source, db, damage.path, table, columns)
    }
  } finally {
    source?.close()
  }
  // A ledger without its suites is chained as its checkpoints say.
  db.exec(
    'INSERT OR IGNORE INTO suite (from_seq, hash) SELECT min(from_seq), hash FROM checkpoint WHERE NOT EXISTS (SELECT 1 FROM suite) GROUP BY hash',
  )
  const last = (db.prepare('SELECT max(seq) AS n FROM entry').get() as { n: number | null }).n ?? 0
  const endUnread = entries.unread !== null && entries.unread.below === Number.MAX_SAFE_INTEGER
  const spans = [
    ...gaps(db, endUnread ? Math.max(last, promised) : last).map((span) => ({ ...span, part: 'entries' })),
    ...(payloads.unread === null ? [] : emptied(db, payloads.unread)).map((span) => ({ ...span, part: 'payloads' })),
  ]
  const add = db.prepare(
    'INSERT INTO loss (part, at, file, reason, kept, lost_from, lost_to, from_at, to_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const { file, reason } = damage
  inTransaction(db, damage.path, () => {
    for (const { part, from, to, fromAt, toAt } of spans) {
      add.run(part, now, file, reason, entries.kept, from, to, fromAt ?? 0, toAt ?? now)
      // What cannot be read is not held: the journal enters it again.
      if (part === 'payloads') db.prepare('DELETE FROM mark WHERE seq BETWEEN ? AND ?').run(from, to)
    }
    if (spans.length === 0) add.run('entries', now, file, reason, entries.kept, null, null, now, now)
  })
}

/** Entries whose payload lay where the file cannot be read. */
function emptied(db: DatabaseSync, unread: { above: number; below: number }) {
  const span = db
    .prepare(
      `SELECT min(seq) AS "from", max(seq) AS "to", min(at) AS fromAt, max(at) AS toAt FROM entry
       WHERE seq > ? AND seq < ? AND seq NOT IN (SELECT seq FROM payload)`,
    )
    .get(unread.above, unread.below) as unknown as { from: number | null; to: number; fromAt: number; toAt: number }
  return span.from === null ? [] : [{ ...span, from: span.from }]
}

/** Numbers that are missing up to `end` and were not named missing before. */
function gaps(db: DatabaseSync, end: number) {
  const rows = db
    .prepare(
      `SELECT prev + 1 AS "from", seq - 1 AS "to", prevAt AS fromAt, at AS toAt FROM
         (SELECT seq, at, lag(seq, 1, 0) OVER (ORDER BY seq) AS prev, lag(at, 1) OVER (ORDER BY seq) AS prevAt FROM entry)
       WHERE seq <> prev + 1
         AND NOT EXISTS (SELECT 1 FROM loss WHERE part = 'entries' AND lost_from <= prev + 1 AND lost_to >= seq - 1)`,
    )
    .all() as unknown as { from: number; to: number; fromAt: number | null; toAt: number | null }[]
  const last = db.prepare('SELECT seq, at FROM entry ORDER BY seq DESC LIMIT 1').get() as
    | { seq: number; at: number }
    | undefined
  if (end > (last?.seq ?? 0)) rows.push({ from: (last?.seq ?? 0) + 1, to: end, fromAt: last?.at ?? null, toAt: null })
  return rows
}

interface Taken {
  kept: number
  /** Between these numbers, themselves not included, lies what could not be read; null: nothing. */
  unread: { above: number; below: number } | null
}
const ENTRY = ['seq', 'at', 'kind', 'ref', 'by', 'payload_hash', 'hash']

/** Rows from both ends, page by page, nearer to the damage in ever smaller steps. */
function takeBySeq(source: DatabaseSync, db: DatabaseSync, path: string, table: string, columns: string[]): Taken {
  const put = db.prepare(
    `INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
  )
  let kept = 0
  /** How far it came; null: to the other end. */
  const walk = (order: 'ASC' | 'DESC'): number | null => {
    let at = order === 'ASC' ? 0 : Number.MAX_SAFE_INTEGER
    let page = PAGE
    for (;;) {
      let rows: Record<string, string | number | null>[]
      try {
        rows = source
          .prepare(
            `SELECT ${columns.join(', ')} FROM ${table} WHERE seq ${order === 'ASC' ? '>' : '<'} ? ORDER BY seq ${order} LIMIT ?`,
          )
          .all(at, page) as Record<string, string | number | null>[]
      } catch {
        if (page > 1) {
          page = Math.max(1, page >> 2)
          continue
        }
        return at
      }
      if (rows.length === 0) return null
      inTransaction(db, path, () => {
        for (const row of rows) kept += Number(put.run(...columns.map((column) => row[column] ?? null)).changes)
      })
      at = Number(rows.at(-1)!.seq)
    }
  }
  const above = walk('ASC')
  if (above === null) return { kept, unread: null }
  const below = walk('DESC') ?? above
  return { kept, unread: below > above ? { above, below } : null }
}

function takeTable(source: DatabaseSync, db: DatabaseSync, path: string, table: string, columns: string[]): void {
  const put = db.prepare(
    `INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
  )
  inTransaction(db, path, () => {
    try {
      const rows = source.prepare(`SELECT ${columns.join(', ')} FROM ${table}`).iterate() as Iterable<unknown>
      for (const row of rows as Iterable<Record<string, string | number | null>>)
        put.run(...columns.map((column) => row[column] ?? null))
    } catch {
      // As far as it can be read; a table of an earlier release may not be there at all.
    }
  })
}

const lossColumns = (source: DatabaseSync): string[] => {
  try {
    const rows = source.prepare('PRAGMA table_info(loss)').all() as { name: string }[]
    return rows.length > 0 ? rows.map(({ name }) => name) : ['id']
  } catch {
    return ['id']
  }
}

export function losses(db: DatabaseSync): LedgerLoss[] {
  const has = db.prepare("SELECT 1 AS n FROM sqlite_schema WHERE type = 'table' AND name = 'loss'").get() !== undefined
  if (!has) return []
  const rows = db.prepare(`SELECT ${COLUMNS} FROM loss ORDER BY id`).all() as unknown as (Omit<LedgerLoss, 'lost'> & {
    lostFrom: number | null
    lostTo: number | null
  })[]
  return rows.map(({ lostFrom, lostTo, ...loss }) => ({
    ...loss,
    lost: lostFrom === null || lostTo === null ? null : [lostFrom, lostTo],
  }))
}

/** The number after which the next entry stands: above everything that was given, also where it was lost. */
export function endOf(db: DatabaseSync): number {
  const row = db
    .prepare('SELECT max(coalesce((SELECT max(seq) FROM entry), 0), coalesce((SELECT max(lost_to) FROM loss), 0)) AS n')
    .get() as { n: number }
  return row.n
}

/** Keeps a number that has never been given; asked after each append, writes hardly ever. */
export function promiseKeeper(path: string): (seq: number) => void {
  let promise = readPromise(path)
  return (seq) => {
    if (seq + AHEAD / 2 <= promise) return
    try {
      writeFileSync(`${promiseOf(path)}.new`, `${seq + AHEAD}\n`, { flush: true })
      renameSync(`${promiseOf(path)}.new`, promiseOf(path))
      promise = seq + AHEAD
    } catch (error) {
      // A full disk must not stop the ledger for the sake of the side file; the next entry tries again.
      const known = storeError(error, path) as { code?: string }
      if (known.code !== 'disk-full') throw known
    }
  }
}

const promiseOf = (path: string): string => path.replace(/\.db$/, '.promise')
function readPromise(path: string): number {
  try {
    const value = Number(readFileSync(promiseOf(path), 'utf8'))
    return Number.isSafeInteger(value) && value > 0 ? value : 0
  } catch {
    return 0
  }
}
