import { expect, test } from 'vitest'
import type { DeviceItem } from '../api/types.ts'
import { chooseSymbols, MAX_SYMBOLS, nearest } from './chosen-symbols.ts'

const NOW = 1_000_000
const device = (id: string, kind: string, more: Partial<DeviceItem> = {}): DeviceItem => ({
  id,
  kind,
  at: { x_m: 10, y_m: 10, floor: 1 },
  online: true,
  lastSeen: null,
  offsetMs: null,
  reason: null,
  readings: 0,
  quarantined: 0,
  latest: kind === 'door' ? { 'door.state': { time: NOW, value: { state: 'closed' }, quality: 'good' } } : {},
  ...more,
})
const choose = (devices: DeviceItem[], forced: string[] = []) =>
  chooseSymbols(
    devices,
    1,
    { doors: true, cameras: true, sensors: false },
    { width: 100, height: 100 },
    (x, y) => [x, y],
    new Set(forced),
    NOW,
  )

test('of 1,300 devices the forced door and the dead camera are drawn though they come last, and the rest is counted', () => {
  const many = Array.from({ length: 1300 }, (_, i) => device(`A${String(i).padStart(4, '0')}`, 'door'))
  const { symbols, left } = choose(
    [
      ...many,
      device('Y-CAM', 'camera', { online: false }),
      device('Z-DOOR', 'door', { latest: { 'door.state': { time: NOW, value: { state: 'open' }, quality: 'good' } } }),
    ],
    ['Z-DOOR'],
  )
  expect(symbols).toHaveLength(MAX_SYMBOLS)
  expect(left).toBe(1302 - MAX_SYMBOLS)
  expect(symbols.slice(0, 2).map((s) => [s.device.id, s.shape, s.wrong])).toEqual([
    ['Z-DOOR', 'forced', true],
    ['Y-CAM', null, true],
  ])
})

test('what is out of sight, on another floor or worn by a person takes nobody else’s place', () => {
  const { symbols, left } = choose([
    device('FAR', 'door', { at: { x_m: 500, y_m: 10 } }),
    device('UP', 'door', { at: { x_m: 10, y_m: 10, floor: 2 } }),
    device('BAND', 'band'),
    device('NOWHERE', 'camera', { at: null }),
    device('SMOKE', 'smoke'),
    device('D', 'door'),
  ])
  expect(symbols.map((s) => s.device.id)).toEqual(['D'])
  expect(left).toBe(0)
})

test('the pointer takes the nearest thing within reach, or nothing', () => {
  const items = [
    { x: 0, y: 0 },
    { x: 10, y: 0 },
  ]
  expect(nearest(items, 7, 0, 12)).toBe(items[1])
  expect(nearest(items, 30, 0, 12)).toBeNull()
})
