/**
 * Only for tests: something that should have come and did not, and detections that last, told reading by reading from the
 * whole list, never from a state that was kept.
 */
import type { Level } from '#model/alert/alert.ts'
import type { Line } from './bench.ts'

export interface Span {
  key: string
  level: Level
  from: number
  to: number | null
}

/** Is the device heard just after the instant; a device that speaks is there. */
export function isHeard(lines: readonly Line[], device: string, at: number): boolean {
  const said = lines.filter((l) => l.device === device && l.time <= at)
  for (const l of said.reverse()) {
    if (l.type !== 'device.status') return true
    if (l.quality !== 'bad') return l.value.online === true
  }
  return true
}

/** Calls of one device that nobody answers: each step at its time, or when the device can be heard again. */
export function unansweredSpans(
  lines: readonly Line[],
  device: string,
  isStart: (l: Line) => boolean,
  isEnd: (l: Line) => boolean,
  steps: readonly { afterMs: number; level: Level }[],
  end: number,
): Span[] {
  const own = lines.filter((l) => l.device === device)
  const starts = own.filter((l) => isStart(l) && l.quality !== 'bad')
  const ends = own.filter((l) => isEnd(l) && l.quality !== 'bad')
  const spans: Span[] = []
  let waitingUntil = -1
  for (const start of starts) {
    // The first call counts; another one while it waits says nothing new.
    if (start.time <= waitingUntil) continue
    const answer = ends.find((e) => e.time >= start.time && e !== start)
    waitingUntil = answer?.time ?? Number.POSITIVE_INFINITY
    const moments = [...new Set([...own.map((l) => l.time), ...steps.map((s) => start.time + s.afterMs)])]
      .filter((t) => t <= Math.min(end, waitingUntil))
      .sort((a, b) => a - b)
    for (const step of steps) {
      const due = start.time + step.afterMs
      const at = moments.find((t) => t >= due && isHeard(own, device, t))
      // An answer of the same instant is in time, also when it was only then that the device could be heard.
      if (at === undefined || (answer && answer.time <= at)) continue
      spans.push({ key: device, level: step.level, from: at, to: answer?.time ?? null })
    }
  }
  return spans
}

/** Heartbeats: each is the answer to the one before. */
export function silentSpans(times: readonly number[], key: string, limitMs: number, level: Level, end: number): Span[] {
  return times.flatMap((t, i) => {
    const next = times[i + 1]
    const due = t + limitMs
    return due <= end && (next === undefined || next > due) ? [{ key, level, from: due, to: next ?? null }] : []
  })
}

/** Frames less than two seconds apart are one detection; it counts when it has lasted. */
export function framePulses(times: readonly number[], forMs: number): number[] {
  return times.filter((t, i) => {
    let first = i
    while (first > 0 && (times[first] as number) - (times[first - 1] as number) < 2_000) first--
    return t - (times[first] as number) >= forMs
  })
}

/** Detections with a beginning and an end. */
export function activeSpans(
  frames: readonly { at: number; holds: boolean }[],
  forMs: number,
): { from: number; until: number }[] {
  const spans: { from: number; until: number }[] = []
  for (let i = 0; i < frames.length; i++) {
    const frame = frames[i] as (typeof frames)[number]
    if (!frame.holds || frames[i - 1]?.holds) continue
    const ended = frames.slice(i).find((f) => !f.holds)?.at ?? Number.POSITIVE_INFINITY
    const until = Math.min(ended, frame.at + 600_000)
    if (until - frame.at >= forMs) spans.push({ from: frame.at + forMs, until })
  }
  return spans
}
