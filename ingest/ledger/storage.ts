/**
 * The ledger's file: chain entries, payloads beside them, day numbers, signed checkpoints. Runs in its own thread.
 * Entries are only ever added; the payload table is the one from which something may be deleted.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify as verifySignature } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { localTime } from '#model/local-time.ts'
import { inTransaction, openDatabase, storeError } from '../thread/sqlite.ts'
import { type ChainHash, entryHash, GENESIS, merkleProof, merkleRoot, type ProofStep, payloadHash } from './chain.ts'

export interface LedgerStorageOptions {
  dir: string
  timezone: string
  hash: ChainHash
  readOnly: boolean
}

export interface AppendRow {
  at: number
  kind: string
  ref: string | null
  by: string | null
  salt: string
  text: string
  /** The number under which an alert was raised. */
  number?: { alert: string; raisedAt: number; text: string }
}

export interface StoredEntry {
  seq: number
  at: number
  kind: 'alert' | 'act' | 'note'
  ref: string | null
  by: string | null
  payloadHash: string
  hash: string
  /** Null once the payload has been deleted. */
  text: string | null
}

export interface Checkpoint {
  seq: number
  at: number
  fromSeq: number
  /** Root over the entry hashes fromSeq … seq. */
  root: string
  /** Hash of entry `seq`: fixes everything before it. */
  head: string
  hash: ChainHash
  algorithm: 'ed25519'
  signature: string
}

export interface VerifyAnswer {
  entries: number
  ok: boolean
  badSeq: number | null
  detail: string | null
}

