/**
 * Tickets of data quality: what is found wrong opens one per device and kind, what is found right again closes it. Pure.
 * A ticket opens below one limit and closes above another, so that a value at the limit does not open it every minute.
 */
import { createHash } from 'node:crypto'
import type { Bilingual } from '#model/alert/alert.ts'
import type { QualityTicket, TicketKind } from '#model/ports/quality.ts'

/** One look at one thing of one device. `ok: null` = nothing can be said now: an open ticket stays, none is opened. */
export interface Finding {
  kind: TicketKind
  device: string
  type: string | null
  owner: string
  verdict: 'bad' | 'good' | 'unclear'
  reason?: Bilingual
  advice?: Bilingual
}

/** Open tickets beyond this are counted, not kept: a facility with more has one problem, not thousands. */
const MAX_OPEN = 2000
const MAX_CLOSED = 500

export class Tickets {
  readonly #open = new Map<string, QualityTicket>()
  readonly #closed: QualityTicket[] = []
  readonly #changed = new Map<string, QualityTicket>()
  overflow = 0

  /** @param findings one look at everything: several types of one device and kind make one ticket. */
  judge(findings: readonly Finding[], at: number): { opened: QualityTicket[]; closed: QualityTicket[] } {
    const groups = new Map<string, Finding[]>()
    for (const finding of findings) {
      const key = `${finding.device}\0${finding.kind}`
      const group = groups.get(key)
      if (group) group.push(finding)
      else groups.set(key, [finding])
    }
    const opened: QualityTicket[] = []
    const closed: QualityTicket[] = []
    for (const [key, group] of groups) {
      const bad = group.filter((f) => f.verdict === 'bad')
      const known = this.#open.get(key)
      if (bad.length > 0) {
        const ticket = this.#ticket(known, bad, at)
        if (!ticket) continue
        if (!known) opened.push(ticket)
        if (!known || JSON.stringify(known.types) !== JSON.stringify(ticket.types)) this.#changed.set(ticket.id, ticket)
        this.#open.set(key, ticket)
      } else if (known && group.every((f) => f.verdict === 'good')) closed.push(this.#close(key, known, at))
    }
    // A device nobody looks at any more has left the site file.
    for (const [key, ticket] of [...this.#open]) if (!groups.has(key)) closed.push(this.#close(key, ticket, at))
    return { opened, closed }
  }

  #ticket(known: QualityTicket | undefined, bad: Finding[], at: number): QualityTicket | null {
    const first = bad[0]!
    const types = [...new Set(bad.flatMap((f) => (f.type === null ? [] : [f.type])))].sort()
    const said = {
      types,
      reason: first.reason ?? { zh: '', en: '' },
      advice: first.advice ?? { zh: '', en: '' },
      owner: first.owner,
    }
    if (known) return { ...known, ...said, types: [...new Set([...known.types, ...types])].sort() }
    if (this.#open.size >= MAX_OPEN) {
      this.overflow++
      return null
    }
    const { kind, device } = first
    return { id: ticketId(device, kind, at), kind, device, since: at, closedAt: null, ...said }
  }

  #close(key: string, ticket: QualityTicket, at: number): QualityTicket {
    const closed = { ...ticket, closedAt: at }
    this.#open.delete(key)
    this.#closed.push(closed)
    if (this.#closed.length > MAX_CLOSED) this.#closed.shift()
    this.#changed.set(closed.id, closed)
    return closed
  }

  isOpen(device: string, kind: TicketKind): boolean {
    return this.#open.has(`${device}\0${kind}`)
  }

  get openCount(): number {
    return this.#open.size
  }

  /** Newest first. */
  list(): QualityTicket[] {
    return [...this.#closed, ...this.#open.values()].sort((a, b) => b.since - a.since || (a.id < b.id ? -1 : 1))
  }

  takeChanged(): QualityTicket[] {
    const changed = [...this.#changed.values()]
    this.#changed.clear()
    return changed
  }

  stillChanged(tickets: readonly QualityTicket[]): void {
    for (const ticket of tickets) if (!this.#changed.has(ticket.id)) this.#changed.set(ticket.id, ticket)
  }

  restore(tickets: readonly QualityTicket[]): void {
    for (const ticket of tickets)
      if (ticket.closedAt === null) this.#open.set(`${ticket.device}\0${ticket.kind}`, ticket)
      else this.#closed.push(ticket)
  }
}

const ticketId = (device: string, kind: string, at: number): string =>
  `t${createHash('sha256').update(`${device}\0${kind}\0${at}`).digest('hex').slice(0, 16)}`
