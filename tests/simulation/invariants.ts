/**
 * The named promises of `architecture.md`, asked of what lies on the disks at the end of a simulated run. Each violation
 * is one sentence that begins with the name of its promise.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isSheddable, tagOf } from '#ingest/journal/record-codec.ts'
import { isSealed, PERSON_KEYS_FILE, sealedKeys } from '#ingest/ledger/personal.ts'
import type { Act } from '#model/alert/acts.ts'
import type { AlertChange } from '#model/alert/alert.ts'
import { canonicalJson } from '#model/ids.ts'
import type { JournalRecord } from '#model/ports/journal.ts'
import type { LedgerEntry } from '#model/ports/ledger.ts'
import type { Reading } from '#model/reading.ts'
import type { Store } from '#province/store/sql.ts'
import type { Rule } from '#rules/engine/rule.ts'
import { createLiveRules } from '#rules/live.ts'
import { type EdgeNode, MAX_PENDING, type Running } from './edge-node.ts'
import { FACILITY, PERSONS, type Sent, SITE } from './field.ts'
import type { ProvinceNode } from './province-node.ts'
import { changeKey, type MemorySink } from './sink.ts'
import type { World } from './world.ts'

/** What the world outside the edge knows to have happened. */
export interface Evidence {
  said: Sent[]
  /** Readings that the edge has answered for: id → reading. */
  acknowledged: Map<string, Sent>
  /** Acts and manual alerts that were answered as done. */
  acts: Act[]
  raised: string[]
  /** Persons who were answered to be forgotten: the key, and the entry that records it. */
  forgotten: { person: string; key: string | null; seq: number }[]
}

export interface Scene {
  world: World
  evidence: Evidence
  edge: EdgeNode
  province: ProvinceNode
  sink: MemorySink
  store: Store
  rules: readonly Rule[]
}

export interface Verdict {
  violations: string[]
  journaled: number
  alerts: number
  changes: number
  /** Rules whose alerts were compared with those of a run without faults. */
  judged: string[]
}

/** What the ledger says of itself, not of the journal. */
const FORGETTING = 'forget-person'
const DEBUG = process.env.SIM_DEBUG
const sample = (ids: Iterable<string>): string => [...ids].slice(0, 3).join(', ')

export async function judge(scene: Scene): Promise<Verdict> {
  const { edge } = scene
  const running = edge.running
  if (!running)
    return {
      violations: ['settles: the edge does not run at the end'],
      journaled: 0,
      alerts: 0,
      changes: 0,
      judged: [],
    }
  const records: JournalRecord[] = []
  for (;;) {
    const next = await running.journal.read((records.at(-1)?.seq ?? 0) + 1, 5000)
    if (next.length === 0) break
    records.push(...next)
  }
  const entries: LedgerEntry[] = []
  for (;;) {
    const next = await running.ledger.list({ afterSeq: entries.at(-1)?.seq ?? 0, limit: 2000 })
    if (next.length === 0) break
    entries.push(...next)
  }
  const changes = records.flatMap(({ seq, body }) => (body.kind === 'alert' ? [{ seq, change: body.change }] : []))
  const readings = records.flatMap(({ body }) => (body.kind === 'reading' ? [body.reading] : []))
  if (DEBUG)
    for (const { seq, at, body } of records)
      if (JSON.stringify(body).includes(DEBUG))
        process.stderr.write(
          `${seq} ${at} ${body.kind} ${body.kind === 'alert' ? `${body.change.change} ${body.change.at} ${body.change.note} ${body.change.by} ${body.change.alert.state} ${body.change.alert.number} ${body.change.alert.rule}` : ''}\n`,
        )
  const judged = new Set<string>()
  const violations = [
    ...readingsKept(scene, readings),
    ...numbersGapless(scene, records),
    ...alertsOnce(changes.map((c) => c.change)),
    ...ledgerFollows(entries, records),
    ...(await ledgerWhole(running)),
    ...forgottenIsUnreadable(
      scene,
      entries,
      changes.map((c) => c.change),
    ),
    ...actsKept(
      scene,
      entries,
      changes.map((c) => c.change),
    ),
    ...(await deskAgrees(running, changes)),
    ...sinkHasAll(
      scene,
      readings,
      changes.map((c) => c.change),
    ),
    ...(await provinceHasAll(scene, changes)),
    ...nothingPersonalLeft(scene),
    ...sameReadingsSameAlerts(
      scene,
      changes.map((c) => c.change),
      judged,
    ),
    ...bounded(scene),
    ...nothingBroke(scene),
  ]
  return {
    violations,
    journaled: readings.length,
    alerts: new Set(changes.map((c) => c.change.alert.id)).size,
    changes: changes.length,
    judged: [...judged],
  }
}

