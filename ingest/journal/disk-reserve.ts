/**
 * The space kept aside on the journal's disk, and the state without it: while the disk is full samples are shed; when there
 * is room again the reserve is made anew, and that is the end of it. Must never call the disk well before the reserve is back.
 */
import type { Clock } from '#model/clock.ts'
import type { StoreLink } from '../thread/store-thread.ts'
import type { JournalEvent } from './edge-journal.ts'

const RECOVERY_LOOK_MS = 1000
const RESERVE_RETRY_MS = 60_000

export interface ReserveOptions {
  clock: Clock
  link: StoreLink
  bytes: number
  isClosing(): boolean
  shed(): number
  onEvent?: ((event: JournalEvent) => void) | undefined
}

export class DiskReserve {
  readonly #o: ReserveOptions
  #full = false

  constructor(options: ReserveOptions) {
    this.#o = options
  }

  /** Samples are shed. */
  get isFull(): boolean {
    return this.#full
  }

  async release(detail: string): Promise<void> {
    if (!this.#full) {
      this.#full = true
      this.#o.onEvent?.({ event: 'disk-full', detail })
      this.#watchForRecovery()
    }
    await this.#o.link.call('releaseBallast')
  }

  #restored(): Promise<boolean> {
    return this.#o.link.call<boolean>('restoreBallast').catch(() => false)
  }

  #recovered(): void {
    this.#o.onEvent?.({ event: 'disk-recovered', shed: this.#o.shed() })
  }

  /** Started on a disk without room for the reserve: alerts have none until there is. */
  seek(): void {
    this.#o.onEvent?.({ event: 'journal-unreserved', bytes: this.#o.bytes })
    const again = (): void => {
      this.#o.clock.after(RESERVE_RETRY_MS, async () => {
        // A disk that became full meanwhile gets its reserve back with its recovery.
        if (this.#o.isClosing() || this.#full) return
        if (await this.#restored()) this.#recovered()
        else again()
      })
    }
    again()
  }

  #watchForRecovery(): void {
    this.#o.clock.after(RECOVERY_LOOK_MS, async () => {
      if (this.#o.isClosing() || !this.#full) return
      if (!(await this.#restored())) return this.#watchForRecovery()
      this.#full = false
      this.#recovered()
    })
  }
}
