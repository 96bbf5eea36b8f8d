/**
 * The facility's own certificate authority: makes itself at first use, issues certificates for the broker, the console
 * and devices (CN = device id). Private keys never leave the folder and are readable by the service alone.
 */
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import type { Clock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000
const CA_DAYS = 3650
const LEAF_DAYS = 397
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

x509.cryptoProvider.set(webcrypto as never)

export interface Issued {
  name: string
  cert: string
  key: string
  ca: string
  /** Days until it ends, from the clock handed in. */
  daysLeft: number
}

export interface Pki {
  readonly caPath: string
  /** The certificate of a name, issued if there is none yet or it ends within 30 days. */
  ensure(name: string, kind: 'server' | 'client', hosts?: string[]): Promise<Issued>
  list(): { name: string; serial: string; notAfter: number }[]
}

function keepSecret(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 })
  chmodSync(path, 0o600)
}

const pem = (label: string, bytes: ArrayBuffer): string =>
  `-----BEGIN ${label}-----\n${(
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  ).join('\n')}\n-----END ${label}-----\n`

async function newKeys(): Promise<{ keys: webcrypto.CryptoKeyPair; pem: string }> {
  const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  return { keys, pem: pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', keys.privateKey as never)) }
}

async function readPrivateKey(text: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(text.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  return (await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, true, ['sign'])) as webcrypto.CryptoKey
}

const serial = (): string =>
  Buffer.from(webcrypto.getRandomValues(new Uint8Array(12)))
    .toString('hex')
    .replace(/^[89a-f]/, '1')

/** Opens the authority of a folder; makes it at first use. */
export async function openPki(dir: string, owner: string, clock: Clock): Promise<Pki> {
  mkdirSync(join(dir, 'issued'), { recursive: true, mode: 0o700 })
  const caPath = join(dir, 'ca.pem')
  const caKeyPath = join(dir, 'ca.key')
  if (!existsSync(caPath) || !existsSync(caKeyPath)) {
    const { keys, pem: keyPem } = await newKeys()
    const now = clock.now()
    const ca = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: `CN=wardwatch ${owner}`,
      keys,
      signingAlgorithm: ALGORITHM,
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + CA_DAYS * DAY_MS),
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    })
    keepSecret(caKeyPath, keyPem)
    writeFileSync(caPath, ca.toString('pem'))
  }
  const ca = new x509.X509Certificate(readFileSync(caPath, 'utf8'))
  const caKey = await readPrivateKey(readFileSync(caKeyPath, 'utf8'))

  const describe = (name: string): Issued | null => {
    const cert = join(dir, 'issued', `${name}.pem`)
    const key = join(dir, 'issued', `${name}.key`)
    if (!existsSync(cert) || !existsSync(key)) return null
    const { notAfter } = new x509.X509Certificate(readFileSync(cert, 'utf8'))
    return { name, cert, key, ca: caPath, daysLeft: (notAfter.getTime() - clock.now()) / DAY_MS }
  }

  return {
    caPath,
    async ensure(name, kind, hosts = ['localhost', '127.0.0.1']) {
      if (!NAME.test(name))
        throw new WardwatchError(
          'usage',
          `"${name}" cannot be the name of a certificate: use letters, digits, ".", "_" and "-"`,
        )
      const known = describe(name)
      if (known && known.daysLeft > 30) return known
      const { keys, pem: keyPem } = await newKeys()
      const now = clock.now()
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serial(),
        subject: `CN=${name}`,
        issuer: ca.subject,
        publicKey: keys.publicKey,
        signingKey: caKey,
        signingAlgorithm: ALGORITHM,
        notBefore: new Date(now - DAY_MS),
        notAfter: new Date(now + LEAF_DAYS * DAY_MS),
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([
            kind === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth,
          ]),
          ...(kind === 'server'
            ? [
                new x509.SubjectAlternativeNameExtension(
                  hosts.map((host) => ({
                    type: /^[\d.]+$|:/.test(host) ? ('ip' as const) : ('dns' as const),
                    value: host,
                  })),
                ),
              ]
            : []),
        ],
      })
      keepSecret(join(dir, 'issued', `${name}.key`), keyPem)
      writeFileSync(join(dir, 'issued', `${name}.pem`), certificate.toString('pem'))
      return describe(name) as Issued
    },
    list() {
      return readdirSync(join(dir, 'issued'))
        .filter((f) => f.endsWith('.pem'))
        .map((f) => {
          const certificate = new x509.X509Certificate(readFileSync(join(dir, 'issued', f), 'utf8'))
          return { name: f.slice(0, -4), serial: certificate.serialNumber, notAfter: certificate.notAfter.getTime() }
        })
    },
  }
}
