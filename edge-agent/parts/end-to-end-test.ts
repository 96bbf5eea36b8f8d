/**
 * S02: every five minutes the edge, as a device of its own, publishes over the real broker; the reading must come back
 * through driver, journal and rules and become a test alert that consoles are told. Its latency is the proof that an
 * alarm would arrive. Test alerts close themselves and count nowhere; a test that does not arrive is a real alert.
 */
import { randomBytes } from 'node:crypto'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import type { BrokerDevice } from '#broker/index.ts'
import type { Alert, AlertChange } from '#model/alert/alert.ts'
import type { Clock, Timer } from '#model/clock.ts'
import type { AlertDesk } from '#model/ports/alert-desk.ts'
import type { Journal } from '#model/ports/journal.ts'
import type { Log } from '../log.ts'
import { clearedAt, systemAlert } from './system-alerts.ts'

export const TEST_RULE = 'end-to-end-test'
export const TEST_TYPE = 'agent.test'

export interface EndToEndPart {
  facility: string
  /** Device id of the edge itself. */
  self: string
  clock: Clock
  log: Log
  journal: Pick<Journal, 'onCommit'>
  desk: Pick<AlertDesk, 'list' | 'onChange'> & {
    apply(change: AlertChange, origin: { source: 'eager' | 'ordered' }): Promise<AlertChange[]>
  }
  /** How far the rules have come in the journal: a reading that they have not seen raises nothing. */
  rulesAt(): number
  /** Where to publish; null = this site takes nothing over MQTT. */
  broker: { url: string; options: IClientOptions } | null
  everyMs?: number
  firstMs?: number
  /** A test that is not back by then is lost. */
  limitMs?: number
}

export interface EndToEndState {
  /** When the last test was sent, and when the last good one. */
  sentAt: number | null
  okAt: number | null
  /** From publishing to the consoles being told, of the last good one. */
  latencyMs: number | null
  /** Of the last day. */
  p50Ms: number | null
  p95Ms: number | null
  sent: number
  lost: number
  failing: boolean
}

export interface EndToEndTest {
  state(): EndToEndState | null
  /** Sends a test now. */
  run(): void
  close(): Promise<void>
}

const EVERY_MS = 5 * 60_000
const FIRST_MS = 10_000
const LIMIT_MS = 30_000
/** While it fails it is tried more often: the end of the trouble must be seen soon. */
const FAILING_EVERY_MS = 60_000
const KEPT = 288

/** The edge as a device of its own broker; its password lives as long as the process. */
export function ownIdentity(self: string): BrokerDevice & { password: string } {
  return { id: self, password: randomBytes(24).toString('base64url'), certificate: self, children: [] }
}

/** Address of the embedded broker from this machine: plain before WebSocket before TLS. */
export function ownAddress(
  ports: { tcp: number | null; ws: number | null; tls: number | null },
  host: string,
  identity: { id: string; password: string },
): { url: string; options: IClientOptions } | null {
  const to = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  const options: IClientOptions = { username: identity.id, password: identity.password }
  const authority = to.includes(':') ? `[${to}]` : to
  if (ports.tcp !== null) return { url: `mqtt://${authority}:${ports.tcp}`, options }
  if (ports.ws !== null) return { url: `ws://${authority}:${ports.ws}`, options }
  // Its certificate names the address that devices use, not this one; nothing but a random password is said here.
  if (ports.tls !== null)
    return { url: `mqtts://${authority}:${ports.tls}`, options: { ...options, rejectUnauthorized: false } }
  return null
}

export async function openEndToEndTest(part: EndToEndPart): Promise<EndToEndTest> {
  if (!part.broker) return { state: () => null, run() {}, close: async () => {} }
  const open = (await part.desk.list({ open: true, rule: [TEST_RULE] })).items
  // A test that was under way when the edge ended; its alert ends here.
  for (const alert of open.filter((a) => a.test))
    await part.desk.apply(clearedAt(alert, part.clock.now()), { source: 'ordered' })
  return new TestRun(part, part.broker, open.find((a) => !a.test) ?? null)
}

class TestRun implements EndToEndTest {
  readonly #part: EndToEndPart
  readonly #client: MqttClient
  readonly #leave: (() => void)[]
  #timer: Timer | null = null
  #limit: Timer | null = null
  #waiting: { n: number; sentAt: number; alert: string | null } | null = null
  #failure: Alert | null
  #n = 0
  #latencies: number[] = []
  #state = { sentAt: null as number | null, okAt: null as number | null, sent: 0, lost: 0 }
  #told = false
  #closed = false

