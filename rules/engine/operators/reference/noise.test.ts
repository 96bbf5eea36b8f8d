/** Noise that lasts, beside its reference. */
import fc from 'fast-check'
import { describe } from 'vitest'
import type { Level } from '#model/alert/alert.ts'
import { catalogueRule, holdsAsReference, stepsOf, streamOf } from './bench.ts'
import { heldSpans, speaking, type Truth } from './held.ts'
import { event, good, oneOf, status, together } from './streams.ts'

const TICK = 500

describe('noise', () => {
  const END = 200_000
  holdsAsReference('loud, and somebody screams or people sleep', {
    rules: [catalogueRule('abnormal-sound')],
    // Quiet hours of the corridor from 10:02 on.
    site: { zones: [{ id: 'COR1', quiet: '10:02-12:00' }] },
    lines: together(
      streamOf(
        oneOf(
          [
            8,
            event('NOISE1', 'env.noise', fc.constantFrom({ db: 60 }, { db: 79 }, { db: 82 }, { db: 85 }, { db: 90 })),
          ],
          [1, status('NOISE1')],
        ),
        160_000,
        { min: 1, max: 40 },
      ),
      streamOf(
        event('K4', 'camera.audio', fc.record({ sound: fc.constantFrom('scream', 'impact', 'speech', 'glass') })),
        160_000,
        { min: 0, max: 12 },
      ),
    ),
    end: END,
    reference(lines) {
      const noise = speaking(lines, 'NOISE1', 'env.noise', 60_000)
      const db = (at: number) => (noise(at)?.db as number | undefined) ?? null
      const sounds = good(lines).filter((l) => l.value.sound === 'scream' || l.value.sound === 'impact')
      return stepsOf(
        loudSpans(
          db,
          sounds.map((s) => s.time),
          120_000,
          END,
        ),
      )
    },
  })
})

/** Loud without a break for five seconds, in quiet hours or with a cry in it (a cry may come a little before what follows it). */
function loudSpans(db: (at: number) => number | null, cries: readonly number[], quietFrom: number, end: number) {
  const isLoud = (at: number): boolean => (db(at) ?? 0) >= 85
  /** Since when it had been loud until just before the instant. */
  const loudSince = (at: number): number | null => {
    let since: number | null = null
    for (let t = at - TICK; t >= 0 && isLoud(t) && isLoud(t + TICK - 1); t -= TICK) since = t
    return since
  }
  const fits = (at: number): Truth => {
    const since = loudSince(at)
    const lasted = since !== null && at - since >= 5_000
    // What comes in the very instant in which the time is over, or the quiet hours begin, comes too late to break it.
    // Of an instant the cry of the camera comes before the word of the meter.
    const isJust = cries.includes(at) || (lasted && (at - since === 5_000 || at === quietFrom))
    if (since === null || !lasted || !(isJust || isLoud(at))) return db(at) === null ? null : false
    return at >= quietFrom || cries.some((c) => c >= since - 5_000 && c <= at)
  }
  return heldSpans({
    key: 'COR1',
    parts: [{ level: 'yellow' as Level, forMs: 0, holds: fits }],
    over: (at) => (db(at) === null ? null : (db(at) as number) < 80),
    overMs: 30_000,
    end,
    tickMs: TICK,
  })
}
