/**
 * 34 facilities in storm (340 alert changes/s in all) against one province with its embedded store: publish at the edge →
 * server-sent event at a console, and the time to the durable PUBACK. Prints one JSON line per figure (`bars.md`).
 * BENCH_SECONDS, BENCH_FACILITIES and BENCH_RATE (changes/s of one facility) change the load.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import mqtt from 'mqtt'
import { systemClock } from '#model/system-clock.ts'
import { parseProvinceConfig } from '#province/config.ts'
import { startProvince } from '#province/province.ts'
import { alertMessage } from '#province/sample-messages.ts'

const SECONDS = Number(process.env.BENCH_SECONDS ?? 20)
const FACILITIES = Number(process.env.BENCH_FACILITIES ?? 34)
const RATE = Number(process.env.BENCH_RATE ?? 10)
const ids = Array.from({ length: FACILITIES }, (_, i) => `f-${String(i + 1).padStart(2, '0')}`)

const percentile = (sorted: number[], p: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * p) - 1)] ?? Number.NaN
const busyTicks = (): { busy: number; all: number } => {
  const ticks = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.trim().split(/\s+/).slice(1, 9).map(Number)
  const all = ticks.reduce((a, b) => a + b, 0)
  return { all, busy: all - ticks[3]! - ticks[4]! }
}

/** The generator is a process of its own: it must not share the province's event loop. */
async function generate(url: string): Promise<void> {
  const edges = await Promise.all(
    ids.map((id) => mqtt.connectAsync(url, { username: id, password: 'bench', clientId: id })),
  )
  const acks: number[] = []
  let sent = 0
  const end = Date.now() + SECONDS * 1_000
  await Promise.all(
    edges.map(async (edge, index) => {
      const waiting: Promise<unknown>[] = []
      let next = Date.now() + (index / FACILITIES) * (1_000 / RATE)
      for (let n = 1; next < end; n++, next += 1_000 / RATE) {
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - Date.now())))
        const at = Date.now()
        // Three changes an alert: raised, escalated, acknowledged.
        const { topic, payload } = alertMessage(ids[index]!, n, { id: `a${Math.floor(n / 3)}`, raisedAt: at }, { at })
        sent++
        waiting.push(edge.publishAsync(topic, payload, { qos: 1 }).then(() => acks.push(Date.now() - at)))
      }
      await Promise.all(waiting)
    }),
  )
  await Promise.all(edges.map((edge) => edge.endAsync()))
  process.stdout.write(`${JSON.stringify({ sent, acks })}\n`)
}

async function measure(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ww-bench-'))
  const config = parseProvinceConfig(
    JSON.stringify({
      province: { id: 'bench' },
      broker: { tcp: 0, facilities: ids.map((id) => ({ id, password: 'bench' })) },
      console: { port: 0 },
      facilities: ids.map((id) => ({ id })),
    }),
    'bench',
  )
  const started = performance.now()
  const province = await startProvince({ config, dataDir: folder, clock: systemClock, webRoot: null })
  const startMs = performance.now() - started
  await province.accounts.add({ id: 'bench', role: 'provincial' })
  const { token } = province.accounts.token('bench')
  const stream = await fetch(`${province.urls.console}/api/v1/stream`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const latencies: number[] = []
  const reading = (async () => {
    let rest = ''
    for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) {
      const now = Date.now()
      const events = (rest + chunk).split('\n\n')
      rest = events.pop() ?? ''
      for (const event of events)
        if (event.startsWith('event: alert'))
          latencies.push(now - (/"at":(\d+)/.exec(event) ? Number(/"at":(\d+)/.exec(event)![1]) : now))
    }
  })().catch(() => {})

  const [cpu, ticks] = [process.cpuUsage(), busyTicks()]
  const generator = spawn(process.execPath, [fileURLToPath(import.meta.url), province.urls.mqtt!], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  generator.stdout.on('data', (chunk) => {
    output += chunk
  })
  await new Promise((resolve) => generator.once('close', resolve))
  const { sent, acks } = JSON.parse(output) as { sent: number; acks: number[] }
  for (let i = 0; i < 500 && latencies.length < sent; i++) await new Promise((resolve) => setTimeout(resolve, 10))
  const own = process.cpuUsage(cpu)
  const after = busyTicks()
  const ownMs = (own.user + own.system) / 1_000
  const foreign = Math.max(
    0,
    Number(((after.busy - ticks.busy - ownMs / 10) / Math.max(1, after.all - ticks.all)).toFixed(2)),
  )
  latencies.sort((a, b) => a - b)
  acks.sort((a, b) => a - b)
  const name = `${FACILITIES} facilities, ${FACILITIES * RATE} changes/s`
  const print = (metric: string, value: number, unit: string, target: number | null): void => {
    const ratio = target === null ? null : Number((value / target).toFixed(3))
    const row = {
      bench: 'province',
      case: name,
      metric,
      value: Number(value.toFixed(2)),
      unit,
      peer: target === null ? null : 'target',
      peerValue: target,
      ratio,
      n: sent,
      foreign,
    }
    process.stdout.write(`${JSON.stringify(row)}\n`)
  }
  print('publish-to-screen p50', percentile(latencies, 0.5), 'ms', null)
  print('publish-to-screen p99', percentile(latencies, 0.99), 'ms', 2_000)
  print('publish-to-puback p50', percentile(acks, 0.5), 'ms', null)
  print('publish-to-puback p99', percentile(acks, 0.99), 'ms', null)
  print('lost on the way to the screen', sent - latencies.length, 'changes', null)
  print(
    'messages per commit',
    province.intake.counters.applied / Math.max(1, province.intake.counters.commits),
    'messages',
    null,
  )
  print('cpu per change', (ownMs * 1_000) / Math.max(1, sent), 'µs', null)
  print('resident memory', process.memoryUsage().rss / 1e6, 'MB', null)
  print('first start', startMs, 'ms', null)
  await province.close()
  await reading
  rmSync(folder, { recursive: true, force: true })
}

const [url] = process.argv.slice(2)
await (url ? generate(url) : measure())
process.exit(0)
