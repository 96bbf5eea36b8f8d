import { describe, expect, test } from 'vitest'
import { loadPlans } from './load.ts'

describe('the response plans', () => {
  test('RP1 to RP14 are there, each step with a channel and words in both languages', () => {
    const plans = loadPlans()
    expect(plans.map((p) => p.id)).toEqual(Array.from({ length: 14 }, (_, i) => `RP${i + 1}`))
    for (const plan of plans) expect(new Set(plan.steps.map((s) => s.id)).size, plan.id).toBe(plan.steps.length)
  })

  test('plans of red alerts work through three channels or more', () => {
    for (const id of ['RP1', 'RP3', 'RP6', 'RP7', 'RP9', 'RP10', 'RP12'])
      expect(
        new Set(
          loadPlans()
            .find((p) => p.id === id)
            ?.steps.map((s) => s.channel),
        ).size,
        id,
      ).toBeGreaterThanOrEqual(3)
  })
})
