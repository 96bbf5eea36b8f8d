/**
 * A container engine for the tests that run the real services as containers: the Docker engine where one answers, else
 * podman with a service and a store of its own in a temporary folder. It never touches images or containers of others.
 *
 * Where no registry is reached, an image is made from the program that this machine has installed and its libraries, so
 * that nothing is downloaded.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface ContainerEngine {
  /** Image of a program: `registry` where images are pulled, else one made from `program` of this machine. */
  image(program: string, registry: string): string
  /** Containers share the network of the machine: they listen on the port they are told. */
  hostNetwork: boolean
  end(): Promise<void>
}

const DOCKER_SOCKET = '/var/run/docker.sock'
const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
const dockerAnswers = (): boolean =>
  (process.env.DOCKER_HOST !== undefined || existsSync(DOCKER_SOCKET)) &&
  has('docker') &&
  spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 10_000 }).status === 0
const registryAnswers = (image: string): boolean =>
  spawnSync('docker', ['pull', '-q', image], { timeout: 120_000 }).status === 0

/** Null when containers can be run here with what the tests need; otherwise the reason for skipping. */
export function whyNoContainers(programs: readonly string[]): string | null {
  if (dockerAnswers()) return null
  if (!has('podman') || !has('runc'))
    return 'no Docker engine answers, and podman with runc is not installed (apt-get install podman runc)'
  if (process.getuid?.() !== 0)
    return 'podman is used as root only: rootless needs subordinate ids that few machines have'
  const missing = programs.filter((program) => !has(program))
  if (missing.length > 0)
    return `no registry is reached, and ${missing.join(', ')} is not installed to make an image from`
  return null
}

export async function openContainerEngine(): Promise<ContainerEngine> {
  if (dockerAnswers())
    return {
      hostNetwork: false,
      image(_program, registry) {
        if (!registryAnswers(registry)) throw new Error(`the image ${registry} could not be pulled`)
        return registry
      },
      end: async () => {},
    }
  return openPodman()
}

async function openPodman(): Promise<ContainerEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'ww-podman-'))
  const socket = join(folder, 'podman.sock')
  const conf = join(folder, 'containers.conf')
  // Inside a container of its own, a machine often may not raise limits; crun needs control groups that are not there.
  writeFileSync(
    conf,
    '[containers]\ndefault_ulimits=["nofile=1024:1024","nproc=1024:1024"]\n[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\n',
  )
  const env = { ...process.env, CONTAINERS_CONF: conf }
  const store = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs']
  const service = spawn('podman', [...store, 'system', 'service', '--time=0', `unix://${socket}`], {
    env,
    stdio: 'ignore',
  })
  const end = async (): Promise<void> => {
    spawnSync('podman', [...store, 'rm', '--all', '--force'], { env, timeout: 30_000 })
    const gone = new Promise((resolve) => service.once('exit', resolve))
    if (service.exitCode === null && service.kill('SIGTERM')) await gone
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await answers(socket)
  } catch (error) {
    await end()
    throw error
  }
  process.env.DOCKER_HOST = `unix://${socket}`
  process.env.TESTCONTAINERS_RYUK_DISABLED = 'true'
  return {
    hostNetwork: true,
    image(program) {
      const name = `localhost/wardwatch-test-${program}:latest`
      const tree = join(folder, `tree-${program}`)
      const file = realpathSync(execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim())
      const libraries = execFileSync('ldd', [file], { encoding: 'utf8' }).match(/\/\S+/g) ?? []
      for (const source of libraries) {
        mkdirSync(join(tree, dirname(source)), { recursive: true })
        cpSync(realpathSync(source), join(tree, source))
      }
      for (const name of ['usr/bin', 'tmp', 'data', 'etc']) mkdirSync(join(tree, name), { recursive: true })
      cpSync(file, join(tree, 'usr/bin', program))
      writeFileSync(join(tree, 'etc/passwd'), 'root:x:0:0:root:/:/bin/false\n')
      const tar = execFileSync('tar', ['-C', tree, '-c', '.'], { maxBuffer: 1 << 29 })
      execFileSync('podman', [...store, 'import', '--change', `ENTRYPOINT ["/usr/bin/${program}"]`, '-', name], {
        env,
        input: tar,
        stdio: ['pipe', 'pipe', 'pipe'],
        timeout: 120_000,
      })
      return name
    },
    end,
  }
}

async function answers(socket: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const up = await new Promise<boolean>((resolve) => {
      const ask = request({ socketPath: socket, path: '/_ping', timeout: 1000 }, (answer) => {
        answer.resume()
        resolve(answer.statusCode === 200)
      })
      ask.on('error', () => resolve(false))
      ask.on('timeout', () => ask.destroy())
      ask.end()
    })
    if (up) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the service of podman did not answer within 20 s')
}
