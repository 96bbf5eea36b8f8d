/** The processes of a demo: spawned in groups of their own, ended together, never left behind. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { WardwatchError } from '#model/errors.ts'

const END_MS = 4000
/** As `wardwatch.js` starts an edge, for the reasons said there. */
const RUNTIME_FLAGS = ['--max-semi-space-size=16', '--no-parallel-scavenge']
const RUNTIME_ENV = { MALLOC_ARENA_MAX: '2' }

interface Member {
  child: ChildProcess
  ready: Promise<Record<string, unknown>>
  exited: Promise<void>
}

export class Troupe {
  readonly #main: string
  readonly #openLog: (name: string) => number
  readonly #members = new Map<string, Member>()
  #ending = false
  #fail!: (error: Error) => void
  /** Rejects when a member ends by itself. */
  readonly failed: Promise<never>

  constructor(main: string, openLog: (name: string) => number) {
    this.#main = main
    this.#openLog = openLog
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => {})
  }

  spawn(name: string, args: string[]): void {
    // A process group of its own: Ctrl-C reaches this process alone, which then ends the others in order. The channel
    // tells them when this process is gone, however it went.
    const child = spawn(process.execPath, [...RUNTIME_FLAGS, this.#main, ...args], {
      stdio: ['ignore', 'pipe', this.#openLog(name), 'ipc'],
      detached: true,
      env: { ...RUNTIME_ENV, ...process.env, WARDWATCH_DEMO: '1' },
    })
    let lastWords = ''
    const ready = new Promise<Record<string, unknown>>((resolve, reject) => {
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        try {
          const message = JSON.parse(line) as Record<string, unknown>
          if (message.event === 'ready') resolve(message)
          if (message.event === 'error') lastWords = String(message.message)
        } catch {
          lastWords = line
        }
      })
      child.once('exit', (code, signal) => {
        const error = new WardwatchError(
          'internal',
          `${name} ended (${signal ?? `exit code ${code}`})${lastWords ? `: ${lastWords}` : ''}; its log tells more`,
        )
        reject(error)
        if (!this.#ending) this.#fail(error)
      })
      child.once('error', reject)
    })
    ready.catch(() => {})
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    this.#members.set(name, { child, ready, exited })
  }

  ready(name: string): Promise<Record<string, unknown>> {
    return (this.#members.get(name) as Member).ready
  }

  tell(name: string, message: object): void {
    const child = this.#members.get(name)?.child
    if (child?.connected) child.send(message)
  }

  /** Orders that one member gives to another (the test surface of an edge speaks to its twins). */
  forward(from: string, to: string): void {
    this.#members.get(from)?.child.on('message', (message: { order?: string }) => {
      if (message?.order) this.tell(to, message)
    })
  }

  untilSignal(): Promise<'signal'> {
    return new Promise((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve('signal'))
    })
  }

  async end(): Promise<void> {
    this.#ending = true
    for (const { child } of this.#members.values()) child.kill('SIGTERM')
    const all = Promise.all(
      [...this.#members.values()].map((m) =>
        m.child.exitCode !== null || m.child.signalCode !== null ? null : m.exited,
      ),
    )
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, END_MS)
    })
    await Promise.race([all, late])
    clearTimeout(timer)
    for (const { child } of this.#members.values())
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await all
  }
}
