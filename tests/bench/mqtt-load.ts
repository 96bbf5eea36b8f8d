/**
 * The load of the edge benchmark, a process of its own: one connection per band and per gateway, QoS 1 at a fixed rate
 * whatever the answers (open loop), calls for help of distinct tags spread over the time. It knows no code of the product.
 * Argument: the plan as JSON. Prints `warm`, then `measured` with its figures, one JSON line each.
 */
import { connect, type Socket } from 'node:net'
import { placeOf } from './edge-site.ts'
import { monotonicMs, percentile, round } from './figures.ts'

export interface LoadPlan {
  port: number
  facility: string
  bands: string[]
  tags: { gateway: string; tag: string }[]
  /** Messages a second of all bands together. */
  ratePerS: number
  readingsPerMessage: number
  warmS: number
  measureS: number
}

export interface LoadResult {
  sent: number
  acknowledged: number
  readings: number
  /** While measured, messages a second. */
  sentPerS: number
  ackP50Ms: number
  ackP99Ms: number
  /** The longest time by which the generator itself was behind its plan. */
  behindMs: number
  cpuUsPerMessage: number
  /** Tag and moment of sending (monotonic), of the calls within the measured time and of those before. */
  calls: [tag: string, sentMs: number, measured: boolean][]
}

const plan = JSON.parse(process.argv[2]!) as LoadPlan
/** What one connection may have unanswered: a broken edge must not fill the generator's memory. */
const MAX_UNANSWERED = 5_000

class Client {
  readonly #socket: Socket
  readonly #sentAt = new Float64Array(65_536)
  #rest: Buffer | null = null
  #next = 1
  unanswered = 0
  acknowledged = 0
  refused = 0
  delays: number[] = []
  measuring = false
  ready: Promise<void>

  constructor(id: string) {
    this.#socket = connect({ port: plan.port, host: '127.0.0.1', noDelay: true })
    this.ready = new Promise((resolve, reject) => {
      this.#socket.once('error', reject)
      this.#socket.once('close', () => reject(new Error(`${id} was disconnected`)))
      this.#socket.on('data', (chunk) => this.#read(chunk, resolve))
    })
    this.ready.catch(() => {})
    const name = Buffer.from(id)
    const body = Buffer.concat([
      Buffer.from([0, 4]),
      Buffer.from('MQTT'),
      Buffer.from([4, 2, 0, 60]),
      Buffer.from([name.length >> 8, name.length & 255]),
      name,
    ])
    this.#socket.write(Buffer.concat([Buffer.from([0x10, body.length]), body]))
  }

  #read(chunk: Buffer, connected: () => void): void {
    const data = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk
    let i = 0
    const now = monotonicMs()
    // CONNACK and PUBACK are four bytes each, and nothing else comes to a publisher.
    for (; i + 4 <= data.length; i += 4) {
      if (data[i] === 0x20) {
        if (data[i + 3] !== 0) throw new Error(`refused with code ${data[i + 3]}`)
        connected()
      } else if (data[i] === 0x40) {
        const at = this.#sentAt[data.readUInt16BE(i + 2)]!
        this.unanswered--
        this.acknowledged++
        if (this.measuring) this.delays.push(now - at)
      } else throw new Error(`an unexpected packet ${data[i]} came`)
    }
    this.#rest = i < data.length ? data.subarray(i) : null
  }

  publish(topic: string, payload: string, now: number): boolean {
    if (this.unanswered >= MAX_UNANSWERED) return false
    const id = this.#next
    this.#next = id === 65_535 ? 1 : id + 1
    const length = 2 + topic.length + 2 + payload.length
    const long = length > 16_383 ? 3 : length > 127 ? 2 : 1
    const packet = Buffer.allocUnsafe(1 + long + length)
    let at = 0
    packet[at++] = 0x32
    for (let left = length; ; ) {
      const digit = left % 128
      left = Math.floor(left / 128)
      packet[at++] = left > 0 ? digit | 0x80 : digit
      if (left === 0) break
    }
    at = packet.writeUInt16BE(topic.length, at)
    at += packet.write(topic, at, 'latin1')
    at = packet.writeUInt16BE(id, at)
    packet.write(payload, at, 'latin1')
    this.#sentAt[id] = now
    this.unanswered++
    this.#socket.write(packet)
    return true
  }

  end(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.end(Buffer.from([0xe0, 0]))
  }
}

const topicOf = (device: string, type: string) => `ww/v1/${plan.facility}/dev/${device}/${type}`

