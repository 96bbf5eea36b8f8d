/**
 * Takes the answers of PullMessages of one camera and hands readings over in order: unmapped topics kept once, faults
 * quarantined, pulses followed by their end, repeats after a change of subscription recognised.
 */
import type { Timer } from '#model/clock.ts'
import type { Device } from '#model/context/kinds.ts'
import type { RawReading } from '#model/reading.ts'
import type { SessionDeps } from './camera-session.ts'
import type { CameraModel } from './model.ts'
import { type CameraEvent, notificationTexts, readNotification } from './notification.ts'
import type { PullAnswer } from './pull-point.ts'
import { mapEvent } from './reading-mapper.ts'

/** A state of which only the beginning is told ends after this (`contract.ts`, obligation 5). */
const PULSE_MS = 2000
const MOST_TOPICS = 200
const MOST_ORDINALS = 500
const MOST_QUARANTINED_PER_MINUTE = 60
const OVERLAP_MS = 10_000

export class EventReader {
  readonly #device: Device
  readonly #model: CameraModel
  readonly #deps: Pick<SessionDeps, 'host' | 'log' | 'emit' | 'quarantine'>
  readonly #unmapped = new Set<string>()
  readonly #pulses = new Map<string, Timer>()
  /** How often an event with exactly these items and this time has come; bounded, oldest first out. */
  readonly #ordinals = new Map<string, number>()
  /** Class of object of each detection that has begun and not ended. */
  readonly #began = new Map<string, string>()
  #overlap: { until: number; draining: boolean; told: Map<string, number> } | null = null
  #quarantined = { since: 0, count: 0 }
  #closed = false
  /** True while readings wait to become durable. */
  busy = false

  constructor(device: Device, model: CameraModel, deps: Pick<SessionDeps, 'host' | 'log' | 'emit' | 'quarantine'>) {
    this.#device = device
    this.#model = model
    this.#deps = deps
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#pulses.values()) timer.cancel()
    this.#pulses.clear()
  }

  /** The next answer comes from the old subscription; what it tells, the new one will tell again. */
  overlap(now: number): void {
    this.#overlap = { until: now + OVERLAP_MS, draining: true, told: new Map() }
  }

  /** @param opening the answer is among the first after subscribing. */
  async take(answer: PullAnswer, opening: boolean): Promise<void> {
    if (answer.messages.length === 0 && !this.#overlap) return
    const { host } = this.#deps
    const received = host.clock.now()
    const readings: RawReading[] = []
    const inAnswer = new Map<string, number>()
    let texts: string[] | null = null
    const original = (index: number): string => {
      texts ??= notificationTexts(answer.xml)
      return texts[index] ?? JSON.stringify(answer.messages[index])
    }
    this.busy = true
    try {
      for (const [index, node] of answer.messages.entries()) {
        host.count('events', this.#device.id)
        const event = readNotification(node)
        if (!event) {
          await this.#refuse(
            'bad-payload',
            'a notification without topic; nothing can be read from it',
            original(index),
          )
          continue
        }
        const key = JSON.stringify([event.rawTopic, event.operation, event.time, event.source, event.key, event.data])
        if (this.#alreadyTold(key, received)) continue
        const retold = opening && event.operation === 'Initialized'
        const ordinal = retold ? count(inAnswer, key) : count(this.#ordinals, key)
        const mapped = mapEvent(this.#device, this.#model, event, {
          received,
          deviceNow: answer.currentTime,
          opening,
          ordinal,
        })
        if (mapped.kind === 'ignored') host.count('ignored', this.#device.id)
        else if (mapped.kind === 'unmapped') await this.#keepUnmapped(event, original(index))
        else if (mapped.kind === 'fault') await this.#refuse(mapped.cause, mapped.detail, original(index))
        else {
          this.#nameEnd(event, mapped.reading)
          readings.push(mapped.reading)
          this.#followPulse(event, mapped.reading, mapped.mapping.pulse === true)
        }
      }
      for (const key of this.#ordinals.keys()) {
        if (this.#ordinals.size <= MOST_ORDINALS) break
        this.#ordinals.delete(key)
      }
      if (this.#overlap) this.#overlap.draining = false
      if (readings.length > 0) await this.#deps.emit(readings)
    } finally {
      this.busy = false
    }
  }

  #alreadyTold(key: string, now: number): boolean {
    const overlap = this.#overlap
    if (!overlap) return false
    if (overlap.draining) {
      overlap.told.set(key, (overlap.told.get(key) ?? 0) + 1)
      return false
    }
    if (now > overlap.until) {
      this.#overlap = null
      return false
    }
    const told = overlap.told.get(key) ?? 0
    if (told === 0) return false
    overlap.told.set(key, told - 1)
    this.#deps.host.count('duplicates', this.#device.id)
    return true
  }

  /** The end of a detection often names no class any more: it ends what began, so it bears the class of the beginning. */
  #nameEnd(event: CameraEvent, reading: RawReading): void {
    const { value } = reading
    if (typeof value.active !== 'boolean' || typeof value.object !== 'string') return
    const key = JSON.stringify([reading.type, event.topic, event.source, event.key])
    const began = this.#began.get(key)
    this.#began.delete(key)
    if (value.active) {
      if (this.#began.size >= MOST_TOPICS) this.#began.clear()
      this.#began.set(key, value.object)
    } else if (began !== undefined && value.object === 'unknown') value.object = began
  }

  #followPulse(event: CameraEvent, reading: RawReading, pulse: boolean): void {
    const key = JSON.stringify([reading.type, event.topic, event.source])
    this.#pulses.get(key)?.cancel()
    this.#pulses.delete(key)
    if (!pulse || reading.value.active !== true || this.#closed) return
    const timer = this.#deps.host.clock.after(PULSE_MS, () => {
      this.#pulses.delete(key)
      const end = { ...reading, time: (reading.time as number) + PULSE_MS, value: { ...reading.value, active: false } }
      delete end.id
      end.received = this.#deps.host.clock.now()
      void this.#deps.emit([end])
    })
    this.#pulses.set(key, timer)
  }

  async #keepUnmapped(event: CameraEvent, payload: string): Promise<void> {
    this.#deps.host.count('unmapped', this.#device.id)
    if (this.#unmapped.has(event.topic) || this.#unmapped.size >= MOST_TOPICS) return
    this.#unmapped.add(event.topic)
    await this.#deps.quarantine({
      source: `onvif:${this.#device.id}`,
      device: this.#device.id,
      cause: 'unmapped',
      detail: `topic ${event.rawTopic} is not mapped; add a line to the model file "${this.#model.id}" (or ignore: true)`,
      payload: payload.slice(0, 65_536),
    })
  }

  async #refuse(cause: string, detail: string, payload: string): Promise<void> {
    const { host, log } = this.#deps
    const now = host.clock.now()
    if (now - this.#quarantined.since >= 60_000) this.#quarantined = { since: now, count: 0 }
    host.count('unreadable', this.#device.id)
    log.warn(this.#device.id, 'onvif.unreadable', { detail })
    if (this.#quarantined.count++ >= MOST_QUARANTINED_PER_MINUTE)
      return host.count('quarantine-limited', this.#device.id)
    await this.#deps.quarantine({
      source: `onvif:${this.#device.id}`,
      device: this.#device.id,
      cause,
      detail,
      payload: payload.slice(0, 65_536),
    })
  }
}

/** How many equal ones came before. */
function count(seen: Map<string, number>, key: string): number {
  const before = seen.get(key) ?? 0
  seen.delete(key)
  seen.set(key, before + 1)
  return before
}
