import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import type { Quarantined, RawReading, Reading } from '#model/reading.ts'
import { type EdgeJournal, openJournal } from '../journal/journal.ts'
import { sampleReading } from '../journal/sample-records.ts'
import type { WatchedDevice } from './inspect.ts'
import { measure, rates } from './measure.ts'
import { openQuality, type Quality } from './quality.ts'
import type { QuarantineReplay } from './quarantine.ts'
import { BUCKET_MS, StreamTable } from './stream-table.ts'

const HOUR = 3_600_000
/** A whole hour. */
const T0 = Math.floor(1_795_300_000_000 / HOUR) * HOUR

const device = (id: string, more: Partial<WatchedDevice> = {}): WatchedDevice => ({
  id,
  kind: 'climate',
  zone: 'W3',
  driver: 'mqtt',
  via: null,
  online: true,
  lastSeen: T0,
  offsetMs: null,
  excused: false,
  ...more,
})

class House {
  readonly dir = mkdtempSync(join(tmpdir(), 'ww-quality-'))
  readonly clock = new VirtualClock(T0)
  devices: WatchedDevice[] = [device('E1')]
  acts: unknown[] = []
  /** How the quarantine reads items again; a test repairs it. */
  read: QuarantineReplay['read'] = async () => ({ cause: 'bad-json', detail: 'still not JSON' })
  journal!: EdgeJournal
  quality!: Quality

  async open(more: Partial<Parameters<typeof openQuality>[0]> = {}): Promise<this> {
    this.journal = await openJournal({
      dir: join(this.dir, 'journal'),
      clock: this.clock,
      ballastBytes: 0,
      thread: false,
    })
    this.quality = await openQuality({
      dir: join(this.dir, 'quality'),
      clock: this.clock,
      journal: this.journal,
      devices: () => this.devices,
      thread: false,
      replay: {
        read: (item) => this.read(item),
        accept: async (readings) => {
          const seqs = await this.journal.append(
            readings.map((reading) => ({ kind: 'reading', reading: complete(reading) })),
          )
          return { accepted: seqs.filter((s) => s > 0).length, duplicates: seqs.filter((s) => s === 0).length }
        },
        record: async (act) => void this.acts.push(act),
      },
      ...more,
    })
    return this
  }

  async close(): Promise<void> {
    await this.quality.close()
    await this.journal.close()
  }

  /** Lets time pass in steps, with a sample of E1 every ten seconds unless `lost` says otherwise. */
  async live(seconds: number, lost: (n: number) => boolean = () => false, value = (n: number) => 20 + (n % 7)) {
    const last = this.clock.now() + seconds * 1000
    for (; this.clock.now() < last; this.#n++) {
      const n = this.#n
      await this.clock.advanceTo(this.clock.now() + 10_000)
      const now = this.clock.now()
      if (lost(n)) continue
      await this.journal.append([
        {
          kind: 'reading',
          reading: sampleReading(n, { device: 'E1', time: now, received: now + 50, value: { celsius: value(n) } }),
        },
      ])
    }
  }
  #n = 0

  kept(): string[] {
    return this.quality.tickets({ open: true }).map((t) => `${t.device} ${t.kind}`)
  }
}

const complete = (raw: RawReading): Reading =>
  ({ ...sampleReading(0), ...raw, id: raw.id ?? `r-${raw.device}-${raw.time}` }) as Reading

const houses: House[] = []
const house = async (more: Parameters<House['open']>[0] = {}): Promise<House> => {
  const made = new House()
  houses.push(made)
  return made.open(more)
}
afterEach(async () => {
  for (const made of houses.splice(0)) {
    await made.close().catch(() => undefined)
    rmSync(made.dir, { recursive: true, force: true })
  }
})

const bad = (n: number, payload: string, more: Partial<Quarantined> = {}): Quarantined => ({
  source: `mqtt:ww/v1/js-03/dev/E${n}/env.temperature`,
  device: `E${n}`,
  received: T0 + n,
  cause: 'bad-json',
  detail: 'The payload is not JSON.',
  payload,
  ...more,
})

