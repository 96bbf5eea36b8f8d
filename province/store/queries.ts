/** What the console and the API ask of the store. Every list is bounded; every question names the lines it may see. */
import type { AlertState, Level } from '#model/alert/alert.ts'
import type { AlertUp, HealthUp, SharedAlert } from '#model/uplink.ts'
import type { FacilityConfig, Line } from '../config.ts'
import type { Gap } from '../gaps.ts'
import type { Sql } from './sql.ts'

/** Facilities of the configuration: new ones are added, known ones renamed, those that left keep their history. */
export async function putFacilities(sql: Sql, facilities: FacilityConfig[]): Promise<void> {
  await sql.query(
    `INSERT INTO facilities (id, name_zh, name_en, kind, city, line)
     SELECT r.id, r.zh, r.en, r.kind, r.city, r.line
       FROM jsonb_to_recordset($1::jsonb) AS r(id text, zh text, en text, kind text, city text, line text)
     ON CONFLICT (id) DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en, kind = excluded.kind,
            city = excluded.city, line = excluded.line`,
    [JSON.stringify(facilities.map((f) => ({ ...f, zh: f.name.zh, en: f.name.en })))],
  )
  await sql.query('UPDATE alerts a SET line = f.line FROM facilities f WHERE f.id = a.facility AND f.line <> a.line')
}

export interface FacilityState {
  id: string
  name: { zh: string; en: string }
  kind: string
  city: string | null
  line: Line
  epoch: number
  sequences: string
  lastSeenAt: number | null
  lastHealthAt: number | null
  lastHealthId: string | null
  health: HealthUp | null
  openAlerts: Record<Level, number>
  unacknowledged: number
  linkLost: boolean
  anchor: LedgerAnchor | null
  anchorConflicts: number
}

/** The head of a facility's ledger as the province last heard it. */
export interface LedgerAnchor {
  at: number
  receivedAt: number
  ledgerSeq: number
  ledgerHash: string
}

/** Restricts to the facilities of the configuration and of the lines an account may see. */
export interface Scope {
  lines: readonly Line[]
  facilities: readonly string[]
}

const scopeJson = (scope: Scope): string => JSON.stringify(scope)
const inScope = (table: string, id: string): string =>
  `${table}.line IN (SELECT jsonb_array_elements_text($1::jsonb -> 'lines'))
   AND ${table}.${id} IN (SELECT jsonb_array_elements_text($1::jsonb -> 'facilities'))`

interface FacilityRow {
  id: string
  name_zh: string
  name_en: string
  kind: string
  city: string | null
  line: Line
  epoch: number
  sequences: string
  last_seen_at: number | null
  last_health_at: number | null
  last_health_id: string | null
  last_health: HealthUp | null
  red: number
  orange: number
  yellow: number
  blue: number
  unacknowledged: number
  lost: boolean
  anchor: LedgerAnchor | null
  anchor_conflicts: number
}

export async function facilityStates(sql: Sql, scope: Scope): Promise<FacilityState[]> {
  const rows = await sql.query<FacilityRow>(
    `SELECT f.*, COALESCE(c.red, 0) AS red, COALESCE(c.orange, 0) AS orange, COALESCE(c.yellow, 0) AS yellow,
            COALESCE(c.blue, 0) AS blue, COALESCE(c.unacknowledged, 0) AS unacknowledged,
            EXISTS (SELECT 1 FROM own_alerts o WHERE o.facility = f.id AND o.open
                       AND (o.record -> 'alert' ->> 'conditionActive')::boolean) AS lost
       FROM facilities f
       LEFT JOIN (SELECT facility, count(*) FILTER (WHERE level = 'red')::integer AS red,
                         count(*) FILTER (WHERE level = 'orange')::integer AS orange,
                         count(*) FILTER (WHERE level = 'yellow')::integer AS yellow,
                         count(*) FILTER (WHERE level = 'blue')::integer AS blue,
                         count(*) FILTER (WHERE state IN ('unacknowledged', 'returned-unacknowledged'))::integer AS unacknowledged
                    FROM alerts WHERE open AND NOT test GROUP BY facility) c ON c.facility = f.id
      WHERE ${inScope('f', 'id')}
      ORDER BY f.id`,
    [scopeJson(scope)],
  )
  return rows.map((row) => ({
    id: row.id,
    name: { zh: row.name_zh, en: row.name_en },
    kind: row.kind,
    city: row.city,
    line: row.line,
    epoch: row.epoch,
    sequences: row.sequences,
    lastSeenAt: row.last_seen_at,
    lastHealthAt: row.last_health_at,
    lastHealthId: row.last_health_id,
    health: row.last_health,
    openAlerts: { red: row.red, orange: row.orange, yellow: row.yellow, blue: row.blue },
    unacknowledged: row.unacknowledged,
    linkLost: Boolean(row.lost),
    anchor: row.anchor && {
      at: row.anchor.at,
      receivedAt: row.anchor.receivedAt,
      ledgerSeq: row.anchor.ledgerSeq,
      ledgerHash: row.anchor.ledgerHash,
    },
    anchorConflicts: row.anchor_conflicts,
  }))
}

