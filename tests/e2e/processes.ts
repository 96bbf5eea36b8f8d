/**
 * Test aid: the product as a user has it, from its command line, in processes of its own. Everything started here is
 * known by its process id and ended by it; every wait is bounded and says what it waited for.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

export { pause }

export const ROOT = join(import.meta.dirname, '../..')
const MAIN = join(ROOT, 'bin/main.ts')

/** Deadlines hold for a machine of our own; on one that others keep busy they are stretched by how busy it is. */
export const patience = (): number => Math.min(6, Math.max(1, (loadavg()[0] ?? 0) / availableParallelism()))

export function temporaryFolder(name: string): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `ww-e2e-${name}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

/** Thrown by a question whose answer can no longer come. */
export class Hopeless extends Error {}

/** Asks until the answer is neither null, undefined nor false. An error counts as "not yet"; the last one is told. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  limitMs = 10_000,
  everyMs = 100,
): Promise<T> {
  const deadline = Date.now() + limitMs * patience()
  let last: unknown = 'no answer'
  do {
    try {
      const answer = await ask()
      if (answer !== null && answer !== undefined && answer !== false) return answer
      last = `the last answer was ${String(answer)}`
    } catch (error) {
      if (error instanceof Hopeless) throw error
      last = (error as Error).message
    }
    await pause(everyMs)
  } while (Date.now() < deadline)
  throw new Error(`waited ${limitMs} ms (× ${patience().toFixed(1)} for a busy machine) for ${what}: ${String(last)}`)
}

const environment = (extra: Record<string, string> = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  WARDWATCH_LOG: 'info',
  ...extra,
})

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs one command to its end. */
export async function wardwatch(args: string[], options: { cwd?: string; limitMs?: number } = {}): Promise<Ran> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd ?? ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(),
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const limit = (options.limitMs ?? 60_000) * patience()
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, limit)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  clearTimeout(timer)
  if (late) throw new Error(`wardwatch ${args.join(' ')} did not end within ${limit} ms; stderr: ${stderr.slice(-500)}`)
  return { code, stdout, stderr }
}

export interface Running {
  readonly pid: number
  /** The line that said it is ready. */
  readonly ready: Record<string, unknown>
  stderr(): string
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null; ms: number }>
}

/** Starts a command that stays, and waits for its JSON line `{"event":"ready"}`. */
export async function startWardwatch(
  args: string[],
  options: { limitMs: number; env?: Record<string, string> },
): Promise<Running> {
  const child: ChildProcess = spawn(process.execPath, [MAIN, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(options.env),
  })
  let stderr = ''
  child.stderr?.on('data', (chunk) => {
    stderr = (stderr + chunk).slice(-20_000)
  })
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  )
  const limit = options.limitMs * patience()
  const line = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGTERM')
      reject(new Error(`wardwatch ${args.join(' ')} was not ready within ${limit} ms; stderr: ${stderr.slice(-2000)}`))
    }, limit)
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (text) => {
      if (!text.startsWith('{')) return
      const message = JSON.parse(text) as Record<string, unknown>
      if (message.event !== 'ready') return
      clearTimeout(timer)
      resolve(message)
    })
    void ended.then(({ code, signal }) => {
      clearTimeout(timer)
      reject(new Error(`wardwatch ${args.join(' ')} ended early (${signal ?? code}); stderr: ${stderr.slice(-2000)}`))
    })
  })
  return {
    pid: child.pid as number,
    ready: line,
    stderr: () => stderr,
    async stop(signal = 'SIGINT') {
      const from = Date.now()
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      const guard = setTimeout(() => child.kill('SIGKILL'), 20_000)
      const end = await ended
      clearTimeout(guard)
      return { ...end, ms: Date.now() - from }
    },
  }
}

/** All processes below one, however deep. Linux only: null elsewhere. */
export function descendantsOf(pid: number): number[] | null {
  if (!existsSync('/proc/self/stat')) return null
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // It ended while we looked.
    }
  }
  const found: number[] = []
  const add = (parent: number): void => {
    for (const [child, of] of parents)
      if (of === parent) {
        found.push(child)
        add(child)
      }
  }
  add(pid)
  return found
}

export function isAlive(pid: number): boolean {
  try {
    // A zombie that nobody has waited for is not alive.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat[stat.lastIndexOf(')') + 2] !== 'Z'
  } catch {
    return false
  }
}

export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A base port whose neighbours up to `span` are free too. */
export async function freeBase(span: number): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const base = 20_000 + Math.floor(Math.random() * 10_000)
    const taken = await Promise.all(Array.from({ length: span }, (_, i) => isListening(base + i)))
    if (!taken.includes(true)) return base
  }
  throw new Error(`no ${span} free ports in a row were found`)
}
