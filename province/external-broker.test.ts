import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import mqtt from 'mqtt'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '#model/system-clock.ts'
import { openExternalBroker } from './external-broker.ts'
import type { Outcome } from './intake.ts'
import { createIntake, type Intake } from './intake.ts'
import { silentLog } from './log.ts'
import type { Receiver } from './receiver.ts'
import { alertMessage, START } from './sample-messages.ts'
import { openStore } from './store/open.ts'
import { putFacilities } from './store/queries.ts'

let folder: string
let broker: Awaited<ReturnType<typeof Aedes.createBroker>>
let server: Server
let url: string
let receiver: Receiver | null = null

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ww-province-'))
  broker = await Aedes.createBroker()
  server = createServer(broker.handle as never)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  await receiver?.close()
  receiver = null
  await new Promise<void>((resolve) => broker.close(() => resolve()))
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true, force: true })
})

const open = async (intake: Pick<Intake, 'accept'>): Promise<void> => {
  const subscribed = new Promise((resolve) => broker.once('subscribe', resolve))
  receiver = await openExternalBroker({
    config: { url, user: null, password: null, ca: null, cert: null, key: null },
    province: 'js',
    intake: intake as Intake,
    log: silentLog,
  })
  await subscribed
}

test('messages of a broker of somebody else are stored, many of them in one commit', async () => {
  const store = await openStore({ dataDir: folder })
  await putFacilities(store, [{ id: 'js-03', name: { zh: '', en: '' }, kind: 'prison', city: null, line: 'prison' }])
  const intake = createIntake({ store, clock: systemClock, knows: () => true })
  const acknowledged: unknown[] = []
  broker.on('ack', (packet) => acknowledged.push(packet))
  await open(intake)
  const edge = await mqtt.connectAsync(url)
  await Promise.all(
    Array.from({ length: 200 }, (_, i) => {
      const m = alertMessage('js-03', i + 1, { id: `a${i}`, raisedAt: START })
      return edge.publishAsync(m.topic, m.payload, { qos: 1 })
    }),
  )
  for (let i = 0; i < 300 && acknowledged.length < 200; i++) await new Promise((resolve) => setTimeout(resolve, 10))
  await edge.endAsync(true)
  expect(acknowledged.length).toBe(200)
  expect(intake.counters.applied).toBe(200)
  expect(intake.counters.commits).toBeLessThan(100)
  await receiver!.close()
  receiver = null
  await store.close()
})

test('nothing is acknowledged before it is stored, and what could not be stored comes again', async () => {
  const order: string[] = []
  broker.on('ack', () => order.push('acknowledged'))
  let attempts = 0
  await open({
    async accept(): Promise<Outcome> {
      attempts++
      await new Promise((resolve) => setTimeout(resolve, 30))
      if (attempts === 1) throw new Error('the disk is full')
      order.push('stored')
      return 'applied'
    },
  })
  const edge = await mqtt.connectAsync(url)
  const { topic, payload } = alertMessage('js-03', 1)
  await edge.publishAsync(topic, payload, { qos: 1 })
  for (let i = 0; i < 600 && order.length < 2; i++) await new Promise((resolve) => setTimeout(resolve, 10))
  await edge.endAsync(true)
  expect(order).toEqual(['stored', 'acknowledged'])
  expect(attempts).toBe(2)
}, 20_000)
