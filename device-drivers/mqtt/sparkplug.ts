/**
 * Sparkplug B: births name the metrics and their aliases, data messages carry only what changed, deaths end a node with
 * all its devices. Keeps the last metrics of each device so that a reading is whole; knows nothing of readings itself.
 */
import sparkplugPayload from 'sparkplug-payload'
import { WardwatchError } from '#model/errors.ts'

interface Metric {
  name?: string | null
  alias?: unknown
  timestamp?: unknown
  value?: unknown
  isNull?: boolean | null
  properties?: Record<string, { value?: unknown }> | null
}

const codec = (
  sparkplugPayload as unknown as {
    get(namespace: string): { decodePayload(bytes: Uint8Array): { timestamp?: unknown; metrics?: Metric[] } }
  }
).get('spBv1.0')

/** Limits of state kept from the network. */
const MAX_DEVICES = 5000
const MAX_METRICS = 2000

export interface SparkplugMessage {
  /** `group/node` or `group/node/device`. */
  address: string
  kind: 'birth' | 'data' | 'death' | 'other'
  /** A node's death ends its devices too. */
  node: boolean
  /** All last known metrics by name; those that this message carried in `changed`. */
  metrics: Record<string, unknown>
  changed: ReadonlySet<string>
  time: number | undefined
  /** True when the sender marked a changed metric as not good (`Quality` property). */
  bad: boolean
}

interface DeviceMetrics {
  names: Map<string, string>
  values: Record<string, unknown>
}

/** Protobuf's 64-bit integers come as Long objects. */
function plain(value: unknown): unknown {
  if (value !== null && typeof value === 'object' && 'toNumber' in value)
    return (value as { toNumber(): number }).toNumber()
  return value
}

export class SparkplugState {
  readonly #devices = new Map<string, DeviceMetrics>()

  /** @throws WardwatchError `bad-payload` */
  read(topic: string, payload: Uint8Array): SparkplugMessage {
    const [, group, message, node, device] = topic.split('/')
    const address = device ? `${group}/${node}/${device}` : `${group}/${node}`
    const kind =
      message === 'NBIRTH' || message === 'DBIRTH'
        ? 'birth'
        : message === 'NDATA' || message === 'DDATA'
          ? 'data'
          : message === 'NDEATH' || message === 'DDEATH'
            ? 'death'
            : 'other'
    const empty = {
      address,
      kind,
      node: !device,
      metrics: {},
      changed: new Set<string>(),
      time: undefined,
      bad: false,
    } as const
    if (kind === 'other') return empty
    let decoded: { timestamp?: unknown; metrics?: Metric[] }
    try {
      decoded = codec.decodePayload(payload)
    } catch (error) {
      throw new WardwatchError(
        'bad-payload',
        `the payload is not Sparkplug B protobuf (${(error as Error).message.slice(0, 100)})`,
      )
    }
    const time = plain(decoded.timestamp)
    const at = typeof time === 'number' && time > 0 ? time : undefined
    if (kind === 'death') {
      this.#devices.delete(address)
      return { ...empty, time: at }
    }
    const state = this.#stateOf(address, kind === 'birth')
    const changed = new Set<string>()
    let bad = false
    let latest = at
    for (const metric of decoded.metrics ?? []) {
      const alias = metric.alias === undefined || metric.alias === null ? null : String(plain(metric.alias))
      const name = metric.name || (alias === null ? undefined : state.names.get(alias))
      if (!name)
        throw new WardwatchError(
          'bad-payload',
          `metric alias ${alias} was never named by a birth message; ask the node to send its birth again (rebirth)`,
        )
      if (state.names.size + Object.keys(state.values).length > MAX_METRICS)
        throw new WardwatchError(
          'bad-payload',
          `more than ${MAX_METRICS} metrics were named; split the node into devices`,
        )
      if (alias !== null && metric.name) state.names.set(alias, name)
      state.values[name] = metric.isNull ? null : plain(metric.value)
      changed.add(name)
      const when = plain(metric.timestamp)
      if (typeof when === 'number' && when > 0 && (latest === undefined || when > latest)) latest = when
      const quality = plain(metric.properties?.Quality?.value)
      if (typeof quality === 'number' && quality !== 192) bad = true
    }
    return { address, kind, node: !device, metrics: state.values, changed, time: latest, bad }
  }

  #stateOf(address: string, fresh: boolean): DeviceMetrics {
    const known = this.#devices.get(address)
    if (known && !fresh) return known
    if (!known && this.#devices.size >= MAX_DEVICES)
      throw new WardwatchError(
        'bad-payload',
        `more than ${MAX_DEVICES} Sparkplug devices were seen; this one is not followed`,
      )
    const state: DeviceMetrics = { names: new Map(), values: Object.create(null) as Record<string, unknown> }
    this.#devices.set(address, state)
    return state
  }
}
