/**
 * Watches for holes in the sequence of each facility. Alerts overtake the backlog, so a hole is normal for a while; one
 * that has not moved for 60 s while the link is up is a gap: named, shown, and closed when it is filled. It decides only;
 * writing is the caller's business.
 */
import type { Range, SequenceSet } from './sequences.ts'

export const GAP_AFTER_MS = 60_000

export interface Gap {
  facility: string
  epoch: number
  from: number
  to: number
  since: number
}

interface Hole {
  from: number
  to: number
  /** Since when nothing has been filled from below. */
  since: number
  /** Named parts, so that a hole that splits is not named again. */
  named: boolean
}

interface Watched {
  epoch: number
  set: SequenceSet
  holes: Hole[]
  /** Named and not yet filled. */
  open: Gap[]
}

export class GapWatch {
  readonly #facilities = new Map<string, Watched>()

  /** What the store remembers: gaps that were named and are not closed. */
  restore(facility: string, epoch: number, set: SequenceSet, open: Gap[], now: number): void {
    this.#facilities.set(facility, { epoch, set, holes: [], open: [...open] })
    this.update(facility, epoch, set, now)
  }

  /** After each commit: what has arrived by now. */
  update(facility: string, epoch: number, set: SequenceSet, now: number): void {
    let watched = this.#facilities.get(facility)
    if (!watched || watched.epoch !== epoch) {
      watched = { epoch, set, holes: [], open: watched?.open ?? [] }
      this.#facilities.set(facility, watched)
    }
    watched.set = set
    const before = watched.holes
    watched.holes = set.holes().map(([from, to]: Range) => {
      const parent = before.find((hole) => hole.from <= from && hole.to >= to)
      const named = watched.open.some((gap) => gap.epoch === epoch && gap.from <= from && gap.to >= to)
      if (!parent) return { from, to, since: now, named }
      // Filled from below = the backlog is coming in order; split in the middle = only an alert has overtaken.
      const drains = from > parent.from && set.covers(parent.from, from - 1)
      return { from, to, since: drains ? now : parent.since, named: named || parent.named }
    })
  }

  /** Gaps to name now and gaps that are filled, given since when each facility is connected. */
  check(now: number, connectedSince: (facility: string) => number | null): { named: Gap[]; closed: Gap[] } {
    const named: Gap[] = []
    const closed: Gap[] = []
    for (const [facility, watched] of this.#facilities) {
      const up = connectedSince(facility)
      for (const hole of watched.holes) {
        if (hole.named || up === null || now - Math.max(hole.since, up) < GAP_AFTER_MS) continue
        hole.named = true
        const gap = { facility, epoch: watched.epoch, from: hole.from, to: hole.to, since: hole.since }
        watched.open.push(gap)
        named.push(gap)
      }
      // A gap of an earlier life of the counter can never be filled any more: it stays named in the history, closed.
      const done = watched.open.filter((g) => g.epoch !== watched.epoch || watched.set.covers(g.from, g.to))
      if (done.length > 0) watched.open = watched.open.filter((gap) => !done.includes(gap))
      closed.push(...done)
    }
    return { named, closed }
  }

  open(facility: string): Gap[] {
    return this.#facilities.get(facility)?.open ?? []
  }
}
