/** `wardwatch ledger verify`: walks the chain and names the first entry that does not fit. */
import { join } from 'node:path'
import { openLedger } from '#ingest/ledger/ledger.ts'
import { WardwatchError } from '#model/errors.ts'
import { systemClock } from '#model/system-clock.ts'

export async function runLedgerVerify(flags: { data: string; from?: string; json: boolean }): Promise<number> {
  const from = flags.from === undefined ? undefined : Number(flags.from)
  if (from !== undefined && !Number.isInteger(from))
    throw new WardwatchError('usage', `--from needs the number of an entry, not "${flags.from}"`)
  const ledger = await openLedger({ dir: join(flags.data, 'ledger'), clock: systemClock, readOnly: true })
  try {
    const verdict = await ledger.verify(from)
    if (flags.json) process.stdout.write(`${JSON.stringify(verdict)}\n`)
    else if (verdict.ok) process.stdout.write(`${verdict.entries} entries verified, chain whole\n`)
    else process.stdout.write(`entry ${verdict.badSeq} does not fit: ${verdict.detail}\n`)
    return verdict.ok ? 0 : 1
  } finally {
    await ledger.close()
  }
}
