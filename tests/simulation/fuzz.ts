/**
 * `npm run simulate:fuzz -- --seeds N [--seed S] [--plan NAME] [--jobs J] [--trace] [--json]`: runs N seeds from S on, of two
 * minutes of any faults or of a plan of many hours (`weather.ts`), in J processes; prints the seed of every failure and
 * ends with 1 when there was one. The same seed replays exactly.
 */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { openProvinceStore } from './province-node.ts'
import { type Outcome, simulate } from './simulate.ts'
import { LONG } from './weather.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    plan: { type: 'string' },
    jobs: { type: 'string', default: String(Math.min(4, availableParallelism())) },
    trace: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const first = Number(values.seed)
const count = Number(values.seeds)
const jobs = Math.min(Number(values.jobs), count)
/** A long run says how far it is after so many seeds. */
const PROGRESS = 50
const refuse = (text: string): never => {
  process.stderr.write(`simulate:fuzz: ${text}\n`)
  process.exit(2)
}
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1)
  refuse('--seeds and --seed are whole numbers, --seeds is at least 1')
if (!Number.isSafeInteger(jobs) || jobs < 1) refuse('--jobs is a whole number from 1 on')
const weather = values.plan === undefined ? undefined : LONG[values.plan]
if (values.plan !== undefined && !weather) refuse(`--plan takes ${Object.keys(LONG).join(', ')}`)

interface Summary {
  seeds: number
  first: number
  failed: number[]
  violations: number
  sums: Record<string, number>
  powerCuts: Record<string, number>
  rulesCompared: string[]
}

const started = performance.now()
const summary = jobs === 1 ? await here() : merged(await Promise.all(Array.from({ length: jobs }, (_, i) => child(i))))
const { sums, powerCuts, ...rest } = summary
const seconds = Math.round((performance.now() - started) / 100) / 10
if (values.json) process.stdout.write(`${JSON.stringify({ ...rest, ...sums, powerCuts, seconds })}\n`)
else
  process.stdout.write(
    `${count} seeds from ${first}: ${summary.violations} violations; ${sums.kills} kills of the edge, ${sums.provinceKills} of the province, ` +
      `${sums.acknowledged} readings acknowledged, ${sums.alerts} alerts of ${summary.rulesCompared.length} rules, ${sums.forgotten} persons forgotten, ${sums.events} events, ${seconds} s\n`,
  )
process.exit(summary.failed.length === 0 ? 0 : 1)

async function here(): Promise<Summary> {
  const store = await openProvinceStore()
  const powerCuts: Record<string, number> = {}
  const judged = new Set<string>()
  const failed: Outcome[] = []
  const sums: Record<string, number> = {}
  for (let seed = first; seed < first + count; seed++) {
    const outcome = await simulate(seed, store, { trace: values.trace, ...(weather ? { weather } : {}) })
    const { seed: _, violations, powerCuts: cuts, judged: rules, trace, ...numbers } = outcome
    add(sums, numbers)
    add(powerCuts, cuts)
    for (const rule of rules) judged.add(rule)
    for (const line of trace) process.stderr.write(`${line}\n`)
    for (const violation of violations) process.stderr.write(`seed ${seed}: ${violation}\n`)
    if (violations.length > 0) failed.push(outcome)
    if ((seed - first + 1) % PROGRESS === 0) process.stderr.write(`up to seed ${seed}: ${failed.length} failed\n`)
  }
  await store.close()
  return {
    seeds: count,
    first,
    failed: failed.map((f) => f.seed),
    violations: failed.reduce((n, f) => n + f.violations.length, 0),
    sums,
    powerCuts,
    rulesCompared: [...judged].sort(),
  }
}

/** One part of the seeds in a process of its own: each seed is a world by itself. */
function child(i: number): Promise<Summary> {
  const from = first + Math.floor((count * i) / jobs)
  const to = first + Math.floor((count * (i + 1)) / jobs)
  const args = ['--jobs', '1', '--json', '--seed', String(from), '--seeds', String(to - from)]
  if (values.plan !== undefined) args.push('--plan', values.plan)
  if (values.trace) args.push('--trace')
  const part = spawn(process.execPath, [import.meta.filename, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve, reject) => {
    let text = ''
    part.stdout.on('data', (chunk) => {
      text += chunk
    })
    part.once('close', (code) => {
      if (code !== 0 && code !== 1) return reject(new Error(`seeds ${from} to ${to - 1} ended with ${code}`))
      const { seeds, first, failed, violations, powerCuts, rulesCompared, seconds: _, ...sums } = JSON.parse(text)
      resolve({ seeds, first, failed, violations, sums, powerCuts, rulesCompared })
    })
  })
}

function merged(parts: Summary[]): Summary {
  const whole: Summary = { seeds: count, first, failed: [], violations: 0, sums: {}, powerCuts: {}, rulesCompared: [] }
  for (const part of parts) {
    whole.failed.push(...part.failed)
    whole.violations += part.violations
    add(whole.sums, part.sums)
    add(whole.powerCuts, part.powerCuts)
  }
  whole.rulesCompared = [...new Set(parts.flatMap((part) => part.rulesCompared))].sort()
  return whole
}

function add(to: Record<string, number>, more: Record<string, number>): void {
  for (const [name, n] of Object.entries(more)) to[name] = (to[name] ?? 0) + n
}
