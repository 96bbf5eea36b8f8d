/** The twin by itself: it stands up fast, keeps to loopback, and its alarms can be acknowledged by any OPC UA client. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  AttributeIds,
  type ClientSession,
  constructEventFilter,
  OPCUACertificateManager,
  OPCUAClient,
  TimestampsToReturn,
  type Variant,
} from 'node-opcua'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DeviceKind } from '#model/site/schema.ts'
import { systemClock } from '#model/system-clock.ts'
import { createOpcuaTwin, type OpcuaTwin } from './index.ts'

let twin: OpcuaTwin
let client: OPCUAClient
let session: ClientSession
const dir = mkdtempSync(join(tmpdir(), 'ww-twin-'))
let builtInMs = 0

beforeAll(async () => {
  const many = Array.from({ length: 800 }, (_, i) => ({ id: `D${i}`, kind: 'door' as DeviceKind }))
  const tags = Array.from({ length: 300 }, (_, i) => ({
    id: `T${i}`,
    kind: (['climate', 'smoke', 'gas', 'leak', 'power', 'noise'] as const)[i % 6] as DeviceKind,
  }))
  const before = systemClock.now()
  twin = await createOpcuaTwin({
    devices: [...many, ...tags, { id: 'F07', kind: 'fence' }, { id: 'C204', kind: 'door', root: 'ns=2;s=Doors/C204' }],
    clock: systemClock,
    dataDir: join(dir, 'twin'),
  })
  builtInMs = systemClock.now() - before
  client = OPCUAClient.create({
    endpointMustExist: false,
    clientCertificateManager: new OPCUACertificateManager({
      rootFolder: join(dir, 'client'),
      automaticallyAcceptUnknownCertificate: true,
      disableFileWatchers: true,
    }),
    connectionStrategy: { maxRetry: 0 },
  })
  await client.connect(twin.url)
  session = await client.createSession()
})
afterAll(async () => {
  await session.close()
  await client.disconnect()
  await twin.close()
  rmSync(dir, { recursive: true, force: true })
})

test('the full facility stands within a few seconds, on loopback only', () => {
  expect(builtInMs).toBeLessThan(8000)
  expect(twin.url).toMatch(/^opc\.tcp:\/\/127\.0\.0\.1:\d+\//)
})

test('node ids are those of the contract, and source times are those of the reading', async () => {
  expect(twin.rootOf('C204')).toBe('ns=2;s=Doors/C204')
  const time = systemClock.now() - 4321
  twin.emitReading({ device: 'C204', type: 'door.state', value: { state: 'open' }, time })
  const value = await session.read({ nodeId: 'ns=2;s=Doors/C204/State', attributeId: AttributeIds.Value })
  expect(value.value.value).toBe(1)
  expect(value.sourceTimestamp?.getTime()).toBe(time)
})

test('faults are seen on the wire: bad status, wrong clock, removed node', async () => {
  const read = (nodeId: string) => session.read({ nodeId, attributeId: AttributeIds.Value })
  await twin.fault({ kind: 'status', device: 'D1', status: 'BadSensorFailure' })
  expect((await read('ns=2;s=Doors/D1/State')).statusCode.name).toBe('BadSensorFailure')
  await twin.fault({ kind: 'recover', device: 'D1' })
  expect((await read('ns=2;s=Doors/D1/State')).statusCode.name).toBe('Good')
  await twin.fault({ kind: 'clock', offsetMs: 3_600_000 })
  expect((await read('i=2258')).value.value.getTime() - systemClock.now()).toBeGreaterThan(3_590_000)
  await twin.fault({ kind: 'clock', offsetMs: 0 })
  await twin.fault({ kind: 'remove-node', device: 'D2' })
  expect((await read('ns=2;s=Doors/D2/State')).statusCode.name).toBe('BadNodeIdUnknown')
  await twin.fault({ kind: 'restore-node', device: 'D2' })
  expect((await read('ns=2;s=Doors/D2/State')).statusCode.name).toBe('Good')
})

test('a fence alarm is a condition that a client can acknowledge', async () => {
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 50,
    requestedMaxKeepAliveCount: 20,
    requestedLifetimeCount: 1000,
    publishingEnabled: true,
  })
  const item = await subscription.monitor(
    { nodeId: 'i=2253', attributeId: AttributeIds.EventNotifier },
    {
      queueSize: 100,
      samplingInterval: 0,
      filter: constructEventFilter(['EventId', 'ConditionId', 'ActiveState.Id', 'AckedState.Id', 'Severity']),
    },
    TimestampsToReturn.Both,
  )
  const arrived = new Promise<Variant[]>((resolve) =>
    item.once('changed', (values: unknown) => resolve(values as Variant[])),
  )
  twin.emitReading({ device: 'F07', type: 'fence.alarm', value: { strength: 'high' } })
  const [eventId, conditionId, active, acked, severity] = (await arrived).map((variant) => variant.value)
  expect({ active, acked, severity }).toEqual({ active: true, acked: false, severity: 800 })
  expect(twin.isAcknowledged('F07', 'fence.alarm')).toBe(false)
  const status = await session.acknowledgeCondition(conditionId, eventId, 'seen')
  expect(status.name).toBe('Good')
  expect(twin.isAcknowledged('F07', 'fence.alarm')).toBe(true)
  await subscription.terminate()
})
