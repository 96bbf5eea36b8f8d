/**
 * The whole edge under load, from outside: a real `wardwatch edge` process with all rules, the embedded store and (where
 * influxd is installed) InfluxDB; the load, the watching console and the peers are processes of their own. Counts what
 * was sent, acknowledged, journaled, stored, alerted, and how fast. Prints one JSON object per figure (`bars.md`).
 *
 * BENCH_CASES=`1000x1,5000x1,…` (messages/s x readings each), BENCH_SECONDS, BENCH_WARM, BENCH_BANDS, BENCH_INFLUX=0,
 * BENCH_PEERS=0, BENCH_NODE_RED=folder with an installed node-red, BENCH_PROFILE=folder for a --cpu-prof of the edge.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { type RunningStore, startInfluxd } from '#ingest/series/store-processes.ts'
import { type BenchSite, benchSite } from './edge-site.ts'
import { cpuMs, foreignLoad, memoryMb, percentile, print, round, threadsMs } from './figures.ts'
import type { LoadPlan, LoadResult } from './mqtt-load.ts'
import type { Seen } from './sse-watcher.ts'

const env = process.env
const MEASURE_S = Number(env.BENCH_SECONDS ?? 15)
const WARM_S = Number(env.BENCH_WARM ?? 8)
const BANDS = Number(env.BENCH_BANDS ?? 200)
const CALLS_PER_S = Number(env.BENCH_ALERTS ?? 10)
const CASES = (env.BENCH_CASES ?? '1000x1,5000x1,10000x1,1000x10,2000x10').split(',').map((text) => {
  const [rate, size] = text.split('x').map(Number) as [number, number]
  return { rate, size, name: `${rate * size} readings/s in ${rate} messages/s` }
})
const DRAIN_S = 30

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const REPOSITORY = here('../..')

interface Process {
  child: ChildProcess
  pid: number
  /** The next JSON line with this event (or without one, when null). */
  line<T>(event: string | null): Promise<T>
  ended: Promise<void>
}

export function start(file: string, args: string[], flags: string[] = []): Process {
  const child = spawn(process.execPath, [...flags, file, ...args], {
    stdio: ['pipe', 'pipe', env.BENCH_LOG ? 'inherit' : 'ignore'],
    cwd: REPOSITORY,
  })
  const waiting: { event: string | null; resolve(value: never): void; reject(error: Error): void }[] = []
  const lines: Record<string, unknown>[] = []
  const match = () => {
    for (const [i, wish] of [...waiting.entries()]) {
      const at = lines.findIndex((line) => wish.event === null || line.event === wish.event)
      if (at < 0) continue
      waiting.splice(i, 1)
      wish.resolve(lines.splice(at, 1)[0] as never)
      return match()
    }
  }
  createInterface({ input: child.stdout! }).on('line', (text) => {
    try {
      lines.push(JSON.parse(text))
      match()
    } catch {
      // Not one of ours.
    }
  })
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      for (const wish of waiting) wish.reject(new Error(`${file} ended before it said ${wish.event}`))
      resolve()
    })
  })
  return {
    child,
    pid: child.pid!,
    line: (event) =>
      new Promise((resolve, reject) => {
        waiting.push({ event, resolve: resolve as (value: never) => void, reject })
        match()
      }),
    ended,
  }
}

/** What a system under test must tell the benchmark about itself. */
interface Subject {
  name: string
  pids: number[]
  mqttPort: number
  streamUrl: string
  token: string
  backlog(): Promise<number>
  /** Stops it and counts what lies on its disk. */
  end(): Promise<{ journaled: number | null; stored: number | null; influx: number | null }>
}

const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

