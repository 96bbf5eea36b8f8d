/**
 * The state of all facilities as the console shows it, made from the store at most twice a second and only when something
 * has happened. It must never make a commit wait.
 */
import type { Clock, Timer } from '#model/clock.ts'
import type { FacilityConfig, Line } from './config.ts'
import type { GapWatch } from './gaps.ts'
import type { Liveness } from './liveness.ts'
import { SequenceSet } from './sequences.ts'
import { type FacilityState, facilityStates, type LedgerAnchor } from './store/queries.ts'
import type { Sql } from './store/sql.ts'

const REFRESH_MS = 500

export interface FacilityView {
  id: string
  name: { zh: string; en: string }
  kind: string
  city: string | null
  line: Line
  connected: boolean
  /** Its heartbeat is missing: R55 is active. */
  lost: boolean
  lastSeenAt: number | null
  lastHealthAt: number | null
  version: string | null
  openAlerts: { red: number; orange: number; yellow: number; blue: number }
  unacknowledged: number
  devices: { total: number; online: number }
  /** Named gaps that are not filled. */
  gaps: number
  /** Messages that wait at the facility, as its last heartbeat says. */
  backlog: number
  /** Largest sequence number that has arrived. */
  sequence: number
  /** The head of its ledger as it was last anchored here. */
  anchor: LedgerAnchor | null
  /** Anchors that contradicted those before: its ledger was rewritten, or restored from a copy. */
  anchorConflicts: number
}

export interface Overview {
  list(): FacilityView[]
  get(id: string): FacilityView | null
  openCount(): number
  /** Something has happened at this facility. */
  touch(): void
  refresh(): Promise<void>
  close(): void
}

export function createOverview(options: {
  sql: Sql
  clock: Clock
  facilities: FacilityConfig[]
  liveness: Liveness
  gaps: GapWatch
  /** Called for each facility whose view has changed. */
  onChange(view: FacilityView): void
  onError(error: unknown): void
}): Overview {
  const { sql, clock, facilities, liveness, gaps } = options
  const scope = { lines: ['prison', 'detox'] as Line[], facilities: facilities.map((f) => f.id) }
  let views = new Map<string, FacilityView>()
  let timer: Timer | null = null
  let running: Promise<void> | null = null
  let again = false
  let closed = false

  function viewOf(state: FacilityState): FacilityView {
    const { id, name, kind, city, line, lastSeenAt, lastHealthAt, health, openAlerts, unacknowledged, linkLost } = state
    return {
      id,
      name,
      kind,
      city,
      line,
      connected: liveness.connected(id),
      lost: linkLost,
      lastSeenAt,
      lastHealthAt,
      version: health?.version ?? null,
      openAlerts,
      unacknowledged,
      devices: health?.devices ?? { total: 0, online: 0 },
      gaps: gaps.open(id).length,
      backlog: health?.queueDepth ?? 0,
      sequence: SequenceSet.parse(state.sequences).last,
      anchor: state.anchor,
      anchorConflicts: state.anchorConflicts,
    }
  }

  async function load(): Promise<void> {
    const next = new Map((await facilityStates(sql, scope)).map((state) => [state.id, viewOf(state)]))
    const before = views
    views = next
    for (const view of next.values())
      if (JSON.stringify(before.get(view.id)) !== JSON.stringify(view)) options.onChange(view)
  }

  function refresh(): Promise<void> {
    if (closed) return Promise.resolve()
    if (running) {
      again = true
      return running
    }
    running = load()
      .catch(options.onError)
      .finally(() => {
        running = null
        if (again) {
          again = false
          touch()
        }
      })
    return running
  }

  function touch(): void {
    if (closed || timer) return
    timer = clock.after(REFRESH_MS, () => {
      timer = null
      void refresh()
    })
  }

  return {
    list: () => [...views.values()],
    get: (id) => views.get(id) ?? null,
    openCount() {
      let open = 0
      for (const { openAlerts } of views.values())
        open += openAlerts.red + openAlerts.orange + openAlerts.yellow + openAlerts.blue
      return open
    },
    touch,
    refresh,
    close() {
      closed = true
      timer?.cancel()
    },
  }
}
