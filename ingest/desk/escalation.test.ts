import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { escalationOf } from '#model/alert/escalation.ts'
import { VirtualClock } from '#model/clock.ts'
import { openJournal } from '../journal/journal.ts'
import { START, sampleChange } from '../journal/sample-records.ts'
import { openLedger } from '../ledger/ledger.ts'
import { openDesk } from './desk.ts'
import { openEscalation } from './escalation.ts'

const dirs: string[] = []
const open: { close(): unknown }[] = []
const shut = async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
}
afterEach(async () => {
  await shut()
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

async function house(dir = mkdtempSync(join(tmpdir(), 'ww-escalation-')), now = START) {
  dirs.push(dir)
  const clock = new VirtualClock(now)
  const journal = await openJournal({ dir, clock, ballastBytes: 0, thread: false })
  const ledger = await openLedger({ dir, clock, thread: false })
  const desk = await openDesk({ dir, facility: 'js-03', clock, journal, ledger, thread: false })
  const escalation = await openEscalation({ desk, clock, ladder: () => ['S05', 'S06', 'S01'] })
  open.push(journal, ledger, desk, escalation)
  /** Lets what the clock set off reach the disk before time goes on. */
  const pass = async (toMs: number) => {
    for (let at = clock.now(); at < toMs; ) {
      at = Math.min(toMs, at + 1_000)
      clock.advanceTo(at)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const steps = async (n: number) =>
    (await desk.timeline(sampleChange(n).alert.id)).flatMap((c) => {
      const note = escalationOf(c)
      return note ? [[(c.at - START) / 1000, note.clock, note.step, note.told.join()]] : []
    })
  return { dir, clock, journal, ledger, desk, escalation, pass, steps }
}
const id = sampleChange(1).alert.id
const raisedAt = sampleChange(1).alert.raisedAt
const at = (s: number) => raisedAt + s * 1000
const chief = { id: 'S01', role: 'chief' }

describe('escalation watch', () => {
  test('carries a red alert along the duty list every 30 s, in timeline and ledger, and leaves the level alone', async () => {
    const { desk, ledger, escalation, pass, steps } = await house()
    await desk.apply(sampleChange(1), { source: 'ordered' })
    expect(escalation.of(id)).toMatchObject({ step: 0, told: [], nextAt: at(30), nextClock: 'acknowledge' })
    await pass(at(65))
    await vi.waitFor(async () => expect(await steps(1)).toHaveLength(2), { timeout: 20_000 })
    const base = (raisedAt - START) / 1000
    expect(await steps(1)).toEqual([
      [base + 30, 'acknowledge', 1, 'S05'],
      [base + 60, 'acknowledge', 2, 'S06'],
    ])
    expect(await desk.get(id)).toMatchObject({ escalationStep: 2, level: 'red', state: 'unacknowledged' })
    expect(escalation.of(id)).toMatchObject({ step: 2, told: ['S06'], nextAt: at(90) })
    await vi.waitFor(
      async () => {
        const entries = await ledger.list({ ref: id, kind: 'alert' })
        expect(entries.filter((e) => (e.payload as { change: string }).change === 'escalated')).toHaveLength(2)
      },
      { timeout: 20_000 },
    )
  })

  test('an acknowledgement in time stops it; then nothing done about it tells the next', async () => {
    const { desk, escalation, pass, steps } = await house()
    await desk.apply(sampleChange(1), { source: 'ordered' })
    await pass(at(29))
    await desk.act({ act: 'acknowledge', alert: id, time: at(29), by: 'S01' }, chief)
    await pass(at(148))
    expect(await steps(1)).toEqual([])
    expect(escalation.of(id)).toMatchObject({ nextClock: 'respond', nextAt: at(149) })
    await pass(at(152))
    await vi.waitFor(async () => expect(await steps(1)).toHaveLength(1), { timeout: 20_000 })
    expect((await steps(1))[0]!.slice(1)).toEqual(['respond', 1, 'S05'])
    await desk.act({ act: 'dispatch', alert: id, time: at(160), by: 'S01', units: ['A'] }, chief)
    expect(escalation.of(id)).toMatchObject({ nextClock: 'resolve', nextAt: at(3600) })
  })

  test('a conflict still names the last person, not the clock', async () => {
    const { desk, pass, steps } = await house()
    await desk.apply(sampleChange(1), { source: 'ordered' })
    await desk.act({ act: 'acknowledge', alert: id, time: at(10), by: 'S01' }, chief)
    await pass(at(140))
    await vi.waitFor(async () => expect(await steps(1)).toHaveLength(1), { timeout: 20_000 })
    expect(
      await desk.act({ act: 'acknowledge', alert: id, time: at(141), by: 'S02' }, { id: 'S02', role: 'chief' }),
    ).toMatchObject({ status: 409, by: 'S01', at: at(10) })
  })

  test('after a restart the same deadlines run on, and what fell due in between is told at once, as one step', async () => {
    const first = await house()
    await first.desk.apply(sampleChange(1), { source: 'ordered' })
    await first.pass(at(35))
    await vi.waitFor(async () => expect(await first.steps(1)).toHaveLength(1), { timeout: 20_000 })
    await shut()
    const second = await house(first.dir, at(300))
    expect(second.escalation.of(id)).toMatchObject({ step: 1, told: ['S05'] })
    await second.pass(at(302))
    await vi.waitFor(async () => expect(await second.steps(1)).toHaveLength(2), { timeout: 20_000 })
    expect((await second.steps(1))[1]!.slice(1)).toEqual(['acknowledge', 2, 'S06'])
    expect(second.escalation.of(id)?.nextAt).toBeGreaterThan(at(320))
  })

  test('a closed alert is forgotten', async () => {
    const { desk, escalation, pass } = await house()
    await desk.apply(sampleChange(1), { source: 'ordered' })
    await desk.act({ act: 'resolve', alert: id, time: at(1), by: 'S01', result: 'confirmed' }, chief)
    await desk.act({ act: 'approve', alert: id, time: at(2), by: 'S02' }, { id: 'S02', role: 'chief' })
    expect(escalation.of(id)).toBeNull()
    await pass(at(4000))
    expect(escalation.stats()).toMatchObject({ watched: 0, steps: 0 })
  })

  test('in a storm the steps are told fifty at a look, the most serious first, and every one of them is told', async () => {
    const { desk, clock, escalation } = await house()
    const raised = (n: number) =>
      sampleChange(n, 'raised', { level: n % 3 === 0 ? 'red' : 'yellow', raisedAt: clock.now() - 200_000 })
    for (let n = 1; n <= 180; n++) await desk.apply(raised(n), { source: 'ordered' })
    const told: string[] = []
    desk.onChange((c) => c.change === 'escalated' && told.push(c.alert.level))
    clock.advanceTo(clock.now() + 1)
    await vi.waitFor(() => expect(told).toHaveLength(50), { timeout: 20_000 })
    expect(new Set(told)).toEqual(new Set(['red']))
    await vi.waitFor(
      async () => {
        clock.advanceTo(clock.now() + 250)
        for (let n = 1; n <= 180; n++)
          expect((await desk.get(sampleChange(n).alert.id))?.escalationStep, `${n}`).toBeGreaterThan(0)
      },
      { timeout: 30_000 },
    )
    expect(escalation.stats().postponed).toBeGreaterThan(0)
  })
})
