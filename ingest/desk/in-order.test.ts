import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import { openJournal } from '../journal/journal.ts'
import { START, sampleChange } from '../journal/sample-records.ts'
import { openLedger } from '../ledger/ledger.ts'
import { openDesk } from './desk.ts'

test('the ledger has the changes of an alert in the order of the journal, also when one of them met a full disk', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ww-order-'))
  const clock = new VirtualClock(START)
  const common = { dir, clock, thread: false }
  const journal = await openJournal({ ...common, ballastBytes: 0 })
  const ledger = await openLedger(common)
  let full = 1
  const append = ledger.append.bind(ledger)
  ledger.append = (items) =>
    full-- > 0 ? Promise.reject(new WardwatchError('disk-full', 'full for once')) : append(items)
  const desk = await openDesk({ ...common, facility: 'js-03', journal, ledger })
  onTestFinished(async () => {
    await desk.close()
    await ledger.close()
    await journal.close()
    rmSync(dir, { recursive: true, force: true })
  })
  const first = desk.apply(sampleChange(1), { source: 'ordered' })
  await new Promise((resolve) => setTimeout(resolve, 20))
  const second = desk.apply({ ...sampleChange(1), change: 'cleared', at: START + 1000 }, { source: 'ordered' })
  const third = desk.apply(sampleChange(2), { source: 'ordered' })
  await new Promise((resolve) => setTimeout(resolve, 20))
  clock.advanceTo(START + 1000)
  await Promise.all([first, second, third])
  const told = (await ledger.list({})).map((e) => [e.ref, (e.payload as { change: string }).change])
  expect(told).toEqual([
    [sampleChange(1).alert.id, 'raised'],
    [sampleChange(1).alert.id, 'cleared'],
    [sampleChange(2).alert.id, 'raised'],
  ])
})
