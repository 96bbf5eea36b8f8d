/**
 * The life of one camera: connect, subscribe, pull for ever, come back after every kind of fault. It never spins, never
 * floods a log, and never waits for another camera but at the gate.
 */
import type { Timer } from '#model/clock.ts'
import type { Device } from '#model/context/kinds.ts'
import { WardwatchError } from '#model/errors.ts'
import { sha256Hex } from '#model/ids.ts'
import type { Quarantined, RawReading } from '#model/reading.ts'
import { type DeviceHealth, type DriverHost, saidOffset } from '../contract.ts'
import { Backoff, type QuietLog } from '../supervision.ts'
import { type CameraAddress, CameraClient } from './camera-client.ts'
import type { ConnectGate } from './connect-gate.ts'
import { EventReader } from './event-reader.ts'
import type { CameraModel } from './model.ts'
import { EARLIEST_MS, LATEST_MS } from './notification.ts'
import { type PullAnswer, PullPoint } from './pull-point.ts'

export interface SessionLimits {
  /** No answer of any kind for so long = begin anew. */
  watchdogMs: number
  /** Shortest time between the starts of two pulls; cameras that answer at once with nothing get `idlePullMs`. */
  pullSpacingMs: number
  idlePullMs: number
  longestPullMs: number
  messageLimit: number
  /** A lost camera that is back within this time was never offline. */
  graceMs: number
  clockEveryMs: number
  backoffFirstMs: number
  backoffMaxMs: number
}

export const SESSION_LIMITS: SessionLimits = {
  watchdogMs: 90_000,
  pullSpacingMs: 50,
  idlePullMs: 1000,
  longestPullMs: 60_000,
  messageLimit: 100,
  graceMs: 3000,
  clockEveryMs: 10 * 60_000,
  backoffFirstMs: 1000,
  backoffMaxMs: 60_000,
}

/** After so long a good life, the next fault is a new one. */
const HEALTHY_MS = 30_000
/** Offset changes smaller than this are not worth a reading (`contract.ts`, obligation 1, asks for 200). */
const CLOCK_STEP_MS = 100

export interface SessionDeps {
  host: DriverHost
  log: QuietLog
  gate: ConnectGate
  limits: SessionLimits
  emit(readings: RawReading[]): Promise<void>
  quarantine(item: Omit<Quarantined, 'received'>): Promise<void>
}

export class CameraSession {
  readonly device: Device
  readonly #deps: SessionDeps
  readonly #address: CameraAddress
  readonly #backoff: Backoff
  readonly #reader: EventReader
  readonly #stop = new AbortController()
  #client: CameraClient | null = null
  #subscription: PullPoint | null = null
  #online: boolean | null = null
  #reason: string | null = 'not connected yet'
  #lastSeen: number | null = null
  #offset: { value: number; toldAt: number } | null = null
  #grace: Timer | null = null
  #failures = 0
  #lastGarbage = ''

  constructor(device: Device, model: CameraModel, address: CameraAddress, deps: SessionDeps) {
    this.device = device
    this.#deps = deps
    this.#address = address
    this.#backoff = new Backoff(() => deps.host.random(), deps.limits.backoffFirstMs, deps.limits.backoffMaxMs)
    this.#reader = new EventReader(device, model, deps)
  }

  get client(): CameraClient | null {
    return this.#client?.closed ? null : this.#client
  }

  health(): DeviceHealth {
    return {
      device: this.device.id,
      online: this.#online === true,
      reason: this.#reason,
      lastSeen: this.#lastSeen,
      offsetMs: this.#offset?.value ?? null,
    }
  }