/** Readings of a wearer who sits or walks about in the own cell: vital signs and positions in turn. */
function payloadOf(band: number, tick: number, epochMs: number): string {
  const one = (time: number, n: number): string => {
    if (tick % 2 === 0)
      return `{"time":${time},"hr":${66 + ((n * 3 + band) % 14)},"spo2":${96 + (n % 3)},"skin_celsius":33.${n % 10},"resp":${13 + (n % 4)},"activity":0.${3 + (n % 4)},"posture":"sitting","confidence":0.9${n % 10}}`
    const { x_m, y_m } = placeOf(band, n)
    return `{"time":${time},"x_m":${x_m},"y_m":${y_m},"floor":1,"accuracy_m":1.${n % 10}}`
  }
  const k = plan.readingsPerMessage
  if (k === 1) return one(epochMs, tick)
  // The newest is of now; the others lie evenly since the message before.
  const stepMs = Math.max(1, Math.floor((1000 * plan.bands.length) / plan.ratePerS / k))
  return `[${Array.from({ length: k }, (_, i) => one(epochMs - (k - 1 - i) * stepMs, tick * k + i)).join(',')}]`
}

const clients = plan.bands.map((id) => new Client(id))
const gateways = new Map([...new Set(plan.tags.map((t) => t.gateway))].map((id) => [id, new Client(id)]))
const all = [...clients, ...gateways.values()]
await Promise.all(all.map((client) => client.ready))
const topics = plan.bands.map((id) => [topicOf(id, 'band.vitals'), topicOf(id, 'band.position')] as const)

const result = { sent: 0, skipped: 0, behindMs: 0 }
const calls: LoadResult['calls'] = []
const totalS = plan.warmS + plan.measureS
const start = monotonicMs()
let measuring = false
let measuredFrom = { sent: 0, ms: 0, cpu: process.cpuUsage() }
let next = 0
let nextCall = 0

function step(): void {
  const now = monotonicMs()
  const elapsed = (now - start) / 1000
  if (!measuring && elapsed >= plan.warmS) {
    measuring = true
    measuredFrom = { sent: result.sent, ms: now, cpu: process.cpuUsage() }
    for (const client of all) client.measuring = true
    process.stdout.write('{"event":"warm"}\n')
  }
  if (elapsed >= totalS) return void finish(now)
  const due = Math.floor(elapsed * plan.ratePerS)
  if (measuring && next < due) result.behindMs = Math.max(result.behindMs, ((due - next) * 1000) / plan.ratePerS)
  const epochMs = Date.now()
  for (; next < due; next++) {
    const band = next % clients.length
    const tick = Math.floor(next / clients.length)
    if (clients[band]!.publish(topics[band]![tick % 2]!, payloadOf(band, tick, epochMs), monotonicMs())) result.sent++
    else result.skipped++
  }
  // The last second has no call, so that the alert of each can still be seen under load.
  const callsDue = Math.floor((elapsed / (totalS - 1)) * plan.tags.length)
  for (; nextCall < Math.min(callsDue, plan.tags.length); nextCall++) {
    const { gateway, tag } = plan.tags[nextCall]!
    const at = monotonicMs()
    gateways.get(gateway)!.publish(topicOf(tag, 'tag.sos'), `{"time":${Date.now()}}`, at)
    result.sent++
    calls.push([tag, at, measuring])
  }
  setTimeout(step, 1)
}

async function finish(now: number): Promise<void> {
  const cpu = process.cpuUsage(measuredFrom.cpu)
  const messages = result.sent - measuredFrom.sent
  const perS = messages / ((now - measuredFrom.ms) / 1000)
  process.stdout.write('{"event":"sent"}\n')
  const patience = monotonicMs() + 20_000
  while (all.some((client) => client.unanswered > 0) && monotonicMs() < patience)
    await new Promise((resolve) => setTimeout(resolve, 20))
  const delays = all.flatMap((client) => client.delays)
  const figures: LoadResult = {
    sent: result.sent,
    acknowledged: all.reduce((sum, client) => sum + client.acknowledged, 0),
    readings: (result.sent - calls.length) * plan.readingsPerMessage + calls.length,
    sentPerS: Math.round(perS),
    ackP50Ms: round(percentile(delays, 0.5)),
    ackP99Ms: round(percentile(delays, 0.99)),
    behindMs: round(result.behindMs),
    cpuUsPerMessage: round((cpu.user + cpu.system) / Math.max(1, messages)),
    calls,
  }
  process.stdout.write(`${JSON.stringify({ event: 'measured', skipped: result.skipped, ...figures })}\n`, () => {
    for (const client of all) client.end()
    setTimeout(() => process.exit(0), 100)
  })
}

step()
