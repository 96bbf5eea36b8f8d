/**
 * `wardwatch demo` from outside, as a newcomer, a device, an officer and an engineer meet it: one demo over real
 * protocols for the whole file, with a real InfluxDB behind it, ended by Ctrl-C and started again on the same data.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startInfluxd } from '#ingest/series/store-processes.ts'
import { DemoRun } from './demo-run.ts'
import { describeApi } from './parts/api.ts'
import { describeBrowser } from './parts/browser.ts'
import { describeCommissioning } from './parts/commissioning.ts'
import { describeEnding } from './parts/ending.ts'
import { describeEvidence } from './parts/evidence.ts'
import { describeFaults } from './parts/faults.ts'
import { describeDevices } from './parts/mosquitto.ts'
import { patience, temporaryFolder, until } from './processes.ts'
import { present } from './programs.ts'
import type { Stage } from './stage.ts'

const INFLUX = present('the acknowledgement in InfluxDB', 'influxd')

describe('wardwatch demo', { timeout: 300_000 }, () => {
  const folder = temporaryFolder('demo')
  const stage = { data: folder.path, influx: null, acknowledged: null } as unknown as Stage

  beforeAll(async () => {
    if (INFLUX) stage.influx = await startInfluxd()
    stage.demo = await DemoRun.start([
      '--port',
      '0',
      '--data',
      stage.data,
      '--test-api',
      ...(stage.influx ? ['--influx', stage.influx.url] : []),
    ])
  }, 300_000)
  afterAll(async () => {
    await stage.demo?.stop('SIGTERM')
    await stage.influx?.end()
    folder.remove()
  }, 300_000)

  test('prints addresses that answer, accounts of every role and tokens within 20 s of the start', async () => {
    const { demo } = stage
    expect(demo.startedInMs).toBeLessThan(20_000 * patience())
    expect(await demo.held()).toEqual(demo.ports())
    for (const role of ['officer', 'chief', 'engineer', 'provincial', 'sysadmin', 'secadmin', 'auditor', 'wall'])
      expect(demo.account(role)).toMatchObject({ password: expect.any(String), token: expect.any(String) })
    for (const base of [demo.facility.console, demo.summary.province.console])
      expect((await fetch(`${base}/healthz`)).status, base).toBe(200)
  })

  test('shows an alert of the scenario, from a real door over OPC UA, within 30 s of the addresses', async () => {
    const { demo } = stage
    const first = await until(
      'the first alert',
      async () =>
        (await demo.get<{ items: { id: string; code: string; key: string }[] }>('/api/v1/alerts')).body.items.find(
          (a) => a.code === 'R07' && a.key === 'D-C204',
        ),
      30_000,
      250,
    )
    expect(Date.now() - demo.readyAt).toBeLessThan(30_000 * patience())
    const { body } = await demo.get<{ level: string; evidence: { device: string; type: string }[] }>(
      `/api/v1/alerts/${first.id}`,
    )
    expect(body.level).toBe('orange')
    expect(body.evidence).toContainEqual(expect.objectContaining({ device: 'D-C204', type: 'door.state' }))
  })

  describeApi(stage)
  describeDevices(stage)
  describeCommissioning(stage)
  describeEvidence(stage)
  describeFaults(stage)
  describeBrowser(stage)
  describeEnding(stage)
})
