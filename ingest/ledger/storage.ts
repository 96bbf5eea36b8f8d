/**
 * The ledger's file: chain entries, payloads beside them (sealed where they are about persons), day numbers, signed
 * checkpoints, anchors. Runs in its own thread. Entries are only ever added; the payload table and the key file of the
 * persons are the ones from which something may be deleted.
 */
import { join } from 'node:path'
import { inTransaction, openDatabase, storeError } from '../thread/sqlite.ts'
import { watchful } from '../thread/whole.ts'
import { type CertificateFacts, dayFacts } from './certificate.ts'
import {
  type ChainHash,
  digest,
  entryHash,
  GENESIS,
  merkleProof,
  merkleRoot,
  type ProofStep,
  payloadHash,
} from './chain.ts'
import { openDayNumbers, type RaisedNumber } from './day-numbers.ts'
import { type Checkpoint, checkpointText, ENTRY_COLUMNS, type FileEntry, readLedger } from './ledger-file.ts'
import { isSealed, openPersonKeys, type PayloadCipher, personsOf, sealedKeys } from './personal.ts'
import { endOf, type LedgerLoss, losses, openLedgerFile, promiseKeeper } from './salvage.ts'
import { openSigningKeys, type PublicKeyText, type Signature, type SignatureAlgorithm } from './signing.ts'
import { type AnchorClaim, type VerifyAnswer, verifyLedger } from './verification.ts'

export type { Checkpoint } from './ledger-file.ts'
export type { VerifyAnswer } from './verification.ts'

export interface LedgerStorageOptions {
  dir: string
  timezone: string
  hash: ChainHash
  readOnly: boolean
  /** Time of the start, for the name of a damaged file that is moved aside. */
  now?: number
  signature?: SignatureAlgorithm
  cipher?: PayloadCipher
  /** Opens the keys of persons; without it payloads are kept as they come, and sealed ones cannot be read. */
  facilityKey?: string
  /** Chance for the keys of persons; handed in by tests without a thread only. */
  bytes?(n: number): Buffer
}

export interface AppendRow {
  at: number
  kind: string
  ref: string | null
  by: string | null
  salt: string
  text: string
  /** About whom the payload is: it is sealed with their keys. */
  persons?: string[]
  /** The number under which an alert was raised. */
  number?: RaisedNumber
  /** By what the entry is known again when nobody can read it. */
  mark?: string
  /** The entry records that this key is destroyed; nothing behind it in the same call may be about its person. */
  forgets?: string
}

interface StoredText {
  mark: string | null
  body: string | null
}

export interface StoredEntry {
  seq: number
  at: number
  kind: 'alert' | 'act' | 'note'
  ref: string | null
  by: string | null
  payloadHash: string
  hash: string
  /** Null when it cannot be read: see `payloadState`. */
  text: string | null
  /** `deleted`: removed, or the key of a person destroyed. `unreadable`: the keys of the persons are not at hand. */
  payloadState?: 'deleted' | 'unreadable'
}

export interface ListQuery {
  from?: number
  to?: number
  ref?: string
  kind?: string
  limit?: number
  afterSeq?: number
}

