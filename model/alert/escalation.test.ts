import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Alert, type AlertChange, type Level, untouched } from './alert.ts'
import {
  DEFAULT_ESCALATION,
  type EscalationNote,
  escalationNote,
  escalationOf,
  lastStep,
  nextEscalation,
  toldAt,
  type Waiting,
  waitingAfter,
} from './escalation.ts'

const T = 1_795_300_000_000
const alert = (level: Level, more: Partial<Alert> = {}): Alert => ({
  id: 'aA',
  rule: 'climbing',
  code: 'R04',
  ruleVersion: '1',
  domain: 'behaviour',
  level,
  facility: 'js-03',
  zone: 'WALL-N',
  device: 'K1',
  subject: null,
  key: 'WALL-N',
  incident: null,
  subjects: [],
  raisedAt: T,
  eventTime: T,
  delayed: false,
  drill: false,
  test: false,
  state: 'unacknowledged',
  evidence: [],
  reasons: [],
  explanation: { zh: '', en: '' },
  plan: null,
  ...untouched(),
  annunciated: true,
  evidenceCount: 0,
  ...more,
})
const line = (
  change: AlertChange['change'],
  at: number,
  a: Alert,
  by: string | null = null,
  note: string | null = null,
) => ({ change, at: T + at * 1000, alert: a, by, note }) satisfies AlertChange
const waitOf = (...lines: AlertChange[]): Waiting => lines.reduce<Waiting | null>(waitingAfter, null)!
const due = (w: Waiting, ladder = 3) => {
  const next = nextEscalation(w, DEFAULT_ESCALATION, ladder)
  return next && [next.clock, (next.at - T) / 1000, next.step]
}
const step = (note: EscalationNote, at: number, a: Alert) => line('escalated', at, a, 'system', JSON.stringify(note))

