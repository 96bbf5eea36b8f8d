import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SequenceSet } from './sequences.ts'

test('a set of sequence numbers holds exactly what was added, in any order, and survives its written form', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 80 }), (numbers) => {
      const set = new SequenceSet()
      const plain = new Set<number>()
      for (const n of numbers) {
        expect(set.add(n)).toBe(!plain.has(n))
        plain.add(n)
      }
      const read = SequenceSet.parse(set.toString())
      for (let n = 0; n <= 62; n++) expect(read.has(n)).toBe(plain.has(n))
      expect(read.count).toBe(plain.size)
      expect(read.last).toBe(Math.max(0, ...plain))
      const missing = read.holes().flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i))
      expect(missing).toEqual(Array.from({ length: read.last }, (_, i) => i + 1).filter((n) => !plain.has(n)))
    }),
  )
})

test('numbers that follow each other are kept as one range', () => {
  const set = new SequenceSet()
  for (let n = 1; n <= 100_000; n++) set.add(n)
  expect(set.toString()).toBe('1-100000')
  expect(set.covers(5, 99_999)).toBe(true)
  expect(set.covers(5, 100_001)).toBe(false)
})
