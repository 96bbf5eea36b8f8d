/**
 * Opening one client session to one endpoint: security, certificates, user, and one clear sentence for every way it can
 * fail. It keeps no state and never retries; that is the link's work.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { OPCUACertificateManager } from 'node-opcua-certificate-manager'
import {
  AttributeIds,
  type ClientSession,
  MessageSecurityMode,
  OPCUAClient,
  SecurityPolicy,
  UserTokenType,
} from 'node-opcua-client'
import type { Clock } from '#model/clock.ts'
import type { Device } from '#model/context/kinds.ts'
import { WardwatchError } from '#model/errors.ts'
import { sha256Hex } from '#model/ids.ts'
import { silenceLibrary } from './quiet-console.ts'

export interface EndpointAddress {
  url: string
  policy: 'None' | 'Basic256Sha256' | 'Aes128_Sha256_RsaOaep' | 'Aes256_Sha256_RsaPss'
  mode: 'None' | 'Sign' | 'SignAndEncrypt'
  user: string | null
  password: string | null
  /** first-use: the server's first certificate is taken into the store; listed: only what is already there. */
  trust: 'first-use' | 'listed'
}

export interface OpenEndpoint {
  client: OPCUAClient
  session: ClientSession
}

/** Longest time for one request, ms. */
export const REQUEST_MS = 10_000

type Security = NonNullable<Device['security']> & { trust?: 'first-use' | 'listed' }

/** @throws WardwatchError `site-invalid` when the entry names no endpoint. */
export function endpointOf(device: Device): EndpointAddress {
  if (!device.url || !/^opc\.tcp:\/\/[^/\s]+/.test(device.url))
    throw new WardwatchError(
      'site-invalid',
      `device ${device.id}: "url" must be an OPC UA address such as opc.tcp://192.0.2.5:4840`,
    )
  return endpointAddress(device.url, device.security, device.user, device.password)
}

export function endpointAddress(url: string, security?: Security, user?: string, password?: string): EndpointAddress {
  const policy = security?.policy ?? 'None'
  const mode = policy === 'None' ? 'None' : (security?.mode ?? 'SignAndEncrypt')
  return {
    url,
    policy,
    mode: mode === 'None' && policy !== 'None' ? 'SignAndEncrypt' : mode,
    user: user ?? null,
    password: password ?? null,
    trust: security?.trust ?? 'listed',
  }
}

/** Devices with the same key share one session. */
export function endpointKey(address: EndpointAddress): string {
  const secret = address.password === null ? '' : sha256Hex(address.password)
  return [address.url, address.policy, address.mode, address.trust, address.user ?? '', secret].join('\0')
}

const managers = new Map<string, Promise<OPCUACertificateManager>>()

/** The certificate store in the driver's folder; one per folder and kind of trust, made once. */
function certificateStore(dataDir: string, trust: EndpointAddress['trust']): Promise<OPCUACertificateManager> {
  const rootFolder = storeFolder(dataDir)
  const key = `${rootFolder}\0${trust}`
  let found = managers.get(key)
  if (!found) {
    found = (async () => {
      mkdirSync(rootFolder, { recursive: true })
      const manager = new OPCUACertificateManager({
        rootFolder,
        automaticallyAcceptUnknownCertificate: trust === 'first-use',
        disableFileWatchers: true,
      })
      await manager.initialize()
      return manager
    })()
    managers.set(key, found)
    found.catch(() => managers.delete(key))
  }
  return found
}

export function storeFolder(dataDir: string): string {
  return join(dataDir, 'opcua-pki')
}

/**
 * Connects, opens a session and activates the user. Everything it began is undone when it fails.
 * @throws WardwatchError `device-unreachable`, `bad-credential` or `device-refused`, one sentence with the remedy.
 */
export async function openEndpoint(
  address: EndpointAddress,
  dataDir: string,
  clock: Clock,
  limitMs: number,
  onClient?: (client: OPCUAClient) => void,
): Promise<OpenEndpoint> {
  silenceLibrary()
  let client: OPCUAClient | null = null
  let cause: Error | null = null
  let cancel = () => {}
  try {
    const gaveUp = new Promise<never>((_, reject) => {
      const timer = clock.after(limitMs, () => reject(cause ?? new Error(`no answer within ${limitMs} ms`)))
      cancel = () => timer.cancel()
    })
    gaveUp.catch(() => {})
    const opened = (async () => {
      const store = await certificateStore(dataDir, address.trust)
      client = OPCUAClient.create({
        applicationName: 'wardwatch edge',
        clientName: 'wardwatch',
        clientCertificateManager: store,
        // Servers behind address translation announce names that the edge cannot resolve.
        endpointMustExist: false,
        securityMode: MessageSecurityMode[address.mode],
        securityPolicy: SecurityPolicy[address.policy],
        keepSessionAlive: true,
        requestedSessionTimeout: 60_000,
        transportTimeout: REQUEST_MS,
        defaultTransactionTimeout: REQUEST_MS,
        connectionStrategy: { maxRetry: -1, initialDelay: 500, maxDelay: 5000, randomisationFactor: 0.5 },
      })
      onClient?.(client)
      const begun = client
      const refused = new Promise<never>((_, reject) => {
        begun.on('connection_failed', (error: Error) => {
          cause = error
        })
        // The first failed attempt ends this opening: waiting longer each time is the link's own back-off.
        begun.on('backoff', () => reject(cause ?? new Error('connection refused')))
      })
      refused.catch(() => {})
      await Promise.race([begun.connect(address.url), refused])
      const session = await begun.createSession(
        address.user === null
          ? { type: UserTokenType.Anonymous }
          : { type: UserTokenType.UserName, userName: address.user, password: address.password ?? '' },
      )
      return { client: begun, session }
    })()
    opened.catch(() => {})
    const result = await Promise.race([opened, gaveUp])
    result.client.removeAllListeners('backoff')
    return result
  } catch (error) {
    if (client) await closeClient(client, clock)
    throw explainFailure(address, error as Error, dataDir)
  } finally {
    cancel()
  }
}

