import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import type { SeriesSink } from '#model/ports/series.ts'
import { type EdgeJournal, openJournal } from './journal/journal.ts'
import { alertBody, readingBody, START } from './journal/sample-records.ts'
import { type Pump, startPump, startSinkPump } from './pump.ts'

const dirs: string[] = []
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})
async function newJournal(clock: VirtualClock, dir = mkdtempSync(join(tmpdir(), 'ww-pump-'))): Promise<EdgeJournal> {
  dirs.push(dir)
  const journal = await openJournal({ dir, clock, ballastBytes: 0, thread: false })
  open.push(journal)
  return journal
}
const keep = (pump: Pump): Pump => {
  open.push(pump)
  return pump
}
const settle = () => new Promise((resolve) => setTimeout(resolve, 10))

describe('pump', () => {
  test('alerts get through while the backlog is stuck, and everything follows in order when it is not', async () => {
    const clock = new VirtualClock(START)
    const journal = await newJournal(clock)
    const got: number[] = []
    let stuck = true
    const events: string[] = []
    const pump = keep(
      await startPump({
        name: 'sink',
        journal,
        clock,
        random: () => 0.5,
        batch: 2,
        onEvent: (e) => events.push(`${e.event}/${e.lane}`),
        async deliver(records, lane) {
          if (lane === 'other' && stuck) throw new Error('store is gone')
          got.push(...records.map((r) => r.seq))
        },
      }),
    )
    for (let i = 0; i < 6; i++) await journal.append([readingBody(i)])
    await journal.append([alertBody(1)])
    await settle()
    expect(got).toEqual([7])
    expect(pump.state()).toMatchObject({ lag: 6, lastError: 'store is gone' })
    for (let i = 0; i < 5; i++) {
      clock.advanceTo(clock.now() + 10_000)
      await settle()
    }
    stuck = false
    clock.advanceTo(clock.now() + 60_000)
    await settle()
    expect(got).toEqual([7, 1, 2, 3, 4, 5, 6])
    expect(pump.state()).toMatchObject({ lag: 0, lastError: null, delivered: 7 })
    expect(events).toEqual(['sink-down/other', 'sink-back/other'])
  })

  test('after a restart it goes on with what was not yet delivered', async () => {
    const clock = new VirtualClock(START)
    const first = await newJournal(clock)
    const got: number[] = []
    const options = { name: 'sink', clock, random: () => 0.5, batch: 3 }
    const pump = await startPump({
      ...options,
      journal: first,
      async deliver(records) {
        if (got.length >= 3) throw new Error('gone')
        got.push(...records.map((r) => r.seq))
      },
    })
    await first.append([1, 2, 3, 4, 5].map((n) => readingBody(n)))
    await settle()
    await pump.close()
    await first.close()
    const again = await newJournal(clock, dirs[0])
    keep(
      await startPump({
        ...options,
        journal: again,
        deliver: async (records) => void got.push(...records.map((r) => r.seq)),
      }),
    )
    await settle()
    expect(got).toEqual([1, 2, 3, 4, 5])
  })

  test('a refused point is told and does not stop the others; an outage loses nothing', async () => {
    const clock = new VirtualClock(START)
    const journal = await newJournal(clock)
    const written: string[] = []
    const rejected: string[] = []
    let down = true
    const sink: SeriesSink = {
      name: 'memory',
      async write(items) {
        if (down) throw new WardwatchError('sink-unreachable', 'gone')
        written.push(...items.map((item) => ('reading' in item ? item.reading.id : item.change.alert.id)))
        return { rejected: [{ id: 'x', reason: 'because' }] }
      },
      query: async () => [],
      expire: async () => ({ removed: 0 }),
      close: async () => undefined,
    }
    keep(await startSinkPump({ sink, journal, clock, random: () => 0, onRejected: (r) => rejected.push(r[0]!.reason) }))
    await journal.append([readingBody(1), alertBody(2), { kind: 'act', act: { act: 'comment', time: 1, by: 'S' } }])
    await settle()
    down = false
    clock.advanceTo(clock.now() + 60_000)
    await settle()
    expect(written.sort()).toEqual(
      [alertBody(2), readingBody(1)]
        .map((b) =>
          'change' in b
            ? (b.change as { alert: { id: string } }).alert.id
            : (b as { reading: { id: string } }).reading.id,
        )
        .sort(),
    )
    expect(rejected).toEqual(['because', 'because'])
  })
})
