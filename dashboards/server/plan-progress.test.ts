import { describe, expect, test } from 'vitest'
import type { AlertChange } from '#model/alert/alert.ts'
import type { Plan } from '#model/ports/facility.ts'
import { openSteps, planView } from './plan-progress.ts'

const step = (id: string, answers?: Plan['steps'][number]['answers']) => ({
  id,
  channel: 'people' as const,
  text: { zh: id, en: id },
  required: true,
  targetS: null,
  ...(answers ? { answers } : {}),
})
const text = { zh: '', en: '' }
const plans: Plan[] = [
  {
    id: 'RP1',
    version: '2',
    name: { zh: '周界', en: 'Perimeter' },
    steps: [
      step('verify', [
        { id: 'real', text },
        { id: 'false', text, skips: ['dispatch'] },
      ]),
      step('dispatch'),
      step('record'),
    ],
  },
  {
    id: 'RP4',
    version: '2',
    name: { zh: '越界', en: 'Geofence' },
    steps: [step('contact', [{ id: 'none', text, plan: 'RP1' }]), step('reason')],
  },
]
const did = (name: string, more: object = { done: true }) =>
  ({ change: 'plan-step', by: 'S01', at: 7, note: JSON.stringify({ step: name, ...more }) }) as AlertChange

describe('a plan as it stands', () => {
  test('an answer leaves out what it makes needless, and only that', () => {
    const view = planView('RP1', plans, [did('verify', { done: true, answer: 'false' })])
    expect(view.steps.map((s) => [s.id, s.moot?.answer ?? null])).toEqual([
      ['verify', null],
      ['dispatch', 'false'],
      ['record', null],
    ])
    const real = planView('RP1', plans, [did('verify', { done: true, answer: 'real' })])
    expect(real.steps.every((s) => s.moot === null)).toBe(true)
  })

  test('an answer goes on with another plan, whose own answers count again', () => {
    const on = did('contact', { done: true, answer: 'none' })
    const view = planView('RP4', plans, [on, did('RP1:verify', { done: true, answer: 'false' })])
    expect(view.wentOn).toEqual(['RP1'])
    expect(view.steps.map((s) => [s.plan, s.id, s.moot !== null])).toEqual([
      ['RP4', 'contact', false],
      ['RP4', 'reason', false],
      ['RP1', 'RP1:verify', false],
      ['RP1', 'RP1:dispatch', true],
      ['RP1', 'RP1:record', false],
    ])
  })

  test('a skipped question answers nothing; an unknown answer neither; plans that lead in a circle end', () => {
    const skipped = planView('RP4', plans, [did('contact', { skipped: true, answer: 'none', note: 'x' })])
    expect(skipped.wentOn).toEqual([])
    expect(planView('RP4', plans, [did('contact', { done: true, answer: '??' })]).wentOn).toEqual([])
    const circle: Plan[] = plans.map((p) => ({
      ...p,
      steps: [step('go', [{ id: 'on', text, plan: p.id === 'RP1' ? 'RP4' : 'RP1' }])],
    }))
    const view = planView('RP1', circle, [
      did('go', { done: true, answer: 'on' }),
      did('RP4:go', { done: true, answer: 'on' }),
    ])
    expect(view.wentOn).toEqual(['RP4'])
  })

  test('the last word on a step counts, and a plan that nobody knows is named', () => {
    const view = planView('RP1', plans, [did('record', { skipped: true, note: 'later' }), did('record')])
    expect(view.progress).toMatchObject([{ step: 'record', done: true, skipped: false, by: 'S01', at: 7 }])
    expect(planView('RP99', plans, [])).toMatchObject({ version: null, name: { zh: 'RP99' }, steps: [] })
  })

  test('a plan that the rule wants beside it stands below it, and its required steps count', () => {
    const view = planView('RP4', plans, [did('contact', { done: true, answer: 'none' })], ['RP1'])
    expect(view.wentOn, 'no plan twice').toEqual(['RP1'])
    const beside = planView('RP4', plans, [], ['RP1'])
    expect(beside.steps.map((s) => s.id)).toEqual(['contact', 'reason', 'RP1:verify', 'RP1:dispatch', 'RP1:record'])
    expect(beside.plans.map((p) => [p.id, p.name.zh, p.why])).toEqual([
      ['RP4', '越界', 'own'],
      ['RP1', '周界', 'beside'],
    ])
    expect(view.plans.map((p) => p.why)).toEqual(['own', 'answer'])
    expect(openSteps(beside)).toHaveLength(5)
  })

  test('an alert that rises gets another plan; what was done of the first one stays in view, the rest is asked of nobody', () => {
    const under = (plan: string, change: AlertChange) => ({ ...change, alert: { plan } as AlertChange['alert'] })
    const before = [under('RP4', did('reason'))]
    expect(planView('RP4', plans, before).progress).toMatchObject([{ step: 'reason', done: true }])
    const view = planView('RP1', plans, [...before, under('RP1', did('verify', { done: true, answer: 'false' }))])
    expect(view.steps.map((s) => s.id)).toEqual(['verify', 'dispatch', 'record', 'RP4:reason'])
    expect(view.plans.map((p) => [p.id, p.why])).toEqual([
      ['RP1', 'own'],
      ['RP4', 'earlier'],
    ])
    expect(view.progress.map((w) => w.step)).toEqual(['RP4:reason', 'verify'])
    expect(openSteps(view).map((s) => s.id)).toEqual(['record'])
  })
})
