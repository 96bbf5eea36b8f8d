import { describe, expect, test } from 'vitest'
import type { PlanOfAlert } from '../api/types.ts'
import { partsOf, stepNamed } from './plan-parts.ts'

const step = (id: string, plan: string, moot = false) => ({
  id,
  plan,
  channel: 'people' as const,
  text: { zh: `做 ${id}`, en: id },
  required: true,
  targetS: null,
  moot: moot ? { step: 'x', answer: 'y' } : null,
})
const plan: PlanOfAlert = {
  id: 'RP13',
  name: { zh: '设备故障' },
  plans: [
    { id: 'RP13', name: { zh: '设备故障' }, why: 'own' },
    { id: 'RP1', name: { zh: '周界与脱逃' }, why: 'beside' },
  ],
  steps: [step('ticket', 'RP13'), step('close', 'RP13'), step('RP1:verify', 'RP1'), step('RP1:count', 'RP1', true)],
  progress: [
    { step: 'ticket', done: true },
    { step: 'RP1:verify', skipped: true, note: '无电' },
  ],
}

describe('plans side by side', () => {
  test('each has its own name, steps and count', () => {
    expect(partsOf(plan).map((p) => [p.id, p.name?.zh, p.why, p.finished, p.steps.length])).toEqual([
      ['RP13', '设备故障', 'own', 1, 2],
      ['RP1', '周界与脱逃', 'beside', 2, 2],
    ])
  })
  test('a server that names only one plan is understood as well', () => {
    const old = { ...plan, plans: undefined }
    expect(partsOf(old).map((p) => [p.id, p.name, p.why])).toEqual([
      ['RP13', { zh: '设备故障' }, 'own'],
      ['RP1', null, 'answer'],
    ])
  })
  test('a line of the history names its step as the plan of that moment did', () => {
    expect(stepNamed(plan, 'close', 'RP13')?.id).toBe('close')
    expect(stepNamed(plan, 'verify', 'RP1')?.id).toBe('RP1:verify')
    expect(stepNamed(plan, 'RP13:close', 'RP1')?.id).toBe('close')
    expect(stepNamed(plan, 'RP1:verify', 'RP13')?.id).toBe('RP1:verify')
    expect(stepNamed(plan, 'arrival', 'RP13')).toBeUndefined()
    expect(stepNamed(null, 'close', 'RP13')).toBeUndefined()
  })
})
