import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import { afterAll, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { systemClock } from '#model/system-clock.ts'
import { openPki, revokedSerials } from './pki.ts'

const dir = mkdtempSync(join(tmpdir(), 'ww-pki-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('the certificate authority of a facility', () => {
  test('issues certificates that a TLS server and a client with its own certificate accept', async () => {
    const pki = await openPki(dir, 'js-03', systemClock)
    const server = await pki.ensure('broker', 'server')
    const client = await pki.ensure('W017', 'client')
    const ca = readFileSync(pki.caPath)
    const listener = createServer(
      {
        cert: readFileSync(server.cert),
        key: readFileSync(server.key),
        ca,
        requestCert: true,
        rejectUnauthorized: true,
      },
      (socket) => socket.end(String(socket.getPeerCertificate().subject.CN)),
    )
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    const { port } = listener.address() as { port: number }
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect({
        host: '127.0.0.1',
        port,
        servername: 'localhost',
        ca,
        cert: readFileSync(client.cert),
        key: readFileSync(client.key),
      })
      let text = ''
      socket.on('data', (data) => {
        text += data
      })
      socket.on('end', () => resolve(text))
      socket.on('error', reject)
    })
    listener.close()
    expect(answer).toBe('W017')
    expect(new X509Certificate(readFileSync(server.cert)).checkHost('localhost')).toBe('localhost')
  })

  test('keeps keys to the owner, gives the same certificate again and renews one that ends within 30 days', async () => {
    const pki = await openPki(dir, 'js-03', systemClock)
    const first = await pki.ensure('broker', 'server')
    expect(statSync(first.key).mode & 0o077).toBe(0)
    const serialBefore = pki.list().find((c) => c.name === 'broker')?.serial
    await pki.ensure('broker', 'server')
    expect(pki.list().find((c) => c.name === 'broker')?.serial).toBe(serialBefore)
    const later = await openPki(dir, 'js-03', new VirtualClock(systemClock.now() + 380 * 86_400_000))
    await later.ensure('broker', 'server')
    expect(later.list().find((c) => c.name === 'broker')?.serial).not.toBe(serialBefore)
  })

  test('refuses a name that would leave its folder', async () => {
    const pki = await openPki(dir, 'js-03', systemClock)
    await expect(pki.ensure('../ca', 'client')).rejects.toThrow(/cannot be the name/)
  })

  test('renews for the same kind and hosts, and a revoked certificate stands in the list that servers read', async () => {
    const folder = join(dir, 'second')
    const pki = await openPki(folder, 'js-03', systemClock)
    await pki.ensure('edge', 'server', ['edge.js-03.example', '192.0.2.10'])
    await pki.ensure('W1', 'client')
    const before = pki.list().find((c) => c.name === 'edge')?.serial
    const renewed = await pki.renew('edge')
    const certificate = new X509Certificate(readFileSync(renewed.cert))
    expect(pki.list().find((c) => c.name === 'edge')?.serial).not.toBe(before)
    expect(certificate.checkHost('edge.js-03.example')).toBe('edge.js-03.example')
    expect(certificate.checkIP('192.0.2.10')).toBe('192.0.2.10')
    const { serial } = await pki.revoke('W1')
    expect(revokedSerials(readFileSync(pki.crlPath))).toEqual(new Set([serial.toUpperCase()]))
    expect(pki.list().map((c) => c.name)).toEqual(['edge'])
    await expect(pki.revoke('W1')).rejects.toThrow(/there is no certificate "W1"/)
    // A new one for the same device is another certificate.
    const again = await pki.ensure('W1', 'client')
    expect(new X509Certificate(readFileSync(again.cert)).serialNumber).not.toBe(serial.toUpperCase())
  })

  test('revoking a name refuses the certificates that were renewed before as well', async () => {
    const pki = await openPki(join(dir, 'third'), 'js-03', systemClock)
    const serialOf = (name: string) => pki.list().find((c) => c.name === name)?.serial as string
    await pki.ensure('W1', 'client')
    await pki.ensure('W10', 'client')
    const serials = [serialOf('W1')]
    for (let i = 0; i < 2; i++) {
      await pki.renew('W1')
      serials.push(serialOf('W1'))
    }
    await pki.renew('W10')
    await pki.revoke('W1')
    const listed = (): Set<string> => revokedSerials(readFileSync(pki.crlPath))
    expect(listed()).toEqual(new Set(serials.map((serial) => serial.toUpperCase())))
    // What is issued afterwards is accepted, and its own revocation adds nothing but itself.
    await pki.ensure('W1', 'client')
    expect(listed().has(serialOf('W1').toUpperCase())).toBe(false)
    await pki.revoke('W1')
    expect(listed().size).toBe(4)
  })
})
