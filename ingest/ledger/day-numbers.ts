/**
 * Running numbers of alerts for people ("1122-0412"): one sequence a local day, given once per alert, on disk with the
 * entry that says `raised`. Must never give one number to two alerts.
 */
import type { DatabaseSync } from 'node:sqlite'
import { localTime } from '#model/local-time.ts'

export interface RaisedNumber {
  alert: string
  raisedAt: number
  text: string
}

export const written = (given: { day: string; n: number }): string =>
  `${given.day.slice(5, 7)}${given.day.slice(8, 10)}-${String(given.n).padStart(4, '0')}`

export function openDayNumbers(db: DatabaseSync, timezone: string) {
  /** Numbers that were given and whose entry is not yet written; highest number of each day. */
  const given = new Map<string, { day: string; n: number }>()
  const tops = new Map<string, number>()

  /**
   * The running number of the local day, given once per alert. It is on disk with the entry that says `raised`, in the
   * same transaction, so asking for it costs no write of its own.
   */
  function numbers(alerts: [id: string, raisedAt: number][]): string[] {
    const find = db.prepare('SELECT day, n FROM number WHERE alert = ?')
    return alerts.map(([alert, at]) => {
      const known = given.get(alert) ?? (find.get(alert) as { day: string; n: number } | undefined)
      if (known) return written(known)
      const day = localTime(timezone, at).date
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

  return {
    numbers,
    reserve,
    /** Inside the transaction of the entry that says `raised`. */
    write({ alert, raisedAt, text }: RaisedNumber): void {
      const day = localTime(timezone, raisedAt).date
      const n = Number(text.slice(5))
      db.prepare('INSERT OR IGNORE INTO number (alert, day, n) VALUES (?, ?, ?)').run(alert, day, n)
      tops.set(day, Math.max(topOf(day), n))
    },
    /** After the transaction. */
    written: (alert: string): void => void given.delete(alert),
  }
}
