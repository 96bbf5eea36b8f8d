/**
 * How the Numenta benchmark scores a detector, written from its published rules: an early alarm in a labelled window counts
 * up to 1, a missed window −1, each false alarm up to −0.11 (standard profile); one threshold, the best, for all files;
 * 0 = a detector that says nothing, 100 = a perfect one. Scores only; knows no detector and no data.
 */
export interface Labelled {
  name: string
  rows: number
  /** Row numbers, both ends included. */
  windows: readonly (readonly [from: number, to: number])[]
}

export interface Profile {
  tp: number
  fp: number
  fn: number
}
export const PROFILES: Readonly<Record<'standard' | 'few-false' | 'few-missed', Profile>> = {
  standard: { tp: 1, fp: 0.11, fn: 1 },
  'few-false': { tp: 1, fp: 0.22, fn: 1 },
  'few-missed': { tp: 1, fp: 0.11, fn: 2 },
}

const PROBATION = 0.15
const PROBATION_OF_AT_MOST = 5_000
/** So many widths behind a window an alarm is as false as it can be. */
const FAR = 3

/** Rows of the beginning that nobody judges. */
export const probationOf = (rows: number): number =>
  Math.floor(Math.min(PROBATION * rows, PROBATION * PROBATION_OF_AT_MOST))

/** 1 well before zero, 0 at zero, −1 well behind. */
const fade = (position: number): number => (position >= FAR ? -1 : 2 / (1 + Math.exp(5 * position)) - 1)
const EARLIEST = fade(-1)

/** What an alarm at each row is worth; `window` is −1 outside, null while nobody judges. */
function worths({ rows, windows }: Labelled, { tp, fp }: Profile): { worth: Float64Array; window: (number | null)[] } {
  const worth = new Float64Array(rows)
  const window: (number | null)[] = []
  const probation = probationOf(rows)
  let next = 0
  for (let row = 0; row < rows; row++) {
    while (next < windows.length && row > (windows[next] as readonly [number, number])[1]) next++
    const here = windows[next]
    const before = windows[next - 1]
    if (here && row >= here[0]) {
      worth[row] = (fade(-(here[1] - row + 1) / (here[1] - here[0] + 1)) / EARLIEST) * tp
      window.push(row < probation ? null : next)
      continue
    }
    const behind = before ? (row - before[1]) / Math.max(1, before[1] - before[0]) : FAR
    worth[row] = fade(behind) * fp
    window.push(row < probation ? null : -1)
  }
  return { worth, window }
}

export interface Scored {
  /** 0 says nothing, 100 is perfect. */
  score: number
  threshold: number
  /** Windows that were found. */
  found: number
  windows: number
  falseAlarms: number
}

/** The score of a detector over all files, at the threshold that is best for it. */
export function nabScore(files: readonly { file: Labelled; scores: readonly number[] }[], profile: Profile): Scored {
  const points: { score: number; worth: number; window: number }[] = []
  let windows = 0
  for (const { file, scores } of files) {
    if (scores.length !== file.rows) throw new Error(`${file.name}: ${scores.length} scores for ${file.rows} rows`)
    const { worth, window } = worths(file, profile)
    for (let row = 0; row < file.rows; row++) {
      const of = window[row]
      if (of === null || of === undefined) continue
      points.push({ score: scores[row] as number, worth: worth[row] as number, window: of < 0 ? -1 : windows + of })
    }
    windows += file.windows.length
  }
  points.sort((a, b) => b.score - a.score)
  const best = new Float64Array(windows).fill(-profile.fn)
  let raw = -profile.fn * windows
  let found = 0
  let falseAlarms = 0
  let top: Omit<Scored, 'score'> & { raw: number } = { raw, threshold: 1.1, found, windows, falseAlarms }
  for (let i = 0; i < points.length; i++) {
    const { score, worth, window } = points[i] as (typeof points)[number]
    if (window < 0) {
      raw += worth
      falseAlarms++
    } else if (worth > (best[window] as number)) {
      if (best[window] === -profile.fn) found++
      raw += worth - (best[window] as number)
      best[window] = worth
    }
    // All points of one score are alarms together.
    if (points[i + 1]?.score !== score && raw > top.raw) top = { raw, threshold: score, found, windows, falseAlarms }
  }
  const nothing = -profile.fn * windows
  const { raw: reached, ...rest } = top
  return { score: (100 * (reached - nothing)) / (profile.tp * windows - nothing), ...rest }
}