export interface ListQuery {
  from?: number
  to?: number
  ref?: string
  kind?: string
  limit?: number
  afterSeq?: number
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entry (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, ref TEXT, by TEXT, payload_hash TEXT NOT NULL, hash TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS entry_ref ON entry (ref, seq) WHERE ref IS NOT NULL;
  CREATE TABLE IF NOT EXISTS payload (seq INTEGER PRIMARY KEY, salt TEXT NOT NULL, body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS number (alert TEXT PRIMARY KEY, day TEXT NOT NULL, n INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS number_day ON number (day, n);
  CREATE TABLE IF NOT EXISTS checkpoint (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, from_seq INTEGER NOT NULL, root TEXT NOT NULL, head TEXT NOT NULL, hash TEXT NOT NULL, algorithm TEXT NOT NULL, signature TEXT NOT NULL);
`
const COLUMNS = 'entry.seq, at, kind, ref, by, payload_hash AS payloadHash, hash, body AS text'

export const checkpointText = (c: Omit<Checkpoint, 'signature'>): string =>
  JSON.stringify(['wardwatch-checkpoint-1', c.seq, c.at, c.fromSeq, c.root, c.head, c.hash, c.algorithm])

export function open(options: LedgerStorageOptions) {
  const path = join(options.dir, 'ledger.db')
  const db = openDatabase(path, { durability: 'full', readOnly: options.readOnly })
  const { privateKey, publicKey } = openKeys(options)
  if (!options.readOnly) db.exec(SCHEMA)
  const last = db.prepare('SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1').get() as
    | { seq: number; hash: string }
    | undefined
  let head = last ?? { seq: 0, hash: GENESIS }
  /** Numbers that were given and whose entry is not yet written; highest number of each day. */
  const given = new Map<string, { day: string; n: number }>()
  const tops = new Map<string, number>()

  function append(rows: AppendRow[]): Omit<StoredEntry, 'text'>[] {
    let { seq, hash } = head
    const entries: Omit<StoredEntry, 'text'>[] = []
    inTransaction(db, path, () => {
      const addEntry = db.prepare(
        'INSERT INTO entry (seq, at, kind, ref, by, payload_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?)',
      )
      const addPayload = db.prepare('INSERT INTO payload (seq, salt, body) VALUES (?, ?, ?)')
      const addNumber = db.prepare('INSERT OR IGNORE INTO number (alert, day, n) VALUES (?, ?, ?)')
      for (const row of rows) {
        const fixed = { at: row.at, kind: row.kind as StoredEntry['kind'], ref: row.ref, by: row.by }
        const entry = { seq: ++seq, ...fixed, payloadHash: payloadHash(options.hash, row.salt, row.text) }
        hash = entryHash(options.hash, hash, entry)
        addEntry.run(entry.seq, entry.at, entry.kind, entry.ref, entry.by, entry.payloadHash, hash)
        addPayload.run(entry.seq, row.salt, row.text)
        if (row.number) {
          const day = localTime(options.timezone, row.number.raisedAt).date
          const n = Number(row.number.text.slice(5))
          addNumber.run(row.number.alert, day, n)
          tops.set(day, Math.max(topOf(day), n))
        }
        entries.push({ ...entry, hash })
      }
    })
    head = { seq, hash }
    for (const row of rows) if (row.number) given.delete(row.number.alert)
    return entries
  }

  /**
   * The running number of the local day, given once per alert. It is on disk with the entry that says `raised`, in the
   * same transaction, so asking for it costs no write of its own.
   */
  function numbers(alerts: [id: string, raisedAt: number][]): string[] {
    const find = db.prepare('SELECT day, n FROM number WHERE alert = ?')
    return alerts.map(([alert, at]) => {
      const known = given.get(alert) ?? (find.get(alert) as { day: string; n: number } | undefined)
      if (known) return written(known)
      const day = localTime(options.timezone, at).date
      const fresh = { day, n: topOf(day) + 1 }
      tops.set(day, fresh.n)
      given.set(alert, fresh)
      return written(fresh)
    })
  }

  /** Takes `count` numbers of a day out of the row for `freshNumbers`; what is not used before the end is given again. */
  function reserve(day: string, count: number): number {
    const first = topOf(day) + 1
    tops.set(day, first + count - 1)
    return first
  }

  function topOf(day: string): number {
    const known = tops.get(day)
    if (known !== undefined) return known
    if (tops.size > 1000) tops.clear()
    const top = db.prepare('SELECT max(n) AS n FROM number WHERE day = ?').get(day) as { n: number | null }
    const unsaved = [...given.values()].filter((g) => g.day === day).map((g) => g.n)
    return Math.max(top.n ?? 0, ...unsaved)
  }

  /** Chain hash of the newest entry about `ref` with exactly this payload; null while there is none. */
  function hashOf(ref: string, text: string): string | null {
    const row = db
      .prepare(
        'SELECT hash FROM entry JOIN payload USING (seq) WHERE ref = ? AND body = ? ORDER BY entry.seq DESC LIMIT 1',
      )
      .get(ref, text) as { hash: string } | undefined
    return row?.hash ?? null
  }

  function list(query: ListQuery): StoredEntry[] {
    const where: string[] = ['entry.seq > ?']
    const args: (string | number)[] = [query.afterSeq ?? 0]
    for (const [name, clause] of [
      ['from', 'at >= ?'],
      ['to', 'at <= ?'],
      ['ref', 'ref = ?'],
      ['kind', 'kind = ?'],
    ] as const)
      if (query[name] !== undefined) {
        where.push(clause)
        args.push(query[name])
      }
    args.push(query.limit ?? 200)
    try {
      return db
        .prepare(
          `SELECT ${COLUMNS} FROM entry LEFT JOIN payload USING (seq) WHERE ${where.join(' AND ')} ORDER BY entry.seq LIMIT ?`,
        )
        .all(...args) as unknown as StoredEntry[]
    } catch (error) {
      throw storeError(error, path)
    }
  }

  function verify(fromSeq: number): VerifyAnswer {
    const before =
      fromSeq > 1 ? (db.prepare('SELECT hash FROM entry WHERE seq = ?').get(fromSeq - 1) as { hash: string }) : null
    let previous = before?.hash ?? GENESIS
    let expected = fromSeq
    let entries = 0
    const bad = (seq: number, detail: string): VerifyAnswer => ({ entries, ok: false, badSeq: seq, detail })
    try {
      const rows = db.prepare(
        `SELECT ${COLUMNS}, salt FROM entry LEFT JOIN payload USING (seq) WHERE entry.seq >= ? ORDER BY entry.seq`,
      )
      for (const row of rows.iterate(fromSeq) as Iterable<unknown> as Iterable<StoredEntry & { salt: string | null }>) {
        if (row.seq !== expected) return bad(expected, `entry ${expected} is missing`)
        if (entryHash(options.hash, previous, row) !== row.hash)
          return bad(row.seq, `entry ${row.seq} or its predecessor has been changed: its hash does not fit`)
        if (row.text !== null && payloadHash(options.hash, row.salt ?? '', row.text) !== row.payloadHash)
          return bad(row.seq, `the payload of entry ${row.seq} has been changed`)
        previous = row.hash
        expected++
        entries++
      }
      for (const c of checkpoints(fromSeq)) {
        const values = hashes(c.fromSeq, c.seq)
        if (c.seq >= expected) return bad(expected, `checkpoint ${c.seq} names entries that are missing`)
        if (values.at(-1) !== c.head || merkleRoot(c.hash, values) !== c.root)
          return bad(c.seq, `checkpoint ${c.seq} does not fit its entries: the chain has been rewritten`)
        const signed = verifySignature(null, Buffer.from(checkpointText(c)), publicKey, Buffer.from(c.signature, 'hex'))
        if (!signed) return bad(c.seq, `the signature of checkpoint ${c.seq} is not that of this ledger's key`)
      }
    } catch (error) {
      const known = storeError(error, path) as Error
      return bad(expected, `the file cannot be read at entry ${expected}: ${known.message}`)
    }
    return { entries, ok: true, badSeq: null, detail: null }
  }

