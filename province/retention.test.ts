import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { createIntake } from './intake.ts'
import { DEFAULT_KEEP_MS, expire } from './retention.ts'
import { alertMessage, healthMessage, type Message, message, START } from './sample-messages.ts'
import { openStore } from './store/open.ts'
import { alertHistory, facilityStates, listAlerts, putFacilities } from './store/queries.ts'

const dir = mkdtempSync(join(tmpdir(), 'ww-province-old-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const SCOPE = { lines: ['prison' as const, 'detox' as const], facilities: ['js-03'] }
const DAY = 86_400_000

test('what is too old goes with its count, open alerts stay, and what is sent again afterwards is still known', {
  timeout: 300_000,
}, async () => {
  const store = await openStore({ dataDir: dir })
  const clock = new VirtualClock(START)
  await putFacilities(store, [{ id: 'js-03', name: { zh: '', en: '' }, kind: 'prison', city: null, line: 'prison' }])
  const intake = createIntake({ store, clock, knows: (id) => id === 'js-03' })
  const send = (m: Message) => intake.accept(m.topic, m.payload, 'js-03')
  const opened = alertMessage('js-03', 1, { id: 'aOpen' })
  for (const m of [
    opened,
    alertMessage('js-03', 2, { id: 'aDone' }),
    alertMessage('js-03', 3, { id: 'aDone', state: 'resolved' }, { change: 'resolved' }),
    healthMessage('js-03', 4),
    message('js-03', 'indicator', 5, { indicator: 'I04', from: START, to: START + 3_600_000, value: 0.25, n: 4 }),
    message('js-03', 'health', 6, { at: 'never' }),
  ])
    await send(m)
  expect(await expire(store, DEFAULT_KEEP_MS, START + 20 * DAY)).toEqual({
    alerts: 0,
    indicators: 0,
    health: 0,
    envelopes: 0,
    quarantine: 0,
  })
  expect(await expire(store, DEFAULT_KEEP_MS, START + 5 * 365 * DAY)).toEqual({
    alerts: 1,
    indicators: 1,
    health: 1,
    envelopes: 6,
    quarantine: 1,
  })
  expect((await listAlerts(store, SCOPE, { limit: 10 })).items.map((a) => a.id)).toEqual(['aOpen'])
  expect(await alertHistory(store, 'js-03', 'aDone')).toEqual([])
  expect(await send(opened)).toBe('duplicate')
  // An edge that was rebuilt counts from 1 again: newer than all that is known, and no duplicate.
  const rebuilt = alertMessage('js-03', 1, { id: 'aNew' })
  const envelope = JSON.parse(rebuilt.payload.toString())
  envelope.time = new Date(START + 6 * 365 * DAY).toISOString()
  expect(await send({ ...rebuilt, payload: Buffer.from(JSON.stringify(envelope)) })).toBe('applied')
  const [state] = await facilityStates(store, SCOPE)
  expect(state?.epoch).toBe(2)
  await intake.close()
  await store.close()
})
