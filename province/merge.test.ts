import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ALERT_STATES, CHANGES, LEVELS } from '#model/alert/alert.ts'
import { isClosed, mergeAll, type PlacedChange } from './merge.ts'
import { sharedAlert } from './sample-messages.ts'

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })

const anyChange: fc.Arbitrary<PlacedChange> = fc.record({
  at: fc.integer({ min: 0, max: 5 }),
  change: fc.constantFrom(...CHANGES),
  by: maybe(fc.constantFrom('system', 'pAAAAAAAAAAAAAAAA')),
  origin: fc.constantFrom('facility' as const, 'province' as const),
  epoch: fc.integer({ min: 1, max: 2 }),
  sequence: fc.integer({ min: 1, max: 6 }),
  alert: fc
    .record({
      level: fc.constantFrom(...LEVELS),
      state: fc.constantFrom(...ALERT_STATES),
      handling: fc.constantFrom('none' as const, 'dispatched' as const, 'pending-review' as const, 'closed' as const),
      result: maybe(fc.constantFrom('confirmed' as const, 'false' as const, 'nuisance' as const)),
      ackAt: maybe(fc.integer({ min: 0, max: 3 })),
      dispatchedAt: maybe(fc.integer({ min: 0, max: 3 })),
      incident: maybe(fc.constantFrom('iA', 'iB')),
      activations: fc.integer({ min: 1, max: 4 }),
      raisedAt: fc.integer({ min: 0, max: 3 }),
      subjects: fc.subarray(['pAAAAAAAAAAAAAAAA', 'pBBBBBBBBBBBBBBBB', 'pCCCCCCCCCCCCCCCC']),
      reasonCodes: fc.subarray(['a', 'b', 'c']),
    })
    .map((fields) => sharedAlert(fields)),
})

describe('merging changes', () => {
  test('any order and any repetition of the same changes give the same alert', () => {
    const shuffled = fc.array(anyChange, { minLength: 1, maxLength: 8 }).chain((changes) =>
      fc.tuple(
        fc.constant(changes),
        fc.shuffledSubarray([...changes, ...changes], { minLength: 0 }).map((extra) => [...extra, ...changes]),
        fc.shuffledSubarray(changes, { minLength: changes.length }),
      ),
    )
    fc.assert(
      fc.property(shuffled, ([changes, doubled, permuted]) => {
        const expected = mergeAll(changes)
        expect(mergeAll(permuted)).toEqual(expected)
        expect(mergeAll(doubled)).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  test('the level never falls, and what one change closes no other opens', () => {
    fc.assert(
      fc.property(fc.array(anyChange, { minLength: 1, maxLength: 8 }), (changes) => {
        const { alert } = mergeAll(changes)!
        expect(LEVELS.indexOf(alert.level)).toBe(Math.min(...changes.map((c) => LEVELS.indexOf(c.alert.level))))
        if (changes.some((c) => isClosed(c.alert))) expect(isClosed(alert)).toBe(true)
      }),
    )
  })

  test('an acknowledgement that arrives before its raise is not undone by it', () => {
    const raised: PlacedChange = place(1, 'raised', { state: 'unacknowledged' })
    const acknowledged: PlacedChange = place(2, 'acknowledged', { state: 'acknowledged', ackAt: 50 })
    const { alert } = mergeAll([acknowledged, raised])!
    expect(alert.state).toBe('acknowledged')
    expect(alert.ackAt).toBe(50)
  })

  test('a confirmed closing wins over a dismissal made on the other side of a cut, and the deeds of both stay known', () => {
    const dismissed = place(9, 'dismissed', {
      state: 'dismissed',
      handling: 'closed',
      result: 'false',
      dispatchedAt: 3,
    })
    const confirmed = place(4, 'resolved', { state: 'resolved', handling: 'closed', result: 'confirmed', ackAt: 2 })
    for (const order of [
      [dismissed, confirmed],
      [confirmed, dismissed],
    ]) {
      const { alert } = mergeAll(order)!
      expect(alert).toMatchObject({ state: 'resolved', result: 'confirmed', ackAt: 2, dispatchedAt: 3 })
    }
  })

  test('a clearing in event time before the acknowledgement still counts as the later message', () => {
    const acknowledged = { ...place(5, 'acknowledged', { state: 'acknowledged', conditionActive: true }), at: 10_000 }
    const cleared = { ...place(6, 'cleared', { state: 'latched', conditionActive: false }), at: 9_000 }
    expect(mergeAll([cleared, acknowledged])!.alert).toMatchObject({ state: 'latched', conditionActive: false })
  })
})

function place(
  sequence: number,
  change: PlacedChange['change'],
  fields: Parameters<typeof sharedAlert>[0],
): PlacedChange {
  return { at: sequence, change, by: null, origin: 'facility', epoch: 1, sequence, alert: sharedAlert(fields) }
}
