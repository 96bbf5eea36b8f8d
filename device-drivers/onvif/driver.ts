/**
 * The ONVIF driver: one session per camera, none of which can harm another. Adds pictures, presets and streams to the
 * common contract. Moves nothing but cameras.
 */

import type { Device } from '#model/context/kinds.ts'
import { WardwatchError } from '#model/errors.ts'
import { canonicalJson } from '#model/ids.ts'
import type { Quarantined, RawReading } from '#model/reading.ts'
import type { DeviceCheck, DeviceHealth, Driver, DriverHost } from '../contract.ts'
import { QuietLog } from '../supervision.ts'
import { checkCamera } from './camera-check.ts'
import { type CameraAddress, CameraClient } from './camera-client.ts'
import { CameraSession, SESSION_LIMITS, type SessionLimits } from './camera-session.ts'
import { ConnectGate } from './connect-gate.ts'
import { type CameraModel, DEFAULT_MODEL, loadCameraModel } from './model.ts'
import { type Picture, PictureDesk } from './picture-desk.ts'

export interface OnvifDriver extends Driver {
  readonly name: 'onvif'
  /**
   * A picture of the camera now, or the newest one younger than `maxAgeMs` (2 s). `takenAt` is edge time, ms.
   * @throws WardwatchError `not-found`, `device-unreachable`, `bad-credential`, `device-refused`, `bad-payload`.
   */
  snapshot(device: string, maxAgeMs?: number): Promise<Picture>
  /** Turns the camera to a preset, named by token or name. */
  gotoPreset(device: string, preset: string): Promise<void>
  /** RTSP address of the camera's first profile, with a host that can be reached, without password. */
  streamUri(device: string): Promise<string>
  /** The same address with what the camera wants to be told at its door. */
  stream(device: string): Promise<{ uri: string; user: string; password: string }>
}

export interface OnvifDriverOptions {
  /** Cameras that may be connecting at the same time. */
  maxConnecting?: number
  limits?: Partial<SessionLimits>
}

interface Entry {
  device: Device
  fingerprint: string
  session: CameraSession | null
  address: CameraAddress | null
  /** Why there is no session: a fault in the site file or the model file. */
  fault: string | null
  running: Promise<void>
}

const GOODBYE_MS = 1000
const ACCEPT_RETRY_MS = 1000

