import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { systemClock } from '#model/system-clock.ts'
import { openDesk } from '../desk/desk.ts'
import { openLedger } from '../ledger/ledger.ts'
import { type JournalEvent, openJournal } from './journal.ts'
import { alertBody, readingBody, sampleChange } from './sample-records.ts'

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

  test('starts on a disk that is already full, and raises alerts from the space kept for them', async (ctx) => {
    if (why) ctx.skip(why)
    const folder = join(dir, 'start')
    const open = async (events: string[]) => {
      const onEvent = (e: { event: string }) => void events.push(e.event)
      for (const name of ['journal', 'ledger', 'desk']) mkdirSync(join(folder, name), { recursive: true })
      const common = { clock: systemClock, onEvent }
      const journal = await openJournal({ ...common, dir: join(folder, 'journal'), ballastBytes: 3 << 20 })
      const ledger = await openLedger({ ...common, dir: join(folder, 'ledger') })
      const desk = await openDesk({ ...common, dir: join(folder, 'desk'), facility: 'js-03', journal, ledger })
      return {
        journal,
        ledger,
        desk,
        async close() {
          await desk.close()
          await ledger.close()
          await journal.close()
        },
      }
    }
    const first = await open([])
    await first.desk.apply(sampleChange(1), { source: 'ordered' })
    // As a crash leaves it: in the journal and not yet in the ledger.
    await first.journal.append([alertBody(2), alertBody(3)])
    await first.close()
    const { bavail, bsize } = statfsSync(dir)
    writeFileSync(join(dir, 'foreign'), Buffer.alloc(bavail * bsize))
    expect(statfsSync(dir).bavail).toBe(0)

    const events: string[] = []
    const second = await open(events)
    expect(existsSync(join(folder, 'journal/journal.ballast'))).toBe(false)
    expect(events).toContain('journal-unreserved')
    expect(await second.ledger.list({ kind: 'alert' })).toHaveLength(3)
    expect(await second.desk.apply(sampleChange(4), { source: 'ordered' })).toHaveLength(1)
    expect((await second.desk.list({})).total).toBe(4)
    await second.close()
    rmSync(join(dir, 'foreign'))
    rmSync(folder, { recursive: true })
  })
})
