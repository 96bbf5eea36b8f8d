import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { openJournal } from '../journal/journal.ts'
import { START, sampleChange } from '../journal/sample-records.ts'
import { openLedger } from '../ledger/ledger.ts'
import { alertMark } from '../ledger/mark.ts'
import type { StoreLink } from '../thread/store-thread.ts'
import { openDesk } from './desk.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})
const newDir = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'ww-forgotten-'))
  ends.push(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

async function house(dir: string, intercept?: (link: StoreLink) => StoreLink) {
  const clock = new VirtualClock(START)
  const common = { dir, clock, thread: false }
  const journal = await openJournal({ ...common, ballastBytes: 0 })
  const ledger = await openLedger({ ...common, facilityKey: 'c0ffee'.repeat(10), ...(intercept ? { intercept } : {}) })
  const desk = await openDesk({ ...common, facility: 'js-03', journal, ledger })
  ends.push(
    () => journal.close(),
    () => ledger.close(),
    () => desk.close(),
  )
  return { journal, ledger, desk }
}

/** What a new process finds after a kill: nothing was closed. */
async function killed(dir: string) {
  const copy = newDir()
  cpSync(dir, copy, { recursive: true, filter: (from) => !from.endsWith('-shm') })
  return house(copy)
}

const about = (n: number, person: string) => {
  const change = sampleChange(n)
  return { ...change, alert: { ...change.alert, subject: person, subjects: [person] } }
}
const act = { act: 'acknowledge' as const, alert: sampleChange(1).alert.id, time: START + 50_000, by: 'S01' }

test('who was forgotten right before a kill stays so: the ledger does not get the same words anew under a new key', async () => {
  const dir = newDir()
  const { desk, ledger } = await house(dir)
  await desk.apply(about(1, 'P017'), { source: 'ordered' })
  await desk.act(act, { id: 'S01', role: 'chief' })
  const before = (await ledger.list({ ref: act.alert })).map((e) => e.seq)
  expect(before.length).toBe(3)
  await ledger.forget('P017', { by: 'E01', reason: '刑满释放' })
  // The place of the desk in the journal had not come to the disk yet.
  const again = await killed(dir)
  const entries = await again.ledger.list({ ref: act.alert })
  expect(entries.map((e) => [e.seq, e.payloadState])).toEqual(before.map((seq) => [seq, 'deleted']))
  expect(await again.ledger.verify()).toMatchObject({ ok: true })
})

test('what the ledger did not get before a kill comes into it at the next start, also beside what was forgotten', async () => {
  const dir = newDir()
  let deaf = false
  const { desk, ledger } = await house(dir, (link) => ({
    ...link,
    call: <T>(method: string, ...args: unknown[]): Promise<T> =>
      deaf && method === 'append' ? new Promise<T>(() => undefined) : link.call<T>(method, ...args),
  }))
  await desk.apply(about(1, 'P017'), { source: 'ordered' })
  await ledger.forget('P017', { by: 'E01', reason: '' })
  deaf = true
  const lost = desk.act(act, { id: 'S01', role: 'chief' })
  lost.catch(() => undefined)
  await new Promise((resolve) => setTimeout(resolve, 50))
  const again = await killed(dir)
  const entries = await again.ledger.list({ ref: act.alert })
  expect(entries.map((e) => [e.kind, e.payloadState ?? 'present'])).toEqual([
    ['alert', 'deleted'],
    ['act', 'present'],
    ['alert', 'present'],
  ])
  deaf = false
  ends.splice(-6, 3)
})

test('a kill between the record of a forgetting and the end of the key leaves nothing readable', async () => {
  const dir = newDir()
  const { desk, ledger } = await house(dir, (link) => ({
    ...link,
    call: <T>(method: string, ...args: unknown[]): Promise<T> =>
      method === 'forget' ? Promise.reject(new Error('killed')) : link.call<T>(method, ...args),
  }))
  await desk.apply(about(1, 'P017'), { source: 'ordered' })
  await expect(ledger.forget('P017', { by: 'E01', reason: '' })).rejects.toThrow('killed')
  // Also before the kill: a word that comes now is not sealed with a key that goes.
  await desk.act(act, { id: 'S01', role: 'chief' })
  const again = await killed(dir)
  const states = (await again.ledger.list({ ref: act.alert })).map((e) => e.payloadState ?? 'present')
  expect(states).toEqual(['deleted', 'present', 'present'])
})

test('the province learns the chain hash of a change about somebody forgotten at once, also after a restart', async () => {
  const dir = newDir()
  const { desk, ledger, journal } = await house(dir)
  await desk.apply(about(1, 'P017'), { source: 'ordered' })
  await desk.apply({ ...about(1, 'P017'), change: 'cleared', at: START + 60_000 }, { source: 'ordered' })
  const hashes = (await ledger.list({ ref: act.alert })).map((e) => e.hash)
  await ledger.forget('P017', { by: 'E01', reason: '' })
  const told = (await journal.read(1, 10)).flatMap(({ seq, body }) => (body.kind === 'alert' ? [{ seq, ...body }] : []))
  const again = await killed(dir)
  // The clock stands still: an answer that is waited for would never come.
  for (const [i, { seq, change }] of told.entries())
    expect(await again.ledger.hashOf(change.alert.id, change, alertMark(seq, change))).toBe(hashes[i])
})
