import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Broker, brokerDevices, createBroker, type Rejection } from '#broker/index.ts'
import { systemClock } from '#model/system-clock.ts'
import type { Log } from '../log.ts'
import { type Issued, openPki, type Pki } from '../pki.ts'
import { readCertificates, watchCertificates } from './certificates.ts'

const dir = mkdtempSync(join(tmpdir(), 'ww-certificates-'))
const WAIT = { timeout: 20_000, interval: 50 }

describe('certificates of a running edge', () => {
  let pki: Pki
  let server: Issued
  let broker: Broker
  let end: () => void
  let rejected: Rejection[]
  let said: string[]
  const clients: MqttClient[] = []
  const log = { info: (e: string) => said.push(e), warn: (e: string) => said.push(e) } as unknown as Log

  beforeAll(async () => {
    pki = await openPki(join(dir, 'pki'), 'js-03', systemClock)
    server = await pki.ensure('edge', 'server', ['127.0.0.1'])
    rejected = []
    said = []
    const files = { cert: server.cert, key: server.key, ca: server.ca }
    broker = await createBroker({
      facility: 'js-03',
      clock: systemClock,
      dataDir: join(dir, 'broker'),
      tls: { port: 0, ...readCertificates(files)! },
      identities: {
        devices: brokerDevices([
          { id: 'W1', driver: 'mqtt' },
          { id: 'W2', driver: 'mqtt' },
        ]),
        subscribers: [],
      },
      onPublish: async () => {},
      onRejected: (rejection) => rejected.push(rejection),
    })
    end = watchCertificates(
      [{ name: 'broker', files, apply: (tls, revoked) => broker.renewTls(tls, revoked) }],
      systemClock,
      log,
    )
  })
  afterEach(() => {
    for (const client of clients.splice(0)) client.end(true)
  })
  afterAll(async () => {
    end()
    await broker.close()
    rmSync(dir, { recursive: true, force: true })
  })

  function connect({ cert, key }: Issued): Promise<MqttClient> {
    const client = mqtt.connect(`mqtts://127.0.0.1:${broker.ports.tls}`, {
      ca: readFileSync(pki.caPath),
      cert: readFileSync(cert),
      key: readFileSync(key),
      reconnectPeriod: 0,
    })
    clients.push(client)
    return new Promise((resolve, reject) => {
      client.once('connect', () => resolve(client))
      client.once('error', reject)
      client.once('close', () => reject(new Error('closed')))
    })
  }
  const serverSerial = (client: MqttClient): string =>
    (client.stream as unknown as { getPeerCertificate(): { serialNumber: string } }).getPeerCertificate().serialNumber

  test('a renewed certificate is served within seconds, and open connections stay', async () => {
    const device = await pki.ensure('W1', 'client')
    const open = await connect(device)
    const before = serverSerial(open)
    await pki.renew('edge')
    await vi.waitFor(async () => expect(serverSerial(await connect(device))).not.toBe(before), WAIT)
    expect(open.connected).toBe(true)
  })

  test('a revoked device is thrown out at once and refused, and nobody else is', async () => {
    const [one, two] = [await pki.ensure('W1', 'client'), await pki.ensure('W2', 'client')]
    const stolen = { ...one, cert: join(dir, 'stolen.pem'), key: join(dir, 'stolen.key') }
    writeFileSync(stolen.cert, readFileSync(one.cert))
    writeFileSync(stolen.key, readFileSync(one.key))
    const [first, second] = [await connect(stolen), await connect(two)]
    await pki.revoke('W1')
    await vi.waitFor(() => expect(first.connected).toBe(false), WAIT)
    expect(rejected.at(-1)).toMatchObject({ client: 'W1', cause: 'bad-credential' })
    await expect(connect(stolen)).rejects.toThrow()
    expect(second.connected).toBe(true)
    await connect(two)
    // A new certificate for the same device is as good as any.
    await connect(await pki.ensure('W1', 'client'))
  })

  test('files that do not belong together are refused, said, and those before stay in force', async () => {
    const device = await pki.ensure('W2', 'client')
    const right = readFileSync(server.key)
    writeFileSync(server.key, readFileSync(device.key))
    await vi.waitFor(() => expect(said).toContain('certificates.not-taken'), WAIT)
    expect((await connect(device)).connected).toBe(true)
    writeFileSync(server.key, right)
  })
})
