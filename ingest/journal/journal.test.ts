import { spawn } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import type { JournalBody } from '#model/ports/journal.ts'
import { systemClock } from '#model/system-clock.ts'
import type { StoreLink } from '../thread/store-thread.ts'
import { DuplicateFilter } from './duplicate-filter.ts'
import { type EdgeJournal, type JournalEvent, type JournalOptions, openJournal } from './journal.ts'
import { decodeBody, encodeBody, idText, tagOf } from './record-codec.ts'
import { alertBody, readingBody, START, sampleReading } from './sample-records.ts'

const dirs: string[] = []
const journals: EdgeJournal[] = []
const newDir = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'ww-journal-'))
  dirs.push(dir)
  return dir
}
async function open(dir: string, more: Partial<JournalOptions> = {}): Promise<EdgeJournal> {
  const journal = await openJournal({ dir, clock: systemClock, ballastBytes: 0, ...more })
  journals.push(journal)
  return journal
}
const readings = (from: number, count: number) => Array.from({ length: count }, (_, i) => readingBody(from + i))

afterEach(async () => {
  for (const journal of journals.splice(0)) await journal.close()
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

function writeAt(file: string, position: number, bytes: Buffer): void {
  const handle = openSync(file, 'r+')
  writeSync(handle, bytes, 0, bytes.length, position)
  closeSync(handle)
}

describe('journal', () => {
  test('gives gapless numbers from 1, answers after the commit and goes on after a restart', async () => {
    const dir = newDir()
    const journal = await open(dir)
    const [a, b] = await Promise.all([journal.append(readings(0, 3)), journal.append(readings(3, 2))])
    expect([...a, ...b]).toEqual([1, 2, 3, 4, 5])
    expect(
      await journal.append([alertBody(1), { kind: 'act', act: { act: 'acknowledge', alert: 'x', time: 1, by: 's' } }]),
    ).toEqual([6, 7])
    await journal.close()
    const again = await open(dir)
    expect(await again.append(readings(5, 1))).toEqual([8])
    const records = await again.read(1, 100)
    expect(records.map((r) => r.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(records[0]!.body).toEqual(readingBody(0))
    expect(records[5]!.body).toEqual(alertBody(1))
  })

  test('recognises a reading sent twice: in one batch, later, and after a restart', async () => {
    const dir = newDir()
    const journal = await open(dir)
    expect(await journal.append([readingBody(1), readingBody(1), readingBody(2)])).toEqual([1, 0, 2])
    expect(await journal.append([readingBody(2), readingBody(3)])).toEqual([0, 3])
    expect(journal.stats().duplicates).toBe(2)
    await journal.close()
    const again = await open(dir)
    expect(await again.append([readingBody(3), readingBody(4)])).toEqual([0, 4])
    expect((await again.findReadings([sampleReading(2).id])).map((r) => r.time)).toEqual([START + 2])
  })

  test('forgets an id after 24 h', async () => {
    const clock = new VirtualClock(START)
    const journal = await open(newDir(), { clock })
    await journal.append([readingBody(1)])
    clock.advanceTo(START + 86_399_000)
    expect(await journal.append([readingBody(1)])).toEqual([0])
    clock.advanceTo(START + 86_401_000)
    expect(await journal.append([readingBody(1)])).toEqual([2])
  })

  test('alert changes overtake: each lane keeps its own order, position and lag', async () => {
    const dir = newDir()
    const journal = await open(dir, { tailRecords: 4 })
    for (let i = 0; i < 20; i++) await journal.append([readingBody(i), ...(i % 5 === 0 ? [alertBody(i)] : [])])
    const alerts = await journal.cursor('sink', 'alert')
    const other = await journal.cursor('sink', 'other')
    expect([alerts.lag(), other.lag()]).toEqual([4, 20])
    const first = await alerts.next(2)
    expect(first.map((r) => r.seq)).toEqual([2, 8])
    alerts.commit(8)
    expect(alerts.lag()).toBe(2)
    const rest = [...(await other.next(3)), ...(await other.next(100))]
    expect(rest).toHaveLength(20)
    expect(rest.every((r) => r.body.kind === 'reading')).toBe(true)
    other.commit(rest[9]!.seq)
    await journal.close()
    const again = await open(dir)
    expect((await (await again.cursor('sink', 'alert')).next(10)).map((r) => r.seq)).toEqual([14, 20])
    expect((await (await again.cursor('sink', 'other')).next(1))[0]!.seq).toBe(rest[10]!.seq)
  })

  test('next() waits for its own lane without polling and gives nothing when the time is over', async () => {
    const clock = new VirtualClock(START)
    const journal = await open(newDir(), { clock })
    const cursor = await journal.cursor('uplink', 'alert')
    const waiting = cursor.next(10, 60_000)
    await journal.append(readings(0, 3))
    await journal.append([alertBody(1)])
    expect((await waiting).map((r) => r.seq)).toEqual([4])
    const empty = cursor.next(10, 1000)
    await Promise.resolve()
    clock.advanceTo(START + 2000)
    expect(await empty).toEqual([])
  })

  test('a consumer that commits what it knows from elsewhere has no lag', async () => {
    const journal = await open(newDir())
    const cursor = await journal.cursor('desk', 'alert')
    for (let i = 0; i < 4; i++) await journal.append([readingBody(i), alertBody(i)])
    expect(cursor.lag()).toBe(4)
    cursor.commit(5)
    expect(cursor.lag()).toBe(2)
    expect((await cursor.next(10)).map((r) => r.seq)).toEqual([6, 8])
    cursor.commit(8)
    expect(cursor.lag()).toBe(0)
  })

  test('can be read by another process while it is written', async () => {
    const dir = newDir()
    const journal = await open(dir)
    await journal.append(readings(0, 3))
    const reader = await open(dir, { readOnly: true })
    expect((await reader.read(1, 10)).map((r) => r.seq)).toEqual([1, 2, 3])
    await expect(reader.append(readings(3, 1))).rejects.toMatchObject({ code: 'data-unwritable' })
    expect(await journal.append(readings(3, 1))).toEqual([4])
  })

  test('seqAt finds the first record of a time across many marks', async () => {
    const clock = new VirtualClock(START)
    const journal = await open(newDir(), { clock })
    for (let i = 0; i < 30; i++) {
      await journal.append(readings(i * 100, 100))
      clock.advanceTo(START + (i + 1) * 1000)
    }
    expect(await journal.seqAt(START)).toBe(1)
    expect(await journal.seqAt(START + 14_500)).toBe(1501)
    expect(await journal.seqAt(START + 99_000)).toBe(3001)
  })

  test('seqAt knows the block that is not full yet, also after a start and after a journal that marked it early', async () => {
    const clock = new VirtualClock(START)
    const dir = newDir()
    const first = await open(dir, { clock })
    await first.append(readings(0, 1500))
    clock.advanceTo(START + 1000)
    await first.append(readings(1500, 10))
    expect(await first.seqAt(START + 1000)).toBe(1501)
    await first.close()
    const file = new DatabaseSync(join(dir, 'journal.db'))
    expect(file.prepare('SELECT block, at_max FROM mark').all()).toEqual([{ block: 0, at_max: START }])
    file.prepare('INSERT INTO mark (block, at_max) VALUES (1, ?)').run(START)
    file.close()
    const second = await open(dir, { clock })
    expect(await second.seqAt(START + 1000)).toBe(1501)
    clock.advanceTo(START + 2000)
    await second.append(readings(1510, 2000))
    expect(await second.seqAt(START)).toBe(1)
    expect(await second.seqAt(START + 1)).toBe(1501)
    expect(await second.seqAt(START + 1001)).toBe(1511)
    expect(await second.seqAt(START + 2001)).toBe(3511)
    const reader = await open(dir, { clock, readOnly: true })
    expect(await reader.seqAt(START + 1001)).toBe(1511)
    expect(await reader.seqAt(START + 2001)).toBe(3511)
  })

  test('where the rows of a whole block are gone, a time in it is found in the next: young readings of other classes stay', async () => {
    const DAY = 86_400_000
    const clock = new VirtualClock(START)
    const journal = await open(newDir(), { clock, retentionMs: { L4: DAY, L2: 10 * DAY } })
    await journal.append(Array.from({ length: 1023 }, (_, i) => readingBody(i, { type: 'band.vitals' })))
    clock.advanceTo(START + 4 * DAY)
    const kept = await journal.append(readings(1023, 50))
    await journal.expire()
    expect(await journal.read(0, 2000)).toHaveLength(50)
    // Ten days after the first block, six after the readings that are to stay for ten.
    clock.advanceTo(START + 10 * DAY - 1000)
    expect(await journal.seqAt(START - 1000)).toBe(kept[0])
    await journal.expire()
    expect(await journal.read(0, 100)).toHaveLength(50)
  })

  test('under load samples are gathered; an event or an alert goes at once and leaves them, enough of them or the end take them along', async () => {
    const journal = await open(newDir(), { gatherMs: 3_600_000 })
    const kept: number[] = []
    const add = (bodies: JournalBody[]) => journal.append(bodies).then((seqs) => kept.push(...seqs))
    const resting = () => new Promise((resolve) => setTimeout(resolve, 50))
    // Not under load: each goes by itself.
    await add(readings(0, 1))
    await add(readings(1, 1))
    await add(readings(2, 8))
    const gathered = add(readings(10, 1))
    await resting()
    expect(kept).toHaveLength(10)
    await add([readingBody(11, { type: 'tag.sos', value: {} })])
    await add([alertBody(1)])
    expect(kept).toHaveLength(12)
    for (let i = 0; i < 30; i++) void add(readings(100 + i, 1))
    await resting()
    expect(kept).toHaveLength(12)
    await add(readings(200, 1))
    await gathered
    expect(kept).toHaveLength(44)
    const last = add(readings(400, 1))
    await resting()
    expect(kept).toHaveLength(44)
    await journal.close()
    await last
    expect(kept).toEqual(Array.from({ length: 45 }, (_, i) => i + 1))
  })

  test('append() waits at the limit, alerts do not', async () => {
    let release = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const journal = await open(newDir(), {
      maxPending: 10,
      intercept: (link) => ({
        ...link,
        async call<T>(method: string, ...args: unknown[]) {
          if (method === 'commit') await gate
          return link.call<T>(method, ...args)
        },
      }),
    })
    const first = journal.append(readings(0, 10))
    let second = false
    const blocked = journal.append(readings(10, 1)).then((seqs) => {
      second = true
      return seqs
    })
    const alert = journal.append([alertBody(1)])
    await new Promise((resolve) => setImmediate(resolve))
    expect(journal.stats().pending).toBe(11)
    expect(second).toBe(false)
    release()
    await Promise.all([first, alert])
    expect(await blocked).toEqual([12])
  })

  test('keeps each class for its time and never removes what a consumer has not taken', async () => {
    const clock = new VirtualClock(START)
    const journal = await open(newDir(), { clock, retentionMs: { L2: 1000, L4: 5000, alerts: 100_000 } })
    const vitals = { type: 'band.vitals', value: { activity: 0.3, confidence: 1 } }
    await journal.append([readingBody(0), readingBody(1, vitals), alertBody(2)])
    clock.advanceTo(START + 2000)
    await journal.append([readingBody(3)])
    const cursor = await journal.cursor('rules', 'all')
    await journal.expire()
    cursor.commit(4)
    expect((await journal.expire()).L2).toBe(1)
    expect((await journal.read(1, 10)).map((r) => r.seq)).toEqual([2, 3, 4])
    clock.advanceTo(START + 50_000)
    const removed = await journal.expire()
    expect([removed.L2, removed.L4, removed.alerts]).toEqual([1, 1, 0])
    expect((await journal.read(1, 10)).map((r) => r.seq)).toEqual([3])
    expect(await journal.append([readingBody(5)])).toEqual([5])
  })

  test('a reader without a cursor holds back what it has not kept, also after a restart', async () => {
    const clock = new VirtualClock(START)
    const dir = newDir()
    const first = await open(dir, { clock, retentionMs: { L2: 1000 } })
    await first.append(readings(0, 3))
    first.hold('rules', 1)
    clock.advanceTo(START + 5000)
    await first.append([readingBody(9)])
    expect((await first.expire()).L2).toBe(1)
    await first.close()
    const again = await open(dir, { clock, retentionMs: { L2: 1000 } })
    expect((await again.expire()).L2).toBe(0)
    again.hold('rules', 3)
    expect((await again.expire()).L2).toBe(2)
    expect((await again.read(1, 10)).map((r) => r.seq)).toEqual([4])
  })

  test('a journal too large gives up what all have taken, L2 first, before what nobody has seen, and never alerts', async () => {
    const events: JournalEvent[] = []
    const journal = await open(newDir(), { maxBytes: 1_000_000, tailRecords: 1, onEvent: (e) => events.push(e) })
    const cursor = await journal.cursor('sink', 'all')
    const of = (type: string, value: Record<string, number | string>, from: number) =>
      Array.from({ length: 2500 }, (_, i) => readingBody(from + i, { type, value: { ...value, n: from + i } }))
    await journal.append(of('door.state', { state: 'open' }, 0))
    await journal.append(of('band.vitals', { activity: 0.3, confidence: 1 }, 10_000))
    await journal.append(of('env.temperature', { celsius: 20 }, 20_000))
    await journal.append(Array.from({ length: 300 }, (_, i) => alertBody(i)))
    const taken = journal.stats().lastSeq
    cursor.commit(taken)
    await journal.append(of('env.temperature', { celsius: 21 }, 30_000))
    await journal.expire()
    const order = [
      ...new Set(events.flatMap((e) => (e.event === 'journal-removed' ? [`${e.class} ${e.unread > 0}`] : []))),
    ]
    expect(order.slice(0, 2)).toEqual(['L2 false', 'L4 false'])
    const left = await journal.read(1, 50_000)
    expect(left.filter((r) => r.body.kind === 'alert')).toHaveLength(300)
    expect(left.filter((r) => r.seq > taken)).toHaveLength(2500)
    expect(journal.stats().bytes).toBeLessThanOrEqual(1_000_000)
    const firstLeft = (type: string) =>
      left.filter((r) => r.seq <= taken && r.body.kind === 'reading' && r.body.reading.type === type).length
    expect(firstLeft('env.temperature')).toBe(0)
  })

  test('a journal over its size gives up the oldest L2 readings first, with counts', async () => {
    const events: JournalEvent[] = []
    const journal = await open(newDir(), { maxBytes: 2_000_000, tailRecords: 1, onEvent: (e) => events.push(e) })
    const slow = await journal.cursor('slow', 'all')
    for (let i = 0; i < 20; i++) await journal.append([...readings(i * 700, 700), alertBody(i)])
    const removed = await journal.expire()
    expect(removed.L2).toBeGreaterThan(500)
    const unread = events.flatMap((e) => (e.event === 'journal-removed' ? [e.unread] : [])).reduce((a, b) => a + b, 0)
    expect(unread).toBe(removed.L2)
    const left = await slow.next(20_000)
    expect(left.filter((r) => r.body.kind === 'alert')).toHaveLength(20)
    expect(left.filter((r) => r.body.kind === 'reading')).toHaveLength(14_000 - removed.L2)
  })

  test('on a full disk L2 samples are shed and counted, events and alerts are kept, and it recovers by itself', async () => {
    const clock = new VirtualClock(START)
    const events: JournalEvent[] = []
    let room = Number.POSITIVE_INFINITY
    const full = () => new WardwatchError('disk-full', 'The disk is full.')
    const journal = await open(newDir(), {
      clock,
      onEvent: (e) => events.push(e),
      intercept: (link): StoreLink => ({
        ...link,
        async call<T>(method: string, ...args: unknown[]) {
          if (method === 'releaseBallast') room = Math.max(room, 5)
          if (method === 'restoreBallast') return (room > 100) as T
          if (method === 'commit' || method === 'remove') {
            const rows = method === 'commit' ? (args[0] as { tags: Uint8Array }).tags.length : 0
            if (rows > room) throw full()
            room -= rows
          }
          return link.call<T>(method, ...args)
        },
      }),
    })
    await journal.append(readings(0, 5))
    room = 1
    const cut = readingBody(100, { type: 'fence.cut', value: {} })
    expect(await journal.append([...readings(10, 20), cut, alertBody(1)])).toEqual([...new Array(20).fill(-1), 6, 7])
    expect(journal.stats().shed).toBe(20)
    expect(events[0]!.event).toBe('disk-full')
    room = 1000
    clock.advanceTo(START + 5000)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(events.at(-1)).toEqual({ event: 'disk-recovered', shed: 20 })
    expect(await journal.append(readings(50, 2))).toEqual([8, 9])
  })

  test('names a data folder that cannot be written in one sentence', async () => {
    const dir = newDir()
    writeFileSync(join(dir, 'file'), '')
    await expect(open(join(dir, 'file', 'data'))).rejects.toMatchObject({
      code: 'data-unwritable',
      message: expect.stringContaining('cannot be written'),
    })
  })

  test('sets a damaged journal aside, saves what can be read and never gives a number twice', async () => {
    const dir = newDir()
    const journal = await open(dir)
    for (let i = 0; i < 10; i++) await journal.append(readings(i * 500, 500))
    ;(await journal.cursor('rules', 'all')).commit(700)
    await journal.close()
    const path = join(dir, 'journal.db')
    const bytes = readFileSync(path)
    bytes.fill(0xee, bytes.length - 3 * 8192, bytes.length - 8192)
    writeFileSync(path, bytes)
    const events: JournalEvent[] = []
    const again = await open(dir, { onEvent: (e) => events.push(e) })
    const event = events[0] as Extract<JournalEvent, { event: 'journal-corrupt' }>
    expect(event.event).toBe('journal-corrupt')
    expect(existsSync(event.file)).toBe(true)
    expect(event.saved).toBeGreaterThan(1000)
    expect((await again.append([readingBody(99_999)]))[0]).toBeGreaterThan(5000)
    expect((await again.read(1, 1))[0]!.body).toEqual(readingBody(0))
  })

  test('a file that is no database at all is set aside, and numbering goes on above every promise', async () => {
    const dir = newDir()
    const journal = await open(dir)
    await journal.append(readings(0, 5))
    await journal.close()
    writeFileSync(join(dir, 'journal.db'), 'this is no database, it is a sentence that is long enough to be read')
    const events: JournalEvent[] = []
    const again = await open(dir, { onEvent: (e) => events.push(e) })
    expect(events[0]!.event).toBe('journal-corrupt')
    expect((await again.append([readingBody(9)]))[0]).toBeGreaterThan(5)
  })

  describe('a file that is not whole at the start', () => {
    /** 3,000 readings, closed as a process ends in order: everything is in the file itself. */
    async function filled(): Promise<string> {
      const dir = newDir()
      const journal = await open(dir, { thread: false })
      for (let i = 0; i < 10; i++) await journal.append(readings(i * 300, 300))
      await journal.close()
      return dir
    }
    const reopened = async (dir: string) => {
      const events: JournalEvent[] = []
      const journal = await open(dir, { thread: false, onEvent: (e) => events.push(e) })
      const event = events.find((e) => e.event === 'journal-corrupt') as
        | Extract<JournalEvent, { event: 'journal-corrupt' }>
        | undefined
      return { journal, event }
    }

    test.each([
      ['cut to no byte at all', (file: string) => truncateSync(file, 0)],
      ['with a header of something else', (file: string) => writeAt(file, 0, Buffer.alloc(100, 0x2a))],
      ['gone', (file: string) => rmSync(file)],
    ])('%s: nothing is overwritten, all numbers given are named, and none is given again', async (_name, damage) => {
      const dir = await filled()
      damage(join(dir, 'journal.db'))
      const { journal, event } = await reopened(dir)
      expect(event!.lost![0]).toBe(1)
      expect(event!.lost![1]).toBeGreaterThanOrEqual(3000)
      expect((await journal.append([readingBody(9000)]))[0]).toBeGreaterThan(event!.lost![1])
    })

    test('with one page in the middle overwritten: everything around it is saved, and what is not is named', async () => {
      const dir = await filled()
      const file = join(dir, 'journal.db')
      writeAt(file, 8192 * Math.floor(statSync(file).size / 8192 / 2), Buffer.alloc(8192, 0x5a))
      const { journal, event } = await reopened(dir)
      const left = (await journal.read(1, 5000)).map((r) => r.seq)
      expect(event!.saved).toBe(left.length)
      expect(left.length).toBeGreaterThan(2500)
      const missing = Array.from({ length: 3000 }, (_, i) => i + 1).filter((seq) => !left.includes(seq))
      expect(missing.length).toBeGreaterThan(0)
      expect(event!.lost![0]).toBeLessThanOrEqual(missing[0]!)
      expect(event!.lost![1]).toBeGreaterThanOrEqual(missing.at(-1)!)
      expect((await journal.append([readingBody(9000)]))[0]).toBe(3001)
    })

    test('damage that shows only when it is read ends the process, and the next one saves what is left', async () => {
      const dir = await filled()
      const events: JournalEvent[] = []
      const journal = await open(dir, {
        tailRecords: 1,
        onEvent: (e) => events.push(e),
        intercept: (link) => ({
          ...link,
          call: (method, ...args) =>
            method === 'read'
              ? Promise.reject(new WardwatchError('journal-corrupt', 'malformed'))
              : link.call(method, ...args),
        }),
      })
      await expect(journal.read(1, 10)).rejects.toMatchObject({ code: 'journal-corrupt' })
      expect(journal.failed).toBe(true)
      expect(events.map((e) => e.event)).toContain('journal-failed')
      await expect(journal.append([readingBody(9000)])).rejects.toMatchObject({ code: 'journal-corrupt' })
      await journal.close()
      // The storage thread leaves this mark when SQLite tells it so.
      writeFileSync(join(dir, 'journal.suspect'), '')
      const next = await reopened(dir)
      expect(next.event).toMatchObject({ saved: 3000, lost: null })
    })

    test('a record whose text is damaged keeps its place and holds nobody up', async () => {
      const dir = await filled()
      const db = new DatabaseSync(join(dir, 'journal.db'))
      db.exec("UPDATE log SET body = substr(body, 1, 20) || '~' || substr(body, 22, 10) WHERE seq BETWEEN 5 AND 6")
      db.close()
      const events: JournalEvent[] = []
      const journal = await open(dir, { thread: false, onEvent: (e) => events.push(e) })
      const cursor = await journal.cursor('c', 'other')
      const records = await cursor.next(8)
      expect(records.map((r) => r.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
      expect(records.map((r) => r.body.kind).slice(3, 7)).toEqual(['reading', 'quarantine', 'quarantine', 'reading'])
      expect(events).toEqual([
        { event: 'journal-unreadable', seq: 5 },
        { event: 'journal-unreadable', seq: 6 },
      ])
    })
  })

  test('after a cut of the log at any byte, the records are an unbroken beginning of what was acknowledged', async () => {
    const dir = newDir()
    const journal = await open(dir)
    for (let i = 0; i < 8; i++) await journal.append(readings(i * 3, 3))
    const copy = newDir()
    for (const name of ['journal.db', 'journal.db-wal']) copyFileSync(join(dir, name), join(copy, name))
    const size = statSync(join(copy, 'journal.db-wal')).size
    const cuts = Array.from({ length: 40 }, (_, i) => Math.floor((size * i) / 40) + (i % 7))
    let most = 0
    for (const cut of [...cuts, size]) {
      const at = newDir()
      for (const name of ['journal.db', 'journal.db-wal']) copyFileSync(join(copy, name), join(at, name))
      truncateSync(join(at, 'journal.db-wal'), cut)
      const cutJournal = await open(at, { thread: false })
      const found = (await cutJournal.read(1, 100)).map((r) => r.seq)
      expect(found).toEqual(Array.from({ length: found.length }, (_, i) => i + 1))
      expect(found.length % 3).toBe(0)
      expect(found.length).toBeGreaterThanOrEqual(most)
      most = found.length
      await cutJournal.close()
    }
    expect(most).toBe(24)
  })

  test('a consumer sees every record exactly from its committed position on, whatever the restarts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.record({ do: fc.constant('append' as const), n: fc.integer({ min: 1, max: 6 }), alert: fc.boolean() }),
            fc.record({ do: fc.constant('consume' as const), n: fc.integer({ min: 1, max: 6 }), keep: fc.boolean() }),
            fc.record({ do: fc.constant('restart' as const) }),
          ),
          { maxLength: 25 },
        ),
        async (steps) => {
          const dir = newDir()
          let journal = await open(dir, { thread: false, tailRecords: 3 })
          let cursor = await journal.cursor('c', 'other')
          let n = 0
          const expected: number[] = []
          let done = 0
          let read = 0
          for (const step of steps) {
            if (step.do === 'append') {
              for (let i = 0; i < step.n; i++) {
                const [seq] = await journal.append([step.alert ? alertBody(n++) : readingBody(n++)])
                if (!step.alert) expected.push(seq!)
              }
            } else if (step.do === 'consume') {
              const got = (await cursor.next(step.n)).map((r) => r.seq)
              expect(got).toEqual(expected.slice(read, read + step.n))
              read += got.length
              if (step.keep && got.length > 0) {
                cursor.commit(got.at(-1)!)
                done = read
              }
              expect(cursor.lag()).toBe(expected.length - done)
            } else {
              await journal.close()
              journal = await open(dir, { thread: false, tailRecords: 3 })
              cursor = await journal.cursor('c', 'other')
              read = done
            }
          }
          await journal.close()
        },
      ),
      { numRuns: 40 },
    )
  })

  test('everything acknowledged to a process that is killed is found again', async () => {
    const dir = newDir()
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'appending-child.ts'), dir, String(round)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let out = ''
      child.stdout.on('data', (data) => {
        out += data
        if (out.length > 3000 * (round + 1)) child.kill('SIGKILL')
      })
      await new Promise((resolve) => child.on('close', resolve))
      const acknowledged = out.split('\n').slice(0, -1)
      expect(acknowledged.length).toBeGreaterThan(50)
      const journal = await open(dir)
      const found = new Set<string>()
      for (let at = 1; ; ) {
        const records = await journal.read(at, 5000)
        if (records.length === 0) break
        for (const r of records) {
          expect(r.seq).toBe(at++)
          if (r.body.kind === 'reading') found.add(r.body.reading.id)
        }
      }
      expect(acknowledged.filter((id) => !found.has(id))).toEqual([])
      await journal.close()
    }
  })
})

