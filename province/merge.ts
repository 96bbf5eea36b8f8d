/**
 * Merges the changes of one alert into its state. The result depends on the set of changes alone: order of arrival and
 * repetition make no difference (commutative, associative, idempotent). It must never lower a level or reopen what is closed.
 *
 * Which change decides the state, by this table, first difference wins:
 *
 * | step | compared                              | wins                                                          |
 * |------|---------------------------------------|---------------------------------------------------------------|
 * | 1    | is the alert closed by it?            | closed: a closed alert is never reopened (`semantics.md` 5)   |
 * | 2    | both closed: result                   | confirmed, then drill, test, returned, nuisance, false        |
 * | 3    | epoch and sequence at the facility    | the later: one writer's snapshots hold all earlier ones       |
 * | 4    | who                                   | the province: its act names the facility sequence it had seen |
 * | 5    | time of the act, then content's hash  | the later, the larger: only so that there is no tie           |
 *
 * The level, activations and escalation step are the highest ever seen; subjects and reasons are united; the times of
 * deeds (acknowledged, dispatched, arrived …) stay known although a later snapshot of the other side does not have them.
 */
import { higherLevel } from '#model/alert/alert.ts'
import { canonicalJson, sha256Hex } from '#model/ids.ts'
import type { AlertUp, SharedAlert } from '#model/uplink.ts'

export type Origin = 'facility' | 'province'

/** A change with its place in the order of things. */
export interface PlacedChange extends AlertUp {
  origin: Origin
  /** Counts the lives of a facility's sequence counter: it starts again at 1 when an edge is rebuilt from nothing. */
  epoch: number
  /** For the province: the last facility sequence that it had seen when it acted. */
  sequence: number
}

type Stamp = [closed: number, result: number, epoch: number, sequence: number, origin: number, at: number, tie: string]

/** Kept beside the alert: what is needed to merge the next change without reading the old ones. */
export interface MergeState {
  winner: Stamp
  deeds: Partial<Record<Deed, [Stamp, unknown]>>
}

export interface MergedAlert {
  alert: SharedAlert
  state: MergeState
}

const DEEDS = ['ackAt', 'dispatchedAt', 'arrivedAt', 'incident', 'number', 'zone', 'plan'] as const
type Deed = (typeof DEEDS)[number]

const RESULT_ORDER = ['false', 'nuisance', 'returned', 'test', 'drill', 'confirmed']

/** Closed for good: nobody and nothing opens it again. */
export function isClosed(alert: Pick<SharedAlert, 'handling' | 'state'>): boolean {
  return alert.handling === 'closed' || alert.state === 'resolved' || alert.state === 'dismissed'
}

function stampOf(change: PlacedChange): Stamp {
  const closed = isClosed(change.alert)
  return [
    closed ? 1 : 0,
    closed ? RESULT_ORDER.indexOf(change.alert.result ?? '') : -1,
    change.epoch,
    change.sequence,
    change.origin === 'province' ? 1 : 0,
    change.at,
    sha256Hex(canonicalJson([change.change, change.by, change.alert])).slice(0, 16),
  ]
}

function isLater(a: Stamp, b: Stamp): boolean {
  for (let i = 0; i < a.length; i++) {
    if (a[i]! > b[i]!) return true
    if (a[i]! < b[i]!) return false
  }
  return false
}

const united = (a: string[], b: string[]): string[] => [...new Set([...a, ...b])].sort()

/** One change joined to what is known; `null` when nothing is known yet. Neither argument is changed. */
export function mergeChange(known: MergedAlert | null, change: PlacedChange): MergedAlert {
  const stamp = stampOf(change)
  const deeds: MergeState['deeds'] = { ...known?.state.deeds }
  for (const deed of DEEDS) {
    const value = change.alert[deed] ?? null
    const had = deeds[deed]
    if (value !== null && (!had || isLater(stamp, had[0]))) deeds[deed] = [stamp, value]
  }
  const wins = !known || isLater(stamp, known.state.winner)
  const alert: SharedAlert = { ...(wins ? change.alert : known.alert) }
  for (const deed of DEEDS) (alert as unknown as Record<string, unknown>)[deed] = deeds[deed]?.[1] ?? null
  const other = known?.alert
  alert.level = other ? higherLevel(other.level, change.alert.level) : change.alert.level
  alert.activations = Math.max(other?.activations ?? 0, change.alert.activations ?? 0)
  alert.escalationStep = Math.max(other?.escalationStep ?? 0, change.alert.escalationStep ?? 0)
  alert.raisedAt = Math.min(other?.raisedAt ?? Number.POSITIVE_INFINITY, change.alert.raisedAt)
  alert.delayed = Boolean(other?.delayed) || Boolean(change.alert.delayed)
  alert.subjects = united(other?.subjects ?? [], change.alert.subjects)
  alert.reasonCodes = united(other?.reasonCodes ?? [], change.alert.reasonCodes)
  return { alert, state: { winner: wins ? stamp : known.state.winner, deeds } }
}

/** All changes of one alert, in any order. */
export function mergeAll(changes: PlacedChange[]): MergedAlert | null {
  return changes.reduce<MergedAlert | null>((known, change) => mergeChange(known, change), null)
}
