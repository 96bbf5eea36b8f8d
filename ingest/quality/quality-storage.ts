/**
 * The file of data quality and of the facts that indicators are computed from: one transaction holds the counts and the
 * place in the journal up to which they count, so that nothing is counted twice or forgotten. Runs in its own thread.
 */
import { join } from 'node:path'
import type { QuarantineFilter, QuarantineState } from '#model/ports/quality.ts'
import { inTransaction } from '../thread/sqlite.ts'
import { copyReadable, openWhole, watchful } from '../thread/whole.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS bucket (number INTEGER PRIMARY KEY, counts BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS stream (place INTEGER PRIMARY KEY, body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS ticket (id TEXT PRIMARY KEY, open INTEGER NOT NULL, since INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS quarantine (seq INTEGER PRIMARY KEY, received INTEGER NOT NULL, device TEXT, cause TEXT NOT NULL, state TEXT NOT NULL, resolved_at INTEGER, by TEXT, note TEXT);
  CREATE INDEX IF NOT EXISTS quarantine_waiting ON quarantine (seq) WHERE state = 'waiting';
  CREATE TABLE IF NOT EXISTS fact (name TEXT NOT NULL, hour INTEGER NOT NULL, part TEXT NOT NULL, value REAL NOT NULL, PRIMARY KEY (name, hour, part)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS mark (name TEXT NOT NULL, at INTEGER NOT NULL, part TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (name, at, part)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS daily (day TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id, day)) WITHOUT ROWID;
`
/** Quarantined items that are listed; older ones stay in the journal for their time, but are listed no more. */
const MAX_LISTED = 200_000

export interface FactRow {
  name: string
  /** Beginning of the hour, ms. */
  hour: number
  part: string
  value: number
}
export interface MarkRow {
  name: string
  at: number
  part: string
  n: number
}
export interface QuarantineRow {
  seq: number
  received: number
  device: string | null
  cause: string
  state: QuarantineState
  resolved_at: number | null
  by: string | null
}

export interface SaveRequest {
  position: number
  meta: Record<string, string>
  buckets: { number: number; counts: Uint8Array }[]
  goneBuckets: number[]
  streams: { place: number; body: string }[]
  goneStreams: number[]
  tickets: { id: string; open: boolean; since: number; body: string }[]
  quarantined: { seq: number; received: number; device: string | null; cause: string }[]
  /** Added to what stands there. */
  facts: FactRow[]
  marks: MarkRow[]
}

export interface Loaded {
  position: number
  meta: Record<string, string>
  buckets: { number: number; counts: Uint8Array }[]
  streams: string[]
  tickets: string[]
  waiting: number
}

export interface QualityStorageOptions {
  dir: string
  now: number
  /** What is newer than this is counted again from the journal when the file is made anew, ms. */
  countedFrom: number
}

export function open(options: QualityStorageOptions) {
  const path = join(options.dir, 'quality.db')
  const { db, damage } = openWhole(path, { durability: 'normal', now: options.now }, (opened) => opened.exec(SCHEMA))
  if (damage) {
    const before = Math.floor(options.countedFrom)
    copyReadable(damage, db, 'daily', ['id', 'day', 'body'])
    copyReadable(damage, db, 'fact', ['name', 'hour', 'part', 'value'], `hour < ${before} - 3600000`)
    copyReadable(damage, db, 'mark', ['name', 'at', 'part', 'n'], `at < ${before}`)
  }
  const putMeta = db.prepare('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)')

  function load(): Loaded {
    const meta = Object.fromEntries(
      (db.prepare('SELECT name, value FROM meta').all() as { name: string; value: string }[]).map((r) => [
        r.name,
        r.value,
      ]),
    )
    const bodies = (sql: string): string[] => (db.prepare(sql).all() as { body: string }[]).map((r) => r.body)
    return {
      position: Number(meta.position ?? 0),
      meta,
      buckets: db.prepare('SELECT number, counts FROM bucket').all() as unknown as Loaded['buckets'],
      streams: bodies('SELECT body FROM stream'),
      tickets: [
        ...bodies('SELECT body FROM ticket WHERE open = 1 ORDER BY since'),
        ...bodies('SELECT body FROM ticket WHERE open = 0 ORDER BY since DESC LIMIT 500').reverse(),
      ],
      waiting: waiting(),
    }
  }

  const waiting = (): number =>
    (db.prepare("SELECT count(*) AS n FROM quarantine WHERE state = 'waiting'").get() as { n: number }).n

  function save(request: SaveRequest): void {
    inTransaction(db, path, () => {
      putMeta.run('position', String(request.position))
      for (const [name, value] of Object.entries(request.meta)) putMeta.run(name, value)
      const putBucket = db.prepare('INSERT OR REPLACE INTO bucket (number, counts) VALUES (?, ?)')
      for (const { number, counts } of request.buckets) putBucket.run(number, counts)
      const dropBucket = db.prepare('DELETE FROM bucket WHERE number = ?')
      for (const number of request.goneBuckets) dropBucket.run(number)
      const dropStream = db.prepare('DELETE FROM stream WHERE place = ?')
      for (const place of request.goneStreams) dropStream.run(place)
      const putStream = db.prepare('INSERT OR REPLACE INTO stream (place, body) VALUES (?, ?)')
      for (const { place, body } of request.streams) putStream.run(place, body)
      const putTicket = db.prepare('INSERT OR REPLACE INTO ticket (id, open, since, body) VALUES (?, ?, ?, ?)')
      for (const { id, open, since, body } of request.tickets) putTicket.run(id, open ? 1 : 0, since, body)
      const putItem = db.prepare(
        "INSERT OR IGNORE INTO quarantine (seq, received, device, cause, state) VALUES (?, ?, ?, ?, 'waiting')",
      )
      for (const q of request.quarantined) putItem.run(q.seq, q.received, q.device, q.cause)
      const addFact = db.prepare(
        'INSERT INTO fact (name, hour, part, value) VALUES (?, ?, ?, ?) ON CONFLICT (name, hour, part) DO UPDATE SET value = value + excluded.value',
      )
      for (const { name, hour, part, value } of request.facts) addFact.run(name, hour, part, value)
      const addMark = db.prepare(
        'INSERT INTO mark (name, at, part, n) VALUES (?, ?, ?, ?) ON CONFLICT (name, at, part) DO UPDATE SET n = n + excluded.n',
      )
      for (const { name, at, part, n } of request.marks) addMark.run(name, at, part, n)
    })
  }

  function where(filter: QuarantineFilter): { clause: string; args: (string | number)[] } {
    const parts = ['1 = 1']
    const args: (string | number)[] = []
    const among = (column: string, values: readonly (string | number)[] | undefined): void => {
      if (!values) return
      parts.push(values.length === 0 ? '1 = 0' : `${column} IN (${values.map(() => '?').join(', ')})`)
      args.push(...values)
    }
    among(
      'seq',
      filter.ids?.map((id) => Number(/^q(\d+)$/.exec(id)?.[1] ?? 0)),
    )
    among('device', filter.device)
    among('cause', filter.cause)
    among('state', filter.state)
    return { clause: parts.join(' AND '), args }
  }

  /** Newest first, or oldest first for those who work them off. */
  function items(filter: QuarantineFilter, order: 'newest' | 'oldest'): QuarantineRow[] {
    const { clause, args } = where(filter)
    return db
      .prepare(
        `SELECT seq, received, device, cause, state, resolved_at, by FROM quarantine WHERE ${clause} ORDER BY seq ${order === 'newest' ? 'DESC' : 'ASC'} LIMIT ?`,
      )
      .all(...args, filter.limit) as unknown as QuarantineRow[]
  }

  /** Items that are waiting still; answers how many were. */
  function resolve(seqs: number[], state: QuarantineState, at: number, by: string, note: string): number {
    let changed = 0
    inTransaction(db, path, () => {
      const put = db.prepare(
        "UPDATE quarantine SET state = ?, resolved_at = ?, by = ?, note = ? WHERE seq = ? AND state = 'waiting'",
      )
      for (const seq of seqs) changed += Number(put.run(state, at, by, note, seq).changes)
    })
    return changed
  }

  /** Sums by part over whole hours. */
  function facts(names: string[], fromHour: number, toHour: number): FactRow[] {
    return db
      .prepare(
        `SELECT name, 0 AS hour, part, sum(value) AS value FROM fact WHERE name IN (${names.map(() => '?').join(', ')}) AND hour >= ? AND hour < ? GROUP BY name, part`,
      )
      .all(...names, fromHour, toHour) as unknown as FactRow[]
  }

  function marks(names: string[], from: number, to: number, limit: number): MarkRow[] {
    return db
      .prepare(
        `SELECT name, at, part, n FROM mark WHERE name IN (${names.map(() => '?').join(', ')}) AND at >= ? AND at < ? ORDER BY at LIMIT ?`,
      )
      .all(...names, from, to, limit) as unknown as MarkRow[]
  }

  function putDaily(rows: { day: string; id: string; body: string }[]): void {
    inTransaction(db, path, () => {
      const put = db.prepare('INSERT OR REPLACE INTO daily (day, id, body) VALUES (?, ?, ?)')
      for (const { day, id, body } of rows) put.run(day, id, body)
    })
  }

  const daily = (id: string | null, fromDay: string, toDay: string): { day: string; id: string; body: string }[] =>
    db
      .prepare(`SELECT day, id, body FROM daily WHERE day >= ? AND day <= ? AND (? IS NULL OR id = ?) ORDER BY id, day`)
      .all(fromDay, toDay, id, id) as unknown as { day: string; id: string; body: string }[]

  /** @param before times, ms; `day` as text. Answers how much went. */
  function expire(before: { quarantine: number; tickets: number; facts: number; day: string }) {
    const removed = { quarantine: 0, tickets: 0, facts: 0, daily: 0 }
    inTransaction(db, path, () => {
      const count = (sql: string, ...args: (string | number)[]): number => Number(db.prepare(sql).run(...args).changes)
      removed.quarantine = count('DELETE FROM quarantine WHERE received < ?', before.quarantine)
      removed.quarantine += count(
        'DELETE FROM quarantine WHERE seq <= (SELECT seq FROM quarantine ORDER BY seq DESC LIMIT 1 OFFSET ?)',
        MAX_LISTED,
      )
      removed.tickets = count('DELETE FROM ticket WHERE open = 0 AND since < ?', before.tickets)
      removed.facts = count('DELETE FROM fact WHERE hour < ?', before.facts)
      removed.facts += count('DELETE FROM mark WHERE at < ?', before.facts)
      removed.daily = count('DELETE FROM daily WHERE day < ?', before.day)
    })
    return removed
  }

  return watchful(path, {
    /** A file that was not whole and now lies elsewhere; values of whole days were taken over as far as they can be read. */
    damage: () => damage,
    load,
    save,
    items,
    resolve,
    waiting,
    facts,
    marks,
    putDaily,
    daily,
    expire,
    close: () => db.close(),
  })
}