  const hashes = (from: number, to: number): string[] =>
    (
      db.prepare('SELECT hash FROM entry WHERE seq BETWEEN ? AND ? ORDER BY seq').all(from, to) as { hash: string }[]
    ).map((r) => r.hash)

  function checkpoints(fromSeq: number): Checkpoint[] {
    return db
      .prepare(
        'SELECT seq, at, from_seq AS fromSeq, root, head, hash, algorithm, signature FROM checkpoint WHERE from_seq >= ? ORDER BY seq',
      )
      .all(fromSeq) as unknown as Checkpoint[]
  }

  /** Signs everything since the last checkpoint; null when nothing is new. */
  function checkpoint(at: number): Checkpoint | null {
    const lastOne = db.prepare('SELECT max(seq) AS seq FROM checkpoint').get() as { seq: number | null }
    const fromSeq = (lastOne.seq ?? 0) + 1
    if (fromSeq > head.seq || !privateKey) return null
    const unsigned = {
      seq: head.seq,
      at,
      fromSeq,
      root: merkleRoot(options.hash, hashes(fromSeq, head.seq)),
      head: head.hash,
      hash: options.hash,
      algorithm: 'ed25519' as const,
    }
    const signature = sign(null, Buffer.from(checkpointText(unsigned)), privateKey).toString('hex')
    inTransaction(db, path, () =>
      db
        .prepare(
          'INSERT INTO checkpoint (seq, at, from_seq, root, head, hash, algorithm, signature) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        )
        .run(unsigned.seq, at, fromSeq, unsigned.root, unsigned.head, unsigned.hash, unsigned.algorithm, signature),
    )
    return { ...unsigned, signature }
  }

  /** That entry `seq` lies under a signed root; null while no checkpoint covers it. */
  function proof(seq: number): { entryHash: string; checkpoint: Checkpoint; steps: ProofStep[] } | null {
    const row = db
      .prepare(
        'SELECT seq, at, from_seq AS fromSeq, root, head, hash, algorithm, signature FROM checkpoint WHERE seq >= ? ORDER BY seq LIMIT 1',
      )
      .get(seq) as unknown as Checkpoint | undefined
    if (!row) return null
    const values = hashes(row.fromSeq, row.seq)
    return {
      entryHash: values[seq - row.fromSeq]!,
      checkpoint: row,
      steps: merkleProof(row.hash, values, seq - row.fromSeq),
    }
  }

  return {
    head: () => head,
    publicKey: () => publicKey.export({ type: 'spki', format: 'pem' }) as string,
    append,
    numbers,
    reserve,
    hashOf,
    list,
    verify,
    checkpoint,
    proof,
    close: () => db.close(),
  }
}

export const written = (given: { day: string; n: number }): string =>
  `${given.day.slice(5, 7)}${given.day.slice(8, 10)}-${String(given.n).padStart(4, '0')}`

/** The signing key lies beside the ledger, readable by its owner alone. SM2 has its place here: another key type. */
function openKeys(options: LedgerStorageOptions) {
  const path = join(options.dir, 'ledger-key.pem')
  const publicPath = join(options.dir, 'ledger-key.pub.pem')
  try {
    if (!existsSync(path) && !options.readOnly) {
      const pair = generateKeyPairSync('ed25519')
      writeFileSync(path, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flush: true })
      writeFileSync(publicPath, pair.publicKey.export({ type: 'spki', format: 'pem' }), { flush: true })
    }
    if (options.readOnly) return { privateKey: null, publicKey: createPublicKey(readFileSync(publicPath)) }
    const privateKey = createPrivateKey(readFileSync(path))
    return { privateKey, publicKey: createPublicKey(privateKey) }
  } catch (error) {
    throw storeError(error, path)
  }
}
