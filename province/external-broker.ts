/**
 * Receives from an MQTT broker of somebody else, as its client. That broker must check which facility publishes where;
 * the topic, the source and the alert must still name the same facility. A PUBACK goes out only after the commit.
 */
import mqtt, { type MqttClient } from 'mqtt'
import { TOPIC_ROOT, UPLINK_KINDS } from '#model/topics.ts'
import type { ProvinceConfig } from './config.ts'
import type { Intake } from './intake.ts'
import type { Log } from './log.ts'
import type { Receiver } from './receiver.ts'

interface Packet {
  cmd: string
  messageId?: number
}

/**
 * mqtt.js acknowledges by itself and its own hook is serial (one message per commit). So the outgoing PUBACK is held back
 * until its message is stored. `_sendPacket` is private: the version is pinned and a test watches over it.
 */
function holdAcknowledgements(client: MqttClient, stored: Map<number, Promise<unknown>>): void {
  const inner = client as unknown as { _sendPacket(packet: Packet, done?: () => void, ...rest: unknown[]): unknown }
  const send = inner._sendPacket.bind(client)
  inner._sendPacket = (packet, done, ...rest) => {
    const waiting = packet.cmd === 'puback' ? stored.get(packet.messageId ?? -1) : undefined
    if (!waiting) return send(packet, done, ...rest)
    const { stream } = client
    done?.()
    return waiting.then(
      () => {
        stored.delete(packet.messageId!)
        // An acknowledgement belongs to the connection of its message; on another one the number means something else.
        if (client.stream === stream && client.connected) send(packet)
      },
      () => {
        stored.delete(packet.messageId!)
        stream.destroy()
      },
    )
  }
}

export async function openExternalBroker(options: {
  config: NonNullable<ProvinceConfig['external']>
  province: string
  intake: Intake
  log: Log
}): Promise<Receiver> {
  const { config, intake, log } = options
  const stored = new Map<number, Promise<unknown>>()
  const refused: Record<string, number> = {}
  const client = mqtt.connect(config.url, {
    clientId: `wardwatch-province-${options.province}`,
    clean: false,
    protocolVersion: 4,
    reconnectPeriod: 2_000,
    connectTimeout: 10_000,
    ...(config.user ? { username: config.user } : {}),
    ...(config.password ? { password: config.password } : {}),
    ...(config.ca ? { ca: config.ca } : {}),
    ...(config.cert ? { cert: config.cert } : {}),
    ...(config.key ? { key: config.key } : {}),
  })
  holdAcknowledgements(client, stored)
  client.on('message', (topic, payload, packet) => {
    const done = intake.accept(topic, payload, null).then(
      (outcome) => {
        if (outcome === 'quarantined') refused.quarantined = (refused.quarantined ?? 0) + 1
      },
      (error: Error) => {
        log.warn({ err: error }, 'a message was not stored and is left to the broker')
        throw error
      },
    )
    // A QoS 0 message has nobody to wait for it.
    done.catch(() => {})
    const { messageId } = packet as Packet
    if (packet.qos > 0 && messageId !== undefined) stored.set(messageId, done)
  })
  client.on('connect', () => {
    stored.clear()
    client.subscribe(
      UPLINK_KINDS.map((kind) => `${TOPIC_ROOT}/+/up/${kind}`),
      { qos: 1 },
      (error) => {
        if (error) log.error({ err: error }, 'the broker refused the subscription to the uplink topics')
      },
    )
  })
  client.on('error', (error) => log.warn({ err: error }, 'the broker of the province cannot be reached'))
  return {
    ports: { tcp: null, tls: null },
    stats: () => ({ connected: client.connected ? 1 : 0, refused: { ...refused } }),
    // Who has asked for acts, and who has taken one, is known to the other broker alone: the province only watches there.
    sendAct: () => undefined,
    close: () => client.endAsync(true),
  }
}
