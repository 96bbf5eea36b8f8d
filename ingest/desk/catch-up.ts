/**
 * Brings the desk's file and the ledger up to the journal at the start: after a crash, or when one of them is gone or
 * damaged. Everything stands in the journal; what a file has already is compared, never entered twice.
 */
import type { Alert } from '#model/alert/alert.ts'
import type { JournalCursor } from '#model/ports/journal.ts'
import type { StoreLink } from '../thread/store-thread.ts'
import type { DeskOptions } from './edge-desk.ts'
import { actItem, alertItem, type LedgerItem } from './ledger-follower.ts'
import type { Lists } from './lists.ts'
import { actOf, actsAndAlerts, rebuilt } from './rebuild.ts'
import type { UntilDone } from './until-done.ts'

/** The ledger follows the journal: an entry of the last minutes before a loss may stand before it in time. */
const LOSS_MARGIN_MS = 600_000
/** Acts of the end of the journal that are looked up in the ledger: twice what may be published and not yet in it. */
const NEWEST_ACTS = 10_000

export interface CatchUpOptions {
  options: DeskOptions
  link: StoreLink
  lists: Lists
  cursor: JournalCursor
  untilDone: UntilDone
  shelvable(alert: Alert): boolean
}

/** Answers how many changes the file lacked. */
export async function catchUp(o: CatchUpOptions): Promise<number> {
  const { options, link, lists, cursor, untilDone } = o
  const { journal } = options
  const complete = await link.call<number>('complete')
  await restoreLedger(o)
  await ledgerActs(o)
  // Of what a save that failed left out, or a power cut took, the file itself knows best.
  let after = Math.min(complete, cursor.position())
  const saved = new Set(await link.call<number[]>('savedAfter', after))
  const behind = new Set<string>()
  let changes = 0
  for (;;) {
    const records = await journal.readBack(after, 500, 'alert')
    if (records.length === 0) break
    after = records.at(-1)!.seq
    for (const { seq, body } of records) {
      if (body.kind !== 'alert') continue
      const { change } = body
      if (seq > cursor.position()) await ledgerOnce(o, alertItem(change, seq))
      if (saved.has(seq) && !behind.has(change.alert.id)) continue
      behind.add(change.alert.id)
      const before = await lists.find(change.alert.id)
      const act = await actOf(options, seq, change)
      const record = rebuilt(before, change, o.shelvable(change.alert), act)
      await untilDone(() => lists.save([record], [{ change, seq }], seq))
      changes++
    }
  }
  if (after > complete) await lists.save([], [], after).catch(() => undefined)
  cursor.commit(after)
  return changes
}

/** What a damaged ledger lost and the journal still has is entered again, in order, under numbers of its own. */
async function restoreLedger({ options, untilDone }: CatchUpOptions): Promise<void> {
  const { journal, ledger, onEvent } = options
  const losses = await ledger.toRestore()
  if (losses.length === 0) return
  const from = Math.min(...losses.map((loss) => loss.fromAt)) - LOSS_MARGIN_MS
  const to = Math.max(...losses.map((loss) => loss.toAt)) + LOSS_MARGIN_MS
  let entered = 0
  const missing: LedgerItem[] = []
  const enter = async (): Promise<void> => {
    const items = missing.splice(0)
    if (items.length > 0) await untilDone(() => ledger.append(items))
    entered += items.length
  }
  for await (const { seq, body } of actsAndAlerts(journal, from, to)) {
    const item = body.kind === 'act' ? actItem(body.act, seq) : alertItem(body.change, seq)
    if (!(await ledger.holds(item))) missing.push(item)
    if (missing.length >= 200) await enter()
  }
  await enter()
  await untilDone(() => ledger.restored(losses, entered))
  onEvent?.({ event: 'ledger-restored', entries: entered })
}

/** Acts that the ledger did not get before the end of the last run. */
async function ledgerActs(o: CatchUpOptions): Promise<void> {
  const newest = await o.options.journal.newest('act', NEWEST_ACTS)
  for (const { seq, body } of newest.reverse())
    if (body.kind === 'act' && seq > o.cursor.position()) await ledgerOnce(o, actItem(body.act, seq))
}

async function ledgerOnce({ options, untilDone }: CatchUpOptions, item: LedgerItem): Promise<void> {
  if (!(await options.ledger.holds(item))) await untilDone(() => options.ledger.append([item]))
}
