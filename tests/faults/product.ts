/** An edge or a province as a process: started until it is ready, ended by a signal, or seen to end by itself. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { patience, ROOT } from '../e2e/processes.ts'

const START_LIMIT_MS = 30_000

export class Product {
  readonly #args: string[]
  readonly log: string
  #child: ChildProcess | null = null
  #gone: Promise<unknown> = Promise.resolve()

  constructor(args: string[], log: string) {
    this.#args = args
    this.log = log
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  async start(): Promise<void> {
    const log = openSync(this.log, 'a')
    const child = spawn(process.execPath, [join(ROOT, 'bin/main.ts'), ...this.#args, '--json'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', log],
      env: { ...process.env, WARDWATCH_LOG: 'warn' },
    })
    closeSync(log)
    this.#child = child
    this.#gone = new Promise((resolve) => child.once('exit', resolve))
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(new Error(`${this.#args[0]} was not ready in time: ${readFileSync(this.log, 'utf8').slice(-600)}`)),
        START_LIMIT_MS * patience(),
      )
      createInterface({ input: child.stdout! }).on('line', (line) => {
        if (!line.includes('"event":"ready"')) return
        clearTimeout(timer)
        resolve()
      })
      void this.#gone.then(() => {
        clearTimeout(timer)
        reject(new Error(`${this.#args[0]} ended before it was ready: ${readFileSync(this.log, 'utf8').slice(-600)}`))
      })
    })
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    this.#child?.kill(signal)
    await this.#gone
    this.#child = null
  }

  /** Waits until it ends by itself; false when it does not. */
  async ended(withinMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(false), withinMs * patience())
    void this.#gone.then(() => resolve(true))
    const ended = await promise
    clearTimeout(timer)
    return ended
  }
}

export function rssMb(pid: number): number | null {
  try {
    return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024)
  } catch {
    return null
  }
}
