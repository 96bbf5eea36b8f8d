import { expect, test } from 'vitest'
import { localDay, localDayAt, localTime } from './local-time.ts'

test('the day around an instant is that of its date, also where the clock is put on or back, and whatever was asked before', () => {
  for (const [timezone, around] of [
    ['Asia/Shanghai', '2026-11-22T00:00:00Z'],
    ['Europe/Berlin', '2026-03-29T00:00:00Z'],
    ['Europe/Berlin', '2026-10-25T00:00:00Z'],
    ['America/Santiago', '2026-09-06T00:00:00Z'],
  ] as const)
    for (let at = Date.parse(around) - 86_400_000; at < Date.parse(around) + 172_800_000; at += 1_799_999) {
      const day = localDayAt(timezone, at)
      expect(day).toEqual(localDay(timezone, localTime(timezone, at).date))
      expect(at).toBeGreaterThanOrEqual(day[0])
      expect(at).toBeLessThan(day[1])
      expect(localDayAt('Asia/Kolkata', at)).toEqual(localDay('Asia/Kolkata', localTime('Asia/Kolkata', at).date))
    }
})
