/**
 * What the API answers (contracts.md section 5), as this console reads it. Everything the contract leaves open is
 * optional here: a console must show what it has got, and never fail because a field is new or missing.
 */
import type { Verb } from '#model/alert/acts.ts'
import type { Alert, AlertChange, Bilingual, Level } from '#model/alert/alert.ts'
import type { EscalationView } from '#model/ports/alert-desk.ts'

export type { Alert, AlertChange, Bilingual, Level, Verb }

export const ROLES = ['officer', 'chief', 'engineer', 'provincial', 'sysadmin', 'secadmin', 'auditor', 'wall'] as const
export type Role = (typeof ROLES)[number]

export interface Me {
  id: string
  role: Role
  name: string
  desk: string | null
  facility?: { id: string; name?: Partial<Bilingual>; timezone?: string } | null
  tier?: 'facility' | 'province'
  /** What the server lets this account do; the navigation shows nothing else. */
  permissions?: string[]
  /** What a log-in of this account takes. */
  factors?: string[]
}

export interface Page<T> {
  items: T[]
  next: string | null
  total: number
}

export type ListedAlert = Alert & {
  allowedActions?: Verb[]
  shelvedUntil?: number | null
  escalation?: EscalationView | null
}

export type { EscalationView }

export interface EvidenceReading {
  id: string
  zone: string | null
  device: string
  type: string
  time: number
  received: number
  quality: string
  subject: string | null
  value: Record<string, unknown>
}

export interface StepProgress {
  step: string
  done?: boolean
  skipped?: boolean
  answer?: string | null
  by?: string | null
  at?: number | null
  note?: string | null
}

export interface PlanOfAlert {
  id: string
  version?: string
  name: Partial<Bilingual>
  steps: {
    id: string
    channel: 'people' | 'physical' | 'technical' | 'joint' | 'data'
    text: Partial<Bilingual>
    required: boolean
    targetS: number | null
    answers?: { id: string; text: Partial<Bilingual> }[]
    /** Of which plan, when an answer has gone on to another. */
    plan?: string
    /** Needless by an answer. */
    moot?: { step: string; answer: string } | null
  }[]
  wentOn?: string[]
  /** All plans in view, in the order of the steps. */
  plans?: {
    id: string
    version?: string | null
    name: Partial<Bilingual>
    why: 'own' | 'beside' | 'answer' | 'earlier'
  }[]
  progress?: StepProgress[] | Record<string, Omit<StepProgress, 'step'>>
}

/** Which window mutes the alert: who, why, until. */
export interface MutedBy {
  kind: 'shelf' | 'maintenance' | 'design'
  window: string | null
  number: string | null
  by: string | null
  why: string | null
  since: number | null
  until: number | null
}

export interface AlertDetail extends ListedAlert {
  mutedBy?: MutedBy | null
  timeline: AlertChange[]
  evidenceReadings: EvidenceReading[]
  incidentDetail: { id: string; members: string[]; level?: Level } | null
  planDetail: PlanOfAlert | null
}

export interface ZoneItem {
  id: string
  name?: Partial<Bilingual>
  parent?: string | null
  kind: string
  class?: string
  floor?: number
  polygon?: [number, number][]
  holes?: [number, number][][]
  adjacent?: string[]
  perimeter?: boolean
}

export interface DeviceItem {
  id: string
  name?: Partial<Bilingual>
  kind?: string
  driver?: string
  model?: string
  zone?: string | null
  at?: { x_m: number; y_m: number; floor?: number } | null
  door?: string
  subject?: string
  via?: string
  watches?: string[]
  url?: string
  maker?: string
  firmware?: string
  online: boolean | null
  lastSeen: number | null
  offsetMs: number | null
  reason: string | null
  /** Why it is offline, in the words of its driver; for those who mend it. */
  why?: string | null
  readings: number
  quarantined: number
  latest: Record<string, { time: number; value: Record<string, unknown>; quality: string }>
  /** Cameras: may this account look through it? */
  viewable?: boolean
}

export interface PersonItem {
  id: string
  number?: string
  initials?: string
  cell?: string
  ward?: string
}

