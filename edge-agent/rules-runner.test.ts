import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type EdgeJournal, openJournal } from '#ingest/journal/journal.ts'
import { VirtualClock } from '#model/clock.ts'
import type { Reading } from '#model/reading.ts'
import type { Site } from '#model/site/load.ts'
import { RulesRunner } from './rules-runner.ts'

const T = 1_800_000_000_000
const site = {
  facility: { id: 'js-03', kind: 'prison', timezone: 'Asia/Shanghai' },
  zones: [{ id: 'W1', kind: 'corridor' }],
  devices: [
    { id: 'D1', driver: 'opcua', kind: 'door', zone: 'W1' },
    { id: 'B1', driver: 'mqtt', kind: 'band', subject: 'P1' },
  ],
  people: [{ id: 'P1', cell: 'W1' }],
} as unknown as Site
const doorOpens: Reading = {
  id: 'r1',
  facility: 'js-03',
  zone: null,
  device: 'D1',
  type: 'door.state',
  time: T,
  received: T,
  quality: 'good',
  subject: null,
  value: { state: 'open' },
}

let dir = ''
const open: { close(): unknown }[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ww-rules-runner-'))
})
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
  rmSync(dir, { recursive: true, force: true })
})

async function runner(
  clock: VirtualClock,
  journal: EdgeJournal,
  name = 'state',
  write?: (file: string, text: string) => Promise<void>,
) {
  const raised: string[] = []
  const faults: string[] = []
  const rules = new RulesRunner({
    site,
    clock,
    journal,
    stateFile: join(dir, name),
    ...(write ? { write } : {}),
    onChange: ({ change, alert }, source) => raised.push(`${source} ${change} ${alert.code} ${alert.device}`),
    onNotConfirmed: () => undefined,
    onFault: (detail) => faults.push(detail),
  })
  const started = await rules.start()
  return { rules, raised, faults, started }
}

