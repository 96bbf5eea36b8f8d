/**
 * One run of faults: an edge, a province and (where it is installed) InfluxDB as processes, the publisher beside them,
 * the faults of a plan, then the account: what was acknowledged against what lies on each disk, once.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import mqttPacket from 'mqtt-packet'
import { stringify } from 'yaml'
import { missing, type RunningStore, startInfluxd } from '#ingest/series/store-processes.ts'
import { openStore } from '#province/store/open.ts'
import { freePort, patience, ROOT, until, wardwatch } from '../e2e/processes.ts'
import { present, startMosquitto } from '../e2e/programs.ts'
import type { Published, PublisherPlan } from './publisher.ts'

export interface FaultPlan {
  kills?: number
  restarts?: number
  influxOutages?: number
  provinceKills?: number
  /** An external Mosquitto in the place of the embedded broker, stopped and started again so often. */
  brokerRestarts?: number
  wrongClock?: boolean
  frozenSubscriber?: boolean
  /** The edge's data on a small file system that is filled by something else. */
  smallDisk?: boolean
}

export interface Account {
  run: string
  ok: boolean
  skipped: string | null
  kills: number
  published: number
  acknowledged: number
  journaled: number
  /** Samples that the edge said it shed, or removed for want of space. */
  shed: number
  influx: number | null
  alerts: number
  provinceAlerts: number | null
  lost: number
  doubled: number
  alertsLost: number
  alertsDoubled: number
  rssMb: number | null
  detail: string[]
}

const FACILITY = 'fault-01'
const SENSORS = ['N1', 'N2', 'N3', 'N4']
/** Each is pressed once, so there must be enough of them for the whole run. */
const buttonsFor = (plan: FaultPlan): number => 60 + 6 * (plan.kills ?? 0)
const RATE = 200
const START_LIMIT_MS = 30_000

class Product {
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
}

/** Fills what is left of a file system but for some bytes; answers how to take it away again. */
function fill(dir: string, leave: number): () => void {
  const file = join(dir, 'foreign')
  const { bavail, bsize } = statfsSync(dir)
  writeFileSync(file, Buffer.alloc(Math.max(0, bavail * bsize - leave)))
  return () => rmSync(file, { force: true })
}

/** A local subscriber that says it wants everything and then never reads again. */
async function freeze(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.write(
    mqttPacket.generate({
      cmd: 'connect',
      clientId: 'frozen',
      clean: true,
      keepalive: 0,
      protocolId: 'MQTT',
      protocolVersion: 4,
      username: 'wall',
      password: Buffer.from('pw-wall'),
    }),
  )
  await pause(300)
  socket.write(
    mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: `ww/v1/${FACILITY}/#`, qos: 1 }] }),
  )
  await pause(300)
  socket.pause()
  return socket
}

