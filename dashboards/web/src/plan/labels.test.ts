import { describe, expect, test } from 'vitest'
import type { ZoneItem } from '../api/types.ts'
import type { View } from './geometry.ts'
import { ownPart, placeLabels, type Rect, scaleBar, textPx } from './labels.ts'

const rect = (x: number, y: number, w: number, h: number): [number, number][] => [
  [x, y],
  [x + w, y],
  [x + w, y + h],
  [x, y + h],
]
const zone = (
  id: string,
  kind: string,
  zh: string,
  polygon: [number, number][],
  parent: string | null = null,
): ZoneItem => ({
  id,
  kind,
  name: { zh },
  polygon,
  parent,
  floor: 1,
})
const SITE = [
  zone('GROUND', 'yard', '院内道路', rect(0, 0, 200, 100)),
  zone('B1', 'building', '1号楼', rect(49, 19, 46, 16)),
  zone('W1', 'ward', '1监区', rect(50, 20, 44, 14), 'B1'),
  zone('W1-DAY', 'class-room', '1监区活动室', rect(82, 20, 12, 5), 'W1'),
  zone('BELT-E', 'belt', '周界东段', rect(194, 5, 5, 90)),
  zone('YARD', 'yard', '东放风场', rect(140, 20, 40, 30)),
  zone('KITCHEN', 'kitchen', '伙房', rect(10, 60, 12, 5)),
  zone('STORE', 'store', '仓库', rect(10, 68, 12, 5)),
]
const words = {
  name: (z: ZoneItem) => z.name?.zh ?? z.id,
  note: () => '',
  strong: () => false,
}
function place(scale: number, obstacles: Rect[] = []) {
  const view: View = { cx: 100, cy: 50, scale }
  const size = { width: 200 * scale, height: 100 * scale }
  const screen = (x: number, y: number): [number, number] => [x * scale, y * scale]
  return placeLabels(SITE, view, size, screen, obstacles, words)
}
const rects = (labels: ReturnType<typeof place>) =>
  labels.map((l) => {
    const length = textPx(l.name)
    return l.upright
      ? { x: l.x - 7, y: l.y - length / 2, w: 14, h: length }
      : { x: l.x - length / 2, y: l.y - 7, w: length, h: 14 }
  })

describe('names on the plan', () => {
  test.each([1, 2, 4, 6, 9, 14, 25])('never lie on each other at %s pixels a metre', (scale) => {
    const all = rects(place(scale))
    for (const [i, a] of all.entries())
      for (const b of all.slice(i + 1))
        expect(a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h).toBe(false)
  })
  test('keep off symbols: where one lies on the best place, the next best is taken', () => {
    const [before] = place(6).filter((l) => l.zone.id === 'YARD')
    const symbol = { x: before!.x - 10, y: before!.y - 10, w: 20, h: 20 }
    const [after] = place(6, [symbol]).filter((l) => l.zone.id === 'YARD')
    expect(after).toBeDefined()
    expect([after!.x, after!.y]).not.toEqual([before!.x, before!.y])
  })
  test('name a building only when its ward is not named', () => {
    const ids = place(6).map((l) => l.zone.id)
    expect(ids).toContain('W1')
    expect(ids).not.toContain('B1')
  })
  test('leave out what has no room at this zoom, and never name the open ground', () => {
    expect(place(2).map((l) => l.zone.id)).not.toContain('W1-DAY')
    expect(place(9).map((l) => l.name)).toContain('活动室')
    for (const scale of [1, 6, 20]) expect(place(scale).map((l) => l.zone.id)).not.toContain('GROUND')
  })
  test('call a room by its own part of the name', () => {
    expect(ownPart('1监区活动室', '1监区')).toBe('活动室')
    expect(ownPart('Ward 1 day room', 'Ward 1')).toBe('Day room')
    expect(ownPart('医务所', '1监区')).toBe('医务所')
  })
})

test('the scale bar is a round length that fits', () => {
  expect(scaleBar(6)).toEqual({ metres: 20, px: 120 })
  expect(scaleBar(40)).toEqual({ metres: 2, px: 80 })
})

test('a long name never stands in another house, where it would be read as the name of that one', () => {
  const houses = [
    zone('GROUND', 'yard', 'Grounds', rect(0, 0, 200, 140)),
    zone('BOILER', 'boiler', 'Boiler room', rect(10, 60, 14, 9)),
    zone('STORE', 'store', 'Store', rect(28, 60, 14, 9)),
    zone('HQ', 'office', 'Command centre', rect(172, 60, 18, 9)),
    zone('BELT-E', 'belt', 'Perimeter east', rect(191, 5, 5, 130)),
  ]
  const scale = 4.9
  // Cameras in the corners and doors in the walls take the nearest places.
  const obstacles = houses.slice(1, 4).flatMap((z): Rect[] => {
    const [[x, y] = [0, 0]] = z.polygon!
    return [
      { x: x * scale - 4, y: y * scale - 4, w: 14, h: 9 },
      { x: (x + 7) * scale - 7, y: (y + 9) * scale - 4, w: 14, h: 9 },
    ]
  })
  const labels = placeLabels(
    houses,
    { cx: 100, cy: 70, scale },
    { width: 980, height: 686 },
    (x, y) => [x * scale, y * scale],
    obstacles,
    words,
  )
  expect(labels.map((l) => l.zone.id)).toEqual(expect.arrayContaining(['BOILER', 'STORE', 'HQ']))
  for (const label of labels.filter((l) => !l.upright && l.zone.kind !== 'belt')) {
    const length = textPx(label.name)
    const box = { x: label.x - length / 2, y: label.y - 6, w: length, h: 12 }
    for (const other of houses.slice(1).filter((z) => z.id !== label.zone.id)) {
      const [a, , c] = other.polygon!
      const [x1, y1, x2, y2] = [a![0] * scale, a![1] * scale, c![0] * scale, c![1] * scale]
      expect(
        box.x < x2 && x1 < box.x + box.w && box.y < y2 && y1 < box.y + box.h,
        `${label.name} stands in ${other.id}`,
      ).toBe(false)
    }
  }
})
