/** The OPC UA driver: devices sorted by endpoint, one link each. It keeps the obligations of `contract.ts`. */
import type { Device } from '#model/context/kinds.ts'
import { canonicalJson } from '#model/ids.ts'
import type { DeviceCheck, DeviceHealth, Driver, DriverFactory, DriverHost } from '../contract.ts'
import { QuietLog } from '../supervision.ts'
import { CheckSessions, checkDevice } from './check.ts'
import { DeviceWatch, type WatchHost } from './device-watch.ts'
import { endpointKey, endpointOf } from './endpoint.ts'
import { Link } from './link.ts'
import { Outbox } from './outbox.ts'
import { routeLibraryWarnings } from './quiet-console.ts'

const STOP_MS = 2500

class OpcuaDriver implements Driver {
  readonly name = 'opcua' as const
  readonly #host: DriverHost
  readonly #to: WatchHost
  readonly #outbox: Outbox
  readonly #links = new Map<string, Link>()
  readonly #devices = new Map<string, { entry: string; watch: DeviceWatch; link: Link | null; key: string }>()
  readonly #checks: CheckSessions
  #unroute: () => void
  #stopped = false

  constructor(host: DriverHost) {
    this.#host = host
    const log = new QuietLog(host.log, host.clock)
    this.#outbox = new Outbox(host, log)
    this.#to = {
      host,
      clock: host.clock,
      log,
      emit: (reading) => {
        if (!this.#stopped) this.#outbox.push(reading)
      },
    }
    this.#checks = new CheckSessions(host)
    this.#unroute = routeLibraryWarnings((line) => log.warn('node-opcua', 'opcua-library', { line }))
  }

  async start(devices: Device[]): Promise<void> {
    await this.update(devices)
  }

  async update(devices: Device[]): Promise<void> {
    if (this.#stopped) return
    const wanted = new Map(devices.map((device) => [device.id, device]))
    for (const [id, known] of this.#devices) {
      const device = wanted.get(id)
      if (device && canonicalJson(device) === known.entry) continue
      this.#devices.delete(id)
      known.watch.end()
      known.link?.detach(known.watch)
    }
    const fresh = new Map<string, { link: Link; watches: DeviceWatch[]; isNew: boolean }>()
    for (const device of devices) {
      if (this.#devices.has(device.id)) continue
      const watch = new DeviceWatch(device, this.#to)
      try {
        const address = endpointOf(device)
        const key = endpointKey(address)
        const known = fresh.get(key) ?? {
          link: this.#links.get(key) ?? new Link(address, this.#to),
          watches: [],
          isNew: !this.#links.has(key),
        }
        known.watches.push(watch)
        fresh.set(key, known)
        this.#links.set(key, known.link)
        this.#devices.set(device.id, { entry: canonicalJson(device), watch, link: known.link, key })
      } catch (error) {
        // A wrong entry is that device's own fault and nobody else's.
        this.#devices.set(device.id, { entry: canonicalJson(device), watch, link: null, key: '' })
        watch.setOnline(false, (error as Error).message, 'driver')
        this.#to.log.warn(device.id, 'opcua-device-wrong', { reason: (error as Error).message })
      }
    }
    for (const { link, watches, isNew } of fresh.values()) {
      link.attach(watches)
      if (isNew) link.begin()
    }
    for (const [key, link] of this.#links)
      if (link.size === 0) {
        this.#links.delete(key)
        void link.stop()
      }
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#outbox.close()
    const ended = Promise.all([...[...this.#links.values()].map((link) => link.stop()), this.#checks.close()])
    await Promise.race([ended, new Promise<void>((resolve) => this.#host.clock.after(STOP_MS, resolve))])
    this.#links.clear()
    this.#unroute()
  }

  health(): DeviceHealth[] {
    return [...this.#devices.values()].map((device) => device.watch.health())
  }

  async check(device: Device): Promise<DeviceCheck[]> {
    const running = this.#devices.get(device.id)
    const session = running?.entry === canonicalJson(device) ? (running.link?.session ?? null) : null
    return checkDevice(device, this.#host, this.#checks, session)
  }
}

export const createOpcuaDriver: DriverFactory = (host) => new OpcuaDriver(host)
