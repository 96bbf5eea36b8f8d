/**
 * Only for tests: where people are, looked up anew for every question from everything that was said, and the distances
 * between them by plain geometry.
 */
import type { Line } from './bench.ts'

export interface Place {
  at: number
  x: number
  y: number
  floor: number
}
const VALID_MS = 10_000

/** Fixes that may be used: good, accurate, of a band that is worn. */
export function usableFixes(lines: readonly Line[], device: string): Place[] {
  return lines.flatMap((l, i) => {
    if (l.device !== device || !l.type.endsWith('.position') || l.quality === 'bad') return []
    if ((l.value.accuracy_m as number) > 3) return []
    const worn = lines.slice(0, i).findLast((w) => w.device === device && w.type === 'band.worn')
    return worn && worn.quality !== 'bad' && worn.value.worn === false
      ? []
      : [{ at: l.time, x: l.value.x_m as number, y: l.value.y_m as number, floor: l.value.floor as number }]
  })
}

export function placeAt(fixes: readonly Place[], at: number): Place | null {
  const last = fixes.findLast((f) => f.at <= at)
  return last && at <= last.at + VALID_MS ? last : null
}

export const metres = (a: Place, b: Place): number =>
  a.floor === b.floor ? Math.hypot(a.x - b.x, a.y - b.y) : Number.POSITIVE_INFINITY

/** Most people in any circle: every pair of them on its edge, every one of them as its middle. */
export function fullestCircle(places: readonly Place[], radius: number): number {
  let most = 0
  const count = (floor: number, x: number, y: number): number =>
    places.filter((p) => p.floor === floor && Math.hypot(p.x - x, p.y - y) <= radius + 1e-6).length
  for (const a of places) {
    most = Math.max(most, count(a.floor, a.x, a.y))
    for (const b of places) {
      const d = metres(a, b)
      if (d === 0 || d > 2 * radius) continue
      const h = Math.sqrt(Math.max(0, radius * radius - (d * d) / 4))
      for (const side of [-1, 1])
        most = Math.max(
          most,
          count(
            a.floor,
            (a.x + b.x) / 2 + (side * h * (b.y - a.y)) / d,
            (a.y + b.y) / 2 - (side * h * (b.x - a.x)) / d,
          ),
        )
    }
  }
  return most
}

/** Stays in forbidden zones: so many consecutive fixes, all inside, over so long; over when outside so long. */
export function fenceSpans(
  fixes: readonly (Place & { zone: string })[],
  forbidden: ReadonlySet<string>,
  stayMs: number,
  minFixes: number,
  outsideMs: number,
  end: number,
): { zone: string; from: number; to: number | null }[] {
  const spans: { zone: string; from: number; to: number | null }[] = []
  let i = 0
  while (i < fixes.length) {
    const first = fixes[i] as (typeof fixes)[number]
    let n = i + 1
    while (
      n < fixes.length &&
      fixes[n]?.zone === first.zone &&
      (fixes[n] as Place).at - (fixes[n - 1] as Place).at <= VALID_MS
    )
      n++
    const run = fixes.slice(i, n)
    const next = fixes[n]
    i = n
    if (!forbidden.has(first.zone)) continue
    const deadline = first.at + stayMs
    const before = run.filter((f) => f.at < deadline)
    const standsAtDeadline =
      (next === undefined || next.at >= deadline) &&
      before.length >= minFixes &&
      deadline - (before.at(-1) as Place).at <= VALID_MS
    const byFix = run.find((f, k) => k + 1 >= minFixes && f.at - first.at >= stayMs)?.at
    const from = standsAtDeadline ? deadline : byFix
    if (from === undefined || from > end) continue
    // Over at the first time outside that lasted: no fix inside within it.
    const after = fixes.filter((f) => f.at >= from)
    let to: number | null = null
    for (const [k, f] of after.entries()) {
      if (f.zone === first.zone || after[k - 1]?.zone === f.zone) continue
      if (k > 0 && after[k - 1]?.zone !== first.zone && after.slice(0, k).some((x) => x.zone !== first.zone)) {
        // Already outside, in another zone: the time outside goes on.
        const lastInside = after.slice(0, k).findLastIndex((x) => x.zone === first.zone)
        if ((after[lastInside + 1] as Place).at !== f.at) continue
      }
      if (!after.slice(k).some((x) => x.zone === first.zone && x.at < f.at + outsideMs)) {
        to = f.at + outsideMs
        break
      }
    }
    spans.push({ zone: first.zone, from, to: to !== null && to <= end ? to : null })
  }
  return spans
}
