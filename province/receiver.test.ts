import type { webcrypto } from 'node:crypto'
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '#model/system-clock.ts'
import type { Intake, Outcome } from './intake.ts'
import { silentLog } from './log.ts'
import { openReceiver, type Receiver } from './receiver.ts'
import { alertMessage } from './sample-messages.ts'

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

let ca: Awaited<ReturnType<typeof authority>>
let server: Pair
let receiver: Receiver
let received: (string | null)[]
let answer: () => Promise<Outcome>
const open: MqttClient[] = []

beforeAll(async () => {
  ca = await authority()
  server = await ca.issue('province')
})
beforeEach(async () => {
  received = []
  answer = async () => 'applied'
  receiver = await openReceiver({
    config: {
      host: '127.0.0.1',
      tcp: 0,
      tls: { port: 0, ...server, ca: ca.pem },
      facilities: [
        { id: 'js-03', user: 'js-03', password: null, certificate: 'js-03.uplink' },
        { id: 'js-04', user: 'four', password: 'secret-four', certificate: null },
      ],
    },
    intake: {
      accept(_topic: string, _payload: Uint8Array, identity: string | null) {
        received.push(identity)
        return answer()
      },
    } as unknown as Intake,
    clock: systemClock,
    log: silentLog,
  })
})
afterEach(async () => {
  for (const client of open.splice(0)) client.end(true)
  await receiver.close()
})

async function connect(options: IClientOptions, tls: boolean): Promise<MqttClient> {
  const url = tls ? `mqtts://127.0.0.1:${receiver.ports.tls}` : `mqtt://127.0.0.1:${receiver.ports.tcp}`
  const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, ca: ca.pem, ...options }, false)
  client.on('error', () => {})
  open.push(client)
  return client
}
const publish = (client: MqttClient) => {
  const { topic, payload } = alertMessage('js-03', 1)
  return client.publishAsync(topic, payload, { qos: 1 })
}

describe('the receiver', () => {
  test('a certificate of the authority says which facility it is, whatever name the client gives', async () => {
    await publish(await connect({ ...(await ca.issue('js-03.uplink')), username: 'four' }, true))
    expect(received).toEqual(['js-03'])
  })

  test('a certificate of another authority, or of an unknown name, is no identity', async () => {
    const other = await authority()
    await expect(connect({ ...(await other.issue('js-03.uplink')) }, true)).rejects.toThrow()
    await expect(connect({ ...(await ca.issue('js-99.uplink')) }, true)).rejects.toThrow()
    expect(receiver.stats().refused['bad-credential']).toBeGreaterThan(0)
  })

  test('a facility with a certificate cannot be impersonated by its name alone', async () => {
    await expect(connect({ username: 'js-03', password: '' }, false)).rejects.toThrow()
    await expect(connect({ username: 'js-03' }, false)).rejects.toThrow()
  })

  test('one facility cannot end the connection of another by taking its client id', async () => {
    const first = await connect({ ...(await ca.issue('js-03.uplink')), clientId: 'uplink' }, true)
    await expect(connect({ username: 'four', password: 'secret-four', clientId: 'uplink' }, false)).rejects.toThrow()
    await publish(first)
    expect(received).toEqual(['js-03'])
    expect(receiver.stats().refused['client-id-taken']).toBe(1)
  })

  test('a message that could not be stored is not acknowledged: the connection ends instead', async () => {
    answer = () => Promise.reject(new Error('the disk is full'))
    const client = await connect({ username: 'four', password: 'secret-four' }, false)
    const ended = new Promise<void>((resolve) => client.once('close', () => resolve()))
    let acknowledged = false
    const { topic, payload } = alertMessage('js-04', 1)
    client.publish(topic, payload, { qos: 1 }, (error) => {
      acknowledged = !error
    })
    await ended
    expect(acknowledged).toBe(false)
  })

  test('nothing is acknowledged before the store has answered', async () => {
    let release: () => void = () => {}
    answer = () =>
      new Promise((resolve) => {
        release = () => resolve('applied')
      })
    const client = await connect({ username: 'four', password: 'secret-four' }, false)
    let acknowledged = false
    const done = publish(client).then(() => {
      acknowledged = true
    })
    for (let i = 0; i < 200 && received.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 5))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(acknowledged).toBe(false)
    release()
    await done
    expect(acknowledged).toBe(true)
  })
})
