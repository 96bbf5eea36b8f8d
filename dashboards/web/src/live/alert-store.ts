/**
 * All alerts this console knows: a Map with listeners per alert and one list listener. Changes are committed in batches
 * per frame, at most 10 a second in a storm; red goes at once. It mirrors the server and never computes alarm state.
 */
import { LEVELS, type Level, levelRank } from '#model/alert/alert.ts'
import type { Alert, AlertChange, ListedAlert, Verb } from '../api/types.ts'

export const CAPACITY = 5000
const STORM_PER_SECOND = 20
const STORM_COMMIT_MS = 100
const CALM_MS = 500

export type Counts = Record<Level, { open: number; unacknowledged: number }>

export const isClosed = (a: Alert): boolean =>
  a.state === 'resolved' || a.state === 'dismissed' || a.handling === 'closed'
export const isUnacknowledged = (a: Alert): boolean =>
  a.state === 'unacknowledged' || a.state === 'returned-unacknowledged'
/** Shown in the main list: neither closed nor set aside. */
export const isOpen = (a: Alert): boolean => !isClosed(a)
export const isSetAside = (a: Alert): boolean =>
  a.state === 'shelved' || a.state === 'suppressed-by-design' || a.state === 'out-of-service'

/** Unacknowledged, then level, then newest (console.md P1); the id makes the order total. */
export function compareAlerts(a: Alert, b: Alert): number {
  const byState = Number(isUnacknowledged(b)) - Number(isUnacknowledged(a))
  if (byState !== 0) return byState
  const byLevel = levelRank(b.level) - levelRank(a.level)
  if (byLevel !== 0) return byLevel
  return b.raisedAt - a.raisedAt || (a.id < b.id ? -1 : 1)
}

/** The same order for a whole list, in linear time where it stands nearly in order already (it comes by time). */
export function sortAlerts(alerts: Alert[]): Alert[] {
  const buckets: Alert[][] = []
  for (const alert of alerts) {
    const rank = (isUnacknowledged(alert) ? 0 : LEVELS.length) + LEVELS.length - levelRank(alert.level)
    const bucket = buckets[rank]
    if (bucket) bucket.push(alert)
    else buckets[rank] = [alert]
  }
  return buckets.flatMap((bucket) => bucket.reverse().sort((a, b) => b.raisedAt - a.raisedAt || (a.id < b.id ? -1 : 1)))
}

export interface Scheduler {
  now(): number
  /** Runs once, soon: next frame, or a little later when the page is hidden. */
  frame(task: () => void): void
  after(ms: number, task: () => void): void
}

const browser: Scheduler = {
  now: () => performance.now(),
  frame: (task) => {
    if (document.hidden) setTimeout(task, 50)
    else requestAnimationFrame(task)
  },
  after: (ms, task) => {
    setTimeout(task, ms)
  },
}

const zero = (): Counts =>
  Object.fromEntries(LEVELS.map((l) => [l, { open: 0, unacknowledged: 0 }])) as unknown as Counts

export class AlertStore {
  readonly #alerts = new Map<string, ListedAlert>()
  readonly #waiting: ListedAlert[] = []
  readonly #rowListeners = new Map<string, Set<() => void>>()
  readonly #listListeners = new Set<() => void>()
  readonly #calmListeners = new Set<() => void>()
  readonly #changeListeners = new Set<(change: AlertChange) => void>()
  readonly #scheduler: Scheduler
  readonly #pendingActs = new Map<string, Verb>()
  #scheduled = false
  #lastCommitAt = -Infinity
  #recent: number[] = []
  #counts: Counts = zero()
  #version = 0
  #calmVersion = 0
  #calmAt = -Infinity
  #calmDue = false
  #highest: { version: number; alert: ListedAlert | null } = { version: -1, alert: null }
  #dropped = 0
  /** Of the list that is being loaded, what had no room. */
  #shedOfLoad = 0
  #loaded = false
  #loading = false
  readonly #sinceLoad = new Set<string>()
  /** What the list that is being loaded has brought so far. */
  readonly #fresh = new Set<string>()

