/**
 * What the province forgets, and when: once an hour, in small steps between which messages are taken, with counts. Must
 * never remove an alert that is open, nor an anchor of a ledger.
 */
import type { Clock, Timer } from '#model/clock.ts'
import type { Store } from './store/sql.ts'

export const KEEPS = ['alerts', 'indicators', 'health', 'envelopes', 'quarantine'] as const
export type Keep = (typeof KEEPS)[number]

const DAY = 86_400_000
export const DEFAULT_KEEP_MS: Record<Keep, number> = {
  alerts: 3 * 365 * DAY,
  indicators: 3 * 365 * DAY,
  health: 30 * DAY,
  // Beyond it a message sent again is known by its number alone.
  envelopes: 90 * DAY,
  quarantine: 90 * DAY,
}
const EVERY_MS = 3_600_000
const STEP = 2000

/** What goes, in words of the store; the cut-off is $1. Indicators by the end of what they speak of. */
const OLD: Record<Exclude<Keep, 'alerts'>, [table: string, clause: string]> = {
  indicators: ['indicators', 'to_at < $1'],
  health: ['health', 'received_at < $1'],
  envelopes: ['envelopes', 'received_at < $1'],
  quarantine: ['quarantine', 'received_at < $1'],
}

export async function expire(store: Store, keepMs: Record<Keep, number>, now: number): Promise<Record<Keep, number>> {
  const removed: Record<Keep, number> = { alerts: 0, indicators: 0, health: 0, envelopes: 0, quarantine: 0 }
  const untilNone = async (name: Keep, step: () => Promise<number>): Promise<void> => {
    for (;;) {
      const gone = await step()
      removed[name] += gone
      if (gone < STEP) return
    }
  }
  for (const [name, [table, clause]] of Object.entries(OLD) as [Exclude<Keep, 'alerts'>, [string, string]][])
    await untilNone(name, () =>
      store.transaction(async (sql) => {
        const [row] = await sql.query<{ n: number }>(
          `WITH gone AS (DELETE FROM ${table} WHERE ctid IN (SELECT ctid FROM ${table} WHERE ${clause} LIMIT ${STEP}) RETURNING 1)
           SELECT count(*)::int AS n FROM gone`,
          [now - keepMs[name]],
        )
        return row!.n
      }),
    )
  await untilNone('alerts', () =>
    store.transaction(async (sql) => {
      const old = await sql.query<{ facility: string; id: string }>(
        `DELETE FROM alerts WHERE ctid IN (SELECT ctid FROM alerts WHERE NOT open AND updated_at < $1 LIMIT ${STEP}) RETURNING facility, id`,
        [now - keepMs.alerts],
      )
      for (const table of ['alert_changes', 'own_alerts'])
        await sql.query(
          `DELETE FROM ${table} t USING jsonb_to_recordset($1::jsonb) AS g(facility text, id text)
            WHERE t.facility = g.facility AND t.${table === 'own_alerts' ? 'id' : 'alert'} = g.id`,
          [JSON.stringify(old)],
        )
      return old.length
    }),
  )
  return removed
}

/** @returns how to end it. */
export function keepExpiring(
  store: Store,
  keepMs: Record<Keep, number>,
  clock: Clock,
  said: (removed: Record<Keep, number>) => void,
  failed: (error: Error) => void,
): () => Promise<void> {
  let timer: Timer
  let working: Promise<void> = Promise.resolve()
  let ended = false
  const later = (): void => {
    timer = clock.after(EVERY_MS, () => {
      working = expire(store, keepMs, clock.now())
        .then((removed) => {
          if (Object.values(removed).some((n) => n > 0)) said(removed)
        })
        .catch(failed)
        .finally(() => !ended && later())
    })
  }
  later()
  return async () => {
    ended = true
    timer.cancel()
    await working
  }
}
