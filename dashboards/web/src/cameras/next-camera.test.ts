import { expect, test } from 'vitest'
import { nextSeeing } from './next-camera.ts'

const camera = (id: string, zone: string, more: object = {}) => ({ id, kind: 'camera', zone, online: true, ...more })

test('a dead camera is replaced by its neighbour, then by one that watches the same place, never by a dead one', () => {
  const dead = camera('K1', 'BELT-E', { watches: ['WALL-E'], adjacent: ['K9'] })
  const others = [
    camera('K2', 'BELT-E'),
    camera('K3', 'YARD', { watches: ['WALL-E'] }),
    camera('K9', 'YARD'),
    camera('K5', 'KITCHEN'),
  ]
  expect(nextSeeing(dead, others)?.id).toBe('K9')
  expect(nextSeeing(dead, others.slice(0, 2))?.id).toBe('K3')
  expect(nextSeeing(dead, [camera('K2', 'BELT-E', { online: false }), camera('K5', 'KITCHEN')])).toBeNull()
})
