/**
 * Writes one group of messages in one transaction: the data and the sequence numbers that it takes up stand or fall
 * together, so that nothing is applied twice and nothing is counted as received that is not there.
 */
import type { AlertUp, AnchorUp, HealthUp, IndicatorUp, SharedAlert } from '#model/uplink.ts'
import type { ReadEnvelope, Refusal } from '../envelope.ts'
import { isClosed, type MergedAlert, mergeChange, type PlacedChange } from '../merge.ts'
import { SequenceSet } from '../sequences.ts'
import { type NewAnchor, noteAnchors } from './queries.ts'
import type { Sql } from './sql.ts'

export interface BatchItem {
  topic: string
  receivedAt: number
  read: ReadEnvelope | Refusal
}

export interface AppliedChange {
  facility: string
  line: string
  change: PlacedChange
  /** The alert after the merge. */
  alert: SharedAlert
  receivedAt: number
  /** Running number of all changes at the province; null when this very change was there already. */
  ord: number | null
}

export interface Applied {
  outcomes: ('applied' | 'duplicate' | 'quarantined')[]
  changes: AppliedChange[]
  /** Facilities with a message in this group, with the time of the last one. */
  seen: Map<string, number>
  heartbeats: { facility: string; id: string; receivedAt: number; health: HealthUp }[]
  indicators: ({ facility: string } & IndicatorUp)[]
  /** Facilities whose counter has started again from nothing. */
  restarts: number
  /** What has arrived from each facility of this group. */
  sequences: Map<string, { epoch: number; set: SequenceSet }>
}

interface FacilityRow {
  id: string
  line: string
  epoch: number
  set: SequenceSet
  lastTime: number
  lastSeenAt: number | null
  health: { at: number; id: string; data: HealthUp } | null
}

interface EnvelopeRow {
  facility: string
  epoch: number
  sequence: number
  id: string
  type: string
  time: number
  received_at: number
  backlog: boolean
  ledgerhash: string
  content_hash: string
  outcome: string
}

/** A refused message may take up a number this far ahead; a wild one must not open a hole of billions. */
const MAX_REFUSED_AHEAD = 10_000

const json = (rows: unknown[]) => [JSON.stringify(rows)]
const slot = (facility: string, sequence: number) => `${facility}\0${sequence}`

async function loadFacilities(sql: Sql, ids: string[]): Promise<Map<string, FacilityRow>> {
  // Locked in one order, so that two writers on one server cannot wait for each other in a circle.
  const rows = await sql.query<{ id: string; line: string; epoch: number; sequences: string; last_time: number }>(
    `SELECT id, line, epoch, sequences, last_time FROM facilities
      WHERE id IN (SELECT jsonb_array_elements_text($1::jsonb)) ORDER BY id FOR UPDATE`,
    json(ids),
  )
  return new Map(
    rows.map((row) => [
      row.id,
      {
        id: row.id,
        line: row.line,
        epoch: row.epoch,
        set: SequenceSet.parse(row.sequences),
        lastTime: row.last_time,
        lastSeenAt: null,
        health: null,
      },
    ]),
  )
}

/** Envelopes that already stand under the numbers of this group, in every epoch. */
async function loadKnown(
  sql: Sql,
  items: BatchItem[],
  facilities: Map<string, FacilityRow>,
): Promise<Map<string, EnvelopeRow[]>> {
  const known = new Map<string, EnvelopeRow[]>()
  const wanted = items.flatMap(({ read }) => {
    const facility = read.facility === null ? undefined : facilities.get(read.facility)
    if (!facility || read.sequence === null) return []
    return facility.set.has(read.sequence) || facility.epoch > 1
      ? [{ facility: facility.id, sequence: read.sequence }]
      : []
  })
  if (wanted.length === 0) return known
  const rows = await sql.query<EnvelopeRow>(
    `SELECT e.* FROM envelopes e JOIN jsonb_to_recordset($1::jsonb) AS w(facility text, sequence bigint)
       ON e.facility = w.facility AND e.sequence = w.sequence`,
    json(wanted),
  )
  for (const row of rows) {
    const key = slot(row.facility, row.sequence)
    known.set(key, [...(known.get(key) ?? []), row])
  }
  return known
}

