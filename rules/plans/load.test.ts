import { describe, expect, test } from 'vitest'
import { LEVELS } from '#model/alert/alert.ts'
import { planOf } from '../alerts/raising.ts'
import { CATALOGUE_DIR, loadRules } from '../catalogue/load.ts'
import { loadPlans } from './load.ts'

const RULES = loadRules(CATALOGUE_DIR)

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

  test('every plan that a rule names exists, at every level of it', () => {
    const known = loadPlans().map((p) => p.id)
    for (const { file } of RULES)
      for (const plan of [file.plan, ...Object.values(file.planAt), ...file.planAlso])
        if (plan !== null) expect(known, file.code).toContain(plan)
  })

  test('plans of red alerts work through three channels or more', () => {
    const reds = RULES.filter((rule) => rule.file.levels.includes('red')).map((rule) => planOf(rule, 'red'))
    for (const id of new Set(reds.filter((plan) => plan !== null)))
      expect(
        new Set(
          loadPlans()
            .find((p) => p.id === id)
            ?.steps.map((s) => s.channel),
        ).size,
        id,
      ).toBeGreaterThanOrEqual(3)
  })

  test('the plan of an alert follows its level: a score of seven sends the medic, not the nurse', () => {
    const news2 = RULES.find((rule) => rule.code === 'R31')!
    expect(LEVELS.map((level) => planOf(news2, level))).toEqual(['RP7', 'RP8', 'RP8', 'RP8'])
    const tailgating = RULES.find((rule) => rule.code === 'R12')!
    expect(LEVELS.map((level) => planOf(tailgating, level))).toEqual(['RP3', 'RP3', 'RP2', 'RP2'])
  })
})