describe('escalation by the clock', () => {
  test.each([
    ['red', 30],
    ['orange', 60],
    ['yellow', 180],
    ['blue', 1800],
  ] as const)('an unacknowledged %s alert is carried on after its limit of %i s', (level, seconds) => {
    expect(due(waitOf(line('raised', 0, alert(level))))).toEqual(['acknowledge', seconds, 1])
  })

  test('each further step comes one limit later, until the duty list and its repeats are used up', () => {
    const red = alert('red')
    let w = waitOf(line('raised', 0, red))
    const told: string[][] = []
    for (let next = nextEscalation(w, DEFAULT_ESCALATION, 3); next; next = nextEscalation(w, DEFAULT_ESCALATION, 3)) {
      const note = escalationNote(w, next, DEFAULT_ESCALATION, ['S05', 'S06', 'S01'], next.at)
      told.push(note.told)
      expect(next.at).toBe(T + next.step * 30_000)
      w = waitingAfter(w, step(note, next.step * 30, red))
      expect(w.last?.nextAt === null).toBe(next.step === lastStep(DEFAULT_ESCALATION, 3))
    }
    expect(told).toEqual([['S05'], ['S06'], ['S01'], ['S01'], ['S01']])
  })

  test('broadcast tells everybody at once and the chief again', () => {
    const policy = { ...DEFAULT_ESCALATION, mode: 'broadcast' as const }
    expect(toldAt(policy, ['S05', 'S01'], 1)).toEqual(['S05', 'S01'])
    expect(toldAt(policy, ['S05', 'S01'], 2)).toEqual(['S01'])
    expect(lastStep(policy, 2)).toBe(3)
  })

  test('acknowledged and left alone: the clock of response runs from the acknowledgement, that of the end from the raise', () => {
    const raised = line('raised', 0, alert('red'))
    const seen = alert('red', { state: 'acknowledged', ackAt: T + 20_000 })
    const acked = waitOf(raised, line('acknowledged', 20, seen, 'S01'))
    expect(due(acked)).toEqual(['respond', 140, 1])
    const sent = alert('red', { ...seen, handling: 'dispatched', dispatchedAt: T + 40_000 })
    expect(due(waitingAfter(acked, line('dispatched', 40, sent, 'S01')))).toEqual(['resolve', 3600, 1])
    const review = alert('red', { ...sent, handling: 'pending-review' })
    expect(due(waitingAfter(acked, line('pending-review', 50, review, 'S01')))).toBeNull()
  })

  test('a comment does not postpone anything; a rise to a more serious level begins its shorter limit at the rise', () => {
    const yellow = alert('yellow')
    const w = waitOf(line('raised', 0, yellow), line('commented', 100, yellow, 'S01', 'seen from afar'))
    expect(due(w)).toEqual(['acknowledge', 180, 1])
    expect(due(waitingAfter(w, line('escalated', 120, alert('red'))))).toEqual(['acknowledge', 150, 1])
  })

  test('seen, ended and active again is waited for anew, from that moment and from the first person', () => {
    const seen = alert('orange', { state: 'acknowledged', ackAt: T + 5_000 })
    const again = alert('orange', { activations: 2, ackAt: T + 5_000 })
    const w = waitOf(
      line('raised', 0, alert('orange')),
      line('acknowledged', 5, seen, 'S01'),
      line('updated', 300, again),
    )
    expect(due(w)).toEqual(['acknowledge', 360, 1])
  })

  test('shelved, held back, in service, test and closed alerts have no clock; back from the shelf it starts anew', () => {
    const raised = line('raised', 0, alert('red'))
    for (const state of ['shelved', 'suppressed-by-design', 'out-of-service', 'resolved', 'dismissed'] as const)
      expect(due(waitOf(raised, line('updated', 1, alert('red', { state }))))).toBeNull()
    expect(due(waitOf(line('raised', 0, alert('red', { test: true }))))).toBeNull()
    const back = waitOf(
      raised,
      line('shelved', 5, alert('red', { state: 'shelved' })),
      line('unshelved', 905, alert('red')),
    )
    expect(due(back)).toEqual(['acknowledge', 935, 1])
  })

  test('a note that is not ours is no step', () => {
    for (const note of [null, 'not json', '{', '{"clock":"tea","told":[]}', '{"clock":"respond"}'])
      expect(escalationOf({ change: 'escalated', by: 'system', note })).toBeNull()
    expect(escalationOf({ change: 'escalated', by: 'S01', note: '{"clock":"respond","told":[]}' })).toBeNull()
  })

  test('whatever happens, a deadline lies after the last change of its own clock and the steps are bounded', () => {
    const states = ['unacknowledged', 'acknowledged', 'returned-unacknowledged', 'latched', 'shelved'] as const
    fc.assert(
      fc.property(
        fc.array(fc.record({ state: fc.constantFrom(...states), passes: fc.integer({ min: 1, max: 5000 }) }), {
          maxLength: 12,
        }),
        fc.integer({ min: 0, max: 5 }),
        (moves, ladder) => {
          let at = 0
          let w = waitOf(line('raised', 0, alert('red')))
          for (const move of moves) {
            // Time passes: every step that falls due on the way is taken.
            for (let n = nextEscalation(w, DEFAULT_ESCALATION, ladder); n && n.at <= T + (at + move.passes) * 1000; ) {
              expect(n.step).toBeLessThanOrEqual(lastStep(DEFAULT_ESCALATION, ladder))
              const note = escalationNote(w, n, DEFAULT_ESCALATION, Array(ladder).fill('S01'), n.at)
              w = waitingAfter(w, step(note, (n.at - T) / 1000, alert('red')))
              const later = nextEscalation(w, DEFAULT_ESCALATION, ladder)
              if (later && later.clock === n.clock) expect(later.at).toBeGreaterThan(n.at)
              n = later
            }
            at += move.passes
            w = waitingAfter(w, line('updated', at, alert('red', { state: move.state, ackAt: T })))
          }
        },
      ),
    )
  })
})
