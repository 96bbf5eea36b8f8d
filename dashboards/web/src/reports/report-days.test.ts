import { describe, expect, test } from 'vitest'
import { coveredDays, dayBefore } from './report-days.ts'

describe('the days of a report', () => {
  test('a day is itself, a week ends with the day, a month holds it', () => {
    expect(coveredDays('daily', '2026-11-21')).toEqual(['2026-11-21', '2026-11-21'])
    expect(coveredDays('weekly', '2026-03-02')).toEqual(['2026-02-24', '2026-03-02'])
    expect(coveredDays('monthly', '2028-02-10')).toEqual(['2028-02-01', '2028-02-29'])
  })
  test('what is no date covers nothing, and the day before the first of a year is the last of the one before', () => {
    expect(coveredDays('daily', '')).toBeNull()
    expect(coveredDays('weekly', '2026-13-40')).toBeNull()
    expect(dayBefore('2027-01-01')).toBe('2026-12-31')
  })
})
