/** Who is this? One decision from certificate, user name and password, with the sentence for whoever is refused. */
import type { PeerCertificate } from './client-session.ts'
import { type ClientIdentity, type Directory, passwordFits } from './identities.ts'
import { printable } from './rejections.ts'

export interface Claim {
  certificate: PeerCertificate
  user: string | undefined
  password: Uint8Array | undefined
  /** The client id as the client gave it; a name only where `anonymous` allows it. */
  clientName: string
  remote: string
  anonymous: boolean
}

export type Verdict =
  | { identity: ClientIdentity }
  | { name: string; cause: 'unknown-device' | 'bad-credential'; detail: string }

export function admit(directory: Directory, claim: Claim): Verdict {
  const { certificate, user, password, remote, anonymous } = claim
  if (certificate.kind === 'untrusted')
    return {
      name: user ?? remote,
      cause: 'bad-credential',
      detail: `the client certificate is not accepted: ${certificate.why}; issue it again with "wardwatch pki"`,
    }
  if (certificate.kind === 'valid') {
    const identity = directory.byCertificate(certificate.name)
    if (!identity)
      return {
        name: certificate.name,
        cause: 'unknown-device',
        detail: `the certificate names "${printable(certificate.name)}", which is no device of the site file`,
      }
    if (user !== undefined && user !== identity.id && user !== certificate.name)
      return {
        name: user,
        cause: 'bad-credential',
        detail: `user name "${printable(user)}" does not fit the certificate of ${identity.id}`,
      }
    return { identity }
  }
  // Without a user name only the client id can say who it is, and only where that is allowed.
  const name = user ?? (anonymous ? claim.clientName : undefined)
  if (name === undefined || name === '')
    return {
      name: remote,
      cause: 'bad-credential',
      detail: 'no user name was given: a device connects with its id as user name',
    }
  const identity = directory.byName(name)
  if (!identity)
    return {
      name,
      cause: 'unknown-device',
      detail: `"${printable(name)}" is no MQTT device and no subscriber of the site file; "wardwatch provision mqtt" adds one`,
    }
  const expected = identity.kind === 'device' ? identity.device.password : identity.subscriber.password
  if (expected === null)
    return anonymous
      ? { identity }
      : {
          name,
          cause: 'bad-credential',
          detail: `device ${name} has no password in the site file: provision it, or use its certificate`,
        }
  return passwordFits(expected, password)
    ? { identity }
    : { name, cause: 'bad-credential', detail: `the password of ${name} is wrong` }
}

export interface ConnectFacts {
  clientId: string
  clean?: boolean
  username?: string
  protocolVersion?: number
}

/**
 * What can be said of a CONNECT before its credentials are looked at. Client ids are free, so two devices may choose the
 * same one: each identity gets its own name space, or one could throw the other out. Who connects without a name
 * (anonymous) is known by its client id alone.
 */
export function screenConnect(
  directory: Directory,
  packet: ConnectFacts,
  certificate: PeerCertificate,
): 'mqtt-5' | 'no-client-id' | { clientId: string } {
  if (packet.protocolVersion === 5) return 'mqtt-5'
  if (packet.clientId === '') return packet.clean ? { clientId: '' } : 'no-client-id'
  const owner = certificate.kind === 'valid' ? directory.byCertificate(certificate.name)?.id : packet.username
  return { clientId: `${owner ?? packet.clientId}/${packet.clientId}` }
}
