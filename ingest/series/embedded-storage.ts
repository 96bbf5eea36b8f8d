/**
 * The embedded store's file: raw readings by device and type, and their rollups per minute and hour. Runs in its own
 * thread. A reading written twice counts once, because raw row and rollup are written in one transaction.
 */
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import type { StatementSync } from 'node:sqlite'
import { isMainThread } from 'node:worker_threads'
import { READING_TYPES } from '#model/catalogue/types.ts'
import type { SeriesLine } from '#model/ports/series.ts'
import type { Reading } from '#model/reading.ts'
import { CLASS, type RowClass } from '../journal/record-codec.ts'
import { inTransaction } from '../thread/sqlite.ts'
import { openWhole, watchful } from '../thread/whole.ts'
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

/** What came of one stream in one minute, by field. */
interface Minute {
  stream: number
  at: number
  fields: Map<string, Rollup>
}

interface Row {
  stream: number
  id: string
  time: number
  quality: string
  text: string
}

type PackedHead = [type: string, device: string, zone: string | null, id: string, time: number, quality: string]

/** Two lines a reading: what it is about, and its value. JSON has no raw line feed. */
export function packReadings(readings: readonly Reading[]): string {
  const lines: string[] = []
  for (const r of readings) {
    lines.push(JSON.stringify([r.type, r.device, r.zone, r.id, r.time, r.quality] satisfies PackedHead))
    lines.push(JSON.stringify(r.value))
  }
  return lines.join('\n')
}

/** Times before which rows of a class go, ms. */
export interface ExpiryRequest {
  raw: Partial<Record<RowClass, number>>
  minute: number
  hour: number
  /** Nothing about L4 outlives its class, not even an average. */
  l4: number
}

