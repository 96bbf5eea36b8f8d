/**
 * Certificates of a running edge: the files that the site file names are looked at every second, and what was renewed or
 * revoked comes into force without a restart. Must never take over files that do not belong together: those before stay.
 */
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { Clock, Timer } from '#model/clock.ts'
import type { Log } from '../log.ts'

const LOOK_MS = 1000
/** What an authority has revoked, beside its certificate. */
export const CRL_FILE = 'crl.pem'

/** Names of files. */
export interface CertificateFiles {
  cert?: string
  key?: string
  ca?: string
}

export interface Certificates {
  cert: Buffer
  key: Buffer
  ca?: Buffer
  crl?: Buffer
}

/** Null where the site file names no certificate. The list of what was revoked lies beside the authority's certificate. */
export function readCertificates(files: CertificateFiles): Certificates | null {
  if (!files.cert || !files.key) return null
  const crl = files.ca === undefined ? null : crlBeside(files.ca)
  return {
    cert: readFileSync(files.cert),
    key: readFileSync(files.key),
    ...(files.ca === undefined ? {} : { ca: readFileSync(files.ca) }),
    ...(crl === null ? {} : { crl }),
  }
}

function crlBeside(ca: string): Buffer | null {
  try {
    return readFileSync(join(dirname(ca), CRL_FILE))
  } catch {
    // Nothing was revoked yet.
    return null
  }
}

export interface Watched {
  name: string
  files: CertificateFiles
  apply(certificates: Certificates, revoked: ReadonlySet<string>): void
}

/** @returns how to end it. */
export function watchCertificates(watched: readonly Watched[], clock: Clock, log: Log): () => void {
  const seen = new Map(watched.map(({ name, files }) => [name, stampOf(files)]))
  let timer: Timer
  let ended = false
  const take = async ({ name, files, apply }: Watched): Promise<void> => {
    const stamp = stampOf(files)
    if (stamp === seen.get(name)) return
    seen.set(name, stamp)
    try {
      const certificates = readCertificates(files)
      if (!certificates) return
      // A certificate whose key is still to come is refused here, not at the next connection.
      createSecureContext(certificates)
      // Loaded only when there is something to read: an edge that runs has no other use for it.
      const revoked = certificates.crl
        ? (await import('../pki.ts')).revokedSerials(certificates.crl)
        : new Set<string>()
      if (ended) return
      apply(certificates, revoked)
      log.info('certificates.renewed', { what: name, cert: files.cert })
    } catch (error) {
      log.warn('certificates.not-taken', { what: name, cert: files.cert, error: (error as Error).message })
    }
  }
  const later = (): void => {
    timer = clock.after(LOOK_MS, () => void Promise.all(watched.map(take)).finally(() => !ended && later()))
  }
  later()
  return () => {
    ended = true
    timer.cancel()
  }
}

function stampOf({ cert, key, ca }: CertificateFiles): string {
  return [cert, key, ca, ca === undefined ? undefined : join(dirname(ca), CRL_FILE)]
    .map((file) => {
      const found = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false })
      return found ? `${found.mtimeMs}/${found.size}/${found.ino}` : '-'
    })
    .join(' ')
}
