/**
 * The property "edge settles": a real edge with thousands of connected devices is killed and started again; measured from
 * the start of the process until every device is connected, everything that it kept is acknowledged, and no consumer of
 * the journal is behind. Prints one JSON object per figure and ends with 1 above the limit of `bars.md`.
 *
 * `--tls` or BENCH_TLS=1: over TLS. BENCH_CLIENTS (3000), BENCH_RUNS (3), BENCH_LIMIT (30 s), BENCH_OUTAGE (20 s),
 * BENCH_GIVE_UP (240 s). On a machine that others keep busy the processor time is the figure to look at.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { benchSite } from './edge-site.ts'
import { cpuMs, foreignLoad, memoryMb, percentile, print, round } from './figures.ts'
import type { SettlePlan, SettleState } from './settle-clients.ts'

const env = process.env
const CLIENTS = Number(env.BENCH_CLIENTS ?? 3000)
const RUNS = Number(env.BENCH_RUNS ?? 3)
const LIMIT_S = Number(env.BENCH_LIMIT ?? 30)
const OUTAGE_S = Number(env.BENCH_OUTAGE ?? 20)
const TLS = env.BENCH_TLS === '1' || process.argv.includes('--tls')
/** Given up: the figure is then this many seconds, and the run a failure. */
const GIVE_UP_S = Number(env.BENCH_GIVE_UP ?? 240)
/** Readings on their way at one moment are no backlog. */
const YOUNG_MS = 2000
const LAG = 50

const ROOT = join(import.meta.dirname, '../..')
const MAIN = join(ROOT, 'bin/main.ts')
const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

const folder = mkdtempSync(join(tmpdir(), 'ww-bench-settle-'))
const data = join(folder, 'data')
mkdirSync(data, { recursive: true })
const [mqtt, consolePort] = [await freePort(), await freePort()]
const site = benchSite({ bands: CLIENTS, tags: 1, influxUrl: null })
const pki = (name: string): { cert: string; key: string; ca: string } => {
  const done = spawnSync(process.execPath, [MAIN, 'pki', 'issue', name, '--server', '--data', data, '--json'], {
    encoding: 'utf8',
  })
  if (done.status !== 0) throw new Error(`wardwatch pki: ${done.stderr}`)
  return JSON.parse(done.stdout)
}
const issued = TLS ? pki('localhost') : null
const doors = issued ? `tls: ${mqtt}, cert: ${issued.cert}, key: ${issued.key}` : `tcp: ${mqtt}`
writeFileSync(
  join(folder, 'site.yaml'),
  site.yaml.replace('tcp: 0', doors).replace('console: { port: 0 }', `console: { port: ${consolePort} }`),
)

let edge: ChildProcess
function startEdge(): void {
  edge = spawn(
    process.execPath,
    [join(ROOT, 'bin/wardwatch.js'), 'edge', '--site', join(folder, 'site.yaml'), '--data', data, '--json'],
    { cwd: ROOT, stdio: ['ignore', 'ignore', env.BENCH_LOG ? 'inherit' : 'ignore'] },
  )
}
async function killEdge(): Promise<void> {
  const gone = new Promise((resolve) => edge.once('exit', resolve))
  edge.kill('SIGKILL')
  await gone
}

/** What the edge says of itself; null while it does not answer. */
async function measured(): Promise<{ clients: number; backlog: number } | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${consolePort}/metrics`, { signal: AbortSignal.timeout(5000) })
    const text = await answer.text()
    const values = (pattern: RegExp) => [...text.matchAll(pattern)].map((m) => Number(m[1]))
    return {
      clients: values(/^wardwatch_broker\{what="clients"\} (\S+)$/gm)[0] ?? 0,
      backlog: Math.max(
        0,
        ...values(/^wardwatch_consumer_lag\{.*\} (\S+)$/gm),
        ...values(/^wardwatch_journal\{what="pending"\} (\S+)$/gm),
      ),
    }
  } catch {
    return null
  }
}

const plan: SettlePlan = {
  port: mqtt,
  facility: site.facility,
  devices: site.bands,
  everyS: 10,
  keeps: 100,
  ca: issued?.ca ?? null,
}
const devices = spawn(process.execPath, [join(import.meta.dirname, 'settle-clients.ts'), JSON.stringify(plan)], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
const lines: Interface = createInterface({ input: devices.stdout })
const ask = (): Promise<SettleState> =>
  new Promise((resolve) => {
    lines.once('line', (line) => resolve(JSON.parse(line) as SettleState))
    devices.stdin.write('\n')
  })

interface Settled {
  firstS: number
  connectedS: number
  settledS: number
  backlog: number
  /** Processor time of the edge. */
  cpuS: number
}

/** From the start of the process on. */
async function settle(): Promise<Settled> {
  const start = performance.now()
  const seconds = () => (performance.now() - start) / 1000
  const before = (await ask()).unanswered
  const acknowledged = (await ask()).acknowledged
  startEdge()
  let firstS = Number.NaN
  let connectedS = Number.NaN
  while (seconds() < GIVE_UP_S) {
    await delay(100)
    if (edge.exitCode !== null) throw new Error(`the edge ended with ${edge.exitCode}; BENCH_LOG=1 shows why`)
    const state = await ask()
    if (Number.isNaN(firstS) && state.acknowledged > acknowledged) firstS = seconds()
    if (Number.isNaN(connectedS) && state.connected === CLIENTS) connectedS = seconds()
    if (state.connected < CLIENTS || state.oldestMs > YOUNG_MS) continue
    const own = await measured()
    if (own && own.clients >= CLIENTS && own.backlog <= LAG)
      return { firstS, connectedS, settledS: seconds(), backlog: before, cpuS: cpuMs(edge.pid!) / 1000 }
  }
  return {
    firstS,
    connectedS: connectedS || GIVE_UP_S,
    settledS: GIVE_UP_S,
    backlog: before,
    cpuS: cpuMs(edge.pid!) / 1000,
  }
}

const settled: number[] = []
let bad = 0
try {
  await settle()
  for (let run = 0; run < RUNS; run++) {
    await delay(3000)
    await killEdge()
    await delay(OUTAGE_S * 1000)
    const foreign = foreignLoad([process.pid, devices.pid!])
    const figures = await settle()
    const common = { bench: 'settle', case: `${CLIENTS} devices over ${TLS ? 'TLS' : 'TCP'}, run ${run + 1}` }
    const load = { n: CLIENTS, foreign: round(foreign(), 2) }
    print({ ...common, metric: 'start → first reading accepted', value: round(figures.firstS), unit: 's', ...load })
    print({ ...common, metric: 'start → all connected', value: round(figures.connectedS), unit: 's', ...load })
    print({
      ...common,
      metric: 'start → all connected and backlog zero',
      value: round(figures.settledS),
      unit: 's',
      peer: 'limit',
      peerValue: LIMIT_S,
      ...load,
    })
    print({
      ...common,
      metric: 'processor time of the edge until then',
      value: round(figures.cpuS),
      unit: 's',
      ...load,
    })
    print({ ...common, metric: 'readings kept by devices at the start', value: figures.backlog, unit: 'readings' })
    print({ ...common, metric: 'resident memory', value: memoryMb(edge!.pid!).rss, unit: 'MB' })
    settled.push(figures.settledS)
    if (figures.settledS > LIMIT_S) bad++
  }
  print({ bench: 'settle', case: 'all runs', metric: 'median', value: round(percentile(settled, 0.5)), unit: 's' })
} finally {
  devices.stdin.end()
  devices.kill('SIGKILL')
  await killEdge()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}
process.exit(bad === 0 ? 0 : 1)
