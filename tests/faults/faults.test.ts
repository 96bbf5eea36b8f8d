import { expect, test } from 'vitest'
import { faultRun } from './fault-run.ts'

test('an edge killed under load, and its province too, loses and doubles nothing', { timeout: 300_000 }, async () => {
  const account = await faultRun('short', { kills: 2, provinceKills: 1 })
  expect(account.detail).toEqual([])
  expect(account).toMatchObject({ ok: true, kills: 2, lost: 0, doubled: 0, alertsLost: 0, alertsDoubled: 0 })
  expect(account.acknowledged).toBe(account.published)
  expect(account.alerts).toBeGreaterThan(0)
})
