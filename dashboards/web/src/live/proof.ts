/** The last end-to-end test: what the edge measured to the consoles, and what this console measured to itself. */
import type { AlertChange } from '../api/types.ts'
import { serverClock } from './server-clock.ts'
import { Signal } from './signal.ts'

export interface Proof {
  /** Server time of the last good test; null = none yet. */
  okAt: number | null
  /** From publishing on the broker to the consoles being told. */
  latencyMs: number | null
  failing: boolean
  /** From publishing on the broker to this page. */
  hereMs: number | null
}

export const noProof: Proof = { okAt: null, latencyMs: null, failing: false, hereMs: null }
export const proof = new Signal<Proof>(noProof)

/** Tests come every five minutes; one more than that late and the proof is none. */
export const PROOF_VALID_MS = 11 * 60_000

export function heardTest(change: AlertChange): void {
  if (change.change !== 'raised') return
  proof.set({ ...proof.get(), hereMs: Math.max(0, Math.round(serverClock.now() - change.alert.eventTime)) })
}