/** One entry with everything that proves it: what `wardwatch ledger proof` writes. */
export interface EntryProof {
  entry: FileEntry
  /** Hash of the entry before. */
  previous: string
  entryHash: string
  checkpoint: Checkpoint
  steps: ProofStep[]
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entry (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, ref TEXT, by TEXT, payload_hash TEXT NOT NULL, hash TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS entry_ref ON entry (ref, seq) WHERE ref IS NOT NULL;
  CREATE TABLE IF NOT EXISTS payload (seq INTEGER PRIMARY KEY, salt TEXT NOT NULL, body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS number (alert TEXT PRIMARY KEY, day TEXT NOT NULL, n INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS number_day ON number (day, n);
  CREATE TABLE IF NOT EXISTS checkpoint (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, from_seq INTEGER NOT NULL, root TEXT NOT NULL, head TEXT NOT NULL, hash TEXT NOT NULL, algorithm TEXT NOT NULL, signature TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS suite (from_seq INTEGER PRIMARY KEY, hash TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS forgotten (key TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS mark (seq INTEGER PRIMARY KEY, mark TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS anchor (ledger_seq INTEGER PRIMARY KEY, ledger_hash TEXT NOT NULL, at INTEGER NOT NULL, acknowledged_at INTEGER NOT NULL);
`
/** Changes whose chain hash is at hand without a look into the file. */
const RECENT = 20_000
/** Entries of an alert that an older change is looked for among. */
const MAX_SEARCHED = 5000
/** Entries whose mark is kept: far more than the desk may be ahead of its place in the journal. */
const MARKED = 50_000

export function open(options: LedgerStorageOptions) {
  const path = join(options.dir, 'ledger.db')
  const db = options.readOnly
    ? openDatabase(path, { durability: 'full', readOnly: true })
    : openLedgerFile(path, { now: options.now ?? 0, schema: SCHEMA })
  const keepPromise = promiseKeeper(path)
  const signing = openSigningKeys(options.dir, options.signature ?? 'ed25519', !options.readOnly)
  const persons = options.facilityKey
    ? openPersonKeys(
        options.dir,
        options.facilityKey,
        options.cipher ?? 'aes-256-gcm',
        options.bytes ? { bytes: options.bytes } : {},
      )
    : null
  const file = readLedger(db)
  let head = file.head() ?? { seq: 0, hash: GENESIS }
  // After a loss at the end the next number lies above everything that was given; its chain goes on from what is left.
  if (!options.readOnly) head = { ...head, seq: Math.max(head.seq, endOf(db)) }
  const forgotten = new Set(file.forgotten())
  if (!options.readOnly) {
    // A ledger from before the suites is chained by SHA-256; another hash begins with the next entry.
    const last = db.prepare('SELECT hash FROM suite ORDER BY from_seq DESC LIMIT 1').get() as
      | { hash: string }
      | undefined
    const add = db.prepare('INSERT OR REPLACE INTO suite (from_seq, hash) VALUES (?, ?)')
    if (!last && head.seq > 0) add.run(1, 'sha256')
    if ((last?.hash ?? (head.seq > 0 ? 'sha256' : null)) !== options.hash) add.run(head.seq + 1, options.hash)
    // A cut between the record of a deletion and the deletion itself.
    for (const key of forgotten) persons?.leave(key)
    destroyForgotten()
  }
  const dayNumbers = openDayNumbers(db, options.timezone)
  /** Alert and text → chain hash of what was appended last: the uplink asks for each change once. */
  const recent = new Map<string, string>()

  /** What the ledger records as forgotten is gone from the disk too; a full disk must not hold up a start. */
  function destroyForgotten(): void {
    try {
      for (const key of forgotten) persons?.destroy(key)
    } catch (error) {
      if ((error as { code?: string }).code !== 'disk-full') throw error
    }
  }

  function append(rows: AppendRow[]): Omit<StoredEntry, 'text'>[] {
    let { seq, hash } = head
    const entries: Omit<StoredEntry, 'text'>[] = []
    // Keys of persons are on disk before anything that they seal.
    const bodies = seal(rows)
    const remembered: [string, string][] = []
    inTransaction(db, path, () => {
      const addEntry = db.prepare(
        'INSERT INTO entry (seq, at, kind, ref, by, payload_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?)',
      )
      const addPayload = db.prepare('INSERT INTO payload (seq, salt, body) VALUES (?, ?, ?)')
      const addMark = db.prepare('INSERT INTO mark (seq, mark) VALUES (?, ?)')
      const addForgotten = db.prepare('INSERT OR IGNORE INTO forgotten (key, seq) VALUES (?, ?)')
      rows.forEach((row, i) => {
        const fixed = { at: row.at, kind: row.kind as StoredEntry['kind'], ref: row.ref, by: row.by }
        const entry = { seq: ++seq, ...fixed, payloadHash: payloadHash(options.hash, row.salt, bodies[i]!) }
        hash = entryHash(options.hash, hash, entry)
        addEntry.run(entry.seq, entry.at, entry.kind, entry.ref, entry.by, entry.payloadHash, hash)
        addPayload.run(entry.seq, row.salt, bodies[i]!)
        if (row.number) dayNumbers.write(row.number)
        if (row.mark !== undefined) addMark.run(entry.seq, row.mark)
        if (row.forgets !== undefined) addForgotten.run(row.forgets, entry.seq)
        entries.push({ ...entry, hash })
        if (row.kind === 'alert' && row.ref !== null) remembered.push([nameOf(row.ref, row.text), hash])
      })
      db.prepare('DELETE FROM mark WHERE seq <= ?').run(seq - MARKED)
    })
    head = { seq, hash }
    keepPromise(seq)
    for (const { forgets } of rows)
      if (forgets !== undefined) {
        forgotten.add(forgets)
        persons?.leave(forgets)
      }
    for (const [name, chained] of remembered) recent.set(name, chained)
    for (const name of recent.keys()) {
      if (recent.size <= RECENT) break
      recent.delete(name)
    }
    for (const row of rows) if (row.number) dayNumbers.written(row.number.alert)
    return entries
  }

  /** What is stored for each row: sealed with the keys of the persons; an act on an alert with those of the alert. */
  function seal(rows: AppendRow[]): string[] {
    if (!persons) return rows.map((row) => row.text)
    const ofAlert = new Map<string, string[]>()
    const bodies = rows.map((row) => {
      let keys = persons.idsOf(row.persons ?? [])
      if (row.kind === 'alert' && row.ref !== null) ofAlert.set(row.ref, keys)
      if (row.kind === 'act' && row.ref !== null && keys.length === 0) {
        keys = ofAlert.get(row.ref) ?? keysOfAlert(row.ref)
        ofAlert.set(row.ref, keys)
      }
      return keys.length === 0 ? row.text : persons.seal(keys, row.text)
    })
    persons.flush()
    return bodies
  }

  function keysOfAlert(ref: string): string[] {
    const row = db
      .prepare(
        "SELECT body FROM entry JOIN payload USING (seq) WHERE ref = ? AND kind = 'alert' ORDER BY entry.seq DESC LIMIT 1",
      )
      .get(ref) as { body: string } | undefined
    if (!row) return []
    // The key of somebody who was forgotten since seals nothing any more.
    if (isSealed(row.body)) return sealedKeys(row.body).filter((key) => !forgotten.has(key))
    return persons?.idsOf(personsOf('alert', JSON.parse(row.body))) ?? []
  }

  function opened(body: string | null): Pick<StoredEntry, 'text' | 'payloadState'> {
    if (body === null) return { text: null, payloadState: 'deleted' }
    if (!isSealed(body)) return { text: body }
    const answer = persons?.open(body, (key) => forgotten.has(key))
    if (answer?.state === 'present') return { text: answer.text }
    const gone = answer?.state === 'deleted' || sealedKeys(body).some((key) => forgotten.has(key))
    return { text: null, payloadState: gone ? 'deleted' : 'unreadable' }
  }

  const isIt = (row: StoredText, text: string, mark: string | null): boolean =>
    row.mark !== null && mark !== null ? row.mark === mark : row.body === text || opened(row.body).text === text

  /** Chain hash of the newest entry about `ref` with exactly this payload; null while there is none. */
  function hashOf(ref: string, text: string, mark: string | null = null): string | null {
    const known = recent.get(nameOf(ref, text))
    if (known !== undefined) return known
    const rows = db
      .prepare(
        `SELECT hash, body, mark FROM entry LEFT JOIN payload USING (seq) LEFT JOIN mark USING (seq)
         WHERE ref = ? ORDER BY entry.seq DESC LIMIT ?`,
      )
      .iterate(ref, MAX_SEARCHED) as Iterable<unknown> as Iterable<StoredText & { hash: string }>
    for (const row of rows) if (isIt(row, text, mark)) return row.hash
    return null
  }

  /** Does the ledger have this already? What cannot be read any more is known by its mark. */
  function holds(ref: string | null, kind: string, text: string, mark: string | null): boolean {
    const rows = db
      .prepare(
        `SELECT mark, body FROM entry LEFT JOIN payload USING (seq) LEFT JOIN mark USING (seq)
         WHERE ${ref === null ? 'ref IS NULL AND ? IS NULL' : 'ref = ?'} AND kind = ? ORDER BY entry.seq DESC`,
      )
      .iterate(ref, kind) as Iterable<unknown> as Iterable<StoredText>
    for (const row of rows) if (isIt(row, text, mark)) return true
    return false
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
      const rows = db
        .prepare(
          `SELECT ${ENTRY_COLUMNS}, body FROM entry LEFT JOIN payload USING (seq) WHERE ${where.join(' AND ')} ORDER BY entry.seq LIMIT ?`,
        )
        .all(...args) as unknown as (Omit<StoredEntry, 'text'> & { body: string | null })[]
      return rows.map(({ body, ...entry }) => ({ ...entry, ...opened(body) }))
    } catch (error) {
      throw storeError(error, path)
    }
  }

  function verify(from: number, anchors: AnchorClaim[] = []): VerifyAnswer {
    try {
      return verifyLedger(file, signing, { from, anchors })
    } catch (error) {
      const known = storeError(error, path) as Error
      const detail = `the file cannot be read: ${known.message}`
      return {
        entries: 0,
        ok: false,
        badSeq: from,
        detail,
        missing: [],
        checkpoints: 0,
        unsigned: 0,
        deleted: 0,
        anchors: 0,
      }
    }
  }

  /**
   * Looks through some stored payloads for one person: counts those sealed with his key, removes plain ones of older
   * ledgers that name him, and acts on alerts about him that were kept plain.
   */
  function forgetScan(person: string, key: string | null, refs: string[], after: number, limit: number) {
    const about = new Set(refs)
    const rows = db
      .prepare(
        'SELECT entry.seq, kind, ref, body FROM entry LEFT JOIN payload USING (seq) WHERE entry.seq > ? ORDER BY entry.seq LIMIT ?',
      )
      .all(after, limit) as unknown as { seq: number; kind: string; ref: string | null; body: string | null }[]
    const remove: number[] = []
    let sealed = 0
    for (const { seq, kind, ref, body } of rows) {
      if (body === null) continue
      let his = false
      if (isSealed(body)) {
        his = key !== null && sealedKeys(body).includes(key)
        if (his) sealed++
      } else if (
        (ref !== null && kind === 'act' && about.has(ref)) ||
        (body.includes(JSON.stringify(person)) && personsOf(kind, JSON.parse(body)).includes(person))
      ) {
        his = true
        remove.push(seq)
      }
      if (his && ref !== null && kind === 'alert') about.add(ref)
    }
    if (remove.length > 0) {
      db.exec('PRAGMA secure_delete = ON')
      inTransaction(db, path, () => {
        const drop = db.prepare('DELETE FROM payload WHERE seq = ?')
        for (const seq of remove) drop.run(seq)
      })
    }
    return { upTo: rows.at(-1)?.seq ?? null, sealed, removed: remove.length, refs: [...about] }
  }

  /** The deletion stands in the ledger before the key is destroyed: an `append` that `forgets` it came first. */
  const forget = (key: string): void => {
    if (forgotten.has(key)) persons?.destroy(key)
  }

  function anchored(anchor: AnchorClaim, acknowledgedAt: number): void {
    inTransaction(db, path, () =>
      db
        .prepare('INSERT OR IGNORE INTO anchor (ledger_seq, ledger_hash, at, acknowledged_at) VALUES (?, ?, ?, ?)')
        .run(anchor.ledgerSeq, anchor.ledgerHash, anchor.at, acknowledgedAt),
    )
  }

  /** Signs everything since the last checkpoint; null when nothing is new. */
  function checkpoint(at: number): Checkpoint | null {
    let last: Checkpoint | null = null
    // One for each run of entries: a root over both sides of a loss would say that nothing was between them.
    for (let next = signRun(at); next !== null; next = signRun(at)) last = next
    return last
  }

  function signRun(at: number): Checkpoint | null {
    const one = (sql: string, seq: number) => (db.prepare(sql).get(seq) as { seq: number | null }).seq
    const signedUpTo = one('SELECT max(seq) AS seq FROM checkpoint WHERE seq > ?', 0) ?? 0
    const fromSeq = one('SELECT min(seq) AS seq FROM entry WHERE seq > ?', signedUpTo)
    if (fromSeq === null) return null
    const lostFrom = one("SELECT min(lost_from) AS seq FROM loss WHERE part = 'entries' AND lost_from > ?", fromSeq)
    const seq = Math.min(head.seq, (lostFrom ?? head.seq + 1) - 1)
    const unsigned = {
      seq,
      at,
      fromSeq,
      root: merkleRoot(options.hash, file.hashes(fromSeq, seq)),
      head: seq === head.seq ? head.hash : (file.hashAt(seq) ?? ''),
      hash: options.hash,
      algorithm: options.signature ?? 'ed25519',
    }
    const signed = signing.sign(checkpointText(unsigned))
    if (!signed) return null
    inTransaction(db, path, () =>
      db
        .prepare(
          'INSERT INTO checkpoint (seq, at, from_seq, root, head, hash, algorithm, signature) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        )
        .run(seq, at, fromSeq, unsigned.root, unsigned.head, unsigned.hash, unsigned.algorithm, signed.signature),
    )
    return { ...unsigned, signature: signed.signature }
  }

  /** That entry `seq` lies under a signed root; null while no checkpoint covers it. */
  function proof(seq: number): EntryProof | null {
    const [entry] = file.entries(seq, seq)
    const row = file.covering(seq)
    if (!entry || !row || row.fromSeq > seq) return null
    const values = file.hashes(row.fromSeq, row.seq)
    return {
      entry,
      previous: seq === 1 ? GENESIS : (file.hashAt(seq - 1) ?? ''),
      entryHash: values[seq - row.fromSeq]!,
      checkpoint: row,
      steps: merkleProof(row.hash, values, seq - row.fromSeq),
    }
  }

  const methods = {
    head: () => head,
    publicKeys: (): PublicKeyText[] => signing.publicKeys(),
    sign: (text: string): Signature | null => signing.sign(text),
    hashName: (seq: number): ChainHash => file.hashName(seq),
    append,
    numbers: dayNumbers.numbers,
    reserve: dayNumbers.reserve,
    hashOf,
    list,
    verify,
    keyOf: (person: string): string | null => persons?.find(person) ?? null,
    canForget(): boolean {
      destroyForgotten()
      return persons?.fits() ?? false
    },
    holds,
    forgetScan,
    forget,
    /** Deleted text must not wait in the log of the database. */
    flush: () => void db.exec('PRAGMA wal_checkpoint(TRUNCATE)'),
    anchored,
    day: (fromMs: number, toMs: number): CertificateFacts => dayFacts(file, signing, db, fromMs, toMs),
    checkpoint,
    proof,
    losses: (): LedgerLoss[] => losses(db),
    /** The entry that names a loss is written, or what the journal still had of it was entered again. */
    lossIs: (id: number, what: 'noteSeq' | 'restored', n: number): void =>
      inTransaction(
        db,
        path,
        () =>
          void db
            .prepare(`UPDATE loss SET ${what === 'noteSeq' ? 'note_seq' : 'restored'} = ? WHERE id = ?`)
            .run(n, id),
      ),
    /** Time of the last anchor that the province has acknowledged. */
    lastAnchorAt: (): number | null =>
      (db.prepare('SELECT max(at) AS at FROM anchor').get() as { at: number | null }).at,
    close: () => db.close(),
  }
  return options.readOnly ? methods : watchful(path, methods)
}

const nameOf = (ref: string, text: string): string => digest('sha256', `${ref}\n${text}`)
