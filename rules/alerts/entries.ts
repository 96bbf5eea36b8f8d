/** The open alerts by rule and key, by code and by id, and the last closed one of each rule and key. */
import type { Alert, Level } from '#model/alert/alert.ts'
import type { AlertRecord } from '#model/alert/lifecycle.ts'
import type { Mark } from '../engine/operator.ts'

export interface Entry {
  record: AlertRecord
  slug: string
  opening: string
  /** Time of the newest evidence; end of a pulse pattern counts from it. */
  evidenceAt: number
  /** Newest evidence counted, to count each reading once. */
  counted: Mark[]
  printedAt: number
  evidencePrinted: number
  untilPerson: boolean
  /** Code of the rule that holds it suppressed by design. */
  suppressedBy: string | null
}

export interface Closed {
  id: string
  at: number
  /** The level at which a person closed it while its condition went on, until the condition ends; null = it had ended. */
  goesOn: Level | null
  /** The level it had reached; missing in states kept by earlier versions. */
  level?: Level
}

export interface EntriesSnapshot {
  entries: Entry[]
  open: [string, string][]
  closed: [string, Closed][]
}

/** Alerts closed so recently that comments and cool-downs may still ask for them. */
const MAX_CLOSED = 20_000

export const isOpen = (alert: Alert | undefined): boolean =>
  alert !== undefined && alert.state !== 'resolved' && alert.state !== 'dismissed'

/** `name` is always "slug|key". */
export class Entries {
  readonly #open = new Map<string, Entry>()
  readonly #byCode = new Map<string, Set<Entry>>()
  readonly #byId = new Map<string, Entry>()
  /** Cool-down, and the guard against reopening the same id. */
  readonly #closed = new Map<string, Closed>()

  find(name: string): Entry | undefined {
    return this.#open.get(name)
  }
  get(id: string): Entry | undefined {
    return this.#byId.get(id)
  }
  open(): IterableIterator<Entry> {
    return this.#open.values()
  }
  ofCode(code: string): readonly Alert[] {
    const set = this.#byCode.get(code)
    return set ? [...set].map((e) => e.record.alert) : []
  }
  closed(name: string): Closed | undefined {
    return this.#closed.get(name)
  }

  add(name: string, entry: Entry): void {
    const { id, code } = entry.record.alert
    this.#open.set(name, entry)
    this.#byId.set(id, entry)
    this.#setOf(code).add(entry)
  }

  /** Its condition has ended after a person had closed it. */
  settle(name: string): void {
    const closed = this.#closed.get(name)
    if (closed?.goesOn) this.#closed.set(name, { ...closed, goesOn: null })
  }

  /** Takes a closed alert from the open ones; false when it is none of them. It stays reachable by its id. */
  close(name: string, entry: Entry, now: number): boolean {
    const { alert } = entry.record
    if (this.#open.get(name) !== entry) return false
    this.#open.delete(name)
    this.#setOf(alert.code).delete(entry)
    this.#closed.delete(name)
    const goesOn = alert.conditionActive ? alert.level : null
    this.#closed.set(name, { id: alert.id, at: now, goesOn, level: alert.level })
    if (this.#closed.size > MAX_CLOSED) {
      const oldest = this.#closed.keys().next().value as string
      const id = this.#closed.get(oldest)?.id
      this.#closed.delete(oldest)
      if (id && !isOpen(this.#byId.get(id)?.record.alert)) this.#byId.delete(id)
    }
    return true
  }

  #setOf(code: string): Set<Entry> {
    let set = this.#byCode.get(code)
    if (!set) {
      set = new Set()
      this.#byCode.set(code, set)
    }
    return set
  }

  snapshot(): EntriesSnapshot {
    return {
      entries: [...this.#byId.values()],
      open: [...this.#open].map(([name, entry]) => [name, entry.record.alert.id]),
      closed: [...this.#closed],
    }
  }

  restore(snapshot: EntriesSnapshot): void {
    for (const map of [this.#open, this.#byCode, this.#byId, this.#closed]) map.clear()
    for (const entry of snapshot.entries) this.#byId.set(entry.record.alert.id, entry)
    for (const [name, id] of snapshot.open) this.add(name, this.#byId.get(id) as Entry)
    for (const [name, closed] of snapshot.closed) this.#closed.set(name, closed)
  }
}
