/** Only for tests: a pulse that swings and then stillness, where nobody sees it; all samples looked at for every instant. */
import type { Line } from './bench.ts'
import { sinceWhen } from './bodies.ts'
import type { Truth } from './held.ts'

/** Times of samples whose pulse lies so far from that of another sample shortly before, both where nobody sees. */
export function swingTimes(
  samples: readonly Line[],
  isHidden: (at: number) => Truth,
  by: number,
  withinMs: number,
): number[] {
  const inside = samples.filter((l) => typeof l.value.hr === 'number')
  return inside
    .filter((l, i) =>
      inside
        .slice(0, i)
        .some(
          (b) =>
            b.time >= l.time - withinMs &&
            Math.abs((b.value.hr as number) - (l.value.hr as number)) >= by &&
            samples.every((s) => s.time < b.time || s.time > l.time || isHidden(s.time) === true),
        ),
    )
    .map((l) => l.time)
}

/** Still for so long where nobody sees, since shortly after a swing. */
export const stillAfter = (
  isStill: (at: number) => Truth,
  isHidden: (at: number) => Truth,
  swings: readonly number[],
  stillMs: number,
  followMs: number,
  at: number,
  tickMs: number,
): boolean => {
  const since = sinceWhen(isStill, at, tickMs)
  if (since === null || at - since < stillMs) return false
  return (
    (at - since === stillMs || isStill(at) === true) &&
    swings.some((s) => {
      // Of the same stay: he has not been seen elsewhere since.
      for (let t = s; t <= since; t += tickMs) if (isHidden(t) === false) return false
      return s <= since && since - s <= followMs
    })
  )
}
