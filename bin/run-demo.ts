/** The work of `wardwatch demo`: ports, files, processes, addresses. Ends everything within five seconds. */
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type DemoAccount, demoPasswords, prepareDemoAccounts } from '#edge/demo-accounts.ts'
import { openPki } from '#edge/pki.ts'
import { WardwatchError } from '#model/errors.ts'
import type { Site } from '#model/site/load.ts'
import { systemClock } from '#model/system-clock.ts'
import { madeUpFacility } from '#simulators/facility/names.ts'
import { readStory } from '#simulators/scenario/story.ts'
import { buildConsole } from './console-build.ts'
import type { DemoFlags } from './demo.ts'
import { writeDemoSite, writeProvinceConfig } from './demo-files.ts'
import { type Ports, portsOf } from './ports.ts'
import { Troupe } from './troupe.ts'

const MAIN = join(import.meta.dirname, 'main.ts')
const DEFAULT_PORT = 8080
const SCENARIO_DELAY_MS = 5000

interface FacilityRun {
  id: string
  name: { zh: string; en: string }
  dir: string
  siteFile: string
  site: Site
  ports: Ports
  accounts: DemoAccount[]
}

export async function runDemo(flags: DemoFlags): Promise<number> {
  const startedAt = systemClock.now()
  if (flags.scenario !== 'none') readStory(flags.scenario)
  const root = resolve(flags.data)
  const unlock = lock(root)
  const logs = join(root, 'logs')
  mkdirSync(logs, { recursive: true })
  const troupe = new Troupe(MAIN, (name) => openSync(join(logs, `${name}.log`), 'a'))
  const signal = troupe.untilSignal()
  try {
    const ready = prepareAndStart(flags, root, troupe)
    const first = await Promise.race([ready, signal, troupe.failed])
    if (first === 'signal') return 0
    const { runs, province } = first as Awaited<typeof ready>
    announce(flags, runs, province, root, startedAt, logs)
    const stage = runs[0] as FacilityRun
    if (flags.scenario !== 'none')
      troupe.tell(`simulate-${stage.id}`, {
        order: 'play',
        scenario: flags.scenario,
        at: systemClock.now() + SCENARIO_DELAY_MS,
      })
    await Promise.race([signal, troupe.failed])
    return 0
  } catch (error) {
    if (!(error instanceof WardwatchError)) throw error
    process.stderr.write(`wardwatch demo: ${error.message}\n`)
    return 1
  } finally {
    await troupe.end()
    unlock()
  }
}

