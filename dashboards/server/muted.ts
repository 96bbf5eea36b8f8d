/**
 * Which window mutes an alert: who set it aside, why and until when; the maintenance that its device is in; the wider
 * alert that holds it back. Every muted alert names its window, or says that none is found. Pure.
 */
import type { Alert, AlertChange } from '#model/alert/alert.ts'
import type { ContextItems } from '#model/context/kinds.ts'

export interface Muted {
  kind: 'shelf' | 'maintenance' | 'design'
  /** Id of the mode, or of the alert that holds this one back; null = the window is the shelf itself, or unknown. */
  window: string | null
  /** For people: the number of the alert that holds it back. */
  number: string | null
  by: string | null
  why: string | null
  since: number | null
  until: number | null
}

const timeOf = (at: unknown): number | null =>
  typeof at === 'number' ? at : typeof at === 'string' && !Number.isNaN(Date.parse(at)) ? Date.parse(at) : null

/** @param holders open alerts that hold others back by design (R54 mass offline, R58 flood). */
export function mutedBy(
  alert: Alert,
  timeline: readonly AlertChange[],
  shelvedUntil: number | null,
  modes: readonly ContextItems['modes'][],
  holders: readonly Alert[],
  upward: (zone: string | null) => readonly string[],
  now: number,
): Muted | null {
  if (alert.state === 'shelved') {
    const act = timeline.findLast((c) => c.change === 'shelved')
    return {
      kind: 'shelf',
      window: null,
      number: null,
      by: act?.by ?? null,
      why: act?.note ?? null,
      since: act?.at ?? null,
      until: shelvedUntil,
    }
  }
  if (alert.state === 'out-of-service') {
    const mode = modes.find((m) => {
      const [from, to] = [timeOf(m.from), timeOf(m.to)]
      const on = (from === null || from <= now) && (to === null || now < to)
      return on && m.mode === 'maintenance' && alert.device !== null && m.devices?.includes(alert.device)
    })
    return {
      kind: 'maintenance',
      window: mode?.id ?? null,
      number: null,
      by: null,
      why: mode?.note ?? null,
      since: timeOf(mode?.from),
      until: timeOf(mode?.to),
    }
  }
  if (alert.state !== 'suppressed-by-design') return null
  const places = new Set(upward(alert.zone))
  const holder =
    holders.find((h) => h.zone !== null && places.has(h.zone) && h.raisedAt >= alert.raisedAt - HELD_BEFORE_MS) ??
    holders.find((h) => h.zone === null)
  return {
    kind: 'design',
    window: holder?.id ?? null,
    number: holder?.number ?? null,
    by: null,
    why: holder?.code ?? null,
    since: holder?.raisedAt ?? null,
    until: null,
  }
}

/** An alert that is older than what holds it back by more than this was held back by something else. */
const HELD_BEFORE_MS = 24 * 3_600_000
