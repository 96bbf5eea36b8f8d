/** Feeds one border with hostile inputs and keeps the account. */
import type { Border, Fate } from './border.ts'
import { Chance } from './chance.ts'

export const BORDERS: Record<string, () => Promise<Border>> = {
  mqtt: async () => (await import('./borders/mqtt.ts')).open(),
  packets: async () => (await import('./borders/packets.ts')).open(),
  http: async () => (await import('./borders/http.ts')).open(),
  uplink: async () => (await import('./borders/uplink.ts')).open(),
  onvif: async () => (await import('./borders/onvif.ts')).open(),
  opcua: async () => (await import('./borders/opcua.ts')).open(),
  site: async () => (await import('./borders/site.ts')).open(),
  replay: async () => (await import('./borders/replay.ts')).open(),
  models: async () => (await import('./borders/models.ts')).open(),
}

export interface Report {
  border: string
  seed: number
  inputs: number
  accepted: number
  quarantined: number
  refused: number
  empty: number
  slowestMs: number
  seconds: number
  /** What broke the promise, with the number of the input. */
  faults: string[]
}

const MAX_FAULTS = 5
/** Longer than this for one input, of the processor and not of the clock, is a way to stop the edge. */
const SLOW_MS = 3000

export async function fuzzBorder(
  name: string,
  run: { seed: number; from: number; to: number; onInput?(n: number): void },
): Promise<Report> {
  const border = await BORDERS[name]!()
  const report: Report = {
    border: name,
    seed: run.seed,
    inputs: 0,
    accepted: 0,
    quarantined: 0,
    refused: 0,
    empty: 0,
    slowestMs: 0,
    seconds: 0,
    faults: [],
  }
  const add = (fate: Fate): number => {
    let sum = 0
    for (const what of ['accepted', 'quarantined', 'refused', 'empty'] as const) {
      report[what] += fate[what] ?? 0
      sum += fate[what] ?? 0
    }
    return sum
  }
  const fault = (text: string): void => {
    report.faults.push(text)
    process.stderr.write(`${name}: ${text}\n`)
  }
  const started = performance.now()
  for (let n = run.from; n < run.to && report.faults.length < MAX_FAULTS; n++) {
    run.onInput?.(n)
    const before = process.threadCpuUsage()
    try {
      const fate = await border.feed(new Chance(run.seed, n))
      if (add(fate) === 0 && !border.fates) fault(`input ${n} is not accounted for`)
    } catch (error) {
      fault(`input ${n}: ${(error as Error).stack?.split('\n').slice(0, 4).join(' | ')}`)
    }
    const { user, system } = process.threadCpuUsage(before)
    const took = (user + system) / 1000
    if (took > SLOW_MS) fault(`input ${n} took ${Math.round(took)} ms of the processor`)
    report.slowestMs = Math.max(report.slowestMs, Math.round(took))
    report.inputs++
  }
  for (const text of (await border.after?.()) ?? []) fault(text)
  if (border.fates) add(border.fates())
  await border.close?.()
  report.seconds = Math.round((performance.now() - started) / 100) / 10
  return report
}
