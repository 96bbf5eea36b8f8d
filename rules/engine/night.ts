/** When night or quiet hours begin or end: conditions of the clock become true without any reading. */

const MINUTE_MS = 60_000

/** The next full minute after `at`: hours of the day change at no other time. */
export const nextMinute = (at: number): number => (Math.floor(at / MINUTE_MS) + 1) * MINUTE_MS

/** The instant within `withinMs` (at most a minute) after `at` at which the answer changes; null: it does not. */
export function flipAfter(isSo: (at: number) => boolean, at: number, withinMs: number): number | null {
  const next = nextMinute(at)
  return next <= at + withinMs && isSo(next) !== isSo(at) ? next : null
}
