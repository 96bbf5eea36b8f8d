/**
 * Acts of provincial accounts on the alerts of a facility: into the province's own merge and history at once, and to the
 * facility as soon as it is connected, again and again until it has taken them. It must never act on an alert of a facility
 * that lets nothing in (one-way), because the two would not become one again.
 */
import type { Act } from '#model/alert/acts.ts'
import { type Alert, untouched } from '#model/alert/alert.ts'
import { applyAct, newRecord, whoChanged } from '#model/alert/lifecycle.ts'
import { sha256Hex } from '#model/ids.ts'
import { DOWN_VERBS, type DownAct, type SharedAlert, shareAlertChange } from '#model/uplink.ts'
import type { OwnActOutcome } from './own-alerts.ts'
import { SequenceSet } from './sequences.ts'
import { applyChanges } from './store/apply.ts'
import { alertHistory } from './store/queries.ts'
import type { Store } from './store/sql.ts'

const refused = (detail: string): OwnActOutcome => ({ ok: false, status: 403, detail, extensions: {} })

/** The life cycle asks for no more of an alert than crosses; the rest stays empty here. */
const asFull = (alert: SharedAlert): Alert => ({
  ...untouched(),
  ...alert,
  device: null,
  subject: alert.subjects[0] ?? null,
  key: '',
  evidence: [],
  evidenceCount: 0,
  reasons: [],
  explanation: { zh: '', en: '' },
  advice: [],
})

/** May this be done, and what does it make of the alert as the province knows it? */
export function actOnFacilityAlert(store: Store, facility: string, act: Act): Promise<OwnActOutcome> {
  return store.transaction(async (sql): Promise<OwnActOutcome> => {
    const [row] = await sql.query<{ line: string; epoch: number; sequences: string; takes_acts: boolean }>(
      'SELECT line, epoch, sequences, takes_acts FROM facilities WHERE id = $1 FOR UPDATE',
      [facility],
    )
    const [known] = await sql.query<{ alert: SharedAlert }>(
      'SELECT alert FROM alerts WHERE facility = $1 AND id = $2',
      [facility, act.alert ?? ''],
    )
    if (!row || !known) return { ok: false, status: 404, detail: 'There is no such alert.', extensions: {} }
    if (!(DOWN_VERBS as readonly string[]).includes(act.act))
      return refused(`The facility handles its alerts; the province may ${DOWN_VERBS.join(', ')}.`)
    if (!row.takes_acts)
      return refused('The province watches this alert: the facility has never let an act in (uplink.one-way).')
    let record = newRecord(asFull(known.alert), true)
    let before: Alert | null = null
    for (const { alert, by, at } of await alertHistory(sql, facility, known.alert.id)) {
      const after = asFull(alert)
      if (before) record = { ...record, ...whoChanged({ ...record, alert: before }, after, by, at) }
      before = after
    }
    const outcome = applyAct(record, act)
    if (!outcome.ok) {
      const { ok: _, status, detail, ...extensions } = outcome
      return { ok: false, status, detail, extensions }
    }
    const down: DownAct = {
      id: sha256Hex(JSON.stringify([facility, act])).slice(0, 32),
      alert: known.alert.id,
      act: act.act as DownAct['act'],
      at: act.time,
      by: act.by,
      note: act.note ?? null,
    }
    await sql.query(
      'INSERT INTO facility_acts (id, facility, act) VALUES ($1, $2, $3::jsonb) ON CONFLICT (id) DO NOTHING',
      [down.id, facility, JSON.stringify(down)],
    )
    const changes = await applyChanges(
      sql,
      outcome.steps.map((step) => ({
        facility: { id: facility, line: row.line },
        receivedAt: act.time,
        change: {
          ...shareAlertChange({ at: act.time, ...step }, (id) => id),
          alert: {
            ...known.alert,
            ...onlyShared(known.alert, step.alert),
            // The merge keeps the highest step for good: it counts when the facility has taken the act and says so.
            escalationStep: known.alert.escalationStep,
          },
          origin: 'province' as const,
          epoch: row.epoch,
          sequence: SequenceSet.parse(row.sequences).last,
        },
      })),
    )
    return { ok: true, changes }
  })
}

/** What the life cycle made of the fields that cross; persons and reasons stay as they came. */
function onlyShared(known: SharedAlert, after: Alert): Partial<SharedAlert> {
  const fields = Object.keys(known).filter((field) => field !== 'subjects' && field !== 'reasonCodes')
  return Object.fromEntries(fields.map((field) => [field, after[field as keyof Alert]]))
}

/** Acts that a facility has not taken, oldest first. */
export async function waitingActs(store: Store, facility: string): Promise<DownAct[]> {
  const rows = await store.query<{ act: DownAct }>(
    "SELECT act FROM facility_acts WHERE facility = $1 AND taken_at IS NULL ORDER BY (act->>'at')::bigint, id LIMIT 1000",
    [facility],
  )
  return rows.map((row) => row.act)
}

/** A facility has asked for acts: from now on the province may act on its alerts, also while the link is cut. */
export async function takesActs(store: Store, facility: string): Promise<void> {
  await store.query('UPDATE facilities SET takes_acts = true WHERE id = $1 AND NOT takes_acts', [facility])
}

export async function actTaken(store: Store, facility: string, id: string, at: number): Promise<void> {
  await store.query('UPDATE facility_acts SET taken_at = $3 WHERE facility = $1 AND id = $2 AND taken_at IS NULL', [
    facility,
    id,
    at,
  ])
}
