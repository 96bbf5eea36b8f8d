/**
 * What every benchmark of this folder counts and prints with: percentiles, processor time of processes, the load of
 * others on the same machine, one JSON object per figure (`bars.md`). It measures nothing by itself.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks of /proc per second (USER_HZ, the same on every Linux). */
const TICK_MS = 10

export function percentile(values: readonly number[], p: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * p) - 1))] ?? Number.NaN
}

/** Milliseconds of the machine's monotonic clock: the same in every process, so that two of them can be subtracted. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

function machineTicks(): { busy: number; all: number } {
  const ticks = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.trim().split(/\s+/).slice(1, 9).map(Number)
  const all = ticks.reduce((a, b) => a + b, 0)
  return { all, busy: all - ticks[3]! - ticks[4]! }
}

/** Processor time that a process and all its threads have used, ms; 0 when it is gone. */
export function cpuMs(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  } catch {
    return 0
  }
}

/** Processor time of each thread, ms, by thread number; the main thread has the number of the process. */
export function threadsMs(pid: number): Map<number, { name: string; ms: number }> {
  const threads = new Map<number, { name: string; ms: number }>()
  for (const tid of readdirSync(`/proc/${pid}/task`).map(Number)) {
    const text = readFileSync(`/proc/${pid}/task/${tid}/stat`, 'utf8')
    const fields = text.split(') ')[1]!.split(' ')
    threads.set(tid, {
      name: text.slice(text.indexOf('(') + 1, text.indexOf(')')),
      ms: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
    })
  }
  return threads
}

export function memoryMb(pid: number): { rss: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mb = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024)
  return { rss: mb('VmRSS'), peak: mb('VmHWM') }
}

/** Begins to measure; the answer says how much of the machine (0 to 1) other processes than `mine` used since then. */
export function foreignLoad(mine: readonly number[]): () => number {
  const start = machineTicks()
  const own = () => mine.reduce((sum, pid) => sum + cpuMs(pid), 0)
  const before = own()
  return () => {
    const end = machineTicks()
    const foreign = end.busy - start.busy - (own() - before) / TICK_MS
    return Math.max(0, round(foreign / Math.max(1, end.all - start.all), 2))
  }
}

export const round = (value: number, digits = 1): number => Number(value.toFixed(digits))

export interface Figure {
  bench: string
  case: string
  metric: string
  value: number
  unit: string
  peer?: string | null
  peerValue?: number | null
  n?: number
  foreign?: number
}

export function print(figure: Figure): void {
  const { peer = null, peerValue = null, n = null, foreign = null, ...rest } = figure
  const ratio = peerValue === null || peerValue === 0 ? null : round(figure.value / peerValue, 3)
  process.stdout.write(`${JSON.stringify({ ...rest, peer, peerValue, ratio, n, foreign })}\n`)
}
