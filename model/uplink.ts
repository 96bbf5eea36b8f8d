/** What crosses to the province: CloudEvents envelopes over the sharing catalogue, and nothing else (`semantics.md` 8). */
import type { Alert, AlertChange } from './alert/alert.ts'

/** The only alert fields that may leave the facility. No explanation, key, device, evidence, note or payload. */
export const SHARED_ALERT_FIELDS = [
  'id',
  'rule',
  'code',
  'ruleVersion',
  'domain',
  'level',
  'facility',
  'zone',
  'incident',
  'raisedAt',
  'eventTime',
  'delayed',
  'drill',
  'test',
  'state',
  'handling',
  'result',
  'plan',
  'activations',
  'conditionActive',
  'annunciated',
  'confirmed',
  'ackAt',
  'clearedAt',
  'dispatchedAt',
  'arrivedAt',
  'resolvedAt',
  'closedAt',
  'escalationStep',
  'number',
] as const satisfies readonly (keyof Alert)[]

export type SharedAlert = Pick<Alert, (typeof SHARED_ALERT_FIELDS)[number]> & {
  subjects: string[]
  reasonCodes: string[]
}

export interface AlertUp {
  at: number
  change: AlertChange['change']
  /** Pseudonym of the account, "system", or null. */
  by: string | null
  alert: SharedAlert
}

/** Hourly or shorter aggregate of one indicator of `domain.md` 4. */
export interface IndicatorUp {
  indicator: string
  from: number
  to: number
  value: number | null
  n: number
}

/** Sent every 30 s: liveness of the edge and of what it watches. No personal data. */
export interface HealthUp {
  at: number
  queueDepth: number
  openAlerts: Record<'red' | 'orange' | 'yellow' | 'blue', number>
  devices: { total: number; online: number }
  name: { zh: string; en: string }
  kind: 'prison' | 'detox'
  version: string
}

/** Signed head of the facility's ledger chain. */
export interface AnchorUp {
  at: number
  ledgerSeq: number
  ledgerHash: string
}

export interface UplinkEnvelope<T = unknown> {
  specversion: '1.0'
  id: string
  source: string
  type: 'wardwatch.alert.change.v1' | 'wardwatch.indicator.v1' | 'wardwatch.health.v1' | 'wardwatch.anchor.v1'
  subject?: string
  time: string
  datacontenttype: 'application/json'
  dataschema: string
  /** 20 digits, one gapless counter over all four topics of the facility. */
  sequence: string
  ledgerhash: string
  backlog: boolean
  data: T
}

/** What a provincial account may do to an alert of a facility: the facility handles it, the province urges and remarks. */
export const DOWN_VERBS = ['acknowledge', 'escalate', 'comment'] as const

/** One act from the province to a facility (`ww/v1/{facility}/down/act`); sent until it is acknowledged, so told by its id. */
export interface DownAct {
  id: string
  alert: string
  act: (typeof DOWN_VERBS)[number]
  /** When it was done at the province, ms. */
  at: number
  by: string
  note: string | null
}

/** Null for anything else: nothing that cannot be read may act. */
export function readDownAct(text: string): DownAct | null {
  let found: Partial<Record<keyof DownAct, unknown>>
  try {
    found = JSON.parse(text)
  } catch {
    return null
  }
  if (found === null || typeof found !== 'object') return null
  const { id, alert, act, at, by, note } = found
  const isName = (value: unknown): value is string => typeof value === 'string' && /^\S{1,64}$/.test(value)
  if (!isName(id) || !isName(alert) || !isName(by)) return null
  if (!DOWN_VERBS.includes(act as DownAct['act'])) return null
  if (typeof at !== 'number' || !Number.isSafeInteger(at) || at <= 0) return null
  if (note !== null && (typeof note !== 'string' || note.length > 4_000)) return null
  return { id, alert, act: act as DownAct['act'], at, by, note }
}

/** Reduces a change to what may cross. `personAlias` makes the keyed pseudonym of a person or an account. */
export function shareAlertChange(change: AlertChange, personAlias: (id: string) => string): AlertUp {
  const alert = Object.fromEntries(
    SHARED_ALERT_FIELDS.map((f) => [f, change.alert[f] ?? null]),
  ) as unknown as SharedAlert
  alert.subjects = change.alert.subjects.map(personAlias)
  alert.reasonCodes = change.alert.reasons.map((r) => r.code)
  const by = change.by === null || change.by === 'system' ? change.by : personAlias(change.by)
  return { at: change.at, change: change.change, by, alert }
}

export function uplinkSequence(n: number): string {
  return String(n).padStart(20, '0')
}