/** 1: no acknowledged reading is lost; samples may be shed on a full disk, and then they are counted. */
function readingsKept({ evidence, edge, sink }: Scene, readings: Reading[]): string[] {
  const kept = new Set(readings.map((r) => r.id))
  const missing = [...evidence.acknowledged].filter(([id]) => !kept.has(id) && !sink.readings.has(id))
  const mayGo = ([, { reading }]: [string, Sent]) =>
    isSheddable(tagOf({ kind: 'reading', reading: reading as unknown as Reading }))
  const found: string[] = []
  const lost = missing.filter((m) => !mayGo(m))
  if (lost.length > 0)
    found.push(
      `acknowledged-is-kept: ${lost.length} acknowledged readings are gone (${sample(lost.map(([id, s]) => `${id} ${s.reading.type}`))})`,
    )
  const shed = missing.filter(mayGo)
  if (shed.length > edge.shed + edge.removedUnread)
    found.push(
      `acknowledged-is-kept: ${shed.length} samples are gone, ${edge.shed} were shed and ${edge.removedUnread} removed by count`,
    )
  const twice = readings.length - kept.size
  if (twice > 0) found.push(`acknowledged-is-kept: ${twice} readings stand twice in the journal`)
  return found
}

function numbersGapless({ edge }: Scene, records: JournalRecord[]): string[] {
  if (edge.removed > 0) return []
  const bad = records.find(({ seq }, i) => seq !== i + 1)
  return bad ? [`journal-is-gapless: record ${bad.seq} does not follow its predecessor`] : []
}

/** 2: an alert is raised once. */
function alertsOnce(changes: AlertChange[]): string[] {
  const raised = new Map<string, number>()
  for (const { change, alert } of changes)
    if (change === 'raised') raised.set(alert.id, (raised.get(alert.id) ?? 0) + 1)
  const twice = [...raised].filter(([, n]) => n > 1).map(([id]) => id)
  const never = new Set(changes.map((c) => c.alert.id).filter((id) => !raised.has(id)))
  const numbers = new Map<string, string>()
  const same: string[] = []
  for (const { change, alert } of changes) {
    if (change !== 'raised') continue
    if (alert.number === null) same.push(`${alert.id} has none`)
    else if (numbers.has(alert.number)) same.push(alert.number)
    else numbers.set(alert.number, alert.id)
  }
  return [
    ...(twice.length > 0 ? [`alert-once: raised twice: ${sample(twice)}`] : []),
    ...(never.size > 0 ? [`alert-once: changed but never raised: ${sample(never)}`] : []),
    ...(same.length > 0 ? [`alert-once: running number given twice or not at all: ${sample(same)}`] : []),
  ]
}

/**
 * 2 and 5: the ledger holds every change and act of the journal once, in the order of each alert, and nothing else. What
 * was forgotten cannot be read and still has its place: it is whatever the journal says there.
 */
function ledgerFollows(entries: LedgerEntry[], records: JournalRecord[]): string[] {
  const found: string[] = []
  for (const kind of ['alert', 'act'] as const) {
    const told = new Map<string, string[]>()
    for (const { body } of records)
      if (body.kind === kind) {
        const [ref, payload] =
          body.kind === 'alert'
            ? [body.change.alert.id, body.change]
            : [(body as { act: Act }).act.alert ?? '', (body as { act: Act }).act]
        told.set(ref, [...(told.get(ref) ?? []), canonicalJson(payload)])
      }
    const kept = new Map<string, (string | null)[]>()
    for (const { kind: of, ref, payload } of entries)
      if (of === kind && (payload as { act?: string } | null)?.act !== FORGETTING)
        kept.set(ref ?? '', [...(kept.get(ref ?? '') ?? []), payload === null ? null : canonicalJson(payload)])
    for (const ref of new Set([...told.keys(), ...kept.keys()])) {
      const [said, has] = [told.get(ref) ?? [], kept.get(ref) ?? []]
      if (has.length < said.length)
        found.push(`ledger-follows: ${said.length - has.length} of kind ${kind} about ${ref} are missing`)
      if (has.length > said.length)
        found.push(`ledger-follows: ${has.length - said.length} of kind ${kind} about ${ref} are there too often`)
      if (has.length !== said.length) continue
      const at = has.findIndex((text, i) => text !== null && text !== said[i])
      if (at >= 0)
        found.push(
          `ledger-follows: ${kind} ${at + 1} about ${ref} is not what the journal says there (${has[at]!.slice(0, 200)})`,
        )
    }
  }
  return found
}

