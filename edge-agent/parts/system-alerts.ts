/** Alerts that the edge raises about itself (S02, S04, S05): one shape for all of them. They join no incident and name no person. */
import { type Alert, type AlertChange, type Domain, type Level, levelRank, untouched } from '#model/alert/alert.ts'
import { alertId } from '#model/ids.ts'

export interface SystemCause {
  rule: string
  code: 'S02' | 'S04' | 'S05'
  level: Level
  domain: Domain
  facility: string
  /** Default: the facility. */
  key?: string
  at: number
  /** Event time: when what it tells of began. */
  since: number
  test?: boolean
  reason: { code: string; params: Record<string, unknown> }
  text: { zh: string; en: string }
  plan?: string | null
}

export function systemAlert(cause: SystemCause): AlertChange {
  const {
    rule,
    code,
    level,
    domain,
    facility,
    at,
    since,
    key = facility,
    test = false,
    reason,
    text,
    plan = null,
  } = cause
  const alert: Alert = {
    id: alertId(rule, key, `${test ? 'test' : 'since'}:${since}`),
    rule,
    code,
    ruleVersion: '1',
    domain,
    level,
    facility,
    zone: null,
    device: null,
    subject: null,
    key,
    incident: null,
    subjects: [],
    raisedAt: at,
    eventTime: since,
    delayed: false,
    drill: false,
    test,
    state: 'unacknowledged',
    evidence: [],
    reasons: [{ ...reason, class: 'L1' }],
    explanation: text,
    plan,
    ...untouched(),
    annunciated: !test && levelRank(level) > 1,
    evidenceCount: 0,
  }
  return { at, change: 'raised', alert, by: null, note: null }
}

export const clearedAt = (raised: AlertChange | Alert, at: number): AlertChange => {
  const alert = 'alert' in raised ? raised.alert : raised
  return { at, change: 'cleared', alert: { ...alert, conditionActive: false, clearedAt: at }, by: null, note: null }
}
