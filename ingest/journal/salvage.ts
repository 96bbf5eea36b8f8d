/**
 * What happens to a journal that cannot be read: the file is moved aside under a name that says so, everything readable
 * is copied into a new one, and the lost range is named. Must never delete the damaged file or give a number twice.
 */
import { existsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { inTransaction, openDatabase, setAside } from '../thread/sqlite.ts'
import { openDamaged } from '../thread/whole.ts'

export const JOURNAL_SCHEMA = `
  CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, tag INTEGER NOT NULL, body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS rare (seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS mark (block INTEGER PRIMARY KEY, at_max INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS cursor (name TEXT NOT NULL, lane TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (name, lane)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
`

export interface Isolated {
  /** Where the damaged file now lies. */
  file: string
  saved: number
  /** Sequence numbers that could not be read, ends included; null when nothing is missing. */
  lost: [number, number] | null
}

interface Row {
  seq: number
  at: number
  tag: number
  body: string
}

/** @param promised a number that has never been given: the new journal goes on after it when the end was lost. */
export function isolateJournal(path: string, now: number, promised: number): Isolated {
  // Where nothing is left there is nothing to move.
  const file = existsSync(path) ? setAside(path, now) : path
  const missing = file === path
  const target = openDatabase(path, { durability: 'full', pageBytes: 8192 })
  try {
    target.exec(JOURNAL_SCHEMA)
    const source = missing ? null : openDamaged(file, 'SELECT min(seq) FROM log')
    if (!source) {
      setFloor(target, path, promised)
      return { file, saved: 0, lost: promised > 0 ? [1, promised] : null }
    }
    try {
      const from = copyRows(source, target, path, 'ASC', Number.MAX_SAFE_INTEGER)
      const back = from.complete ? null : copyRows(source, target, path, 'DESC', from.edge)
      copySmallTables(source, target, path)
      if (from.complete) return { file, saved: from.saved, lost: null }
      const lostTo = back && back.saved > 0 ? back.edge - 1 : Math.max(promised, from.edge)
      setFloor(target, path, back && back.saved > 0 ? 0 : lostTo)
      return { file, saved: from.saved + (back?.saved ?? 0), lost: [from.edge + 1, lostTo] }
    } finally {
      source.close()
    }
  } finally {
    target.close()
  }
}

/** Copies rows in one direction until the file cannot be read any further. `edge` = the last number copied. */
function copyRows(source: DatabaseSync, target: DatabaseSync, path: string, order: 'ASC' | 'DESC', edge: number) {
  const insert = target.prepare('INSERT OR IGNORE INTO log (seq, at, tag, body) VALUES (?, ?, ?, ?)')
  const rare = target.prepare('INSERT OR IGNORE INTO rare (seq, kind) VALUES (?, ?)')
  const mark = target.prepare(
    'INSERT INTO mark (block, at_max) VALUES (?, ?) ON CONFLICT (block) DO UPDATE SET at_max = max(at_max, excluded.at_max)',
  )
  const chunk = source.prepare(
    order === 'ASC'
      ? 'SELECT seq, at, tag, body FROM log WHERE seq > ? ORDER BY seq ASC LIMIT ?'
      : 'SELECT seq, at, tag, body FROM log WHERE seq < ? ORDER BY seq DESC LIMIT ?',
  )
  const stop = edge
  let at = order === 'ASC' ? 0 : Number.MAX_SAFE_INTEGER
  let saved = 0
  let size = 1024
  for (;;) {
    let rows: Row[]
    try {
      rows = chunk.all(at, size) as unknown as Row[]
    } catch {
      // Nearer to the damage in ever smaller steps, so that only unreadable rows are given up.
      if (size === 1) return { saved, edge: at, complete: false }
      size = Math.max(1, size >> 2)
      continue
    }
    if (order === 'DESC') rows = rows.filter((row) => row.seq > stop)
    if (rows.length === 0) return { saved, edge: at, complete: true }
    inTransaction(target, path, () => {
      for (const row of rows) {
        insert.run(row.seq, row.at, row.tag, row.body)
        if (row.tag >> 4 !== 1) rare.run(row.seq, row.tag >> 4)
        mark.run(Math.floor(row.seq / 1024), row.at)
      }
    })
    saved += rows.length
    at = rows.at(-1)!.seq
  }
}

function copySmallTables(source: DatabaseSync, target: DatabaseSync, path: string): void {
  for (const [table, columns] of [
    ['cursor', 'name, lane, position'],
    ['meta', 'name, value'],
  ] as const) {
    try {
      const rows = source.prepare(`SELECT ${columns} FROM ${table}`).all() as Record<string, string | number>[]
      const places = columns.replace(/\w+/g, '?')
      const insert = target.prepare(`INSERT OR REPLACE INTO ${table} (${columns}) VALUES (${places})`)
      inTransaction(target, path, () => {
        for (const row of rows) insert.run(...Object.values(row))
      })
    } catch {
      // Positions are lost: consumers begin again at the oldest record; their stores take a repeat as the same point.
    }
  }
}

function setFloor(target: DatabaseSync, path: string, floor: number): void {
  if (floor <= 0) return
  inTransaction(target, path, () =>
    target
      .prepare(
        "INSERT INTO meta (name, value) VALUES ('floor', ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
      )
      .run(floor),
  )
}
