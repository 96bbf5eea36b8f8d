/**
 * The OPC UA twin: a real server on loopback that plays doors, readers, gates, fences, environment and power of a
 * facility, with the faults a real one has. It must never be reachable from another machine, nor share code with the driver.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  type StatusCode,
  StatusCodes,
  setDebugLogger,
  setErrorLogger,
  setWarningLogger,
} from 'node-opcua'
import type { Clock, Timer } from '#model/clock.ts'
import type { Kept, TwinDevice } from './address-space.ts'
import { rootOfDevice, TwinAddressSpace } from './address-space.ts'
import { freePort, openRelay, type Relay } from './relay.ts'

export interface OpcuaTwinOptions {
  /** Loopback address to listen on (default 127.0.0.1). */
  host?: string
  /** 0 or absent: any free port. */
  port?: number
  /** Resource path of the endpoint URL. */
  endpointName?: string
  devices: readonly TwinDevice[]
  /** User names and passwords; none = anonymous only. */
  users?: Readonly<Record<string, string>>
  /** Policies offered besides each other (default None and Basic256Sha256). */
  security?: readonly ('None' | 'Basic256Sha256' | 'Aes128_Sha256_RsaOaep' | 'Aes256_Sha256_RsaPss')[]
  /** Folder of its certificates; absent: a temporary one. */
  dataDir?: string
  clock: Clock
  /** How long an alarm condition stays active, ms (default 5,000). */
  alarmHoldMs?: number
}

export interface TwinReading {
  device: string
  type: string
  value: Record<string, unknown>
  /** Source time, ms; absent = now. (node-opcua's server puts a source time on everything.) */
  time?: number
}

export type OpcuaFault =
  /** Variables of a device (of one reading type, or all) get a bad or uncertain status; `empty` = without a value. */
  | { kind: 'status'; device: string; status: keyof typeof StatusCodes & string; type?: string; empty?: boolean }
  /** Good again. */
  | { kind: 'recover'; device: string; type?: string }
  /** A value that no enumeration knows. */
  | { kind: 'nonsense'; device: string }
  | { kind: 'remove-node'; device: string }
  | { kind: 'restore-node'; device: string }
  /** Server clock and source times are wrong by this much. */
  | { kind: 'clock'; offsetMs: number }
  /** Every packet is held back. 0 = normal. */
  | { kind: 'slow'; delayMs: number }
  | { kind: 'freeze'; on: boolean }
  | { kind: 'cut'; on: boolean }
  /** The server process ends; events meanwhile are lost, as in reality. */
  | { kind: 'stop' }
  | { kind: 'start' }

export interface OpcuaTwin {
  readonly url: string
  /** Connections accepted so far. */
  readonly connections: number
  rootOf(id: string): string
  /** Says one reading over the wire. False when the twin has no node for it or is stopped. */
  emitReading(reading: TwinReading): boolean
  /** Has the operator of the other system acknowledged the alarm? Null = no such alarm. */
  isAcknowledged(device: string, type: string): boolean | null
  fault(fault: OpcuaFault): Promise<void>
  close(): Promise<void>
}

const STOP_MS = 3000
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** node-opcua writes to the console by itself; a twin speaks through its protocol only. */
function silence(): void {
  const nothing = () => {}
  setDebugLogger(nothing)
  setWarningLogger(nothing)
  setErrorLogger(nothing)
}

