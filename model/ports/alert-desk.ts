/** The alerts as people see them: current state, history, acts. Implemented by the edge, used by the console's server. */
import type { Act, Verb } from '../alert/acts.ts'
import type { Alert, AlertChange, AlertState, Level } from '../alert/alert.ts'
import type { EscalationClock } from '../alert/escalation.ts'

export interface AlertFilter {
  state?: AlertState[]
  level?: Level[]
  rule?: string[]
  zone?: string[]
  subject?: string[]
  from?: number
  to?: number
  /** true: only alerts that are not closed. */
  open?: boolean
  text?: string
}

export interface AlertPage {
  items: Alert[]
  next: string | null
  total: number
}

export interface Incident {
  id: string
  openedAt: number
  closedAt: number | null
  level: Level
  /** Alert ids in order of joining. */
  members: string[]
  zones: string[]
  subjects: string[]
  related: string[]
}

export type ActOutcome =
  | { ok: true; change: AlertChange }
  | { ok: false; status: 404 }
  | { ok: false; status: 409; by: string | null; at: number | null; state: AlertState }
  | { ok: false; status: 422; field: string; detail: string }
  | { ok: false; status: 403; detail: string }

export interface ManualAlert {
  level: Level
  zone: string
  kind: string
  note: string
  subjects?: string[]
}

/** Who was told last that an alert waits, and when the next person is. */
export interface EscalationView {
  step: number
  clock: EscalationClock | null
  told: string[]
  at: number | null
  nextAt: number | null
  /** The clock that runs out next. */
  nextClock: EscalationClock | null
}

export interface AlertDesk {
  /** Newest first, at most `limit` (default 200). */
  list(filter: AlertFilter, cursor?: string, limit?: number): Promise<AlertPage>
  get(id: string): Promise<Alert | null>
  /** All changes of one alert, oldest first. */
  timeline(id: string): Promise<AlertChange[]>
  /** Verbs this role may do now, computed by the server alone. */
  allowed(alert: Alert, account: { id: string; role: string }): Verb[]
  /** Until when the alert is set aside, ms; null when it is not. */
  shelvedUntil?(id: string): number | null
  /** Does an act and answers once it is durable. `act.alert` must be set. */
  act(act: Act, account: { id: string; role: string }): Promise<ActOutcome>
  raise(manual: ManualAlert, by: string): Promise<AlertChange>
  incidents(filter: { open?: boolean; limit?: number }): Promise<Incident[]>
  incident(id: string): Promise<Incident | null>
  openCount(): number
  counts(): Record<Level, { open: number; unacknowledged: number }>
  /** Each change in the order of its durable sequence number. */
  onChange(listener: (change: AlertChange, seq: number) => void): () => void
}