describe('the rules of a running edge', () => {
  test('judge after a restart what was journaled before it and still waited, once and no more', async () => {
    const clock = new VirtualClock(T)
    const journal = await openJournal({ dir, clock, thread: false })
    open.push(journal)
    const first = await runner(clock, journal)
    await journal.append([{ kind: 'reading', reading: doorOpens }])
    clock.advanceTo(T + 1000)
    await first.rules.close()
    expect(first.raised).toEqual([])

    const second = await runner(clock, journal)
    open.push(second.rules)
    expect(second.started.replayed).toBe(0)
    expect(second.faults).toEqual([])
    clock.advanceTo(T + 9000)
    expect(second.raised).toEqual(['ordered raised R07 D1'])
  })

  test('keep no state before the alerts that it has given rise to are durable, nor when one was lost', async () => {
    const clock = new VirtualClock(T)
    const journal = await openJournal({ dir, clock, thread: false })
    open.push(journal)
    const kept: number[] = []
    const durable: { resolve(): void; reject(error: Error): void }[] = []
    const rules = new RulesRunner({
      site,
      clock,
      journal,
      stateFile: join(dir, 'state'),
      write: async (file, text) => {
        if (file.endsWith('state')) kept.push((JSON.parse(text.split('\n')[0]!) as { seq: number }).seq)
      },
      onChange: () => new Promise<void>((resolve, reject) => durable.push({ resolve, reject })),
      onNotConfirmed: () => undefined,
      onFault: () => undefined,
    })
    open.push(rules)
    await rules.start()
    const rest = () => new Promise((resolve) => setImmediate(resolve))
    const openAt = (n: number) => ({ ...doorOpens, id: `r${n}`, time: T + n, received: T + n })
    await rest()
    expect(kept).toEqual([0])
    await journal.append([{ kind: 'reading', reading: openAt(1) }])
    clock.advanceTo(T + 31_000)
    await rest()
    expect(durable.length).toBeGreaterThan(0)
    expect(kept).toEqual([0])
    for (const change of durable) change.resolve()
    await rest()
    expect(kept).toEqual([0, 1])
    for (let step = 0; step < 6; step++) {
      clock.advanceTo(T + 70_000 + step * 31_000)
      for (const change of durable.splice(0)) change.reject(new Error('the journal has failed'))
      await rest()
    }
    expect(kept.every((seq) => seq <= 1)).toBe(true)
  })

  test('judge many samples piece by piece, news and what came before it at once, and lose none of them at the end', async () => {
    const clock = new VirtualClock(T)
    const journal = await openJournal({ dir, clock, thread: false })
    open.push(journal)
    const { rules } = await runner(clock, journal)
    let n = 0
    const samples = (count: number) =>
      Array.from({ length: count }, () => {
        const value = { celsius: 20 }
        return { kind: 'reading' as const, reading: { ...doorOpens, id: `s${n++}`, type: 'env.temperature', value } }
      })
    const news = { kind: 'reading' as const, reading: { ...doorOpens, id: 'news' } }
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    await journal.append(samples(20))
    expect(rules.position).toBe(8)
    await turn()
    expect(rules.position).toBe(16)
    await journal.append([...samples(10), news, ...samples(40)])
    expect(rules.position).toBe(31)
    for (let i = 0; i < 5; i++) await turn()
    expect([rules.position, rules.evaluated]).toEqual([71, 71])
    // More than the rules can put off: the sources must wait for them.
    await journal.append(samples(600))
    expect(rules.position).toBe(671)
    await journal.append(samples(30))
    await rules.close()
    expect([rules.position, rules.evaluated]).toEqual([701, 701])
  })

  test('judge no source absent for an outage before the last one, when the state of the process between was never kept', async () => {
    const clock = new VirtualClock(T)
    const journal = await openJournal({ dir, clock, thread: false })
    open.push(journal)
    const battery = {
      ...doorOpens,
      id: 'b1',
      device: 'B1',
      type: 'band.battery',
      subject: 'P1',
      value: { percent: 80 },
    }
    const first = await runner(clock, journal)
    await journal.append([{ kind: 'reading', reading: battery }])
    clock.advanceTo(T + 1000)
    await first.rules.close()

    // An hour without power; the process that starts then is killed before it has kept a state.
    clock.advanceTo(T + 3_600_000)
    const killed = await runner(clock, journal, 'state', async (file, text) => {
      if (file.endsWith('.starts')) writeFileSync(file, text)
      else throw new Error('killed')
    })
    await journal.append([
      { kind: 'reading', reading: { ...doorOpens, id: 'd1', time: T + 3_601_000, received: T + 3_601_000 } },
    ])
    await killed.rules.close()

    clock.advanceTo(T + 3_605_000)
    const last = await runner(clock, journal)
    open.push(last.rules)
    clock.advanceTo(T + 3_620_000)
    expect(last.raised.filter((line) => line.includes('B1'))).toEqual([])
  })

  test('say so when the kept state cannot be read, and make it again from the journal', async () => {
    const clock = new VirtualClock(T)
    const journal = await openJournal({ dir: join(dir, 'other'), clock, thread: false })
    open.push(journal)
    await journal.append([{ kind: 'reading', reading: doorOpens }])
    writeFileSync(join(dir, 'broken'), 'nonsense\n')
    const third = await runner(clock, journal, 'broken')
    open.push(third.rules)
    expect(third.faults).toHaveLength(1)
    expect(third.started.replayed).toBe(1)
    clock.advanceTo(T + 9000)
    expect(third.raised).toEqual(['ordered raised R07 D1'])
  })

  test('what the kept state does not hold yet stays in the journal, however short its retention', async () => {
    const clock = new VirtualClock(T)
    const journal = await openJournal({
      dir,
      clock,
      thread: false,
      ballastBytes: 0,
      retentionMs: { L1: 1, L2: 1, L3: 1 },
    })
    open.push(journal)
    const { rules } = await runner(clock, journal)
    open.push(rules)
    await journal.append([{ kind: 'reading', reading: doorOpens }])
    clock.advanceTo(T + 20_000)
    await journal.append([{ kind: 'reading', reading: { ...doorOpens, id: 'r2', time: T + 20_000 } }])
    await journal.expire()
    expect((await journal.read(1, 10)).map((r) => r.seq)).toEqual([1, 2])
    // A state from after both is kept, and both were judged a minute ago: now they may go.
    await rules.save()
    for (let now = T + 30_000; now <= T + 150_000; now += 30_000) {
      clock.advanceTo(now)
      await rules.save()
    }
    await journal.expire()
    expect(await journal.read(1, 10)).toEqual([])
  })
})
