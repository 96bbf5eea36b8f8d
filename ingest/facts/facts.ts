/**
 * What indicators are computed from, as far as alerts alone do not tell it: sums per hour and marks with their instant.
 * Additive, so that any window of whole hours is a sum. Never holds a measured value of a person.
 */
import type { FactRow, MarkRow } from '../quality/quality-storage.ts'

export const HOUR_MS = 3_600_000
/** Sums that wait for the next save; beyond it something adds names without end, and the rest is counted. */
const MAX_WAITING = 50_000

export class Facts {
  #facts = new Map<string, FactRow>()
  #marks = new Map<string, MarkRow>()
  overflow = 0

  add(name: string, part: string, at: number, value = 1): void {
    const hour = Math.floor(at / HOUR_MS) * HOUR_MS
    const key = `${name}\0${hour}\0${part}`
    const known = this.#facts.get(key)
    if (known) known.value += value
    else if (this.#facts.size < MAX_WAITING) this.#facts.set(key, { name, hour, part, value })
    else this.overflow++
  }

  mark(name: string, part: string, at: number): void {
    const key = `${name}\0${at}\0${part}`
    const known = this.#marks.get(key)
    if (known) known.n++
    else if (this.#marks.size < MAX_WAITING) this.#marks.set(key, { name, at, part, n: 1 })
    else this.overflow++
  }

  take(): { facts: FactRow[]; marks: MarkRow[] } {
    const taken = { facts: [...this.#facts.values()], marks: [...this.#marks.values()] }
    this.#facts = new Map()
    this.#marks = new Map()
    return taken
  }

  giveBack(taken: { facts: FactRow[]; marks: MarkRow[] }): void {
    for (const { name, hour, part, value } of taken.facts) this.add(name, part, hour, value)
    for (const { name, at, part, n } of taken.marks) for (let i = 0; i < n; i++) this.mark(name, part, at)
  }
}
