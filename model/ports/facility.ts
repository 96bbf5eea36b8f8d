/** What the console's server may ask of a running edge beyond alerts: context, devices, positions, health, rules. */
import type { ContextChange, ContextKind } from '../context/kinds.ts'
import type { RawReading, Reading } from '../reading.ts'

export interface DeviceState {
  id: string
  online: boolean | null
  lastSeen: number | null
  offsetMs: number | null
  reason: string | null
  /** Why it is offline, in the words of its driver: what happened and what to do. For engineers. */
  why?: string | null
  readings: number
  quarantined: number
  /** Latest value by type. */
  latest: Record<string, { time: number; value: Record<string, unknown>; quality: string }>
}

export interface PersonPosition {
  person: string
  staff: boolean
  device: string
  zone: string | null
  floor: number
  x_m: number
  y_m: number
  accuracy_m: number
  time: number
}

export interface RuleInfo {
  id: string
  code: string
  name: { zh: string; en: string }
  domain: string
  mandatory: boolean
  key: string[]
  inputs: string[]
  levels: string[]
  plan: string | null
  /** Another plan from this level on. */
  planAt?: Partial<Record<'red' | 'orange' | 'yellow' | 'blue', string>>
  /** Plans to be worked beside it. */
  planAlso?: string[]
  version: string
  enabled: boolean
  parameters: {
    name: string
    unit: string | null
    default: unknown
    value: unknown
    min?: unknown
    max?: unknown
    description?: { zh: string; en: string }
  }[]
  /** Texts of its reason codes: `{value}` placeholders are filled from the params. */
  reasons: Record<string, { zh: string; en: string }>
  description?: { zh: string; en: string }
  falsePositives?: string[]
  /** A draft of the rule that runs without raising: its values, and what it would have raised since then. */
  shadow?: {
    version: string
    values: Record<string, unknown>
    since: number | null
    raised: Partial<Record<'red' | 'orange' | 'yellow' | 'blue', number>>
    lastAt: number | null
    /** The newest would-be alerts, newest first, without persons. */
    alerts: {
      id: string
      zone: string | null
      device: string | null
      level: 'red' | 'orange' | 'yellow' | 'blue'
      at: number
      clearedAt: number | null
    }[]
  }
}

export interface PlanStep {
  id: string
  channel: 'people' | 'physical' | 'technical' | 'joint' | 'data'
  text: { zh: string; en: string }
  required: boolean
  targetS: number | null
  /** The step asks something; an answer leaves out steps of its plan, or goes on with another plan. */
  answers?: { id: string; text: { zh: string; en: string }; skips?: string[]; plan?: string }[]
}

export interface Plan {
  id: string
  version: string
  name: { zh: string; en: string }
  steps: PlanStep[]
}

export interface EdgeHealth {
  facility: string
  startedAt: number
  journal: { lastSeq: number; pending: number; bytes: number; lag: Record<string, number> }
  drivers: { name: string; devices: number; online: number }[]
  /** Files that were found damaged and lie aside, below the data folder. */
  setAside?: string[]
  /** `lagOf`: alert changes and readings of now do not wait behind the backlog of an outage. */
  sinks: {
    name: string
    lag: number
    lagOf?: { alert: number; live: number; backlog: number }
    lastError: string | null
  }[]
  uplink: { configured: boolean; connected: boolean; lag: number; lastError: string | null }
  broker: { clients: number; refused: number } | null
  quarantined: number
  quality?: { waiting: number; openTickets: number; streams: number; overflow: number }
  /** Removed by age: by the last run and since the start, by store and class. */
  retention?: {
    at: number | null
    tookMs: number | null
    last: Record<string, number>
    total: Record<string, number>
    failures: number
    lastError: string | null
  }
  diskFreeBytes: number | null
  /** The last end-to-end test over the own broker; null when the site takes nothing over MQTT. */
  test?: {
    sentAt: number | null
    okAt: number | null
    latencyMs: number | null
    p50Ms: number | null
    p95Ms: number | null
    sent: number
    lost: number
    failing: boolean
  } | null
  /** The outward channel; null when the site names none. */
  webhook?: { url: string; waiting: number; sent: number; failed: number; lastError: string | null } | null
}

export interface Snapshot {
  device: string
  takenAt: number
  jpeg: Uint8Array
  sha256: string
}

/** A rule that cannot fire at a place: needs that are not met, and what is wrong with each candidate. */
export interface RuleInability {
  zone: string
  rule: string
  code: string
  mandatory: boolean
  since: number
  lacks: { kinds: string[]; atLeast: number; devices: { id: string; cause: string }[] }[]
}

export interface Ability {
  unable: RuleInability[]
  /** Devices that cannot carry a rule now, and why: offline, stale, never-seen, clock-doubtful, flat, covered … */
  devices: Record<string, string>
}

export interface FacilityDesk {
  context<K extends ContextKind>(kind: K): Record<string, unknown>[]
  /** Puts or deletes items; resolves once durable and in force. */
  changeContext(changes: ContextChange[], by: string): Promise<{ version: number; changed: number }>
  devices(): DeviceState[]
  device(id: string): DeviceState | null
  positions(): PersonPosition[]
  /** Called with new positions, at most 2 Hz per person. */
  onPositions(listener: (positions: PersonPosition[]) => void): () => void
  onDevice(listener: (device: DeviceState, seq: number) => void): () => void
  readings(ids: string[]): Promise<Reading[]>
  importReadings(
    readings: RawReading[],
  ): Promise<{ accepted: number; duplicates: number; quarantined: { line: number; cause: string }[] }>
  rules(): RuleInfo[]
  plans(): Plan[]
  /** Where rules cannot fire. Absent: nobody watches it. */
  ability?(): Ability
  quarantine(
    limit: number,
  ): Promise<
    { source: string; device: string | null; received: number; cause: string; detail: string; payload: string }[]
  >
  health(): EdgeHealth
  /** Prometheus text of the whole edge. */
  metrics(): Promise<string>
  /** A picture of a camera now, or the newest one younger than 2 s. Null when the camera gives none. */
  snapshot(camera: string): Promise<Snapshot | null>
  /** The picture kept as evidence of an alert. */
  evidencePicture(alert: string): Promise<Snapshot | null>
}
