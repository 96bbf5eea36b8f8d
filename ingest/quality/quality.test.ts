import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import type { Quarantined } from '#model/reading.ts'
import { openJournal } from '../journal/journal.ts'
import { readingBody, START, sampleReading } from '../journal/sample-records.ts'
import { Quarantine } from './quarantine.ts'
import { StreamCounters } from './stream-counters.ts'

const dirs: string[] = []
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})
const bad = (n: number, payload = '{"x":'): Quarantined => ({
  source: `mqtt:ww/v1/js-03/dev/E${n}/env.temperature`,
  device: `E${n}`,
  received: START + n,
  cause: n % 2 ? 'bad-json' : 'unknown-type',
  detail: 'The payload is not JSON.',
  payload,
})

describe('quarantine', () => {
  test('keeps what could not be read over a restart, newest first, and counts the causes', async () => {
    dirs.push(mkdtempSync(join(tmpdir(), 'ww-quality-')))
    const options = { dir: dirs[0]!, clock: new VirtualClock(START), ballastBytes: 0, thread: false }
    const journal = await openJournal(options)
    const quarantine = new Quarantine({ journal, recent: 3 })
    for (let i = 0; i < 5; i++) {
      await journal.append([readingBody(i)])
      await quarantine.keep(bad(i))
    }
    expect(quarantine.counts()).toEqual({ total: 5, byCause: { 'unknown-type': 3, 'bad-json': 2 } })
    expect((await quarantine.list(2)).map((q) => q.device)).toEqual(['E4', 'E3'])
    await journal.close()
    const again = await openJournal(options)
    const later = new Quarantine({ journal: again })
    expect(await later.list(10)).toEqual([4, 3, 2, 1, 0].map((n) => bad(n)))
    await again.close()
  })

  test('cuts a very long payload and says so', async () => {
    dirs.push(mkdtempSync(join(tmpdir(), 'ww-quality-')))
    const journal = await openJournal({ dir: dirs[0]!, clock: new VirtualClock(START), ballastBytes: 0, thread: false })
    const quarantine = new Quarantine({ journal })
    await quarantine.keep(bad(1, 'x'.repeat(100_000)))
    const [item] = await quarantine.list(1)
    expect(item!.payload).toHaveLength(65_536)
    expect(item!.detail).toContain('100000')
    await journal.close()
  })
})

describe('stream counters', () => {
  test('count received, duplicate, late and invalid per stream, within their limit', () => {
    const counters = new StreamCounters({ lateMs: 1000, maxStreams: 3 })
    counters.received(sampleReading(1, { device: 'A' }), 1)
    counters.received(sampleReading(1, { device: 'A' }), 0)
    counters.received(sampleReading(2, { device: 'A', received: START + 60_000 }), 2)
    counters.invalid('A', 'env.temperature')
    for (let i = 0; i < 10; i++) counters.received(sampleReading(i, { device: `X${i}` }), 3 + i)
    expect(counters.list()[0]).toMatchObject({ device: 'A', received: 2, duplicates: 1, late: 1, invalid: 1 })
    expect(counters.list().length).toBeLessThanOrEqual(4)
    expect(counters.totals()).toEqual({ received: 12, duplicates: 1, late: 1, invalid: 1 })
  })
})
