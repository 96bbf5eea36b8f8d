import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { createIntake, type Intake } from './intake.ts'
import { alertMessage, healthMessage, type Message, message, START, sharedAlert } from './sample-messages.ts'
import { openStore } from './store/open.ts'
import { putFacilities } from './store/queries.ts'
import type { Store } from './store/sql.ts'

const FACILITIES = ['js-03', 'js-04'].map((id) => ({
  id,
  name: { zh: id, en: id },
  kind: 'prison' as const,
  city: null,
  line: 'prison' as const,
}))
const TABLES = 'envelopes, alerts, alert_changes, own_alerts, indicators, health, anchors, gaps, quarantine, facilities'

let folder: string
let store: Store
let intake: Intake
const clock = new VirtualClock(START)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ww-province-'))
  store = await openStore({ dataDir: folder })
})
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  await store.script(`TRUNCATE ${TABLES}`)
  await putFacilities(store, FACILITIES)
  intake = createIntake({ store, clock, knows: (id) => FACILITIES.some((f) => f.id === id) })
})

const send = (m: Message, identity = m.topic.split('/')[2]!) => intake.accept(m.topic, m.payload, identity)
const count = async (table: string): Promise<number> =>
  (await store.query<{ n: number }>(`SELECT count(*)::integer AS n FROM ${table}`))[0]!.n
const sequences = async (facility = 'js-03'): Promise<string> =>
  (await store.query<{ sequences: string }>('SELECT sequences FROM facilities WHERE id = $1', [facility]))[0]!.sequences