type Verdict = 'apply' | 'duplicate' | 'restart' | 'conflict'

function judge(read: ReadEnvelope, facility: FacilityRow, rows: EnvelopeRow[]): Verdict {
  if (rows.some((row) => row.content_hash === read.contentHash && row.outcome === 'applied')) return 'duplicate'
  if (!facility.set.has(read.sequence)) return 'apply'
  const current = rows.find((row) => row.epoch === facility.epoch)
  // The row was removed by age. What is sent again is as old as it was; what is newer than all comes of a rebuilt edge.
  if (!current) return read.time > facility.lastTime ? 'restart' : 'duplicate'
  if (current.outcome === 'quarantined') return 'apply'
  // Another message under a used number. Made after all that is known: the edge was rebuilt and counts from 1 again.
  return read.time > facility.lastTime ? 'restart' : 'conflict'
}

export async function applyBatch(sql: Sql, items: BatchItem[]): Promise<Applied> {
  const ids = [...new Set(items.flatMap(({ read }) => (read.facility === null ? [] : [read.facility])))]
  const facilities = await loadFacilities(sql, ids)
  const known = await loadKnown(sql, items, facilities)
  const applied: Applied = {
    outcomes: [],
    changes: [],
    seen: new Map(),
    heartbeats: [],
    indicators: [],
    restarts: 0,
    sequences: new Map(),
  }
  const envelopes: EnvelopeRow[] = []
  const quarantine: Record<string, unknown>[] = []
  const changes: { facility: FacilityRow; change: PlacedChange; receivedAt: number }[] = []
  const indicators: Record<string, unknown>[] = []
  const health: Record<string, unknown>[] = []
  const anchors: NewAnchor[] = []

  const remember = (row: EnvelopeRow): void => {
    envelopes.push(row)
    const key = slot(row.facility, row.sequence)
    known.set(key, [...(known.get(key) ?? []).filter((r) => r.epoch !== row.epoch), row])
  }

  for (const { topic, read, receivedAt } of items) {
    const facility = read.facility === null ? undefined : facilities.get(read.facility)
    if (!read.ok || !facility) {
      const refusal: Pick<Refusal, 'cause' | 'detail' | 'bytes' | 'sha256' | 'payload'> = read.ok
        ? {
            cause: 'topic-denied',
            detail: 'The facility is not known.',
            bytes: 0,
            sha256: read.contentHash,
            payload: null,
          }
        : read
      const rows = facility && read.sequence !== null ? (known.get(slot(facility.id, read.sequence)) ?? []) : []
      if (rows.some((row) => row.content_hash === refusal.sha256)) {
        applied.outcomes.push('duplicate')
        continue
      }
      quarantine.push({ ...refusal, facility: read.facility, topic: kept(topic), received_at: receivedAt })
      applied.outcomes.push('quarantined')
      if (!facility || read.sequence === null || refusal.cause === 'topic-denied') continue
      if (read.sequence > facility.set.last + MAX_REFUSED_AHEAD || !facility.set.add(read.sequence)) continue
      remember({
        facility: facility.id,
        epoch: facility.epoch,
        sequence: read.sequence,
        id: '',
        type: '',
        time: 0,
        received_at: receivedAt,
        backlog: false,
        ledgerhash: '',
        content_hash: refusal.sha256,
        outcome: 'quarantined',
      })
      continue
    }
    applied.seen.set(facility.id, receivedAt)
    facility.lastSeenAt = receivedAt
    const verdict = judge(read, facility, known.get(slot(facility.id, read.sequence)) ?? [])
    if (verdict === 'duplicate') {
      applied.outcomes.push('duplicate')
      continue
    }
    if (verdict === 'conflict') {
      applied.outcomes.push('quarantined')
      quarantine.push({
        facility: facility.id,
        topic: kept(topic),
        received_at: receivedAt,
        cause: 'sequence-conflict',
        detail: `Sequence ${read.sequence} of ${facility.id} was received before with other content.`,
        bytes: 0,
        sha256: read.contentHash,
        payload: JSON.stringify(read.envelope),
      })
      continue
    }
    if (verdict === 'restart') {
      facility.epoch++
      facility.set = new SequenceSet()
      applied.restarts++
    }
    const { envelope, sequence, kind } = read
    facility.set.add(sequence)
    facility.lastTime = Math.max(facility.lastTime, read.time)
    remember({
      facility: facility.id,
      epoch: facility.epoch,
      sequence,
      id: envelope.id,
      type: envelope.type,
      time: read.time,
      received_at: receivedAt,
      backlog: envelope.backlog,
      ledgerhash: envelope.ledgerhash,
      content_hash: read.contentHash,
      outcome: 'applied',
    })
    applied.outcomes.push('applied')
    const place = { facility: facility.id, epoch: facility.epoch, sequence, received_at: receivedAt }
    if (kind === 'alert') {
      const data = envelope.data as AlertUp
      const change: PlacedChange = { ...data, by: data.by ?? null, origin: 'facility', epoch: facility.epoch, sequence }
      changes.push({ facility, change, receivedAt })
    } else if (kind === 'indicator') {
      const data = envelope.data as IndicatorUp
      indicators.push({ ...data, ...place, from_at: data.from, to_at: data.to })
      applied.indicators.push({ facility: facility.id, ...data })
    } else if (kind === 'health') {
      const data = envelope.data as HealthUp
      health.push({ ...place, at: data.at, data })
      if (!facility.health || data.at >= facility.health.data.at)
        facility.health = { at: receivedAt, id: envelope.id, data }
      applied.heartbeats.push({ facility: facility.id, id: envelope.id, receivedAt, health: data })
    } else {
      const data = envelope.data as AnchorUp
      anchors.push({ ...place, at: data.at, ledger_seq: data.ledgerSeq, ledger_hash: data.ledgerHash })
    }
  }

  applied.changes = await applyChanges(sql, changes)
  await insertEnvelopes(sql, envelopes)
  await insertRows(sql, { quarantine, indicators, health, anchors: anchors.map((a) => ({ ...a })) })
  await noteAnchors(sql, anchors)
  for (const facility of facilities.values())
    applied.sequences.set(facility.id, { epoch: facility.epoch, set: facility.set })
  await updateFacilities(sql, [...facilities.values()])
  return applied
}

