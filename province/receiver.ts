/**
 * The province's own MQTT broker: facilities publish below ww/v1/{facility}/up/ and may ask for the acts of the province on
 * their alerts, nothing else. A PUBACK goes out only after the message is in the store. It never publishes anything to a
 * facility that has not asked: one may block all inbound traffic.
 */
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { Aedes, type Client } from 'aedes'
import { passwordFits } from '#broker/identities.ts'
import { Listeners } from '#broker/listeners.ts'
import { guardConnection, TokenBucket } from '#broker/packet-guard.ts'
import type { Clock } from '#model/clock.ts'
import { topics } from '#model/topics.ts'
import { type DownAct, readDownAct } from '#model/uplink.ts'
import type { FacilityCredential, ProvinceConfig } from './config.ts'
import type { Intake } from './intake.ts'
import type { Log } from './log.ts'

export interface ReceiverStats {
  connected: number
  /** Connections and messages turned away, by cause. */
  refused: Record<string, number>
}

export interface Receiver {
  ports: { tcp: number | null; tls: number | null }
  stats(): ReceiverStats
  /** Sends to a facility that is connected and has asked for it; nothing happens otherwise. */
  sendAct(facility: string, act: DownAct): void
  close(): Promise<void>
}

const MAX_PACKET_BYTES = 256 * 1024
const MAX_CONNECTIONS = 500
/** Far above a facility in storm (10 alerts/s), and enough to bring a day's backlog in minutes. */
const RATE_PER_S = 2_000
const BURST = 5_000

type FacilityClient = Client & { facility?: string }

const BAD_CREDENTIAL = 4
const NOT_AUTHORISED = 5
const ID_REJECTED = 2

function denied(returnCode: number, message: string): Error & { returnCode: never } {
  return Object.assign(new Error(message), { returnCode: returnCode as never })
}

/** The facility that a client has proved to be, or null. A certificate of the authority goes before a password. */
function identify(
  facilities: FacilityCredential[],
  conn: Duplex,
  user: string | undefined,
  password: Buffer | undefined,
): string | null {
  const tls = conn as TLSSocket
  if (tls.authorized === true) {
    const { CN } = tls.getPeerCertificate()?.subject ?? {}
    const byCertificate = facilities.find((f) => f.certificate !== null && f.certificate === CN)
    if (byCertificate) return byCertificate.id
  }
  const named = facilities.find((f) => f.user === user)
  return named?.password && passwordFits(named.password, password) ? named.id : null
}

export async function openReceiver(options: {
  config: NonNullable<ProvinceConfig['broker']>
  intake: Intake
  clock: Clock
  log: Log
  /** A facility has asked for acts: it is connected and takes them now. */
  onAsks?(facility: string): void
  /** The facility has acknowledged an act: it stands in its own journal. */
  onTaken?(facility: string, id: string): void
}): Promise<Receiver> {
  const { config, intake, clock, log } = options
  const refused: Record<string, number> = {}
  const refuse = (cause: string): void => {
    refused[cause] = (refused[cause] ?? 0) + 1
  }

  const broker = await Aedes.createBroker({ concurrency: 500, drainTimeout: 5_000, connectTimeout: 10_000 })
  broker.authenticate = (client, user, password, done) => {
    const facility = identify(config.facilities, client.conn as unknown as Duplex, user, password)
    if (facility === null) {
      refuse('bad-credential')
      log.warn({ user: user?.slice(0, 64) }, 'a client with a wrong name, password or certificate was refused')
      return done(denied(BAD_CREDENTIAL, 'bad credential'), false)
    }
    // aedes ends the older of two clients with one id: a facility must not be able to end another's connection.
    const holder = (broker as unknown as { clients: Record<string, FacilityClient> }).clients[client.id]
    if (holder?.facility && holder.facility !== facility) {
      refuse('client-id-taken')
      return done(denied(ID_REJECTED, 'client id taken'), false)
    }
    ;(client as FacilityClient).facility = facility
    done(null, true)
  }
  broker.authorizeSubscribe = (client, subscription, done) => {
    const facility = (client as FacilityClient | null)?.facility
    if (facility && subscription.topic === topics.downActs(facility)) return done(null, subscription)
    refuse('subscribe')
    done(null, null)
  }
  broker.on('subscribe', (subscriptions, client) => {
    const facility = (client as FacilityClient | null)?.facility
    if (facility && subscriptions.some((s) => s.topic === topics.downActs(facility))) options.onAsks?.(facility)
  })
  broker.on('ack', (packet, client) => {
    const facility = (client as FacilityClient | null)?.facility
    const { topic, payload } = (packet ?? {}) as { topic?: string; payload?: Buffer }
    if (!facility || topic !== topics.downActs(facility) || !payload) return
    const id = readDownAct(payload.toString())?.id
    if (id) options.onTaken?.(facility, id)
  })
  broker.authorizePublish = (client, packet, done) => {
    const facility = (client as FacilityClient | null)?.facility
    if (!facility) return done(denied(NOT_AUTHORISED, 'not authorised'))
    packet.retain = false
    intake.accept(packet.topic, packet.payload as Buffer, facility).then(
      (outcome) => {
        if (outcome === 'quarantined') refuse('quarantined')
        done(null)
      },
      // No PUBACK: the connection ends and the facility sends the message again.
      (error: Error) => done(error),
    )
  }
  broker.on('clientError', (_client, error) => log.debug({ err: error }, 'a connection ended with an error'))
  broker.on('connectionError', (_client, error) => log.debug({ err: error }, 'a connection was refused'))

  const listeners = await Listeners.open({
    host: config.host,
    tcp: config.tcp,
    tls: config.tls
      ? {
          port: config.tls.port,
          cert: config.tls.cert,
          key: config.tls.key,
          ...(config.tls.ca ? { ca: config.tls.ca, clientCertificates: 'optional' as const } : {}),
        }
      : null,
    ws: null,
    maxConnections: MAX_CONNECTIONS,
    maxPacketBytes: MAX_PACKET_BYTES,
    onConnection(conn) {
      const bucket = new TokenBucket(RATE_PER_S, BURST, clock.now())
      guardConnection(conn, {
        clock,
        maxPacketBytes: MAX_PACKET_BYTES,
        maxDelayMs: 2_000,
        maxThrottledMs: 3_600_000,
        bucket: () => bucket,
        full: () => false,
        onOversize: () => refuse('oversize'),
        onThrottle: () => refuse('throttled'),
        onOverrun: () => refuse('rate'),
      })
      broker.handle(conn)
    },
    onRefused: refuse,
  }).catch(async (error) => {
    await new Promise<void>((resolve) => broker.close(() => resolve()))
    throw error
  })

  return {
    ports: { tcp: listeners.ports.tcp, tls: listeners.ports.tls },
    stats: () => ({ connected: broker.connectedClients, refused: { ...refused } }),
    sendAct(facility, act) {
      const packet = { cmd: 'publish', topic: topics.downActs(facility), payload: JSON.stringify(act), qos: 1 } as const
      broker.publish({ ...packet, dup: false, retain: false }, (error) => {
        if (error) log.debug({ err: error, facility }, 'an act could not be sent; it is sent again')
      })
    },
    async close() {
      await listeners.close()
      await new Promise<void>((resolve) => broker.close(() => resolve()))
    },
  }
}
