/**
 * Proof for the doctor and the wizard: connects once, reads, subscribes to nothing, writes nothing, and says in one
 * sentence each what is right, doubtful or wrong. Devices of one endpoint share one short-lived session.
 */
import { AttributeIds, type ClientSession } from 'node-opcua-client'
import type { Timer } from '#model/clock.ts'
import type { Device } from '#model/context/kinds.ts'
import type { DeviceCheck, DriverHost } from '../contract.ts'
import { convertField, qualityOf } from './conversion.ts'
import {
  closeClient,
  type EndpointAddress,
  endpointKey,
  endpointOf,
  measureOffset,
  type OpenEndpoint,
  openEndpoint,
} from './endpoint.ts'
import { readEventTypes } from './event-types.ts'
import { loadOpcuaModel, modelNameOf } from './model-file.ts'
import { readNamespaces, withNumbers } from './namespaces.ts'
import { planDevice, readTrees } from './plan.ts'
import { isNodeId } from './wire.ts'

const OPEN_MS = 6000
const KEEP_MS = 3000
const CLOCK_WARNING_MS = 2000

export class CheckSessions {
  readonly #host: DriverHost
  readonly #open = new Map<string, { opened: Promise<OpenEndpoint>; timer: Timer | null; users: number }>()

  constructor(host: DriverHost) {
    this.#host = host
  }

  /** Runs the task with a session that is not closed before it has ended. */
  async use<T>(address: EndpointAddress, task: (session: ClientSession) => Promise<T>): Promise<T> {
    const key = endpointKey(address)
    let found = this.#open.get(key)
    if (!found) {
      found = { opened: openEndpoint(address, this.#host.dataDir, this.#host.clock, OPEN_MS), timer: null, users: 0 }
      this.#open.set(key, found)
      found.opened.catch(() => this.#end(key))
    }
    const mine = found
    mine.timer?.cancel()
    mine.users++
    try {
      return await task((await mine.opened).session)
    } finally {
      mine.users--
      mine.timer?.cancel()
      if (mine.users === 0) mine.timer = this.#host.clock.after(KEEP_MS, () => void this.#end(key))
    }
  }

  async #end(key: string): Promise<void> {
    const found = this.#open.get(key)
    this.#open.delete(key)
    found?.timer?.cancel()
    const open = await found?.opened.catch(() => null)
    if (open) await closeClient(open.client, this.#host.clock)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((key) => this.#end(key)))
  }
}

/** @param running the session of the running driver, used when there is one. */
export async function checkDevice(
  device: Device,
  host: DriverHost,
  sessions: CheckSessions,
  running: ClientSession | null,
): Promise<DeviceCheck[]> {
  const checks: DeviceCheck[] = []
  const say = (level: DeviceCheck['level'], message: string) => checks.push({ device: device.id, level, message })
  try {
    const address = endpointOf(device)
    const model = loadOpcuaModel(modelNameOf(device), host.modelDirs)
    if (device.root !== undefined && !isNodeId(device.root)) {
      say('fault', `"root" is "${device.root}", which is no node id; write it as ns=2;s=Doors/C204`)
      return checks
    }
    const examine = async (session: ClientSession): Promise<void> => {
      if (address.policy === 'None')
        say(
          'warning',
          `${address.url} is read without encryption; set "security: { policy: Basic256Sha256 }" where the server can`,
        )
      const offset = await measureOffset(session, host.clock)
      if (offset !== null && Math.abs(offset) > CLOCK_WARNING_MS)
        say(
          'warning',
          `the clock of ${address.url} is ${Math.round(offset / 100) / 10} s off; set up NTP on the server`,
        )
      const types = await readEventTypes(session)
      const numbered = withNumbers(device, await readNamespaces(session))
      if (typeof numbered === 'string') {
        say('fault', numbered)
        return
      }
      const trees = await readTrees(session, numbered.root ? [numbered.root] : [], types)
      const plan = planDevice(numbered, model, numbered.root ? (trees.get(numbered.root) ?? null) : null)
      if (plan.fault) {
        say('fault', plan.fault)
        return
      }
      if (plan.missing.length > 0)
        say(
          'warning',
          `no node for ${plan.missing.join(', ')}; these readings will not be made, name the nodes under "nodes" if the device has them`,
        )
      if (plan.unmapped.length > 0)
        say(
          'warning',
          `not mapped: ${plan.unmapped.slice(0, 10).join(', ')}${plan.unmapped.length > 10 ? ` and ${plan.unmapped.length - 10} more` : ''}; add them to the model file or to its "ignore"`,
        )
      const wrong = await readFaults(session, plan)
      for (const sentence of wrong) say('warning', sentence)
      const readings = [...new Set(plan.slots.map((slot) => slot.type))]
      const events = [...new Set(plan.events.map((map) => map.type))]
      say(
        'ok',
        `${address.url} answers; readings: ${readings.join(', ') || 'none'}; events: ${events.join(', ') || 'none'} (model ${modelNameOf(device)}, ${model.maturity})`,
      )
    }
    await (running ? examine(running) : sessions.use(address, examine))
  } catch (error) {
    say('fault', (error as Error).message)
  }
  return checks
}

async function readFaults(session: ClientSession, plan: ReturnType<typeof planDevice>): Promise<string[]> {
  if (plan.nodes.length === 0) return []
  const values = await session.read(plan.nodes.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value })))
  const sentences: string[] = []
  for (const slot of plan.slots)
    for (const field of slot.fields) {
      const value = values[plan.nodes.indexOf(field.nodeId)]
      if (!value) continue
      const quality = qualityOf(value.statusCode.value)
      if (quality !== 'good') {
        sentences.push(`node ${field.nodeId} reports ${value.statusCode.name}; check the sensor behind it`)
        continue
      }
      if (field.name === '') continue
      const converted = convertField(field.map, field.spec, value.value?.value)
      if (!converted.ok) sentences.push(`node ${field.nodeId} ${converted.detail}`)
    }
  return sentences
}
