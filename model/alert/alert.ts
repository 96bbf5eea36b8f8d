/** The alert, its change lines and its levels (`contracts.md` 4, `semantics.md` 6). */
export const LEVELS = ['red', 'orange', 'yellow', 'blue'] as const
export type Level = (typeof LEVELS)[number]

/** red 4 … blue 1: a larger rank is more serious. */
export const levelRank = (level: Level): number => 4 - LEVELS.indexOf(level)
export const higherLevel = (a: Level, b: Level): Level => (levelRank(a) >= levelRank(b) ? a : b)

/** Time within which somebody must acknowledge, ms. */
export const ACK_SLA_MS: Record<Level, number> = { red: 30_000, orange: 60_000, yellow: 180_000, blue: 1_800_000 }

export const ALERT_STATES = [
  'unacknowledged',
  'acknowledged',
  'returned-unacknowledged',
  'latched',
  'shelved',
  'suppressed-by-design',
  'out-of-service',
  'resolved',
  'dismissed',
] as const
export type AlertState = (typeof ALERT_STATES)[number]
export type Handling = 'none' | 'dispatched' | 'pending-review' | 'closed'
export type Domain = 'behaviour' | 'duty' | 'equipment'
export type AlertResult = 'confirmed' | 'false' | 'nuisance' | 'drill' | 'test' | 'returned'

export const CHANGES = [
  'raised',
  'escalated',
  'updated',
  'acknowledged',
  'dispatched',
  'cleared',
  'pending-review',
  'approved',
  'rejected',
  'resolved',
  'dismissed',
  'shelved',
  'unshelved',
  'commented',
  'reassigned',
  'plan-step',
] as const
export type ChangeKind = (typeof CHANGES)[number]

/** `code` names a text of the rule's bilingual explanation catalogue; `params` fill it in; `class` is the data class. */
export interface Reason {
  code: string
  params: Record<string, unknown>
  class: 'L1' | 'L2' | 'L3' | 'L4'
}

export interface Bilingual {
  zh: string
  en: string
}

/** Field order is the order in which lines are printed; absent values are null. All times are ms since 1970 UTC. */
export interface Alert {
  id: string
  rule: string
  code: string
  ruleVersion: string
  domain: Domain
  level: Level
  facility: string
  zone: string | null
  device: string | null
  subject: string | null
  key: string
  incident: string | null
  subjects: string[]
  raisedAt: number
  eventTime: number
  delayed: boolean
  drill: boolean
  test: boolean
  state: AlertState
  evidence: string[]
  reasons: Reason[]
  explanation: Bilingual
  plan: string | null
  /** Running number of the day for people ("1122-0412"), given by the ledger; null in a replay. */
  number: string | null
  conditionActive: boolean
  activations: number
  handling: Handling
  annunciated: boolean
  advice: string[]
  result: AlertResult | null
  cause: string | null
  assignee: string | null
  confirmed: boolean | null
  ackAt: number | null
  clearedAt: number | null
  dispatchedAt: number | null
  arrivedAt: number | null
  resolvedAt: number | null
  closedAt: number | null
  evidenceCount: number
  stale: boolean
  escalationStep: number
}

/** The fields above in printing order: a change line prints exactly these. */
export const ALERT_FIELDS = [
  'id',
  'rule',
  'code',
  'ruleVersion',
  'domain',
  'level',
  'facility',
  'zone',
  'device',
  'subject',
  'key',
  'incident',
  'subjects',
  'raisedAt',
  'eventTime',
  'delayed',
  'drill',
  'test',
  'state',
  'evidence',
  'reasons',
  'explanation',
  'plan',
  'number',
  'conditionActive',
  'activations',
  'handling',
  'annunciated',
  'advice',
  'result',
  'cause',
  'assignee',
  'confirmed',
  'ackAt',
  'clearedAt',
  'dispatchedAt',
  'arrivedAt',
  'resolvedAt',
  'closedAt',
  'evidenceCount',
  'stale',
  'escalationStep',
] as const satisfies readonly (keyof Alert)[]

/** One change of one alert: replay output, journal, ledger, local MQTT, server-sent event. */
export interface AlertChange {
  /** Virtual time in a replay, edge time live, ms. */
  at: number
  change: ChangeKind
  alert: Alert
  /** Account id, or "system", or null. */
  by: string | null
  note: string | null
}

/** What an alert says of itself before anybody has done anything about it. A function: advice is a list of its own. */
export const untouched = () =>
  ({
    number: null,
    conditionActive: true,
    activations: 1,
    handling: 'none',
    advice: [] as string[],
    result: null,
    cause: null,
    assignee: null,
    confirmed: null,
    ackAt: null,
    clearedAt: null,
    dispatchedAt: null,
    arrivedAt: null,
    resolvedAt: null,
    closedAt: null,
    stale: false,
    escalationStep: 0,
  }) satisfies Partial<Alert>
