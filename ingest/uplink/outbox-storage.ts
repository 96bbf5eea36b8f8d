/**
 * The uplink's outbox: envelopes that the province has not acknowledged, and the one gapless counter over all topics.
 * Number, envelope and the journal position it came from are written in one transaction, so a crash neither doubles nor
 * skips a number. Runs in its own thread.
 */
import { join } from 'node:path'
import type { UplinkKind } from '#model/topics.ts'
import { type UplinkEnvelope, uplinkSequence } from '#model/uplink.ts'
import { inTransaction } from '../thread/sqlite.ts'
import { openWhole, watchful } from '../thread/whole.ts'

export interface OutboxItem {
  kind: UplinkKind
  /** Position in the journal, for what comes from there: enqueued once, however often it is handed in. */
  journalSeq: number | null
  at: number
  envelope: Omit<UplinkEnvelope, 'id' | 'sequence' | 'backlog'>
}

export interface OutboxRow {
  sequence: number
  kind: UplinkKind
  at: number
  /** The envelope without `backlog`, which depends on when it is sent. */
  body: string
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS outbox (sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, urgent INTEGER NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS outbox_lane ON outbox (urgent DESC, sequence);
  CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
`

export function open(options: { dir: string; facility: string; now: number }) {
  const path = join(options.dir, 'uplink.db')
  const { db, damage } = openWhole(path, { durability: 'full', now: options.now }, (opened) => opened.exec(SCHEMA))
  const value = (name: string): number =>
    (db.prepare('SELECT value FROM counter WHERE name = ?').get(name) as { value: number } | undefined)?.value ?? 0
  const set = (name: string, to: number) =>
    db
      .prepare(
        'INSERT INTO counter (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
      )
      .run(name, to)

  function enqueue(items: OutboxItem[]): number[] {
    return inTransaction(db, path, () => {
      let sequence = value('sequence')
      let journal = value('journal')
      const add = db.prepare('INSERT INTO outbox (sequence, kind, urgent, at, body) VALUES (?, ?, ?, ?, ?)')
      const given: number[] = []
      for (const item of items) {
        if (item.journalSeq !== null) {
          if (item.journalSeq <= journal) continue
          journal = item.journalSeq
        }
        sequence++
        const id = `${options.facility}-${sequence}`
        const body = JSON.stringify({ ...item.envelope, id, sequence: uplinkSequence(sequence) })
        add.run(sequence, item.kind, item.kind === 'alert' ? 1 : 0, item.at, body)
        given.push(sequence)
      }
      set('sequence', sequence)
      set('journal', journal)
      return given
    })
  }

  return watchful(path, {
    /** A file that was not whole and now lies elsewhere: what had not left it is lost to this one. */
    damage: () => damage,
    enqueue,
    /** The next to be sent: alerts first, then in order; `besides` are already under way. */
    next: (limit: number, besides: number[]): OutboxRow[] =>
      db
        .prepare(
          `SELECT sequence, kind, at, body FROM outbox WHERE sequence NOT IN (SELECT value FROM json_each(?)) ORDER BY urgent DESC, sequence LIMIT ?`,
        )
        .all(JSON.stringify(besides), limit) as unknown as OutboxRow[],
    done: (sequences: number[]): void => {
      inTransaction(db, path, () => {
        const remove = db.prepare('DELETE FROM outbox WHERE sequence = ?')
        for (const sequence of sequences) remove.run(sequence)
      })
    },
    size: () => ({
      waiting: (db.prepare('SELECT count(*) AS n FROM outbox').get() as { n: number }).n,
      sequence: value('sequence'),
    }),
    close: () => db.close(),
  })
}
