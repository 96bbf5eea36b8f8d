/** The front door of the MQTT driver. */
import type { Device } from '#model/context/kinds.ts'
import type { DriverHost } from '../contract.ts'
import { MqttDriver } from './driver.ts'
import type { ExternalBroker } from './ingest-client.ts'

export { type Decoded, MqttDecoder, type QuarantineItem, type Speaker } from './decoder.ts'
export { MqttDriver, type MqttMessage, type MqttSession } from './driver.ts'
export type { ExternalBroker } from './ingest-client.ts'
export { MQTT_MODEL_SCHEMA } from './model-schema.ts'
export { type Provisioned, provisionMqtt } from './provision.ts'

/**
 * @param external the broker of `broker.url`; null = the embedded broker hands over (`ingest`, `session`).
 * @param own the edge itself as a device: understood, but no device of the facility.
 */
export function createMqttDriver(
  host: DriverHost,
  external: ExternalBroker | null = null,
  own: readonly Device[] = [],
): MqttDriver {
  return new MqttDriver(host, external, own)
}
