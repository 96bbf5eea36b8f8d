import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { systemClock } from '#model/system-clock.ts'
import { type JournalEvent, openJournal } from './journal.ts'
import { alertBody, readingBody } from './sample-records.ts'

const dir = mkdtempSync(join(tmpdir(), 'ww-small-'))
let why: string | null = null
beforeAll(() => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', dir], { stdio: 'pipe' })
  } catch {
    why = 'a small file system cannot be mounted here (needs root)'
  }
})
afterAll(() => {
  if (!why) execFileSync('umount', ['-l', dir])
  rmSync(dir, { recursive: true, force: true })
})

describe('journal on a disk that is really full', () => {
  test('goes on with alerts and events, sheds samples with a count, and recovers when there is room', async (ctx) => {
    if (why) ctx.skip(why)
    const events: JournalEvent[] = []
    const journal = await openJournal({
      dir,
      clock: systemClock,
      ballastBytes: 3 << 20,
      onEvent: (e) => events.push(e),
    })
    writeFileSync(join(dir, 'foreign'), Buffer.alloc(4 << 20))
    const consumer = await journal.cursor('rules', 'all')
    let n = 0
    let kept = 0
    let shed = 0
    const alerts: number[] = []
    const cuts: number[] = []
    for (let round = 0; round < 200; round++) {
      const samples = Array.from({ length: 400 }, () => readingBody(n++))
      const seqs = await journal.append(samples)
      kept += seqs.filter((s) => s > 0).length
      shed += seqs.filter((s) => s === -1).length
      cuts.push(...(await journal.append([readingBody(n++, { type: 'fence.cut', value: {} })])))
      alerts.push(...(await journal.append([alertBody(n++)])))
      for (const record of await consumer.next(10_000)) consumer.commit(record.seq)
    }
    expect(events.map((e) => e.event)).toContain('disk-full')
    expect(shed).toBeGreaterThan(0)
    expect(journal.stats().shed).toBe(shed)
    expect(kept + shed).toBe(80_000)
    expect(alerts.every((s) => s > 0)).toBe(true)
    expect(cuts.every((s) => s > 0)).toBe(true)
    const stored = await journal.newest('alert', 1000)
    expect(stored.map((r) => r.seq).sort((a, b) => a - b)).toEqual(alerts)

    rmSync(join(dir, 'foreign'))
    await vi.waitFor(() => expect(events.at(-1)!.event).toBe('disk-recovered'), { timeout: 8000 })
    expect((await journal.append([readingBody(n++)]))[0]).toBeGreaterThan(0)
    expect(statfsSync(dir).bfree).toBeGreaterThan(0)
    await journal.close()
  })
})
