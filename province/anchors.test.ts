import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openJournal } from '#ingest/journal/journal.ts'
import { type EdgeLedger, openLedger } from '#ingest/ledger/ledger.ts'
import type { AnchorClaim } from '#ingest/ledger/verification.ts'
import { startUplink, type Uplink } from '#ingest/uplink/uplink.ts'
import { VirtualClock } from '#model/clock.ts'
import { parseProvinceConfig } from './config.ts'
import { type Province, startProvince } from './province.ts'

const START = Date.UTC(2026, 10, 22, 4)
const CONFIG = `
province: { id: js, name: { zh: 江苏省厅, en: Jiangsu } }
broker: { tcp: 0, facilities: [{ id: js-03, password: secret-three }] }
console: { port: 0 }
facilities: [{ id: js-03, kind: prison }]
`
const clock = new VirtualClock(START)
const folder = mkdtempSync(join(tmpdir(), 'ww-anchors-'))
let province: Province
let token: string
let ledger: EdgeLedger
let uplink: Uplink
const ends: (() => unknown)[] = []

beforeAll(async () => {
  const config = parseProvinceConfig(CONFIG, '/x/province.yaml')
  province = await startProvince({ config, dataDir: join(folder, 'province'), clock, webRoot: null })
  await province.accounts.add({ id: 'supervisor', role: 'provincial' })
  token = province.accounts.token('supervisor', { label: 'test' }).token
  const journal = await openJournal({ dir: join(folder, 'journal'), clock, ballastBytes: 0 })
  ledger = await openLedger({ dir: join(folder, 'ledger'), clock, facilityKey: 'k' })
  uplink = await startUplink({
    dir: join(folder, 'uplink'),
    facility: 'js-03',
    clock,
    journal,
    random: () => 0.5,
    alias: (id) => id,
    urls: [province.urls.mqtt!],
    user: 'js-03',
    password: 'secret-three',
    ledgerHash: () => ledger.head().hash,
    health: () => ({
      at: clock.now(),
      queueDepth: 0,
      openAlerts: { red: 0, orange: 0, yellow: 0, blue: 0 },
      devices: { total: 0, online: 0 },
      name: { zh: '一', en: 'one' },
      kind: 'prison',
      version: '0',
    }),
    anchor: () => ({ at: clock.now(), ledgerSeq: ledger.head().seq, ledgerHash: ledger.head().hash }),
    onAnchored: (anchor) => ledger.anchored(anchor),
  })
  ends.push(
    () => province.close(),
    () => journal.close(),
    () => ledger.close(),
    () => uplink.close(),
  )
}, 60_000)
afterAll(async () => {
  for (const end of ends.reverse()) await end()
  rmSync(folder, { recursive: true, force: true })
})

async function anchors(
  query = '',
): Promise<{ items: (AnchorClaim & { contradicted: boolean })[]; next: string | null }> {
  const url = `${province.urls.console}/api/v1/anchors?facility=js-03${query}`
  return (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).json() as never
}

/** Minutes pass until the province has an anchor of entry `seq` and the edge knows it. */
async function anchored(seq: number): Promise<void> {
  for (let i = 0; i < 600; i++) {
    clock.advanceTo(clock.now() + 2_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (!(await anchors()).items.some((a) => a.ledgerSeq === seq)) continue
    const known = (await ledger.day(START - 1, START + 86_400_000)).anchors
    if (known.some((a) => a.ledgerSeq === seq)) return
  }
  throw new Error(`no anchor of entry ${seq} within 12 s`)
}

async function until(probe: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (await probe()) return
    clock.advanceTo(clock.now() + 1_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('it did not happen within 12 s')
}

const entries = (n: number, word: string) =>
  Array.from({ length: n }, (_, i) => ({ kind: 'act' as const, by: 'S01', payload: { act: 'comment', word, i } }))

describe('anchors of a ledger at the province', () => {
  test('are sent over MQTT, kept, shown with the facility, and the edge knows which were acknowledged', async () => {
    await ledger.append(entries(3, 'first'))
    await anchored(3)
    await ledger.append(entries(4, 'second'))
    await anchored(7)
    const { items } = await anchors()
    expect(items.find((a) => a.ledgerSeq === 7)).toMatchObject({ ledgerHash: ledger.head().hash, contradicted: false })
    const head = ledger.head()
    await until(async () => province.facilities()[0]!.anchor?.ledgerSeq === 7)
    expect(province.facilities()[0]).toMatchObject({ anchor: { ledgerHash: head.hash }, anchorConflicts: 0 })
    expect(await ledger.verify(1, items)).toMatchObject({ ok: true, entries: 7, anchors: items.length })
  }, 30_000)

  test('are handed out in pages', async () => {
    const whole = (await anchors()).items
    const paged: AnchorClaim[] = []
    for (let next: string | null = ''; next !== null; ) {
      const page = await anchors(`&limit=1${next === '' ? '' : `&cursor=${next}`}`)
      paged.push(...page.items)
      next = page.next
    }
    expect(paged).toEqual(whole)
  })

  test('find a ledger that was rewritten with its own keys, by the first entry that differs from what they fix', async () => {
    const { items } = await anchors()
    const rewritten = await openLedger({ dir: join(folder, 'rewritten'), clock, facilityKey: 'k' })
    await rewritten.append([...entries(3, 'first'), ...entries(4, 'forged')])
    expect(await rewritten.verify()).toMatchObject({ ok: true })
    // The clock of the first three differs too: the earliest anchor tells already.
    expect(await rewritten.verify(1, items)).toMatchObject({
      ok: false,
      badSeq: 3,
      detail: expect.stringContaining('rewritten'),
    })
    await rewritten.close()
    const shortened = await openLedger({ dir: join(folder, 'shortened'), clock, facilityKey: 'k' })
    expect(await shortened.verify(1, items)).toMatchObject({
      ok: false,
      badSeq: 1,
      detail: expect.stringContaining('missing'),
    })
    await shortened.close()
  }, 30_000)

  test('that contradict an earlier one are marked by the province itself', async () => {
    const head = ledger.head()
    const real = ledger.head.bind(ledger)
    ledger.head = () => ({ seq: head.seq - 1, hash: 'ab'.repeat(32) })
    try {
      for (let i = 0; i < 600 && !(await anchors()).items.some((a) => a.contradicted); i++) {
        clock.advanceTo(clock.now() + 2_000)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    } finally {
      ledger.head = real
    }
    expect((await anchors()).items.filter((a) => a.contradicted)).toMatchObject([{ ledgerSeq: head.seq - 1 }])
    await until(async () => province.facilities()[0]!.anchorConflicts === 1)
  }, 30_000)
})
