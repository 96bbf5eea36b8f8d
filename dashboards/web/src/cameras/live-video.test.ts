import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { STALLED_MS, withinTime } from './live-video.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a stream that stays open and sends nothing is given up after five seconds, one that sends is not', async () => {
  const silent = withinTime(new Promise(() => {}), STALLED_MS).catch((error: Error) => error.message)
  await vi.advanceTimersByTimeAsync(STALLED_MS)
  expect(await silent).toBe('stalled')
  const late = withinTime(new Promise((resolve) => setTimeout(() => resolve('picture'), STALLED_MS - 1)), STALLED_MS)
  await vi.advanceTimersByTimeAsync(STALLED_MS)
  expect(await late).toBe('picture')
  expect(vi.getTimerCount()).toBe(0)
})
