import { describe, expect, test } from 'vitest'
import { GapWatch } from './gaps.ts'
import { SequenceSet } from './sequences.ts'

const UP = () => 0
const names = (gaps: { from: number; to: number }[]) => gaps.map((g) => `${g.from}-${g.to}`)

function watching(text: string, at = 0) {
  const watch = new GapWatch()
  const set = SequenceSet.parse(text)
  watch.update('js-03', 1, set, at)
  const arrive = (n: number, now: number) => {
    set.add(n)
    watch.update('js-03', 1, set, now)
  }
  return { watch, arrive }
}

describe('gaps', () => {
  test('a hole is named after 60 s and once only', () => {
    const { watch } = watching('1-2,5-6')
    expect(watch.check(59_999, UP).named).toEqual([])
    expect(names(watch.check(60_000, UP).named)).toEqual(['3-4'])
    expect(watch.check(999_000, UP).named).toEqual([])
  })

  test('time without a link does not count', () => {
    const { watch } = watching('2-2')
    expect(watch.check(500_000, () => null).named).toEqual([])
    expect(watch.check(500_000, () => 450_000).named).toEqual([])
    expect(names(watch.check(510_000, () => 450_000).named)).toEqual(['1-1'])
  })

  test('a backlog that comes in order is no gap however long it takes', () => {
    const { watch, arrive } = watching('1-1,500-500')
    for (let n = 2; n < 500; n++) {
      arrive(n, n * 1_000)
      expect(watch.check(n * 1_000, UP).named).toEqual([])
    }
  })

  test('an alert that overtakes into the middle of a hole does not hide it', () => {
    const { watch, arrive } = watching('1-1,10-10')
    arrive(5, 50_000)
    expect(names(watch.check(60_000, UP).named)).toEqual(['2-4', '6-9'])
  })

  test('a named gap is closed when all of it has arrived, in any order', () => {
    const { watch, arrive } = watching('1-1,4-4')
    watch.check(60_000, UP)
    arrive(3, 61_000)
    expect(watch.check(61_000, UP).closed).toEqual([])
    expect(watch.open('js-03')).toHaveLength(1)
    arrive(2, 62_000)
    expect(names(watch.check(62_000, UP).closed)).toEqual(['2-3'])
    expect(watch.open('js-03')).toEqual([])
  })

  test('what was named before a restart is not named again, but still closed', () => {
    const watch = new GapWatch()
    const set = SequenceSet.parse('1-1,4-4')
    watch.restore('js-03', 1, set, [{ facility: 'js-03', epoch: 1, from: 2, to: 3, since: 0 }], 0)
    expect(watch.check(900_000, UP).named).toEqual([])
    set.add(2)
    set.add(3)
    watch.update('js-03', 1, set, 900_001)
    expect(names(watch.check(900_001, UP).closed)).toEqual(['2-3'])
  })
})
