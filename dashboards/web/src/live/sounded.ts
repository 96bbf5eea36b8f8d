/**
 * Alerts that sounded in the last hours, for the rate of alarms: the list holds what is open, so those that were closed
 * before this page was loaded are asked for. Times and ids alone; never shown as alerts.
 */
import { getAll } from '../api/client.ts'
import type { ListedAlert } from '../api/types.ts'

export const SOUNDED_SPAN_MS = 200 * 60_000
const MOST = 2000

/** Id and time of being raised. */
let closed: ReadonlyMap<string, number> = new Map()

/** Once per list: what is closed later, the page has heard of itself. */
export async function loadSounded(now: number): Promise<void> {
  const from = now - SOUNDED_SPAN_MS
  const { items } = await getAll<ListedAlert>(`/api/v1/alerts?state=resolved,dismissed&from=${from}&limit=1000`, MOST)
  closed = new Map(items.filter((a) => a.annunciated).map((a) => [a.id, a.raisedAt]))
}

/** When alerts were raised that sounded since then, each once; in no order. */
export function soundedSince(since: number, known: Iterable<ListedAlert>): number[] {
  const times = new Map(closed)
  for (const alert of known) {
    if (alert.annunciated) times.set(alert.id, alert.raisedAt)
    else times.delete(alert.id)
  }
  return [...times.values()].filter((at) => at >= since)
}

export function forgetSounded(): void {
  closed = new Map()
}
