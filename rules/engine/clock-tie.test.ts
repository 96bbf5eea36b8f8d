import { expect, test } from 'vitest'
import { EventOrder } from './order.ts'

const T = 1_772_388_002_500
const clock = (id: string, offset: number) =>
  ({ id, device: 'K4', type: 'device.clock', time: T, received: T, value: { offset_ms: offset } }) as never
const reading = { id: 'r', device: 'K4', type: 'camera.motion', time: T + 1000, received: T + 1000, value: {} } as never

test('two offsets of one device and one time hold alike in either order of arrival', () => {
  const corrected = (clocks: [string, number][]): number => {
    const order = new EventOrder()
    for (const [id, offset] of clocks) order.learnClock(clock(id, offset), () => {})
    return order.corrected(reading)
  }
  expect(
    corrected([
      ['rB', 2000],
      ['rA', 0],
    ]),
  ).toBe(
    corrected([
      ['rA', 0],
      ['rB', 2000],
    ]),
  )
  expect(
    corrected([
      ['rB', 2000],
      ['rA', 0],
    ]),
  ).toBe(T + 1000 - 2000)
})