describe('completeness', () => {
  test('a loss of one in ten shows as 0.90, opens one ticket, and closes it after repair', async () => {
    const h = await house()
    await h.live(3600, (n) => n % 10 === 3)
    const [stream] = h.quality.streams({ from: T0, to: h.clock.now() })
    expect(stream!.completeness).toBeCloseTo(0.9, 2)
    expect(Math.abs(stream!.completeness! - 0.9)).toBeLessThanOrEqual(0.005)
    expect(h.kept()).toEqual(['E1 incomplete'])
    expect(h.quality.tickets()).toHaveLength(1)
    const [ticket] = h.quality.tickets()
    expect(ticket).toMatchObject({ types: ['env.temperature'], owner: 'equipment', closedAt: null })
    expect(ticket!.reason.zh).toContain('完整率 90')
    await h.live(1800)
    expect(h.kept()).toEqual([])
    expect(h.quality.tickets()[0]!.closedAt).toBeGreaterThan(ticket!.since)
  })

  test('too few expected samples give no number', async () => {
    const h = await house()
    await h.live(60)
    expect(h.quality.streams({ from: T0, to: h.clock.now() })[0]).toMatchObject({ completeness: null, timeliness: 1 })
  })

  test('what is delivered afterwards fills its place and counts as late', async () => {
    const h = await house()
    await h.live(1800, (n) => n >= 60 && n < 120)
    expect(h.quality.streams({ from: T0, to: T0 + 1800_000 })[0]!.completeness).toBeLessThan(0.7)
    const now = h.clock.now()
    await h.journal.append(
      Array.from({ length: 60 }, (_, i) => ({
        kind: 'reading' as const,
        reading: sampleReading(1000 + i, { device: 'E1', time: T0 + (61 + i) * 10_000, received: now }),
      })),
    )
    await h.live(60)
    const [stream] = h.quality.streams({ from: T0, to: T0 + 1800_000 })
    expect(stream!.completeness).toBe(1)
    expect(stream!.timeliness).toBeCloseTo(120 / 180, 2)
  })

  test('time in which nothing may be expected is not missed', async () => {
    const h = await house()
    await h.live(1200)
    h.devices = [device('E1', { excused: true })]
    await h.live(1200, () => true)
    expect(h.kept()).toEqual([])
    h.devices = [device('E1')]
    await h.live(1200)
    expect(h.quality.streams({ from: T0, to: h.clock.now() })[0]!.completeness).toBeGreaterThan(0.97)
  })

  test('a shifted sample is no loss, and more than expected never hides one (property)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 360, maxLength: 360 }),
        fc.integer({ min: -4000, max: 4000 }),
        (perSlot, shift) => {
          const table = new StreamTable()
          const stream = table.stream('E1', 'env.temperature', T0)!
          for (const [slot, times] of perSlot.entries())
            for (let i = 0; i < times; i++)
              table.add(stream, 'received', Math.max(T0, T0 + slot * 10_000 + shift + i * 10), T0 + HOUR)
          const m = measure(
            table,
            stream,
            { from: T0, to: T0 + HOUR },
            { periodMs: 10_000, excusedMs: () => 0, now: T0 + 2 * HOUR },
          )
          const { completeness } = rates(m)
          expect(m.expected).toBe(360)
          expect(completeness).toBeLessThanOrEqual(1)
          // The slow obvious way: per ten minutes, no more than was due (and one that slipped over the border).
          let slow = 0
          for (let b = 0; b < 6; b++) {
            const got = table.at(stream, T0 / BUCKET_MS + b).received
            slow += Math.min(got, 61)
          }
          expect(m.arrived).toBe(Math.min(360, slow, m.received))
        },
      ),
      { seed: 7, numRuns: 100 },
    )
  })

  test('a window that begins or ends in the middle of ten minutes is judged by what lies in it (property)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: BUCKET_MS / 10_000 - 1 }),
        fc.integer({ min: 30_000, max: HOUR }),
        fc.boolean(),
        (shift, later, goesOn) => {
          const begin = T0 + shift * 10_000
          const end = begin + HOUR
          const table = new StreamTable()
          const stream = table.stream('E1', 'env.temperature', goesOn ? T0 - HOUR : begin)!
          for (let at = stream.armedAt; at < (goesOn ? end + later : end); at += 10_000) {
            if ((at / 10_000) % 10 === 4) continue
            table.add(stream, 'received', at, at)
            stream.lastTime = at
          }
          const m = measure(
            table,
            stream,
            { from: begin, to: end },
            { periodMs: 10_000, excusedMs: () => 0, now: end + later },
          )
          expect(m.expected).toBeLessThanOrEqual(360)
          // Once its last ten minutes are over, the same window has the same answer for ever.
          if (later >= BUCKET_MS + 30_000) expect(m.expected).toBe(360)
          expect(Math.abs(rates(m).completeness! - 0.9)).toBeLessThanOrEqual(0.005)
        },
      ),
      { seed: 11, numRuns: 200 },
    )
  })
})

