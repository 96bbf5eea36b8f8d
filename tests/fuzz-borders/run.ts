/**
 * `npm run fuzz:borders -- [--inputs N] [--seed S] [--only NAME,…] [--at K] [--json]`: N hostile inputs at each border.
 * Prints one JSON object a border and ends with 1 at a crash, an input that took too long, or one that was lost in
 * silence. `--at K` feeds the one input again that a fault named.
 */
import { writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { BORDERS, fuzzBorder, type Report } from './fuzz.ts'

const HANG_MS = 30_000

if (!isMainThread) {
  // Watches from outside: whoever hangs cannot say so.
  const beat = new Int32Array(workerData as SharedArrayBuffer)
  let last = { n: -1, at: Date.now() }
  setInterval(() => {
    const n = Atomics.load(beat, 0)
    if (n !== last.n) last = { n, at: Date.now() }
    else if (Date.now() - last.at > HANG_MS) {
      // Past the main thread, through which a worker's stderr goes.
      writeSync(2, `fuzz:borders: at input ${n} for more than ${HANG_MS / 1000} s; ended\n`)
      process.kill(process.pid, 'SIGKILL')
    }
  }, 1000)
} else {
  const { values } = parseArgs({
    options: {
      inputs: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      at: { type: 'string' },
    },
  })
  const names = values.only?.split(',') ?? Object.keys(BORDERS)
  const [inputs, seed, at] = [Number(values.inputs), Number(values.seed), Number(values.at ?? 0)]
  if (names.some((name) => !(name in BORDERS)) || ![inputs, seed, at].every(Number.isSafeInteger) || inputs < 1) {
    process.stderr.write(
      `fuzz:borders: --only takes ${Object.keys(BORDERS).join(', ')}; --inputs, --seed and --at whole numbers\n`,
    )
    process.exit(2)
  }
  const shared = new SharedArrayBuffer(4)
  const beat = new Int32Array(shared)
  const watch = new Worker(new URL(import.meta.url), { workerData: shared })
  const range = values.at === undefined ? { from: 0, to: inputs } : { from: at, to: at + 1 }
  let bad = 0
  for (const name of names) {
    const report: Report = await fuzzBorder(name, { seed, ...range, onInput: (n) => Atomics.store(beat, 0, n) })
    if (report.faults.length > 0) bad++
    process.stdout.write(`${JSON.stringify(report)}\n`)
  }
  await watch.terminate()
  process.exit(bad === 0 ? 0 : 1)
}
