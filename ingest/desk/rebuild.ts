/**
 * The desk's record of an alert from the journal, when the desk's own file is gone or behind. A snapshot in the journal
 * says what the alert is; what waits for a second person or lies on the shelf follows from the change and the act before it.
 */
import type { Act } from '#model/alert/acts.ts'
import type { AlertChange } from '#model/alert/alert.ts'
import { type AlertRecord, newRecord, shelfLimit, stateAfterClear, unseen, whoChanged } from '#model/alert/lifecycle.ts'
import type { JournalBody, JournalRecord } from '#model/ports/journal.ts'
import type { EdgeJournal } from '../journal/journal.ts'
import type { EdgeLedger } from '../ledger/ledger.ts'

/** @param act what the change came of, where `actOf` finds it. */
export function rebuilt(
  before: AlertRecord | null,
  change: AlertChange,
  shelvable: boolean,
  act: Act | null,
): AlertRecord {
  const record = before ?? newRecord(change.alert, shelvable)
  const { alert, by, at } = change
  return {
    ...record,
    alert,
    pending: alert.handling === 'pending-review' ? (record.pending ?? proposalOf(change, act)) : null,
    shelf: shelfAfter(record, change, act),
    ...whoChanged(record, alert, by, at),
  }
}

function proposalOf({ alert, by, at }: AlertChange, act: Act | null): AlertRecord['pending'] {
  const known = act?.act === 'resolve' || act?.act === 'dismiss' ? act.act : null
  return { verb: known ?? (alert.cause === null ? 'resolve' : 'dismiss'), by: by ?? 'system', at }
}

/** Without the act nobody knows until when: then it comes back at once, because nobody may be kept from an alert. */
function shelfAfter(record: AlertRecord, change: AlertChange, act: Act | null): AlertRecord['shelf'] {
  const { alert } = change
  if (alert.state !== 'shelved') return null
  if (change.change === 'shelved' || record.shelf === null) {
    const state = record.alert.state === 'shelved' ? 'unacknowledged' : record.alert.state
    return {
      state,
      until: (act?.act === 'shelve' ? shelfLimit(act) : undefined) ?? change.at,
      by: change.by ?? 'system',
    }
  }
  // What goes on while it lies there changes the state to which it returns.
  if (change.change === 'cleared')
    return { ...record.shelf, state: stateAfterClear(record.shelf.state, record.alert.level) }
  if (alert.activations > record.alert.activations) return { ...record.shelf, state: 'unacknowledged' }
  // An SLA step is called escalated too, but its level is what it was.
  if (alert.level !== record.alert.level) return { ...record.shelf, state: unseen(record.shelf.state) }
  return record.shelf
}

/** The act stands right before its change in the journal; where that is damaged the ledger has it too. */
export async function actOf(
  from: { journal: EdgeJournal; ledger: EdgeLedger },
  seq: number,
  { change, at, alert }: AlertChange,
): Promise<Act | null> {
  if (change !== 'shelved' && change !== 'pending-review') return null
  const isIt = (act: Act | null): act is Act =>
    act !== null &&
    (change === 'shelved' ? act.act === 'shelve' : act.act === 'resolve' || act.act === 'dismiss') &&
    act.alert === alert.id &&
    act.time === at
  for (const { body } of await from.journal.readBack(seq - 2, 1, 'all'))
    if (body.kind === 'act' && isIt(body.act)) return body.act
  const entries = await from.ledger.list({ ref: alert.id, kind: 'act', limit: 10_000 })
  return entries.map(({ payload }) => payload as Act | null).findLast(isIt) ?? null
}

type ActOrAlert = JournalRecord & { body: Extract<JournalBody, { kind: 'act' | 'alert' }> }
const isEither = (record: JournalRecord): record is ActOrAlert =>
  record.body.kind === 'act' || record.body.kind === 'alert'
const PAGE = 500

/** Acts and changes that were journaled in `fromMs` ≤ time ≤ `toMs`, in order; readings between them are not read. */
export async function* actsAndAlerts(journal: EdgeJournal, fromMs: number, toMs: number): AsyncGenerator<ActOrAlert> {
  const acts: ActOrAlert[] = []
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const page = await journal.newest('act', PAGE, before)
    acts.push(...page.filter(isEither).filter(({ at }) => at >= fromMs && at <= toMs))
    const last = page.at(-1)
    if (page.length < PAGE || last === undefined || last.at < fromMs) break
    before = last.seq
  }
  acts.reverse()
  for (let after = Math.max(0, (await journal.seqAt(fromMs)) - 1); ; ) {
    const page = await journal.readBack(after, PAGE, 'alert')
    for (const record of page.filter(isEither)) {
      if (record.at > toMs) break
      while (acts[0] !== undefined && acts[0].seq < record.seq) yield acts.shift()!
      yield record
    }
    const last = page.at(-1)
    if (last === undefined || last.at > toMs) break
    after = last.seq
  }
  yield* acts
}
