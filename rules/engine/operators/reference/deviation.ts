/**
 * Only for tests: the conformal nearest-neighbour score by its definition, with everything computed anew for every value:
 * a plain matrix inverse, all distances, sorted.
 */
const POINT = 19
const NEIGHBOURS = 27

export function scoresOf(series: readonly number[], window: number): number[] {
  let inverse: number[][] = []
  let calibration: number[] | null = null
  let hold = 0
  let peak = 1
  return series.map((_, i) => {
    const n = i + 1
    if (n < window) return 0
    const pointAt = (end: number): number[] => series.slice(end - POINT, end)
    const first = POINT + Math.max(0, n - 2 * window)
    const training = Array.from({ length: window - POINT }, (_x, k) => pointAt(first + k))
    if (n % window === 0 || n % window === Math.floor(window / 2)) inverse = inverted(scatter(training))
    const strange = (point: number[], neighbours: number): number =>
      training
        .map((other) => distance(point, other, inverse))
        .sort((a, b) => a - b)
        .slice(0, neighbours)
        .reduce((a, b) => a + b, 0)
    // A point of the past is its own nearest neighbour.
    calibration ??= training.map((p) => strange(p, NEIGHBOURS + 1))
    const own = strange(pointAt(n), NEIGHBOURS)
    const share = calibration.filter((s) => s < own).length / calibration.length
    // Beyond all that is known it counts how far; and only what is twice as far as the beginning is told anew.
    const times = share === 1 ? Math.min(1e12, own / Math.max(...calibration)) : 1
    const score = share === 1 ? 1 - 0.001 / times : share
    calibration = [...calibration.slice(1), own]
    if (hold > 0 && times <= 2 * peak) {
      hold--
      return 0.5
    }
    if (share >= 0.9965) {
      hold = Math.floor(window / 5)
      peak = times
    }
    return score
  })
}

/** True from a value whose score reaches the limit to the first whose does not, or until a quiet time after the last. */
export function deviationSpans(
  series: readonly { at: number; x: number }[],
  window: number,
  limit: number,
  quietMs: number | null,
  end: number,
): { from: number; to: number | null }[] {
  const scores = scoresOf(
    series.map((s) => s.x),
    window,
  )
  return series.flatMap(({ at }, i) => {
    const isOdd = (k: number): boolean => (scores[k] as number) >= limit
    if (!isOdd(i)) return []
    let to: number | null
    if (quietMs === null) {
      if (i > 0 && isOdd(i - 1)) return []
      to = series.find((_s, k) => k > i && !isOdd(k))?.at ?? null
    } else {
      to = at + quietMs
      for (const [k, s] of series.entries()) if (k > i && isOdd(k) && s.at < to) to = s.at + quietMs
    }
    return [{ from: at, to: to !== null && to <= end ? to : null }]
  })
}

function scatter(points: readonly number[][]): number[][] {
  const sums = Array.from({ length: POINT }, (_r, r) =>
    Array.from({ length: POINT }, (_c, c) => points.reduce((sum, p) => sum + (p[r] as number) * (p[c] as number), 0)),
  )
  const trace = sums.reduce((t, row, r) => t + (row[r] as number), 0)
  return sums.map((row, r) => row.map((x, c) => (r === c ? x + (trace / POINT) * 1e-9 + 1e-12 : x)))
}

/** Gauss and Jordan, with the largest pivot. */
function inverted(matrix: readonly number[][]): number[][] {
  const n = matrix.length
  const rows = matrix.map((row, r) => [...row, ...Array.from({ length: n }, (_x, c) => (r === c ? 1 : 0))])
  for (let c = 0; c < n; c++) {
    let best = c
    for (let r = c; r < n; r++) if (Math.abs(rows[r]?.[c] as number) > Math.abs(rows[best]?.[c] as number)) best = r
    const pivot = rows[best] as number[]
    rows[best] = rows[c] as number[]
    const unit = pivot.map((x) => x / (pivot[c] as number))
    rows[c] = unit
    for (let r = 0; r < n; r++) {
      if (r === c) continue
      const factor = rows[r]?.[c] as number
      rows[r] = (rows[r] as number[]).map((x, k) => x - factor * (unit[k] as number))
    }
  }
  return rows.map((row) => row.slice(n))
}

function distance(a: readonly number[], b: readonly number[], inverse: readonly number[][]): number {
  const d = a.map((x, i) => x - (b[i] as number))
  let sum = 0
  for (const [r, row] of inverse.entries())
    for (const [c, x] of row.entries()) sum += (d[r] as number) * x * (d[c] as number)
  return sum
}
