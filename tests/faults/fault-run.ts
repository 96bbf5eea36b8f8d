/**
 * One run of faults: an edge, a province and (where it is installed) InfluxDB as processes, the publisher beside them,
 * the faults of a plan, then the account: what was acknowledged against what lies on each disk, once.
 */
import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import mqttPacket from 'mqtt-packet'
import { stringify } from 'yaml'
import { missing, type RunningStore, startInfluxd } from '#ingest/series/store-processes.ts'
import { freePort, until, wardwatch } from '../e2e/processes.ts'
import { present, startMosquitto } from '../e2e/programs.ts'
import { type Account, count, FACILITY, removed } from './account.ts'
import { type BreakableDisk, breakableDisk, fill, smallDisk } from './disks.ts'
import { CAMERA_SECRET, type Field, openField } from './field.ts'
import { Product, rssMb } from './product.ts'
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
  /** The edge's file system finds an error in itself and goes read-only, so often. */
  readOnlyRemounts?: number
  /** Every camera without power and the OPC UA server started again, so often. */
  fieldOutages?: number
  /** Takes so many acknowledged readings out of the journal before it is counted: the account must find it. */
  lose?: number
}

const SENSORS = ['N1', 'N2', 'N3', 'N4']
/** Each is pressed once, so there must be enough of them for the whole run. */
const buttonsFor = (plan: FaultPlan): number => 60 + 6 * (plan.kills ?? 0)
const RATE = 200

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
      const disk = smallDisk(data)
      if (!disk) return { ...account, ok: true, skipped: 'a small file system cannot be mounted here (needs root)' }
      ends.push(() => disk.end())
    }
    let breakable: BreakableDisk | null = null
    if (plan.readOnlyRemounts) {
      breakable = breakableDisk(folder, data)
      if (!breakable)
        return {
          ...account,
          ok: true,
          skipped: 'no file system can be broken here (needs root, loop devices and ext4)',
        }
      ends.push(() => breakable?.end())
    }
    const field: Field | null = plan.fieldOutages ? await openField() : null
    if (field) ends.push(() => field.close())
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
    writeFileSync(join(folder, 'secrets', 'camera'), CAMERA_SECRET)
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
        devices: [
          ...SENSORS.map((id) => device(id, 'noise')),
          ...buttons.map((id) => device(id, 'panic-button')),
          ...(field?.devices ?? []),
        ],
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

    const states = async () =>
      (
        await ask<{ items: { id: string; online: boolean | null; latest: Record<string, { value: object }> }[] }>(
          '/api/v1/devices?limit=500',
        )
      ).items
    const online = (wanted: boolean): Promise<unknown> =>
      until(
        'every camera and door to be heard again',
        async () => {
          const now = new Map((await states()).map((d) => [d.id, d.online]))
          return field!.ids.every((id) => now.get(id) === wanted)
        },
        90_000,
        500,
      )
    /** What each said last is what the edge knows of it. */
    const heard = (): Promise<unknown> =>
      until(
        'what cameras and doors said to be known',
        async () => {
          const now = new Map((await states()).map((d) => [d.id, d.latest]))
          return [...field!.said].every(([id, { type, value }]) => {
            const known = now.get(id)?.[type]?.value as Record<string, unknown> | undefined
            return known !== undefined && Object.entries(value).every(([name, want]) => known[name] === want)
          })
        },
        60_000,
        500,
      )
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
    for (let i = 0; i < (plan.readOnlyRemounts ?? 0); i++) {
      await flowing()
      breakable!.goReadOnly()
      // It must not go on beside a journal that keeps nothing (decision 20); its supervisor tries in vain until it is repaired.
      if (!(await edge.ended(60_000))) account.detail.push('the edge went on although its disk took nothing any more')
      await edge.stop('SIGKILL')
      await edge.start().then(
        () => account.detail.push('the edge started on a disk that takes nothing'),
        () => undefined,
      )
      await edge.stop('SIGKILL')
      breakable!.repair()
      await edge.start()
      await flowing()
    }
    for (let i = 0; i < (plan.fieldOutages ?? 0); i++) {
      await online(true)
      field!.speak()
      await heard()
      await field!.outage(12_000)
      await online(true)
      field!.speak()
      await heard()
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
    if (plan.lose) lose(data, plan.lose)
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

/** As if the journal had lost them after it had acknowledged. */
function lose(data: string, n: number): void {
  const db = new DatabaseSync(join(data, 'journal/journal.db'))
  db.prepare(
    'DELETE FROM log WHERE seq IN (SELECT seq FROM log WHERE body LIKE \'%"env.noise"%\' ORDER BY seq DESC LIMIT ?)',
  ).run(n)
  db.close()
}
