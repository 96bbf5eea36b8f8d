/**
 * Made-up streams of the kinds that public anomaly benchmarks hold: load of servers, temperature of machines, demand by day and
 * week, traffic, counts of events; with spikes, shifts, drifts, flat lines, missing rows; and some without any anomaly.
 * Seeded; the labels are windows of 10 % of the rows in all around the anomalies. None of it is recorded anywhere.
 */
import type { Labelled } from './nab-score.ts'

export interface Stream extends Labelled {
  values: number[]
}

type Noise = { uniform(): number; normal(): number }

function noiseOf(seed: number): Noise {
  let state = seed | 0
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  return { uniform, normal }
}

interface Kind {
  name: string
  rows: number
  /** Rows before the first and between anomalies are never fewer than this share. */
  anomalies: number
  make(rows: number, at: readonly number[], noise: Noise): number[]
}

const rowsOf = (count: number, of: (row: number) => number): number[] => Array.from({ length: count }, (_, i) => of(i))
const near = (row: number, at: readonly number[], length: number): number =>
  at.findIndex((a) => row >= a && row < a + length)

/** A day of 288 or 48 rows with a quiet night, and a weaker weekend. */
const rhythm = (row: number, day: number): number => {
  const hour = ((row % day) / day) * 24
  const weekend = Math.floor(row / day) % 7 >= 5 ? 0.7 : 1
  return (
    weekend *
    (0.25 +
      0.75 * Math.max(0, Math.sin(((hour - 6) / 24) * 2 * Math.PI) * 0.6 + 0.4 * Math.sin((hour / 24) * 4 * Math.PI)))
  )
}

