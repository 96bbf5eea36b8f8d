/**
 * Durable rows per second of the journal in batches of 1, 10, 100 and 500, and beside each the limit of the same disk in
 * the same minute: append + fdatasync of the same bytes. Prints one JSON line per figure (`bars.md`).
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openJournal } from '#ingest/journal/journal.ts'
import { encodeBody } from '#ingest/journal/record-codec.ts'
import { readingBody } from '#ingest/journal/sample-records.ts'
import type { JournalBody } from '#model/ports/journal.ts'
import { systemClock } from '#model/system-clock.ts'

const SECONDS = Number(process.env.BENCH_SECONDS ?? 4)

/** Share of all processors that others used meanwhile, 0 to 1. */
function foreignLoad() {
  const read = () => {
    const t = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.trim().split(/\s+/).slice(1).map(Number)
    const all = t.reduce((a, b) => a + b, 0)
    return { all, busy: all - t[3]! - (t[4] ?? 0) }
  }
  const start = read()
  const own = process.cpuUsage()
  return () => {
    const end = read()
    const mine = process.cpuUsage(own)
    const ownTicks = (mine.user + mine.system) / 10_000
    return Math.max(0, Number(((end.busy - start.busy - ownTicks) / Math.max(1, end.all - start.all)).toFixed(2)))
  }
}

function syncedAppends(dir: string, batch: number): number {
  const file = openSync(join(dir, 'limit.log'), 'a')
  const block = Buffer.from(Array.from({ length: batch }, (_, i) => encodeBody(readingBody(i))).join('\n'))
  const start = performance.now()
  let rows = 0
  while (performance.now() - start < SECONDS * 500) {
    writeSync(file, block)
    fdatasyncSync(file)
    rows += batch
  }
  closeSync(file)
  return rows / ((performance.now() - start) / 1000)
}

async function journalRows(
  dir: string,
  batch: number,
  writers: number,
): Promise<{ rate: number; n: number; p99: number }> {
  const journal = await openJournal({ dir, clock: systemClock })
  const bodies: JournalBody[] = []
  let n = 0
  const next = () => {
    while (bodies.length < batch) bodies.push(readingBody(n++))
    return bodies.splice(0)
  }
  const waits: number[] = []
  const start = performance.now()
  let rows = 0
  const writer = async () => {
    while (performance.now() - start < SECONDS * 1000) {
      const at = performance.now()
      const seqs = await journal.append(next())
      waits.push(performance.now() - at)
      rows += seqs.length
    }
  }
  await Promise.all(Array.from({ length: writers }, writer))
  const rate = rows / ((performance.now() - start) / 1000)
  await journal.close()
  waits.sort((a, b) => a - b)
  return { rate, n: rows, p99: waits[Math.floor(waits.length * 0.99)]! }
}

const print = (figure: Record<string, unknown>) =>
  process.stdout.write(`${JSON.stringify({ bench: 'journal', ...figure })}\n`)

for (const [batch, writers] of [
  [1, 1],
  [1, 200],
  [10, 50],
  [100, 4],
  [500, 1],
  [500, 4],
] as const) {
  const dir = mkdtempSync(join(tmpdir(), 'ww-bench-'))
  const load = foreignLoad()
  const limit = syncedAppends(dir, batch)
  const { rate, n, p99 } = await journalRows(dir, batch, writers)
  print({
    case: `batch ${batch} × ${writers} writers`,
    metric: 'durable rows',
    value: Math.round(rate),
    unit: 'rows/s',
    peer: 'append+fdatasync',
    peerValue: Math.round(limit),
    ratio: Number((rate / limit).toFixed(2)),
    n,
    p99Ms: Number(p99.toFixed(1)),
    foreign: load(),
  })
  rmSync(dir, { recursive: true, force: true })
}
