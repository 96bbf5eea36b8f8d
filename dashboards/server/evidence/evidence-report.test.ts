import { expect, test } from 'vitest'
import { sampleAlert, T0 } from '../sample-facility.ts'
import { noteText } from './evidence-report.ts'
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
