import { describe, expect, it } from 'vitest'
import type { AlertChange, Level } from '#model/alert/alert.ts'
import { scoreChanges } from './check.ts'
import type { Expected } from './story.ts'

const START = 1_795_284_600_000

function change(code: string, key: string, level: Level, second: number, more: Partial<AlertChange['alert']> = {}) {
  return {
    at: START + second * 1000,
    change: 'raised',
    by: null,
    note: null,
    alert: { id: `a-${code}-${key}`, code, key, level, incident: 'i1', annunciated: false, advice: [], ...more },
  } as unknown as AlertChange
}

const expected: Expected = {
  alerts: [{ code: 'R07', key: 'D1', level: 'orange', by: 3, folded: true }],
  silent: ['R24'],
  otherwise: 'none',
  incidents: 1,
  annunciations: 1,
}
const good = change('R07', 'D1', 'orange', 3)
const faultsOf = (changes: AlertChange[], wanted = expected): string[] =>
  scoreChanges('T', changes, wanted, START).faults

describe('the score of a scenario', () => {
  it('passes when every row comes by its second and nothing else is raised', () => {
    expect(faultsOf([good])).toEqual([])
  })

  it('fails on a row that is missing', () => {
    expect(faultsOf([], { ...expected, incidents: 0 })).toEqual(['R07 D1 orange: not raised'])
  })

  it('fails on a row that is late by a second', () => {
    expect(faultsOf([change('R07', 'D1', 'orange', 4)])).toEqual(['R07 D1 orange: raised at 4 s, later than 3 s'])
  })

  it('fails on a row of another key or a lower level', () => {
    expect(faultsOf([change('R07', 'D2', 'orange', 3)])).toContain('R07 D1 orange: not raised')
    expect(faultsOf([change('R07', 'D1', 'yellow', 3)])).toContain('R07 D1 orange: not raised')
  })

  it('fails on a rule that must stay silent, whatever its level', () => {
    expect(faultsOf([good, change('R24', 'P1', 'blue', 9)])).toContain(
      'R24 must stay silent, but was raised for P1 at 9 s',
    )
  })

  it('fails on any unexpected alert above what is allowed otherwise', () => {
    const more = change('R30', 'P1', 'orange', 9)
    expect(faultsOf([good, more])).toContain('R30 P1 orange at 9 s was not to be raised')
    expect(faultsOf([good, more], { ...expected, otherwise: 'yellow' })).toContain(
      'R30 P1 orange at 9 s was not to be raised',
    )
    const less = change('R30', 'P1', 'yellow', 9)
    expect(faultsOf([good, less], { ...expected, otherwise: 'yellow' })).toEqual([])
    expect(faultsOf([good, less], { ...expected, otherwise: 'blue' })).toHaveLength(1)
  })

  it('fails on a second incident and on one annunciation too many', () => {
    const loud = [good, change('R07', 'D1', 'orange', 2, { id: 'a2', incident: 'i2', annunciated: true })]
    const faults = faultsOf([...loud, change('R07', 'D1', 'yellow', 2, { id: 'a3', annunciated: true })])
    expect(faults).toContain('2 incidents instead of 1')
    expect(faults).toContain('2 annunciations, more than 1')
  })

  it('fails on an alert outside an incident, without its advice, or not cleared in time', () => {
    expect(faultsOf([change('R07', 'D1', 'orange', 3, { incident: null })])).toContain('R07 D1 is in no incident')
    const row = { code: 'R07', key: 'D1', level: 'orange', by: 3 } as const
    expect(faultsOf([good], { ...expected, alerts: [{ ...row, advice: ['hold-outer-door'] }] })).toEqual([
      'R07 D1 never advises hold-outer-door',
    ])
    expect(faultsOf([good], { ...expected, alerts: [{ ...row, clearedBy: 60 }] })).toEqual([
      'R07 D1 is not cleared by 60 s',
    ])
    const cleared = { ...change('R07', 'D1', 'orange', 60), change: 'cleared' } as AlertChange
    expect(faultsOf([good, cleared], { ...expected, alerts: [{ ...row, clearedBy: 60 }] })).toEqual([])
  })
})
