/** Test aid: foreign programs that the product must get along with. Each is really used; what is missing is said. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromiumPath } from '../../dashboards/web/test-server/chromium.ts'
import { freePort, Hopeless, isListening, until } from './processes.ts'

const PACKAGES: Record<string, string> = {
  influxd: 'influxdb',
  'victoria-metrics': 'victoria-metrics',
  mosquitto: 'mosquitto',
  mosquitto_pub: 'mosquitto-clients',
  mosquitto_sub: 'mosquitto-clients',
  ffmpeg: 'ffmpeg',
}

/** True when all are there; otherwise prints what is skipped and why. */
export function present(title: string, ...programs: string[]): boolean {
  const missing = programs.filter((program) => {
    if (program === 'chromium') return chromiumPath() === null
    try {
      execFileSync('sh', ['-c', `PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v ${program}`])
      return false
    } catch {
      return true
    }
  })
  if (missing.length > 0)
    console.warn(
      `SKIPPED ${title}: ${missing.join(', ')} not installed (apt-get install ${missing.map((m) => PACKAGES[m] ?? m).join(' ')})`,
    )
  return missing.length === 0
}

export interface Mosquitto {
  url: string
  port: number
  stop(): Promise<void>
  start(): Promise<void>
}

/** A real Mosquitto with one account for all, as a site that runs its own broker would have it. */
export async function startMosquitto(dir: string): Promise<Mosquitto> {
  const port = await freePort()
  const config = join(dir, 'mosquitto.conf')
  writeFileSync(
    config,
    `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location ${dir}/\nmax_queued_messages 0\n${process.getuid?.() === 0 ? 'user root\n' : ''}`,
  )
  let child: ChildProcess | null = null
  const broker: Mosquitto = {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    async start() {
      child = spawn('mosquitto', ['-c', config], {
        stdio: 'ignore',
        env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
      })
      await until('mosquitto to listen', () => isListening(port), 10_000, 50)
    },
    async stop() {
      const ending = child
      child = null
      if (!ending || ending.exitCode !== null) return
      const gone = new Promise((resolve) => ending.once('exit', resolve))
      ending.kill('SIGTERM')
      await gone
    },
  }
  await broker.start()
  return broker
}

/** `mosquitto_pub` once. @returns exit code and what it complained of. */
export function mosquittoPub(args: string[], input?: string): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn('mosquitto_pub', args, { stdio: ['pipe', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ code, stderr })
    })
    child.stdin.on('error', () => {})
    child.stdin.end(input ?? '')
  })
}

export interface Listening {
  lines: string[]
  stop(): Promise<number | null>
}

/** `mosquitto_sub` until it is stopped; resolves when it is subscribed. */
export async function mosquittoSub(args: string[]): Promise<Listening> {
  const child = spawn('stdbuf', ['-oL', 'mosquitto_sub', '-d', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  let told = ''
  let rest = ''
  child.stdout.on('data', (chunk) => {
    told += chunk
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    // With -d the client tells of its packets on the same channel; messages of the product are JSON.
    lines.push(...parts.filter((line) => line.includes('{')))
  })
  child.stderr.on('data', (chunk) => {
    told += chunk
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const stop = (): Promise<number | null> => {
    child.kill('SIGTERM')
    return ended
  }
  try {
    await until(
      'mosquitto_sub to be subscribed',
      () => {
        if (child.exitCode !== null) throw new Hopeless(`it ended with ${child.exitCode}: ${told.slice(-300)}`)
        return /Subscribed \(mid: \d+\): [012]\b/.test(told)
      },
      10_000,
      50,
    )
  } catch (error) {
    await stop()
    throw error
  }
  return { lines, stop }
}
