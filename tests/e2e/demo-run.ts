/** Test aid: one running demo with its addresses, accounts and ways to ask it. It must never look inside a process. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { descendantsOf, isListening, type Running, startWardwatch } from './processes.ts'

interface Account {
  role: string
  account: string
  password: string
  token: string
}

interface Summary {
  seconds: number
  facilities: {
    id: string
    console: string
    mqtt: string
    mqtts: string
    ws: string
    opcua: string
    onvif: string
    site: string
    data: string
    accounts: Account[]
  }[]
  province: { console: string; overview: string; accounts: Account[] }
  data: string
  logs: string
}

export interface Answer<T> {
  status: number
  body: T
}

export interface AlertView {
  id: string
  code: string
  rule: string
  level: string
  state: string
  zone: string | null
  device: string | null
  key: string
  raisedAt: number
  evidence: ({ id: string; type: string; device: string } | string)[]
  timeline: { change: string; by: string | null; at: number }[]
}

export class DemoRun {
  readonly summary: Summary
  readonly readyAt = Date.now()
  readonly startedInMs: number
  readonly #running: Running

  private constructor(running: Running, startedInMs: number) {
    this.#running = running
    this.startedInMs = startedInMs
    this.summary = running.ready as unknown as Summary
  }

  static async start(args: string[], limitMs = 20_000): Promise<DemoRun> {
    const from = Date.now()
    const running = await startWardwatch(['demo', '--json', ...args], { limitMs })
    return new DemoRun(running, Date.now() - from)
  }

  get facility(): Summary['facilities'][number] {
    const first = this.summary.facilities[0]
    if (!first) throw new Error('the demo announced no facility')
    return first
  }

  get pid(): number {
    return this.#running.pid
  }

  account(role: string): Account {
    const found = this.facility.accounts.find((a) => a.role === role)
    if (!found) throw new Error(`the demo announced no account with the role ${role}`)
    return found
  }

  secret(name: string): string {
    return readFileSync(join(this.facility.data, 'secrets', name), 'utf8').trim()
  }

  async get<T = Record<string, unknown>>(path: string, role = 'officer'): Promise<Answer<T>> {
    return ask<T>(`${this.facility.console}${path}`, this.account(role).token)
  }

  async post<T = Record<string, unknown>>(path: string, body: unknown, role = 'officer'): Promise<Answer<T>> {
    return ask<T>(`${this.facility.console}${path}`, this.account(role).token, body)
  }

  async province<T = Record<string, unknown>>(path: string): Promise<Answer<T>> {
    const token = this.summary.province.accounts.find((a) => a.role === 'provincial')?.token ?? ''
    return ask<T>(`${this.summary.province.console}${path}`, token)
  }

  /** Value of one Prometheus line, e.g. `wardwatch_quarantine{cause="bad-json"}`; 0 when it is not there. */
  async metric(line: string): Promise<number> {
    const text = await (await fetch(`${this.facility.console}/metrics`)).text()
    const found = text.split('\n').find((l) => l.startsWith(`${line} `))
    return found ? Number(found.slice(line.length + 1)) : 0
  }

  ports(): number[] {
    const { console, mqtt, mqtts, ws, opcua, onvif } = this.facility
    return [console, mqtt, mqtts, ws, opcua, onvif, this.summary.province.console].map((url) =>
      Number(/:(\d+)$/.exec(url)?.[1]),
    )
  }

  /** Which of its ports still answer. */
  async held(): Promise<number[]> {
    const answers = await Promise.all(this.ports().map(async (port) => [port, await isListening(port)] as const))
    return answers.filter(([, listens]) => listens).map(([port]) => port)
  }

  children(): number[] | null {
    return descendantsOf(this.pid)
  }

  stop(signal: NodeJS.Signals = 'SIGINT'): ReturnType<Running['stop']> {
    return this.#running.stop(signal)
  }
}

async function ask<T>(url: string, token: string, body?: unknown): Promise<Answer<T>> {
  const answer = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(15_000),
  })
  const text = await answer.text()
  let parsed: unknown = text
  if (answer.headers.get('content-type')?.includes('json')) parsed = JSON.parse(text)
  return { status: answer.status, body: parsed as T }
}
