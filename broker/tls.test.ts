import type { webcrypto } from 'node:crypto'
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '#model/system-clock.ts'
import { type Broker, brokerDevices, createBroker, type InboundPublish, type Rejection } from './index.ts'

interface Pair {
  cert: string
  key: string
}
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
let serial = 1
const notBefore = new Date('2020-01-01')
const notAfter = new Date('2099-01-01')

async function keyPem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n`
}
async function authority() {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: String(serial++).padStart(2, '0'),
    name: `CN=test authority ${serial}`,
    notBefore,
    notAfter,
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
  })
  return {
    pem: cert.toString('pem'),
    async issue(name: string): Promise<Pair> {
      const leaf = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
      const made = await x509.X509CertificateGenerator.create({
        serialNumber: String(serial++).padStart(2, '0'),
        subject: `CN=${name}`,
        issuer: cert.subject,
        notBefore,
        notAfter,
        signingKey: keys.privateKey,
        publicKey: leaf.publicKey,
        signingAlgorithm: algorithm,
        extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
      })
      return { cert: made.toString('pem'), key: await keyPem(leaf) }
    },
  }
}

const devices = brokerDevices([
  { id: 'W017', driver: 'mqtt', certificate: 'band-17' },
  { id: 'W018', driver: 'mqtt', password: 'secret-18' },
])
let ca: Awaited<ReturnType<typeof authority>>
let server: Pair
let broker: Broker
let received: InboundPublish[]
let rejected: Rejection[]
const open: MqttClient[] = []

async function start(clientCertificates: 'optional' | 'required'): Promise<void> {
  received = []
  rejected = []
  broker = await createBroker({
    facility: 'js-03',
    clock: systemClock,
    dataDir: null,
    tls: { port: 0, ...server, ca: ca.pem, clientCertificates },
    identities: { devices, subscribers: [] },
    onPublish: async (batch) => void received.push(...batch),
    onRejected: (rejection) => rejected.push(rejection),
  })
}
const connect = async (options: IClientOptions) => {
  const client = await mqtt.connectAsync(
    `mqtts://127.0.0.1:${broker.ports.tls}`,
    { ca: ca.pem, reconnectPeriod: 0, connectTimeout: 3000, ...options },
    false,
  )
  client.on('error', () => {})
  open.push(client)
  return client
}
const sos = (client: MqttClient, id: string) => client.publishAsync(`ww/v1/js-03/dev/${id}/band.sos`, '{}', { qos: 1 })

describe('TLS', () => {
  beforeAll(async () => {
    ca = await authority()
    server = await ca.issue('broker')
  })
  afterEach(async () => {
    for (const client of open.splice(0)) client.end(true)
    await broker.close()
  })

  test('the common name of a certificate says who the device is, with no user name or a fitting one', async () => {
    await start('required')
    const certificate = await ca.issue('band-17')
    await sos(await connect({ ...certificate }), 'W017')
    await sos(await connect({ ...certificate, username: 'W017' }), 'W017')
    expect(received.map((m) => m.device.id)).toEqual(['W017', 'W017'])
    await expect(connect({ ...certificate, username: 'W018', password: 'secret-18' })).rejects.toThrow()
    expect(rejected).toMatchObject([{ client: 'W018', cause: 'bad-credential' }])
  })

  test('where certificates are optional a password does as well, but a certificate that does not hold is refused', async () => {
    await start('optional')
    await sos(await connect({ username: 'W018', password: 'secret-18' }), 'W018')
    const stranger = await (await authority()).issue('band-17')
    await expect(connect({ ...stranger, username: 'W018', password: 'secret-18' })).rejects.toThrow()
    expect(rejected).toMatchObject([{ client: 'W018', cause: 'bad-credential' }])
    await expect(connect({ ...(await ca.issue('nobody')) })).rejects.toThrow()
    expect(rejected.at(-1)).toMatchObject({ client: 'nobody', cause: 'unknown-device' })
  })

  test('where they are required there is no connection without one, and it is counted', async () => {
    await start('required')
    await expect(connect({ username: 'W018', password: 'secret-18' })).rejects.toThrow()
    expect(broker.metrics().refused['tls-handshake']).toBeGreaterThanOrEqual(1)
    await sos(await connect({ ...(await ca.issue('band-17')) }), 'W017')
  })

  test('a renewed certificate of the broker comes into force without a restart', async () => {
    await start('optional')
    const first = await connect({ username: 'W018', password: 'secret-18' })
    const renewed = await ca.issue('broker-renewed')
    broker.renewTls({ ...renewed, ca: ca.pem })
    const second = await connect({ username: 'W018', password: 'secret-18', clientId: 'second' })
    const name = (
      second.stream as unknown as { getPeerCertificate(): { subject: { CN: string } } }
    ).getPeerCertificate()
    expect(name.subject.CN).toBe('broker-renewed')
    expect(first.connected).toBe(true)
  })
})