export interface AlertQuery {
  facility?: string[]
  state?: AlertState[]
  level?: Level[]
  rule?: string[]
  zone?: string[]
  subject?: string[]
  from?: number
  to?: number
  open?: boolean
  limit: number
  after?: { raisedAt: number; facility: string; id: string }
}

export type ProvinceAlert = SharedAlert & { receivedAt: number; updatedAt: number }

interface AlertRow {
  facility: string
  id: string
  alert: SharedAlert
  received_at: number
  updated_at: number
}

const alertOf = (row: AlertRow): ProvinceAlert => ({
  ...row.alert,
  receivedAt: row.received_at,
  updatedAt: row.updated_at,
})

/** Newest first. `rule` takes slugs or codes. */
export async function listAlerts(
  sql: Sql,
  scope: Scope,
  query: AlertQuery,
): Promise<{ items: ProvinceAlert[]; total: number; more: boolean }> {
  const params: unknown[] = [scopeJson(scope)]
  const where = [inScope('a', 'facility')]
  const add = (value: unknown, condition: (place: string) => string): void => {
    params.push(value)
    where.push(condition(`$${params.length}`))
  }
  const oneOf = (values: string[] | undefined, condition: (list: string) => string): void => {
    if (values) add(JSON.stringify(values), (p) => condition(`(SELECT jsonb_array_elements_text(${p}::jsonb))`))
  }
  oneOf(query.facility, (list) => `a.facility IN ${list}`)
  oneOf(query.state, (list) => `a.state IN ${list}`)
  oneOf(query.level, (list) => `a.level IN ${list}`)
  oneOf(query.rule, (list) => `(a.rule IN ${list} OR a.code IN ${list})`)
  // The test alert proves the way; nobody has to look at it who does not ask for it (as at the facility).
  if (!query.rule) where.push('NOT a.test')
  oneOf(query.zone, (list) => `a.zone IN ${list}`)
  oneOf(query.subject, (list) => `EXISTS (SELECT 1 FROM jsonb_array_elements_text(a.subjects) s WHERE s IN ${list})`)
  if (query.from !== undefined) add(query.from, (p) => `a.raised_at >= ${p}::bigint`)
  if (query.to !== undefined) add(query.to, (p) => `a.raised_at <= ${p}::bigint`)
  if (query.open !== undefined) add(query.open, (p) => `a.open = ${p}::boolean`)
  const counted = await sql.query<{ n: number }>(
    `SELECT count(*)::integer AS n FROM alerts a WHERE ${where.join(' AND ')}`,
    params,
  )
  if (query.after) {
    params.push(query.after.raisedAt, query.after.facility, query.after.id)
    const [at, facility, id] = [params.length - 2, params.length - 1, params.length]
    where.push(
      `(a.raised_at < $${at}::bigint OR (a.raised_at = $${at}::bigint AND (a.facility, a.id) > ($${facility}::text, $${id}::text)))`,
    )
  }
  const rows = await sql.query<AlertRow>(
    `SELECT a.facility, a.id, a.alert, a.received_at, a.updated_at FROM alerts a WHERE ${where.join(' AND ')}
      ORDER BY a.raised_at DESC, a.facility, a.id LIMIT ${Math.trunc(query.limit) + 1}`,
    params,
  )
  return { items: rows.slice(0, query.limit).map(alertOf), total: counted[0]?.n ?? 0, more: rows.length > query.limit }
}

/** The alert of that id; when two facilities have it, `facility` decides, else the newest. */
export async function getAlert(sql: Sql, scope: Scope, id: string, facility?: string): Promise<ProvinceAlert | null> {
  const rows = await sql.query<AlertRow>(
    `SELECT a.facility, a.id, a.alert, a.received_at, a.updated_at FROM alerts a
      WHERE ${inScope('a', 'facility')} AND a.id = $2 AND ($3::text IS NULL OR a.facility = $3)
      ORDER BY a.raised_at DESC LIMIT 1`,
    [scopeJson(scope), id, facility ?? null],
  )
  return rows[0] ? alertOf(rows[0]) : null
}

export interface HistoryChange extends AlertUp {
  origin: string
  sequence: number
  receivedAt: number
}