/** One demo per data folder: two would write into one journal. */
function lock(root: string): () => void {
  try {
    mkdirSync(root, { recursive: true })
  } catch (error) {
    throw new WardwatchError(
      'data-unwritable',
      `the data folder ${root} cannot be made (${(error as Error).message}); name another with --data`,
    )
  }
  const file = join(root, 'demo.pid')
  if (existsSync(file)) {
    const pid = Number(readFileSync(file, 'utf8'))
    if (pid !== process.pid && isAlive(pid))
      throw new WardwatchError(
        'data-unwritable',
        `a demo (process ${pid}) already runs on ${root}; stop it, or name another folder with --data and another --port`,
      )
  }
  try {
    writeFileSync(file, String(process.pid))
  } catch (error) {
    throw new WardwatchError(
      'data-unwritable',
      `the data folder ${root} cannot be written (${(error as Error).message}); name another with --data`,
    )
  }
  return () => rmSync(file, { force: true })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function prepareAndStart(flags: DemoFlags, root: string, troupe: Troupe) {
  const consoleBuilt = buildConsole()
  const ports = await portsOf(flags.port ?? DEFAULT_PORT, flags.facilities, flags.port === undefined)
  const pki = await openPki(join(root, 'pki'), 'demo', systemClock)
  const server = await pki.ensure('localhost', 'server')
  const passwords = demoPasswords(join(root, 'demo-passwords.json'))
  const provinceDir = join(root, 'province')
  mkdirSync(join(provinceDir, 'accounts'), { recursive: true })
  const facilities = Array.from({ length: flags.facilities }, (_, i) => madeUpFacility(i))
  const influxVersion = flags.influx ? await influxGeneration(flags.influx) : null
  const provincePort = ports[0]?.province as number
  const provinceFile = writeProvinceConfig({
    dir: provinceDir,
    facilities,
    consolePort: provincePort,
    mqttsPort: ports[0]?.provinceMqtts as number,
    server,
    pki: pki.caPath,
  })
  const provinceAccounts = await prepareDemoAccounts(join(provinceDir, 'accounts'), systemClock, passwords)

  troupe.spawn('province', ['province', '--config', provinceFile, '--data', provinceDir, '--json'])
  const runs: FacilityRun[] = []
  for (const [index, facility] of facilities.entries()) {
    const dir = join(root, facility.id)
    const own = ports[index] as Ports
    mkdirSync(join(dir, 'accounts'), { recursive: true })
    const { siteFile, site } = writeDemoSite({
      index,
      size: flags.full ? 'full' : 'demo',
      dir,
      ports: own,
      server,
      caPath: pki.caPath,
      provinceMqtts: ports[0]?.provinceMqtts as number,
      uplinkPassword: join(provinceDir, 'secrets', facility.id),
      influx: flags.influx && influxVersion ? { url: flags.influx, version: influxVersion } : null,
    })
    const accounts = await prepareDemoAccounts(join(dir, 'accounts'), systemClock, passwords)
    runs.push({ id: facility.id, name: facility.name, dir, siteFile, site, ports: own, accounts })
    troupe.spawn(`simulate-${facility.id}`, [
      'simulate',
      '--site',
      siteFile,
      '--seed',
      String(index + 1),
      '--speed',
      String(flags.speed),
      '--data',
      join(dir, 'twins'),
      ...(index === 0 ? ['--discovery'] : []),
    ])
    troupe.spawn(`edge-${facility.id}`, [
      'edge',
      '--site',
      siteFile,
      '--data',
      dir,
      '--json',
      ...(flags.testApi ? ['--test-api'] : []),
    ])
    troupe.forward(`edge-${facility.id}`, `simulate-${facility.id}`)
  }
  await Promise.all([consoleBuilt, troupe.ready('province'), ...runs.map((run) => troupe.ready(`edge-${run.id}`))])
  return { runs, province: { port: provincePort, accounts: provinceAccounts } }
}

async function influxGeneration(url: string): Promise<1 | 2> {
  try {
    const answer = await fetch(`${url.replace(/\/$/, '')}/ping`, { signal: AbortSignal.timeout(3000) })
    return answer.headers.get('x-influxdb-version')?.startsWith('1.') ? 1 : 2
  } catch (error) {
    throw new WardwatchError(
      'sink-unreachable',
      `InfluxDB at ${url} does not answer (${(error as Error).message}); start it or leave --influx out`,
    )
  }
}

function announce(
  flags: DemoFlags,
  runs: FacilityRun[],
  province: { port: number; accounts: DemoAccount[] },
  root: string,
  startedAt: number,
  logs: string,
): void {
  const seconds = ((systemClock.now() - startedAt) / 1000).toFixed(1)
  const first = runs[0] as FacilityRun
  const facilities = runs.map(({ id, name, ports, siteFile, dir, accounts }) => ({
    id,
    name,
    console: `http://127.0.0.1:${ports.console}`,
    api: `http://127.0.0.1:${ports.console}/api/docs`,
    mqtt: `mqtt://127.0.0.1:${ports.mqtt}`,
    mqtts: `mqtts://127.0.0.1:${ports.mqtts}`,
    ws: `ws://127.0.0.1:${ports.ws}`,
    opcua: `opc.tcp://127.0.0.1:${ports.opcua}`,
    onvif: `http://127.0.0.1:${ports.onvif}`,
    site: siteFile,
    data: dir,
    accounts: accounts.map(({ role, account, password, token }) => ({ role, account, password, token })),
  }))
  const summary = {
    event: 'ready',
    seconds: Number(seconds),
    facilities,
    province: {
      console: `http://127.0.0.1:${province.port}`,
      overview: `http://127.0.0.1:${province.port}/gov/overview`,
      accounts: province.accounts,
    },
    data: root,
    logs,
    scenario: flags.scenario,
  }
  writeFileSync(join(root, 'demo-accounts.json'), `${JSON.stringify(summary, null, 2)}\n`, { mode: 0o600 })
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(summary)}\n`)
    return
  }
  const lines = [
    '',
    `wardwatch 演示已就绪（${seconds} 秒） · the demo is up`,
    '',
    ...facilities.flatMap((f) => [
      `  ${f.name.zh} ${f.name.en} (${f.id})`,
      `    控制台 console      ${f.console}/duty/alerts`,
      `    接口   API          ${f.api}`,
      `    MQTT ${f.mqtt}   TLS ${f.mqtts}   WebSocket ${f.ws}`,
      `    OPC UA ${f.opcua}   ONVIF ${f.onvif}/cam/K31/onvif/device_service`,
    ]),
    '  省级平台 province',
    `    总览   overview     ${summary.province.overview}`,
    '',
    '  演示账号 demo accounts（口令与令牌 · passwords and bearer tokens; also in ' +
      join(root, 'demo-accounts.json') +
      '）',
    ...first.accounts.map(
      ({ role, account, password, token }) =>
        `    ${role.padEnd(10)} ${account.padEnd(10)} ${password.padEnd(24)} ${token}`,
    ),
    '',
    flags.scenario === 'none'
      ? '  没有场景，仅日常背景 · quiet life, no scenario'
      : `  场景 ${flags.scenario} 将于 5 秒后开始 · scenario ${flags.scenario} begins in 5 s`,
    `  日志 logs: ${logs}   结束 stop: Ctrl-C`,
    '',
  ]
  process.stdout.write(lines.join('\n'))
}
