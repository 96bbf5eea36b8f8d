import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Act } from '#model/alert/acts.ts'
import type { AlertChange } from '#model/alert/alert.ts'
import { type AlertRecord, applyAct, applyCondition, newRecord, type Step } from '#model/alert/lifecycle.ts'
import { START, sampleChange } from '../journal/sample-records.ts'
import { rebuilt } from './rebuild.ts'

const people = fc.constantFrom('S01', 'S02')
const deed = fc.oneof(
  fc.record({
    act: fc.constantFrom<Act['act']>('acknowledge', 'resolve', 'dismiss', 'approve', 'reject', 'unshelve', 'comment'),
    by: people,
  }),
  fc.record({ act: fc.constant<Act['act']>('shelve'), by: people, minutes: fc.integer({ min: 1, max: 480 }) }),
  fc.constantFrom(
    'cleared' as const,
    'reactivated' as const,
    'escalated' as const,
    'rises' as const,
    'overdue' as const,
  ),
)
type Deed = typeof deed extends fc.Arbitrary<infer T> ? T : never

function done(record: AlertRecord, what: Deed, at: number): { record: AlertRecord; steps: Step[]; act: Act | null } {
  if (what === 'rises') return { ...applyCondition(record, { event: 'escalated', at, level: 'orange' }), act: null }
  if (typeof what === 'string') {
    return { ...applyCondition(record, { event: what, at, level: 'red', note: 'n' }), act: null }
  }
  const act: Act = { ...what, alert: record.alert.id, time: at, note: 'n', result: 'false', cause: 'other' }
  const outcome = applyAct(record, act)
  return outcome.ok ? { record: outcome.record, steps: outcome.steps, act } : { record, steps: [], act: null }
}

test('the record of an alert made again from its changes and acts is the record the desk had', () => {
  let shelved = 0
  fc.assert(
    fc.property(
      fc.constantFrom('yellow' as const, 'orange' as const),
      fc.array(deed, { maxLength: 25 }),
      (level, what) => {
        const raised = sampleChange(1)
        const alert = { ...raised.alert, level }
        let record = newRecord(alert, true)
        let again = rebuilt(null, { ...raised, alert }, true, null)
        what.forEach((one, i) => {
          const at = START + (i + 1) * 1000
          const { record: next, steps, act } = done(record, one, at)
          record = next
          for (const step of steps) {
            const change: AlertChange = { at, change: step.change, alert: step.alert, by: step.by, note: step.note }
            again = rebuilt(again, change, true, act)
          }
          if (record.shelf) shelved++
          expect(again).toEqual(record)
        })
      },
    ),
    { numRuns: 500 },
  )
  expect(shelved).toBeGreaterThan(100)
})
