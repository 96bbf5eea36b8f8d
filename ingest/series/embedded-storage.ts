/**
 * The embedded store's file: raw readings by device and type, and their rollups per minute and hour. Runs in its own
 * thread. A reading written twice counts once, because raw row and rollup are written in one transaction.
 */
import { join } from 'node:path'
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { SeriesLine } from '#model/ports/series.ts'
import type { Reading } from '#model/reading.ts'
import { CLASS, type RowClass } from '../journal/record-codec.ts'
import { inTransaction, openDatabase } from '../thread/sqlite.ts'
import { type FieldValue, fillBuckets, MAX_POINTS, nsOffset, type PlannedQuery } from './points.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS stream (id INTEGER PRIMARY KEY, device TEXT NOT NULL, zone TEXT NOT NULL, type TEXT NOT NULL, class INTEGER NOT NULL, UNIQUE (type, device, zone));
  CREATE TABLE IF NOT EXISTS raw (stream INTEGER NOT NULL, at INTEGER NOT NULL, sub INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (stream, at, sub)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS rollup (stream INTEGER NOT NULL, field TEXT NOT NULL, every INTEGER NOT NULL, at INTEGER NOT NULL, n INTEGER NOT NULL, sum REAL, min REAL, max REAL, last TEXT NOT NULL, last_at INTEGER NOT NULL, PRIMARY KEY (stream, field, every, at)) WITHOUT ROWID;
`
const MINUTE = 60_000
const HOUR = 3_600_000

interface Rollup {
  stream: number
  field: string
  every: number
  at: number
  n: number
  sum: number | null
  min: number | null
  max: number | null
  last: FieldValue
  lastAt: number
}

/** Times before which rows of a class go, ms. */
export interface ExpiryRequest {
  raw: Partial<Record<RowClass, number>>
  minute: number
  hour: number
  /** Nothing about L4 outlives its class, not even an average. */
  l4: number
}

export function open(options: { dir: string }) {
  const path = join(options.dir, 'series.db')
  const db = openDatabase(path, { durability: 'normal', checkpointPages: 4000 })
  db.exec(SCHEMA)
  const streams = new Map<string, number>()

  function streamOf(r: Reading): number {
    const key = `${r.type}\0${r.device}\0${r.zone ?? ''}`
    const known = streams.get(key)
    if (known !== undefined) return known
    const rowClass = CLASS[READING_TYPES.get(r.type)?.class ?? 'L4']
    db.prepare('INSERT OR IGNORE INTO stream (device, zone, type, class) VALUES (?, ?, ?, ?)').run(
      r.device,
      r.zone ?? '',
      r.type,
      rowClass,
    )
    const row = db
      .prepare('SELECT id FROM stream WHERE type = ? AND device = ? AND zone = ?')
      .get(r.type, r.device, r.zone ?? '') as { id: number }
    streams.set(key, row.id)
    return row.id
  }

  function write(readings: Reading[]): void {
    try {
      inTransaction(db, path, () => {
        const add = db.prepare('INSERT OR IGNORE INTO raw (stream, at, sub, value) VALUES (?, ?, ?, ?)')
        const rollups = new Map<string, Rollup>()
        for (const r of readings) {
          const stream = streamOf(r)
          const fields = { ...r.value, quality: r.quality }
          if (add.run(stream, r.time, nsOffset(r.id), JSON.stringify(fields)).changes === 0) continue
          for (const [field, value] of Object.entries(r.value)) {
            if (value === null || typeof value === 'object' || value === undefined) continue
            for (const every of [MINUTE, HOUR]) gather(rollups, stream, field, every, r.time, value as FieldValue)
          }
        }
        const merge = db.prepare(
          `INSERT INTO rollup (stream, field, every, at, n, sum, min, max, last, last_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (stream, field, every, at) DO UPDATE SET n = n + excluded.n, sum = sum + excluded.sum,
             min = min(min, excluded.min), max = max(max, excluded.max),
             last = CASE WHEN excluded.last_at >= last_at THEN excluded.last ELSE last END, last_at = max(last_at, excluded.last_at)`,
        )
        for (const r of rollups.values())
          merge.run(r.stream, r.field, r.every, r.at, r.n, r.sum, r.min, r.max, JSON.stringify(r.last), r.lastAt)
      })
    } catch (error) {
      // Numbers of streams that were rolled back are not true.
      streams.clear()
      throw error
    }
  }

  function query(q: PlannedQuery): SeriesLine[] {
    const lines: SeriesLine[] = []
    for (const stream of streamsOf(q))
      for (const field of q.fields) {
        const points = q.everyMs === 0 ? rawPoints(stream.id, field.name, q) : buckets(stream.id, field, q)
        if (points.some(([, value]) => value !== null))
          lines.push({ device: stream.device, zone: stream.zone || null, type: q.type, field: field.name, points })
      }
    return lines
  }

  function streamsOf(q: PlannedQuery): { id: number; device: string; zone: string }[] {
    const parts = ['type = ?']
    const args = [q.type]
    for (const [column, values] of [
      ['device', q.device],
      ['zone', q.zone],
    ] as const)
      if (values && values.length > 0) {
        parts.push(`${column} IN (${values.map(() => '?').join(', ')})`)
        args.push(...values)
      }
    return db
      .prepare(`SELECT id, device, zone FROM stream WHERE ${parts.join(' AND ')} ORDER BY device, zone`)
      .all(...args) as { id: number; device: string; zone: string }[]
  }

  function rawPoints(stream: number, field: string, q: PlannedQuery): [number, FieldValue | null][] {
    const rows = db
      .prepare('SELECT at, value FROM raw WHERE stream = ? AND at >= ? AND at < ? ORDER BY at, sub LIMIT ?')
      .all(stream, q.start, q.end, MAX_POINTS) as { at: number; value: string }[]
    return rows.flatMap((row): [number, FieldValue][] => {
      const value = JSON.parse(row.value)[field]
      return value === null || value === undefined || typeof value === 'object' ? [] : [[row.at, value]]
    })
  }

  function buckets(stream: number, field: PlannedQuery['fields'][number], q: PlannedQuery) {
    const every = q.everyMs % HOUR === 0 ? HOUR : q.everyMs % MINUTE === 0 ? MINUTE : 0
    const into = new Map<string, Rollup>()
    if (every === 0) {
      const rows = db
        .prepare('SELECT at, value FROM raw WHERE stream = ? AND at >= ? AND at < ? ORDER BY at, sub')
        .iterate(stream, q.start, q.end) as Iterable<unknown> as Iterable<{ at: number; value: string }>
      for (const row of rows) {
        const value = JSON.parse(row.value)[field.name]
        if (value !== null && value !== undefined && typeof value !== 'object')
          gather(into, stream, field.name, q.everyMs, row.at, value)
      }
    } else {
      const rows = db
        .prepare(
          'SELECT at, n, sum, min, max, last, last_at AS lastAt FROM rollup WHERE stream = ? AND field = ? AND every = ? AND at >= ? AND at < ? ORDER BY at',
        )
        .all(stream, field.name, every, q.start, q.end) as unknown as (Rollup & { last: string })[]
      for (const row of rows) {
        const at = Math.floor(row.at / q.everyMs) * q.everyMs
        const known = into.get(String(at))
        const next = { ...row, stream, field: field.name, every: q.everyMs, at, last: JSON.parse(row.last) }
        into.set(String(at), known ? joined(known, next) : next)
      }
    }
    const found = new Map<number, FieldValue>()
    for (const r of into.values()) {
      const value = bucketValue(r, field.fn)
      if (value !== null) found.set(r.at, value)
    }
    return fillBuckets(q, found)
  }

  function expire(request: ExpiryRequest): { removed: number } {
    let removed = 0
    for (const { id, class: rowClass } of db.prepare('SELECT id, class FROM stream').all() as {
      id: number
      class: number
    }[]) {
      const name = (Object.keys(CLASS) as RowClass[]).find((c) => CLASS[c] === rowClass)!
      const l4 = name === 'L4'
      inTransaction(db, path, () => {
        const count = (sql: string, ...args: number[]) => {
          removed += Number(db.prepare(sql).run(...args).changes)
        }
        count('DELETE FROM raw WHERE stream = ? AND at < ?', id, request.raw[name] ?? request.minute)
        for (const [every, before] of [
          [MINUTE, request.minute],
          [HOUR, request.hour],
        ] as const)
          count(
            'DELETE FROM rollup WHERE stream = ? AND every = ? AND at < ?',
            id,
            every,
            l4 ? Math.max(before, request.l4) : before,
          )
      })
    }
    return { removed }
  }

  return { write, query, expire, close: () => db.close() }
}

function gather(
  into: Map<string, Rollup>,
  stream: number,
  field: string,
  every: number,
  at: number,
  value: FieldValue,
): void {
  const bucket = Math.floor(at / every) * every
  const n = typeof value === 'number' ? value : null
  const next: Rollup = { stream, field, every, at: bucket, n: 1, sum: n, min: n, max: n, last: value, lastAt: at }
  const key = `${stream}|${field}|${every}|${bucket}`
  const known = into.get(key)
  into.set(key, known ? joined(known, next) : next)
}

function joined(a: Rollup, b: Rollup): Rollup {
  const both = (f: (x: number, y: number) => number, x: number | null, y: number | null) =>
    x === null ? y : y === null ? x : f(x, y)
  const later = b.lastAt >= a.lastAt ? b : a
  return {
    ...a,
    n: a.n + b.n,
    sum: both((x, y) => x + y, a.sum, b.sum),
    min: both(Math.min, a.min, b.min),
    max: both(Math.max, a.max, b.max),
    last: later.last,
    lastAt: later.lastAt,
  }
}

function bucketValue(r: Rollup, fn: PlannedQuery['fn']): FieldValue | null {
  switch (fn) {
    case 'count':
      return r.n
    case 'last':
      return r.last
    case 'mean':
      return r.sum === null ? null : r.sum / r.n
    default:
      return r[fn]
  }
}