  /** Runs until `end` is called. */
  async run(): Promise<void> {
    const { host, limits } = this.#deps
    while (!this.#stop.signal.aborted) {
      const began = host.clock.now()
      try {
        await this.#live()
      } catch (error) {
        if (this.#stop.signal.aborted) return
        if (this.#online === true && host.clock.now() - began > HEALTHY_MS) this.#backoff.reset()
        await this.#lost(error)
      } finally {
        // On a stop `end` still says goodbye over this connection, and closes it.
        if (!this.#stop.signal.aborted) this.#client?.close()
        this.#client = null
        this.#subscription = null
      }
      if (this.#stop.signal.aborted) return
      await this.#sleep(this.#reason === WRONG_PASSWORD ? limits.backoffMaxMs : this.#backoff.nextMs())
    }
  }

  /** Ends at once; says goodbye to the camera only as long as `goodbyeMs`. */
  async end(goodbyeMs: number): Promise<void> {
    this.#grace?.cancel()
    const client = this.#client
    const subscription = this.#subscription
    this.#stop.abort()
    this.#reader.close()
    if (subscription && goodbyeMs > 0) await subscription.unsubscribe(goodbyeMs).catch(() => {})
    client?.close()
  }

  async #live(): Promise<void> {
    const { host, gate, limits } = this.#deps
    const leave = await gate.enter(this.#failures > 1, this.#stop.signal)
    if (this.#stop.signal.aborted) return leave()
    const client = new CameraClient(this.#address, host.clock)
    this.#client = client
    let events: URL | null
    try {
      let answered = host.clock.now()
      client.onAnswer = () => {
        answered = host.clock.now()
        this.#lastSeen = answered
      }
      this.#watch(client, () => answered)
      await this.#askClock(client)
      events = (await client.services()).events
      if (events) this.#subscription = await PullPoint.create(client, events)
      else await client.deviceInformation()
    } finally {
      leave()
    }
    if (this.#stop.signal.aborted) return
    if (!events || !this.#subscription) {
      await this.#come('has no event service: only pictures, no detections')
      return this.#keepAlive(client)
    }
    await this.#tellClock(client)
    this.#refineClock(client, 4)
    await this.#pullForEver(client, events, limits)
  }

  /** A camera without events: ask its clock once a minute, so that its absence is seen. */
  async #keepAlive(client: CameraClient): Promise<void> {
    for (;;) {
      await this.#sleep(60_000)
      if (this.#stop.signal.aborted) return
      await this.#askClock(client)
    }
  }

  /** A camera that refuses this one question is still a camera: its offset stays unknown. */
  async #askClock(client: CameraClient): Promise<void> {
    try {
      await client.measureClock()
    } catch (error) {
      if (!(error instanceof WardwatchError) || error.code !== 'device-refused') throw error
      this.#deps.log.warn(this.device.id, 'onvif.no-clock', { detail: error.message })
    }
    await this.#tellClock(client)
  }

  async #pullForEver(client: CameraClient, events: URL, limits: SessionLimits): Promise<void> {
    const { host } = this.#deps
    const subscribedAt = { value: host.clock.now() }
    let clockDue = host.clock.now() + limits.clockEveryMs * (0.8 + host.random() * 0.2)
    let renewRefused = false
    let faults = 0
    while (!this.#stop.signal.aborted) {
      const subscription = this.#subscription as PullPoint
      const started = host.clock.now()
      // The first pull is short: a camera that accepts a subscription but never answers is noticed soon.
      const first = this.#online !== true
      let answer: PullAnswer
      const waitMs = first ? 1000 : Math.min(limits.longestPullMs, subscription.longestPullMs)
      try {
        answer = await subscription.pull(waitMs, limits.messageLimit)
        faults = 0
      } catch (error) {
        if (this.#stop.signal.aborted || client.closed) throw error
        const waited = host.clock.now() - started
        if (waited >= waitMs * 0.8 && waited <= waitMs + 5000) {
          // Some cameras end a pull in which nothing happened by hanging up or by a fault: that is "nothing", too.
          host.count('pulls-broken-off', this.device.id)
          answer = { messages: [], xml: '', currentTime: null, elapsedMs: waited }
        } else {
          // Only a fault told in good order means that the subscription is gone and the camera is well.
          if (!(error instanceof WardwatchError) || error.code !== 'device-refused' || ++faults > 1) throw error
          host.count('resubscribed', this.device.id)
          this.#subscription = await PullPoint.create(client, events)
          subscribedAt.value = host.clock.now()
          continue
        }
      }
      await this.#come(null)
      host.count('pulls', this.device.id)
      const opening = started - subscribedAt.value < 2000 && host.clock.now() - subscribedAt.value < 5000
      await this.#reader.take(answer, opening)
      if (this.#stop.signal.aborted) return
      if (subscription.renewalDue) {
        if (!renewRefused) {
          try {
            await subscription.renew()
          } catch (error) {
            if (!(error instanceof WardwatchError) || error.code === 'device-unreachable') throw error
            renewRefused = true
            host.count('renew-refused', this.device.id)
            this.#deps.log.warn(this.device.id, 'onvif.renew-refused', { detail: error.message })
          }
        }
        if (renewRefused) {
          await this.#replaceSubscription(client, events)
          subscribedAt.value = host.clock.now()
        }
      }
      if (host.clock.now() >= clockDue) {
        clockDue = host.clock.now() + limits.clockEveryMs * (0.8 + host.random() * 0.2)
        await this.#askClock(client)
      }
      const elapsed = host.clock.now() - started
      // A camera that answers at once with nothing ignores the time-out: without this pause it would be a hot loop.
      const spacing = answer.messages.length > 0 ? limits.pullSpacingMs : limits.idlePullMs
      if (elapsed < spacing) await this.#sleep(spacing - elapsed)
    }
  }

  /** A camera that refuses Renew gets a new subscription before the old one ends; nothing is lost or told twice. */
  async #replaceSubscription(client: CameraClient, events: URL): Promise<void> {
    const old = this.#subscription as PullPoint
    this.#subscription = await PullPoint.create(client, events)
    try {
      this.#reader.overlap(this.#deps.host.clock.now())
      await this.#reader.take(await old.pull(0, this.#deps.limits.messageLimit), false)
      await old.unsubscribe(2000)
    } catch {
      // The old one may already be gone; the new one holds.
    }
  }

  /** Whole seconds of GetSystemDateAndTime become fine by a few answers at different fractions of the second. */
  #refineClock(client: CameraClient, samples: number): void {
    if (samples === 0 || client.offset.widthMs <= 300) return
    this.#deps.host.clock.after(1270, () => {
      if (client.closed || this.#stop.signal.aborted) return
      client
        .measureClock()
        .then(() => this.#tellClock(client))
        .then(() => this.#refineClock(client, samples - 1))
        .catch(() => {})
    })
  }

  async #tellClock(client: CameraClient): Promise<void> {
    const offset = client.offset.offsetMs
    if (offset === null) return
    const { host, limits } = this.#deps
    const now = host.clock.now()
    const known = this.#offset
    if (known && Math.abs(known.value - offset) <= CLOCK_STEP_MS && now - known.toldAt < limits.clockEveryMs * 0.75)
      return
    this.#offset = { value: offset, toldAt: now }
    // In the camera's own time, so that it stands before the readings that it corrects (`semantics.md` 1).
    const time = now + offset
    const usable = time >= EARLIEST_MS && time <= LATEST_MS
    await this.#deps.emit([
      {
        device: this.device.id,
        type: 'device.clock',
        time: usable ? time : now,
        received: now,
        quality: usable ? 'good' : 'uncertain',
        value: { offset_ms: saidOffset(offset) },
      },
    ])
  }

  #watch(client: CameraClient, answered: () => number): void {
    const { host, limits } = this.#deps
    const check = () => {
      if (client.closed) return
      const silent = host.clock.now() - answered()
      // A journal that holds us up is not the camera's fault.
      if (silent >= limits.watchdogMs && !this.#reader.busy) {
        host.count('watchdog', this.device.id)
        client.close(`the camera has said nothing for ${Math.round(silent / 1000)} s`)
      } else host.clock.after(Math.max(1000, limits.watchdogMs - silent), check)
    }
    host.clock.after(limits.watchdogMs, check)
  }

  async #come(reason: string | null): Promise<void> {
    this.#grace?.cancel()
    this.#grace = null
    this.#failures = 0
    this.#reason = reason
    if (this.#online === true) return
    const { host } = this.#deps
    this.#online = true
    host.log.info('onvif.online', { device: this.device.id })
    await this.#status(true)
  }

  async #lost(error: unknown): Promise<void> {
    const { host, log, limits } = this.#deps
    const known = error instanceof WardwatchError
    const message = known ? error.message : String((error as Error)?.message ?? error)
    this.#failures++
    this.#reason = known && error.code === 'bad-credential' ? WRONG_PASSWORD : message
    host.count('reconnects', this.device.id)
    log.warn(this.device.id, 'onvif.lost', { detail: message, code: known ? error.code : 'internal' })
    if (known && error.code === 'bad-payload') await this.#keepGarbage(message)
    if (this.#online === false) return
    // Never seen, or a second failure in a row: gone. Else it gets the grace of a moment to come back.
    if (this.#online === null || this.#failures > 1) return this.#go()
    this.#grace ??= host.clock.after(limits.graceMs, () => void this.#go())
  }

  async #go(): Promise<void> {
    this.#grace?.cancel()
    this.#grace = null
    if (this.#online === false || this.#stop.signal.aborted) return
    const first = this.#online === null
    this.#online = false
    await this.#status(false, first || this.#reason === WRONG_PASSWORD ? 'driver' : 'session-lost')
  }

  async #status(online: boolean, reason?: string): Promise<void> {
    const now = this.#deps.host.clock.now()
    await this.#deps.emit([
      {
        device: this.device.id,
        type: 'device.status',
        time: now,
        received: now,
        value: reason ? { online, reason } : { online },
      },
    ])
  }

  /** Nonsense is kept once per kind, then counted. */
  async #keepGarbage(detail: string): Promise<void> {
    this.#deps.host.count('garbage', this.device.id)
    const payload = this.#client?.lastNonsense ?? ''
    const digest = sha256Hex(payload || detail)
    if (digest === this.#lastGarbage) return
    this.#lastGarbage = digest
    await this.#deps.quarantine({
      source: `onvif:${this.device.id}`,
      device: this.device.id,
      cause: 'bad-payload',
      detail,
      payload: payload.slice(0, 65_536),
    })
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stop.signal.aborted) return resolve()
      const wake = () => {
        this.#stop.signal.removeEventListener('abort', wake)
        timer.cancel()
        resolve()
      }
      const timer = this.#deps.host.clock.after(ms, wake)
      this.#stop.signal.addEventListener('abort', wake, { once: true })
    })
  }
}

export const WRONG_PASSWORD = 'the camera refuses user or password; set them in the site file'
