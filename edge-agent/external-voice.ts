/**
 * What the edge says to local subscribers when a foreign broker takes the place of the embedded one: alerts and
 * readings on the topics of the contract. It must never hold up the journal, and never keep more than a bounded number
 * of messages while the broker is away: who was not there is told by the console, not by old messages.
 */
import { readFileSync } from 'node:fs'
import mqtt, { type MqttClient } from 'mqtt'
import type { Log } from './log.ts'

export interface ExternalVoiceOptions {
  url: string
  facility: string
  user?: string
  password?: string
  /** Files. */
  ca?: string
  cert?: string
  key?: string
  log: Log
}

/** The part of a broker that the edge speaks through. */
export interface Voice {
  wanted(topic: string): boolean
  publish(topic: string, payload: string, options: { qos: 0 | 1 }): Promise<void>
}

/** Messages that may wait for an acknowledgement. */
const MAX_WAITING = 1000

export class ExternalVoice implements Voice {
  readonly #client: MqttClient
  #waiting = 0
  published = 0
  /** Not said, because the broker was away or slow. */
  dropped = 0

  constructor(options: ExternalVoiceOptions) {
    const { log } = options
    this.#client = mqtt.connect(options.url, {
      protocolVersion: 4,
      clientId: `ww-edge-${options.facility}-voice`,
      clean: true,
      reconnectPeriod: 2000,
      connectTimeout: 10_000,
      queueQoSZero: false,
      ...(options.user ? { username: options.user } : {}),
      ...(options.password ? { password: options.password } : {}),
      ...(options.ca ? { ca: readFileSync(options.ca) } : {}),
      ...(options.cert ? { cert: readFileSync(options.cert) } : {}),
      ...(options.key ? { key: readFileSync(options.key) } : {}),
    })
    let told = false
    this.#client.on('connect', () => {
      told = false
    })
    // The driver tells of a lost broker; one line of our own is enough until it is back.
    this.#client.on('error', (error) => {
      if (!told) log.warn('voice.broker-away', { url: options.url, reason: error.message })
      told = true
    })
  }

  /** A foreign broker does not tell who listens: everything is said while it keeps up. */
  wanted(): boolean {
    if (this.#client.connected && this.#waiting < MAX_WAITING) return true
    this.dropped++
    return false
  }

  async publish(topic: string, payload: string, { qos }: { qos: 0 | 1 }): Promise<void> {
    // A reading was asked for by `wanted` before it was written as text; an alert may wait for the connection.
    if (this.#waiting >= MAX_WAITING) {
      this.dropped++
      return
    }
    this.#waiting++
    try {
      await this.#client.publishAsync(topic, payload, { qos })
      this.published++
    } finally {
      this.#waiting--
    }
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#client.end(true, {}, () => resolve())
    })
  }
}
