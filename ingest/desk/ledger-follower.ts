/**
 * The ledger follows the journal: what the desk has published goes into it in the same order, whatever has to be tried
 * again; what waits together goes in together. Must never enter what follows something that is missing.
 */
import type { Act } from '#model/alert/acts.ts'
import type { AlertChange } from '#model/alert/alert.ts'
import type { EdgeLedger } from '../ledger/ledger.ts'
import { actMark, alertMark } from '../ledger/mark.ts'
import type { UntilDone } from './until-done.ts'

export type LedgerItem = Parameters<EdgeLedger['append']>[0][number]

export const actItem = (act: Act, seq: number): LedgerItem => ({
  kind: 'act',
  ref: act.alert ?? null,
  by: act.by,
  payload: act,
  mark: actMark(seq, act),
})
export const alertItem = (change: AlertChange, seq: number): LedgerItem => ({
  kind: 'alert',
  ref: change.alert.id,
  by: change.by,
  payload: change,
  mark: alertMark(seq, change),
})

export class LedgerFollower {
  readonly #ledger: EdgeLedger
  readonly #untilDone: UntilDone
  readonly #waiting: { entries: LedgerItem[]; resolve(): void; reject(error: unknown): void }[] = []
  #filling: Promise<void> | null = null
  #fault: { error: unknown } | null = null

  constructor(ledger: EdgeLedger, untilDone: UntilDone) {
    this.#ledger = ledger
    this.#untilDone = untilDone
  }

  append(entries: LedgerItem[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entries, resolve, reject })
      this.#startFilling()
    })
  }

  #startFilling(): void {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = null
      // Something may have come after the last look and before this line.
      if (this.#waiting.length > 0) this.#startFilling()
    })
  }

  async #fill(): Promise<void> {
    while (this.#waiting.length > 0) {
      await Promise.resolve()
      const group = this.#waiting.splice(0)
      try {
        // What follows something that is missing would stand before it: the next process brings both, in order.
        if (this.#fault) throw this.#fault.error
        await this.#untilDone(() => this.#ledger.append(group.flatMap(({ entries }) => entries)))
        for (const { resolve } of group) resolve()
      } catch (error) {
        this.#fault ??= { error }
        for (const { reject } of group) reject(error)
      }
    }
  }
}