describe('intake', () => {
  test('a message is applied once, however often it comes', async () => {
    const m = alertMessage('js-03', 1)
    expect(await Promise.all([send(m), send(m), send(m)])).toEqual(['applied', 'duplicate', 'duplicate'])
    expect(await send(m)).toBe('duplicate')
    expect(await count('alert_changes')).toBe(1)
    expect(intake.counters).toMatchObject({ received: 4, applied: 1, duplicates: 3 })
  })

  test('any order with repetitions ends in the same store', async () => {
    const messages = [
      alertMessage('js-03', 1, { id: 'aONE' }),
      healthMessage('js-03', 2),
      alertMessage('js-03', 3, { id: 'aONE', state: 'acknowledged', ackAt: START }, { change: 'acknowledged' }),
      alertMessage('js-03', 4, { id: 'aTWO', level: 'yellow' }),
      alertMessage('js-03', 5, { id: 'aTWO', level: 'orange' }, { change: 'escalated' }),
      message('js-03', 'indicator', 6, { indicator: 'I04', from: 0, to: 10, value: 0.9, n: 20 }),
      message('js-03', 'indicator', 7, { indicator: 'I04', from: 0, to: 10, value: 0.8, n: 25 }),
      message('js-03', 'anchor', 8, { at: START, ledgerSeq: 4, ledgerHash: 'cd' }),
    ]
    const stored = async () => ({
      alerts: await store.query('SELECT facility, id, level, state, open, alert FROM alerts ORDER BY id'),
      changes: await store.query('SELECT alert, sequence, change, at FROM alert_changes ORDER BY sequence'),
      indicators: await store.query('SELECT * FROM indicators'),
      anchors: await count('anchors'),
      sequences: await sequences(),
    })
    await Promise.all(messages.map((m) => send(m)))
    const expected = await stored()
    expect(expected.sequences).toBe('1-8')
    expect(expected.indicators[0]).toMatchObject({ value: 0.8, n: 25 })
    const orders = fc.shuffledSubarray([...messages, ...messages], { minLength: 16 })
    await fc.assert(
      fc.asyncProperty(orders, fc.boolean(), async (order, together) => {
        await store.script(`TRUNCATE ${TABLES}`)
        await putFacilities(store, FACILITIES)
        if (together) await Promise.all(order.map((m) => send(m)))
        else for (const m of order) await send(m)
        expect(await stored()).toEqual(expected)
      }),
      { numRuns: 12 },
    )
  })

  test('facilities count for themselves, and the same alert id in two of them is two alerts', async () => {
    expect(await Promise.all([send(alertMessage('js-03', 1)), send(alertMessage('js-04', 1))])).toEqual([
      'applied',
      'applied',
    ])
    expect(await count('alerts')).toBe(2)
  })

  test('what may not cross is quarantined without its values, takes up its number, and harms nobody else', async () => {
    const bad = message('js-03', 'alert', 2, {
      at: 1,
      change: 'raised',
      by: null,
      alert: { ...sharedAlert(), explanation: { zh: '张三心率异常', en: 'x' } },
    })
    const outcomes = await Promise.all([
      send(alertMessage('js-03', 1)),
      send(bad),
      send(alertMessage('js-04', 1)),
      send(alertMessage('js-03', 3)),
    ])
    expect(outcomes).toEqual(['applied', 'quarantined', 'applied', 'applied'])
    expect(await sequences()).toBe('1-3')
    const kept = await store.query<{ cause: string; payload: string }>('SELECT cause, payload FROM quarantine')
    expect(kept).toHaveLength(1)
    expect(kept[0]!.cause).toBe('not-shareable')
    expect(kept[0]!.payload).not.toContain('张三')
    expect(await send(bad)).toBe('duplicate')
    const repaired = alertMessage('js-03', 2)
    expect(await send(repaired)).toBe('applied')
    expect(await send(repaired)).toBe('duplicate')
  })

  test('a facility that is not in the configuration is refused and counted', async () => {
    expect(await send(alertMessage('zz-99', 1))).toBe('quarantined')
    expect(await count('alerts')).toBe(0)
    expect(await count('quarantine')).toBe(1)
  })

  test('an edge rebuilt from nothing starts a new life of its counter instead of being taken for a repetition', async () => {
    const old = [1, 2, 3].map((n) => alertMessage('js-03', n, { id: `aOLD${n}` }))
    for (const m of old) await send(m)
    const later = { time: new Date(START + 3_600_000).toISOString() }
    const fresh = message(
      'js-03',
      'alert',
      1,
      { at: START + 3_600_000, change: 'raised', by: null, alert: sharedAlert({ id: 'aNEW' }) },
      later,
    )
    expect(await send(fresh)).toBe('applied')
    expect(await count('alerts')).toBe(4)
    expect(await send(fresh)).toBe('duplicate')
    for (const m of old) expect(await send(m)).toBe('duplicate')
    expect(intake.counters.restarts).toBe(1)
  })

  test('an older message under a used number is kept aside as a conflict', async () => {
    await send(alertMessage('js-03', 1))
    await send(alertMessage('js-03', 2))
    expect(await send(alertMessage('js-03', 1, { id: 'aOTHER' }))).toBe('quarantined')
    const kept = await store.query<{ cause: string }>('SELECT cause FROM quarantine')
    expect(kept).toEqual([{ cause: 'sequence-conflict' }])
  })

  test('a full queue defers without acknowledging, and says so', async () => {
    const narrow = createIntake({ store, clock, knows: () => true, maxQueue: 3 })
    const outcomes = await Promise.allSettled(
      [1, 2, 3, 4, 5].map((n) => {
        const m = alertMessage('js-03', n)
        return narrow.accept(m.topic, m.payload, 'js-03')
      }),
    )
    expect(outcomes.filter((o) => o.status === 'rejected').length).toBeGreaterThan(0)
    expect(narrow.counters.deferred).toBe(outcomes.filter((o) => o.status === 'rejected').length)
    expect(await count('alert_changes')).toBe(outcomes.filter((o) => o.status === 'fulfilled').length)
  })

  test('when the store fails, nothing is acknowledged and nothing half written', async () => {
    const failing: Store = { ...store, transaction: () => Promise.reject(new Error('the disk is full')) }
    const broken = createIntake({ store: failing, clock, knows: () => true })
    const m = alertMessage('js-03', 1)
    await expect(broken.accept(m.topic, m.payload, 'js-03')).rejects.toThrow('the disk is full')
    expect(await sequences()).toBe('')
    expect(await send(m)).toBe('applied')
  })
})