const changeKey = (
  facility: string,
  alert: string,
  c: { origin: string; sequence: number; at: number; change: string },
): string => JSON.stringify([facility, alert, c.origin, c.sequence, c.at, c.change])

/** Merges changes into their alerts and keeps every act. Also used for the province's own alerts. */
export async function applyChanges(
  sql: Sql,
  changes: { facility: { id: string; line: string }; change: PlacedChange; receivedAt: number }[],
): Promise<AppliedChange[]> {
  if (changes.length === 0) return []
  const wanted = new Map(
    changes.map(({ facility, change }) => [
      `${facility.id}\0${change.alert.id}`,
      { f: facility.id, a: change.alert.id },
    ]),
  )
  const rows = await sql.query<{
    facility: string
    id: string
    alert: SharedAlert
    merge: MergedAlert['state']
    received_at: number
  }>(
    `SELECT a.facility, a.id, a.alert, a.merge, a.received_at FROM alerts a
       JOIN jsonb_to_recordset($1::jsonb) AS w(f text, a text) ON a.facility = w.f AND a.id = w.a`,
    json([...wanted.values()]),
  )
  const merged = new Map<string, MergedAlert & { line: string; receivedAt: number; updatedAt: number }>(
    rows.map((row) => [
      `${row.facility}\0${row.id}`,
      { alert: row.alert, state: row.merge, line: '', receivedAt: row.received_at, updatedAt: 0 },
    ]),
  )
  const done: AppliedChange[] = []
  for (const { facility, change, receivedAt } of changes) {
    const key = `${facility.id}\0${change.alert.id}`
    const before = merged.get(key)
    const after = mergeChange(before ?? null, change)
    merged.set(key, {
      ...after,
      line: facility.line,
      receivedAt: before?.receivedAt ?? receivedAt,
      updatedAt: receivedAt,
    })
    done.push({ facility: facility.id, line: facility.line, change, alert: after.alert, receivedAt, ord: null })
  }
  await sql.query(
    `INSERT INTO alerts (facility, id, line, rule, code, level, state, zone, open, drill, test, raised_at, received_at, updated_at, subjects, alert, merge)
     SELECT r.facility, r.id, r.line, r.rule, r.code, r.level, r.state, r.zone, r.open, r.drill, r.test, r.raised_at, r.received_at, r.updated_at, r.subjects, r.alert, r.merge
       FROM jsonb_to_recordset($1::jsonb) AS r(facility text, id text, line text, rule text, code text, level text, state text, zone text,
            open boolean, drill boolean, test boolean, raised_at bigint, received_at bigint, updated_at bigint, subjects jsonb, alert jsonb, merge jsonb)
     ON CONFLICT (facility, id) DO UPDATE SET level = excluded.level, state = excluded.state, zone = excluded.zone, open = excluded.open,
            drill = excluded.drill, test = excluded.test, raised_at = excluded.raised_at, updated_at = excluded.updated_at,
            subjects = excluded.subjects, alert = excluded.alert, merge = excluded.merge`,
    json(
      [...wanted].map(([key, { f, a }]) => {
        const { alert, state, line, receivedAt, updatedAt } = merged.get(key)!
        return {
          facility: f,
          id: a,
          line,
          rule: alert.rule,
          code: alert.code,
          level: alert.level,
          state: alert.state,
          zone: alert.zone ?? null,
          open: !isClosed(alert),
          drill: Boolean(alert.drill),
          test: Boolean(alert.test),
          raised_at: alert.raisedAt,
          received_at: receivedAt,
          updated_at: updatedAt,
          subjects: alert.subjects,
          alert,
          merge: state,
        }
      }),
    ),
  )
  const numbered = await sql.query<{
    facility: string
    alert: string
    origin: string
    sequence: number
    at: number
    change: string
    ord: number
  }>(
    `INSERT INTO alert_changes (facility, alert, origin, epoch, sequence, at, received_at, change, by, snapshot)
     SELECT r.facility, r.alert, r.origin, r.epoch, r.sequence, r.at, r.received_at, r.change, r.by, r.snapshot
       FROM jsonb_to_recordset($1::jsonb) AS r(facility text, alert text, origin text, epoch integer, sequence bigint, at bigint,
            received_at bigint, change text, by text, snapshot jsonb)
     ON CONFLICT DO NOTHING RETURNING facility, alert, origin, sequence, at, change, ord`,
    json(
      changes.map(({ facility, change, receivedAt }) => ({
        facility: facility.id,
        alert: change.alert.id,
        origin: change.origin,
        epoch: change.epoch,
        sequence: change.sequence,
        at: change.at,
        received_at: receivedAt,
        change: change.change,
        by: change.by,
        snapshot: change.alert,
      })),
    ),
  )
  const ords = new Map(numbered.map((r) => [changeKey(r.facility, r.alert, r), r.ord]))
  for (const one of done) one.ord = ords.get(changeKey(one.facility, one.alert.id, one.change)) ?? null
  return done
}

