/** The devices of the simulated facility: what happens to them, and how they send until the edge has acknowledged. */
import { derivedReadingId } from '#model/ids.ts'
import type { RawReading } from '#model/reading.ts'
import { parseSiteOrThrow } from '#model/site/load.ts'
import { MachineClock, type World } from './world.ts'

export const FACILITY = 'sim-01'
const BANDS = 6
const OFFICERS = 3
const DOORS = 3

const list = (n: number, line: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => line(i + 1)).join('\n')

export const SITE = parseSiteOrThrow(
  `facility: { id: ${FACILITY}, name: { zh: 模拟监狱, en: Simulated }, kind: prison, timezone: Asia/Shanghai }
zones:
  - { id: W1, kind: ward, floor: 1 }
  - { id: C1, kind: cell, parent: W1, floor: 1 }
  - { id: BELT, kind: belt, class: red, perimeter: true }
devices:
${list(BANDS, (i) => `  - { id: B${i}, driver: mqtt, kind: band, model: ww-json, subject: SECRETPERSON${i} }`)}
${list(OFFICERS, (i) => `  - { id: T${i}, driver: mqtt, kind: tag, model: ww-json, subject: SECRETOFFICER${i} }`)}
${list(DOORS, (i) => `  - { id: D${i}, driver: opcua, kind: door, zone: C1 }`)}
  - { id: G1, driver: opcua, kind: gas, zone: C1 }
  - { id: E1, driver: opcua, kind: climate, zone: C1 }
  - { id: F1, driver: opcua, kind: fence, zone: BELT }
  - { id: X1, driver: opcua, kind: reader, zone: C1 }
  - { id: K1, driver: onvif, kind: camera, zone: BELT, watches: [BELT] }
  - { id: S1, driver: opcua, kind: smoke, zone: C1 }
  - { id: L1, driver: opcua, kind: leak, zone: C1 }
  - { id: CALL1, driver: mqtt, kind: call-button, zone: C1 }
people:
${list(BANDS, (i) => `  - { id: SECRETPERSON${i}, cell: C1, ward: W1, allowed: [W1, C1] }`)}
staff:
${list(OFFICERS, (i) => `  - { id: SECRETOFFICER${i}, tag: T${i}, role: officer }`)}
`,
  'simulation.yaml',
)

/** Those whose payloads are sealed and may be forgotten. */
export const PERSONS: readonly string[] = (SITE.people ?? []).map((p) => p.id)

export interface Sent {
  id: string
  reading: RawReading
}

export interface WireFaults {
  loss: number
  duplicate: number
  /** Longest way of one message, ms: messages of one device overtake each other. */
  delayMs: number
}

/** Sends each reading again until it is acknowledged, at most `window` at a time, as QoS 1 does. */
export class Device {
  readonly id: string
  readonly clock: MachineClock
  readonly #world: World
  readonly #wire: WireFaults
  readonly #deliver: (reading: RawReading) => Promise<unknown>
  #queue: Sent[] = []
  #under = 0
  #lastTime = 0
  readonly #onAcknowledged: (sent: Sent) => void
  unanswered = 0

  constructor(
    id: string,
    world: World,
    wire: WireFaults,
    deliver: (reading: RawReading) => Promise<unknown>,
    onAcknowledged: (sent: Sent) => void,
  ) {
    this.id = id
    this.#world = world
    this.#wire = wire
    this.#deliver = deliver
    this.#onAcknowledged = onAcknowledged
    this.clock = new MachineClock(world)
  }

  say(type: string, value: Record<string, unknown>): Sent {
    // One device never says two things in one millisecond of its clock.
    this.#lastTime = Math.max(this.#lastTime + 1, this.clock.now())
    const reading = { device: this.id, type, time: this.#lastTime, value } as RawReading
    const sent = { id: derivedReadingId(this.id, type, this.#lastTime, value), reading }
    this.#queue.push(sent)
    this.unanswered++
    this.#fill()
    return sent
  }

  #fill(): void {
    while (this.#under < 4 && this.#queue.length > 0) {
      this.#under++
      this.#send(this.#queue.shift()!, { done: false })
    }
  }

  #send(sent: Sent, state: { done: boolean }): void {
    const { chance } = { chance: () => this.#world.chance() }
    const copies = this.#world.maybe(this.#wire.duplicate) ? 2 : 1
    for (let i = 0; i < copies; i++) {
      if (this.#world.maybe(this.#wire.loss)) continue
      this.#world.after(chance() ** 3 * this.#wire.delayMs, () => {
        void this.#deliver(sent.reading).then(
          () => {
            this.#onAcknowledged(sent)
            if (this.#world.maybe(this.#wire.loss)) return
            this.#world.after(chance() * 20, () => {
              if (state.done) return
              state.done = true
              this.#under--
              this.unanswered--
              this.#fill()
            })
          },
          () => undefined,
        )
      })
    }
    this.#world.after(this.#world.between(1500, 4000), () => {
      if (!state.done) this.#send(sent, state)
    })
  }
}

/** What happens in the facility: each step says something at one device. */
export function happenings(world: World, devices: Map<string, Device>): () => Sent {
  const device = (kind: string, n: number): Device => devices.get(`${kind}${1 + world.below(n)}`)!
  const open = new Set<string>()
  let silentFrom = Number.POSITIVE_INFINITY
  return () => {
    // Bands fall silent for a while: rules of absence have something to say.
    if (world.maybe(0.01)) silentFrom = world.now + world.between(0, 60_000)
    const bands = world.now > silentFrom ? BANDS - 3 : BANDS
    const what = world.below(100)
    if (what < 25) return device('B', bands).say('band.battery', { percent: world.below(100) })
    if (what < 38)
      return devices.get('E1')!.say('env.temperature', { celsius: Math.round(world.between(15, 45) * 10) / 10 })
    if (what < 44) return device('B', bands).say('band.sos', {})
    if (what < 48) return device('B', bands).say('band.worn', { worn: world.maybe(0.7) })
    if (what < 52) return device('T', OFFICERS).say('tag.sos', {})
    if (what < 54) return devices.get('X1')!.say('access.duress', { credential: 'C9' })
    if (what < 60) return devices.get('X1')!.say('access.denied', { credential: `C${world.below(2)}` })
    if (what < 63) return devices.get('F1')!.say('fence.cut', {})
    if (what < 67)
      return devices.get('K1')!.say('camera.intrusion', { object: 'human', confidence: world.between(0.5, 1) })
    if (what < 73) return devices.get('G1')!.say('env.gas', { lel_percent: world.pick([60, 30, 30, 3]) })
    if (what < 77) return devices.get('S1')!.say('env.smoke', { percent_per_m: world.pick([0, 0, 12]) })
    if (what < 80) return devices.get('L1')!.say('env.leak', { active: world.maybe(0.5) })
    if (what < 84) return devices.get('CALL1')!.say(world.maybe(0.6) ? 'call.pressed' : 'call.answered', {})
    const door = device('D', DOORS)
    const state = open.has(door.id) ? 'closed' : 'open'
    if (state === 'open') open.add(door.id)
    else open.delete(door.id)
    return door.say('door.state', { state })
  }
}

export const DEVICES: readonly string[] = (SITE.devices ?? []).map((d) => d.id)
