/**
 * How unusual is the newest value of a series, 0 to 1: the conformal nearest-neighbour score of Burnaev and Ishimtsev (2016).
 * The last values as one point are compared with those of an earlier window; the score is the share of known points that
 * were less strange, and among those stranger than all of them it tells how much. One default for every series; the state is
 * plain JSON; it never looks at a clock. What was measured: docs/anomaly-score.md.
 */

export interface DeviationState {
  /** Values that make the warm-up, the training window and the calibration window. */
  window: number
  /** Values taken so far. */
  n: number
  /** The newest values, oldest first: two windows and one point. */
  values: number[]
  /** Strangeness of the points of the last window. */
  scores: number[]
  /** Lower triangle of the whitening matrix, row by row; null before the first window is full. */
  whitening: number[] | null
  /** Points that follow an alarm are of the same story for so long. */
  hold: number
  /** How often as strange as all before was what began the story. */
  peak: number
}

/** Length of a point, and how many neighbours count. */
const DIMENSION = 19
const NEIGHBOURS = 27
/** A point stranger than this share of the others is an alarm; what follows it counts half for a fifth of the window. */
const ALARM = 0.9965
const HOLD_SHARE = 5
const HELD_SCORE = 0.5
/** In a story only what is so many times as strange as its beginning is told anew: a fire after a spark. */
const GROWN = 2
/** Stranger than every known point is from here to 1; the share of a window of any size stays below. */
const BEYOND = 0.999
/** Against a flat line everything is endlessly strange; a number that JSON can keep. */
const MAX_TIMES = 1e12
export const MIN_WINDOW = 60
export const MAX_WINDOW = 750

/** As public scorers do it: 15 % of a recording of known length, at most 750 values. */
export const windowFor = (rows: number): number => Math.min(MAX_WINDOW, Math.max(MIN_WINDOW, Math.floor(rows * 0.15)))

export const newDeviation = (window: number): DeviationState => ({
  window: Math.min(MAX_WINDOW, Math.max(MIN_WINDOW, Math.floor(window))),
  n: 0,
  values: [],
  scores: [],
  whitening: null,
  hold: 0,
  peak: 1,
})

/** Whitened training points of a state: made of it, and made again when it was restored. */
interface Training {
  whitening: number[]
  first: number
  points: Float64Array[]
}

export class DeviationScorer {
  readonly #training = new WeakMap<DeviationState, Training>()

  /** Takes the next value and answers its score. Not a number is no value: it changes nothing. */
  next(state: DeviationState, value: number): number {
    if (!Number.isFinite(value)) return 0
    state.values.push(value)
    if (state.values.length > 2 * state.window + DIMENSION) state.values.shift()
    state.n++
    const { n, window } = state
    if (n < window) return 0
    // The shape of the cloud of points is learnt twice a window.
    const phase = n % window
    if (phase === 0 || phase === Math.floor(window / 2)) state.whitening = this.#learn(state)
    const training = this.#points(state)
    if (state.scores.length === 0) state.scores = training.map((point) => strangeness(point, training, NEIGHBOURS + 1))
    const point = whiten(this.#raw(state, n), state.whitening as number[])
    const strange = strangeness(point, training, NEIGHBOURS)
    let less = 0
    let strangest = 0
    for (const s of state.scores) {
      if (s < strange) less++
      if (s > strangest) strangest = s
    }
    const share = less / state.scores.length
    // How often as strange as the strangest known point.
    const times = share < 1 ? 1 : Math.min(MAX_TIMES, strange / strangest)
    const score = share < 1 ? share : BEYOND + (1 - BEYOND) * (1 - 1 / times)
    state.scores.shift()
    state.scores.push(strange)
    if (state.hold > 0 && !(times > GROWN * state.peak)) {
      state.hold--
      return HELD_SCORE
    }
    if (share >= ALARM) {
      state.hold = Math.floor(window / HOLD_SHARE)
      state.peak = times
    }
    return score
  }

  /** The point that ends with value number `end` (the first value is 1). */
  #raw(state: DeviationState, end: number): number[] {
    const at = state.values.length - (state.n - end)
    return state.values.slice(at - DIMENSION, at)
  }

