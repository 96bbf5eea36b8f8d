/**
 * The wall for hours: a real Chromium at 3840×2160 with the wall page against the real console server and a facility that
 * lives. Prints one JSON object per sample (heap after a collection, nodes, listeners, memory of the renderer) and the
 * verdicts of console.md section 10: slope of the heap ≤ 1 MB/h, no reload. Ends with 1 when one is broken.
 *
 * BENCH_WALL_MIN (3; the slope is judged from 30), BENCH_WALL_ALERTS (60 a minute), BENCH_WALL_DEVICES (10 a second),
 * CHROMIUM_PATH. What is made faster than life is what changes: 60 alerts a minute are about 2,400 times what an ordinary
 * day of the full facility sounds, so an hour holds more changes than 72 hours have. What follows the clock is not:
 * positions twice a second, pictures every two seconds, heartbeats and second hands run as they do on a wall, and a leak
 * of those must show as MB/h in the time that was run.
 */
import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chromium } from 'playwright-core'
import { LEVELS } from '#model/alert/alert.ts'
import { buildConsole } from '../../dashboards/web/test/built.ts'
import { CHROMIUM_ARGS, chromiumPath } from '../../dashboards/web/test-server/chromium.ts'
import { descendantsOf } from '../e2e/processes.ts'
import type { Answer, Command } from './console-server.ts'
import { foreignLoad, memoryMb, round } from './figures.ts'

/** In the page: this folder is typed without a document. */
declare const document: { querySelector(selector: string): { textContent: string } | null }

const MINUTES = Number(process.env.BENCH_WALL_MIN ?? 3)
const ALERTS = Number(process.env.BENCH_WALL_ALERTS ?? 60)
const DEVICES = Number(process.env.BENCH_WALL_DEVICES ?? 10)
/** What the page keeps of alerts (`CAPACITY` of its store). */
const KEPT = 5000
/** Below this a straight line through the samples says more of the noise than of a leak. */
const JUDGED_FROM_MIN = 30
/** The page grows into its pools and compiled code first. */
const WARM_MS = Math.min(10, MINUTES / 3) * 60_000
const SAMPLE_MS = Math.max(5_000, (MINUTES * 60_000) / 120)

const executablePath = chromiumPath()
if (!executablePath) {
  process.stderr.write('SKIPPED bench:wall: no Chromium on this machine (apt-get install chromium, or CHROMIUM_PATH)\n')
  process.exit(0)
}

let over = 0
function print(metric: string, value: number, unit: string, limit: number | null, more: object = {}): void {
  const met = limit === null ? null : value <= limit
  process.stdout.write(`${JSON.stringify({ bench: 'wall', metric, value, unit, limit, met, ...more })}\n`)
  if (met !== false) return
  over++
  process.stderr.write(`OVER THE LIMIT  ${metric}: ${value} ${unit}, limit ${limit}\n`)
}

/** Straight line by least squares; its rise per hour. */
function slopePerHour(samples: readonly { s: number; value: number }[]): number {
  const n = samples.length
  const meanS = samples.reduce((a, p) => a + p.s, 0) / n
  const mean = samples.reduce((a, p) => a + p.value, 0) / n
  const top = samples.reduce((a, p) => a + (p.s - meanS) * (p.value - mean), 0)
  const below = samples.reduce((a, p) => a + (p.s - meanS) ** 2, 0)
  return below === 0 ? 0 : (top / below) * 3600
}

/**
 * The process that draws the page: the renderer that uses the most memory. Beside it what it has for itself alone: pictures
 * and pools outside the heap, where a leak of the page can stand as well.
 */
function rendererMb(): { rendererMb: number; privateMb: number } {
  let most = { rendererMb: 0, privateMb: 0 }
  for (const pid of descendantsOf(process.pid) ?? [])
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer')) continue
      const { rss } = memoryMb(pid)
      const anon = /RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      if (rss > most.rendererMb) most = { rendererMb: rss, privateMb: Math.round(Number(anon ?? 0) / 1024) }
    } catch {
      // Ended meanwhile.
    }
  return most
}

interface Sample {
  s: number
  heapMb: number
  nodes: number
  listeners: number
  /** Pictures, styles and scripts that the page holds. */
  resources: number
  layoutObjects: number
  rendererMb: number
  privateMb: number
}

const built = await buildConsole()
const child = fork(join(import.meta.dirname, 'console-server.ts'), [], {
  env: { ...process.env, BENCH_WEB_ROOT: built.root, BENCH_PICTURES: '1' },
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
})
const answer = <T extends Answer>() =>
  new Promise<T>((resolve, reject) => {
    child.once('message', (message) => resolve(message as T))
    child.once('exit', (code) => reject(new Error(`the console server ended with ${code}`)))
  })
const ask = <T extends Answer>(command: Command): Promise<T> => {
  const reply = answer<T>()
  child.send(command)
  return reply
}
const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_ARGS, '--enable-precise-memory-info'] })