export interface RuleItem {
  id: string
  code: string
  name: Partial<Bilingual>
  plan?: string | null
  version?: string
  reasons?: Record<string, Partial<Bilingual>>
}

/** A number to call when the link is cut. */
export interface PhoneItem {
  id: string
  name: Partial<Bilingual>
  number: string
  /** Where it is at home; [] = of the whole house. */
  zones: string[]
  role: string | null
}

export interface Position {
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

export interface HeadcountItem {
  zone: string
  present: number
  expected: number | null
  officers: number
  elsewhere?: number
  /** Without a fresh fix: neither present nor absent. */
  unknown?: number
  /** Everybody inside, whether he belongs there or not. */
  inside?: number
  ageMs?: number | null
}

export interface SeriesAnswer {
  series: { device: string; type: string; field: string; points: [number, number | string | boolean | null][] }[]
}

export interface FacilityItem {
  id: string
  name: Partial<Bilingual>
  kind: 'prison' | 'detox' | string
  connected: boolean
  lastSeenAt: number | null
  openAlerts: Record<Level, number>
  devices: { total: number; online: number }
  gaps: number
  anchor?: { at: number; ledgerSeq: number; ledgerHash: string } | null
  anchorConflicts?: number
}

export interface IncidentItem {
  id: string
  openedAt: number
  closedAt: number | null
  level: Level
  members: string[]
  zones: string[]
  subjects: string[]
  related: string[]
}

export interface HealthAnswer {
  facility?: string
  startedAt?: number
  at: number
  journal?: { lastSeq: number; pending: number; bytes: number; lag: Record<string, number> }
  drivers?: { name: string; devices: number; online: number }[]
  sinks?: {
    name: string
    lag: number
    lagOf?: { alert: number; live: number; backlog: number }
    lastError: string | null
  }[]
  uplink?: { configured: boolean; connected: boolean; lag: number; lastError: string | null }
  broker?: { clients: number; refused: number } | null
  quarantined?: number
  diskFreeBytes?: number | null
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
  webhook?: { url: string; waiting: number; sent: number; failed: number; lastError: string | null } | null
  consoles?: { attended: number; sounding: Record<string, string | null> }
  notReady?: string[]
  stream?: { clients: number; seq: number; published: number; dropped: number; refused: number; gaps: number }
}

/** What the duty chief must see although nothing rings. */
export interface NoticeItem {
  id: string
  what: string
  alert: string
  number: string | null
  level: Level
  plan: string | null
  step: string
  text: Partial<Bilingual> | null
  note: string | null
  by: string
  at: number
  seen: { by: string; at: number } | null
}

export interface QuarantineItem {
  source: string
  device: string | null
  received: number
  cause: string
  detail: string
  payload: string | null
}

export interface IndicatorItem {
  id: string
  name: Partial<Bilingual>
  unit: string
  status: string
  value: number | null
  n: number | null
  detail?: Record<string, unknown>
}

export interface Signature {
  by: string
  at: number
  seq: number
  hash: string
}
export interface HandoverItem {
  id: string
  status: 'waiting' | 'accepted' | 'withdrawn'
  notes: string
  snapshot: {
    at: number
    open: Record<string, { open: number; unacknowledged: number }>
    openRed: string[]
    shelved: string[]
    pendingReview: string[]
    devicesOut: number
    present: number | null
    expected: number | null
    /** Persons off-site; absent in handovers of before it was kept. */
    offSite?: string[]
  }
  outgoing: Signature
  incoming: (Signature & { checks: string[]; note: string | null }) | null
}
export type ShiftNoteItem = Signature & { id: string; text: string }
export interface OffSiteItem {
  person: string
  /** null = outside without an escort. */
  escort: string | null
  officers: string[]
  until: number | null
  zone: string | null
  /** Last fresh fix lies inside the facility. */
  inside: boolean
}
export interface ShiftAnswer {
  notes: ShiftNoteItem[]
  handovers: HandoverItem[]
  checks: string[]
  offSite?: OffSiteItem[]
  at: number
}
export interface LedgerItem {
  seq: number
  at: number
  kind: string
  ref: string | null
  by: string | null
  payloadHash: string
  hash: string
  /** For an alert: its change line. */
  payload?: { at?: number; change?: string }
}
