/** Test aid: an edge of its own on a small site of MQTT devices, as a process that can be killed. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { freePort, type Running, startWardwatch, wardwatch } from './processes.ts'

export interface SmallSite {
  file: string
  data: string
  mqttPort: number
  /** Bearer token of an officer and of an engineer. */
  tokens: Record<'officer' | 'engineer', string>
  url: string
}

export interface SmallSiteOptions {
  devices: Record<string, unknown>[]
  /** Merged over the sections of the site file. */
  sections?: Record<string, unknown>
  zones?: Record<string, unknown>[]
}

export const FACILITY = 'ls-09'

/** Writes a site file and accounts; the ports stay the same over restarts. */
export async function writeSmallSite(dir: string, options: SmallSiteOptions): Promise<SmallSite> {
  const [mqttPort, consolePort] = [await freePort(), await freePort()]
  const data = join(dir, 'edge')
  mkdirSync(join(data, 'accounts'), { recursive: true })
  const file = join(dir, 'site.yaml')
  writeFileSync(
    file,
    stringify({
      facility: { id: FACILITY, name: { zh: '小站', en: 'Small site' }, kind: 'prison', timezone: 'Asia/Shanghai' },
      zones: options.zones ?? [
        {
          id: 'K1',
          kind: 'kitchen',
          floor: 1,
          polygon: [
            [0, 0],
            [9, 0],
            [9, 9],
            [0, 9],
          ],
        },
      ],
      devices: options.devices,
      broker: { host: '127.0.0.1', tcp: mqttPort },
      console: { host: '127.0.0.1', port: consolePort },
      ...options.sections,
    }),
  )
  const tokens = { officer: '', engineer: '' }
  for (const role of ['officer', 'engineer'] as const) {
    for (const args of [
      ['add', role, '--role', role],
      ['token', role],
    ]) {
      const ran = await wardwatch(['user', ...args, '--data', data, '--json'])
      if (ran.code !== 0) throw new Error(`wardwatch user ${args.join(' ')}: ${ran.stderr}`)
      tokens[role] = (JSON.parse(ran.stdout) as { token?: string }).token ?? ''
    }
  }
  return { file, data, mqttPort, tokens, url: `http://127.0.0.1:${consolePort}` }
}

export class EdgeRun {
  readonly site: SmallSite
  readonly #running: Running

  private constructor(site: SmallSite, running: Running) {
    this.site = site
    this.#running = running
  }

  static async start(site: SmallSite, limitMs = 20_000): Promise<EdgeRun> {
    return new EdgeRun(
      site,
      await startWardwatch(['edge', '--site', site.file, '--data', site.data, '--json'], { limitMs }),
    )
  }

  async get<T = Record<string, unknown>>(path: string, role: 'officer' | 'engineer' = 'officer'): Promise<T> {
    const answer = await fetch(this.site.url + path, {
      headers: { authorization: `Bearer ${this.site.tokens[role]}` },
      signal: AbortSignal.timeout(10_000),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`GET ${path} answered ${answer.status}: ${text.slice(0, 300)}`)
    return JSON.parse(text) as T
  }

  /** Values of one sink as `/api/v1/health` tells them. */
  async sink(name: string): Promise<{ name: string; lag: number; lastError: string | null } | null> {
    const { sinks } = await this.get<{ sinks: { name: string; lag: number; lastError: string | null }[] }>(
      '/api/v1/health',
    )
    return sinks.find((s) => s.name === name) ?? null
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): ReturnType<Running['stop']> {
    return this.#running.stop(signal)
  }

  stderr(): string {
    return this.#running.stderr()
  }
}
