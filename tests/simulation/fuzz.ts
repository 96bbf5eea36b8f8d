/**
 * `npm run simulate:fuzz -- --seeds N [--seed S] [--trace] [--json]`: runs N seeds from S on; prints the seed of every
 * failure and ends with 1 when there was one. The same seed replays exactly.
 */
import { parseArgs } from 'node:util'
import { openProvinceStore } from './province-node.ts'
import { type Outcome, simulate } from './simulate.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const first = Number(values.seed)
const count = Number(values.seeds)
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
  process.stderr.write('simulate:fuzz: --seeds and --seed are whole numbers, --seeds is at least 1\n')
  process.exit(2)
}
const started = performance.now()
const powerCuts = { lost: 0, torn: 0, reordered: 0 }
const judged = new Set<string>()
const store = await openProvinceStore()
const failed: Outcome[] = []
const sums = {
  kills: 0,
  stops: 0,
  provinceKills: 0,
  said: 0,
  acknowledged: 0,
  journaled: 0,
  alerts: 0,
  changes: 0,
  shed: 0,
  events: 0,
}
for (let seed = first; seed < first + count; seed++) {
  const outcome = await simulate(seed, store, { trace: values.trace })
  for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += outcome[key]
  for (const how of Object.keys(powerCuts) as (keyof typeof powerCuts)[]) powerCuts[how] += outcome.powerCuts[how]
  for (const rule of outcome.judged) judged.add(rule)
  for (const line of outcome.trace) process.stderr.write(`${line}\n`)
  if (outcome.violations.length === 0) continue
  failed.push(outcome)
  for (const violation of outcome.violations) process.stderr.write(`seed ${seed}: ${violation}\n`)
}
const summary = {
  seeds: count,
  first,
  failed: failed.map((f) => f.seed),
  violations: failed.reduce((n, f) => n + f.violations.length, 0),
  ...sums,
  powerCuts,
  rulesCompared: [...judged].sort(),
  seconds: Math.round((performance.now() - started) / 100) / 10,
}
if (values.json) process.stdout.write(`${JSON.stringify(summary)}\n`)
else
  process.stdout.write(
    `${count} seeds from ${first}: ${summary.violations} violations; ${sums.kills} kills of the edge, ${sums.provinceKills} of the province, ` +
      `${sums.acknowledged} readings acknowledged, ${sums.alerts} alerts of ${judged.size} rules, ${sums.events} events, ${summary.seconds} s\n`,
  )
await store.close()
process.exit(failed.length === 0 ? 0 : 1)
