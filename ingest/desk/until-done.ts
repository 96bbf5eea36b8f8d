/**
 * What is in the journal must come into ledger and lists too: a full disk is waited for, not given up, at the start too.
 * Must never give up on its own; only an end in the middle of the waiting does.
 */
import { WardwatchError } from '#model/errors.ts'
import type { DeskOptions } from './edge-desk.ts'

const RETRY_MS = 500

export type UntilDone = <T>(work: () => Promise<T>) => Promise<T>

export function untilDone({ clock, journal, onEvent }: DeskOptions, isClosed: () => boolean): UntilDone {
  return async (work) => {
    for (let said = false; ; said = true) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof WardwatchError) || error.retry !== 'retriable' || isClosed()) throw error
        if (!said) onEvent?.({ event: 'desk-failed', detail: error.message })
        // The journal may find room for its own commits where ledger and lists find none: it holds the reserve.
        if (error.code === 'disk-full') await journal.relieve(error.message)
        await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve))
      }
    }
  }
}