describe('record codec', () => {
  test('a record read back equals the record written, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), fc.jsonValue(), (id, device, value) => {
        const body = readingBody(1, { id, device, value: { v: JSON.parse(JSON.stringify(value)) } })
        const row = encodeBody(body)
        expect(row).not.toContain('\n')
        expect(decodeBody(tagOf(body), row)).toEqual(body)
        expect(idText(row)).toBe(JSON.stringify(id).slice(1, -1))
      }),
    )
  })
})

describe('duplicate filter', () => {
  test('tells the very row of an id, however high the number, through growth and over any gap', () => {
    const rows = [5_000_000_000, ...Array.from({ length: 6000 }, (_, i) => 5_000_000_001 + i * 7), 2 ** 45, 2 ** 45 + 3]
    const filter = new DuplicateFilter(20_000)
    for (const row of rows) filter.add(`id-${row}`, row)
    const wrong = rows.filter((row) => !filter.find(`id-${row}`, (found) => found === row))
    expect(wrong).toEqual([])
    expect(filter.size()).toBe(rows.length)
  })

  test('knows at least the newest ids of its limit and never invents one', () => {
    const filter = new DuplicateFilter(20_000)
    for (let i = 0; i < 70_000; i++) filter.add(`id-${i}`, i)
    for (let i = 50_000; i < 70_000; i++) expect(filter.find(`id-${i}`, (row) => row === i)).toBe(true)
    expect(filter.size()).toBeLessThanOrEqual(30_000)
    expect(filter.find('never', (row) => row === -1)).toBe(false)
  })
})
