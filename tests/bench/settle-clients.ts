/**
 * The devices of the settling benchmark, a process of its own: one MQTT connection each at QoS 1. Each says something at
 * its own pace whether it is connected or not, keeps what is not acknowledged, connects again at once and sends it again.
 * Knows no code of the product. Argument: the plan as JSON. Prints its state as one JSON line whenever it is asked (a line
 * on its standard input).
 */
import { readFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { connect as connectTls, createSecureContext } from 'node:tls'
import mqttPacket from 'mqtt-packet'

export interface SettlePlan {
  port: number
  facility: string
  devices: string[]
  /** One reading of each device so often, s. */
  everyS: number
  /** Readings that a device keeps for an edge that is away. */
  keeps: number
  /** PEM file of the authority: TLS. */
  ca: string | null
}

export interface SettleState {
  connected: number
  /** Readings that no PUBACK has answered. */
  unanswered: number
  /** Age of the oldest of them, ms. */
  oldestMs: number
  said: number
  acknowledged: number
  connects: number
}

const plan = JSON.parse(process.argv[2]!) as SettlePlan
const context = plan.ca === null ? null : createSecureContext({ ca: readFileSync(plan.ca) })
const state: SettleState = { connected: 0, unanswered: 0, oldestMs: 0, said: 0, acknowledged: 0, connects: 0 }

class Device {
  readonly #id: string
  #socket: Socket | null = null
  #connected = false
  #next = 1
  #tries = 0
  readonly waiting = new Map<number, { payload: string; at: number }>()

  constructor(id: string, index: number) {
    this.#id = id
    this.#connect()
    const pace = plan.everyS * 1000
    setTimeout(
      () => {
        this.#say()
        setInterval(() => this.#say(), pace)
      },
      (index / plan.devices.length) * pace,
    )
  }

  #connect(): void {
    state.connects++
    const socket =
      context === null
        ? connectTcp({ port: plan.port, host: '127.0.0.1', noDelay: true })
        : connectTls({ port: plan.port, host: '127.0.0.1', secureContext: context, servername: 'localhost' })
    this.#socket = socket
    const parser = mqttPacket.parser()
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connack' && packet.returnCode === 0) {
        this.#connected = true
        this.#tries = 0
        state.connected++
        for (const number of this.waiting.keys()) this.#send(number)
      } else if (packet.cmd === 'puback' && this.waiting.delete(packet.messageId!)) state.acknowledged++
    })
    parser.on('error', () => socket.destroy())
    socket.on('data', (chunk) => parser.parse(chunk))
    socket.once(context === null ? 'connect' : 'secureConnect', () =>
      socket.write(
        mqttPacket.generate({
          cmd: 'connect',
          clientId: this.#id,
          clean: true,
          keepalive: 60,
          protocolId: 'MQTT',
          protocolVersion: 4,
          username: this.#id,
        }),
      ),
    )
    socket.on('error', () => {})
    socket.once('close', () => {
      if (this.#connected) state.connected--
      this.#connected = false
      // As gateways do after a power cut: again at once, then more and more slowly, never all in one instant.
      const wait = Math.min(3000, 200 * 2 ** this.#tries++) * (0.5 + Math.random())
      setTimeout(() => this.#connect(), wait)
    })
  }

  #say(): void {
    state.said++
    const number = this.#next
    this.#next = number === 65_535 ? 1 : number + 1
    // A device with little memory gives up its oldest.
    if (this.waiting.size >= plan.keeps) this.waiting.delete(this.waiting.keys().next().value as number)
    this.waiting.set(number, {
      payload: JSON.stringify({ time: Date.now(), percent: 50 + (number % 40) }),
      at: Date.now(),
    })
    if (this.#connected) this.#send(number)
  }

  #send(number: number): void {
    this.#socket?.write(
      mqttPacket.generate({
        cmd: 'publish',
        qos: 1,
        dup: false,
        retain: false,
        messageId: number,
        topic: `ww/v1/${plan.facility}/dev/${this.#id}/band.battery`,
        payload: this.waiting.get(number)!.payload,
      }),
    )
  }
}

const devices = plan.devices.map((id, i) => new Device(id, i))
createInterface({ input: process.stdin }).on('line', () => {
  const now = Date.now()
  state.unanswered = 0
  state.oldestMs = 0
  for (const { waiting } of devices) {
    state.unanswered += waiting.size
    for (const { at } of waiting.values()) state.oldestMs = Math.max(state.oldestMs, now - at)
  }
  process.stdout.write(`${JSON.stringify(state)}\n`)
})
process.stdin.on('end', () => process.exit(0))
