/**
 * Topic and payload → readings, for every layout: the contract's own and those of model files. Pure but for Sparkplug's
 * aliases; throws nothing, drops nothing: what it cannot read comes back as quarantine.
 */
import type { Device } from '#model/context/kinds.ts'
import { parseDeviceTopic } from '#model/topics.ts'
import { type ContractTopic, decodeContract } from './contract-layout.ts'
import { type Decoded, type MessageFlags, quarantined, type Speaker } from './decoded.ts'
import { addressOf, decodeMaker, loadRoutes, type MakerContext, type Route } from './maker-layout.ts'
import { SparkplugState } from './sparkplug.ts'

export type { Decoded, MessageFlags, QuarantineItem, Speaker } from './decoded.ts'

const MAX_TOPICS = 50_000
const CLOCK_EVERY_MS = 10 * 60_000
const CLOCK_MOVED_MS = 200

/** What is known about a topic, found once. */
type Place = { contract: ContractTopic; fault: string | null } | { route: Route; parts: Record<string, string> } | null

export class MqttDecoder {
  readonly #facility: string
  readonly #modelDirs: readonly string[]
  readonly #places = new Map<string, Place>()
  readonly #clocks = new Map<string, { offsetMs: number; atMs: number }>()
  readonly #sparkplug: SparkplugState
  readonly #context: MakerContext
  #devices = new Map<string, Device>()
  #byAddress = new Map<string, Device>()
  #routes: Route[] = []
  #faults = new Map<string, string>()

  /** @param onRebirthWanted a Sparkplug node (`group/node`) should send its birth again. */
  constructor(
    facility: string,
    devices: readonly Device[],
    modelDirs: readonly string[] = [],
    onRebirthWanted?: (node: string) => void,
  ) {
    this.#facility = facility
    this.#sparkplug = new SparkplugState(onRebirthWanted)
    this.#modelDirs = modelDirs
    this.#context = {
      byAddress: (address) => this.#byAddress.get(address),
      below: (address) => [...this.#byAddress].filter(([a]) => a.startsWith(`${address}/`)).map(([, device]) => device),
      sparkplug: this.#sparkplug,
      clockDue: (device, offsetMs, nowMs) => {
        const last = this.#clocks.get(device)
        if (last && nowMs - last.atMs < CLOCK_EVERY_MS && Math.abs(offsetMs - last.offsetMs) <= CLOCK_MOVED_MS)
          return false
        this.#clocks.set(device, { offsetMs, atMs: nowMs })
        return true
      },
    }
    this.update(devices)
  }

  update(devices: readonly Device[]): void {
    this.#devices = new Map(devices.map((device) => [device.id, device]))
    this.#byAddress = new Map(devices.map((device) => [addressOf(device), device]))
    this.#routes = []
    this.#faults = new Map()
    this.#places.clear()
    for (const model of new Set(devices.filter((d) => d.driver === 'mqtt').map((d) => d.model ?? 'ww-json'))) {
      try {
        this.#routes.push(...loadRoutes(model, this.#modelDirs))
      } catch (error) {
        // A wrong file never stops a device of another model.
        this.#faults.set(model, (error as Error).message)
      }
    }
  }

  /** Why the model file of this device is not in force; null when it is. */
  modelFault(device: Device): string | null {
    return this.#faults.get(device.model ?? 'ww-json') ?? null
  }

  /** Subscription filters of all layouts in use. */
  filters(): string[] {
    return [`ww/v1/${this.#facility}/dev/#`, ...new Set(this.#routes.map((route) => route.pattern.filter))]
  }

  /** May this device publish on a topic that is not of the contract's layout? */
  mayPublish(speaker: Speaker, topic: string): boolean {
    const place = this.#place(topic)
    if (!place || !('route' in place)) return false
    const spokenFor = [speaker.id, ...speaker.children]
      .map((id) => this.#devices.get(id))
      .filter((d) => d !== undefined)
    const users = spokenFor.filter((device) => device.model === place.route.model)
    if (place.route.format === 'sparkplug') {
      const [, group, , node] = topic.toLowerCase().split('/')
      const address = `${group}/${node}`
      return users.some((device) => addressOf(device) === address || addressOf(device).startsWith(`${address}/`))
    }
    const named = place.parts.device?.toLowerCase()
    // Where the topic names the device, it must be one of these; else the payload is asked when it comes.
    return users.some((device) => named === undefined || addressOf(device) === named)
  }

  /** May this device hear the topics of the filter? Its Sparkplug commands and whether the host is there; nothing else. */
  mayHear(speaker: Speaker, filter: string): boolean {
    const [root, group, message, node] = filter.toLowerCase().split('/')
    if (root !== 'spbv1.0' || !this.#routes.some((route) => route.format === 'sparkplug')) return false
    if (group === 'state') return true
    const own = [speaker.id, ...speaker.children]
      .map((id) => this.#devices.get(id))
      .filter((device) => device !== undefined)
      .map(addressOf)
    const address = `${group}/${node}`
    return /^[nd]cmd$/.test(message ?? '') && own.some((one) => one === address || one.startsWith(`${address}/`))
  }

  decode(
    topic: string,
    payload: Uint8Array,
    speaker: Speaker | null,
    receivedMs: number,
    flags: MessageFlags = {},
  ): Decoded | Promise<Decoded> {
    const place = this.#place(topic)
    if (place === null)
      return {
        readings: [],
        quarantine: [
          quarantined(
            topic,
            speaker?.id ?? null,
            'unmapped',
            `no model file in use maps topic "${topic.slice(0, 200)}"; add it to the model file of the device`,
            payload,
          ),
        ],
      }
    if ('contract' in place) {
      if (place.fault)
        return { readings: [], quarantine: [quarantined(topic, null, 'unknown-device', place.fault, payload)] }
      return decodeContract(place.contract, payload, receivedMs, flags)
    }
    return decodeMaker(place.route, topic, place.parts, payload, speaker, receivedMs, this.#context)
  }

  #place(topic: string): Place {
    const known = this.#places.get(topic)
    if (known !== undefined) return known
    const place = this.#find(topic)
    if (this.#places.size >= MAX_TOPICS) this.#places.clear()
    this.#places.set(topic, place)
    return place
  }

  #find(topic: string): Place {
    const parts = parseDeviceTopic(topic)
    if (parts) {
      const fault =
        parts.facility !== this.#facility
          ? `the topic names facility "${parts.facility.slice(0, 64)}", this is ${this.#facility}`
          : this.#devices.has(parts.device)
            ? null
            : `"${parts.device.slice(0, 64)}" is no device of the site file; "wardwatch provision mqtt" writes the entry`
      return { contract: { topic, ...parts }, fault }
    }
    let other: Place = null
    for (const route of this.#routes) {
      const match = route.pattern.match(topic)
      if (!match) continue
      // Two makers may use one shape of topic: the one whose product the named device is.
      const named = match.device === undefined ? undefined : this.#byAddress.get(match.device.toLowerCase())
      if (!named || named.model === route.model) return { route, parts: match }
      other ??= { route, parts: match }
    }
    return other
  }
}
