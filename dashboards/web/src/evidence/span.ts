/** The part of time that the evidence page shows: widths to choose from, zoom about a moment, steps from item to item. Pure. */

export interface Span {
  from: number
  to: number
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
export const WIDTHS = [10 * SECOND, MINUTE, 3 * MINUTE, 10 * MINUTE, HOUR, 24 * HOUR] as const
export const PRE_ROLL_MS = 10 * SECOND
const MIN_WIDTH = 2 * SECOND
const MAX_WIDTH = 24 * HOUR

export const widthOf = (span: Span): number => span.to - span.from

/** The same moment stays at the same place of the picture. */
export function zoom(span: Span, at: number, factor: number): Span {
  const width = Math.max(MIN_WIDTH, Math.min(MAX_WIDTH, widthOf(span) * factor))
  const share = Math.max(0, Math.min(1, (at - span.from) / widthOf(span)))
  return { from: at - share * width, to: at + (1 - share) * width }
}

/** Width of the preset next to this one: `+1` wider, `−1` narrower. */
export function nextWidth(width: number, step: 1 | -1): number {
  if (step < 0) return [...WIDTHS].reverse().find((w) => w < width * 0.99) ?? WIDTHS[0]
  return WIDTHS.find((w) => w > width * 1.01) ?? WIDTHS[WIDTHS.length - 1]!
}

/** Keeps the cursor inside the picture, moving the picture by no more than it must. */
export function follow(span: Span, at: number): Span {
  const margin = widthOf(span) * 0.08
  if (at < span.from + margin) return { from: at - margin, to: at - margin + widthOf(span) }
  if (at > span.to - margin) return { from: at + margin - widthOf(span), to: at + margin }
  return span
}

/** First look: the pre-roll before the first evidence, then as far as something happened, at least a minute. */
export function firstSpan(times: number[], raisedAt: number): Span {
  const first = Math.min(raisedAt, ...times.filter((t) => t > raisedAt - 10 * MINUTE))
  const near = times.filter((t) => t < raisedAt + 10 * MINUTE)
  const last = Math.max(raisedAt, ...near)
  const from = first - PRE_ROLL_MS
  const width = Math.max(MINUTE, (last - from) * 1.15)
  return { from, to: from + Math.min(width, 15 * MINUTE) }
}

const STEPS = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400].map((s) => s * SECOND)
/** Round moments to write below the picture, at most `count`. */
export function ticks(span: Span, count: number): number[] {
  const step = STEPS.find((s) => widthOf(span) / s <= count) ?? 6 * HOUR
  const first = Math.ceil(span.from / step) * step
  const found: number[] = []
  for (let at = first; at <= span.to; at += step) found.push(at)
  return found
}

/** The item before or after a moment. */
export function neighbour(times: number[], at: number, step: 1 | -1): number | null {
  const sorted = [...new Set(times)].sort((a, b) => a - b)
  if (step > 0) return sorted.find((t) => t > at + 0.5) ?? null
  return sorted.reverse().find((t) => t < at - 0.5) ?? null
}
