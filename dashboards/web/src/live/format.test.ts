import { afterEach, expect, test } from 'vitest'
import { dateTime, facilityTime, setTimezone } from './format.ts'

afterEach(() => setTimezone('Asia/Shanghai'))

test('a time that is typed means the clock of the facility, whatever the desk is set to', () => {
  expect(facilityTime('2026-11-22T08:30')).toBe(Date.parse('2026-11-22T00:30:00Z'))
  expect(facilityTime('')).toBeNull()
  expect(facilityTime('someday')).toBeNull()
  // A zone whose clocks change: what is read back is what was typed, on both sides of the change.
  setTimezone('Europe/Berlin')
  for (const local of ['2026-03-29T01:30', '2026-03-29T03:30', '2026-10-25T12:00', '2026-07-01T00:00'])
    expect(dateTime(facilityTime(local)!)).toBe(`${local.replace('T', ' ')}:00`)
})