/**
 * 6: whoever was forgotten cannot be read by any means from then on, and nobody else loses a word by it; what the ledger
 * says of a forgetting is done, and no person stands on the disk in plain.
 */
function forgottenIsUnreadable({ edge, evidence }: Scene, entries: LedgerEntry[], changes: AlertChange[]): string[] {
  const dir = join(edge.disk.dir, 'data')
  const keyFile = existsSync(join(dir, PERSON_KEYS_FILE)) ? readFileSync(join(dir, PERSON_KEYS_FILE), 'latin1') : ''
  const db = new DatabaseSync(join(dir, 'ledger.db'), { readOnly: true })
  const read = (sql: string) => db.prepare(sql).all() as Record<string, unknown>[]
  const bodies = new Map(read('SELECT seq, body FROM payload').map((r) => [r.seq as number, r.body as string]))
  const gone = new Map(read('SELECT key, seq FROM forgotten').map((r) => [r.key as string, r.seq as number]))
  db.close()
  const found: string[] = []
  const say = (text: string) => found.push(`forgotten-is-unreadable: ${text}`)
  for (const { seq, payloadState } of entries) {
    const body = bodies.get(seq)!
    const keys = isSealed(body) ? sealedKeys(body) : []
    const ends = keys.filter((key) => gone.has(key))
    if (ends.length > 0 !== (payloadState === 'deleted'))
      say(`entry ${seq} is ${payloadState ?? 'readable'}, of its keys ${ends.length} are gone`)
    if (payloadState === 'unreadable') say(`entry ${seq} cannot be read although nobody was forgotten`)
    if (ends.some((key) => gone.get(key)! < seq))
      say(`entry ${seq} was sealed with a key that had been destroyed before`)
    if (keys.length === 0 && PERSONS.some((person) => body.includes(person)))
      say(`entry ${seq} names a person in plain`)
  }
  for (const { payload } of entries) {
    const { act, key } = (payload ?? {}) as { act?: string; key?: string }
    if (act === FORGETTING && key && !gone.has(key)) say(`the ledger records that ${key} was destroyed, and it was not`)
  }
  for (const key of gone.keys()) if (keyFile.includes(key)) say(`the key ${key} lies on the disk still`)
  for (const person of PERSONS) if (keyFile.includes(person)) say(`the file of keys names ${person}`)
  for (const { person, seq } of evidence.forgotten) {
    const his = new Set(changes.map((c) => c.alert.id))
    for (const { alert } of changes) if (!alert.subjects.includes(person)) his.delete(alert.id)
    const left = entries.filter((e) => e.seq < seq && e.kind === 'alert' && his.has(e.ref ?? '') && e.payload !== null)
    if (left.length > 0) say(`${left.length} entries about ${person} from before are readable (${left[0]!.seq})`)
  }
  return found
}

async function ledgerWhole(running: Running): Promise<string[]> {
  const verdict = await running.ledger.verify()
  return verdict.ok ? [] : [`ledger-whole: ${verdict.detail}`]
}

/** 5: what a person was told is done stands in the ledger. */
function actsKept({ evidence }: Scene, entries: LedgerEntry[], changes: AlertChange[]): string[] {
  const acts = entries.filter((e) => e.kind === 'act')
  const inLedger = new Set(acts.map((e) => canonicalJson(e.payload)))
  // Of an act about somebody who was forgotten remains that it was done, and by whom.
  const unreadable = new Set(acts.filter((e) => e.payload === null).map((e) => `${e.ref} ${e.by}`))
  const lost = evidence.acts.filter(
    (act) => !inLedger.has(canonicalJson(act)) && !unreadable.has(`${act.alert} ${act.by}`),
  )
  const known = new Set(changes.map((c) => c.alert.id))
  const gone = evidence.raised.filter((id) => !known.has(id))
  return [
    ...(lost.length > 0 ? [`act-is-kept: ${lost.length} answered acts are not in the ledger (${lost[0]!.act})`] : []),
    ...(gone.length > 0 ? [`act-is-kept: manual alerts are gone: ${sample(gone)}`] : []),
  ]
}

