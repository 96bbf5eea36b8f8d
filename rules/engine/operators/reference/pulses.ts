/**
 * Only for tests: patterns of readings that are complete in an instant (count, distinct count, co-occurrence, sequence,
 * rate), each as the plain sentence of its definition over all readings. Nothing is kept, everything is looked for anew.
 */
import type { Line } from './bench.ts'

export interface Pulse {
  at: number
  key: string
}

/** The reading completes so many (different) ones of its key within the closed window that ends with it. */
export function countPulses(
  lines: readonly Line[],
  keysOf: (line: Line) => string[],
  needed: number,
  withinMs: number,
  distinct: (line: Line) => string = (line) => `${line.device} ${line.type} ${line.time}`,
): Pulse[] {
  return lines.flatMap((line, i) => {
    for (const key of keysOf(line)) {
      const window = lines.slice(0, i + 1).filter((l) => l.time >= line.time - withinMs && keysOf(l).includes(key))
      if (new Set(window.map(distinct)).size >= needed) return [{ at: line.time, key }]
    }
    return []
  })
}

export interface SequenceSpec {
  steps: { fits: (line: Line) => boolean; not: (line: Line) => boolean }[]
  strict: boolean
  withinMs: number
  before?: { fits: (line: Line) => boolean; ms: number }
  after?: { fits: (line: Line) => boolean; ms: number }
}

/** Readings of one key in order. Every choice of readings is tried for each possible last step. */
export function sequencePulses(lines: readonly Line[], spec: SequenceSpec): number[] {
  const pulses: number[] = []
  let used = -1
  const search = (last: number): boolean => {
    const tryStep = (step: number, index: number): boolean => {
      const line = lines[index] as Line
      if (index <= used || !spec.steps[step]?.fits(line)) return false
      if (step === 0) {
        if ((lines[last] as Line).time - line.time > spec.withinMs) return false
        const { before } = spec
        return !before || !lines.slice(0, index).some((l) => before.fits(l) && l.time >= line.time - before.ms)
      }
      for (let previous = index - 1; previous >= 0; previous--) {
        const between = lines.slice(previous + 1, index)
        if (spec.strict && between.length > 0) continue
        if (between.some((l) => spec.steps[step]?.not(l))) continue
        if (tryStep(step - 1, previous)) return true
      }
      return false
    }
    return tryStep(spec.steps.length - 1, last)
  }
  for (const [i, line] of lines.entries()) {
    if (!search(i)) continue
    used = i
    const { after } = spec
    if (!after) pulses.push(line.time)
    else if (!lines.slice(i + 1).some((l) => after.fits(l) && l.time <= line.time + after.ms))
      pulses.push(line.time + after.ms)
  }
  return pulses
}

/** A sample that lies farther than `by` from some sample of the window before it, with no gap between them. */
export function ratePulses(
  samples: readonly { at: number; x: number | null }[],
  direction: 'rise' | 'fall' | 'either',
  by: number,
  withinMs: number,
  validMs: number,
): number[] {
  return samples.flatMap(({ at, x }, i) => {
    if (x === null) return []
    for (let j = i - 1; j >= 0; j--) {
      const [from, next] = [samples[j] as (typeof samples)[number], samples[j + 1] as (typeof samples)[number]]
      if (from.x === null || from.at < at - withinMs || next.at - from.at > validMs) break
      const up = x - from.x
      const change = direction === 'rise' ? up : direction === 'fall' ? -up : Math.abs(up)
      if (change >= by) return [at]
    }
    return []
  })
}

/** Two kinds of things, each lasting from `from` to `to`; complete at a beginning that has the other within the time. */
export function coOccurrencePulses(
  first: readonly { from: number }[],
  second: readonly { from: number; to: number }[],
  withinMs: number,
): number[] {
  const fromFirst = first.filter((a) => second.some((b) => b.from <= a.from && a.from - b.to <= withinMs))
  const fromSecond = second.filter((b) => first.some((a) => a.from <= b.from && b.from - a.from <= withinMs))
  return [...fromFirst, ...fromSecond].map((x) => x.from)
}
