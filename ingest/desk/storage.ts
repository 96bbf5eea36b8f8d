/**
 * The desk's file: current alerts, their timelines, incidents, for lists and look-ups. A projection of the journal:
 * it may be deleted at any time and is built again. Runs in its own thread.
 */
import { join } from 'node:path'
import type { AlertRecord } from '#model/alert/lifecycle.ts'
import type { AlertFilter } from '#model/ports/alert-desk.ts'
import { inTransaction } from '../thread/sqlite.ts'
import { openWhole, watchful } from '../thread/whole.ts'

export interface SavedChange {
  seq: number
  alert: string
  text: string
}

export interface SaveRequest {
  records: AlertRecord[]
  changes: SavedChange[]
  /** Every change up to this one is in the file; null: an earlier one is missing. */
  complete: number | null
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS alert (id TEXT PRIMARY KEY, raised_at INTEGER NOT NULL, open INTEGER NOT NULL, level TEXT NOT NULL, state TEXT NOT NULL, rule TEXT NOT NULL, code TEXT NOT NULL, zone TEXT, incident TEXT, subjects TEXT NOT NULL, text TEXT NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS alert_raised ON alert (raised_at DESC, id DESC);
  CREATE INDEX IF NOT EXISTS alert_open ON alert (raised_at DESC, id DESC) WHERE open = 1;
  CREATE INDEX IF NOT EXISTS alert_incident ON alert (incident) WHERE incident IS NOT NULL;
  CREATE TABLE IF NOT EXISTS change (seq INTEGER PRIMARY KEY, alert TEXT NOT NULL, body TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS change_alert ON change (alert, seq);
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
`

export interface DeskStorageOptions {
  dir: string
  now: number
}

export function open(options: DeskStorageOptions) {
  const path = join(options.dir, 'desk.db')
  const { db, damage } = openWhole(path, { durability: 'normal', now: options.now }, (opened) => {
    opened.exec(SCHEMA)
    // A file of an earlier release has no word of its own for it.
    opened.exec("INSERT OR IGNORE INTO meta (name, value) SELECT 'complete', coalesce(max(seq), 0) FROM change")
    // What the edge starts with is read before anything is promised; damage further back shows when it is asked for.
    opened.prepare('SELECT max(length(body)) FROM (SELECT body FROM change ORDER BY seq DESC LIMIT 5000)').get()
    opened.prepare('SELECT max(length(record)) FROM alert WHERE open = 1').get()
    opened.prepare('SELECT count(id) FROM alert').get()
  })

  function save(request: SaveRequest): void {
    inTransaction(db, path, () => {
      const put = db.prepare(
        'INSERT OR REPLACE INTO alert (id, raised_at, open, level, state, rule, code, zone, incident, subjects, text, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      )
      for (const record of request.records) {
        const a = record.alert
        const open = a.state === 'resolved' || a.state === 'dismissed' ? 0 : 1
        const text = [a.id, a.number, a.key, a.explanation.zh, a.explanation.en, a.zone, a.device]
          .join(' ')
          .toLowerCase()
        put.run(
          a.id,
          a.raisedAt,
          open,
          a.level,
          a.state,
          a.rule,
          a.code,
          a.zone,
          a.incident,
          `|${a.subjects.join('|')}|`,
          text,
          JSON.stringify(record),
        )
      }
      const add = db.prepare('INSERT OR IGNORE INTO change (seq, alert, body) VALUES (?, ?, ?)')
      for (const change of request.changes) add.run(change.seq, change.alert, change.text)
      // In the same transaction: a power cut that takes the change takes the word for it too.
      if (request.complete !== null)
        db.prepare(
          "INSERT INTO meta (name, value) VALUES ('complete', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        ).run(request.complete)
    })
  }

  function list(filter: AlertFilter, cursor: [number, string] | null, limit: number) {
    const { clause, args } = where(filter)
    const page = cursor ? `${clause} AND (raised_at, id) < (?, ?)` : clause
    const rows = db
      .prepare(`SELECT raised_at, id, record FROM alert WHERE ${page} ORDER BY raised_at DESC, id DESC LIMIT ?`)
      .all(...args, ...(cursor ?? []), limit + 1) as { raised_at: number; id: string; record: string }[]
    const total = (db.prepare(`SELECT count(*) AS n FROM alert WHERE ${clause}`).get(...args) as { n: number }).n
    const items = rows.slice(0, limit)
    const last = items.at(-1)
    return {
      items: items.map((r) => r.record),
      next: rows.length > limit && last ? ([last.raised_at, last.id] as [number, string]) : null,
      total,
    }
  }

  const records = (sql: string, ...args: string[]): string[] =>
    (db.prepare(sql).all(...args) as { record: string }[]).map((r) => r.record)

  return watchful(path, {
    save,
    list,
    /** A file that was not whole and now lies elsewhere; the journal gives back what was in it. */
    damage: () => damage,
    open: () => records('SELECT record FROM alert WHERE open = 1 ORDER BY raised_at, id'),
    ids: () => (db.prepare('SELECT id FROM alert').all() as { id: string }[]).map((r) => r.id),
    get: (id: string) => records('SELECT record FROM alert WHERE id = ?', id)[0] ?? null,
    members: (incident: string) =>
      records('SELECT record FROM alert WHERE incident = ? ORDER BY raised_at, id', incident),
    incidents: (limit: number) =>
      (
        db
          .prepare(
            'SELECT incident FROM alert WHERE incident IS NOT NULL GROUP BY incident ORDER BY min(raised_at) DESC LIMIT ?',
          )
          .all(limit) as { incident: string }[]
      ).map((r) => r.incident),
    timeline: (id: string) =>
      (db.prepare('SELECT body FROM change WHERE alert = ? ORDER BY seq').all(id) as { body: string }[]).map(
        (r) => r.body,
      ),
    /** Every change up to this one is in the file. */
    complete: (): number =>
      (db.prepare("SELECT value FROM meta WHERE name = 'complete'").get() as { value: number }).value,
    savedAfter: (seq: number) =>
      (db.prepare('SELECT seq FROM change WHERE seq > ?').all(seq) as { seq: number }[]).map((r) => r.seq),
    /** Closed alerts older than this leave the lists; the ledger keeps them. */
    expire: (before: number) =>
      inTransaction(db, path, () => {
        db.prepare('DELETE FROM change WHERE alert IN (SELECT id FROM alert WHERE open = 0 AND raised_at < ?)').run(
          before,
        )
        return Number(db.prepare('DELETE FROM alert WHERE open = 0 AND raised_at < ?').run(before).changes)
      }),
    close: () => db.close(),
  })
}

function where(filter: AlertFilter): { clause: string; args: (string | number)[] } {
  const parts = ['1 = 1']
  const args: (string | number)[] = []
  const oneOf = (column: string, values: readonly string[] | undefined) => {
    if (!values || values.length === 0) return
    parts.push(`${column} IN (${values.map(() => '?').join(', ')})`)
    args.push(...values)
  }
  oneOf('state', filter.state)
  oneOf('level', filter.level)
  oneOf('zone', filter.zone)
  if (filter.rule && filter.rule.length > 0) {
    const places = filter.rule.map(() => '?').join(', ')
    parts.push(`(rule IN (${places}) OR code IN (${places}))`)
    args.push(...filter.rule, ...filter.rule)
  }
  // Tests come every five minutes and are nobody's business until they are asked for by name.
  else parts.push("NOT (rule = 'end-to-end-test' AND level = 'blue')")
  if (filter.subject && filter.subject.length > 0) {
    parts.push(`(${filter.subject.map(() => 'instr(subjects, ?) > 0').join(' OR ')})`)
    args.push(...filter.subject.map((s) => `|${s}|`))
  }
  if (filter.from !== undefined) {
    parts.push('raised_at >= ?')
    args.push(filter.from)
  }
  if (filter.to !== undefined) {
    parts.push('raised_at <= ?')
    args.push(filter.to)
  }
  if (filter.open !== undefined) parts.push(filter.open ? 'open = 1' : 'open = 0')
  if (filter.text) {
    parts.push('instr(text, ?) > 0')
    args.push(filter.text.toLowerCase())
  }
  return { clause: parts.join(' AND '), args }
}