async function insertEnvelopes(sql: Sql, rows: EnvelopeRow[]): Promise<void> {
  if (rows.length === 0) return
  // A refused message and its corrected successor may stand in one group: the last one counts.
  const last = new Map(rows.map((row) => [`${row.facility}\0${row.epoch}\0${row.sequence}`, row]))
  await sql.query(
    `INSERT INTO envelopes (facility, epoch, sequence, id, type, time, received_at, backlog, ledgerhash, content_hash, outcome)
     SELECT r.* FROM jsonb_to_recordset($1::jsonb) AS r(facility text, epoch integer, sequence bigint, id text, type text, time bigint,
            received_at bigint, backlog boolean, ledgerhash text, content_hash text, outcome text)
     ON CONFLICT (facility, epoch, sequence) DO UPDATE SET id = excluded.id, type = excluded.type, time = excluded.time,
            received_at = excluded.received_at, backlog = excluded.backlog, ledgerhash = excluded.ledgerhash,
            content_hash = excluded.content_hash, outcome = excluded.outcome`,
    json([...last.values()]),
  )
}

async function insertRows(
  sql: Sql,
  rows: Record<'quarantine' | 'indicators' | 'health' | 'anchors', Record<string, unknown>[]>,
): Promise<void> {
  if (rows.quarantine.length > 0)
    await sql.query(
      `INSERT INTO quarantine (facility, topic, received_at, cause, detail, bytes, sha256, payload)
       SELECT r.* FROM jsonb_to_recordset($1::jsonb) AS r(facility text, topic text, received_at bigint, cause text, detail text,
              bytes integer, sha256 text, payload text)`,
      json(rows.quarantine),
    )
  if (rows.indicators.length > 0)
    await sql.query(
      `INSERT INTO indicators (facility, indicator, from_at, to_at, value, n, epoch, sequence)
       SELECT DISTINCT ON (r.facility, r.indicator, r.from_at, r.to_at) r.*
         FROM jsonb_to_recordset($1::jsonb) AS r(facility text, indicator text, from_at bigint, to_at bigint,
              value double precision, n double precision, epoch integer, sequence bigint)
        ORDER BY r.facility, r.indicator, r.from_at, r.to_at, r.epoch DESC, r.sequence DESC
       ON CONFLICT (facility, indicator, from_at, to_at) DO UPDATE
          SET value = excluded.value, n = excluded.n, epoch = excluded.epoch, sequence = excluded.sequence
        WHERE (excluded.epoch, excluded.sequence) > (indicators.epoch, indicators.sequence)`,
      json(rows.indicators),
    )
  if (rows.health.length > 0)
    await sql.query(
      `INSERT INTO health (facility, epoch, sequence, at, received_at, data)
       SELECT r.* FROM jsonb_to_recordset($1::jsonb) AS r(facility text, epoch integer, sequence bigint, at bigint, received_at bigint, data jsonb)
       ON CONFLICT DO NOTHING`,
      json(rows.health),
    )
  if (rows.anchors.length > 0)
    await sql.query(
      `INSERT INTO anchors (facility, epoch, sequence, at, received_at, ledger_seq, ledger_hash)
       SELECT r.* FROM jsonb_to_recordset($1::jsonb) AS r(facility text, epoch integer, sequence bigint, at bigint, received_at bigint,
              ledger_seq bigint, ledger_hash text)
       ON CONFLICT DO NOTHING`,
      json(rows.anchors),
    )
}

