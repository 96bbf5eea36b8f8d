/** Only for tests: scores, pulses, fights and swings of the pulse, computed anew from all samples for every instant. */
import type { Line } from './bench.ts'
import { isOff, usableVitals, type WallClock, zOf } from './habits.ts'
import type { Truth } from './held.ts'
import { middleOf } from './streams.ts'

type Parameter = 'resp' | 'spo2' | 'hr'
/** The scale as it is printed: below the first limit the first score, and so on. */
const SCALE: Record<Parameter, [number, number][]> = {
  resp: [
    [8, 3],
    [11, 1],
    [20, 0],
    [24, 2],
    [EVER(), 3],
  ],
  spo2: [
    [91, 3],
    [93, 2],
    [95, 1],
    [EVER(), 0],
  ],
  hr: [
    [40, 3],
    [50, 1],
    [90, 0],
    [110, 1],
    [130, 2],
    [EVER(), 3],
  ],
}
function EVER(): number {
  return Number.POSITIVE_INFINITY
}
const VALID_MS = 15_000

/** Sure samples of one band, and whether what was said before each had stopped speaking (or was bad, or of a band that was off). */
export function sureSamples(lines: readonly Line[], band: string): { l: Line; gap: boolean }[] {
  const own = lines.filter((l) => l.device === band && l.type === 'band.vitals')
  const sure = usableVitals(lines, band)
  const isUnsure = (l: Line): boolean => l.quality !== 'bad' && (l.value.confidence as number) < 0.6
  const breaking = own.filter((l) => !sure.includes(l) && (!isUnsure(l) || isOff(lines, l)))
  return sure.map((l, i) => {
    const before = sure[i - 1]
    const isBroken = breaking.some((o) => before && o.time > before.time && o.time < l.time)
    return { l, gap: before === undefined || isBroken || l.time - before.time > VALID_MS }
  })
}

/** Since when activity has been low without a gap, by the samples up to this one. */
export function restSince(samples: readonly { l: Line; gap: boolean }[], i: number): number | null {
  const isLow = (k: number): boolean => ((samples[k] as { l: Line }).l.value.activity as number) < 0.2
  if (!isLow(i)) return null
  let k = i
  while (k > 0 && !samples[k]?.gap && isLow(k - 1)) k--
  return samples[k]?.l.time ?? null
}

/** Total and highest score at an instant whose newest sample is the named one; null: not at rest, or too little is known. */
export function news2At(
  samples: readonly { l: Line; gap: boolean }[],
  i: number,
  limits: { restMs: number; windowMs: number; minSamples: number },
  at: number,
): { total: number; highest: number } | null {
  const since = restSince(samples, i)
  if (since === null || at - since < limits.restMs) return null
  const low = samples.slice(0, i + 1).filter((s) => (s.l.value.activity as number) < 0.2)
  const scores = (Object.keys(SCALE) as Parameter[]).flatMap((p) => {
    const values = low
      .filter((s) => s.l.time >= at - limits.windowMs && typeof s.l.value[p] === 'number')
      .map((s) => s.l.value[p] as number)
    if (values.length < limits.minSamples) return []
    // Medians may fall between two numbers of the scale: the upper band begins at its own first number.
    const m = Math.floor(middleOf(values))
    return [SCALE[p].find(([upTo]) => m <= upTo)?.[1] ?? 0]
  })
  if (scores.length === 0) return null
  return { total: scores.reduce((a, b) => a + b, 0), highest: Math.max(...scores) }
}

/**
 * How restless somebody is against the same hour of other days: the mean of the minutes that began within the window; null: too
 * few of those days had that hour. An hour of sixty samples is known, to the hundredth.
 */
export function restlessness(
  samples: readonly Line[],
  at: number,
  clockOf: (at: number) => WallClock,
  o: { windowMs: number; warmUpDays: number; seeds: readonly (readonly number[])[] },
): number | null {
  const minuteOf = (t: number): number => Math.floor(t / 60_000) * 60_000
  const recent = samples.filter((l) => l.time <= at && minuteOf(l.time) >= at - o.windowMs)
  if (recent.length === 0) return null
  const { date: today, hour } = clockOf(at)
  const ofHour = samples.filter((l) => l.time < at && clockOf(l.time).hour === hour && clockOf(l.time).date < today)
  const own = [...new Set(ofHour.map((l) => clockOf(l.time).date))].flatMap((date) => {
    const day = ofHour.filter((l) => clockOf(l.time).date === date)
    return day.length >= 60 ? [Math.round(meanOf(day) * 100) / 100] : []
  })
  return zOf(meanOf(recent), [...o.seeds.map((d) => d[hour] as number), ...own], o.warmUpDays, 0.01)
}
const meanOf = (samples: readonly Line[]): number =>
  samples.reduce((sum, l) => sum + (l.value.activity as number), 0) / samples.length

/** When a camera's frames, and later bands that burst near each other, tell of a fight. */
export function fightTimes(
  pulses: readonly number[],
  frames: readonly number[],
  bursts: readonly (readonly { from: number; to: number }[])[],
  aroundMs: number,
  ticks: readonly number[],
): { orange: number; red: number } {
  const orange = Math.min(...pulses, Number.POSITIVE_INFINITY)
  const red = ticks.find((t) => {
    if (t < orange) return false
    const known = frames.filter((f) => f <= t)
    const isPart = (spans: readonly { from: number; to: number }[]): boolean =>
      spans.some((s) => s.from <= t && known.some((f) => s.from <= f + aroundMs && Math.min(s.to, t) >= f - aroundMs))
    return bursts.filter(isPart).length >= 2
  })
  return { orange, red: red ?? Number.POSITIVE_INFINITY }
}

/** Times at which the activity had been high for so long, and each further sample that says so. */
export function burstSpans(samples: readonly Line[], forMs: number): { from: number; to: number }[] {
  const isHigh = (s: Line | undefined): boolean => s !== undefined && (s.value.activity as number) >= 0.7
  const goesOn = (i: number): boolean =>
    isHigh(samples[i - 1]) && (samples[i] as Line).time - (samples[i - 1] as Line).time <= VALID_MS
  return samples.flatMap((l, i) => {
    if (!isHigh(l)) return []
    let first = i
    while (goesOn(first)) first--
    const begun = (samples[first] as Line).time
    const next = samples[first + 1]?.time ?? EVER()
    const heldFor = i > first || next >= begun + forMs
    const at = Math.max(l.time, begun + forMs)
    const isOver = samples.some((s, k) => k > i && s.time < at && !isHigh(s))
    return heldFor && !isOver ? [{ from: at, to: at }] : []
  })
}

export const andOf = (...truths: Truth[]): Truth =>
  truths.includes(false) ? false : truths.includes(null) ? null : true
