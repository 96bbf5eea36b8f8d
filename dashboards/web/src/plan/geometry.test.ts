import { describe, expect, test } from 'vitest'
import { centre, drawOrder, fitView, floorsOf, toScreen, within, zoneAt } from './geometry.ts'

describe('plan geometry', () => {
  test('finds the middle of a room by area, not by its corners', () => {
    expect(
      centre([
        [0, 0],
        [2, 0],
        [4, 0],
        [4, 4],
        [0, 4],
      ]),
    ).toEqual([2, 2])
    expect(
      centre([
        [1, 1],
        [3, 1],
      ]),
    ).toEqual([2, 1])
  })
  test('shows the whole site with a margin', () => {
    const view = fitView({ x: 0, y: 0, w: 100, h: 50 }, 232, 532)
    expect(toScreen(view, 232, 532, 0, 25)).toEqual([16, 266])
    expect(toScreen(view, 232, 532, 100, 25)).toEqual([216, 266])
  })
  test('does not look beyond the edge of the site when an alert lies at it', () => {
    const box = { x: 0, y: 0, w: 100, h: 100 }
    const view = within({ cx: 99, cy: 50, scale: 10 }, box, 400, 400, 0)
    expect(view.cx).toBe(80)
    expect(within({ cx: 99, cy: 50, scale: 1 }, box, 400, 400).cx).toBe(50)
  })
  test('lists only floors on which something is drawn', () => {
    expect(
      floorsOf([
        {
          id: 'a',
          kind: 'ward',
          floor: 2,
          polygon: [
            [0, 0],
            [1, 0],
            [1, 1],
          ],
        },
        { id: 'b', kind: 'ward', floor: 3 },
        {
          id: 'c',
          kind: 'yard',
          polygon: [
            [0, 0],
            [1, 0],
            [1, 1],
          ],
        },
      ]),
    ).toEqual([1, 2])
  })
  test('lists a floor that has devices but no drawing: its doors do not vanish with it', () => {
    const zones = [
      { id: 'W1', kind: 'ward', polygon: [[0, 0]] as [number, number][] },
      { id: 'W2', kind: 'ward', floor: 2, polygon: [[0, 0]] as [number, number][] },
      { id: 'OUT', kind: 'outside', floor: 9 },
    ]
    expect(floorsOf(zones, [{ at: { floor: 3 } }, { at: null }, { at: {} }])).toEqual([1, 2, 3])
  })
  test('finds the smallest place under the pointer, and none in a hole or beyond', () => {
    const square = (a: number, b: number): [number, number][] => [
      [a, a],
      [b, a],
      [b, b],
      [a, b],
    ]
    const zones = drawOrder([
      { id: 'CELL', kind: 'cell', polygon: square(2, 4) },
      { id: 'WARD', kind: 'ward', polygon: square(0, 10), holes: [square(6, 8)] },
    ])
    expect(zoneAt(zones, 3, 3)?.id).toBe('CELL')
    expect(zoneAt(zones, 5, 5)?.id).toBe('WARD')
    expect(zoneAt(zones, 7, 7)).toBeNull()
    expect(zoneAt(zones, 11, 3)).toBeNull()
  })
})
