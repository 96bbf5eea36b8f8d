/** The embedded broker of a facility, by its site file: what it takes goes to the MQTT driver, what it refuses is told. */
import { type Broker, type BrokerDevice, brokerDevices, createBroker } from '#broker/index.ts'
import type { EdgeJournal } from '#ingest/journal/journal.ts'
import type { Clock } from '#model/clock.ts'
import type { Site } from '#model/site/load.ts'
import type { DriverSet } from '../drivers.ts'
import type { Intake } from '../intake.ts'
import type { Log } from '../log.ts'
import { readCertificates } from './certificates.ts'

export interface BrokerPart {
  site: Site
  clock: Clock
  log: Log
  dataDir: string
  drivers: DriverSet
  journal: EdgeJournal
  intake: Intake
  /** The edge as a device of its own broker. */
  own: BrokerDevice
  onDamage(damage: { file: string; reason: string }): void
}

export async function openBroker({
  site,
  clock,
  log,
  dataDir,
  drivers,
  journal,
  intake,
  own,
  onDamage,
}: BrokerPart): Promise<Broker> {
  const section = site.broker ?? {}
  const { limits = {} } = section
  const certificates = section.tls === undefined || section.tls === null ? null : readCertificates(section)
  const tls = certificates ? { port: section.tls as number, ...certificates } : null
  const broker = await createBroker({
    facility: site.facility.id,
    clock,
    dataDir,
    host: section.host ?? '127.0.0.1',
    tcp: section.tcp ?? null,
    tls,
    ws: section.ws ?? null,
    anonymous: section.anonymous ?? false,
    identities: { devices: [...brokerDevices(site.devices ?? []), own], subscribers: section.subscribers ?? [] },
    limits: {
      ...(limits['packet-kb'] ? { packetBytes: limits['packet-kb'] * 1024 } : {}),
      ...(limits.connections ? { connections: limits.connections } : {}),
      ...(limits.rate ? { rate: limits.rate } : {}),
      ...(limits.burst ? { burst: limits.burst } : {}),
    },
    mayPublish: (device, topic) => drivers.mqtt.mayPublish(device, topic),
    mayHear: (device, filter) => drivers.mqtt.mayHear(device, filter),
    onPublish: (batch) => drivers.mqtt.ingest(batch),
    onSession: (session) => drivers.mqtt.session(session),
    onRejected: ({ client, cause }) =>
      void journal.append([{ kind: 'reading', reading: intake.rejection(client, cause, clock.now()) }]).catch(() => {}),
    log,
    onDamage,
  })
  drivers.mqtt.speakBy((topic, payload) => void broker.publish(topic, payload).catch(() => {}))
  return broker
}
