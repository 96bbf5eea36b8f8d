/**
 * Load of the people at the consoles (ISA-18.2; I09 to I11): what sounded, when, at which desk. Pure. A flood begins with
 * more than ten in ten minutes and ends when there are fewer than five.
 */
import type { IndicatorValue, Window } from './indicators.ts'

export const TEN_MINUTES_MS = 600_000
const FLOOD_BEGINS_ABOVE = 10
const FLOOD_ENDS_BELOW = 5
/** A rate per ten minutes needs ten minutes of watching. */
const LEAST_SECONDS = 600

export interface DeskLoad {
  desk: string
  /** Alarms that sounded in the window. */
  annunciated: number
  /** Seconds in which the desk was watched over by the edge. */
  seconds: number
  per10Min: number | null
  peak: number
  peakAt: number | null
  floodSeconds: number
  floods: { from: number; to: number }[]
  /** Alarms per ten minutes of the clock, for a chart. */
  series: [number, number][]
}

/** @param times of alarms at one desk, ascending, from ten minutes before the window. */
export function deskLoad(desk: string, times: readonly number[], window: Window, seconds: number): DeskLoad {
  const inside = times.filter((t) => t >= window.from && t < window.to)
  const peak = peakOf(inside)
  const floods = floodsOf(times, window)
  const series = new Map<number, number>()
  const first = Math.floor(window.from / TEN_MINUTES_MS) * TEN_MINUTES_MS
  for (let at = first; at < window.to && series.size < 10_000; at += TEN_MINUTES_MS) series.set(at, 0)
  for (const t of inside) {
    const at = Math.floor(t / TEN_MINUTES_MS) * TEN_MINUTES_MS
    series.set(at, (series.get(at) ?? 0) + 1)
  }
  return {
    desk,
    annunciated: inside.length,
    seconds,
    per10Min: seconds > 0 ? inside.length / (seconds / 600) : null,
    ...peak,
    floodSeconds: floods.reduce((sum, f) => sum + (f.to - f.from) / 1000, 0),
    floods,
    series: [...series],
  }
}

/** Largest number of alarms in any ten minutes. */
function peakOf(times: readonly number[]): { peak: number; peakAt: number | null } {
  let peak = 0
  let peakAt: number | null = null
  let begin = 0
  for (const [i, t] of times.entries()) {
    while (times[begin]! <= t - TEN_MINUTES_MS) begin++
    if (i - begin + 1 > peak) {
      peak = i - begin + 1
      peakAt = t
    }
  }
  return { peak, peakAt }
}

/** Floods, cut to the window. The number in the last ten minutes grows with each alarm and falls ten minutes after it. */
function floodsOf(times: readonly number[], window: Window): { from: number; to: number }[] {
  const steps = times
    .flatMap((t): [number, number][] => [
      [t, 1],
      [t + TEN_MINUTES_MS, -1],
    ])
    // What leaves at an instant leaves before what comes.
    .sort((a, b) => a[0] - b[0] || a[1] - b[1])
  const floods: { from: number; to: number }[] = []
  let count = 0
  let since: number | null = null
  const end = (at: number): void => {
    if (since === null) return
    const from = Math.max(since, window.from)
    const to = Math.min(at, window.to)
    if (to > from) floods.push({ from, to })
    since = null
  }
  for (const [at, step] of steps) {
    count += step
    if (since === null && count > FLOOD_BEGINS_ABOVE) since = at
    else if (since !== null && count < FLOOD_ENDS_BELOW) end(at)
  }
  end(Number.POSITIVE_INFINITY)
  return floods
}

export function indicatorsOfLoad(desks: readonly DeskLoad[], chatter: number): Map<string, IndicatorValue> {
  const seconds = desks.reduce((sum, d) => sum + d.seconds, 0)
  const sounded = desks.reduce((sum, d) => sum + d.annunciated, 0)
  const floods = desks.reduce((sum, d) => sum + d.floodSeconds, 0)
  const known = seconds >= LEAST_SECONDS
  return new Map<string, IndicatorValue>([
    [
      'I09',
      {
        value: known ? sounded / (seconds / 600) : null,
        n: sounded,
        detail: { desks: Object.fromEntries(desks.map((d) => [d.desk, d.per10Min])), consoleHours: seconds / 3600 },
      },
    ],
    [
      'I10',
      { value: known ? Math.min(1, floods / seconds) : null, n: Math.round(seconds), detail: { floodSeconds: floods } },
    ],
    [
      'I11',
      {
        value: known ? Math.max(0, ...desks.map((d) => d.peak)) : null,
        n: sounded,
        detail: { desks: Object.fromEntries(desks.map((d) => [d.desk, { peak: d.peak, at: d.peakAt }])) },
      },
    ],
    ['I12', { value: known ? chatter : null, n: chatter, detail: { chattering: chatter } }],
  ])
}