async function updateFacilities(sql: Sql, facilities: FacilityRow[]): Promise<void> {
  if (facilities.length === 0) return
  await sql.query(
    `UPDATE facilities f SET epoch = r.epoch, sequences = r.sequences, last_time = r.last_time,
            last_seen_at = COALESCE(r.seen_at, f.last_seen_at),
            last_health_at = COALESCE(r.health_at, f.last_health_at),
            last_health_id = COALESCE(r.health_id, f.last_health_id),
            last_health = CASE WHEN r.health IS NULL OR jsonb_typeof(r.health) = 'null'
                                 OR (f.last_health ->> 'at')::bigint > (r.health ->> 'at')::bigint THEN f.last_health ELSE r.health END
       FROM jsonb_to_recordset($1::jsonb) AS r(id text, epoch integer, sequences text, last_time bigint, seen_at bigint,
            health_at bigint, health_id text, health jsonb)
      WHERE f.id = r.id`,
    json(
      facilities.map((f) => ({
        id: f.id,
        epoch: f.epoch,
        sequences: f.set.toString(),
        last_time: f.lastTime,
        seen_at: f.lastSeenAt,
        health_at: f.health?.at ?? null,
        health_id: f.health?.id ?? null,
        health: f.health?.data ?? null,
      })),
    ),
  )
}

/** A topic as the database takes it: a foreign broker may let NUL pass, and a cut may halve a character. */
const kept = (topic: string): string => topic.slice(0, 256).replaceAll('\0', '\ufffd').toWellFormed()