export async function faultRun(run: string, plan: FaultPlan): Promise<Account> {
  const account: Account = {
    run,
    ok: false,
    skipped: null,
    kills: 0,
    published: 0,
    acknowledged: 0,
    journaled: 0,
    shed: 0,
    influx: null,
    alerts: 0,
    provinceAlerts: null,
    lost: 0,
    doubled: 0,
    alertsLost: 0,
    alertsDoubled: 0,
    rssMb: null,
    detail: [],
  }
  const noInflux = missing('influxd', 'influxdb')
  if (plan.influxOutages && noInflux) return { ...account, ok: true, skipped: noInflux }
  if (plan.brokerRestarts && !present('the run with a broker of its own', 'mosquitto'))
    return { ...account, ok: true, skipped: 'mosquitto is not installed (apt-get install mosquitto)' }
  const folder = mkdtempSync(join(tmpdir(), 'ww-faults-'))
  const data = join(folder, 'edge')
  mkdirSync(data)
  const ends: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })]
  try {
    if (plan.smallDisk) {
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', data], { stdio: 'pipe' })
      } catch {
        return { ...account, ok: true, skipped: 'a small file system cannot be mounted here (needs root)' }
      }
      ends.push(() => execFileSync('umount', ['-l', data]))
    }
    const influx: RunningStore | null = noInflux ? null : await startInfluxd()
    if (influx) ends.push(() => influx.end())
    const mosquitto = plan.brokerRestarts ? await startMosquitto(folder) : null
    if (mosquitto) ends.push(() => mosquitto.stop())
    const [mqttPort, consolePort, upPort, provinceConsole] = [
      mosquitto?.port ?? (await freePort()),
      await freePort(),
      await freePort(),
      await freePort(),
    ]
    const buttons = Array.from({ length: buttonsFor(plan) }, (_, i) => `PB${i + 1}`)
    const device = (id: string, kind: string) => ({
      id,
      driver: 'mqtt',
      kind,
      zone: 'K1',
      model: 'ww-json',
      password: `\${file:secrets/${id}}`,
    })
    mkdirSync(join(folder, 'secrets'))
    for (const id of [...SENSORS, ...buttons, 'wall']) writeFileSync(join(folder, 'secrets', id), `pw-${id}`)
    writeFileSync(join(folder, 'secrets', 'up'), 'pw-up')
    writeFileSync(
      join(folder, 'site.yaml'),
      stringify({
        facility: { id: FACILITY, name: { zh: '故障站', en: 'Faults' }, kind: 'prison', timezone: 'Asia/Shanghai' },
        zones: [
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
        devices: [...SENSORS.map((id) => device(id, 'noise')), ...buttons.map((id) => device(id, 'panic-button'))],
        broker: mosquitto
          ? { url: mosquitto.url }
          : {
              host: '127.0.0.1',
              tcp: mqttPort,
              subscribers: [{ user: 'wall', password: '${file:secrets/wall}', topics: [`ww/v1/${FACILITY}/#`] }],
            },
        console: { host: '127.0.0.1', port: consolePort },
        uplink: { url: `mqtt://127.0.0.1:${upPort}`, user: FACILITY, password: '${file:secrets/up}' },
        ...(influx ? { sinks: { influx: { url: influx.url, version: 1, database: 'faults' } } } : {}),
      }),
    )
    writeFileSync(
      join(folder, 'province.yaml'),
      stringify({
        province: { id: 'pf' },
        broker: { tcp: upPort, facilities: [{ id: FACILITY, user: FACILITY, password: '${file:secrets/up}' }] },
        console: { port: provinceConsole },
        facilities: [{ id: FACILITY }],
      }),
    )
    const province = new Product(
      ['province', '--config', join(folder, 'province.yaml'), '--data', join(folder, 'province')],
      join(folder, 'province.log'),
    )
    const edge = new Product(['edge', '--site', join(folder, 'site.yaml'), '--data', data], join(folder, 'edge.log'))
    ends.push(
      () => province.stop('SIGKILL'),
      () => edge.stop('SIGKILL'),
    )
    const token = await officer(data)
    await province.start()
    await edge.start()
    const ask = async <T>(path: string): Promise<T> => {
      const answer = await fetch(`http://127.0.0.1:${consolePort}${path}`, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(10_000),
      })
      if (!answer.ok) throw new Error(`${path} answered ${answer.status}`)
      return (path === '/metrics' ? await answer.text() : await answer.json()) as T
    }

    const file = join(folder, 'acknowledged')
    writeFileSync(file, '')
    const publishing: PublisherPlan = {
      port: mqttPort,
      facility: FACILITY,
      sensors: SENSORS,
      buttons,
      ratePerS: RATE,
      pressesPerS: 1,
      file,
      ...(plan.wrongClock ? { wrongMs: { N1: -3_600_000, N2: 3_600_000 } } : {}),
    }
    const publisher = spawn(process.execPath, [join(import.meta.dirname, 'publisher.ts'), JSON.stringify(publishing)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    ends.push(() => publisher.kill('SIGKILL'))
    const told = new Promise<Published>((resolve, reject) => {
      createInterface({ input: publisher.stdout }).on('line', (line) => resolve(JSON.parse(line) as Published))
      publisher.once('exit', (code) => reject(new Error(`the publisher ended with ${code}`)))
    })
    told.catch(() => undefined)
    const lines = (): string[] => readFileSync(file, 'utf8').split('\n').filter(Boolean)
    const flowing = (): Promise<unknown> => {
      const before = lines().length
      return until('the load to flow', () => lines().length > before + 40, 30_000, 50)
    }
    await flowing()

    if (plan.frozenSubscriber) {
      const socket = await freeze(mqttPort)
      ends.push(() => socket.destroy())
      await pause(8000)
      account.rssMb = rssMb(edge.pid)
      if (account.rssMb !== null && account.rssMb > 600)
        account.detail.push(`the edge takes ${account.rssMb} MB beside a frozen subscriber`)
    }
    for (let i = 0; i < (plan.kills ?? 0); i++) {
      await flowing()
      // Anywhere in a commit, a batch, a start of a store.
      await pause(Math.random() * 600)
      await edge.stop('SIGKILL')
      account.kills++
      await edge.start()
    }
    for (let i = 0; i < (plan.restarts ?? 0); i++) {
      await flowing()
      await pause(Math.random() * 600)
      await edge.stop('SIGTERM')
      await edge.start()
    }
    for (let i = 0; i < (plan.influxOutages ?? 0); i++) {
      await influx!.stop()
      await flowing()
      await pause(2000)
      await influx!.start()
      await flowing()
    }
    for (let i = 0; i < (plan.provinceKills ?? 0); i++) {
      await province.stop('SIGKILL')
      await flowing()
      await pause(1000)
      await province.start()
      await flowing()
    }
    for (let i = 0; i < (plan.brokerRestarts ?? 0); i++) {
      await flowing()
      await mosquitto!.stop()
      await pause(1500)
      await mosquitto!.start()
      await flowing()
      // What the broker has acknowledged waits there for an edge that is away.
      await edge.stop('SIGKILL')
      account.kills++
      await pause(1000)
      await edge.start()
    }
    if (plan.smallDisk) {
      // Full to the last byte before it starts: it has its reserve and nothing else.
      await edge.stop('SIGKILL')
      account.kills++
      const emptyFirst = fill(data, 0)
      await edge.start()
      await pause(8000)
      emptyFirst()
      await flowing()
      const empty = fill(data, 1 << 20)
      await pause(10_000)
      empty()
      await until(
        'the disk to be recovered',
        () =>
          /"disk-recovered"/.test(readFileSync(edge.log, 'utf8')) ||
          !/"disk-full"/.test(readFileSync(edge.log, 'utf8')),
        20_000,
      )
      if (!/disk-full/.test(readFileSync(edge.log, 'utf8'))) account.detail.push('the disk was never full')
    }

    await flowing()
    publisher.stdin.end()
    const published = await told
    account.published = published.published + published.pressed
    account.acknowledged = published.acknowledged + published.pressesAcknowledged
    if (published.abandoned > 0) account.detail.push(`${published.abandoned} messages were not acknowledged at the end`)
    // Eager alerts are there at once, the ordered run needs its lateness; then everything must have gone everywhere.
    await pause(1000)
    await until(
      'the backlog to be zero',
      async () => {
        const health = await ask<{ sinks: { lag: number }[]; uplink: { lag: number } }>('/api/v1/health')
        return health.sinks.every((s) => s.lag <= 5) && health.uplink.lag <= 2
      },
      60_000,
      500,
    )
    const metrics = await ask<string>('/metrics')
    account.shed = Number(/^wardwatch_journal\{what="shed"\} (\d+)/m.exec(metrics)?.[1] ?? 0) + removed(edge.log)
    await pause(1500)
    await edge.stop('SIGTERM')
    await province.stop('SIGTERM')
    await count(account, { data, folder, influx, acknowledged: lines() })
    account.ok =
      account.lost + account.doubled + account.alertsLost + account.alertsDoubled === 0 && account.detail.length === 0
    return account
  } catch (error) {
    account.detail.push((error as Error).message)
    return account
  } finally {
    for (const end of ends.reverse())
      try {
        await end()
      } catch (error) {
        appendFileSync(2, `faults: ${(error as Error).message}\n`)
      }
  }
}

