import { expect, test } from 'vitest'
import { inPieces } from './pieces.ts'

test('work in pieces gives what work at once gives, and others have a turn between the pieces', async () => {
  const seen: string[] = []
  let running = true
  const others = (): void => {
    seen.push('other')
    if (running) setImmediate(others)
  }
  setImmediate(others)
  const results = await inPieces([1, 2, 3, 4, 5], 2, (n) => {
    seen.push(String(n))
    return n * n
  })
  running = false
  expect(results).toEqual([1, 4, 9, 16, 25])
  expect(seen).toEqual(['1', '2', 'other', '3', '4', 'other', '5'])
  expect(await inPieces([], 2, () => 1)).toEqual([])
})
