/** Test aid: starts real time-series servers on free ports in a temporary folder, and says why when it cannot. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface RunningStore {
  url: string
  /** Of the running process; undefined while it is stopped. */
  readonly pid: number | undefined
  /** Kills the process and keeps its data; `gently`: asks it to end, so that it writes what it has in memory. */
  stop(how?: 'gently'): Promise<void>
  start(): Promise<void>
  end(): Promise<void>
}

/** Null when the program is there; otherwise the reason for skipping. */
export function missing(program: string, debianPackage: string): string | null {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`])
    return null
  } catch {
    return `${program} is not installed (apt-get install ${debianPackage})`
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function run(command: string, args: string[], url: string, health: string, dir: string): Promise<RunningStore> {
  let child: ReturnType<typeof spawn> | null = null
  const store: RunningStore = {
    url,
    get pid() {
      return child?.pid
    },
    async start() {
      child = spawn(command, args, { stdio: 'ignore' })
      for (let i = 0; i < 150; i++) {
        const up = await fetch(url + health).then(
          (r) => r.ok,
          () => false,
        )
        if (up) return
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      throw new Error(`${command} did not answer within 15 s`)
    },
    async stop(how) {
      const ending = child
      child = null
      if (!ending || ending.exitCode !== null) return
      const gone = new Promise((resolve) => ending.on('exit', resolve))
      ending.kill(how === 'gently' ? 'SIGTERM' : 'SIGKILL')
      await gone
    },
    async end() {
      await store.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  await store.start()
  return store
}

export async function startInfluxd(): Promise<RunningStore> {
  const dir = mkdtempSync(join(tmpdir(), 'ww-influxd-'))
  const [http, rpc] = [await freePort(), await freePort()]
  const config = join(dir, 'influxdb.conf')
  writeFileSync(
    config,
    `reporting-disabled = true
bind-address = "127.0.0.1:${rpc}"
[meta]
  dir = "${dir}/meta"
[data]
  dir = "${dir}/data"
  wal-dir = "${dir}/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:${http}"
  log-enabled = false
[monitor]
  store-enabled = false
`,
  )
  return run('influxd', ['-config', config], `http://127.0.0.1:${http}`, '/ping', dir)
}

export async function startVictoriaMetrics(): Promise<RunningStore> {
  const dir = mkdtempSync(join(tmpdir(), 'ww-vm-'))
  const port = await freePort()
  // Points of one time written twice count once; everything is searchable at once.
  const args = [
    `-storageDataPath=${dir}`,
    `-httpListenAddr=127.0.0.1:${port}`,
    '-dedup.minScrapeInterval=1ms',
    '-search.latencyOffset=0s',
    '-retentionPeriod=100y',
    '-search.disableCache',
  ]
  return run('victoria-metrics', args, `http://127.0.0.1:${port}`, '/health', dir)
}