/** Every act and change of one alert, ordered by (at, sequence). */
export async function alertHistory(sql: Sql, facility: string, id: string): Promise<HistoryChange[]> {
  return sql.query<HistoryChange>(
    `SELECT at, change, by, origin, sequence, received_at AS "receivedAt", snapshot AS alert FROM alert_changes
      WHERE facility = $1 AND alert = $2 ORDER BY at, epoch, sequence LIMIT 5000`,
    [facility, id],
  )
}

export interface IndicatorRow {
  facility: string
  indicator: string
  from: number
  to: number
  value: number | null
  n: number
}

export async function listIndicators(
  sql: Sql,
  scope: Scope,
  query: { facility?: string[]; indicator?: string[]; from?: number; to?: number; limit: number },
): Promise<IndicatorRow[]> {
  return sql.query<IndicatorRow>(
    `SELECT i.facility, i.indicator, i.from_at AS "from", i.to_at AS "to", i.value, i.n
       FROM indicators i JOIN facilities f ON f.id = i.facility
      WHERE ${inScope('f', 'id')}
        AND ($2::jsonb IS NULL OR i.facility IN (SELECT jsonb_array_elements_text($2::jsonb)))
        AND ($3::jsonb IS NULL OR i.indicator IN (SELECT jsonb_array_elements_text($3::jsonb)))
        AND ($4::bigint IS NULL OR i.to_at > $4::bigint) AND ($5::bigint IS NULL OR i.from_at < $5::bigint)
      ORDER BY i.to_at DESC, i.facility, i.indicator LIMIT ${Math.trunc(query.limit)}`,
    [
      scopeJson(scope),
      query.facility ? JSON.stringify(query.facility) : null,
      query.indicator ? JSON.stringify(query.indicator) : null,
      query.from ?? null,
      query.to ?? null,
    ],
  )
}

/** I20: P95 of the time from the event to its arrival here, of alerts that came live; nearest rank. */
export async function alertLatencies(
  sql: Sql,
  scope: Scope,
  from: number,
  to: number,
): Promise<{ facility: string; value: number | null; n: number }[]> {
  return sql.query(
    `SELECT a.facility, percentile_disc(0.95) WITHIN GROUP (ORDER BY a.received_at - (a.alert ->> 'eventTime')::bigint)::double precision AS value,
            count(*)::integer AS n
       FROM alerts a
      WHERE ${inScope('a', 'facility')}
        AND NOT a.drill AND NOT a.test AND NOT COALESCE((a.alert ->> 'delayed')::boolean, false)
        AND a.raised_at >= $2::bigint AND a.raised_at < $3::bigint
      GROUP BY a.facility ORDER BY a.facility`,
    [scopeJson(scope), from, to],
  )
}

export interface AnchorRow {
  facility: string
  epoch: number
  sequence: number
  at: number
  receivedAt: number
  ledgerSeq: number
  ledgerHash: string
  /** Another hash for the same entry, or an earlier entry than the anchor before: the ledger was rewritten or restored. */
  contradicted: boolean
}

export interface AnchorQuery {
  facility?: string[]
  from?: number
  to?: number
  after?: { facility: string; epoch: number; sequence: number }
  limit: number
}

/** Anchors as they came, oldest first. */
export async function listAnchors(sql: Sql, scope: Scope, query: AnchorQuery): Promise<AnchorRow[]> {
  return sql.query<AnchorRow>(
    `SELECT a.facility, a.epoch, a.sequence, a.at, a.received_at AS "receivedAt", a.ledger_seq AS "ledgerSeq",
            a.ledger_hash AS "ledgerHash",
            (EXISTS (SELECT 1 FROM anchors o
                      WHERE o.facility = a.facility AND o.ledger_seq = a.ledger_seq AND o.ledger_hash <> a.ledger_hash)
             OR COALESCE((SELECT o.ledger_seq FROM anchors o
                           WHERE o.facility = a.facility AND (o.epoch, o.sequence) < (a.epoch, a.sequence)
                           ORDER BY o.epoch DESC, o.sequence DESC LIMIT 1), 0) > a.ledger_seq) AS contradicted
       FROM anchors a JOIN facilities f ON f.id = a.facility
      WHERE ${inScope('f', 'id')}
        AND ($2::jsonb IS NULL OR a.facility IN (SELECT jsonb_array_elements_text($2::jsonb)))
        AND ($3::bigint IS NULL OR a.at >= $3::bigint) AND ($4::bigint IS NULL OR a.at <= $4::bigint)
        AND ($5::text IS NULL OR (a.facility, a.epoch, a.sequence) > ($5::text, $6::integer, $7::bigint))
      ORDER BY a.facility, a.epoch, a.sequence LIMIT ${Math.trunc(query.limit)}`,
    [
      scopeJson(scope),
      query.facility ? JSON.stringify(query.facility) : null,
      query.from ?? null,
      query.to ?? null,
      query.after?.facility ?? null,
      query.after?.epoch ?? null,
      query.after?.sequence ?? null,
    ],
  )
}

