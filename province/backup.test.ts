import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Accounts } from '#dashboards/accounts.ts'
import { systemClock } from '#model/system-clock.ts'
import { answerBackups, askForBackup, backUpProvince, kindOfBackup, restoreProvince } from './backup.ts'
import { createIntake } from './intake.ts'
import { alertMessage, healthMessage, type Message } from './sample-messages.ts'
import { openStore } from './store/open.ts'
import { postgresPrograms, startPostgres } from './store/postgres-process.ts'
import { changesAfter, facilityStates, listAlerts, putFacilities } from './store/queries.ts'
import type { Store } from './store/sql.ts'

const root = mkdtempSync(join(tmpdir(), 'ww-province-copy-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const SCOPE = { lines: ['prison' as const, 'detox' as const], facilities: ['js-03'] }
const facility = {
  id: 'js-03',
  name: { zh: '\u9752\u5c9a', en: 'Q' },
  kind: 'prison' as const,
  city: null,
  line: 'prison' as const,
}
const picture = async (store: Store) => ({
  alerts: await listAlerts(store, SCOPE, { limit: 1000 }),
  stream: await changesAfter(store, 0, 1000),
  states: await facilityStates(store, SCOPE),
})

async function live(url: string | null, dataDir: string) {
  const store = await openStore({ url, dataDir })
  await putFacilities(store, [facility])
  const intake = createIntake({ store, clock: systemClock, knows: (id) => id === 'js-03' })
  const send = (m: Message) => intake.accept(m.topic, m.payload, 'js-03')
  return { store, intake, send }
}

describe('copy of a province', () => {
  test('is made while messages come, holds everything acknowledged before, and is the same after a restore', {
    timeout: 300_000,
  }, async () => {
    const dataDir = join(root, 'running')
    const { store, intake, send } = await live(null, dataDir)
    const accounts = new Accounts({ dir: join(dataDir, 'accounts'), clock: systemClock })
    await accounts.add({ id: 'wang', name: 'wang', role: 'provincial', password: 'A-long-passw0rd' })
    accounts.close()
    const end = answerBackups(store, dataDir, systemClock)
    await Promise.all([
      send(healthMessage('js-03', 1)),
      ...[2, 3, 4].map((n) => send(alertMessage('js-03', n, { id: `a${n}` }))),
    ])
    const asked = askForBackup(dataDir, join(root, 'copy'), 60_000)
    const meanwhile = Promise.all([5, 6, 7, 8].map((n) => send(alertMessage('js-03', n, { id: `a${n}` }))))
    const manifest = await asked
    await meanwhile
    const rows = manifest.files.find((file) => file.path === 'tables/alerts.ndjson')!.rows!
    expect(rows).toBeGreaterThanOrEqual(3)
    await end()
    await intake.close()
    await store.close()

    expect(await kindOfBackup(join(root, 'copy'))).toBe('province')
    await restoreProvince(join(root, 'copy'), join(root, 'back'), null)
    const back = await live(null, join(root, 'back'))
    expect((await picture(back.store)).alerts.items).toHaveLength(rows)
    // It goes on: a number that is in the copy is known, a later one is new, and the running order continues.
    expect(await back.send(alertMessage('js-03', 2, { id: 'a2' }))).toBe('duplicate')
    expect(await back.send(alertMessage('js-03', 20, { id: 'a20' }))).toBe('applied')
    const { stream } = await picture(back.store)
    expect(new Set(stream.map((c) => c.ord)).size).toBe(rows + 1)
    await back.intake.close()
    await back.store.close()
    const again = new Accounts({ dir: join(root, 'back', 'accounts'), clock: systemClock })
    expect(again.get('wang')?.role).toBe('provincial')
    again.close()

    await expect(restoreProvince(join(root, 'copy'), join(root, 'back'), null)).rejects.toThrow(/is not empty/)
    const file = join(root, 'copy/tables/alerts.ndjson')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"a2"', '"b2"'))
    await expect(restoreProvince(join(root, 'copy'), join(root, 'other'), null)).rejects.toThrow(
      /alerts\.ndjson is not as it was copied/,
    )
  })

  test.skipIf(!postgresPrograms())(
    'moves from the embedded store to a PostgreSQL server and back without a difference (skipped where PostgreSQL is not installed)',
    { timeout: 300_000 },
    async () => {
      const server = await startPostgres()
      try {
        const first = await live(null, join(root, 'small'))
        for (const n of [1, 2, 3]) await first.send(alertMessage('js-03', n, { id: `a${n}`, level: 'red' }))
        const before = await picture(first.store)
        await backUpProvince(first.store, join(root, 'small'), join(root, 'small-copy'), 1)
        await first.intake.close()
        await first.store.close()
        await restoreProvince(join(root, 'small-copy'), join(root, 'at-server'), server.url)
        const second = await live(server.url, join(root, 'at-server'))
        expect(await picture(second.store)).toEqual(before)
        expect(await second.send(alertMessage('js-03', 4, { id: 'a4' }))).toBe('applied')
        const after = await picture(second.store)
        await backUpProvince(second.store, join(root, 'at-server'), join(root, 'server-copy'), 2)
        await second.intake.close()
        await second.store.close()
        await expect(restoreProvince(join(root, 'small-copy'), join(root, 'twice'), server.url)).rejects.toThrow(
          /holds facilities already/,
        )
        await restoreProvince(join(root, 'server-copy'), join(root, 'home'), null)
        const third = await live(null, join(root, 'home'))
        expect(await picture(third.store)).toEqual(after)
        await third.intake.close()
        await third.store.close()
      } finally {
        await server.stop()
      }
    },
  )
})
