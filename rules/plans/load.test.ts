import { describe, expect, test } from 'vitest'
import { loadPlans } from './load.ts'

describe('the response plans', () => {
  test('RP1 to RP14 are there, each step with a channel and words in both languages', () => {
    const plans = loadPlans()
    expect(plans.map((p) => p.id)).toEqual(Array.from({ length: 14 }, (_, i) => `RP${i + 1}`))
    for (const plan of plans) expect(new Set(plan.steps.map((s) => s.id)).size, plan.id).toBe(plan.steps.length)
  })

  test('answers leave out steps of their own plan that come later, and go on with plans that exist', () => {
    const plans = loadPlans()
    const asking = plans
      .flatMap((plan) => plan.steps.map((step, i) => ({ plan, step, i })))
      .filter((x) => x.step.answers)
    expect(asking.length).toBeGreaterThanOrEqual(5)
    for (const { plan, step, i } of asking)
      for (const answer of step.answers!) {
        if (answer.plan) expect(plans.map((p) => p.id)).toContain(answer.plan)
        for (const skipped of answer.skips ?? [])
          expect(
            plan.steps.findIndex((s) => s.id === skipped),
            `${plan.id} ${step.id}: ${skipped}`,
          ).toBeGreaterThan(i)
      }
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
