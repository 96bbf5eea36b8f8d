/** The edge speaks for itself every 30 s: its heartbeat stands in the journal like any reading. */
import type { EdgeJournal } from '#ingest/journal/journal.ts'
import type { Uplink } from '#ingest/uplink/uplink.ts'
import type { Clock } from '#model/clock.ts'
import type { Intake } from '../intake.ts'
import type { Log } from '../log.ts'
import type { Endings } from './endings.ts'

const HEARTBEAT_MS = 30_000

export interface HeartbeatPart {
  self: string
  clock: Clock
  log: Log
  journal: EdgeJournal
  intake: Intake
  uplink: Uplink | null
  endings: Endings
}

export function beat({ self, clock, log, journal, intake, uplink, endings }: HeartbeatPart): void {
  const say = (): void => {
    if (endings.closing) return
    const state = uplink?.state()
    const up = state === undefined || state.connected
    const value = { queue_depth: journal.stats().pending, uplink: up ? 'up' : 'down' }
    void intake
      .accept([{ device: self, type: 'agent.heartbeat', time: clock.now(), value }], 'edge')
      .catch((error: Error) => log.warn('heartbeat.failed', { error: error.message }))
  }
  say()
  endings.every(HEARTBEAT_MS, say)
}