  constructor(scheduler: Scheduler = browser) {
    this.#scheduler = scheduler
  }

  readonly get = (id: string): ListedAlert | undefined => this.#alerts.get(id)
  values(): IterableIterator<ListedAlert> {
    return this.#alerts.values()
  }
  /** Open alerts by level, as the alert bar shows them. */
  counts(): Counts {
    return this.#counts
  }
  openCount(): number {
    return LEVELS.reduce((sum, level) => sum + this.#counts[level].open, 0)
  }
  /** Alerts that had no room; counted, never silent. */
  dropped(): number {
    return this.#dropped
  }
  loaded(): boolean {
    return this.#loaded
  }
  readonly version = (): number => this.#version

  subscribeRow(id: string, listener: () => void): () => void {
    let set = this.#rowListeners.get(id)
    if (!set) {
      set = new Set()
      this.#rowListeners.set(id, set)
    }
    set.add(listener)
    return () => {
      set.delete(listener)
      if (set.size === 0 && this.#rowListeners.get(id) === set) this.#rowListeners.delete(id)
    }
  }

  readonly subscribeList = (listener: () => void): (() => void) => {
    this.#listListeners.add(listener)
    return () => this.#listListeners.delete(listener)
  }

  /** As `subscribeList`, for what is dear to draw: at most twice a second, but at once when a red has changed. */
  readonly subscribeCalmly = (listener: () => void): (() => void) => {
    this.#calmListeners.add(listener)
    return () => this.#calmListeners.delete(listener)
  }
  readonly calmVersion = (): number => this.#calmVersion

  /** The highest unacknowledged alert, the newest of its level: what the alert bar shows. */
  highestUnacknowledged(): ListedAlert | null {
    if (this.#highest.version !== this.#version) {
      let best: ListedAlert | null = null
      for (const alert of this.#alerts.values())
        if (isUnacknowledged(alert) && alert.handling !== 'closed' && (!best || compareAlerts(alert, best) < 0))
          best = alert
      this.#highest = { version: this.#version, alert: best }
    }
    return this.#highest.alert
  }

  /** Each change line as it comes, before it is painted: for sound and for the spoken region. */
  onChange(listener: (change: AlertChange) => void): () => void {
    this.#changeListeners.add(listener)
    return () => this.#changeListeners.delete(listener)
  }

  /** Call before the list is asked for: what the stream brings from now on is newer than that list. */
  beginLoad(): void {
    this.#loading = true
    this.#shedOfLoad = 0
    this.#sinceLoad.clear()
    this.#fresh.clear()
  }

  /**
   * Replaces everything by the server's list of open alerts, but for what the stream brought since `beginLoad`;
   * closed ones that are still on screen stay readable.
   */
  load(alerts: ListedAlert[], total = alerts.length): void {
    this.loadSome(alerts)
    this.endLoad(total)
  }

  /** A part of a long list: shown at once, the rest follows. */
  loadSome(alerts: ListedAlert[]): void {
    for (const alert of alerts) {
      this.#fresh.add(alert.id)
      if (!this.#sinceLoad.has(alert.id)) this.#alerts.set(alert.id, alert)
    }
    this.#commit(alerts.map((a) => a.id))
  }

  /** All parts are there; `total` is how many the server has, of which some may be beyond our limit. */
  endLoad(total: number): void {
    const gone = [...this.#alerts.values()].filter(
      (a) => !this.#fresh.has(a.id) && !this.#sinceLoad.has(a.id) && isOpen(a),
    )
    for (const { id } of gone) this.#alerts.delete(id)
    this.#dropped = Math.max(0, total - this.#fresh.size) + this.#shedOfLoad
    this.#shedOfLoad = 0
    this.#loading = false
    this.#sinceLoad.clear()
    this.#fresh.clear()
    this.#loaded = true
    this.#commit(gone.map((a) => a.id))
  }

  clear(): void {
    this.#alerts.clear()
    this.#waiting.length = 0
    this.#pendingActs.clear()
    this.#fresh.clear()
    this.#loaded = false
    this.#dropped = 0
    this.#commit([])
  }

  apply(change: AlertChange): void {
    for (const listener of this.#changeListeners) listener(change)
    this.#waiting.push(change.alert)
    if (this.#loading) this.#sinceLoad.add(change.alert.id)
    const now = this.#scheduler.now()
    this.#recent.push(now)
    if (this.#recent.length > 64) this.#recent.splice(0, this.#recent.length - 64)
    if (this.#scheduled && change.alert.level !== 'red') return
    this.#schedule(change.alert.level === 'red')
  }

  /** Alerts changed in the last second, for the storm strip of the frame and the commit rate. */
  ratePerSecond(): number {
    const now = this.#scheduler.now()
    return this.#recent.filter((at) => now - at < 1000).length
  }

  setPendingAct(id: string, verb: Verb | null): void {
    if (verb) this.#pendingActs.set(id, verb)
    else this.#pendingActs.delete(id)
    this.#notifyRow(id)
  }
  readonly pendingAct = (id: string): Verb | undefined => this.#pendingActs.get(id)

  #schedule(urgent: boolean): void {
    const wait = this.#lastCommitAt + STORM_COMMIT_MS - this.#scheduler.now()
    const storm = this.ratePerSecond() > STORM_PER_SECOND
    this.#scheduled = true
    if (storm && !urgent && wait > 0) this.#scheduler.after(wait, () => this.#scheduler.frame(this.#flush))
    else this.#scheduler.frame(this.#flush)
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    if (this.#waiting.length === 0) return
    const touched = new Set<string>()
    for (const alert of this.#waiting) {
      const before = this.#alerts.get(alert.id)
      // A change line carries no allowed actions: the old ones are void once the state has moved.
      this.#alerts.set(
        alert.id,
        before && !('allowedActions' in alert) ? { ...alert, allowedActions: undefined } : alert,
      )
      touched.add(alert.id)
    }
    this.#waiting.length = 0
    this.#commit([...touched])
  }

  #commit(ids: string[]): void {
    this.#shed()
    const counts = zero()
    for (const alert of this.#alerts.values()) {
      if (isClosed(alert)) continue
      const count = counts[alert.level]
      if (!count) continue
      count.open++
      if (isUnacknowledged(alert)) count.unacknowledged++
    }
    this.#counts = counts
    this.#version++
    this.#lastCommitAt = this.#scheduler.now()
    for (const id of ids) this.#notifyRow(id)
    for (const listener of this.#listListeners) listener()
    this.#tellCalmly(ids.some((id) => this.#alerts.get(id)?.level === 'red'))
  }

  #tellCalmly(urgent: boolean): void {
    const wait = this.#calmAt + CALM_MS - this.#scheduler.now()
    if (!urgent && wait > 0) {
      if (this.#calmDue) return
      this.#calmDue = true
      this.#scheduler.after(wait, () => {
        this.#calmDue = false
        this.#tellCalmly(true)
      })
      return
    }
    this.#calmAt = this.#scheduler.now()
    this.#calmVersion++
    for (const listener of this.#calmListeners) listener()
  }

  /** Limit: 5,000 alerts. Policy: closed ones go first, oldest first; then the oldest of the lowest level. */
  #shed(): void {
    const excess = this.#alerts.size - CAPACITY
    if (excess <= 0) return
    const order = [...this.#alerts.values()].sort(
      (a, b) =>
        Number(isClosed(b)) - Number(isClosed(a)) || levelRank(a.level) - levelRank(b.level) || a.raisedAt - b.raisedAt,
    )
    for (const alert of order.slice(0, excess)) {
      this.#alerts.delete(alert.id)
      if (isClosed(alert)) continue
      this.#dropped++
      this.#shedOfLoad++
    }
  }

  #notifyRow(id: string): void {
    const set = this.#rowListeners.get(id)
    if (set) for (const listener of set) listener()
  }
}
