import { expect, test } from 'vitest'
import { sampleAlert, T0 } from '../sample-facility.ts'
import type { Evidence } from './collect.ts'
import { evidenceReport, noteText, type ReportFacts } from './evidence-report.ts'
import { nameOfRule } from './words.ts'

const change = (kind: string, note: string | null, by = 'system') =>
  ({ change: kind, note, by, at: T0, alert: sampleAlert('a1') }) as Parameters<typeof noteText>[0]

test('what machines note is told in words in a report that people read; what people wrote stays as they wrote it', () => {
  const climbed = JSON.stringify({ clock: 'acknowledge', step: 2, told: ['S06', 'S09'], nextAt: null })
  expect(noteText(change('escalated', climbed))).toBe(
    '确认超时 not acknowledged in time，第 2 级 step 2，通知 told: S06、S09',
  )
  expect(noteText(change('updated', 'incident'))).toBe('并入事件 joined an incident')
  expect(noteText(change('plan-step', '{"step":"verify","done":true,"note":"人影"}'))).toBe(
    'verify · 已完成 done · 人影',
  )
  expect(noteText(change('escalated', '{请增援}', 'li'))).toBe('{请增援}')
  expect(noteText(change('commented', null))).toBe('')
})

test('the alerts of the system itself have names, too', () => {
  expect(nameOfRule('S05')?.zh).toBe('无人值守')
  expect(nameOfRule('R01')).toBeNull()
})

test('a step of a plan beside the own one of the alert says whose it is', () => {
  const step = (id: string, plan: string) => ({
    id,
    plan,
    text: { zh: id, en: id },
    required: true,
    state: 'open' as const,
    by: null,
    at: null,
    note: null,
  })
  const plan = { id: 'RP13', version: '2', name: { zh: '设备故障', en: 'Equipment' }, steps: [] }
  const evidence: Evidence = {
    subject: { kind: 'alert', id: 'a1', number: null },
    alerts: [],
    incident: null,
    plans: [{ alert: 'a1', plan, steps: [step('ticket', 'RP13'), step('RP1:verify', 'RP1')] }],
    ...{
      timeline: [],
      readings: [],
      readingsGone: [],
      pictures: [],
      acts: [],
      looks: [],
      signatures: [],
      entries: [],
      proofs: [],
      keys: [],
      limits: [],
    },
  }
  const facts = {
    facility: { id: 'f', name: { zh: '', en: '' }, timezone: 'Asia/Shanghai' },
    ruleName: () => null,
    zoneName: (z: string) => z,
    madeBy: 'li',
    madeAt: T0,
    reason: 'test',
  } as unknown as ReportFacts
  const rows = evidenceReport(evidence, facts).blocks.flatMap((block) => (block.kind === 'table' ? block.rows : []))
  const steps = rows.map((row) => row[0]).filter((cell) => String(cell).includes('\n'))
  expect(steps).toEqual(['ticket\nticket', 'RP1 RP1:verify\nRP1:verify'])
})
