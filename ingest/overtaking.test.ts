import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import type { JournalRecord } from '#model/ports/journal.ts'
import { type EdgeJournal, openJournal } from './journal/journal.ts'
import { alertBody, readingBody, START } from './journal/sample-records.ts'
import { type Pump, startPump } from './pump.ts'

const dirs: string[] = []
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((thing) => thing.close()))
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})
const newDir = (): string => {
  const dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'ww-overtaking-'))
  dirs.push(dir)
  return dir
}
const openIn = async (dir: string, clock: VirtualClock): Promise<EdgeJournal> => {
  const journal = await openJournal({ dir, clock, ballastBytes: 0, thread: false, tailRecords: 20 })
  open.push(journal)
  return journal
}
const turns = async (): Promise<void> => {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve))
}
const pass = async (clock: VirtualClock, ms: number, stepMs = 250): Promise<void> => {
  for (let left = ms; left > 0; left -= stepMs) {
    clock.advanceTo(clock.now() + Math.min(left, stepMs))
    await turns()
  }
}

/** A store that can be gone or slow, and remembers what it was given, in order and by which delivery. */
class Store {
  down = false
  msPerBatch = 0
  readonly batches: number[][] = []
  readonly has = new Set<number>()
  readonly #clock: VirtualClock
  constructor(clock: VirtualClock) {
    this.#clock = clock
  }
  deliver = async (records: JournalRecord[]): Promise<void> => {
    if (this.msPerBatch > 0) await new Promise<void>((resolve) => this.#clock.after(this.msPerBatch, resolve))
    if (this.down) throw new WardwatchError('sink-unreachable', 'gone')
    this.batches.push(records.map((r) => r.seq))
    for (const { seq } of records) this.has.add(seq)
  }
}
const start = async (journal: EdgeJournal, clock: VirtualClock, store: Store, batch = 10): Promise<Pump> => {
  const pump = await startPump({
    name: 'sink:x',
    journal,
    clock,
    random: () => 0.5,
    batch,
    restMs: 500,
    overtakeAfterMs: 10_000,
    deliver: store.deliver,
  })
  open.push(pump)
  return pump
}
const spans = (journal: EdgeJournal) => journal.positions().filter(([name]) => name.includes('>'))
const add = async (journal: EdgeJournal, from: number, n: number): Promise<number[]> =>
  (await journal.append(Array.from({ length: n }, (_, i) => readingBody(from + i)))).filter((seq) => seq > 0)

describe('readings of now and a backlog', () => {
  test('after an outage what comes in is in the store within three deliveries, while the backlog drains in order beside it', async () => {
    const clock = new VirtualClock(START)
    const journal = await openIn(newDir(), clock)
    const store = new Store(clock)
    const pump = await start(journal, clock, store)
    store.down = true
    let n = 0
    for (let i = 0; i < 100; i++) {
      await add(journal, n, 10)
      n += 10
      await pass(clock, 2000, 1000)
    }
    expect(pump.state()).toMatchObject({ lag: 1000, lastError: 'gone' })
    store.down = false
    store.msPerBatch = 1000
    // The next attempt comes after 30 s at the latest.
    await pass(clock, 31_000)
    for (let i = 0; i < 20; i++) {
      const [seq] = await add(journal, n++, 1)
      const at = clock.now()
      while (!store.has.has(seq!) && clock.now() < at + 60_000) await pass(clock, 100, 100)
      // One delivery under way, the rest after it, and its own.
      expect(clock.now() - at).toBeLessThanOrEqual(2600)
      const { lagOf } = pump.state()
      expect(lagOf.live).toBeLessThanOrEqual(1)
      expect(lagOf.backlog).toBeGreaterThan(200)
    }
    await pass(clock, 120_000)
    expect(pump.state()).toMatchObject({ lag: 0, lagOf: { live: 0, backlog: 0 }, lastError: null, delivered: n })
    expect(store.batches.flat().filter((seq) => seq <= 1000)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1))
    // Nothing came twice, and one lane is left.
    expect(store.batches.flat()).toHaveLength(n)
    await add(journal, n, 1)
    await pass(clock, 5000)
    expect(store.has.size).toBe(n + 1)
    expect(spans(journal)).toEqual([])
  })

  test('a second outage while the backlog drains: what is of now comes first again, and nothing is forgotten', async () => {
    const clock = new VirtualClock(START)
    const dir = newDir()
    const journal = await openIn(dir, clock)
    const store = new Store(clock)
    const pump = await start(journal, clock, store)
    let n = 0
    const filling = async (rounds: number): Promise<void> => {
      for (let i = 0; i < rounds; i++) {
        await add(journal, n, 10)
        n += 10
        await pass(clock, 2000, 1000)
      }
    }
    for (let outage = 0; outage < 3; outage++) {
      store.down = true
      await filling(40)
      store.down = false
      store.msPerBatch = 4000
      await pass(clock, 31_000)
      await filling(5)
      expect(pump.state().lagOf.backlog).toBeGreaterThan(100)
      expect(pump.state().lagOf.live).toBeLessThan(40)
    }
    expect(spans(journal).length).toBeGreaterThan(1)
    await pass(clock, 800_000, 2000)
    expect(pump.state().lag).toBe(0)
    expect(store.batches.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i + 1))
  })

  test('whenever the process is cut off, every reading reaches the store, and the lag comes to zero', async () => {
    let overtaken = 0
    let cuts = 0
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), n: fc.integer({ min: 1, max: 40 }) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), n: fc.integer({ min: 1, max: 60 }) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('alert' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('store' as const), down: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('slow' as const), ms: fc.constantFrom(0, 700, 3000) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
        const clock = new VirtualClock(START)
        const store = new Store(clock)
        let dir = newDir()
        let journal = await openIn(dir, clock)
        let pump = await start(journal, clock, store, 4)
        let n = 0
        let last = 0
        for (const what of steps) {
          if (what.do === 'add') {
            last = Math.max(last, ...(await add(journal, n, what.n)))
            n += what.n
          } else if (what.do === 'alert') last = Math.max(last, ...(await journal.append([alertBody(n++)])))
          else if (what.do === 'pass') await pass(clock, what.n * 300, 300)
          else if (what.do === 'store') store.down = what.down
          else if (what.do === 'slow') store.msPerBatch = what.ms
          else {
            cuts++
            // What a process leaves that is killed here: the files as they are, whatever it was about to do.
            const next = newDir()
            for (const name of ['journal.db', 'journal.db-wal', 'journal.promise'])
              if (existsSync(join(dir, name))) copyFileSync(join(dir, name), join(next, name))
            dir = next
            const gone = [pump, journal]
            journal = await openIn(dir, clock)
            pump = await start(journal, clock, store, 4)
            void Promise.all(gone.map((thing) => thing.close()))
          }
          if (pump.state().lagOf.backlog > 0) overtaken++
          // What is not on the list of what waits has been delivered.
          const waits = pump.state().lag
          expect(last - store.has.size).toBeLessThanOrEqual(waits)
        }
        store.down = false
        store.msPerBatch = 0
        await pass(clock, 120_000, 1000)
        expect(store.has.size).toBe(last)
        expect(pump.state()).toMatchObject({ lag: 0, lastError: null })
        await Promise.all(open.splice(0).map((thing) => thing.close()))
      }),
      { numRuns: Number(process.env.RUNS ?? 40) },
    )
    expect(overtaken).toBeGreaterThan(20)
    expect(cuts).toBeGreaterThan(50)
  })
})
