/**
 * The independent publisher of the fault runs, a process of its own that trusts nothing but its PUBACKs: readings with
 * running numbers at QoS 1, alerts among them, sent again until they are acknowledged. Writes every acknowledged number
 * to a file and one JSON line of counts when it is asked to end (end of its standard input).
 *
 * Argument: JSON of `PublisherPlan`.
 */
import { appendFileSync } from 'node:fs'
import mqtt, { type MqttClient } from 'mqtt'

export interface PublisherPlan {
  port: number
  facility: string
  sensors: string[]
  buttons: string[]
  ratePerS: number
  /** Pressed buttons per second. */
  pressesPerS: number
  file: string
  /** By how much the clock of a device is wrong, ms. */
  wrongMs?: Record<string, number>
}

export interface Published {
  event: 'published'
  published: number
  acknowledged: number
  pressed: number
  pressesAcknowledged: number
  sentAgain: number
  abandoned: number
}

/** Unanswered messages of one device: beyond this it waits, as a device with little memory does. */
const WINDOW = 50
const AGAIN_MS = 1500

const plan = JSON.parse(process.argv[2]!) as PublisherPlan
const counts: Published = {
  event: 'published',
  published: 0,
  acknowledged: 0,
  pressed: 0,
  pressesAcknowledged: 0,
  sentAgain: 0,
  abandoned: 0,
}

class Sender {
  readonly #client: MqttClient
  readonly #id: string
  #lastTime = 0
  readonly waiting = new Map<string, { topic: string; payload: string; at: number }>()

  constructor(id: string) {
    this.#id = id
    this.#client = mqtt.connect(`mqtt://127.0.0.1:${plan.port}`, {
      username: id,
      password: `pw-${id}`,
      clientId: `${id}-faults`,
      clean: true,
      reconnectPeriod: 200,
      connectTimeout: 5000,
      queueQoSZero: false,
    })
    this.#client.on('error', () => {})
  }

  get free(): boolean {
    return this.waiting.size < WINDOW
  }

  say(type: string, id: string, value: Record<string, unknown>): void {
    const topic = `ww/v1/${plan.facility}/dev/${this.#id}/${type}`
    // A store keeps one point per device and millisecond.
    this.#lastTime = Math.max(this.#lastTime + 1, Date.now() + (plan.wrongMs?.[this.#id] ?? 0))
    this.waiting.set(id, { topic, payload: JSON.stringify({ id, time: this.#lastTime, value }), at: 0 })
    this.#send(id)
  }

  #send(id: string): void {
    const message = this.waiting.get(id)
    if (!message || !this.#client.connected) return
    if (message.at > 0) counts.sentAgain++
    message.at = Date.now()
    this.#client.publish(message.topic, message.payload, { qos: 1 }, (error) => {
      if (error || !this.waiting.delete(id)) return
      appendFileSync(plan.file, `${id}\n`)
      if (id.startsWith('press-')) counts.pressesAcknowledged++
      else counts.acknowledged++
    })
  }

  again(): void {
    const before = Date.now() - AGAIN_MS
    for (const [id, message] of this.waiting) if (message.at < before) this.#send(id)
  }

  end(): void {
    this.#client.end(true)
  }
}

const sensors = plan.sensors.map((id) => new Sender(id))
const buttons = plan.buttons.map((id) => new Sender(id))
let saying = true
let owed = 0
let pressesOwed = 0
let last = Date.now()
const tick = setInterval(() => {
  const now = Date.now()
  const seconds = (now - last) / 1000
  last = now
  for (const sender of [...sensors, ...buttons]) sender.again()
  if (!saying) return
  owed = Math.min(plan.ratePerS, owed + seconds * plan.ratePerS)
  for (; owed >= 1; owed--) {
    const i = counts.published % sensors.length
    const sender = sensors[i]!
    if (!sender.free) break
    const n = counts.published++
    sender.say('env.noise', `${plan.sensors[i]}-${n}`, { db: 40 + (n % 40) })
  }
  pressesOwed = Math.min(5, pressesOwed + seconds * plan.pressesPerS)
  for (; pressesOwed >= 1 && counts.pressed < buttons.length; pressesOwed--) {
    const n = counts.pressed++
    // Each button is pressed once: one press, one alert.
    buttons[n]!.say('panic.pressed', `press-${plan.buttons[n]}`, {})
  }
}, 20)

process.stdin.on('end', async () => {
  saying = false
  const patience = Date.now() + 30_000
  const all = [...sensors, ...buttons]
  while (all.some((s) => s.waiting.size > 0) && Date.now() < patience) await new Promise((r) => setTimeout(r, 50))
  clearInterval(tick)
  counts.abandoned = all.reduce((sum, s) => sum + s.waiting.size, 0)
  for (const sender of all) sender.end()
  process.stdout.write(`${JSON.stringify(counts)}\n`, () => process.exit(0))
})
process.stdin.resume()