  constructor(part: EndToEndPart, broker: NonNullable<EndToEndPart['broker']>, failure: Alert | null) {
    this.#part = part
    this.#failure = failure
    this.#client = mqtt.connect(broker.url, {
      protocolVersion: 4,
      clientId: `${part.self}/test`,
      clean: true,
      reconnectPeriod: 2_000,
      connectTimeout: 10_000,
      queueQoSZero: false,
      ...broker.options,
    })
    this.#client.on('connect', () => {
      this.#told = false
    })
    this.#client.on('error', (error) => {
      if (!this.#told) part.log.warn('end-to-end-test.no-broker', { reason: error.message })
      this.#told = true
    })
    this.#leave = [
      part.journal.onCommit((records) => {
        for (const { seq, body } of records)
          if (body.kind === 'reading' && body.reading.type === TEST_TYPE && body.reading.device === part.self)
            this.#arrived(Number(body.reading.value.n), seq)
      }),
      part.desk.onChange((change) => this.#published(change)),
    ]
    this.#later(part.firstMs ?? FIRST_MS)
  }

  state(): EndToEndState {
    const sorted = [...this.#latencies].sort((a, b) => a - b)
    const share = (p: number) => sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? null
    return {
      ...this.#state,
      latencyMs: this.#latencies.at(-1) ?? null,
      p50Ms: share(0.5),
      p95Ms: share(0.95),
      failing: this.#failure?.conditionActive === true,
    }
  }

  run(): void {
    if (this.#closed || this.#waiting) return
    const { clock, facility, self, limitMs } = this.#part
    const n = ++this.#n
    const sentAt = clock.now()
    this.#waiting = { n, sentAt, alert: null }
    this.#state.sentAt = sentAt
    this.#state.sent++
    this.#limit = clock.after(limitMs ?? LIMIT_MS, () => this.#lost())
    this.#client
      .publishAsync(`ww/v1/${facility}/dev/${self}/${TEST_TYPE}`, JSON.stringify({ time: sentAt, n }), { qos: 1 })
      // Without a connection it waits inside the client until the limit; then it is lost like any other.
      .catch(() => undefined)
  }

  #later(ms: number): void {
    this.#timer?.cancel()
    if (this.#closed) return
    this.#timer = this.#part.clock.after(ms, () => {
      this.run()
      this.#later(this.#failure ? FAILING_EVERY_MS : (this.#part.everyMs ?? EVERY_MS))
    })
  }

  /** In the journal, and the rules have read it. */
  #arrived(n: number, seq: number): void {
    const waiting = this.#waiting
    if (!waiting || waiting.n !== n || waiting.alert !== null) return
    if (this.#part.rulesAt() < seq) {
      // The rules follow the journal; as long as they do not, this is no proof.
      this.#part.clock.after(20, () => this.#arrived(n, seq))
      return
    }
    const at = this.#part.clock.now()
    const change = systemAlert({
      rule: TEST_RULE,
      code: 'S02',
      level: 'blue',
      domain: 'equipment',
      facility: this.#part.facility,
      at,
      since: waiting.sentAt,
      test: true,
      reason: { code: 'test', params: { n } },
      text: { zh: '端到端自检', en: 'End-to-end test' },
    })
    waiting.alert = change.alert.id
    void this.#say(change)
  }

  #published(change: AlertChange): void {
    const waiting = this.#waiting
    if (change.change !== 'raised' || !waiting || change.alert.id !== waiting.alert) return
    const at = this.#part.clock.now()
    this.#waiting = null
    this.#limit?.cancel()
    this.#latencies.push(at - waiting.sentAt)
    if (this.#latencies.length > KEPT) this.#latencies.shift()
    this.#state.okAt = at
    void this.#say(clearedAt(change, at))
    if (this.#failure) {
      void this.#say(clearedAt(this.#failure, at))
      this.#failure = null
    }
  }

  #lost(): void {
    const waiting = this.#waiting
    if (!waiting || this.#closed) return
    this.#waiting = null
    this.#state.lost++
    const { clock, facility, log } = this.#part
    log.error('end-to-end-test.lost', { n: waiting.n, sentAt: waiting.sentAt })
    if (waiting.alert === null && this.#failure === null) {
      const seconds = Math.round((clock.now() - waiting.sentAt) / 1000)
      const change = systemAlert({
        rule: TEST_RULE,
        code: 'S02',
        level: 'orange',
        domain: 'equipment',
        facility,
        at: clock.now(),
        since: waiting.sentAt,
        plan: 'RP14',
        reason: { code: 'test-lost', params: { seconds, lastOkAt: this.#state.okAt } },
        text: {
          zh: `端到端自检 ${seconds} 秒未返回：经消息代理的告警可能无法送达`,
          en: `The end-to-end test has not come back for ${seconds} s: alarms over the broker may not arrive`,
        },
      })
      this.#failure = change.alert
      void this.#say(change)
    }
    this.#later(FAILING_EVERY_MS)
  }

  #say(change: AlertChange): Promise<void> {
    return this.#part.desk.apply(change, { source: 'ordered' }).then(
      () => undefined,
      (error: Error) => this.#part.log.error('end-to-end-test.not-told', { error: error.message }),
    )
  }

  close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    this.#limit?.cancel()
    for (const leave of this.#leave) leave()
    return new Promise((resolve) => this.#client.end(true, {}, () => resolve()))
  }
}