const KINDS: readonly Kind[] = [
  {
    name: 'server load, spikes',
    rows: 4032,
    anomalies: 2,
    make: (rows, at, n) =>
      rowsOf(
        rows,
        (i) =>
          2 +
          0.15 * n.normal() +
          (n.uniform() < 0.02 ? 1.5 * n.uniform() : 0) +
          (near(i, at, 6) >= 0 ? 9 + n.normal() : 0),
      ),
  },
  {
    name: 'server load, level shift',
    rows: 4032,
    anomalies: 1,
    make: (rows, at, n) => rowsOf(rows, (i) => 40 + 4 * n.normal() + (i >= (at[0] as number) ? 25 : 0)),
  },
  {
    name: 'server load, bursts of jobs',
    rows: 4032,
    anomalies: 2,
    make: (rows, at, n) =>
      rowsOf(rows, (i) => {
        const job = i % 144 < 9 ? 45 : 8
        return (near(i, at, 40) >= 0 ? 60 : job) + 2 * n.normal()
      }),
  },
  {
    name: 'network in, heavy tail',
    rows: 4730,
    anomalies: 2,
    make: (rows, at, n) =>
      rowsOf(
        rows,
        (i) => 1e5 * Math.exp(0.5 * n.normal()) + (n.uniform() < 0.01 ? 6e5 : 0) + (near(i, at, 5) >= 0 ? 4e6 : 0),
      ),
  },
  {
    name: 'demand by day and week, odd days',
    rows: 6000,
    anomalies: 4,
    make: (rows, at, n) =>
      rowsOf(rows, (i) => {
        const odd = near(i, at, 48)
        return 20_000 * rhythm(i, 48) * (odd < 0 ? 1 : odd % 2 === 0 ? 0.35 : 1.6) + 500 * n.normal()
      }),
  },
  {
    name: 'machine temperature, drift and failure',
    rows: 5600,
    anomalies: 2,
    make: (rows, at, n) => {
      let level = 85
      return rowsOf(rows, (i) => {
        level += 0.25 * n.normal() + 0.01 * (85 - level)
        const failing = near(i, at, 120)
        return level + (failing < 0 ? 0 : -((i - (at[failing] as number)) / 120) * 40)
      })
    },
  },
  {
    name: 'room temperature, heating fails',
    rows: 5000,
    anomalies: 2,
    make: (rows, at, n) => {
      let slow = 0
      return rowsOf(rows, (i) => {
        slow = 0.995 * slow + 0.05 * n.normal()
        return 70 + 3 * rhythm(i, 24) + slow + 0.3 * n.normal() - (near(i, at, 60) >= 0 ? 6 : 0)
      })
    },
  },
  {
    name: 'traffic speed, jams',
    rows: 2380,
    anomalies: 3,
    make: (rows, at, n) =>
      rowsOf(rows, (i) => 80 - 15 * rhythm(i, 144) + 5 * n.normal() - (near(i, at, 25) >= 0 ? 35 : 0)),
  },
  {
    name: 'mentions, bursts',
    rows: 7900,
    anomalies: 3,
    make: (rows, at, n) =>
      rowsOf(rows, (i) => {
        const usual = 12 * rhythm(i, 288) + 3
        const burst = near(i, at, 12)
        return Math.max(
          0,
          Math.round(
            usual + Math.sqrt(usual) * n.normal() + (n.uniform() < 0.01 ? 25 * n.uniform() : 0) + (burst < 0 ? 0 : 130),
          ),
        )
      }),
  },
  {
    name: 'daily wave, flat middle',
    rows: 4032,
    anomalies: 1,
    make: (rows, at, n) =>
      rowsOf(
        rows,
        (i) => (near(i, at, 140) >= 0 ? 20 : 20 + 60 * (i % 288 > 110 && i % 288 < 220 ? 1 : 0)) + 3 * n.uniform(),
      ),
  },
  {
    name: 'daily wave, less than usual',
    rows: 4032,
    anomalies: 1,
    make: (rows, at, n) =>
      rowsOf(
        rows,
        (i) => 20 + (near(i, at, 288) >= 0 ? 25 : 60) * (i % 288 > 110 && i % 288 < 220 ? 1 : 0) + 3 * n.uniform(),
      ),
  },
  {
    name: 'flat line that stops being one',
    rows: 4032,
    anomalies: 1,
    make: (rows, at, n) => rowsOf(rows, (i) => (near(i, at, 60) >= 0 ? 45 + n.normal() : 45)),
  },
  {
    name: 'rate of spikes grows',
    rows: 4032,
    anomalies: 1,
    make: (rows, at, n) =>
      rowsOf(rows, (i) => 1 + 0.1 * n.normal() + (n.uniform() < (near(i, at, 150) >= 0 ? 0.35 : 0.03) ? 20 : 0)),
  },
  {
    name: 'disk writes, stop',
    rows: 1240,
    anomalies: 1,
    make: (rows, at, n) => rowsOf(rows, (i) => (near(i, at, 50) >= 0 ? 0 : Math.max(0, 30 + 9 * n.normal()))),
  },
  {
    name: 'noise without anomaly',
    rows: 4032,
    anomalies: 0,
    make: (rows, _at, n) => rowsOf(rows, () => 45 + 4 * n.normal()),
  },
  {
    name: 'days without anomaly',
    rows: 4032,
    anomalies: 0,
    make: (rows, _at, n) => rowsOf(rows, (i) => 20 + 60 * rhythm(i, 288) + 3 * n.normal()),
  },
]

/** Anomalies in the part that is judged, apart from each other. */
function placesOf(rows: number, count: number, noise: Noise): number[] {
  const from = Math.floor(rows * 0.25)
  const slot = Math.floor((rows * 0.68) / Math.max(1, count))
  return rowsOf(count, (i) => from + i * slot + Math.floor(noise.uniform() * slot * 0.6))
}

/** @param sets how often each kind is made, with other noise and other places. */
export function streams(sets: number, seed: number): Stream[] {
  return rowsOf(sets, (set) => set).flatMap((set) =>
    KINDS.map((kind, k): Stream => {
      const noise = noiseOf(seed + 1_000 * set + k)
      const places = placesOf(kind.rows, kind.anomalies, noise)
      const all = kind.make(kind.rows, places, noise)
      const half = Math.floor((kind.rows * 0.1) / Math.max(1, kind.anomalies) / 2)
      // Every second set has lost rows: a stretch of them, as recordings have.
      const [lostFrom, lost] = set % 2 === 1 ? [Math.floor(kind.rows * 0.2), Math.floor(kind.rows * 0.01)] : [0, 0]
      const values = all.filter((_, row) => row < lostFrom || row >= lostFrom + lost)
      const moved = (row: number): number =>
        Math.min(values.length - 1, Math.max(0, row >= lostFrom ? row - lost : row))
      const windows = places.map((at) => [moved(at - half), moved(at + half)] as const)
      return { name: `${kind.name} (${set + 1})`, rows: values.length, windows, values }
    }),
  )
}