export function open(options: { dir: string; now: number }) {
  const path = join(options.dir, 'series.db')
  yieldToOthers()
  const opening = { durability: 'normal', checkpointPages: 4000, now: options.now } as const
  const { db, damage } = openWhole(path, opening, (opened) => {
    opened.exec(SCHEMA)
    opened.prepare('SELECT count(*) FROM stream').get()
  })
  const streams = new Map<string, number>()
  let taken: { write: number; parts: string[] } = { write: 0, parts: [] }
  let add: StatementSync | null = null
  let merge: StatementSync | null = null

  function streamOf(type: string, device: string, zone: string | null): number {
    const key = `${type}\0${device}\0${zone ?? ''}`
    const known = streams.get(key)
    if (known !== undefined) return known
    const rowClass = CLASS[READING_TYPES.get(type)?.class ?? 'L4']
    db.prepare('INSERT OR IGNORE INTO stream (device, zone, type, class) VALUES (?, ?, ?, ?)').run(
      device,
      zone ?? '',
      type,
      rowClass,
    )
    const row = db
      .prepare('SELECT id FROM stream WHERE type = ? AND device = ? AND zone = ?')
      .get(type, device, zone ?? '') as { id: number }
    streams.set(key, row.id)
    return row.id
  }

  /** Keeps a part of a write until `write`; parts of a write that never came to its end are forgotten. */
  function take(write: number, rows: string): void {
    if (taken.write !== write) taken = { write, parts: [] }
    taken.parts.push(rows)
  }

  function write(number: number): void {
    const parts = taken.write === number ? taken.parts : []
    taken = { write: 0, parts: [] }
    try {
      inTransaction(db, path, () => {
        add ??= db.prepare('INSERT OR IGNORE INTO raw (stream, at, sub, value) VALUES (?, ?, ?, ?)')
        const minutes = new Map<number, Minute>()
        for (const row of sorted(parts)) addReading(add, minutes, row)
        mergeRollups(minutes)
      })
    } catch (error) {
      // Numbers of streams that were rolled back are not true.
      streams.clear()
      throw error
    }
  }

  /** The rows of a stream lie together in the file: written together they cost half. Within a stream the order stays. */
  function sorted(parts: readonly string[]): Row[] {
    const rows: Row[] = []
    for (const part of parts) {
      const lines = part.split('\n')
      for (let i = 0; i < lines.length; i += 2) {
        const [type, device, zone, id, time, quality] = JSON.parse(lines[i]!) as PackedHead
        rows.push({ stream: streamOf(type, device, zone), id, time, quality, text: lines[i + 1]! })
      }
    }
    return rows.sort((a, b) => a.stream - b.stream)
  }

  function addReading(add: StatementSync, minutes: Map<number, Minute>, taken: Row): void {
    const { stream, id, time, quality, text } = taken
    const row = `${text === '{}' ? '{' : `${text.slice(0, -1)},`}"quality":"${quality}"}`
    if (add.run(stream, time, nsOffset(id), row).changes === 0) return
    const index = Math.floor(time / MINUTE)
    // Minutes since 1970 have eight digits.
    const key = stream * 1e9 + index
    let minute = minutes.get(key)
    if (!minute) {
      minute = { stream, at: index * MINUTE, fields: new Map() }
      minutes.set(key, minute)
    }
    const value = JSON.parse(text) as Reading['value']
    for (const field of Object.keys(value)) {
      const content = value[field]
      if (content === null || content === undefined || typeof content === 'object') continue
      gather(minute.fields, field, { stream, field, every: MINUTE, at: minute.at }, time, content as FieldValue)
    }
  }

  function mergeRollups(minutes: Map<number, Minute>): void {
    merge ??= db.prepare(
      `INSERT INTO rollup (stream, field, every, at, n, sum, min, max, last, last_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (stream, field, every, at) DO UPDATE SET n = n + excluded.n, sum = sum + excluded.sum,
         min = min(min, excluded.min), max = max(max, excluded.max),
         last = CASE WHEN excluded.last_at >= last_at THEN excluded.last ELSE last END, last_at = max(last_at, excluded.last_at)`,
    )
    const hours = new Map<string, Rollup>()
    for (const { fields } of minutes.values())
      for (const r of fields.values()) {
        put(merge, r)
        const at = Math.floor(r.at / HOUR) * HOUR
        const key = `${r.stream}|${at}|${r.field}`
        const known = hours.get(key)
        hours.set(key, known ? joined(known, r) : { ...r, every: HOUR, at })
      }
    for (const r of hours.values()) put(merge, r)
  }

  const put = (merge: StatementSync, r: Rollup) =>
    merge.run(r.stream, r.field, r.every, r.at, r.n, r.sum, r.min, r.max, JSON.stringify(r.last), r.lastAt)

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
        if (value === null || value === undefined || typeof value === 'object') continue
        const at = Math.floor(row.at / q.everyMs) * q.everyMs
        gather(into, String(at), { stream, field: field.name, every: q.everyMs, at }, row.at, value)
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

  return watchful(path, { damage: () => damage, take, write, query, expire, close: () => db.close() })
}

/** Charts may wait, an alert may not: where the system lets it, this thread runs after the others of the edge. */
function yieldToOthers(): void {
  // Priority 0 stands for the calling thread on Linux; elsewhere, and on the main thread, it would be the whole process.
  if (isMainThread || process.platform !== 'linux') return
  try {
    setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // Not allowed here; it only costs latency under load.
  }
}

/** Adds one value to its bucket. */
function gather(
  into: Map<string, Rollup>,
  key: string,
  bucket: Pick<Rollup, 'stream' | 'field' | 'every' | 'at'>,
  at: number,
  value: FieldValue,
): void {
  const n = typeof value === 'number' ? value : null
  const known = into.get(key)
  if (!known) {
    into.set(key, { ...bucket, n: 1, sum: n, min: n, max: n, last: value, lastAt: at })
    return
  }
  known.n++
  if (n !== null) {
    known.sum = (known.sum ?? 0) + n
    known.min = known.min === null ? n : Math.min(known.min, n)
    known.max = known.max === null ? n : Math.max(known.max, n)
  }
  if (at >= known.lastAt) {
    known.last = value
    known.lastAt = at
  }
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
