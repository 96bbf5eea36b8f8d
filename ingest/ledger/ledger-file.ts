/**
 * The ledger's SQLite file read as it lies: entries with what is stored beside them, checkpoints, suites, anchors. Reads
 * files of every age: what an older file does not have is empty. Must never write.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { ChainHash } from './chain.ts'
import { type LedgerLoss, losses } from './salvage.ts'
import type { SignatureAlgorithm } from './signing.ts'

export interface Checkpoint {
  seq: number
  at: number
  fromSeq: number
  /** Root over the entry hashes fromSeq … seq. */
  root: string
  /** Hash of entry `seq`: fixes everything before it. */
  head: string
  hash: ChainHash
  algorithm: SignatureAlgorithm
  signature: string
}

/** An entry with its payload as stored: plain, sealed, or removed. */
export interface FileEntry {
  seq: number
  at: number
  kind: 'alert' | 'act' | 'note'
  ref: string | null
  by: string | null
  payloadHash: string
  hash: string
  salt: string | null
  body: string | null
}

/** The province has said that it has this anchor. */
export interface KeptAnchor {
  ledgerSeq: number
  ledgerHash: string
  at: number
  acknowledgedAt: number
}

export const ENTRY_COLUMNS = 'entry.seq, at, kind, ref, by, payload_hash AS payloadHash, hash'
const CHECKPOINT_COLUMNS = 'seq, at, from_seq AS fromSeq, root, head, hash, algorithm, signature'

export interface LedgerFile {
  /** Hash by which entry `seq` is chained. */
  hashName(seq: number): ChainHash
  head(): { seq: number; hash: string } | null
  hashAt(seq: number): string | null
  /** Of the entry before `seq`, whichever number it has. */
  hashBefore(seq: number): string | null
  hashes(from: number, to: number): string[]
  entries(from: number, to?: number): Iterable<FileEntry>
  /** Checkpoints that begin at or after `from` and end at or before `to`. */
  checkpoints(from: number, to?: number): Checkpoint[]
  covering(seq: number): Checkpoint | null
  forgotten(): string[]
  anchors(fromMs: number, toMs: number): KeptAnchor[]
  /** What was found damaged at a start, and what is missing since. */
  losses(): LedgerLoss[]
}

const LAST = Number.MAX_SAFE_INTEGER

export function readLedger(db: DatabaseSync): LedgerFile {
  const all = <T>(sql: string, ...args: (string | number)[]): T[] => db.prepare(sql).all(...args) as unknown as T[]
  const has = (table: string): boolean =>
    db.prepare("SELECT 1 AS n FROM sqlite_schema WHERE type = 'table' AND name = ?").get(table) !== undefined
  // Files from before the suites were chained by SHA-256 throughout.
  const suites = (): { from: number; hash: ChainHash }[] =>
    has('suite') ? all('SELECT from_seq AS "from", hash FROM suite ORDER BY from_seq') : []
  let known: { from: number; hash: ChainHash }[] | null = null

  return {
    hashName(seq) {
      known ??= suites()
      return known.findLast((suite) => suite.from <= seq)?.hash ?? 'sha256'
    },
    head: () => all<{ seq: number; hash: string }>('SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1')[0] ?? null,
    hashAt: (seq) => all<{ hash: string }>('SELECT hash FROM entry WHERE seq = ?', seq)[0]?.hash ?? null,
    hashBefore: (seq) =>
      all<{ hash: string }>('SELECT hash FROM entry WHERE seq < ? ORDER BY seq DESC LIMIT 1', seq)[0]?.hash ?? null,
    hashes: (from, to) =>
      all<{ hash: string }>('SELECT hash FROM entry WHERE seq BETWEEN ? AND ? ORDER BY seq', from, to).map(
        (r) => r.hash,
      ),
    entries: (from, to = LAST) =>
      db
        .prepare(
          `SELECT ${ENTRY_COLUMNS}, salt, body FROM entry LEFT JOIN payload USING (seq) WHERE entry.seq BETWEEN ? AND ? ORDER BY entry.seq`,
        )
        .iterate(from, to) as Iterable<unknown> as Iterable<FileEntry>,
    checkpoints: (from, to = LAST) =>
      all(`SELECT ${CHECKPOINT_COLUMNS} FROM checkpoint WHERE from_seq >= ? AND seq <= ? ORDER BY seq`, from, to),
    covering: (seq) =>
      all<Checkpoint>(`SELECT ${CHECKPOINT_COLUMNS} FROM checkpoint WHERE seq >= ? ORDER BY seq LIMIT 1`, seq)[0] ??
      null,
    forgotten: () => (has('forgotten') ? all<{ key: string }>('SELECT key FROM forgotten').map((r) => r.key) : []),
    losses: () => losses(db),
    anchors: (fromMs, toMs) =>
      has('anchor')
        ? all(
            'SELECT ledger_seq AS ledgerSeq, ledger_hash AS ledgerHash, at, acknowledged_at AS acknowledgedAt FROM anchor WHERE at >= ? AND at < ? ORDER BY ledger_seq',
            fromMs,
            toMs,
          )
        : [],
  }
}

/** What a checkpoint's signature is about. Must never change. */
export const checkpointText = (c: Omit<Checkpoint, 'signature'>): string =>
  JSON.stringify(['wardwatch-checkpoint-1', c.seq, c.at, c.fromSeq, c.root, c.head, c.hash, c.algorithm])