describe('tickets', () => {
  test('a device that falls silent has one ticket, and none for what it then does not send', async () => {
    const h = await house()
    await h.live(1200)
    await h.live(1800, () => true)
    expect(h.kept()).toEqual(['E1 silent'])
    await h.live(120)
    expect(h.kept()).not.toContain('E1 silent')
  })

  test('a gateway that takes its devices with it is one ticket', async () => {
    const h = await house()
    const ids = ['E1', 'E2', 'E3']
    h.devices = [device('GW', { kind: 'gateway' }), ...ids.map((id) => device(id, { via: 'GW' }))]
    for (let n = 0; n < 12; n++) {
      await h.clock.advanceTo(h.clock.now() + 10_000)
      for (const id of ids)
        await h.journal.append([
          { kind: 'reading', reading: sampleReading(n, { device: id, time: h.clock.now(), value: { celsius: n } }) },
        ])
    }
    expect(h.kept()).toEqual([])
    await h.clock.advanceTo(h.clock.now() + 120_000)
    expect(h.kept()).toEqual(['GW silent'])
    expect(h.quality.tickets()[0]!.reason.en).toContain('3 devices')
  })

  test('what a third of the devices of one driver suffer at once is one ticket of the way they share', async () => {
    const h = await house()
    h.devices = Array.from({ length: 20 }, (_, i) => device(`E${i}`))
    for (let n = 0; n < 150; n++) {
      await h.clock.advanceTo(h.clock.now() + 10_000)
      const now = h.clock.now()
      await h.journal.append(
        h.devices.map(({ id }, i) => ({
          kind: 'reading' as const,
          // Twelve of twenty come twenty seconds late.
          reading: sampleReading(n * 20 + i, {
            device: id,
            time: i < 12 ? now - 20_000 : now,
            received: now,
            value: { celsius: n % 7 },
          }),
        })),
      )
    }
    expect(h.kept()).toEqual(['driver:mqtt late'])
    expect(h.quality.tickets()[0]!.reason.en).toBe('12 of 20 devices on mqtt are late at once')
  })

  test('a sensor that never changes is stuck until it changes', async () => {
    const h = await house()
    await h.live(2400, undefined, () => 21.5)
    expect(h.kept()).toEqual(['E1 stuck'])
    await h.live(60)
    expect(h.kept()).toEqual([])
  })

  test('a wrong clock and a device that never spoke', async () => {
    const h = await house()
    h.devices = [device('E1', { offsetMs: -4000 }), device('E9', { lastSeen: null, online: null })]
    await h.live(900)
    expect(h.kept().sort()).toEqual(['E1 clock', 'E9 never-seen'])
    h.devices = [device('E1', { offsetMs: -900 }), device('E9', { lastSeen: null, online: null })]
    await h.live(60)
    expect(h.kept(), 'between both limits it stays open').toContain('E1 clock')
    h.devices = [device('E1', { offsetMs: -100 })]
    await h.live(60)
    expect(h.kept(), 'a device that left the site file has no ticket').toEqual([])
  })
})

describe('after a restart', () => {
  test('counts, tickets and the place in the journal are as before, whenever it ended', async () => {
    const h = await house()
    await h.live(3600, (n) => n % 10 === 3)
    const before = h.quality.streams({ from: T0, to: h.clock.now() })
    const tickets = h.quality.tickets()
    await h.close()
    await h.open()
    await h.quality.settle()
    expect(h.quality.streams({ from: T0, to: h.clock.now() })).toEqual(before)
    expect(h.quality.tickets()).toEqual(tickets)
  })

  test('what was journaled after the last save is counted once', async () => {
    const h = await house()
    await h.live(1200)
    const window = { from: T0, to: h.clock.now() }
    const [known] = h.quality.streams(window)
    // As after kill -9: the second one opens on what the first had saved.
    const dir = join(h.dir, 'quality')
    const second = await openQuality({
      dir,
      clock: h.clock,
      journal: h.journal,
      devices: () => h.devices,
      thread: false,
      replay: {
        read: async () => ({ cause: '', detail: '' }),
        accept: async () => ({ accepted: 0, duplicates: 0 }),
        record: async () => {},
      },
    })
    await second.settle()
    expect(second.streams(window)[0]!.received).toBe(known!.received)
    await second.close()
  })

  test('time in which the edge itself was away opens no ticket', async () => {
    const h = await house()
    await h.live(1200)
    await h.close()
    await h.clock.advanceTo(h.clock.now() + 900_000)
    await h.open()
    await h.live(1200)
    expect(h.kept()).toEqual([])
  })
})