try {
  const { ready: url } = await answer<{ ready: string }>()
  const context = await browser.newContext({ viewport: { width: 3840, height: 2160 } })
  const page = await context.newPage()
  await page.goto(`${url}/login`)
  await page.fill('input[name=account]', 'wall')
  await page.fill('input[name=password]', 'Console-and-pixel-1')
  await page.click('button[type=submit]')
  await page.waitForURL('**/duty/wall')
  await page.getByTestId('wall').waitFor()
  let loads = 0
  const troubles: string[] = []
  page.on('load', () => loads++)
  page.on('crash', () => troubles.push('the page crashed'))
  page.on('pageerror', (error) => troubles.push(String(error)))
  // The page keeps up to 5,000 alerts, closed ones as well: filled before it is measured, or the filling would look like a leak.
  await ask({
    say: 'raise',
    n: KEPT + 200,
    perSecond: 150,
    closeAfterMs: 3000,
    mix: ['blue', 'blue', 'yellow', 'blue'],
  })
  await ask({ say: 'clear' })
  await ask({ say: 'live', alertsPerMinute: ALERTS, devicesPerSecond: DEVICES })

  const cdp = await context.newCDPSession(page)
  await cdp.send('Performance.enable')
  const others = foreignLoad([process.pid, ...(descendantsOf(process.pid) ?? [])])
  const started = Date.now()
  const samples: Sample[] = []
  let stood = 0
  for (let n = 1; Date.now() - started < MINUTES * 60_000; n++) {
    await sleep(Math.max(0, started + n * SAMPLE_MS - Date.now()))
    // Twice: what a finalizer frees is gone with the second.
    await cdp.send('HeapProfiler.collectGarbage')
    await cdp.send('HeapProfiler.collectGarbage')
    const { usedSize } = await cdp.send('Runtime.getHeapUsage')
    const { nodes, jsEventListeners } = await cdp.send('Memory.getDOMCounters')
    const { metrics } = await cdp.send('Performance.getMetrics')
    const metric = (name: string) => metrics.find((m) => m.name === name)?.value ?? 0
    const s = round((Date.now() - started) / 1000)
    const sample = {
      s,
      heapMb: round(usedSize / 1e6, 3),
      nodes,
      listeners: jsEventListeners,
      resources: metric('Resources'),
      layoutObjects: metric('LayoutObjects'),
      ...rendererMb(),
    }
    samples.push(sample)
    process.stdout.write(`${JSON.stringify({ bench: 'wall', sample })}\n`)
    // A wall that stands still would have a fine slope.
    const phase = await page.getByTestId('wall').getAttribute('data-phase')
    if (phase === 'lost' || phase === 'connecting') stood++
  }
  const warm = samples.filter((p) => p.s * 1000 >= WARM_MS)
  const slope = (of: (p: Sample) => number) => round(slopePerHour(warm.map((p) => ({ s: p.s, value: of(p) }))), 2)
  const judged = MINUTES >= JUDGED_FROM_MIN
  const { counts, changes, devices, pictures } = await ask<Extract<Answer, { counts: unknown }>>({ say: 'counts' })
  const did = { minutes: MINUTES, changes, devices, pictures, foreign: others() }
  const last = samples.at(-1)!
  print(
    'heap slope after GC',
    slope((p) => p.heapMb),
    'MB/h',
    judged ? 1 : null,
    {
      judgedFrom: `${JUDGED_FROM_MIN} min`,
      afterWarmMin: round(WARM_MS / 60_000),
      from: warm[0]!.heapMb,
      to: last.heapMb,
      n: warm.length,
      ...did,
    },
  )
  print('heap at the end, after GC', last.heapMb, 'MB', 80)
  print('reloads', loads, 'times', 0)
  print('page errors', troubles.length, 'times', 0, { troubles: troubles.slice(0, 5) })
  print('samples without a live stream', stood, 'times', 0)
  print('DOM nodes, most', Math.max(...samples.map((p) => p.nodes)), 'nodes', null, {
    slopePerHour: slope((p) => p.nodes),
  })
  print('event listeners, most', Math.max(...samples.map((p) => p.listeners)), 'listeners', null, {
    slopePerHour: slope((p) => p.listeners),
  })
  print('resources held, most', Math.max(...samples.map((p) => p.resources)), 'resources', null, {
    slopePerHour: slope((p) => p.resources),
  })
  print('memory of the renderer for itself alone', last.privateMb, 'MB', null, {
    slopePerHour: slope((p) => p.privateMb),
  })
  print('memory of the renderer, shared included', last.rendererMb, 'MB', null, {
    slopePerHour: slope((p) => p.rendererMb),
  })
  let differ = Number.POSITIVE_INFINITY
  for (let i = 0; i < 20 && differ > 0; i++) {
    const now = i === 0 ? counts : (await ask<Extract<Answer, { counts: unknown }>>({ say: 'counts' })).counts
    const shown = await page.evaluate(
      (levels) => levels.map((l) => Number(document.querySelector(`[data-count=${l}]`)?.textContent)),
      [...LEVELS],
    )
    differ = LEVELS.reduce((sum, level, l) => sum + Math.abs(now[level] - shown[l]!), 0)
    if (differ > 0) await sleep(250)
  }
  print('numbers of the wall beside those of the server', differ, 'alerts', 0)
} finally {
  await browser.close()
  child.removeAllListeners('exit')
  child.disconnect()
  await new Promise((resolve) => child.once('exit', resolve))
  built.remove()
}
if (over > 0) process.exitCode = 1
