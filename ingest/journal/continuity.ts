/**
 * Do the journal's numbers run through? Reads the journal's file beside a running edge. What retention has cleared by age
 * cannot be told from a loss afterwards, so nothing at or below that mark is judged; it is named instead.
 */
import { join } from 'node:path'
import { openDatabase } from '../thread/sqlite.ts'

export interface JournalContinuity {
  first: number | null
  last: number | null
  /** Numbers present between first and last, above `agedUpTo`. */
  records: number
  /** Up to here retention has removed records by age; 0 = nothing. */
  agedUpTo: number
  /** Missing numbers, at most 1000 spans. */
  gaps: { from: number; to: number }[]
}

const MAX_GAPS = 1000

/** Records that were committed in `fromMs` ≤ time < `toMs`. */
export function journalContinuity(dir: string, fromMs: number, toMs: number): JournalContinuity {
  const db = openDatabase(join(dir, 'journal.db'), { durability: 'normal', readOnly: true })
  try {
    const one = <T>(sql: string, ...args: number[]): T => db.prepare(sql).get(...args) as unknown as T
    const mark = one<{ n: number | null }>("SELECT max(value) AS n FROM meta WHERE name LIKE 'expired:%'")
    const agedUpTo = mark.n ?? 0
    const span = one<{ a: number | null; b: number | null; n: number }>(
      'SELECT min(seq) AS a, max(seq) AS b, count(*) AS n FROM log WHERE seq > ? AND at >= ? AND at < ?',
      agedUpTo,
      fromMs,
      toMs,
    )
    if (span.a === null || span.b === null) return { first: null, last: null, records: 0, agedUpTo, gaps: [] }
    // The number before belongs to the question too: a hole at the turn of the day lies in no day otherwise.
    const before = one<{ n: number | null }>('SELECT max(seq) AS n FROM log WHERE seq < ?', span.a).n ?? agedUpTo
    const from = Math.max(before, agedUpTo)
    const gaps = db
      .prepare(
        `SELECT prev + 1 AS "from", seq - 1 AS "to" FROM
           (SELECT seq, lag(seq, 1, ?) OVER (ORDER BY seq) AS prev FROM log WHERE seq > ? AND seq <= ?)
         WHERE seq <> prev + 1 LIMIT ?`,
      )
      .all(from, from, span.b, MAX_GAPS) as unknown as { from: number; to: number }[]
    return { first: span.a, last: span.b, records: span.n, agedUpTo, gaps }
  } finally {
    db.close()
  }
}