export interface NewAnchor {
  facility: string
  epoch: number
  sequence: number
  at: number
  received_at: number
  ledger_seq: number
  ledger_hash: string
}

/** The newest anchor of each facility, and whether it contradicts those before. Call after the anchors are in. */
export async function noteAnchors(sql: Sql, anchors: readonly NewAnchor[]): Promise<void> {
  for (const a of anchors)
    await sql.query(
      `UPDATE facilities f
          SET anchor_conflicts = f.anchor_conflicts + CASE
                WHEN EXISTS (SELECT 1 FROM anchors o
                              WHERE o.facility = $1 AND o.ledger_seq = $6 AND o.ledger_hash <> $7)
                  OR ((f.anchor ->> 'ledgerSeq')::bigint > $6
                      AND ((f.anchor ->> 'epoch')::integer, (f.anchor ->> 'sequence')::bigint) < ($2, $3))
                THEN 1 ELSE 0 END,
              anchor = CASE
                WHEN f.anchor IS NULL OR ((f.anchor ->> 'epoch')::integer, (f.anchor ->> 'sequence')::bigint) < ($2, $3)
                THEN jsonb_build_object('at', $4::bigint, 'receivedAt', $5::bigint, 'ledgerSeq', $6::bigint,
                                        'ledgerHash', $7::text, 'epoch', $2::integer, 'sequence', $3::bigint)
                ELSE f.anchor END
        WHERE f.id = $1`,
      [a.facility, a.epoch, a.sequence, a.at, a.received_at, a.ledger_seq, a.ledger_hash],
    )
}

export interface GapRow extends Gap {
  namedAt: number
  closedAt: number | null
}

export async function listGaps(sql: Sql, facility: string | null, openOnly: boolean): Promise<GapRow[]> {
  return sql.query<GapRow>(
    `SELECT facility, epoch, from_seq AS "from", to_seq AS "to", since, named_at AS "namedAt", closed_at AS "closedAt"
       FROM gaps WHERE ($1::text IS NULL OR facility = $1) AND (NOT $2::boolean OR closed_at IS NULL)
      ORDER BY named_at DESC LIMIT 500`,
    [facility, openOnly],
  )
}

export async function writeGaps(sql: Sql, named: Gap[], closed: Gap[], now: number): Promise<void> {
  for (const gap of named)
    await sql.query(
      `INSERT INTO gaps (facility, epoch, from_seq, to_seq, since, named_at) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT DO NOTHING`,
      [gap.facility, gap.epoch, gap.from, gap.to, gap.since, now],
    )
  for (const gap of closed)
    await sql.query(
      `UPDATE gaps SET closed_at = $5 WHERE facility = $1 AND epoch = $2 AND from_seq = $3 AND to_seq = $4 AND closed_at IS NULL`,
      [gap.facility, gap.epoch, gap.from, gap.to, now],
    )
}

export interface QuarantineRow {
  id: number
  facility: string | null
  topic: string
  receivedAt: number
  cause: string
  detail: string
  bytes: number
  sha256: string
}

export async function listQuarantine(sql: Sql, scope: Scope, limit: number): Promise<QuarantineRow[]> {
  return sql.query<QuarantineRow>(
    `SELECT q.id, q.facility, q.topic, q.received_at AS "receivedAt", q.cause, q.detail, q.bytes, q.sha256
       FROM quarantine q LEFT JOIN facilities f ON f.id = q.facility
      WHERE f.id IS NULL OR (${inScope('f', 'id')})
      ORDER BY q.received_at DESC, q.id DESC LIMIT ${Math.trunc(limit)}`,
    [scopeJson(scope)],
  )
}

/** Changes with a running number above `ord`, oldest first: what a console that was away has missed. */
export async function changesAfter(
  sql: Sql,
  ord: number,
  limit: number,
): Promise<{ ord: number; line: Line; change: AlertUp }[]> {
  return sql.query<{ ord: number; line: Line; change: AlertUp }>(
    `SELECT c.ord, f.line, jsonb_build_object('at', c.at, 'change', c.change, 'by', c.by, 'alert', c.snapshot) AS change
       FROM alert_changes c JOIN facilities f ON f.id = c.facility
      WHERE c.ord > $1 ORDER BY c.ord LIMIT ${Math.trunc(limit)}`,
    [ord],
  )
}

export async function lastOrd(sql: Sql): Promise<number> {
  const rows = await sql.query<{ ord: number }>('SELECT COALESCE(max(ord), 0) AS ord FROM alert_changes')
  return rows[0]?.ord ?? 0
}