export async function createOpcuaTwin(options: OpcuaTwinOptions): Promise<OpcuaTwin> {
  silence()
  const host = options.host ?? '127.0.0.1'
  const users = options.users ?? {}
  const policies = options.security ?? ['None', 'Basic256Sha256']
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'ww-opcua-twin-'))
  const endpointName = options.endpointName ?? '/wardwatch'
  const devices = new Map(options.devices.map((device) => [device.id, device]))
  const removed = new Set<string>()
  const kept = new Map<string, Kept>()
  const clears = new Map<string, Timer>()
  let offsetMs = 0
  let port = 0
  let server: OPCUAServer | null = null
  let space: TwinAddressSpace | null = null
  const certificates = (name: string) =>
    new OPCUACertificateManager({
      rootFolder: join(dataDir, name),
      automaticallyAcceptUnknownCertificate: true,
      disableFileWatchers: true,
    })

  async function startServer(): Promise<void> {
    port = await freePort(host)
    const secured = policies.some((policy) => policy !== 'None')
    const created = new OPCUAServer({
      host,
      hostname: host,
      port,
      resourcePath: endpointName,
      securityPolicies: policies.map((policy) => SecurityPolicy[policy]),
      securityModes: [
        ...(policies.includes('None') ? [MessageSecurityMode.None] : []),
        ...(secured ? [MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt] : []),
      ],
      allowAnonymous: Object.keys(users).length === 0,
      userManager: { isValidUser: (user: string, password: string) => users[user] === password },
      serverCertificateManager: certificates('server'),
      userCertificateManager: certificates('users'),
      disableDiscovery: false,
      maxConnectionsPerEndpoint: 100,
      maxAllowedSessionNumber: 100,
      serverInfo: { applicationUri: 'urn:wardwatch:twin:opcua', applicationName: { text: 'wardwatch twin' } },
      serverCapabilities: { maxSessions: 100, minSupportedSampleRate: 50, maxMonitoredItemsPerCall: 1000 } as never,
    })
    await created.initialize()
    space = new TwinAddressSpace(created, kept, options.clock)
    space.offsetMs = offsetMs
    space.declareEventTypes()
    for (const device of devices.values()) if (!removed.has(device.id)) space.add(device)
    await created.start()
    server = created
  }
  async function stopServer(): Promise<void> {
    const old = server
    server = null
    space = null
    for (const timer of clears.values()) timer.cancel()
    clears.clear()
    if (!old) return
    // The library waits for ever for a channel whose socket ends in the same moment: the cut lines are let die first, and
    // the wait is bounded. A restarted server has a port of its own, so a straggler is in nobody's way.
    await pause(50)
    await Promise.race([old.shutdown(0), pause(STOP_MS)])
  }

  await startServer()
  const relay: Relay = await openRelay(host, options.port ?? 0, () => port)
  const known = (id: string): TwinDevice => {
    const device = devices.get(id)
    if (!device) throw new Error(`the OPC UA twin has no device "${id}"`)
    return device
  }

  async function fault(what: OpcuaFault): Promise<void> {
    switch (what.kind) {
      case 'status':
        space?.setStatus(
          known(what.device),
          (StatusCodes as unknown as Record<string, StatusCode>)[what.status] ?? StatusCodes.Bad,
          what.type,
          what.empty === true,
        )
        break
      case 'recover':
        space?.setStatus(known(what.device), StatusCodes.Good, what.type, false)
        break
      case 'nonsense':
        space?.nonsense(known(what.device))
        break
      case 'remove-node':
        removed.add(what.device)
        space?.remove(known(what.device))
        break
      case 'restore-node':
        if (removed.delete(what.device)) space?.add(known(what.device))
        break
      case 'clock':
        offsetMs = what.offsetMs
        if (space) space.offsetMs = offsetMs
        break
      case 'slow':
        relay.delay(what.delayMs)
        break
      case 'freeze':
        relay.freeze(what.on)
        break
      case 'cut':
        relay.cut(what.on)
        break
      case 'stop':
        relay.cut(true)
        await stopServer()
        break
      case 'start':
        if (!server) await startServer()
        relay.cut(false)
        break
    }
  }

  return {
    url: `opc.tcp://${host}:${relay.port}${endpointName}`,
    get connections() {
      return relay.accepted
    },
    rootOf: (id) => rootOfDevice(known(id)),
    emitReading(reading) {
      const device = known(reading.device)
      if (!space) return false
      if (reading.type === 'device.status') {
        const online = reading.value.online === true
        space.setStatus(device, online ? StatusCodes.Good : StatusCodes.BadCommunicationError, undefined, !online)
        return true
      }
      const time = reading.time ?? options.clock.now()
      const said = space.say(device, reading.type, reading.value, time)
      if (said && reading.type === 'fence.alarm') {
        clears.get(device.id)?.cancel()
        clears.set(
          device.id,
          options.clock.after(options.alarmHoldMs ?? 5000, () => {
            clears.delete(device.id)
            space?.clearAlarm(device, 'fence.alarm')
          }),
        )
      }
      return said
    },
    isAcknowledged: (device, type) => space?.isAcknowledged(known(device), type) ?? null,
    fault,
    async close() {
      await relay.close()
      await stopServer()
      if (!options.dataDir) rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
