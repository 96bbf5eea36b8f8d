/**
 * Which rows stand on the screen, in which order. Rows never move under the pointer or the focus: while the list is
 * held, what is new waits and is counted; reds go to their own lane at once, whatever the filters say there.
 */
import { LEVELS, type Level } from '#model/alert/alert.ts'
import type { Alert } from '../api/types.ts'
import { type AlertStore, isClosed, isOpen, isSetAside, isUnacknowledged, sortAlerts } from './alert-store.ts'
import { Signal } from './signal.ts'

export const LANE_ROWS = 5
const FOLD_WINDOW_MS = 60_000

export const VIEWS = ['open', 'unacknowledged', 'acknowledged', 'dispatched', 'review', 'mine', 'shelved'] as const
export type ViewName = (typeof VIEWS)[number]

export interface Filter {
  view: ViewName
  level: Level | null
  domain: Alert['domain'] | null
  zoneGroup: string | null
  text: string
}

export const noFilter: Filter = { view: 'open', level: null, domain: null, zoneGroup: null, text: '' }

export interface Row {
  /** Id of the row's first alert: rows keep it, so that React keeps the row. */
  id: string
  /** More than one when alerts of one rule and zone within 60 s are folded. */
  members: string[]
  /** Member rows of an opened fold stand below it, indented. */
  child: boolean
}

export interface ViewState {
  lane: string[]
  laneMore: number
  /** Of the lane, those that the filters let through: the others stand there because they are red. */
  laneFits: number
  rows: Row[]
  /** Alerts matched by the filters, lane included. */
  matched: number
  folded: number
  pending: { total: number; byLevel: Record<Level, number>; since: number } | null
  frozen: boolean
  filter: Filter
  viewCounts: Record<ViewName, number>
  domainCounts: Record<Alert['domain'], number>
  zoneCounts: Record<string, number>
}

export interface ViewContext {
  /** Account of this desk: for "mine". */
  account: string | null
  /** Group of a zone for the zone filter (perimeter, wards …). */
  zoneGroup(zone: string | null): string
  /** Everything searchable of one alert, lower case. */
  text(alert: Alert): string
}

export function inView(alert: Alert, view: ViewName, account: string | null): boolean {
  if (view === 'shelved') return isOpen(alert) && isSetAside(alert)
  if (!isOpen(alert) || isSetAside(alert)) return false
  if (view === 'unacknowledged') return isUnacknowledged(alert)
  if (view === 'acknowledged') return !isUnacknowledged(alert) && alert.handling === 'none'
  if (view === 'dispatched') return alert.handling === 'dispatched'
  if (view === 'review') return alert.handling === 'pending-review'
  if (view === 'mine') return account !== null && alert.assignee === account
  return true
}

const emptyState: ViewState = {
  lane: [],
  laneMore: 0,
  laneFits: 0,
  rows: [],
  matched: 0,
  folded: 0,
  pending: null,
  frozen: false,
  filter: noFilter,
  viewCounts: { open: 0, unacknowledged: 0, acknowledged: 0, dispatched: 0, review: 0, mine: 0, shelved: 0 },
  domainCounts: { behaviour: 0, duty: 0, equipment: 0 },
  zoneCounts: {},
}

/** An alert is never changed, only replaced: what it folds under is made once, not ten times a second for thousands. */
const foldKeys = new WeakMap<Alert, string>()

/** Null = stands alone: red and orange never fold. */
function foldKey(alert: Alert): string | null {
  if (alert.level !== 'yellow' && alert.level !== 'blue') return null
  let key = foldKeys.get(alert)
  if (key === undefined) {
    key = `${alert.rule}\0${alert.zone}\0${isUnacknowledged(alert)}\0${alert.level}`
    foldKeys.set(alert, key)
  }
  return key
}

export class AlertView extends Signal<ViewState> {
  readonly #store: AlertStore
  readonly #now: () => number
  #context: ViewContext = { account: null, zoneGroup: () => 'public', text: () => '' }
  /** Alerts that stand on the screen now (folded members too). */
  #shown = new Set<string>()
  #unfolded = new Set<string>()
  /** The pointer is over the list or the focus is in it. */
  #held = false
  #pendingSince = 0

