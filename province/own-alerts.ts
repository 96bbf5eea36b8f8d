/**
 * The alerts that the province raises itself: R55, a facility that is no longer heard. The same life cycle as everywhere
 * (`model/alert/lifecycle.ts`); their changes go through the same merge and history as those of the facilities.
 */
import type { Act } from '#model/alert/acts.ts'
import { type Alert, untouched } from '#model/alert/alert.ts'
import { type AlertRecord, applyAct, applyCondition, newRecord, type Step } from '#model/alert/lifecycle.ts'
import { alertId } from '#model/ids.ts'
import { shareAlertChange } from '#model/uplink.ts'
import { type AppliedChange, applyChanges } from './store/apply.ts'
import type { Sql, Store } from './store/sql.ts'

export const LINK_LOST_RULE = 'edge-agent-uplink-lost'

function linkLostAlert(facility: string, heartbeatId: string, at: number, silentMs: number): Alert {
  const seconds = Math.round(silentMs / 1000)
  return {
    id: alertId(LINK_LOST_RULE, facility, heartbeatId),
    rule: LINK_LOST_RULE,
    code: 'R55',
    ruleVersion: '1',
    domain: 'equipment',
    level: 'orange',
    facility,
    zone: null,
    device: null,
    subject: null,
    key: facility,
    incident: null,
    subjects: [],
    raisedAt: at,
    eventTime: at,
    delayed: false,
    drill: false,
    test: false,
    state: 'unacknowledged',
    evidence: [heartbeatId],
    reasons: [{ code: 'no-heartbeat', params: { seconds }, class: 'L2' }],
    explanation: {
      zh: `省平台已 ${seconds} 秒未收到该单位心跳`,
      en: `No heartbeat from this facility for ${seconds} s`,
    },
    plan: 'RP14',
    ...untouched(),
    annunciated: true,
    evidenceCount: 1,
  }
}

interface OwnRow {
  id: string
  record: AlertRecord
}

/** Writes what happened to one of the province's own alerts: record, merged alert and history in one transaction. */
async function write(sql: Sql, record: AlertRecord, steps: Step[], at: number): Promise<AppliedChange[]> {
  const { facility, id, state } = record.alert
  const rows = await sql.query<{ line: string; epoch: number; sequences: string }>(
    'SELECT line, epoch, sequences FROM facilities WHERE id = $1 FOR UPDATE',
    [facility],
  )
  const row = rows[0]
  if (!row) return []
  const open = state !== 'resolved' && state !== 'dismissed'
  await sql.query(
    `INSERT INTO own_alerts (facility, id, open, record) VALUES ($1, $2, $3, $4::jsonb)
     ON CONFLICT (facility, id) DO UPDATE SET open = excluded.open, record = excluded.record`,
    [facility, id, open, JSON.stringify(record)],
  )
  // The place of an act of the province: after the last facility message that it had seen, then its own running number.
  const counted = await sql.query<{ n: number }>(
    "SELECT count(*)::integer AS n FROM alert_changes WHERE facility = $1 AND alert = $2 AND origin = 'province'",
    [facility, id],
  )
  const first = (counted[0]?.n ?? 0) + 1
  const changes = steps.map((step, i) => ({
    facility: { id: facility, line: row.line },
    receivedAt: at,
    change: {
      ...shareAlertChange(
        { at, change: step.change, alert: step.alert, by: step.by, note: null },
        (account) => account,
      ),
      origin: 'province' as const,
      epoch: row.epoch,
      sequence: first + i,
    },
  }))
  return applyChanges(sql, changes)
}

async function openRecord(sql: Sql, facility: string): Promise<AlertRecord | null> {
  const rows = await sql.query<OwnRow>('SELECT id, record FROM own_alerts WHERE facility = $1 AND open', [facility])
  return rows[0]?.record ?? null
}

/** The facility is not heard any more: raises R55, or activates the open one again. */
export function raiseLinkLost(
  store: Store,
  facility: string,
  heartbeatId: string,
  at: number,
  silentMs: number,
): Promise<AppliedChange[]> {
  return store.transaction(async (sql) => {
    const record = await openRecord(sql, facility)
    if (record?.alert.conditionActive) return []
    if (record) {
      const next = applyCondition(record, { event: 'reactivated', at })
      return write(sql, next.record, next.steps, at)
    }
    const alert = linkLostAlert(facility, heartbeatId, at, silentMs)
    const known = await sql.query('SELECT id FROM own_alerts WHERE facility = $1 AND id = $2', [facility, alert.id])
    if (known.length > 0) return []
    return write(sql, newRecord(alert, true), [{ change: 'raised', alert, by: 'system', note: null }], at)
  })
}

/** A heartbeat has come: the condition of R55 has ended. */
export function clearLinkLost(store: Store, facility: string, at: number): Promise<AppliedChange[]> {
  return store.transaction(async (sql) => {
    const record = await openRecord(sql, facility)
    if (!record?.alert.conditionActive) return []
    const next = applyCondition(record, { event: 'cleared', at })
    return write(sql, next.record, next.steps, at)
  })
}

export type OwnActOutcome =
  | { ok: true; changes: AppliedChange[] }
  | { ok: false; status: number; detail: string; extensions: Record<string, unknown> }

/** An act of a provincial account on an alert that the province raised; null for one of a facility. */
export function actOnOwn(store: Store, facility: string, act: Act): Promise<OwnActOutcome | null> {
  return store.transaction(async (sql): Promise<OwnActOutcome | null> => {
    const rows = await sql.query<OwnRow>(
      'SELECT id, record FROM own_alerts WHERE facility = $1 AND id = $2 FOR UPDATE',
      [facility, act.alert ?? ''],
    )
    const record = rows[0]?.record
    if (!record) return null
    const outcome = applyAct(record, act)
    if (!outcome.ok) {
      const { ok: _, status, detail, ...extensions } = outcome
      return { ok: false, status, detail, extensions }
    }
    return { ok: true, changes: await write(sql, outcome.record, outcome.steps, act.time) }
  })
}