async function startEdgeProcess(site: BenchSite, influx: RunningStore | null): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'ww-bench-edge-'))
  const data = join(folder, 'data')
  mkdirSync(join(data, 'accounts'), { recursive: true })
  writeFileSync(join(folder, 'site.yaml'), site.yaml)
  const main = join(REPOSITORY, 'bin/main.ts')
  const ww = (...args: string[]) => {
    const done = spawnSync(process.execPath, [main, ...args, '--data', data, '--json'], { encoding: 'utf8' })
    if (done.status !== 0) throw new Error(`wardwatch ${args.join(' ')}: ${done.stderr}`)
    return JSON.parse(done.stdout) as Record<string, string>
  }
  ww('user', 'add', 'bench', '--role', 'chief', '--password', 'Load-and-latency-1')
  const token = ww('user', 'token', 'bench').token!
  const profile = env.BENCH_PROFILE
  // By its own door, which gives it the limits of memory that an edge has.
  const edge = start(
    join(REPOSITORY, 'bin/wardwatch.js'),
    ['edge', '--site', join(folder, 'site.yaml'), '--data', data, '--json'],
    profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`, '--cpu-prof-interval=500'] : [],
  )
  const ready = await edge.line<{ url: string; ports: { mqtt: number } }>('ready')
  return {
    name: 'wardwatch edge',
    pids: [edge.pid],
    mqttPort: ready.ports.mqtt,
    streamUrl: `${ready.url}/api/v1/stream`,
    token,
    async backlog() {
      const text = await (await fetch(`${ready.url}/metrics`)).text()
      if (env.BENCH_THREADS)
        process.stderr.write(
          (text.match(/^wardwatch_(journal|nodejs_heap_size|nodejs_external|process_res).* .*$/gm) ?? []).join('; ') +
            '\n',
        )
      const values = (pattern: RegExp) => [...text.matchAll(pattern)].map((m) => Number(m[1]))
      return Math.max(
        ...values(/^wardwatch_consumer_lag\{.*\} (\S+)$/gm),
        ...values(/^wardwatch_journal\{what="pending"\} (\S+)$/gm),
      )
    },
    async end() {
      edge.child.kill('SIGTERM')
      await Promise.race([edge.ended, delay(10_000).then(() => edge.child.kill('SIGKILL'))])
      const count = (file: string, sql: string): number | null => {
        const path = join(data, file)
        if (!existsSync(path)) return null
        const db = new DatabaseSync(path)
        const { n } = db.prepare(sql).get() as { n: number }
        db.close()
        return n
      }
      const mine = "device GLOB 'W*' OR device GLOB 'T*'"
      const counts = {
        journaled: count(
          'journal/journal.db',
          `SELECT count(*) AS n FROM log WHERE tag >> 4 = 1 AND body NOT LIKE '%"device.status"%' AND body NOT LIKE '%"agent.heartbeat"%'`,
        ),
        stored: count(
          'series/series.db',
          `SELECT count(*) AS n FROM raw JOIN stream ON stream.id = raw.stream WHERE type <> 'device.status' AND (${mine})`,
        ),
        influx: influx ? await influxCount(influx.url) : null,
      }
      rmSync(folder, { recursive: true, force: true })
      return counts
    },
  }
}

async function influxCount(url: string): Promise<number> {
  const query =
    'SELECT count(hr) FROM band_vitals; SELECT count(x_m) FROM band_position; SELECT count(quality) FROM tag_sos'
  const response = await fetch(`${url}/query?db=bench&q=${encodeURIComponent(query)}`)
  const { results } = (await response.json()) as { results: { series?: { values: [string, number][] }[] }[] }
  return results.reduce((sum, r) => sum + (r.series?.[0]?.values[0]?.[1] ?? 0), 0)
}

interface Outcome {
  load: LoadResult
  latencies: number[]
  expected: number
  seen: number
  doubled: number
  cpuUs: number
  /** Of one processor, by the main thread. */
  mainShare: number
  rss: number
  peak: number
  backlogAtEnd: number
  drainedMs: number | null
  counts: Awaited<ReturnType<Subject['end']>>
  foreign: number
}

const mainMs = (subject: Subject): number =>
  subject.pids.reduce((sum, pid) => sum + (threadsMs(pid).get(pid)?.ms ?? 0), 0)

async function measure(subject: Subject, site: BenchSite, rate: number, size: number): Promise<Outcome> {
  const watcher = start(here('./sse-watcher.ts'), [subject.streamUrl, subject.token])
  await watcher.line('open')
  const plan: LoadPlan = {
    port: subject.mqttPort,
    facility: site.facility,
    bands: site.bands,
    tags: site.tags,
    ratePerS: rate,
    readingsPerMessage: size,
    warmS: WARM_S,
    measureS: MEASURE_S,
  }
  const generator = start(here('./mqtt-load.ts'), [JSON.stringify(plan)])
  await generator.line('warm')
  const foreign = foreignLoad([...subject.pids, generator.pid, watcher.pid, process.pid, ...influxPids])
  const mainAtStart = mainMs(subject)
  const threadsAtStart = env.BENCH_THREADS ? threadsMs(subject.pids[0]!) : null
  const cpuAtStart = subject.pids.reduce((sum, pid) => sum + cpuMs(pid), 0)
  await generator.line('sent')
  const cpuUsed = subject.pids.reduce((sum, pid) => sum + cpuMs(pid), 0) - cpuAtStart
  const mainUsed = mainMs(subject) - mainAtStart
  const foreignShare = foreign()
  if (threadsAtStart)
    for (const [tid, { name, ms }] of threadsMs(subject.pids[0]!)) {
      const used = ms - (threadsAtStart.get(tid)?.ms ?? 0)
      if (used > 50) process.stderr.write(`${subject.name} thread ${tid} ${name}: ${used} ms\n`)
    }
  const backlogAtEnd = await subject.backlog()
  const load = await generator.line<LoadResult>('measured')
  const drainFrom = performance.now()
  let drainedMs: number | null = null
  while (performance.now() - drainFrom < DRAIN_S * 1000) {
    if ((await subject.backlog()) === 0) {
      drainedMs = performance.now() - drainFrom
      break
    }
    await delay(100)
  }
  const memory = subject.pids.map(memoryMb)
  await delay(500)
  watcher.child.stdin!.end()
  const seen = await watcher.line<Seen>(null)
  const sentAt = new Map(load.calls.map(([tag, at, measured]) => [tag, { at, measured }]))
  const arrived = new Map<string, number>()
  let doubled = 0
  for (const [device, code, at] of seen.raised) {
    if (code !== 'R39') continue
    if (arrived.has(device)) doubled++
    else arrived.set(device, at)
  }
  const latencies = [...arrived].flatMap(([device, at]) => {
    const call = sentAt.get(device)
    return call?.measured ? [at - call.at] : []
  })
  const measuredReadings = load.sentPerS * MEASURE_S * size
  return {
    load,
    latencies,
    expected: load.calls.length,
    seen: [...arrived.keys()].filter((device) => sentAt.has(device)).length,
    doubled,
    cpuUs: (cpuUsed * 1000) / measuredReadings,
    mainShare: mainUsed / (MEASURE_S * 1000),
    rss: memory.reduce((sum, m) => sum + m.rss, 0),
    peak: memory.reduce((sum, m) => sum + m.peak, 0),
    backlogAtEnd,
    drainedMs,
    counts: await subject.end(),
    foreign: foreignShare,
  }
}

const influxPids: number[] = []

function report(name: string, o: Outcome, peer: { name: string; outcome: Outcome } | null): void {
  const row = (metric: string, value: number, unit: string, of?: (outcome: Outcome) => number, n?: number) =>
    print({
      bench: 'edge',
      case: name,
      metric,
      value: round(value),
      unit,
      peer: peer && of ? peer.name : null,
      peerValue: peer && of ? round(of(peer.outcome)) : null,
      n: n ?? o.load.sent,
      foreign: o.foreign,
    })
  row('sent', o.load.sentPerS, 'messages/s', (p) => p.load.sentPerS)
  row('sent, not acknowledged', o.load.sent - o.load.acknowledged, 'messages')
  if (o.counts.journaled !== null) row('sent, not in the journal', o.load.readings - o.counts.journaled, 'readings')
  if (o.counts.stored !== null) row('sent, not in the embedded store', o.load.readings - o.counts.stored, 'readings')
  if (o.counts.influx !== null) row('sent, not in InfluxDB', o.load.readings - o.counts.influx, 'readings')
  row('alerts expected', o.expected, 'alerts')
  row('alerts seen', o.seen, 'alerts', (p) => p.seen)
  row('alerts seen twice', o.doubled, 'alerts')
  row('publish to PUBACK p50', o.load.ackP50Ms, 'ms', (p) => p.load.ackP50Ms)
  row('publish to PUBACK p99', o.load.ackP99Ms, 'ms', (p) => p.load.ackP99Ms)
  row('publish to SSE p50', percentile(o.latencies, 0.5), 'ms', (p) => percentile(p.latencies, 0.5), o.latencies.length)
  row(
    'publish to SSE p99',
    percentile(o.latencies, 0.99),
    'ms',
    (p) => percentile(p.latencies, 0.99),
    o.latencies.length,
  )
  row('CPU per reading', o.cpuUs, 'µs', (p) => p.cpuUs)
  row('main thread busy', o.mainShare * 100, '%', (p) => p.mainShare * 100)
  row('resident memory', o.rss, 'MB', (p) => p.rss)
  row('resident memory at most', o.peak, 'MB', (p) => p.peak)
  row('backlog when the load ends', o.backlogAtEnd, 'records')
  row('until the backlog is zero', o.drainedMs ?? Number.POSITIVE_INFINITY, 'ms')
  row('generator behind its plan at most', o.load.behindMs, 'ms')
}

async function startPeer(kind: string, influxUrl: string | null): Promise<Subject> {
  const process_ = start(here('./edge-peer.ts'), [kind, env.BENCH_NODE_RED ?? '', influxUrl ?? ''])
  const ready = await process_.line<{ mqtt: number; stream: string; backlog: string; pids: number[] }>('ready')
  return {
    name: kind,
    pids: ready.pids,
    mqttPort: ready.mqtt,
    streamUrl: ready.stream,
    token: 'none',
    backlog: async () => Number(await (await fetch(ready.backlog)).text()),
    async end() {
      process_.child.stdin!.end()
      await process_.ended
      return { journaled: null, stored: null, influx: null }
    },
  }
}

async function main(): Promise<void> {
  const hasInflux = env.BENCH_INFLUX !== '0' && spawnSync('influxd', ['version']).status === 0
  const peers = (env.BENCH_PEERS ?? (env.BENCH_NODE_RED ? 'aedes+journal,node-red' : 'aedes+journal'))
    .split(',')
    .filter((p) => p !== '' && p !== '0')
  if (env.BENCH_CEILING !== '0') {
    // What the generator and a bare broker can do at all: above this no figure of the edge means anything.
    const site = benchSite({ bands: BANDS, tags: 20, influxUrl: null })
    const ceiling = await measure(await startPeer('aedes', null), site, 40_000, 1)
    print({
      bench: 'edge',
      case: 'ceiling of the generator against a bare aedes',
      metric: 'acknowledged',
      value: round(ceiling.load.acknowledged / (WARM_S + MEASURE_S), 0),
      unit: 'messages/s',
      n: ceiling.load.sent,
      foreign: ceiling.foreign,
    })
  }
  for (const { rate, size, name } of CASES) {
    const tags = Math.round((WARM_S + MEASURE_S) * CALLS_PER_S)
    const influx = hasInflux ? await startInfluxd() : null
    if (influx?.pid) influxPids.push(influx.pid)
    try {
      if (influx)
        await fetch(`${influx.url}/query?q=${encodeURIComponent('CREATE DATABASE bench')}`, { method: 'POST' })
      const site = benchSite({ bands: BANDS, tags, influxUrl: influx?.url ?? null })
      const outcome = await measure(await startEdgeProcess(site, influx), site, rate, size)
      const of: { name: string; outcome: Outcome }[] = []
      for (const kind of peers)
        of.push({ name: kind, outcome: await measure(await startPeer(kind, influx?.url ?? null), site, rate, size) })
      for (const peer of of.length > 0 ? of : [null]) report(name, outcome, peer)
    } finally {
      influxPids.length = 0
      await influx?.end()
    }
  }
}

await main()
process.exit(0)
