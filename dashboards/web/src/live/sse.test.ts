import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backoffMs, EventParser, type ServerEvent } from './sse.ts'

const parse = (pieces: string[]): ServerEvent[] => {
  const events: ServerEvent[] = []
  const parser = new EventParser((e) => events.push(e))
  for (const piece of pieces) parser.push(piece)
  return events
}

describe('the event parser', () => {
  const text = ': hello\nretry: 1000\n\nevent: alert\nid: e1-7\ndata: {"a":1}\ndata: 2\n\r\nid:e1-8\r\ndata:x\r\n\r\n'
  const expected = [
    { id: 'e1-7', event: 'alert', data: '{"a":1}\n2' },
    { id: 'e1-8', event: 'message', data: 'x' },
  ]
  test('reads ids, names and several data lines, and skips comments', () => {
    expect(parse([text])).toEqual(expected)
  })
  test('gives the same events however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 20 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length]
        expect(parse(at.slice(1).map((to, i) => text.slice(at[i], to)))).toEqual(expected)
      }),
    )
  })
})

describe('the waiting time before a reconnection', () => {
  test('grows from a quarter or half a second to at most thirty and is spread by chance', () => {
    expect(backoffMs(1, 0)).toBe(250)
    expect(backoffMs(1, 1)).toBe(500)
    expect(backoffMs(4, 1)).toBe(4000)
    expect(backoffMs(50, 1)).toBe(30_000)
    expect(backoffMs(50, 0)).toBe(15_000)
  })
})