  /** Numbers of the training points: a window long ago, at first the only one there is. */
  #range(state: DeviationState): { first: number; count: number } {
    const moved = Math.max(0, state.n - 2 * state.window)
    return { first: DIMENSION + moved, count: state.window - DIMENSION }
  }

  #points(state: DeviationState): Float64Array[] {
    const whitening = state.whitening as number[]
    const { first, count } = this.#range(state)
    let known = this.#training.get(state)
    if (!known || known.whitening !== whitening || known.first > first) {
      known = { whitening, first, points: [] }
      this.#training.set(state, known)
    }
    while (known.first < first) {
      known.points.shift()
      known.first++
    }
    while (known.points.length < count)
      known.points.push(whiten(this.#raw(state, known.first + known.points.length), whitening))
    return known.points
  }

  /** Cholesky factor of the inverse of X'X over the training points, so that a distance is a plain one. */
  #learn(state: DeviationState): number[] {
    const { first, count } = this.#range(state)
    const sums = new Float64Array(DIMENSION * DIMENSION)
    for (let i = 0; i < count; i++) {
      const x = this.#raw(state, first + i)
      for (let r = 0; r < DIMENSION; r++)
        for (let c = 0; c <= r; c++) (sums[r * DIMENSION + c] as number) += (x[r] as number) * (x[c] as number)
    }
    let trace = 0
    for (let r = 0; r < DIMENSION; r++) trace += sums[r * DIMENSION + r] as number
    // A flat line has no shape: a breath of noise keeps the matrix invertible.
    const ridge = (trace / DIMENSION) * 1e-9 + 1e-12
    for (let r = 0; r < DIMENSION; r++) (sums[r * DIMENSION + r] as number) += ridge
    return inverseOfCholesky(sums)
  }
}

/** L⁻¹ (lower triangle, row by row) of A = L·L', so that |L⁻¹·d|² = d'·A⁻¹·d. */
function inverseOfCholesky(a: Float64Array): number[] {
  const n = DIMENSION
  const l = new Float64Array(n * n)
  for (let r = 0; r < n; r++)
    for (let c = 0; c <= r; c++) {
      let sum = a[r * n + c] as number
      for (let k = 0; k < c; k++) sum -= (l[r * n + k] as number) * (l[c * n + k] as number)
      l[r * n + c] = r === c ? Math.sqrt(Math.max(sum, 1e-300)) : sum / (l[c * n + c] as number)
    }
  const inverse = new Float64Array(n * n)
  for (let c = 0; c < n; c++)
    for (let r = c; r < n; r++) {
      let sum = r === c ? 1 : 0
      for (let k = c; k < r; k++) sum -= (l[r * n + k] as number) * (inverse[k * n + c] as number)
      inverse[r * n + c] = sum / (l[r * n + r] as number)
    }
  const out: number[] = []
  for (let r = 0; r < n; r++) for (let c = 0; c <= r; c++) out.push(inverse[r * n + c] as number)
  return out
}

function whiten(point: readonly number[], matrix: readonly number[]): Float64Array {
  const out = new Float64Array(DIMENSION)
  let i = 0
  for (let r = 0; r < DIMENSION; r++) {
    let sum = 0
    for (let c = 0; c <= r; c++) sum += (matrix[i++] as number) * (point[c] as number)
    out[r] = sum
  }
  return out
}

/** Sum of the distances to the nearest points. */
function strangeness(point: Float64Array, training: readonly Float64Array[], neighbours: number): number {
  // The nearest so far, farthest first of them at the end: most points are farther than all and cost one comparison.
  const nearest: number[] = []
  for (const other of training) {
    const limit = nearest.length < neighbours ? Number.POSITIVE_INFINITY : (nearest[nearest.length - 1] as number)
    let d = 0
    for (let i = 0; i < DIMENSION && d < limit; i++) {
      const diff = (point[i] as number) - (other[i] as number)
      d += diff * diff
    }
    if (d >= limit) continue
    let at = nearest.length
    if (at === neighbours) at--
    else nearest.push(d)
    while (at > 0 && (nearest[at - 1] as number) > d) {
      nearest[at] = nearest[at - 1] as number
      at--
    }
    nearest[at] = d
  }
  let sum = 0
  for (const d of nearest) sum += d
  return sum
}
