/** `wardwatch export`: readings, context changes and acts of a span of the journal, one a line, in their sequence. */

import { once } from 'node:events'
import { createWriteStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { openJournal } from '#ingest/journal/journal.ts'
import { WardwatchError } from '#model/errors.ts'
import type { JournalRecord } from '#model/ports/journal.ts'
import { systemClock } from '#model/system-clock.ts'

export interface ExportFlags {
  from: string
  to: string
  out: string
  data: string
  json: boolean
}

const BATCH = 2000

export function instantOf(text: string, flag: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text)
  if (!Number.isFinite(ms))
    throw new WardwatchError(
      'usage',
      `${flag}: "${text}" is not a time; write RFC 3339 such as 2026-11-22T02:10:00+08:00, or ms since 1970`,
    )
  return ms
}

/** The replay line of a record; null for what a replay makes anew (alerts) or cannot read (quarantine). */
export function replayLine({ body }: JournalRecord): string | null {
  switch (body.kind) {
    case 'reading':
      return JSON.stringify(body.reading)
    case 'context':
      return JSON.stringify(body.change)
    case 'act':
      return JSON.stringify(body.act)
    default:
      return null
  }
}

export async function runExport(flags: ExportFlags): Promise<number> {
  const from = instantOf(flags.from, '--from')
  const to = instantOf(flags.to, '--to')
  if (!existsSync(join(flags.data, 'journal')))
    throw new WardwatchError(
      'not-found',
      `there is no journal in ${flags.data}; name the data folder of the edge with --data`,
    )
  const journal = await openJournal({ dir: join(flags.data, 'journal'), clock: systemClock, readOnly: true })
  const out = createWriteStream(flags.out)
  const counts = { readings: 0, context: 0, acts: 0 }
  try {
    let seq = await journal.seqAt(from)
    for (let done = false; !done; ) {
      const records = await journal.read(seq, BATCH)
      if (records.length === 0) break
      for (const record of records) {
        seq = record.seq + 1
        if (record.at > to) {
          done = true
          break
        }
        const line = replayLine(record)
        if (line === null) continue
        if (record.body.kind === 'reading') counts.readings++
        else if (record.body.kind === 'context') counts.context++
        else counts.acts++
        if (!out.write(`${line}\n`)) await once(out, 'drain')
      }
    }
  } finally {
    out.end()
    await once(out, 'finish')
    await journal.close()
  }
  process.stdout.write(
    flags.json
      ? `${JSON.stringify(counts)}\n`
      : `${counts.readings} readings, ${counts.context} context changes, ${counts.acts} acts written to ${flags.out}\n`,
  )
  return 0
}
