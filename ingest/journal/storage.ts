/**
 * The journal's file: rows, cursor positions, sparse time marks. Runs in its own thread, one call after the other.
 * Knows no policy (what to shed, what to keep): it does what `journal.ts` says, and never acknowledges before the disk.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Lane } from '#model/ports/journal.ts'
import { inTransaction, openDatabase, storeError } from '../thread/sqlite.ts'
import { clearSuspect, faultOf, isCorrupt, isSuspect, watchful } from '../thread/whole.ts'
import { DuplicateFilter } from './duplicate-filter.ts'
import { idText, KIND, kindOf } from './record-codec.ts'
import { type Isolated, isolateJournal, JOURNAL_SCHEMA } from './salvage.ts'

export interface StorageOptions {
  dir: string
  readOnly: boolean
  now: number
  duplicateIds: number
  duplicateMs: number
  ballastBytes: number
}

export interface CommitRequest {
  /** One row a line. */
  rows: string
  tags: Uint8Array
  ats: Float64Array
  /** Positions to keep: consumer, lane, position. */
  cursors: [string, Lane, number][]
}

export interface CommitAnswer {
  /** Sequence number per row; 0 = a duplicate. */
  seqs: Float64Array
  lastSeq: number
}

export interface RowBlock {
  seqs: Float64Array
  ats: Float64Array
  tags: Uint8Array
  rows: string
}

export interface OpenAnswer {
  lastSeq: number
  firstSeq: number
  cursors: [string, Lane, number][]
  isolated: Isolated | null
  /** The space kept aside for alerts is there. */
  reserved: boolean
  remembered: number
  bytes: number
}

/** Rows per time mark: a question about time reads one mark and at most this many rows. */
const MARK_ROWS = 1024
/** Sequence numbers promised ahead in a side file, so that a lost database never gives a number twice. */
const PROMISE_AHEAD = 100_000

const blockOf = (seq: number): number => Math.floor(seq / MARK_ROWS)

const CRAMPED_BYTES = 4 << 20

const LANE_SQL: Record<Lane, string> = {
  all: '',
  alert: '',
  other: `AND (tag >> 4) <> ${KIND.alert}`,
}