/** Ends a client within `limitMs`, whatever the server does. */
export async function closeClient(client: OPCUAClient, clock: Clock, limitMs = 1500): Promise<void> {
  const ended = client.disconnect().catch(() => {})
  await Promise.race([ended, new Promise<void>((resolve) => clock.after(limitMs, resolve))])
}

/** One sentence for what went wrong: what, where, what to do. */
export function explainFailure(address: EndpointAddress, error: Error, dataDir: string): WardwatchError {
  if (error instanceof WardwatchError) return error
  const { url } = address
  const text = `${error.message} ${(error as { code?: string }).code ?? ''}`
  if (/BadIdentityTokenRejected|BadUserAccessDenied|BadIdentityTokenInvalid/i.test(text))
    return new WardwatchError(
      'bad-credential',
      address.user === null
        ? `${url} does not let anonymous clients in; add "user" and "password" to the device in the site file`
        : `${url} refused user "${address.user}": user name or password is wrong; correct it in the site file`,
    )
  if (/userIdentityToken|user token|UserTokenPolicy|Cannot find.*token/i.test(text))
    return new WardwatchError(
      'bad-credential',
      address.user === null
        ? `${url} does not let anonymous clients in; add "user" and "password" to the device in the site file`
        : `${url} takes no user name and password; remove "user" from the device, or enable them on the server`,
    )
  if (/collect server's certificate|findEndpoint/.test(text) && /premature|BadSecurityPolicyRejected/.test(text))
    return new WardwatchError(
      'device-refused',
      `${url} closed the connection when asked for its endpoints; allow discovery without security on the server`,
    )
  if (/untrusted|Untrusted|certificate/i.test(text))
    return new WardwatchError(
      'device-refused',
      /rejected by (the )?server|server.*(reject|refus)|premature|BadSecurityChecksFailed/i.test(text) &&
        address.trust === 'first-use'
        ? `${url} does not trust the certificate of this edge; trust ${join(storeFolder(dataDir), 'own', 'certs')} on the server`
        : `the certificate of ${url} is not trusted; compare it, then move it from ${join(storeFolder(dataDir), 'rejected')} to ${join(storeFolder(dataDir), 'trusted', 'certs')}, or allow "security: { trust: first-use }" in the site file (${firstLine(error)})`,
    )
  if (
    /BadSecurityChecksFailed|BadSecurityPolicyRejected|BadSecurityModeRejected|end ?point (must exist|matching)|Cannot find an? end ?point/i.test(
      text,
    )
  )
    return new WardwatchError(
      'device-refused',
      `${url} offers no endpoint with policy ${address.policy} and mode ${address.mode}, or does not trust the certificate of this edge; correct "security" in the site file (${firstLine(error)})`,
    )
  return new WardwatchError(
    'device-unreachable',
    `${url} does not answer (${firstLine(error)}); check power, cable and address, it is retried for ever`,
  )
}

function firstLine(error: Error): string {
  return (error.message.split('\n').find((line) => line.trim() !== '') ?? 'no reason given').trim().slice(0, 160)
}

/**
 * Server clock minus edge clock, ms: the server's CurrentTime against the middle of the round trip; of three readings
 * the one with the shortest way counts. Null when the server does not tell its time.
 */
export async function measureOffset(session: ClientSession, clock: Clock): Promise<number | null> {
  let best: { trip: number; offset: number } | null = null
  for (let i = 0; i < 3; i++) {
    const before = clock.now()
    const answer = await session.read({ nodeId: 'i=2258', attributeId: AttributeIds.Value })
    const after = clock.now()
    const time: unknown = answer.value?.value
    if (!(time instanceof Date)) return null
    const trip = after - before
    if (!best || trip < best.trip) best = { trip, offset: Math.round(time.getTime() - (before + after) / 2) }
  }
  return best?.offset ?? null
}
