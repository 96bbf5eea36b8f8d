/** `wardwatch backup` and `wardwatch restore` of an edge. */
import { join } from 'node:path'
import { openLedger } from '#ingest/ledger/ledger.ts'
import { systemClock } from '#model/system-clock.ts'
import { backUp, restore } from '../backup.ts'

const mb = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`

async function verdict(data: string): Promise<{ entries: number; ok: boolean; detail: string | null }> {
  const ledger = await openLedger({ dir: join(data, 'ledger'), clock: systemClock, readOnly: true })
  try {
    return await ledger.verify()
  } finally {
    await ledger.close()
  }
}

export async function runBackup(flags: { data: string; out: string; json: boolean }): Promise<number> {
  const { files } = await backUp(flags.data, flags.out, systemClock.now())
  const bytes = files.reduce((sum, f) => sum + f.bytes, 0)
  const ledger = await verdict(flags.out)
  if (flags.json) process.stdout.write(`${JSON.stringify({ files: files.length, bytes, ledger })}\n`)
  else
    process.stdout.write(
      `${files.length} files, ${mb(bytes)} copied to ${flags.out}; ledger of the copy: ${ledger.ok ? `${ledger.entries} entries, chain whole` : ledger.detail}\n`,
    )
  return ledger.ok ? 0 : 1
}

export async function runRestore(flags: { data: string; from: string; json: boolean }): Promise<number> {
  const { files } = await restore(flags.from, flags.data)
  const ledger = await verdict(flags.data)
  if (flags.json) process.stdout.write(`${JSON.stringify({ files: files.length, ledger })}\n`)
  else
    process.stdout.write(
      `${files.length} files checked and laid into ${flags.data}; ledger: ${ledger.ok ? `${ledger.entries} entries, chain whole` : ledger.detail}\n`,
    )
  return ledger.ok ? 0 : 1
}