export function createDriver(host: DriverHost, options: OnvifDriverOptions = {}): OnvifDriver {
  const entries = new Map<string, Entry>()
  const log = new QuietLog(host.log, host.clock)
  const gate = new ConnectGate(options.maxConnecting ?? 16)
  const limits = { ...SESSION_LIMITS, ...options.limits }
  const models = new Map<string, CameraModel>()
  let stopped = false

  /** A journal that refuses is asked again: the camera's own queue holds the rest meanwhile. */
  async function emit(readings: RawReading[], wanted: () => boolean): Promise<void> {
    while (!stopped && wanted()) {
      try {
        return await host.accept(readings)
      } catch (error) {
        host.count('accept-failed')
        log.warn('*', 'onvif.accept-failed', { detail: (error as Error).message })
        await new Promise<void>((resolve) => host.clock.after(ACCEPT_RETRY_MS, resolve))
      }
    }
  }

  async function quarantine(item: Omit<Quarantined, 'received'>): Promise<void> {
    if (stopped) return
    host.count('quarantined', item.device ?? undefined)
    await host
      .quarantine(item)
      .catch((error: Error) => log.warn('*', 'onvif.quarantine-failed', { detail: error.message }))
  }

  const pictures = new PictureDesk(host, (readings) => emit(readings, () => true))

  function model(name: string): CameraModel {
    let found = models.get(name)
    if (!found) {
      found = loadCameraModel(name, host.modelDirs)
      models.set(name, found)
    }
    return found
  }

  function begin(device: Device): void {
    const entry: Entry = {
      device,
      fingerprint: canonicalJson(device),
      session: null,
      address: null,
      fault: null,
      running: Promise.resolve(),
    }
    entries.set(device.id, entry)
    try {
      const address = addressOf(device)
      entry.address = address
      let ended = false
      const session = new CameraSession(device, model(device.model ?? DEFAULT_MODEL), address, {
        host,
        log,
        gate,
        limits,
        emit: (readings) => emit(readings, () => !ended),
        quarantine,
      })
      entry.session = session
      entry.running = session
        .run()
        .catch((error: Error) => log.warn(device.id, 'onvif.internal', { detail: error.message }))
        .finally(() => {
          ended = true
        })
    } catch (error) {
      // A fault of this entry alone: it is told, and all others run.
      entry.fault = (error as Error).message
      log.warn(device.id, 'onvif.refused', { detail: entry.fault })
      const now = host.clock.now()
      void emit(
        [
          {
            device: device.id,
            type: 'device.status',
            time: now,
            received: now,
            value: { online: false, reason: 'driver' },
          },
        ],
        () => true,
      )
    }
  }

  async function finish(entry: Entry, goodbyeMs: number): Promise<void> {
    entries.delete(entry.device.id)
    pictures.forget(entry.device.id)
    await entry.session?.end(goodbyeMs)
  }

  /** A live connection of the device, or one for this purpose alone. */
  async function withClient<T>(id: string, use: (client: CameraClient) => Promise<T>): Promise<T> {
    const entry = entries.get(id)
    if (!entry) throw new WardwatchError('not-found', `there is no camera "${id}" among the ONVIF devices`)
    if (!entry.address) throw new WardwatchError('device-unreachable', `${id}: ${entry.fault}`)
    const live = entry.session?.client
    if (live && entry.session?.health().online) return use(live)
    const client = new CameraClient(entry.address, host.clock)
    try {
      await client.measureClock()
      return await use(client)
    } finally {
      client.close()
    }
  }

  return {
    name: 'onvif',
    async start(devices) {
      for (const device of devices) begin(device)
    },
    async update(devices) {
      models.clear()
      const wanted = new Map(devices.map((device) => [device.id, device]))
      const leaving = [...entries.values()].filter((entry) => {
        const next = wanted.get(entry.device.id)
        return !next || canonicalJson(next) !== entry.fingerprint || entry.fault !== null
      })
      await Promise.all(leaving.map((entry) => finish(entry, GOODBYE_MS)))
      for (const device of devices) if (!entries.has(device.id)) begin(device)
    },
    async stop() {
      stopped = true
      pictures.close()
      const all = [...entries.values()]
      await Promise.all(all.map((entry) => finish(entry, GOODBYE_MS)))
      // Sessions end by themselves once their sockets are gone; a journal that hangs must not hold the stop.
      await Promise.race([
        Promise.all(all.map((entry) => entry.running)),
        new Promise<void>((resolve) => host.clock.after(1000, resolve)),
      ])
    },
    health(): DeviceHealth[] {
      return [...entries.values()].map(
        (entry) =>
          entry.session?.health() ?? {
            device: entry.device.id,
            online: false,
            reason: entry.fault,
            lastSeen: null,
            offsetMs: null,
          },
      )
    },
    async check(device): Promise<DeviceCheck[]> {
      try {
        return await checkCamera(
          device,
          addressOf(device),
          loadCameraModel(device.model ?? DEFAULT_MODEL, host.modelDirs),
          host.clock,
        )
      } catch (error) {
        return [{ device: device.id, level: 'fault', message: (error as Error).message }]
      }
    },
    snapshot: (id, maxAgeMs) => pictures.take(id, () => withClient(id, (client) => client.snapshot()), maxAgeMs),
    gotoPreset: (id, preset) => withClient(id, (client) => client.gotoPreset(preset)),
    streamUri: (id) => withClient(id, (client) => client.streamUri()),
    async stream(id) {
      const uri = await withClient(id, (client) => client.streamUri())
      const { user = '', password = '' } = entries.get(id)?.address ?? {}
      return { uri, user, password }
    },
  }
}

/** @throws WardwatchError `site-invalid` when the entry has no usable address. */
export function addressOf(device: Device): CameraAddress {
  if (!device.url || !URL.canParse(device.url) || !/^https?:$/.test(new URL(device.url).protocol))
    throw new WardwatchError(
      'site-invalid',
      `device ${device.id}: "url" must be the http:// or https:// address of the camera's device service`,
    )
  const url = new URL(device.url)
  if (url.pathname === '/') url.pathname = '/onvif/device_service'
  return { url, user: device.user ?? '', password: device.password ?? '' }
}
