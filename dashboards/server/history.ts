/** Old alert changes for the stream, read from the journal under its own sequence numbers (those of `AlertDesk.onChange`). */
import type { AlertChange } from '#model/alert/alert.ts'
import type { JournalRecord, Lane } from '#model/ports/journal.ts'
import type { AlertHistory } from './sse-hub.ts'

export interface ReadableJournal {
  /** Records of a lane after a position, oldest first. */
  readBack(after: number, limit: number, lane: Lane): Promise<JournalRecord[]>
  stats(): { lastSeq: number }
}

export function historyOfJournal(journal: ReadableJournal): AlertHistory<AlertChange> {
  return {
    last: () => journal.stats().lastSeq,
    async after(seq, limit) {
      let position = seq
      for (;;) {
        const records = await journal.readBack(position, limit, 'alert')
        const last = records[records.length - 1]
        if (!last) return []
        position = last.seq
        // The lane holds acts and context too.
        const found = records.flatMap((r) => (r.body.kind === 'alert' ? [{ seq: r.seq, change: r.body.change }] : []))
        if (found.length > 0) return found
      }
    },
  }
}
