import { expect, test } from 'vitest'
import type { Reading } from '#model/reading.ts'
import { DeviceTable } from './device-table.ts'

const AT = 1_795_300_352_000
const nowhere = { zone: null, subject: 'P017', staff: false }

function reading(over: Partial<Reading>): Reading {
  return {
    id: `r${over.time}`,
    facility: 'js-03',
    zone: null,
    device: 'W017',
    type: 'band.position',
    time: AT,
    received: over.time ?? AT,
    quality: 'good',
    subject: null,
    value: { x_m: 1, y_m: 1, floor: 1, accuracy_m: 1 },
    ...over,
  }
}

test('one reading from a clock far ahead does not hide what the device says afterwards', () => {
  const table = new DeviceTable()
  table.note(reading({ time: AT + 3_600_000, received: AT }), nowhere)
  const value = { x_m: 9, y_m: 9, floor: 1, accuracy_m: 1 }
  table.note(reading({ time: AT + 2000, value }), nowhere)
  expect(table.row('W017').latest['band.position']?.value).toEqual(value)
  expect(table.positions()).toMatchObject([{ x_m: 9, y_m: 9 }])
})

test('what was said earlier and comes later does not replace what is newer', () => {
  const table = new DeviceTable()
  table.note(reading({ time: AT + 2000, received: AT + 2100 }), nowhere)
  const value = { x_m: 9, y_m: 9, floor: 1, accuracy_m: 1 }
  table.note(reading({ time: AT, received: AT + 2200, value }), nowhere)
  expect(table.row('W017').latest['band.position']?.time).toBe(AT + 2000)
  expect(table.positions()).toMatchObject([{ x_m: 1, y_m: 1 }])
})
