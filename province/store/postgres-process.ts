/** Test aid: a PostgreSQL server of this machine as a process of its own, on a free loopback port. Nothing but tests imports it. */
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

/** A server of this machine, if PostgreSQL is installed; it runs as another user when we are root. */
export function postgresPrograms(): { bin: string; as: string[] } | null {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : []
  const bin = versions.map((v) => `/usr/lib/postgresql/${v}/bin`).find((path) => existsSync(`${path}/initdb`))
  if (!bin) return null
  if (userInfo().uid !== 0) return { bin, as: [] }
  try {
    execFileSync('id', ['postgres'], { stdio: 'ignore' })
    return { bin, as: ['runuser', '-u', 'postgres', '--'] }
  } catch {
    return null
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

export interface RunningPostgres {
  url: string
  stop(): Promise<void>
}

export async function startPostgres(): Promise<RunningPostgres> {
  const { bin, as } = postgresPrograms()!
  const folder = mkdtempSync(join(tmpdir(), 'ww-postgres-'))
  if (as.length > 0) chownSync(folder, Number(execFileSync('id', ['-u', 'postgres'])), 0)
  execFileSync(...commandOf(as, `${bin}/initdb`, ['-D', `${folder}/db`, '-U', 'ww', '-A', 'trust', '--no-sync']))
  const port = await freePort()
  const [first, rest] = commandOf(as, `${bin}/postgres`, [
    ...['-D', `${folder}/db`, '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-F'],
  ])
  const server = spawn(first, rest, { stdio: 'ignore', cwd: '/' })
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  for (let i = 0; i < 200; i++) {
    try {
      execFileSync(`${bin}/pg_isready`, ['-h', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
      return {
        url: `postgres://ww@127.0.0.1:${port}/postgres`,
        async stop() {
          execFileSync(...commandOf(as, `${bin}/pg_ctl`, ['-D', `${folder}/db`, '-m', 'immediate', 'stop']))
          await ended
          rmSync(folder, { recursive: true, force: true })
        },
      }
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  server.kill('SIGKILL')
  throw new Error('PostgreSQL did not start')
}

function commandOf(
  as: string[],
  program: string,
  args: string[],
): [string, string[], { stdio: 'ignore'; cwd: string }] {
  const [first, ...rest] = [...as, program, ...args] as unknown as [string, ...string[]]
  return [first, rest, { stdio: 'ignore', cwd: '/' }]
}