/** 2: what people see is what the journal says last. */
async function deskAgrees({ desk }: Running, changes: { seq: number; change: AlertChange }[]): Promise<string[]> {
  const last = new Map(changes.map(({ change }) => [change.alert.id, change.alert]))
  const seen = new Map<string, string>()
  let cursor: string | undefined
  do {
    const page = await desk.list({}, cursor, 200)
    for (const alert of page.items) seen.set(alert.id, canonicalJson(alert))
    cursor = page.next ?? undefined
  } while (cursor)
  const wrong = [...last].filter(([id, alert]) => seen.get(id) !== canonicalJson(alert)).map(([id]) => id)
  const extra = [...seen.keys()].filter((id) => !last.has(id))
  const found: string[] = []
  if (wrong.length > 0) found.push(`desk-agrees: not as the journal says: ${sample(wrong)}`)
  if (extra.length > 0) found.push(`desk-agrees: alerts that the journal does not know: ${sample(extra)}`)
  for (const id of [...last.keys()].slice(0, 10)) {
    const timeline = (await desk.timeline(id)).map(canonicalJson).join()
    const told = changes
      .filter(({ change }) => change.alert.id === id)
      .map(({ change }) => canonicalJson(change))
      .join()
    if (timeline !== told) found.push(`desk-agrees: the timeline of ${id} differs from the journal`)
  }
  return found
}

/** 2: the time-series store has every reading and change that the journal has. */
function sinkHasAll({ sink }: Scene, readings: Reading[], changes: AlertChange[]): string[] {
  const lost = readings.filter((r) => !sink.readings.has(r.id))
  const gone = changes.filter((c) => !sink.changes.has(changeKey(c)))
  return [
    ...(lost.length > 0
      ? [`sink-has-all: ${lost.length} readings did not come (${sample(lost.map((r) => r.id))})`]
      : []),
    ...(gone.length > 0 ? [`sink-has-all: ${gone.length} alert changes did not come`] : []),
  ]
}

/** 2 and 6: the province has every change once, in numbers without a hole, and has refused nothing. */
async function provinceHasAll(
  { world, province, store }: Scene,
  changes: { seq: number; change: AlertChange }[],
): Promise<string[]> {
  world.busy++
  try {
    const rows = await store.query<{ alert: string; at: number; change: string; sequence: number; level: string }>(
      "SELECT alert, at, change, sequence, snapshot ->> 'level' AS level FROM alert_changes ORDER BY sequence",
    )
    const merged = await store.query<{ id: string; level: string }>('SELECT id, level FROM alerts')
    const [facility] = await store.query<{ epoch: number; sequences: string }>(
      'SELECT epoch, sequences FROM facilities WHERE id = $1',
      [FACILITY],
    )
    const found: string[] = []
    const key = (c: { alert: string; at: number; change: string; level: string }) =>
      `${c.alert} ${c.at} ${c.change} ${c.level}`
    // The outbox numbers the changes in the order of the journal.
    const sent = changes.map(({ change: c }) =>
      key({ alert: c.alert.id, at: c.at, change: c.change, level: c.alert.level }),
    )
    const got = rows.map(key)
    const at = sent.findIndex((text, i) => got[i] !== text)
    if (sent.length !== got.length || at >= 0)
      found.push(
        `province-has-all: ${sent.length} changes were made, ${got.length} arrived; first difference at ${at}: ${sent[at]} / ${got[at]}`,
      )
    if (facility!.epoch !== 1) found.push(`province-has-all: the counter has started again (life ${facility!.epoch})`)
    if (facility!.sequences !== '' && !/^1-\d+$/.test(facility!.sequences))
      found.push(`province-has-all: holes in the sequence: ${facility!.sequences}`)
    if (province.quarantined > 0) found.push(`sharing: the province has refused ${province.quarantined} messages`)
    const last = new Map(changes.map(({ change }) => [change.alert.id, change.alert.level]))
    const differ = merged.filter((m) => last.get(m.id) !== m.level).map((m) => m.id)
    if (differ.length > 0) found.push(`province-has-all: other level than at the facility: ${sample(differ)}`)
    return found
  } finally {
    world.busy--
  }
}

/** 6: no name of a person, no note and no device leaves the facility. */
function nothingPersonalLeft({ province }: Scene): string[] {
  const text = province.wire.find((message) => message.includes('SECRET'))
  return text ? [`sharing: a message holds what may not leave: ${text.slice(0, 300)}`] : []
}

const HELD = 'suppressed-by-design'
const keyOf = (alert: { rule: string; key: string }): string => `${alert.rule}|${alert.key}`

