import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Store } from '#province/store/sql.ts'
import { openProvinceStore } from './province-node.ts'
import { simulate } from './simulate.ts'
import { LONG } from './weather.ts'

let store: Store
beforeAll(async () => {
  store = await openProvinceStore()
}, 120_000)
afterAll(() => store?.close())

// The others by hand and in .ci/run: `npm run simulate:fuzz -- --plan NAME`.
test.each(['stores-gone-24h', 'clock-steps-6h'])(
  '%s: everything is there once, in order, when it is over',
  { timeout: 600_000 },
  async (plan) => {
    const outcome = await simulate(1, store, { weather: LONG[plan]! })
    expect(outcome.violations).toEqual([])
    expect(outcome.acknowledged).toBeGreaterThan(1000)
    expect(outcome.alerts).toBeGreaterThan(20)
  },
)
