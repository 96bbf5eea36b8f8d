import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { openDesk } from '../desk/desk.ts'
import { openEscalation } from '../desk/escalation.ts'
import { openJournal } from '../journal/journal.ts'
import { START, sampleChange } from '../journal/sample-records.ts'
import { openLedger } from '../ledger/ledger.ts'
import { openWebhook, outwardKind, type ReceiptNote, signatureOf, type WebhookOptions } from './webhook.ts'

const dirs: string[] = []
const ends: (() => unknown)[] = []
const patience = { timeout: 20_000 }
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

interface Heard {
  headers: IncomingHttpHeaders
  body: string
  json: { id: string; type: string; data: Record<string, unknown> & { alert: Record<string, unknown> } }
}

/** A sink on a real socket that answers what it is told to. */
async function sink(answers: number[] = [], port = 0) {
  const heard: Heard[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      heard.push({ headers: request.headers, body, json: JSON.parse(body) })
      const status = answers.shift() ?? 202
      response.writeHead(status, status === 307 ? { location: 'http://192.0.2.9/' } : {}).end('ok\u0007')
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  ends.push(close)
  return { heard, close, port: (server.address() as AddressInfo).port }
}

async function house(url: string, more: Partial<WebhookOptions> = {}, dir = mkdtempSync(join(tmpdir(), 'ww-hook-'))) {
  dirs.push(dir)
  const clock = new VirtualClock(START + 60_000)
  const journal = await openJournal({ dir, clock, ballastBytes: 0, thread: false })
  ends.push(() => journal.close())
  const ledger = await openLedger({ dir, clock, thread: false })
  ends.push(() => ledger.close())
  const desk = await openDesk({ dir, facility: 'js-03', clock, journal, ledger, thread: false })
  ends.push(() => desk.close())
  const webhook = await openWebhook({
    url,
    secret: 'k3y',
    facility: 'js-03',
    journal,
    clock,
    random: () => 0.5,
    receipt: (alert, at, note) => desk.remark(alert, at, note),
    ruleName: () => ({ zh: '攀高', en: 'Climbing' }),
    ...more,
  })
  ends.push(() => webhook.close())
  const receipts = async (n = 1) =>
    (await desk.timeline(sampleChange(n).alert.id)).flatMap((c) =>
      c.change === 'commented' && c.by === 'system' ? [JSON.parse(c.note!) as ReceiptNote] : [],
    )
  const dispatch = (n = 1, units = ['巡逻一组']) =>
    desk.act(
      { act: 'dispatch', alert: sampleChange(n).alert.id, time: clock.now(), by: 'S01', units, note: '东段围墙' },
      { id: 'S01', role: 'chief' },
    )
  return { dir, clock, journal, ledger, desk, webhook, receipts, dispatch }
}

describe('webhook sink', () => {
  test('a dispatch goes out signed, with the units and nothing about persons, and its receipt stands in timeline and ledger', async () => {
    const { heard, port } = await sink()
    const { desk, dispatch, receipts, ledger, webhook } = await house(`http://127.0.0.1:${port}/hook`)
    await desk.apply(sampleChange(1, 'raised', { subject: 'P017', subjects: ['P017'], key: 'P017' }), {
      source: 'ordered',
    })
    expect((await dispatch()).ok).toBe(true)
    await vi.waitFor(async () => expect(await receipts()).toHaveLength(1), patience)
    expect(heard).toHaveLength(1)
    const { headers, body, json } = heard[0]!
    expect(json.type).toBe('wardwatch.dispatch.v1')
    expect(json.data).toMatchObject({ to: ['巡逻一组'], by: 'S01', note: '东段围墙', alert: { level: 'red' } })
    expect(body).not.toContain('P017')
    expect(headers['webhook-id']).toBe(json.id)
    const stamp = Number(headers['webhook-timestamp'])
    expect(headers['webhook-signature']).toBe(signatureOf('k3y', json.id, stamp, body))
    expect(headers['webhook-signature']).not.toBe(signatureOf('other', json.id, stamp, body))
    const [receipt] = await receipts()
    expect(receipt).toMatchObject({ outward: 'dispatch', ok: true, status: 202, attempts: 1, to: ['巡逻一组'] })
    await vi.waitFor(async () => {
      const entries = await ledger.list({ ref: sampleChange(1).alert.id })
      expect(entries.some((e) => JSON.stringify(e.payload).includes('\\"outward\\":\\"dispatch\\"'))).toBe(true)
    }, patience)
    expect(webhook.state()).toMatchObject({ sent: 1, failed: 0, lastError: null })
  })

  test('an escalation by the clock tells who is meant; silent members of an incident, tests and drills tell nobody', async () => {
    const { heard, port } = await sink()
    const { desk, clock, receipts } = await house(`http://127.0.0.1:${port}/`)
    const escalation = await openEscalation({ desk, clock, ladder: () => ['S05', 'S01'] })
    ends.push(() => escalation.close())
    for (const [n, more] of [
      [1, { annunciated: true }],
      [2, { annunciated: false }],
      [3, { annunciated: true, drill: true }],
    ] as const)
      await desk.apply(sampleChange(n, 'raised', { ...more, raisedAt: clock.now() }), { source: 'ordered' })
    clock.advanceTo(clock.now() + 31_000)
    await vi.waitFor(async () => expect(await receipts(1)).toHaveLength(1), patience)
    await vi.waitFor(async () => expect((await desk.get(sampleChange(3).alert.id))?.escalationStep).toBe(1), patience)
    expect(heard.map((h) => [h.json.type, h.json.data.to, h.json.data.alert.id])).toEqual([
      ['wardwatch.escalation.v1', ['S05'], sampleChange(1).alert.id],
    ])
  })

  test('an escalation by hand goes to the chief of the shift, with the words of whoever escalated', async () => {
    const { heard, port } = await sink()
    const { desk, clock, receipts } = await house(`http://127.0.0.1:${port}/`, { chief: () => ['S01'] })
    await desk.apply(sampleChange(1), { source: 'ordered' })
    const alert = sampleChange(1).alert.id
    await desk.act(
      { act: 'escalate', alert, time: clock.now(), by: 'S05', note: '请支援' },
      { id: 'S05', role: 'officer' },
    )
    await vi.waitFor(async () => expect(await receipts()).toHaveLength(1), patience)
    expect(heard[0]!.json.data).toMatchObject({ kind: 'escalation', to: ['S01'], by: 'S05', note: '请支援' })
  })

  test('a sink that is down is tried again until it answers; the receipt says how often', async () => {
    const { heard, port } = await sink([500, 429])
    const { desk, clock, dispatch, receipts, webhook } = await house(`http://127.0.0.1:${port}/`)
    await desk.apply(sampleChange(1), { source: 'ordered' })
    await dispatch()
    for (const n of [1, 2]) {
      await vi.waitFor(() => expect(webhook.state().lastError).not.toBeNull(), patience)
      await vi.waitFor(() => expect(heard).toHaveLength(n), patience)
      await vi.waitFor(() => {
        clock.advanceTo(clock.now() + 500)
        expect(heard.length).toBeGreaterThan(n)
      }, patience)
    }
    await vi.waitFor(async () => expect(await receipts()).toHaveLength(1), patience)
    expect((await receipts())[0]).toMatchObject({ ok: true, attempts: 3, status: 202 })
    expect(new Set(heard.map((h) => h.json.id)).size).toBe(1)
  })

  test.each([
    ['refuses for good', [403], { status: 403, attempts: 1 }],
    ['sends us elsewhere: the key is not taken there', [307], { status: 307, attempts: 1 }],
  ])('a sink that %s is not asked again, and that is said', async (_name, answers, expected) => {
    const { port } = await sink(answers)
    const { desk, dispatch, receipts, webhook } = await house(`http://127.0.0.1:${port}/`)
    await desk.apply(sampleChange(1), { source: 'ordered' })
    await dispatch()
    await vi.waitFor(async () => expect(await receipts()).toHaveLength(1), patience)
    expect((await receipts())[0]).toMatchObject({ ok: false, ...expected })
    expect(webhook.state()).toMatchObject({ sent: 0, failed: 1 })
  })

  test('ten minutes later it is given up and counted, and the next one is not held up', async () => {
    const { close, port } = await sink()
    await close()
    const { desk, clock, dispatch, receipts, webhook } = await house(`http://127.0.0.1:${port}/`)
    await desk.apply(sampleChange(1), { source: 'ordered' })
    await desk.apply(sampleChange(2), { source: 'ordered' })
    await dispatch(1)
    await vi.waitFor(() => expect(webhook.state().attempts).toBe(1), patience)
    await vi.waitFor(async () => {
      clock.advanceTo(clock.now() + 30_000)
      expect(await receipts(1)).toHaveLength(1)
    }, patience)
    expect((await receipts(1))[0]).toMatchObject({ ok: false, status: null, why: 'ECONNREFUSED' })
    expect(webhook.state()).toMatchObject({ failed: 1, expired: 1 })
    const again = await sink([], port)
    await dispatch(2)
    await vi.waitFor(async () => {
      clock.advanceTo(clock.now() + 1_000)
      expect(await receipts(2)).toHaveLength(1)
    }, patience)
    expect(again.heard).toHaveLength(1)
  })

  test('what was not sent before the end is sent after the next start, under the same id', async () => {
    const { close, port } = await sink()
    await close()
    const first = await house(`http://127.0.0.1:${port}/`)
    await first.desk.apply(sampleChange(1), { source: 'ordered' })
    await first.dispatch()
    await vi.waitFor(() => expect(first.webhook.state().attempts).toBe(1), patience)
    for (const end of ends.splice(0).reverse()) await end()
    const again = await sink([], port)
    const second = await house(`http://127.0.0.1:${port}/`, {}, first.dir)
    await vi.waitFor(async () => expect(await second.receipts()).toHaveLength(1), patience)
    expect(again.heard.map((h) => h.json.id)).toEqual(['js-03-3'])
    expect(again.heard[0]!.json.data.to).toEqual(['巡逻一组'])
  })

  test('only what is asked for is told', () => {
    const red = sampleChange(1, 'raised', { annunciated: true })
    expect(outwardKind(red, ['dispatch', 'escalation'])).toBeNull()
    expect(outwardKind(red, ['red'])).toBe('red')
    expect(outwardKind({ ...red, change: 'escalated', by: 'S01', note: 'come' }, ['escalation'])).toBe('escalation')
    expect(outwardKind({ ...red, change: 'escalated', by: null }, ['escalation'])).toBeNull()
    expect(outwardKind({ ...red, change: 'dispatched' }, ['escalation'])).toBeNull()
  })
})
