import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JournalBody } from '#model/ports/journal.ts'
import { alertBody, readingBody } from './sample-records.ts'
import { rowsOf, type Waiting, WaitingRows } from './waiting-rows.ts'

let n = 0
const item = (bodies: JournalBody[]): Waiting => ({ ...rowsOf(bodies, n), resolve: () => {}, reject: () => {} })
const samples = (count: number): Waiting => item(Array.from({ length: count }, () => readingBody(n++)))
const news = (count = 1): Waiting =>
  item(Array.from({ length: count }, () => readingBody(n++, { type: 'tag.sos', value: {} })))
const alert = (): Waiting => item([alertBody(n++)])
const queue = (maxCommitRows = 1000) => new WaitingRows({ maxRows: 10_000, maxCommitRows, gatherMs: 2 })
const add = (waiting: WaitingRows, ...items: Waiting[]): void => {
  for (const one of items) waiting.add(one)
}

describe('what waits for the disk', () => {
  test('alerts go before events and events before samples, each in the order in which it came', () => {
    const waiting = queue()
    const items = [samples(1), news(), alert(), samples(2), news(), alert()]
    add(waiting, ...items)
    expect(waiting.next(1000)).toEqual([items[2], items[5], items[1], items[4], items[0], items[3]])
    expect(waiting.isEmpty).toBe(true)
  })

  test('an event in the middle of the gathering leaves the samples behind; they go when their time is over', () => {
    const waiting = queue()
    add(waiting, samples(8))
    expect(waiting.next(1000)).toHaveLength(1)
    const late = samples(1)
    const event = news()
    add(waiting, late, event)
    expect(waiting.patienceMs(1001)).toBe(0)
    expect(waiting.next(1001)).toEqual([event])
    expect(waiting.patienceMs(1001)).toBe(1)
    const another = news()
    add(waiting, another)
    expect(waiting.next(1002)).toEqual([another, late])
  })

  test('events without end leave room for samples in every group that may take them', () => {
    const waiting = queue(100)
    add(waiting, ...Array.from({ length: 500 }, () => news()), ...Array.from({ length: 50 }, () => samples(1)))
    const group = waiting.next(1000)
    expect(group.filter((one) => one.rank === 'samples')).toHaveLength(25)
    expect(group).toHaveLength(100)
  })

  test('a group that is put back goes out again as it was', () => {
    const waiting = queue()
    add(waiting, samples(3), alert(), news(2), samples(1), alert())
    const group = waiting.next(1000)
    add(waiting, samples(1))
    waiting.putBack(group)
    expect(waiting.next(2000).slice(0, group.length - 1)).toEqual(group.slice(0, -1))
  })

  test('whatever comes, every append goes out once, those of one rank in order, no group is too large', () => {
    const kinds = fc.array(
      fc.tuple(fc.constantFrom('samples', 'news', 'alert'), fc.integer({ min: 1, max: 30 }), fc.boolean()),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(kinds, (steps) => {
        const waiting = queue(40)
        const came: Waiting[] = []
        const went: Waiting[] = []
        let now = 0
        const take = (): void => {
          const group = waiting.next(now++)
          const rows = group.reduce((sum, { rows }) => sum + rows.length, 0)
          expect(group.length <= 1 || rows <= 40).toBe(true)
          waiting.done(group)
          went.push(...group)
        }
        for (const [kind, count, takes] of steps) {
          const one = kind === 'samples' ? samples(count) : kind === 'news' ? news(count) : alert()
          came.push(one)
          add(waiting, one)
          if (takes) take()
        }
        for (let i = 0; !waiting.isEmpty && i < 10_000; i++) take()
        expect(waiting.rows).toBe(0)
        for (const rank of ['urgent', 'news', 'samples'])
          expect(went.filter((one) => one.rank === rank)).toEqual(came.filter((one) => one.rank === rank))
      }),
    )
  })
})
