/**
 * Yardsticks for the deviation score, each written anew from its published description: the tail of a Gaussian over a sliding
 * window, relative entropy with several hypotheses (Wang et al. 2011), and conformal nearest neighbours (Burnaev and Ishimtsev
 * 2016) by the book, without any of our shortcuts. Only benchmarks use them.
 */
import { probationOf } from './nab-score.ts'

export type Detector = (values: readonly number[]) => number[]

/** Tail of the standard normal distribution (Abramowitz and Stegun 7.1.26). */
function tail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2
  const t = 1 / (1 + 0.3275911 * x)
  const erfc =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.exp(-x * x)
  return erfc / 2
}

const GAUSSIAN_WINDOW = 1_000
export const windowedGaussian: Detector = (values) => {
  const window: number[] = []
  let sum = 0
  let squares = 0
  return values.map((value) => {
    const n = window.length
    const mean = n > 0 ? sum / n : 0
    const spread = n > 0 ? Math.sqrt(Math.max(0, squares / n - mean * mean)) || 1e-6 : 1
    const score = n === 0 ? 0 : 1 - tail((value - mean) / spread)
    window.push(value)
    sum += value
    squares += value * value
    if (window.length > GAUSSIAN_WINDOW) {
      const old = window.shift() as number
      sum -= old
      squares -= old * old
    }
    return score
  })
}

const BINS = 5
const ENTROPY_WINDOW = 52
/** Upper percent of chi-squared with four degrees of freedom. */
const ENTROPY_LIMIT = 13.2767
export const relativeEntropy: Detector = (values) => {
  const least = Math.min(...values)
  const step = (Math.max(...values) - least) / BINS
  const known: { share: number[]; seen: number }[] = []
  if (step === 0) return values.map(() => 0)
  return values.map((_, i) => {
    if (i + 1 < ENTROPY_WINDOW) return 0
    const share = Array<number>(BINS).fill(0)
    for (let k = i + 1 - ENTROPY_WINDOW; k <= i; k++) {
      const bin = Math.min(BINS - 1, Math.ceil(((values[k] as number) - least) / step))
      share[bin] = (share[bin] as number) + 1 / ENTROPY_WINDOW
    }
    let best: (typeof known)[number] | null = null
    let least_ = ENTROPY_LIMIT
    for (const other of known) {
      let entropy = 0
      for (let b = 0; b < BINS; b++) {
        const [p, q] = [share[b] as number, other.share[b] as number]
        if (p > 0) entropy += q > 0 ? p * Math.log(p / q) : Number.POSITIVE_INFINITY
      }
      if (2 * ENTROPY_WINDOW * entropy < least_) {
        least_ = 2 * ENTROPY_WINDOW * entropy
        best = other
      }
    }
    if (best) {
      best.seen++
      return 0
    }
    const isFirst = known.length === 0
    known.push({ share, seen: 1 })
    return isFirst ? 0 : 1
  })
}

const DIM = 19
const K = 27
export const knnCad: Detector = (values) => {
  const period = probationOf(values.length)
  const training: (readonly number[])[] = []
  const calibration: (readonly number[])[] = []
  let scores: number[] = []
  let inverse: number[][] | null = null
  let hold = 0
  const distance = (a: readonly number[], b: readonly number[], m: number[][]): number => {
    let sum = 0
    for (let r = 0; r < DIM; r++) {
      let row = 0
      for (let c = 0; c < DIM; c++) row += ((m[r] as number[])[c] as number) * ((a[c] as number) - (b[c] as number))
      sum += row * ((a[r] as number) - (b[r] as number))
    }
    return sum
  }
  const strange = (point: readonly number[], neighbours: number, m: number[][]): number =>
    training
      .map((other) => distance(other, point, m))
      .sort((a, b) => a - b)
      .slice(0, neighbours)
      .reduce((a, b) => a + b, 0)
  return values.map((_, i) => {
    const n = i + 1
    if (n < DIM) return 0
    const point = values.slice(n - DIM, n)
    if (n < period) {
      training.push(point)
      return 0
    }
    if (n % period === 0 || n % period === Math.floor(period / 2)) inverse = inverseOf(training) ?? inverse
    inverse ??= identity()
    const m = inverse
    if (scores.length === 0) scores = training.map((p) => strange(p, K + 1, m))
    const own = strange(point, K, m)
    const result = scores.filter((s) => s < own).length / scores.length
    if (n >= 2 * period) {
      training.shift()
      training.push(calibration.shift() as readonly number[])
    }
    scores.shift()
    scores.push(own)
    calibration.push(point)
    if (hold > 0) {
      hold--
      return 0.5
    }
    if (result >= 0.9965) hold = Math.floor(period / 5)
    return result
  })
}

const identity = (): number[][] =>
  Array.from({ length: DIM }, (_, r) => Array.from({ length: DIM }, (_, c) => (r === c ? 1 : 0)))

/** Inverse of X'X by Gauss and Jordan; null when it has none. */
function inverseOf(points: readonly (readonly number[])[]): number[][] | null {
  const a = identity().map((unit, r) => [
    ...unit.map((_, c) => points.reduce((sum, p) => sum + (p[r] as number) * (p[c] as number), 0)),
    ...unit,
  ])
  for (let c = 0; c < DIM; c++) {
    let pivot = c
    for (let r = c + 1; r < DIM; r++)
      if (Math.abs((a[r] as number[])[c] as number) > Math.abs((a[pivot] as number[])[c] as number)) pivot = r
    const top = a[pivot] as number[]
    const head = top[c] as number
    if (Math.abs(head) < 1e-12) return null
    a[pivot] = a[c] as number[]
    a[c] = top.map((v) => v / head)
    for (let r = 0; r < DIM; r++) {
      const factor = (a[r] as number[])[c] as number
      if (r !== c && factor !== 0)
        a[r] = (a[r] as number[]).map((v, k) => v - factor * ((a[c] as number[])[k] as number))
    }
  }
  return a.map((row) => row.slice(DIM))
}