  constructor(store: AlertStore, now: () => number) {
    super(emptyState)
    this.#store = store
    this.#now = now
    store.subscribeList(() => this.#onCommit())
  }

  /** What zones are called and how devices do changes at any moment: no reason to move a row that is held. */
  setContext(context: ViewContext): void {
    this.#context = context
    this.#onCommit()
  }
  setFilter(part: Partial<Filter>): void {
    this.set({ ...this.get(), filter: { ...this.get().filter, ...part } })
    this.#rebuild()
  }
  hold(held: boolean): void {
    if (this.#held === held) return
    this.#held = held
    if (!held && !this.get().frozen) this.#rebuild()
  }
  freeze(frozen: boolean): void {
    this.set({ ...this.get(), frozen })
    if (!frozen && !this.#held) this.#rebuild()
  }
  /** Home: show what waits, in order. */
  release(): void {
    this.#rebuild()
  }
  /** Opens a fold where it stands: the rows around it keep their order, and what waits goes on waiting. */
  toggleFold(id: string): void {
    const open = !this.#unfolded.has(id)
    if (open) this.#unfolded.add(id)
    else this.#unfolded.delete(id)
    const { rows } = this.get()
    const at = rows.findIndex((row) => row.id === id && !row.child)
    if (at < 0) return
    const { members } = rows[at]!
    const children = members.map((member) => ({ id: member, members: [member], child: true }))
    const rest = rows.slice(at + 1).filter((row, i) => !(row.child && i < members.length))
    this.set({ ...this.get(), rows: [...rows.slice(0, at + 1), ...(open ? children : []), ...rest] })
  }
  unfolded(id: string): boolean {
    return this.#unfolded.has(id)
  }

  /** Whether the filters let this alert through; a red in the lane may stand there without. */
  fits(alert: Alert): boolean {
    return this.#matches(alert)
  }

  #matches(alert: Alert): boolean {
    const { view, level, domain, zoneGroup, text } = this.get().filter
    if (!inView(alert, view, this.#context.account)) return false
    if (level !== null && alert.level !== level) return false
    if (domain !== null && alert.domain !== domain) return false
    if (zoneGroup !== null && this.#context.zoneGroup(alert.zone) !== zoneGroup) return false
    return text === '' || this.#context.text(alert).includes(text.toLowerCase())
  }

  #onCommit(): void {
    const { rows, lane, frozen } = this.get()
    // An empty list has no row that could jump, and must never look calm while something waits. Neither is a list that
    // is still being read: what comes is not new.
    if ((!this.#held && !frozen) || rows.length + lane.length === 0 || !this.#store.loaded()) this.#rebuild()
    else this.#wait()
  }

  /** The list is held: a new red takes the next place of the lane, rows stay, the rest is counted. */
  #wait(): void {
    const byLevel = Object.fromEntries(LEVELS.map((l) => [l, 0])) as Record<Level, number>
    let total = 0
    const kept = this.get().lane.filter((id) => this.#store.get(id) !== undefined)
    const lane = this.#lane(kept)
    const inLane = new Set(lane.lane)
    for (const alert of this.#store.values()) {
      if (inLane.has(alert.id) || this.#shown.has(alert.id)) continue
      if (!this.#matches(alert) && !this.#aboveFilters(alert)) continue
      byLevel[alert.level]++
      total++
    }
    if (total > 0 && !this.get().pending) this.#pendingSince = this.#now()
    this.set({
      ...this.get(),
      ...lane,
      ...this.#tally(),
      matched:
        lane.laneFits + new Set(this.get().rows.flatMap((row) => row.members.filter((id) => !inLane.has(id)))).size,
      pending: total > 0 ? { total, byLevel, since: this.#pendingSince } : null,
    })
  }

  /** An unacknowledged red is above every filter; an acknowledged one obeys them like any other. */
  #aboveFilters(alert: Alert): boolean {
    return alert.level === 'red' && isOpen(alert) && !isSetAside(alert) && isUnacknowledged(alert)
  }

  /** @param kept reds that keep their places, because somebody is pointing at the list. */
  #lane(kept: string[] = []): Pick<ViewState, 'lane' | 'laneMore' | 'laneFits'> {
    const { filter } = this.get()
    const reds: Alert[] = []
    for (const alert of this.#store.values()) {
      if (alert.level !== 'red' || !isOpen(alert) || isSetAside(alert)) continue
      if (isUnacknowledged(alert) || filter.view === 'open' || this.#matches(alert)) reds.push(alert)
    }
    const before = new Set(kept)
    const fresh = sortAlerts(reds)
      .map((a) => a.id)
      .filter((id) => !before.has(id))
    const lane = [...kept, ...fresh].slice(0, LANE_ROWS)
    const inLane = new Set(lane)
    const laneFits = lane.filter((id) => this.#matches(this.#store.get(id)!)).length
    return { lane, laneMore: reds.filter((a) => !inLane.has(a.id)).length, laneFits }
  }

  #tally(): Pick<ViewState, 'viewCounts' | 'domainCounts' | 'zoneCounts'> {
    const viewCounts = { ...emptyState.viewCounts }
    const domainCounts = { ...emptyState.domainCounts }
    const zoneCounts: Record<string, number> = {}
    for (const alert of this.#store.values()) {
      if (isClosed(alert)) continue
      if (isSetAside(alert)) {
        viewCounts.shelved++
        continue
      }
      viewCounts.open++
      if (isUnacknowledged(alert)) viewCounts.unacknowledged++
      else if (alert.handling === 'none') viewCounts.acknowledged++
      if (alert.handling === 'dispatched') viewCounts.dispatched++
      else if (alert.handling === 'pending-review') viewCounts.review++
      if (alert.assignee !== null && alert.assignee === this.#context.account) viewCounts.mine++
      domainCounts[alert.domain] = (domainCounts[alert.domain] ?? 0) + 1
      const group = this.#context.zoneGroup(alert.zone)
      zoneCounts[group] = (zoneCounts[group] ?? 0) + 1
    }
    return { viewCounts, domainCounts, zoneCounts }
  }

  #rebuild(): void {
    const { lane, laneMore, laneFits } = this.#lane()
    const inLane = new Set(lane)
    const matched = [...this.#store.values()].filter((a) => !inLane.has(a.id) && this.#matches(a))
    const ordered = sortAlerts(matched)
    this.#shown = new Set([...lane, ...ordered.map((a) => a.id)])
    const rows = this.#fold(ordered)
    this.set({
      ...this.get(),
      lane,
      laneMore,
      laneFits,
      rows,
      matched: matched.length + laneFits,
      folded: matched.length - rows.filter((r) => !r.child).length,
      pending: null,
      ...this.#tally(),
    })
  }

  /** Same rule, zone and state within 60 s of each other become one row; red and orange never fold. */
  #fold(alerts: Alert[]): Row[] {
    const groups: Alert[][] = []
    const last = new Map<string, Alert[]>()
    for (const alert of alerts) {
      const key = foldKey(alert)
      const group = key === null ? undefined : last.get(key)
      if (group && Math.abs(group[group.length - 1]!.raisedAt - alert.raisedAt) <= FOLD_WINDOW_MS) group.push(alert)
      else {
        const fresh = [alert]
        groups.push(fresh)
        if (key !== null) last.set(key, fresh)
      }
    }
    const rows: Row[] = []
    for (const group of groups) {
      // The oldest member names the row: newcomers join it without giving it a new identity.
      const oldest = group[group.length - 1]!
      const id = group.length > 1 ? oldest.id : group[0]!.id
      rows.push({ id, members: group.map((a) => a.id), child: false })
      if (group.length > 1 && this.#unfolded.has(id))
        for (const member of group) rows.push({ id: member.id, members: [member.id], child: true })
    }
    return rows
  }
}