async function officer(data: string): Promise<string> {
  for (const args of [
    ['add', 'faults', '--role', 'chief'],
    ['token', 'faults'],
  ]) {
    const ran = await wardwatch(['user', ...args, '--data', data, '--json'])
    if (ran.code !== 0) throw new Error(`wardwatch user ${args[0]}: ${ran.stderr}`)
    if (args[0] === 'token') return (JSON.parse(ran.stdout) as { token: string }).token
  }
  throw new Error('no token')
}

function rssMb(pid: number): number | null {
  try {
    return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024)
  } catch {
    return null
  }
}

/** Readings that retention said it removed for want of space. */
function removed(log: string): number {
  let sum = 0
  for (const line of readFileSync(log, 'utf8').split('\n'))
    if (line.includes('journal-removed') && line.includes('"size"'))
      sum += Number(/"removed":(\d+)/.exec(line)?.[1] ?? 0)
  return sum
}

async function count(
  account: Account,
  at: { data: string; folder: string; influx: RunningStore | null; acknowledged: string[] },
): Promise<void> {
  const db = new DatabaseSync(join(at.data, 'journal/journal.db'), { readOnly: true })
  const seen = new Map<string, number>()
  const raised = new Map<string, string[]>()
  let noise = 0
  for (const row of db.prepare('SELECT tag, body FROM log ORDER BY seq').iterate() as Iterable<{
    tag: number
    body: string
  }>) {
    const kind = row.tag >> 4
    if (kind === 1) {
      const [id, , , , type] = JSON.parse(row.body) as string[]
      seen.set(id!, (seen.get(id!) ?? 0) + 1)
      if (type === 'env.noise') noise++
    } else if (kind === 4) {
      const { change, alert } = JSON.parse(row.body) as {
        change: string
        alert: { id: string; code: string; device: string }
      }
      if (change === 'raised' && alert.code === 'R39')
        raised.set(alert.device, [...(raised.get(alert.device) ?? []), alert.id])
    }
  }
  db.close()
  account.journaled = noise + [...seen.keys()].filter((id) => id.startsWith('press-')).length
  const lost = at.acknowledged.filter((id) => !seen.has(id))
  account.lost = Math.max(0, lost.length - account.shed)
  account.doubled = [...seen.values()].filter((n) => n > 1).length
  const pressed = at.acknowledged.filter((id) => id.startsWith('press-')).map((id) => id.slice(6))
  const silent = pressed.filter((button) => !raised.has(button))
  account.alerts = raised.size
  account.alertsLost = silent.length
  account.alertsDoubled = [...raised.values()].filter((ids) => ids.length > 1).length
  if (silent.length > 0) account.detail.push(`no alert for ${silent.slice(0, 3).join(', ')}`)

  const verify = await wardwatch(['ledger', 'verify', '--data', at.data])
  if (verify.code !== 0) account.detail.push(`ledger: ${verify.stdout.trim() || verify.stderr.trim()}`)
  const ledger = new DatabaseSync(join(at.data, 'ledger/ledger.db'), { readOnly: true })
  const inLedger = (
    ledger
      .prepare(
        'SELECT count(*) AS n FROM payload JOIN entry USING (seq) WHERE kind = \'alert\' AND body LIKE \'%"change":"raised"%\' AND body LIKE \'%"code":"R39"%\'',
      )
      .get() as { n: number }
  ).n
  ledger.close()
  if (inLedger !== raised.size) account.detail.push(`${raised.size} alerts raised, ${inLedger} in the ledger`)

  if (existsSync(join(at.folder, 'province'))) {
    const store = await openStore({ dataDir: join(at.folder, 'province') })
    const rows = await store.query<{ alert: string; n: number }>(
      "SELECT alert, count(*)::int AS n FROM alert_changes WHERE change = 'raised' AND snapshot ->> 'code' = 'R39' GROUP BY alert",
    )
    const [facility] = await store.query<{ sequences: string }>('SELECT sequences FROM facilities WHERE id = $1', [
      FACILITY,
    ])
    await store.close()
    account.provinceAlerts = rows.length
    const there = new Set(rows.map((r) => r.alert))
    const absent = [...raised.values()].flat().filter((id) => !there.has(id))
    account.alertsLost += absent.length
    account.alertsDoubled += rows.filter((r) => r.n > 1).length
    if (absent.length > 0) account.detail.push(`${absent.length} alerts did not come to the province`)
    if (facility && !/^1-\d+$/.test(facility.sequences))
      account.detail.push(`holes at the province: ${facility.sequences}`)
  }
  if (at.influx) {
    const answer = await fetch(
      `${at.influx.url}/query?db=faults&q=${encodeURIComponent('SELECT count("db") FROM "env_noise"')}`,
    )
    const { results } = (await answer.json()) as { results: { series?: { values: [string, number][] }[] }[] }
    account.influx = results[0]?.series?.[0]?.values[0]?.[1] ?? 0
    const short = noise - account.influx
    if (short > 0) {
      account.lost += short
      account.detail.push(`${short} readings of the journal are not in InfluxDB`)
    }
    if (account.influx > noise + account.shed)
      account.detail.push(`${account.influx - noise} readings too many in InfluxDB`)
  }
}
