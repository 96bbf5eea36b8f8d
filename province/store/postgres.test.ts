import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { createIntake } from '../intake.ts'
import { clearLinkLost, raiseLinkLost } from '../own-alerts.ts'
import { alertMessage, healthMessage, type Message, message, START } from '../sample-messages.ts'
import { migrate, openStore } from './open.ts'
import { postgresPrograms, startPostgres } from './postgres-process.ts'
import {
  alertHistory,
  changesAfter,
  facilityStates,
  getAlert,
  lastOrd,
  listAlerts,
  listIndicators,
  putFacilities,
} from './queries.ts'
import type { Store } from './sql.ts'

const FACILITY = { id: 'js-03', name: { zh: '', en: '' }, kind: 'prison' as const, city: null, line: 'prison' as const }
const SCOPE = { lines: ['prison' as const, 'detox' as const], facilities: ['js-03'] }

/** What the province does with its store, whichever engine it is: the outcomes must be the same, byte for byte. */
async function story(store: Store): Promise<unknown> {
  await putFacilities(store, [FACILITY])
  const intake = createIntake({ store, clock: new VirtualClock(START), knows: (id) => id === 'js-03' })
  const send = (m: Message) => intake.accept(m.topic, m.payload, 'js-03')
  const outcomes = await Promise.all([
    send(alertMessage('js-03', 2, { id: 'aA', state: 'acknowledged', ackAt: START }, { change: 'acknowledged' })),
    send(alertMessage('js-03', 1, { id: 'aA' })),
    send(healthMessage('js-03', 3)),
    send(alertMessage('js-03', 2, { id: 'aA', state: 'acknowledged', ackAt: START }, { change: 'acknowledged' })),
    send(message('js-03', 'indicator', 4, { indicator: 'I04', from: 0, to: 3_600_000, value: 0.25, n: 4 })),
    send(message('js-03', 'anchor', 5, { at: START, ledgerSeq: 9, ledgerHash: 'ab' })),
    send(message('js-03', 'health', 6, { at: 'never' })),
    send(alertMessage('js-03', 9, { id: 'aB', level: 'yellow' })),
  ])
  await raiseLinkLost(store, 'js-03', 'js-03-3', START + 90_000, 90_000)
  await clearLinkLost(store, 'js-03', START + 120_000)
  const alerts = await listAlerts(store, SCOPE, { limit: 2, level: ['red', 'orange', 'yellow'] })
  const last = alerts.items.at(-1)!
  return {
    outcomes,
    alerts,
    rest: await listAlerts(store, SCOPE, {
      limit: 5,
      after: { raisedAt: last.raisedAt, facility: last.facility, id: last.id },
    }),
    one: await getAlert(store, SCOPE, 'aA'),
    history: await alertHistory(store, 'js-03', 'aA'),
    indicators: await listIndicators(store, SCOPE, { from: 0, limit: 10 }),
    states: await facilityStates(store, SCOPE),
    stream: (await changesAfter(store, 0, 100)).map((c) => c.change.change),
    last: typeof (await lastOrd(store)),
    again: await migrate(store),
  }
}

const found = postgresPrograms()

describe.skipIf(!found)('the store on a PostgreSQL server (skipped where PostgreSQL is not installed)', () => {
  let stop: () => Promise<void>
  let url: string

  beforeAll(async () => {
    ;({ url, stop } = await startPostgres())
  }, 120_000)
  afterAll(() => stop?.())

  test('gives the same answers as the embedded store', { timeout: 120_000 }, async () => {
    const embeddedFolder = mkdtempSync(join(tmpdir(), 'ww-province-'))
    const [server, embedded] = [
      await openStore({ url, dataDir: embeddedFolder }),
      await openStore({ dataDir: embeddedFolder }),
    ]
    try {
      expect(server.engine).toBe('postgres')
      expect(await story(server)).toEqual(await story(embedded))
    } finally {
      await server.close()
      await embedded.close()
      rmSync(embeddedFolder, { recursive: true, force: true })
    }
  })
})

test('a PostgreSQL server that does not answer is named in one sentence', async () => {
  await expect(openStore({ url: 'postgres://ww@127.0.0.1:1/none', dataDir: '/nowhere' })).rejects.toThrow(
    /The PostgreSQL server at 127\.0\.0\.1:1 cannot be used \(.*ECONNREFUSED.*\); check store\.url\./,
  )
})
