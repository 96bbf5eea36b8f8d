/**
 * What the desk is asked: alerts by filter, their timelines, incidents, counts. Alerts that are not closed are in memory,
 * everything is in the desk's file, and the file is asked in the order in which it was written. Decides nothing.
 */
import { type Alert, type AlertChange, LEVELS, type Level, levelRank } from '#model/alert/alert.ts'
import type { AlertRecord } from '#model/alert/lifecycle.ts'
import type { AlertFilter, AlertPage, Incident } from '#model/ports/alert-desk.ts'
import type { StoreLink } from '../thread/store-thread.ts'
import type { SaveRequest } from './storage.ts'

export type Counts = Record<Level, { open: number; unacknowledged: number }>

export class Lists {
  readonly #link: StoreLink
  readonly #live: ReadonlyMap<string, AlertRecord>

  /** @param live every alert that is not closed, and closed ones on their way to the disk. */
  constructor(link: StoreLink, live: ReadonlyMap<string, AlertRecord>) {
    this.#link = link
    this.#live = live
  }

  /** As the file has it. */
  async find(id: string): Promise<AlertRecord | null> {
    const text = await this.#link.call<string | null>('get', id)
    return text === null ? null : (JSON.parse(text) as AlertRecord)
  }

  save(
    records: AlertRecord[],
    changes: { change: AlertChange; seq: number }[],
    complete: number | null,
  ): Promise<void> {
    return this.#link.call('save', {
      records,
      changes: changes.map(({ change, seq }) => ({ seq, alert: change.alert.id, text: JSON.stringify(change) })),
      complete,
    } satisfies SaveRequest)
  }

  async list(filter: AlertFilter, cursor?: string, limit = 200): Promise<AlertPage> {
    const page = await this.#link.call<{ items: string[]; next: [number, string] | null; total: number }>(
      'list',
      filter,
      parseCursor(cursor),
      Math.max(1, Math.min(limit, 1000)),
    )
    return {
      items: page.items.map((text) => (JSON.parse(text) as AlertRecord).alert),
      next: page.next ? `${page.next[0]}-${page.next[1]}` : null,
      total: page.total,
    }
  }

  async get(id: string): Promise<Alert | null> {
    return (await this.find(id))?.alert ?? null
  }

  async timeline(id: string): Promise<AlertChange[]> {
    return (await this.#link.call<string[]>('timeline', id)).map((text) => JSON.parse(text) as AlertChange)
  }

  async incident(id: string): Promise<Incident | null> {
    const members = (await this.#link.call<string[]>('members', id)).map((t) => (JSON.parse(t) as AlertRecord).alert)
    return members.length === 0 ? null : incidentOf(id, members)
  }

  async incidents(filter: { open?: boolean; limit?: number }): Promise<Incident[]> {
    const limit = filter.limit ?? 200
    const open = new Set(
      [...this.#live.values()].flatMap((r) => (r.alert.incident && !isClosed(r.alert) ? [r.alert.incident] : [])),
    )
    const ids = filter.open === true ? [...open] : await this.#link.call<string[]>('incidents', limit * 2)
    const wanted = filter.open === false ? ids.filter((id) => !open.has(id)) : ids
    const found = await Promise.all(wanted.map((id) => this.incident(id)))
    return found
      .filter((i): i is Incident => i !== null)
      .sort((a, b) => b.openedAt - a.openedAt)
      .slice(0, limit)
  }

  openCount(): number {
    let open = 0
    for (const { alert } of this.#live.values()) if (!isClosed(alert) && !alert.test) open++
    return open
  }

  counts(): Counts {
    const counts = Object.fromEntries(LEVELS.map((l) => [l, { open: 0, unacknowledged: 0 }])) as Counts
    for (const { alert } of this.#live.values()) {
      if (isClosed(alert) || alert.test) continue
      counts[alert.level].open++
      if (alert.state === 'unacknowledged' || alert.state === 'returned-unacknowledged')
        counts[alert.level].unacknowledged++
    }
    return counts
  }

  expire(timeMs: number): Promise<number> {
    return this.#link.call('expire', timeMs)
  }
}

export const isClosed = (alert: Alert): boolean => alert.state === 'resolved' || alert.state === 'dismissed'

function incidentOf(id: string, members: Alert[]): Incident {
  const closedAt = members.every(isClosed) ? Math.max(...members.map((m) => m.closedAt ?? m.raisedAt)) : null
  const level = members.reduce<Level>((top, m) => (levelRank(m.level) > levelRank(top) ? m.level : top), 'blue')
  return {
    id,
    openedAt: Math.min(...members.map((m) => m.raisedAt)),
    closedAt,
    level,
    members: members.map((m) => m.id),
    zones: [...new Set(members.flatMap((m) => m.zone ?? []))].sort(),
    subjects: [...new Set(members.flatMap((m) => m.subjects))].sort(),
    related: [],
  }
}

function parseCursor(cursor: string | undefined): [number, string] | null {
  const match = cursor === undefined ? null : /^(\d+)-(.+)$/.exec(cursor)
  return match ? [Number(match[1]), match[2]!] : null
}
