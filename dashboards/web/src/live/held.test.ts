import { expect, test } from 'vitest'
import type { PhoneItem } from '../api/types.ts'
import { nearestFirst, telLink } from './held.ts'

const phone = (number: string, ...zones: string[]): PhoneItem => ({
  id: number,
  name: { zh: number, en: number },
  number,
  zones,
  role: null,
})
const zones = new Map([
  ['B1', { parent: null }],
  ['W1', { parent: 'B1', adjacent: ['W2'] }],
  ['W1-C1', { parent: 'W1' }],
  ['W1-POST', { parent: 'W1' }],
  ['W2', { parent: 'B1' }],
  ['GATE', { parent: null }],
])
const house = phone('8000')
const all = [house, phone('8201', 'W1'), phone('8202', 'W2'), phone('8130', 'GATE'), phone('8101', 'W1-POST')]
const numbers = (zone: string | null) => nearestFirst(all, zone, zones).map((p) => p.number)

test('the numbers nearest to an alert come first, then those of the house, then the rest in the order of the file', () => {
  expect(numbers('W1-C1')).toEqual(['8201', '8101', '8202', '8000', '8130'])
  expect(numbers('W1')).toEqual(['8201', '8101', '8202', '8000', '8130'])
  expect(numbers('GATE')).toEqual(['8130', '8000', '8201', '8202', '8101'])
  expect(numbers('W2')[0]).toBe('8202')
})

test('without a place, or with one that nobody knows, the numbers of the house lead', () => {
  expect(numbers(null)[0]).toBe('8000')
  expect(numbers('NOWHERE')[0]).toBe('8000')
  expect(numbers(null)).toHaveLength(all.length)
})

test('a link dials digits and signs, not what stands between them for the eye', () => {
  expect(telLink('+86 (25) 8888-0000')).toBe('tel:+862588880000')
  expect(telLink('*21#8002')).toBe('tel:*21%238002')
})
