import { afterEach, expect, test, vi } from 'vitest'
import type { ListedAlert } from '../api/types.ts'
import { forgetSounded, loadSounded, SOUNDED_SPAN_MS, soundedSince } from './sounded.ts'

const NOW = 1_800_000_000_000
const alert = (id: string, minutesAgo: number, annunciated = true) =>
  ({ id, raisedAt: NOW - minutesAgo * 60_000, annunciated }) as ListedAlert

afterEach(() => {
  vi.unstubAllGlobals()
  forgetSounded()
})

test('after a reload the rate counts what was closed before it, each alert once, and only what sounded', async () => {
  const asked: URL[] = []
  vi.stubGlobal('fetch', async (url: string) => {
    asked.push(new URL(url, 'http://127.0.0.1'))
    const items = [alert('a', 5), alert('b', 9, false), alert('c', 30), alert('d', 2)]
    return new Response(JSON.stringify({ items, next: null, total: items.length }), {
      headers: { 'content-type': 'application/json' },
    })
  })
  await loadSounded(NOW)
  expect(Object.fromEntries(asked[0]!.searchParams)).toMatchObject({
    state: 'resolved,dismissed',
    from: String(NOW - SOUNDED_SPAN_MS),
  })
  // What the list knows counts as the list says: "d" is open again there, "e" is new.
  const known = [alert('d', 2), alert('e', 1), alert('f', 1, false)]
  expect(soundedSince(NOW - 600_000, known)).toHaveLength(3)
  expect(soundedSince(NOW - SOUNDED_SPAN_MS, known)).toHaveLength(4)
  forgetSounded()
  expect(soundedSince(NOW - 600_000, known)).toHaveLength(2)
})
