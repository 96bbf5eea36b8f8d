import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Act } from '#model/alert/acts.ts'
import type { AlertChange } from '#model/alert/alert.ts'
import { VirtualClock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import { openJournal } from '../journal/journal.ts'
import { START, sampleChange } from '../journal/sample-records.ts'
import { openLedger } from '../ledger/ledger.ts'
import { type EdgeDesk, openDesk } from './desk.ts'

const dirs: string[] = []
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

async function house(dir = mkdtempSync(join(tmpdir(), 'ww-desk-')), deskDir = dir) {
  dirs.push(dir)
  const clock = new VirtualClock(START)
  const journal = await openJournal({ dir, clock, ballastBytes: 0, thread: false })
  const ledger = await openLedger({ dir, clock, thread: false })
  const desk = await openDesk({ dir: deskDir, facility: 'js-03', clock, journal, ledger, thread: false })
  const heard: [string, string, number][] = []
  desk.onChange((change, seq) => heard.push([change.alert.id.slice(-2), change.change, seq]))
  open.push(journal, ledger, desk)
  return { dir, clock, journal, ledger, desk, heard }
}
const chief = { id: 'S01', role: 'chief' }
const second = { id: 'S02', role: 'chief' }
const ordered = { source: 'ordered' as const }
const eager = { source: 'eager' as const }
const act = (verb: Act['act'], n: number, more: Partial<Act> = {}): Act => ({
  act: verb,
  alert: sampleChange(n).alert.id,
  time: START + 50_000,
  by: 'S01',
  ...more,
})
const resolveIt = async (desk: EdgeDesk, n: number) => {
  await desk.act(act('resolve', n, { result: 'confirmed' }), chief)
  return desk.act(act('approve', n, { by: 'S02' }), second)
}

describe('desk', () => {
  test('publishes an alert once, numbered, journaled and in the ledger, whichever run reports it first', async () => {
    const { desk, heard, journal, ledger } = await house()
    const [a, b] = await Promise.all([desk.apply(sampleChange(1), eager), desk.apply(sampleChange(1), ordered)])
    expect([a.length, b.length]).toEqual([1, 0])
    expect(heard).toEqual([['01', 'raised', 1]])
    expect(a[0]!.alert.number).toMatch(/^\d{4}-0001$/)
    expect((await journal.read(1, 10)).map((r) => r.body)).toEqual([{ kind: 'alert', change: a[0] }])
    expect((await ledger.list({ ref: a[0]!.alert.id }))[0]!.payload).toEqual(a[0])
    expect(desk.counts().red).toEqual({ open: 1, unacknowledged: 1 })
  })

  test('does not go on with an alert whose raise was lost: the next process says it from the beginning', async () => {
    const { desk, journal } = await house()
    const append = journal.append.bind(journal)
    journal.append = () => Promise.reject(new Error('disk I/O error'))
    const raise = desk.apply(sampleChange(1), ordered)
    await expect(raise).rejects.toThrow('disk I/O error')
    journal.append = append
    const cleared: AlertChange = { ...sampleChange(1), change: 'cleared', at: START + 60_000 }
    await expect(desk.apply(cleared, ordered)).rejects.toThrow('disk I/O error')
    await expect(desk.act(act('acknowledge', 1), chief)).rejects.toThrow('disk I/O error')
    // Others are not held up.
    await desk.apply(sampleChange(2), ordered)
    const written = (await journal.read(1, 10)).flatMap(({ body }) => (body.kind === 'alert' ? [body.change] : []))
    expect(written.map((c) => [c.alert.id, c.change])).toEqual([[sampleChange(2).alert.id, 'raised']])
    expect(desk.failed).toBe(true)
  })

  test('an act is durable before its answer, and the second one learns who was first', async () => {
    const { desk, journal } = await house()
    await desk.apply(sampleChange(1), ordered)
    const [first, late] = await Promise.all([
      desk.act(act('acknowledge', 1, { confirmed: true }), chief),
      desk.act(act('acknowledge', 1, { by: 'S02', time: START + 51_000 }), second),
    ])
    expect(first.ok && first.change.alert.state).toBe('acknowledged')
    expect(late).toEqual({ ok: false, status: 409, by: 'S01', at: START + 50_000, state: 'acknowledged' })
    expect((await journal.read(1, 10)).map((r) => r.body.kind)).toEqual(['alert', 'act', 'alert'])
    expect(await desk.act(act('acknowledge', 99), chief)).toEqual({ ok: false, status: 404 })
    expect(await desk.act(act('dispatch', 1), { id: 'A1', role: 'auditor' })).toMatchObject({ status: 403 })
    expect(await desk.act(act('dispatch', 1), chief)).toMatchObject({ status: 422, field: 'units' })
  })

  test('what people did is not undone by the engine', async () => {
    const { desk, heard } = await house()
    await desk.apply(sampleChange(1), ordered)
    await desk.act(act('acknowledge', 1), chief)
    // The engine has not heard of the acknowledgement: its snapshot still says unacknowledged.
    await desk.apply(sampleChange(1, 'updated', { evidence: ['r1'], evidenceCount: 1 }), ordered)
    expect(await desk.get(sampleChange(1).alert.id)).toMatchObject({ state: 'acknowledged', evidence: ['r1'] })
    const cleared = await desk.apply(sampleChange(1, 'cleared', { conditionActive: false }), ordered)
    expect(cleared[0]!.alert.state).toBe('latched')
    expect(await desk.apply(sampleChange(1, 'cleared', { conditionActive: false }), ordered)).toEqual([])
    const again = await desk.apply(sampleChange(1, 'updated', { activations: 2 }), ordered)
    expect(again[0]!.alert).toMatchObject({ state: 'unacknowledged', activations: 2, conditionActive: true })
    expect((await resolveIt(desk, 1)).ok).toBe(true)
    expect(await desk.apply(sampleChange(1, 'updated', { activations: 3 }), ordered)).toEqual([])
    expect(await desk.apply(sampleChange(1), eager)).toEqual([])
    expect(desk.openCount()).toBe(0)
    expect(heard.map((h) => h[1])).toEqual([
      'raised',
      'acknowledged',
      'updated',
      'cleared',
      'updated',
      'pending-review',
      'approved',
    ])
  })

  test('the ordered run decides which incident an alert belongs to: the eager one has not seen every alert', async () => {
    const { desk } = await house()
    await desk.apply(sampleChange(1, 'raised', { incident: 'iEAGER' }), eager)
    const moved = await desk.apply(sampleChange(1, 'raised', { incident: 'iTRUE' }), ordered)
    expect(moved.map((c) => [c.change, c.note, c.alert.incident])).toEqual([['updated', 'incident', 'iTRUE']])
    expect(await desk.apply(sampleChange(1, 'raised', { incident: 'iTRUE' }), ordered)).toEqual([])
    expect(await desk.apply(sampleChange(1, 'raised', { incident: 'iEAGER' }), eager)).toEqual([])
    expect((await desk.incident('iTRUE'))?.members).toHaveLength(1)
    expect(await desk.incident('iEAGER')).toBeNull()
  })

  test('a level only rises, and the eager path may raise but not end', async () => {
    const { desk } = await house()
    await desk.apply(sampleChange(1, 'raised', { level: 'yellow' }), eager)
    expect(await desk.apply(sampleChange(1, 'cleared', { level: 'yellow' }), eager)).toEqual([])
    const up = await desk.apply(sampleChange(1, 'escalated', { level: 'orange' }), eager)
    expect(up.map((c) => [c.change, c.alert.level])).toEqual([['escalated', 'orange']])
    expect(await desk.apply(sampleChange(1, 'escalated', { level: 'orange' }), ordered)).toEqual([])
    expect((await desk.apply(sampleChange(1, 'raised', { level: 'red' }), ordered))[0]!.change).toBe('escalated')
    const note = await desk.notConfirmed(sampleChange(1).alert.id, START + 9000)
    expect(note).toMatchObject([{ change: 'updated', note: 'not-confirmed', by: 'system' }])
  })

  test('lists newest first in pages that neither skip nor repeat, and filters', async () => {
    const { desk } = await house()
    for (let i = 0; i < 25; i++)
      await desk.apply(
        sampleChange(i, 'raised', {
          raisedAt: START + (i >> 1),
          level: i % 2 ? 'red' : 'blue',
          zone: i % 5 ? 'W3' : 'YARD-E',
          subjects: i === 7 ? ['P017', 'P018'] : [],
        }),
        ordered,
      )
    const seen: string[] = []
    let next: string | null = null
    do {
      const page: Awaited<ReturnType<EdgeDesk['list']>> = await desk.list({}, next ?? undefined, 7)
      expect(page.total).toBe(25)
      seen.push(...page.items.map((a) => a.id))
      next = page.next
    } while (next)
    expect(seen).toHaveLength(25)
    expect(new Set(seen).size).toBe(25)
    expect(seen[0]).toBe(sampleChange(24).alert.id)
    expect((await desk.list({ level: ['red'] })).total).toBe(12)
    expect((await desk.list({ zone: ['YARD-E'], level: ['blue'] })).total).toBe(3)
    expect((await desk.list({ subject: ['P018'] })).items.map((a) => a.id)).toEqual([sampleChange(7).alert.id])
    expect((await desk.list({ rule: ['R01'], from: START + 10, to: START + 11 })).total).toBe(4)
    expect((await desk.list({ text: '周界', open: true })).total).toBe(25)
    expect((await desk.list({ open: false })).total).toBe(0)
  })

  test('incidents gather their members and close with the last of them', async () => {
    const { desk } = await house()
    await desk.apply(
      sampleChange(1, 'raised', { incident: 'i1', level: 'yellow', zone: 'A', subjects: ['P1'] }),
      ordered,
    )
    await desk.apply(sampleChange(2, 'raised', { incident: 'i1', level: 'orange', zone: 'B' }), ordered)
    expect(await desk.incidents({ open: true })).toMatchObject([
      { id: 'i1', level: 'orange', zones: ['A', 'B'], subjects: ['P1'], closedAt: null },
    ])
    await desk.act(act('resolve', 1, { result: 'confirmed' }), chief)
    await resolveIt(desk, 2)
    expect((await desk.incident('i1'))!.closedAt).toBe(START + 50_000)
    expect(await desk.incidents({ open: true })).toEqual([])
    expect(await desk.incidents({ open: false })).toHaveLength(1)
  })

  test('a manual alert is an alert like any other', async () => {
    const { desk } = await house()
    const change = await desk.raise({ level: 'orange', zone: 'W3', kind: 'fight', note: '电话报告' }, 'S01')
    expect(change.alert).toMatchObject({ code: 'S03', state: 'unacknowledged', level: 'orange', zone: 'W3' })
    expect(desk.allowed(change.alert, chief)).toContain('acknowledge')
    expect(desk.allowed(change.alert, { id: 'W', role: 'wall' })).toEqual([])
  })

  test('a full disk under the ledger holds up no alert, only the answer to its caller, and loses none', async () => {
    const { desk, clock, ledger, heard } = await house()
    const append = ledger.append.bind(ledger)
    let full = true
    ledger.append = (items) => (full ? Promise.reject(new WardwatchError('disk-full', 'full')) : append(items))
    const raised = desk.apply(sampleChange(1), ordered)
    let answered = false
    void raised.then(() => {
      answered = true
    })
    await vi.waitFor(() => expect(heard).toEqual([['01', 'raised', 1]]))
    expect(await ledger.list({ kind: 'alert' })).toEqual([])
    expect(answered).toBe(false)
    full = false
    await vi.waitFor(() => {
      clock.advanceTo(clock.now() + 1000)
      expect(answered).toBe(true)
    })
    expect((await raised).map((c) => c.change)).toEqual(['raised'])
    expect(await ledger.list({ kind: 'alert' })).toHaveLength(1)
  })

  test('a shelved alert comes back by itself', async () => {
    const { desk, clock, heard } = await house()
    await desk.apply(sampleChange(1), ordered)
    await desk.act(act('shelve', 1, { minutes: 10 }), chief)
    expect((await desk.get(sampleChange(1).alert.id))!.state).toBe('shelved')
    clock.advanceTo(START + 50_000 + 600_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(heard.at(-1)![1]).toBe('unshelved')
    expect((await desk.get(sampleChange(1).alert.id))!.state).toBe('unacknowledged')
  })

  test('a shelved alert stays on the shelf until its limit when the desk is rebuilt from the journal', async () => {
    const first = await house()
    const { id } = sampleChange(1).alert
    await first.desk.apply(sampleChange(1), ordered)
    await first.desk.act(act('acknowledge', 1), chief)
    await first.desk.act(act('shelve', 1, { minutes: 10, time: START + 60_000 }), chief)
    await first.desk.apply({ ...sampleChange(1, 'cleared', { conditionActive: false }), at: START + 61_000 }, ordered)
    const until = START + 660_000
    expect(first.desk.shelvedUntil?.(id)).toBe(until)
    for (const thing of open.splice(0).reverse()) await thing.close()

    const elsewhere = mkdtempSync(join(tmpdir(), 'ww-desk-'))
    dirs.push(elsewhere)
    const { desk, clock, heard } = await house(first.dir, elsewhere)
    expect(desk.shelvedUntil?.(id)).toBe(until)
    clock.advanceTo(until - 1)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect((await desk.get(id))!.state).toBe('shelved')
    clock.advanceTo(until)
    await vi.waitFor(() => expect(heard.map((h) => h[1])).toEqual(['unshelved']))
    // It was seen and ended on the shelf; red latches.
    expect((await desk.get(id))!.state).toBe('latched')
  })

  test('what the rules say again when they read the tail of the journal after a crash is not told twice', async () => {
    const { dir, desk, journal, ledger } = await house()
    const said = [
      sampleChange(1),
      { ...sampleChange(1, 'cleared'), at: START + 1000 },
      { ...sampleChange(1, 'updated', { activations: 2, evidenceCount: 2 }), at: START + 2000 },
    ]
    for (const change of said) await desk.apply(change, ordered)
    const before = await desk.timeline(said[0]!.alert.id)
    await desk.close()
    const again = await house(dir)
    open.push(journal, ledger)
    for (const change of said) expect(await again.desk.apply(change, ordered)).toEqual([])
    expect(await again.desk.timeline(said[0]!.alert.id)).toEqual(before)
    expect((await again.desk.get(said[0]!.alert.id))!.conditionActive).toBe(true)
  })

  test('a save that failed is made good at the next start, also when later ones went well', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'ww-desk-'))
    dirs.push(dir)
    const clock = new VirtualClock(START)
    const journal = await openJournal({ dir, clock, ballastBytes: 0, thread: false })
    const ledger = await openLedger({ dir, clock, thread: false })
    let broken = false
    const first = await openDesk({
      dir,
      facility: 'js-03',
      clock,
      journal,
      ledger,
      thread: false,
      intercept: (link) => ({
        call: (method, ...args) =>
          broken && method === 'save' ? Promise.reject(new Error('disk I/O error')) : link.call(method, ...args),
        close: () => link.close(),
      }),
    })
    broken = true
    await first.apply(sampleChange(1), ordered).catch(() => undefined)
    broken = false
    await first.apply(sampleChange(2), ordered).catch(() => undefined)
    await first.close()
    const again = await openDesk({ dir, facility: 'js-03', clock, journal, ledger, thread: false })
    open.push(journal, ledger, again)
    expect((await again.list({})).total).toBe(2)
    expect(await again.apply(sampleChange(1), ordered)).toEqual([])
    expect(await again.timeline(sampleChange(1).alert.id)).toHaveLength(1)
  })

  test('is rebuilt from the journal when its file is gone, and the ledger gets what a crash kept from it', async () => {
    const first = await house()
    await first.desk.apply(sampleChange(1), ordered)
    await first.desk.apply(sampleChange(2), ordered)
    await first.desk.act(act('acknowledge', 1), chief)
    await first.desk.act(act('resolve', 2, { result: 'false' }), chief)
    const before = [await first.desk.list({}), await first.desk.timeline(sampleChange(1).alert.id)]
    // A crash after the journal and before the ledger.
    const lost: AlertChange = sampleChange(3)
    const lostAct = act('comment', 1)
    await first.journal.append([
      { kind: 'act', act: lostAct },
      { kind: 'alert', change: lost },
    ])
    for (const thing of open.splice(0).reverse()) await thing.close()

    const elsewhere = mkdtempSync(join(tmpdir(), 'ww-desk-'))
    dirs.push(elsewhere)
    const again = await house(first.dir, elsewhere)
    const page = await again.desk.list({})
    expect(page.items.slice(1)).toEqual((before[0] as typeof page).items)
    expect(await again.desk.timeline(sampleChange(1).alert.id)).toEqual(before[1])
    expect((await again.ledger.list({ ref: lost.alert.id })).map((e) => e.payload)).toEqual([lost])
    expect((await again.ledger.list({ kind: 'alert' })).length).toBe(5)
    expect((await again.ledger.list({ kind: 'act' })).map((e) => e.payload)).toContainEqual(lostAct)
    // The outcome still waits for a second person.
    expect(await again.desk.act(act('approve', 2), chief)).toMatchObject({ status: 403 })
    expect((await again.desk.act(act('approve', 2, { by: 'S02' }), second)).ok).toBe(true)
  })

  test('a start on a full disk with the ledger behind the journal waits for room instead of failing, and asks the journal for its reserve', async () => {
    const { dir, clock, journal, ledger } = await house()
    await journal.append([{ kind: 'alert', change: sampleChange(7) }])
    const append = ledger.append.bind(ledger)
    let full = true
    ledger.append = (items) => (full ? Promise.reject(new WardwatchError('disk-full', 'full')) : append(items))
    const relieved: string[] = []
    journal.relieve = async (detail) => void relieved.push(detail)
    let started = false
    const deskDir = mkdtempSync(join(tmpdir(), 'ww-desk-'))
    dirs.push(deskDir, dir)
    const starting = openDesk({ dir: deskDir, facility: 'js-03', clock, journal, ledger, thread: false })
    void starting.then(() => {
      started = true
    })
    await vi.waitFor(() => expect(relieved.length).toBeGreaterThan(0))
    expect(started).toBe(false)
    full = false
    await vi.waitFor(() => {
      clock.advanceTo(clock.now() + 1000)
      expect(started).toBe(true)
    })
    const desk = await starting
    open.push(desk)
    expect(await ledger.list({ kind: 'alert' })).toHaveLength(1)
    expect((await desk.list({})).total).toBe(1)
    expect(desk.failed).toBe(false)
  })

  test('a hole that a power cut opens again below later changes is filled at the next start', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'ww-desk-'))
    dirs.push(dir)
    const clock = new VirtualClock(START)
    const journal = await openJournal({ dir, clock, ballastBytes: 0, thread: false })
    const ledger = await openLedger({ dir, clock, thread: false })
    open.push(journal, ledger)
    let broken = false
    const start = () =>
      openDesk({
        dir,
        facility: 'js-03',
        clock,
        journal,
        ledger,
        thread: false,
        intercept: (link) => ({
          call: (method, ...args) =>
            broken && method === 'save' ? Promise.reject(new Error('disk I/O error')) : link.call(method, ...args),
          close: () => link.close(),
        }),
      })
    const first = await start()
    broken = true
    await first.apply(sampleChange(1), ordered).catch(() => undefined)
    broken = false
    await first.apply(sampleChange(2), ordered).catch(() => undefined)
    await first.close()
    const before = readFileSync(join(dir, 'desk.db'))
    // The next start fills the hole, and its cursor says so; then the power goes before the list reached the disk.
    await (await start()).close()
    writeFileSync(join(dir, 'desk.db'), before)
    const third = await start()
    open.push(third)
    expect((await third.list({})).total).toBe(2)
    expect(await third.timeline(sampleChange(1).alert.id)).toHaveLength(1)
  })

  test('a damaged file of the desk is set aside and made anew from the journal', async () => {
    const first = await house()
    for (let i = 0; i < 300; i++) await first.desk.apply(sampleChange(i), ordered)
    for (const thing of open.splice(0).reverse()) await thing.close()
    const file = join(first.dir, 'desk.db')
    const bytes = readFileSync(file)
    bytes.fill(0x5a, 4096, bytes.length)
    writeFileSync(file, bytes)
    const second = await house(first.dir)
    expect((await second.desk.list({}, undefined, 1000)).total).toBe(300)
    expect(readdirSync(first.dir).filter((name) => name.startsWith('desk.corrupt-'))).toHaveLength(1)
    expect(await second.ledger.list({ kind: 'alert', limit: 1000 })).toHaveLength(300)
  })

  test('a ledger that cannot be written for good is said, so that the process is started anew', async () => {
    const { desk, ledger } = await house()
    ledger.append = () => Promise.reject(new Error('disk I/O error'))
    await expect(desk.apply(sampleChange(1), ordered)).rejects.toThrow('disk I/O error')
    expect(desk.failed).toBe(true)
  })
})
