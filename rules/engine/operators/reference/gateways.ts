/**
 * Only for tests: silence of devices behind a gateway, counted tick by tick. The count stands still while the gateway could
 * not have passed anything on, and two minutes more.
 */
import type { Line, Step } from './bench.ts'
import { stepsOf } from './bench.ts'
import type { Span } from './waits.ts'

const TICK_MS = 500
const SILENCE_MS = 30_000
const RECOVERY_MS = 120_000

/** Is the gateway unhealthy at the instant, by what had been said before it. */
function isUnhealthy(lines: readonly Line[], gateway: string, children: ReadonlySet<string>, at: number): boolean {
  const status = lines.findLast((l) => l.device === gateway && l.type === 'device.status' && l.time <= at)
  if (status?.value.online === false) return true
  const spoken = lines.filter((l) => children.has(l.device) && l.time <= at)
  if (new Set(spoken.map((l) => l.device)).size < 5) return false
  return at - (spoken.at(-1) as Line).time > SILENCE_MS
}

export function silentSteps(
  lines: readonly Line[],
  gateway: string,
  children: readonly string[],
  blueMs: number,
  yellowMs: number,
  end: number,
): Step[] {
  const all = new Set(children)
  const ticks = Array.from({ length: end / TICK_MS + 1 }, (_x, i) => i * TICK_MS)
  // Between two ticks nothing changes but the clock: the middle stands for them.
  const unhealthy = ticks.map((t) => isUnhealthy(lines, gateway, all, t + TICK_MS / 2))
  let until = Number.NEGATIVE_INFINITY
  const still = ticks.map((t, i) => {
    if (unhealthy[i]) until = t + TICK_MS + RECOVERY_MS
    return unhealthy[i] === true || t < until
  })
  const spans: Span[] = []
  for (const child of children) {
    const said = lines.filter((l) => l.device === child).map((l) => l.time)
    for (const [n, from] of said.entries()) {
      const next = said[n + 1] ?? Number.POSITIVE_INFINITY
      let silent = 0
      for (let i = from / TICK_MS; i < ticks.length; i++) {
        const at = (ticks[i] as number) + TICK_MS
        // What comes at the very instant of a deadline is in time.
        if (at >= next || at > end) break
        if (still[i]) continue
        silent += TICK_MS
        if (silent === blueMs) spans.push({ key: child, level: 'blue', from: at, to: next })
        if (silent === yellowMs) spans.push({ key: child, level: 'yellow', from: at, to: next })
      }
    }
  }
  return stepsOf(spans.map((s) => ({ ...s, to: s.to !== null && s.to <= end ? s.to : null })))
}
