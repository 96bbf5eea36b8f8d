/**
 * An edge that is killed under load: what was acknowledged by MQTT is in the journal, once; what was pressed in the last
 * moment before a kill is an alert, once. The publisher is independent and trusts nothing but its PUBACKs.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AlertView } from './demo-run.ts'
import { EdgeRun, FACILITY, type SmallSite, writeSmallSite } from './edge-run.ts'
import { pause, temporaryFolder, until, wardwatch } from './processes.ts'

const KILLS = 3
const SENSORS = ['N1', 'N2', 'N3', 'N4']
/** All sensors together; each stays below the broker's 200 a second. */
const PER_SECOND = 400
const BUTTONS = Array.from({ length: KILLS }, (_, i) => `PB${i + 1}`)

describe('an edge that is killed', { timeout: 300_000 }, () => {
  const folder = temporaryFolder('kill')
  let site: SmallSite
  let edge: EdgeRun

  beforeAll(async () => {
    site = await writeSmallSite(folder.path, {
      devices: [
        ...SENSORS.map((id) => ({
          id,
          driver: 'mqtt',
          kind: 'noise',
          zone: 'K1',
          model: 'ww-json',
          password: `pw-${id}`,
        })),
        ...BUTTONS.map((id) => ({
          id,
          driver: 'mqtt',
          kind: 'panic-button',
          zone: 'K1',
          model: 'ww-json',
          password: `pw-${id}`,
        })),
      ],
    })
    edge = await EdgeRun.start(site)
  }, 300_000)
  afterAll(async () => {
    await edge?.stop('SIGKILL')
    folder.remove()
  })

  const connect = (id: string): MqttClient =>
    mqtt.connect(`mqtt://127.0.0.1:${site.mqttPort}`, {
      username: id,
      password: `pw-${id}`,
      protocolVersion: 4,
      reconnectPeriod: 200,
      clientId: `${id}-publisher`,
      clean: false,
    })

  test('keeps every acknowledged reading once and every alert once over three kills', async () => {
    const acknowledged = new Set<string>()
    let sent = 0
    const clients = SENSORS.map(connect)
    for (const client of clients) client.on('error', () => {})
    let loading = true
    const load = async (): Promise<void> => {
      const tick = PER_SECOND / 20
      while (loading) {
        for (let i = 0; i < tick; i++) {
          const n = sent++
          const index = n % SENSORS.length
          const client = clients[index] as MqttClient
          // What waits while the edge is down is kept in bounds: a real sensor forgets too, but never what was acknowledged.
          if (!client.connected) continue
          const id = `${SENSORS[index]}-${n}`
          const reading = { id, time: Date.now(), value: { db: 40 + (n % 40) } }
          client.publish(
            `ww/v1/${FACILITY}/dev/${SENSORS[index]}/env.noise`,
            JSON.stringify(reading),
            { qos: 1 },
            (error) => {
              if (!error) acknowledged.add(id)
            },
          )
        }
        await pause(50)
      }
    }
    const loaded = load()
    try {
      await until('the first acknowledgements', () => acknowledged.size > 100)
      for (const button of BUTTONS) {
        await pause(700)
        const before = acknowledged.size
        await until('the load to flow', () => acknowledged.size > before + 100)
        const presser = connect(button)
        presser.on('error', () => {})
        await new Promise<void>((resolve, reject) =>
          presser.publish(`ww/v1/${FACILITY}/dev/${button}/panic.pressed`, '{}', { qos: 1 }, (error) =>
            error ? reject(error) : resolve(),
          ),
        )
        // The press is acknowledged, so it is on disk; nothing else is promised yet. Now.
        expect(await edge.stop('SIGKILL')).toMatchObject({ signal: 'SIGKILL' })
        presser.end(true)
        edge = await EdgeRun.start(site)
      }
      const before = acknowledged.size
      await until('the load to flow after the last kill', () => acknowledged.size > before + 100)
    } finally {
      loading = false
      await loaded
    }
    await pause(500)
    for (const client of clients) client.end(true)
    expect(acknowledged.size).toBeGreaterThan(1000)

    const alerts = await until('an alert of every button', async () => {
      const { items } = await edge.get<{ items: AlertView[] }>('/api/v1/alerts?rule=R39')
      return new Set(items.map((a) => a.device)).size >= BUTTONS.length ? items : null
    })
    expect(alerts.map((a) => a.device).sort()).toEqual(BUTTONS)
    for (const alert of alerts) {
      const { timeline } = await edge.get<AlertView>(`/api/v1/alerts/${alert.id}`)
      expect(timeline.filter((c) => c.change === 'raised')).toHaveLength(1)
    }
    expect(await edge.stop('SIGTERM')).toMatchObject({ code: 0 })

    const out = join(folder.path, 'all.ndjson')
    const exported = await wardwatch([
      'export',
      '--from',
      '0',
      '--to',
      String(Date.now()),
      '--data',
      site.data,
      '--out',
      out,
    ])
    expect(exported, exported.stderr).toMatchObject({ code: 0 })
    const seen = new Map<string, number>()
    for (const line of readFileSync(out, 'utf8').split('\n').filter(Boolean)) {
      const { id } = JSON.parse(line) as { id?: string }
      if (id) seen.set(id, (seen.get(id) ?? 0) + 1)
    }
    expect(
      [...acknowledged].filter((id) => !seen.has(id)),
      'acknowledged but lost',
    ).toEqual([])
    expect(
      [...seen].filter(([, n]) => n > 1),
      'journaled twice',
    ).toEqual([])
    const verdict = await wardwatch(['ledger', 'verify', '--data', site.data])
    expect(verdict, verdict.stdout).toMatchObject({ code: 0 })
  })

  test('a second edge on the same data folder is refused in one sentence, the first goes on', async () => {
    edge = await EdgeRun.start(site)
    const second = await wardwatch(['edge', '--site', site.file, '--data', site.data])
    expect(second.code).toBe(1)
    expect(second.stderr.trim().split('\n')).toHaveLength(1)
    expect(second.stderr).toContain(site.data)
    await edge.get('/api/v1/health')
  })
})
