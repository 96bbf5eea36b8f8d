/**
 * The facility's own certificate authority: makes itself at first use, issues certificates for the broker, the console
 * and devices (CN = device id), renews and revokes them. A running edge sees what changes here (`parts/certificates.ts`).
 * Private keys never leave the folder and are readable by the service alone.
 */
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import type { Clock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import { CRL_FILE } from './parts/certificates.ts'

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
  /** A new certificate and key for a name that has one, of the same kind and for the same hosts. @throws WardwatchError */
  renew(name: string): Promise<Issued>
  /** From now on every certificate ever issued to this name is refused; the files of the last are set aside. @throws WardwatchError */
  revoke(name: string): Promise<Revoked>
  /** What was revoked, the list that TLS servers read: beside the certificate of the authority. */
  readonly crlPath: string
  revoked(): Revoked[]
  list(): { name: string; serial: string; notAfter: number }[]
}

export interface Revoked {
  name: string
  serial: string
  at: number
}

/** A certificate that was renewed: valid until its end, known so that it can be revoked. */
interface Superseded {
  name: string
  serial: string
  notAfter: number
}

/** Serial numbers of a revocation list, as `TLSSocket.getPeerCertificate` gives them. */
export function revokedSerials(crl: string | Buffer): Set<string> {
  const der = Buffer.from(crl.toString().replace(/-----[^-]+-----|\s/g, ''), 'base64')
  return new Set(new x509.X509Crl(der).entries.map((entry) => entry.serialNumber.toUpperCase()))
}

/** Laid beside and moved into place: a process that watches the file must never read half of it. */
function replace(path: string, text: string, mode = 0o644): void {
  writeFileSync(`${path}.new`, text, { mode, flush: true })
  chmodSync(`${path}.new`, mode)
  renameSync(`${path}.new`, path)
}

const keepSecret = (path: string, text: string): void => replace(path, text, 0o600)

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
    replace(caPath, ca.toString('pem'))
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

  const crlPath = join(dir, CRL_FILE)
  const revokedPath = join(dir, 'revoked.json')
  const revoked = (): Revoked[] =>
    existsSync(revokedPath) ? (JSON.parse(readFileSync(revokedPath, 'utf8')) as Revoked[]) : []

  // A renewed certificate lives on beside its successor until it ends, so whoever revokes the name means both.
  const supersededPath = join(dir, 'superseded.json')
  const superseded = (): Superseded[] =>
    existsSync(supersededPath) ? (JSON.parse(readFileSync(supersededPath, 'utf8')) as Superseded[]) : []
  const keepSuperseded = (all: Superseded[]): void => replace(supersededPath, `${JSON.stringify(all, null, 1)}\n`)

  async function writeRevoked(all: Revoked[]): Promise<void> {
    const crl = await x509.X509CrlGenerator.create({
      issuer: ca.subject,
      thisUpdate: new Date(clock.now() - DAY_MS),
      // A list that ends would shut out every device on that day; a new one is made at each revocation.
      nextUpdate: ca.notAfter,
      signingAlgorithm: ALGORITHM,
      signingKey: caKey,
      entries: all.map(({ serial: serialNumber, at }) => ({ serialNumber, revocationDate: new Date(at) })),
    })
    replace(revokedPath, `${JSON.stringify(all, null, 1)}\n`)
    replace(crlPath, pem('X509 CRL', crl.rawData))
  }

  const known = (name: string): x509.X509Certificate => {
    if (!NAME.test(name) || !describe(name))
      throw new WardwatchError(
        'not-found',
        `there is no certificate "${name}" in ${join(dir, 'issued')}; "wardwatch pki list" shows those there are`,
      )
    return new x509.X509Certificate(readFileSync(join(dir, 'issued', `${name}.pem`), 'utf8'))
  }

  async function issue(name: string, kind: 'server' | 'client', hosts: string[]): Promise<Issued> {
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
    const path = join(dir, 'issued', `${name}.pem`)
    if (existsSync(path)) {
      const { serialNumber, notAfter } = new x509.X509Certificate(readFileSync(path, 'utf8'))
      const living = superseded().filter((old) => old.notAfter > now)
      keepSuperseded([...living, { name, serial: serialNumber, notAfter: notAfter.getTime() }])
    }
    keepSecret(join(dir, 'issued', `${name}.key`), keyPem)
    replace(path, certificate.toString('pem'))
    return describe(name) as Issued
  }

  return {
    caPath,
    crlPath,
    revoked,
    async ensure(name, kind, hosts = ['localhost', '127.0.0.1']) {
      if (!NAME.test(name))
        throw new WardwatchError(
          'usage',
          `"${name}" cannot be the name of a certificate: use letters, digits, ".", "_" and "-"`,
        )
      const there = describe(name)
      return there && there.daysLeft > 30 ? there : issue(name, kind, hosts)
    },
    async renew(name) {
      const before = known(name)
      const usages = before.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? []
      const names = before.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? []
      const kind = usages.includes(x509.ExtendedKeyUsage.serverAuth) ? 'server' : 'client'
      return issue(
        name,
        kind,
        names.map(({ value }) => value),
      )
    },
    async revoke(name) {
      const entry: Revoked = { name, serial: known(name).serialNumber, at: clock.now() }
      const before = superseded().filter((old) => old.name === name)
      const entries = [...before.map((old) => ({ name, serial: old.serial, at: entry.at })), entry]
      const serials = new Set(entries.map((one) => one.serial))
      await writeRevoked([...revoked().filter((one) => !serials.has(one.serial)), ...entries])
      if (before.length > 0) keepSuperseded(superseded().filter((old) => old.name !== name))
      mkdirSync(join(dir, 'revoked'), { recursive: true, mode: 0o700 })
      for (const end of ['pem', 'key'])
        renameSync(join(dir, 'issued', `${name}.${end}`), join(dir, 'revoked', `${name}-${entry.serial}.${end}`))
      return entry
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