export function open(options: StorageOptions) {
  const path = join(options.dir, 'journal.db')
  const ballastPath = join(options.dir, 'journal.ballast')
  const promisePath = join(options.dir, 'journal.promise')
  const promised = readPromise(promisePath)
  const { db, isolated } = withReserve(ballastPath, options.readOnly, () => openOrIsolate(path, options, promised))
  const filter = new DuplicateFilter(options.duplicateIds)
  const one = (sql: string, ...args: (string | number)[]): number =>
    Number(Object.values(db.prepare(sql).get(...args) ?? {})[0] ?? 0)

  let lastSeq = Math.max(one('SELECT max(seq) FROM log'), one("SELECT value FROM meta WHERE name = 'floor'"))
  let promise = promised
  /** The newest time in the block that is not full yet; its mark is written when it is. */
  let openMax = 0
  const insert = lazily(db, 'INSERT INTO log (seq, at, tag, body) VALUES (?, ?, ?, ?)')
  const insertRare = lazily(db, 'INSERT INTO rare (seq, kind) VALUES (?, ?)')
  const byRow = lazily(db, 'SELECT at, body FROM log WHERE seq = ?')
  const mark = lazily(
    db,
    'INSERT INTO mark (block, at_max) VALUES (?, ?) ON CONFLICT (block) DO UPDATE SET at_max = max(at_max, excluded.at_max)',
  )
  const saveCursor = lazily(
    db,
    'INSERT INTO cursor (name, lane, position) VALUES (?, ?, ?) ON CONFLICT (name, lane) DO UPDATE SET position = excluded.position',
  )

  if (!options.readOnly) {
    openMax = one('SELECT max(at) FROM log WHERE seq >= ?', blockOf(lastSeq + 1) * MARK_ROWS)
    rebuildFilter()
    keepPromise()
  }
  const reserved = options.readOnly || reserve()

  /** With hardly any room the other stores of this disk need the reserve in order to start at all. */
  function reserve(): boolean {
    const { bavail, bsize } = statfsSync(options.dir)
    if (options.ballastBytes === 0 || bavail * bsize >= CRAMPED_BYTES) return writeBallast()
    rmSync(ballastPath, { force: true })
    return false
  }

  function rebuildFilter(): void {
    const oldest = Math.max(lastSeq - options.duplicateIds, seqAt(options.now - options.duplicateMs) - 1)
    const rows = db.prepare('SELECT seq, tag, substr(body, 1, 400) AS head FROM log WHERE seq > ? ORDER BY seq')
    for (const row of rows.iterate(oldest) as Iterable<{ seq: number; tag: number; head: string }>)
      if (kindOf(row.tag) === KIND.reading) filter.add(idText(row.head), row.seq)
  }

  /** The side file holds a number that has never been given; written ahead, so hardly ever. */
  function keepPromise(): void {
    if (lastSeq + PROMISE_AHEAD / 2 <= promise) return
    promise = lastSeq + PROMISE_AHEAD
    try {
      // Aside first: on a full disk the old promise must stay.
      writeFileSync(`${promisePath}.new`, `${promise}\n`, { flush: true })
      renameSync(`${promisePath}.new`, promisePath)
    } catch (error) {
      const known = storeError(error, promisePath) as { code?: string }
      // A full disk must not stop the journal for the sake of the side file; the next commit tries again.
      if (known.code !== 'disk-full') throw known
      promise = promised
    }
  }

  function writeBallast(): boolean {
    if (options.ballastBytes === 0) return true
    // A process that was killed while it wrote may have left less than was meant.
    if ((statSync(ballastPath, { throwIfNoEntry: false })?.size ?? 0) >= options.ballastBytes) return true
    let file: number | null = null
    try {
      file = openSync(ballastPath, 'w')
      const block = Buffer.alloc(1 << 20, 0x77)
      for (let left = options.ballastBytes; left > 0; left -= block.length)
        if (writeSync(file, block, 0, Math.min(left, block.length)) < Math.min(left, block.length))
          throw new Error('short')
      fsyncSync(file)
      closeSync(file)
      return true
    } catch {
      if (file !== null) closeSync(file)
      rmSync(ballastPath, { force: true })
      return false
    }
  }

  /** @param ids those of this batch so far, from row `first` on: numbers are given without gaps. */
  function isDuplicate(id: string, at: number, first: number, ids: (string | null)[]): boolean {
    return filter.find(id, (row) => {
      if (row >= first) return ids[row - first] === id
      const known = byRow().get(row) as { at: number; body: string } | undefined
      return known !== undefined && idText(known.body) === id && at - known.at < options.duplicateMs
    })
  }

  function commit(request: CommitRequest): CommitAnswer {
    const rows = request.rows === '' ? [] : request.rows.split('\n')
    const seqs = new Float64Array(rows.length)
    const ids: (string | null)[] = []
    const first = lastSeq + 1
    let next = first
    let atMax = openMax
    inTransaction(db, path, () => {
      for (let i = 0; i < rows.length; i++) {
        const body = rows[i]!
        const tag = request.tags[i]!
        const at = request.ats[i]!
        const kind = kindOf(tag)
        let id: string | null = null
        if (kind === KIND.reading) {
          id = idText(body)
          if (isDuplicate(id, at, first, ids)) continue
        }
        const seq = next++
        if (id === null) insertRare().run(seq, kind)
        else filter.add(id, seq)
        insert().run(seq, at, tag, body)
        ids.push(id)
        seqs[i] = seq
        if (at > atMax) atMax = at
        if (next % MARK_ROWS !== 0) continue
        // The block is full. A mark at each commit would be one more page for the disk each time.
        mark().run(blockOf(seq), atMax)
        atMax = 0
      }
      for (const [name, lane, position] of request.cursors) saveCursor().run(name, lane, position)
    })
    lastSeq = next - 1
    openMax = atMax
    keepPromise()
    return { seqs, lastSeq }
  }

  function read(after: number, limit: number, lane: Lane): RowBlock {
    const sql =
      lane === 'alert'
        ? `SELECT log.seq, at, tag, body FROM rare JOIN log USING (seq) WHERE rare.seq > ? AND rare.kind = ${KIND.alert} ORDER BY rare.seq LIMIT ?`
        : `SELECT seq, at, tag, body FROM log WHERE seq > ? ${LANE_SQL[lane]} ORDER BY seq LIMIT ?`
    return block(sql, after, limit)
  }

  /** The newest records of a kind other than readings, newest first. */
  function newest(kind: number, limit: number, before: number): RowBlock {
    return block(
      'SELECT log.seq, at, tag, body FROM rare JOIN log USING (seq) WHERE rare.kind = ? AND rare.seq < ? ORDER BY rare.seq DESC LIMIT ?',
      kind,
      before,
      limit,
    )
  }

  function block(sql: string, ...args: number[]): RowBlock {
    try {
      return pack(db.prepare(sql).all(...args) as unknown as StoredRow[])
    } catch (error) {
      throw storeError(error, path)
    }
  }

  /** Rows of readings by id, as far as the filter still knows them. */
  function find(ids: string[]): RowBlock {
    const found: StoredRow[] = []
    const wanted = db.prepare('SELECT seq, at, tag, body FROM log WHERE seq = ?')
    for (const id of ids)
      filter.find(JSON.stringify(id).slice(1, -1), (row) => {
        const stored = wanted.get(row) as unknown as StoredRow | undefined
        if (!stored || idText(stored.body) !== JSON.stringify(id).slice(1, -1)) return false
        found.push(stored)
        return true
      })
    return pack(found)
  }

  /** The first record that is still there and not older. */
  function seqAt(timeMs: number): number {
    const nextMark = db.prepare('SELECT block FROM mark WHERE block >= ? AND at_max >= ? ORDER BY block LIMIT 1')
    for (let block = blockOf(firstSeq()); ; block++) {
      const marked = nextMark.get(block, timeMs) as { block: number } | undefined
      if (!marked) break
      block = marked.block
      const from = block * MARK_ROWS
      const seq = one('SELECT min(seq) FROM log WHERE seq >= ? AND seq < ? AND at >= ?', from, from + MARK_ROWS, timeMs)
      // What made the mark may be gone with its class: then the time stands in a later block.
      if (seq > 0) return seq
    }
    const from = one('SELECT max(block) FROM mark') * MARK_ROWS
    return one('SELECT min(seq) FROM log WHERE seq >= ? AND at >= ?', from, timeMs) || lastSeq + 1
  }

  /** Records of a lane after a position: what a consumer has before it when it opens. */
  function countAfter(position: number, lane: Lane): number {
    const alerts = one(`SELECT count(*) FROM rare WHERE seq > ? AND kind = ${KIND.alert}`, position)
    if (lane === 'alert') return alerts
    const rows = lastSeq - Math.max(position, firstSeq() - 1)
    return lane === 'all' ? rows : rows - alerts
  }

  function firstSeq(): number {
    return one('SELECT min(seq) FROM log') || lastSeq + 1
  }
  const bytes = (): number => (one('PRAGMA page_count') - one('PRAGMA freelist_count')) * one('PRAGMA page_size')

  /** Removes rows of one class in (after, upTo], at most `scan` rows looked at; answers how far it came. */
  function remove(rowClass: number, after: number, upTo: number, scan: number, kinds: 'samples' | 'any') {
    // By rows that are there, not by numbers: where much has been removed a range of numbers is nearly empty.
    const last = one('SELECT seq FROM log WHERE seq > ? ORDER BY seq LIMIT 1 OFFSET ?', after, scan - 1)
    const end = last === 0 ? upTo : Math.min(upTo, last)
    return inTransaction(db, path, () => {
      const shed = kinds === 'samples' ? 'AND (tag & 8) <> 0' : ''
      const removed = Number(
        db.prepare(`DELETE FROM log WHERE seq > ? AND seq <= ? AND (tag & 7) = ? ${shed}`).run(after, end, rowClass)
          .changes,
      )
      if (removed > 0 && rowClass !== 2)
        db.prepare(
          'DELETE FROM rare WHERE seq > ? AND seq <= ? AND seq NOT IN (SELECT seq FROM log WHERE seq > ? AND seq <= ?)',
        ).run(after, end, after, end)
      db.prepare(
        "INSERT INTO meta (name, value) VALUES ('floor', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      ).run(lastSeq)
      return { removed, upTo: end }
    })
  }

  function expiryMarks(): Record<string, number> {
    const rows = db.prepare("SELECT name, value FROM meta WHERE name LIKE 'expired:%'").all() as {
      name: string
      value: number
    }[]
    return Object.fromEntries(rows.map((r) => [r.name.slice(8), r.value]))
  }

  function saveExpiryMark(rowClass: string, seq: number): void {
    db.prepare(
      'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    ).run(`expired:${rowClass}`, seq)
  }

  const methods = {
    opened: (): OpenAnswer => ({
      lastSeq,
      firstSeq: firstSeq(),
      cursors: (
        db.prepare('SELECT name, lane, position FROM cursor').all() as { name: string; lane: Lane; position: number }[]
      ).map((c) => [c.name, c.lane, c.position]),
      isolated,
      reserved,
      remembered: filter.size(),
      bytes: bytes(),
    }),
    commit,
    read,
    newest,
    find,
    seqAt,
    countAfter,
    remove,
    expiryMarks,
    saveExpiryMark,
    size: () => ({ bytes: bytes(), firstSeq: firstSeq() }),
    forget: (name: string) => void db.prepare('DELETE FROM cursor WHERE name = ?').run(name),
    /** Gives the reserved space back to the disk, so that alerts can still be written. */
    releaseBallast: () => {
      rmSync(ballastPath, { force: true })
      try {
        db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      } catch {
        // The log is emptied at a later commit; the space of the ballast is enough until then.
      }
    },
    restoreBallast: writeBallast,
    close: () => {
      if (db.isOpen) db.close()
    },
  }
  return options.readOnly ? methods : watchful(path, methods)
}

interface StoredRow {
  seq: number
  at: number
  tag: number
  body: string
}

function pack(rows: StoredRow[]): RowBlock {
  const block: RowBlock = {
    seqs: new Float64Array(rows.length),
    ats: new Float64Array(rows.length),
    tags: new Uint8Array(rows.length),
    rows: '',
  }
  const bodies: string[] = []
  rows.forEach((row, i) => {
    block.seqs[i] = row.seq
    block.ats[i] = row.at
    block.tags[i] = row.tag
    bodies.push(row.body)
  })
  block.rows = bodies.join('\n')
  return block
}

function lazily(db: DatabaseSync, sql: string): () => StatementSync {
  let statement: StatementSync | null = null
  return () => {
    statement ??= db.prepare(sql)
    return statement
  }
}

function readPromise(path: string): number {
  try {
    const value = Number(readFileSync(path, 'utf8'))
    return Number.isSafeInteger(value) && value > 0 ? value : 0
  } catch {
    return 0
  }
}

/** A journal that cannot even be opened on a full disk: that is what the reserve is for. */
function withReserve<T>(ballastPath: string, readOnly: boolean, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if ((error as { code?: string }).code !== 'disk-full' || readOnly || !existsSync(ballastPath)) throw error
    rmSync(ballastPath)
    return work()
  }
}

const OPENING = { durability: 'full', pageBytes: 8192, checkpointPages: 2000 } as const

function openOrIsolate(
  path: string,
  options: StorageOptions,
  promised: number,
): { db: DatabaseSync; isolated: Isolated | null } {
  const start = (): DatabaseSync => {
    const db = openDatabase(path, { ...OPENING, readOnly: options.readOnly })
    try {
      if (!options.readOnly) db.exec(JOURNAL_SCHEMA)
      // The newest rows and every small table are read before anything is promised: that is where a cut shows.
      db.prepare('SELECT max(length(body)) FROM (SELECT body FROM log ORDER BY seq DESC LIMIT 5000)').get()
      for (const table of ['rare', 'mark', 'cursor', 'meta']) db.prepare(`SELECT count(*) FROM ${table}`).get()
      const fault = options.readOnly ? null : faultOf(db, path)
      if (fault !== null) throw storeError({ errcode: 11, message: fault }, path)
      return db
    } catch (error) {
      db.close()
      throw storeError(error, path)
    }
  }
  const isolate = () => {
    const isolated = isolateJournal(path, options.now, promised)
    clearSuspect(path)
    return { db: start(), isolated }
  }
  if (!options.readOnly) {
    const size = statSync(path, { throwIfNoEntry: false })?.size
    // SQLite takes an empty or missing file for a new database; numbers that were promised say that there was one.
    if (size === 0 || (size === undefined && promised > 0) || isSuspect(path)) return isolate()
  }
  try {
    return { db: start(), isolated: null }
  } catch (error) {
    if (!isCorrupt(error) || options.readOnly) throw error
    return isolate()
  }
}

export type { Isolated }
