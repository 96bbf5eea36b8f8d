/**
 * Sparkplug B: births name the metrics and their aliases, data messages carry only what changed, deaths end a node with
 * all its devices. Keeps the last metrics of each device so that a reading is whole, and says when a node should send its
 * birth again; knows nothing of readings itself.
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
    get(namespace: string): {
      decodePayload(bytes: Uint8Array): { timestamp?: unknown; seq?: unknown; metrics?: Metric[] }
      encodePayload(payload: object): Uint8Array
    }
  }
).get('spBv1.0')

/** The one thing that is ever said to a node: send your birth again. It moves nothing and changes no setting. */
export const rebirthCommand = (nowMs: number): Uint8Array =>
  codec.encodePayload({
    timestamp: nowMs,
    metrics: [{ name: 'Node Control/Rebirth', type: 'Boolean', value: true, timestamp: nowMs }],
  })

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

/** What is known of an edge node: which of its births is in force, and the number of its last message. */
interface NodeState {
  bdSeq: number | null
  seq: number | null
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
  readonly #nodes = new Map<string, NodeState>()
  readonly #onRebirthWanted: (node: string) => void

  /** @param onRebirthWanted aliases of this node (`group/node`) are not known, or messages of it are missing. */
  constructor(onRebirthWanted: (node: string) => void = () => {}) {
    this.#onRebirthWanted = onRebirthWanted
  }

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
    let decoded: { timestamp?: unknown; seq?: unknown; metrics?: Metric[] }
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
    const bdSeq = plain(decoded.metrics?.find((metric) => metric.name === 'bdSeq')?.value)
    const nodeAddress = `${group}/${node}`
    if (kind === 'death') {
      // The will of an earlier connection may come after the birth of the next one.
      const inForce = device ? null : (this.#nodes.get(nodeAddress)?.bdSeq ?? null)
      if (typeof bdSeq === 'number' && inForce !== null && bdSeq !== inForce) return { ...empty, kind: 'other' }
      this.#devices.delete(address)
      if (!device) this.#nodes.delete(nodeAddress)
      return { ...empty, time: at }
    }
    this.#follow(nodeAddress, message === 'NBIRTH', plain(decoded.seq), bdSeq)
    const state = this.#stateOf(address, kind === 'birth')
    const changed = new Set<string>()
    let bad = false
    let latest = at
    for (const metric of decoded.metrics ?? []) {
      const alias = metric.alias === undefined || metric.alias === null ? null : String(plain(metric.alias))
      const name = metric.name || (alias === null ? undefined : state.names.get(alias))
      if (!name) {
        this.#onRebirthWanted(nodeAddress)
        throw new WardwatchError(
          'bad-payload',
          `metric alias ${alias} was never named by a birth message; the node is asked to send its birth again (rebirth)`,
        )
      }
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

  /** A number that is missing, or a node that was never born for this edge, and the birth is asked for. */
  #follow(address: string, born: boolean, seq: unknown, bdSeq: unknown): void {
    const number = typeof seq === 'number' ? seq : null
    const known = this.#nodes.get(address)
    if (born || !known) {
      if (!known && this.#nodes.size >= MAX_DEVICES) return
      this.#nodes.set(address, { bdSeq: born && typeof bdSeq === 'number' ? bdSeq : null, seq: number })
      if (!born) this.#onRebirthWanted(address)
      return
    }
    const last = known.seq
    if (number === null || number === last) return
    known.seq = number
    if (last !== null && number !== (last + 1) % 256) this.#onRebirthWanted(address)
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
