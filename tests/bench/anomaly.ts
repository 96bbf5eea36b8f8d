/**
 * `npm run bench:anomaly`: the deviation score and some published detectors over made-up streams, scored by the rules of the
 * Numenta benchmark. Says how they stand to each other here; it is not the public score (docs/anomaly-score.md).
 *
 * BENCH_SETS (default 2) how often each kind of stream is made, BENCH_SEED (default 1).
 */
import { DeviationScorer, newDeviation, windowFor } from '#rules/engine/deviation.ts'
import { type Detector, knnCad, relativeEntropy, windowedGaussian } from './anomaly-peers.ts'
import { streams } from './anomaly-streams.ts'
import { foreignLoad, print, round } from './figures.ts'
import { nabScore, PROFILES } from './nab-score.ts'

const deviation: Detector = (values) => {
  const scorer = new DeviationScorer()
  const state = newDeviation(windowFor(values.length))
  return values.map((value) => Number(scorer.next(state, value).toFixed(6)))
}

const files = streams(Number(process.env.BENCH_SETS ?? 2), Number(process.env.BENCH_SEED ?? 1))
const rows = files.reduce((sum, file) => sum + file.rows, 0)
const detectors: Readonly<Record<string, Detector>> = { windowedGaussian, relativeEntropy, knnCad, deviation }

const scored = Object.entries(detectors).map(([name, detector]) => {
  const foreign = foreignLoad([process.pid])
  const before = process.cpuUsage()
  const results = files.map((file) => ({ file, scores: detector(file.values) }))
  const used = process.cpuUsage(before)
  return { name, results, cpuUs: (used.user + used.system) / rows, foreign: foreign() }
})
for (const [profile, weights] of Object.entries(PROFILES))
  for (const { name, results, foreign } of scored) {
    const { score, threshold, found, windows, falseAlarms } = nabScore(results, weights)
    const peer = nabScore(scored.find((s) => s.name === 'knnCad')?.results ?? [], weights)
    print({
      bench: 'anomaly',
      case: name,
      metric: `score, profile ${profile}: ${found} of ${windows} windows, ${falseAlarms} false alarms, threshold ${round(threshold, 6)}`,
      value: round(score, 2),
      unit: 'of 100',
      peer: name === 'knnCad' ? null : 'knnCad',
      peerValue: name === 'knnCad' ? null : round(peer.score, 2),
      n: rows,
      foreign,
    })
  }
for (const { name, cpuUs, foreign } of scored)
  print({
    bench: 'anomaly',
    case: name,
    metric: 'processor time a row',
    value: round(cpuUs),
    unit: 'µs',
    n: rows,
    foreign,
  })
if (process.env.BENCH_FILES === '1')
  for (const { name, results } of scored) {
    const { threshold } = nabScore(results, PROFILES.standard)
    for (const { file, scores } of results) {
      const alarms = scores.flatMap((s, row) => (s >= threshold && row >= file.rows * 0.15 ? [row] : []))
      const found = file.windows.filter(([from, to]) => alarms.some((row) => row >= from && row <= to)).length
      const wrong = alarms.filter((row) => !file.windows.some(([from, to]) => row >= from && row <= to)).length
      process.stderr.write(`${name}: ${file.name}: ${found}/${file.windows.length} found, ${wrong} false\n`)
    }
  }