describe('quarantine', () => {
  test('lists what waits, newest first, over a restart', async () => {
    const h = await house()
    for (let n = 1; n <= 5; n++) await h.journal.append([{ kind: 'quarantine', item: bad(n, '{"x":') }])
    expect((await h.quality.quarantine({ limit: 2 })).map((q) => [q.device, q.state])).toEqual([
      ['E5', 'waiting'],
      ['E4', 'waiting'],
    ])
    await h.close()
    await h.open()
    const all = await h.quality.quarantine({ limit: 10, device: ['E1', 'E2'] })
    expect(all.map(({ id: _id, state: _s, resolvedAt: _r, by: _b, ...item }) => item)).toEqual([
      bad(2, '{"x":'),
      bad(1, '{"x":'),
    ])
    expect(h.quality.counts().waiting).toBe(5)
  })

  test('after repair items are read again: by their own time, in order, marked, once, and in the ledger', async () => {
    const h = await house()
    await h.journal.append([
      { kind: 'quarantine', item: bad(1, '{"celsius":22,"t":30}', { received: T0 + 30_100 }) },
      { kind: 'quarantine', item: bad(1, '{"celsius":21,"t":10}', { received: T0 + 30_200 }) },
      { kind: 'quarantine', item: bad(1, 'nonsense', { received: T0 + 30_300 }) },
    ])
    await h.clock.advanceTo(h.clock.now() + HOUR)
    expect(await h.quality.replay({ limit: 100 }, 'E01')).toMatchObject({ replayed: 0, readings: 0 })
    expect(h.quality.counts().waiting).toBe(3)
    h.read = async (item) => {
      if (item.payload === 'nonsense') return { cause: 'bad-json', detail: 'not JSON' }
      const { celsius, t } = JSON.parse(item.payload)
      return {
        readings: [{ device: 'E1', type: 'env.temperature', time: T0 + t * 1000, value: { celsius } }],
      }
    }
    const first = await h.quality.replay({ limit: 100 }, 'E01')
    expect(first).toMatchObject({ replayed: 2, readings: 2, duplicates: 0 })
    expect(first.failed.map((f) => f.cause)).toEqual(['bad-json'])
    const records = await h.journal.read(4, 10)
    const readings = records.flatMap(({ body }) => (body.kind === 'reading' ? [body.reading] : []))
    expect(readings.map((r) => [r.time, r.received, r.value.celsius, r.replayOf])).toEqual([
      [T0 + 10_000, T0 + 30_200, 21, 'q2'],
      [T0 + 30_000, T0 + 30_100, 22, 'q1'],
    ])
    expect(h.acts).toEqual([{ act: 'quarantine-replay', by: 'E01', items: ['q1', 'q2'], note: '' }])
    expect(await h.quality.replay({ limit: 100 }, 'E01')).toMatchObject({ replayed: 0, readings: 0 })
    expect(await h.quality.drop({ limit: 100 }, 'E01', 'a test device')).toEqual({ dropped: 1 })
    expect((await h.quality.quarantine({ limit: 9 })).map((q) => [q.id, q.state, q.by])).toEqual([
      ['q3', 'dropped', 'E01'],
      ['q2', 'replayed', 'E01'],
      ['q1', 'replayed', 'E01'],
    ])
    expect(h.quality.counts().waiting).toBe(0)
  })

  test('what cannot be read lowers validity and opens a ticket that closes by itself', async () => {
    const h = await house()
    await h.live(600)
    for (let n = 0; n < 5; n++)
      await h.journal.append([{ kind: 'quarantine', item: bad(1, 'x', { received: h.clock.now() }) }])
    await h.live(60)
    expect(h.kept()).toEqual(['E1 invalid'])
    const [stream] = h.quality.streams({ from: T0, to: h.clock.now() })
    expect(stream!.validity).toBeCloseTo(66 / 71, 3)
    expect(h.quality.totals({ from: T0, to: h.clock.now() })).toMatchObject({ received: 66, valid: 66, judged: 71 })
    await h.live(1500)
    expect(h.kept()).toEqual([])
  })
})

test('streams beyond the limit are counted, not mixed into others', () => {
  const table = new StreamTable({ maxStreams: 2 })
  expect(table.stream('A', 'env.temperature', 0)).not.toBeNull()
  expect(table.stream('B', 'env.temperature', 0)).not.toBeNull()
  expect(table.stream('C', 'env.temperature', 0)).toBeNull()
  expect(table.overflow).toBe(1)
})
