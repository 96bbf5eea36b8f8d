/** What a border promises about hostile input: an answer each time, in time, and every message accounted for. */
import type { Chance } from './chance.ts'

/** What became of one input: one of these at least, or it was lost in silence. */
export interface Fate {
  accepted?: number
  /** Kept as unreadable. */
  quarantined?: number
  /** Answered with a sentence that says what is wrong. */
  refused?: number
  /** Rightly says nothing: an empty list, a message of a kind that is not mapped. */
  empty?: number
}

export interface Border {
  /** Feeds the input of this chance; a throw is a fault of the product. */
  feed(chance: Chance): Fate | Promise<Fate>
  /** Counts of a border that answers for many inputs at once; its `feed` gives none. */
  fates?(): Fate
  /** What is wrong after all inputs: counts that do not agree, a server that answers no more. */
  after?(): string[] | Promise<string[]>
  close?(): void | Promise<void>
}

/** A border that is asked something it should not do: the run names seed and number, which give the input again. */
export class BorderFault extends Error {}

export function demand(holds: boolean, sentence: string): void {
  if (!holds) throw new BorderFault(sentence)
}