/**
 * Counts what sounded within ten minutes. A restart shifts by seconds when somebody is judged absent, so that an alert may
 * join another incident and sound or not: the flood of a run that was killed may be one alarm sooner or later.
 */
const BY_SOUND = 'alarm-flood'
/** Held back by an outage of the network, not by a flood. */
const BY_OUTAGE = new Set(['band-offline', 'zone-mass-offline'])

/**
 * 3: a run without any fault over the same journal raises the same alerts, whatever came late, doubled or in disorder,
 * and wherever the process was killed. What is told the other run are the restarts alone: absence is not judged for a
 * time in which nobody listened.
 */
function sameReadingsSameAlerts({ edge, rules }: Scene, changes: AlertChange[], judged: Set<string>): string[] {
  // What was given up before anybody had read it cannot be judged again.
  if (edge.removedUnread > 0) return []
  const promised = (rule: string): boolean => rule !== BY_SOUND || edge.kills === 0
  const ordered = new Map<string, string>()
  const eager = new Set<string>()
  const keys = new Map<string, string>()
  const heldThere = new Set<string>()
  const heldHere = new Set(changes.filter((c) => c.alert.state === HELD).map((c) => keyOf(c.alert)))
  const reference = createLiveRules({
    site: SITE,
    rules,
    onChange: ({ change, alert }, source) => {
      if (alert.state === HELD) heldThere.add(keyOf(alert))
      keys.set(alert.id, keyOf(alert))
      if (change !== 'raised') return
      if (source === 'eager') eager.add(alert.id)
      else ordered.set(alert.id, `${alert.id} ${alert.rule}`)
    },
    onNotConfirmed: () => undefined,
  })
  let now = 0
  const tick = (at: number): void => {
    if (at <= now) return
    now = at
    reference.tick(at)
  }
  const starts = [...edge.starts]
  const restart = ({ at, judgedTo }: (typeof starts)[number]): void => {
    tick(judgedTo)
    reference.resume(at)
  }
  for (const { seq, at, body } of edge.history) {
    // A restart is no fault of the rules: what they must not say of the time nobody listened is theirs to know.
    while (starts[0] && starts[0].seq < seq) restart(starts.shift()!)
    tick(at)
    if (body.kind === 'reading') reference.line(body.reading)
    else if (body.kind === 'act') reference.line(body.act)
  }
  for (const start of starts) restart(start)
  tick(edge.clock.now())
  const raised = new Map(
    changes.filter((c) => c.change === 'raised' && c.alert.rule !== 'manual-alert').map((c) => [c.alert.id, c.alert]),
  )
  // What a flood holds back closes by itself, so the next time is another alert: here and there, if the flood was sooner in one.
  const known = new Set(changes.map((c) => keyOf(c.alert)))
  const byFlood = (rule: string, key: string): boolean =>
    edge.kills > 0 && !BY_OUTAGE.has(rule) && heldHere.has(key) !== heldThere.has(key) && known.has(key)
  for (const text of ordered.values()) judged.add(text.split(' ')[1]!)
  const lost = [...ordered.values()].filter((text) => {
    const [id, rule] = text.split(' ') as [string, string]
    return !raised.has(id) && promised(rule) && !byFlood(rule, keys.get(id)!)
  })
  const invented = [...raised]
    .filter(([id, a]) => !ordered.has(id) && !eager.has(id) && promised(a.rule) && !byFlood(a.rule, keyOf(a)))
    .map(([id, a]) => `${id} ${a.rule}`)
  return [
    ...(lost.length > 0 ? [`same-alerts: ${lost.length} alerts were not raised (${sample(lost)})`] : []),
    ...(invented.length > 0
      ? [`same-alerts: ${invented.length} alerts that a quiet run does not raise (${sample(invented)})`]
      : []),
  ]
}

/** 7: what waits is limited. */
function bounded({ edge, sink }: Scene): string[] {
  void sink
  // Alerts and acts may pass the limit; each of them is one row.
  return edge.mostPending > MAX_PENDING * 2 ? [`bounded: ${edge.mostPending} rows waited for the disk`] : []
}

/** A rule that throws, or a journal set aside as damaged, is a fault of the product whatever the disk did. */
function nothingBroke({ edge }: Scene): string[] {
  const broken = edge.faults.filter((text) => text.includes('a rule failed') || text.includes('journal-corrupt'))
  return broken.length > 0 ? [`nothing-breaks: ${sample(new Set(broken))}`] : []
}
