/**
 * What every driver must prove, whatever protocol it speaks: the obligations of `contract.ts` as vitest tests over real
 * sockets. A driver's test gives a twin of its protocol and calls `driverConformance`; this file knows no protocol.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Device } from '#model/context/kinds.ts'
import type { Quarantined, RawReading } from '#model/reading.ts'
import { systemClock } from '#model/system-clock.ts'
import type { Driver, DriverHost } from './contract.ts'

/** What a twin said, as the driver must report it. */
export interface Emitted {
  type: string
  /** Fields that must appear in the value; further ones may be there. */
  value: Record<string, unknown>
}

/** The far side: real protocol servers (or clients) of at least two devices, and one device that never answers. */
export interface ConformanceTwin {
  /** The device that is made to fail. */
  victim: Device
  /** The device that must not notice. */
  witness: Device
  /** A device entry at which nobody answers. */
  dead: Device
  /**
   * The device says one thing that its model file maps. `timeMs` is the source's time, null = the message carries none.
   * Resolves null when the protocol cannot say that at all (then the obligation is skipped by name).
   */
  emit(device: string, timeMs: number | null): Promise<Emitted | null>
  /** The device says something its model file maps but cannot read; null as above. */
  emitUnmappable(device: string): Promise<true | null>
  /** The device goes (power off, process killed), and comes back under the same address. */
  disconnect(device: string): Promise<void>
  reconnect(device: string): Promise<void>
  /** How many times the driver began a connection, session or subscription for this device; null = cannot be seen. */
  connections(device: string): number | null
  close(): Promise<void>
}

export interface ConformanceOptions {
  name: string
  create(host: DriverHost): Driver
  twin(): Promise<ConformanceTwin>
  /** Longest time until a device that came or went is noticed, ms (default 15,000). */
  noticeMs?: number
}

/** A host that keeps everything it is given, for tests of drivers. */
export class RecordingHost implements DriverHost {
  readonly facility: string
  readonly clock = systemClock
  readonly readings: RawReading[] = []
  readonly quarantined: Omit<Quarantined, 'received'>[] = []
  readonly lines: { level: 'info' | 'warn'; event: string; fields: Record<string, unknown> }[] = []
  readonly counters = new Map<string, number>()
  readonly dataDir: string
  readonly modelDirs: string[]
  /** Set to make `accept` slow or failing. */
  onAccept: (readings: RawReading[]) => Promise<void> = async () => {}

  constructor(facility = 'js-03', modelDirs: string[] = []) {
    this.facility = facility
    this.modelDirs = modelDirs
    this.dataDir = mkdtempSync(join(tmpdir(), 'ww-driver-'))
  }

  readonly log = {
    info: (event: string, fields: Record<string, unknown> = {}) => {
      this.lines.push({ level: 'info', event, fields })
    },
    warn: (event: string, fields: Record<string, unknown> = {}) => {
      this.lines.push({ level: 'warn', event, fields })
    },
  }

  /** Smallest possible back-off, so that tests need not wait for chance. */
  random(): number {
    return 0
  }

  async accept(readings: RawReading[]): Promise<void> {
    await this.onAccept(readings)
    this.readings.push(...readings)
  }

  async quarantine(item: Omit<Quarantined, 'received'>): Promise<void> {
    this.quarantined.push(item)
  }

  count(name: string, device?: string, by = 1): void {
    const key = device ? `${name}|${device}` : name
    this.counters.set(key, (this.counters.get(key) ?? 0) + by)
  }

  of(device: string, type: string): RawReading[] {
    return this.readings.filter((reading) => reading.device === device && reading.type === type)
  }

  dispose(): void {
    rmSync(this.dataDir, { recursive: true, force: true })
  }
}

/** Waits until `found` gives something; fails with `what` after `limitMs`. */
export async function eventually<T>(
  what: string,
  found: () => T | undefined | null | false,
  limitMs = 5000,
): Promise<T> {
  const end = systemClock.now() + limitMs
  for (;;) {
    const result = found()
    if (result) return result
    if (systemClock.now() >= end) throw new Error(`not seen within ${limitMs} ms: ${what}`)
    await pause(20)
  }
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Registers the tests of all obligations that can be seen from outside. */
export function driverConformance(options: ConformanceOptions): void {
  const noticeMs = options.noticeMs ?? 15_000
  // Each test may have to notice several comings and goings one after the other.
  const limit = { timeout: noticeMs * 4 + 10_000 }

  describe(`the ${options.name} driver keeps the obligations of every driver`, () => {
    let twin: ConformanceTwin
    let host: RecordingHost
    let driver: Driver

    beforeEach(async () => {
      twin = await options.twin()
      host = new RecordingHost()
      driver = options.create(host)
    })
    afterEach(async () => {
      await driver.stop()
      await twin.close()
      host.dispose()
    })

    const all = () => [twin.victim, twin.dead, twin.witness]
    const online = (device: string, value: boolean, after = 0) =>
      eventually(
        `device.status online=${value} of ${device}`,
        () => host.of(device, 'device.status').slice(after).at(-1)?.value.online === value,
        noticeMs,
      )
    /** Speaks until heard: a device that has just come may speak before the driver listens. */
    async function heard(device: string, timeMs: number | null): Promise<RawReading | null> {
      const before = host.readings.length
      const end = systemClock.now() + noticeMs
      for (;;) {
        const said = await twin.emit(device, timeMs)
        if (!said) return null
        const until = Math.min(end, systemClock.now() + 1000)
        while (systemClock.now() < until) {
          const hit = host.readings
            .slice(before)
            .find(
              (r) =>
                r.device === device &&
                r.type === said.type &&
                (timeMs === null || r.time === timeMs) &&
                Object.entries(said.value).every(([key, value]) => r.value[key] === value),
            )
          if (hit) return hit
          await pause(20)
        }
        if (systemClock.now() >= end)
          throw new Error(`${device} said ${said.type}, and the driver never handed it over`)
      }
    }

    test(
      'start returns at once although one device is dead, and the others come online and are heard',
      limit,
      async () => {
        const before = systemClock.now()
        await driver.start(all())
        expect(systemClock.now() - before).toBeLessThan(2000)
        await Promise.all([online(twin.victim.id, true), online(twin.witness.id, true)])
        expect(await heard(twin.witness.id, systemClock.now())).not.toBeNull()
        expect(host.of(twin.dead.id, 'device.status').some((r) => r.value.online === true)).toBe(false)
        const health = driver.health()
        expect(health.map((h) => h.device).sort()).toEqual(
          all()
            .map((d) => d.id)
            .sort(),
        )
        expect(health.find((h) => h.device === twin.witness.id)?.online).toBe(true)
        expect(health.find((h) => h.device === twin.dead.id)?.online).toBe(false)
      },
    )

    test('the time of the source is kept, and quality is not doubted', limit, async () => {
      await driver.start(all())
      await online(twin.witness.id, true)
      const time = systemClock.now() - 1234
      const reading = await heard(twin.witness.id, time)
      expect(reading?.time).toBe(time)
      expect(reading?.quality ?? 'good').toBe('good')
    })

    test('a message without time gets the time of arrival and quality uncertain', limit, async (context) => {
      await driver.start(all())
      await online(twin.witness.id, true)
      const before = systemClock.now()
      const reading = await heard(twin.witness.id, null)
      if (!reading) return context.skip('this protocol always carries a time')
      expect(reading.quality).toBe('uncertain')
      expect(reading.time).toBeGreaterThanOrEqual(before - 1000)
      expect(reading.time).toBeLessThanOrEqual(systemClock.now())
    })

    test(
      'what cannot be mapped is quarantined with a cause and a sentence, and the device goes on',
      limit,
      async (context) => {
        await driver.start(all())
        await online(twin.victim.id, true)
        await heard(twin.victim.id, systemClock.now())
        if (!(await twin.emitUnmappable(twin.victim.id)))
          return context.skip('everything in this protocol can be mapped')
        const item = await eventually('the quarantine', () => host.quarantined.find((q) => q.device === twin.victim.id))
        expect(item.cause).toMatch(/^[a-z-]+$/)
        expect(item.detail.length).toBeGreaterThan(10)
        expect(await heard(twin.victim.id, systemClock.now())).not.toBeNull()
        expect(await heard(twin.witness.id, systemClock.now())).not.toBeNull()
      },
    )

    test(
      'a device that goes is offline, one that comes back is online and heard, and its neighbour never notices',
      limit,
      async () => {
        await driver.start(all())
        await Promise.all([online(twin.victim.id, true), online(twin.witness.id, true)])
        await twin.disconnect(twin.victim.id)
        await online(twin.victim.id, false)
        expect(driver.health().find((h) => h.device === twin.victim.id)?.reason).toBeTruthy()
        expect(await heard(twin.witness.id, systemClock.now())).not.toBeNull()
        await twin.reconnect(twin.victim.id)
        await online(twin.victim.id, true)
        expect(await heard(twin.victim.id, systemClock.now())).not.toBeNull()
        expect(host.of(twin.witness.id, 'device.status').every((r) => r.value.online === true)).toBe(true)
      },
    )

    test('an update begins the new device, ends the removed one and leaves the others alone', limit, async () => {
      await driver.start([twin.victim, twin.witness])
      await Promise.all([online(twin.victim.id, true), online(twin.witness.id, true)])
      const connections = twin.connections(twin.witness.id)
      const spoken = host.of(twin.witness.id, 'device.status').length
      await driver.update([twin.witness, twin.dead])
      expect(
        driver
          .health()
          .map((h) => h.device)
          .sort(),
      ).toEqual([twin.dead.id, twin.witness.id].sort())
      expect(await heard(twin.witness.id, systemClock.now())).not.toBeNull()
      if (connections !== null) expect(twin.connections(twin.witness.id)).toBe(connections)
      expect(host.of(twin.witness.id, 'device.status').length).toBe(spoken)
      const before = host.readings.filter((r) => r.device === twin.victim.id && r.type !== 'device.status').length
      await twin.emit(twin.victim.id, systemClock.now()).catch(() => null)
      await heard(twin.witness.id, systemClock.now() + 1)
      expect(host.readings.filter((r) => r.device === twin.victim.id && r.type !== 'device.status').length).toBe(before)
      await driver.update([twin.witness, twin.dead, twin.victim])
      expect(await heard(twin.victim.id, systemClock.now())).not.toBeNull()
    })

    test('stop is over within 3 s with one device dead, and nothing is emitted afterwards', limit, async () => {
      await driver.start(all())
      await online(twin.witness.id, true)
      await twin.disconnect(twin.victim.id)
      const before = systemClock.now()
      await driver.stop()
      expect(systemClock.now() - before).toBeLessThan(3000)
      const count = host.readings.length
      await twin.emit(twin.witness.id, systemClock.now()).catch(() => null)
      await pause(700)
      expect(host.readings.length).toBe(count)
    })

    test('a fault that repeats is logged at most once a minute a device', limit, async () => {
      await driver.start(all())
      await online(twin.witness.id, true)
      for (let i = 0; i < 3; i++) await twin.emitUnmappable(twin.victim.id).catch(() => null)
      // Long enough for several attempts at the dead device with the smallest back-off.
      await pause(4000)
      const seen = new Map<string, number>()
      for (const line of host.lines.filter((l) => l.level === 'warn')) {
        const key = `${String(line.fields.device)} ${line.event}`
        seen.set(key, (seen.get(key) ?? 0) + 1)
      }
      expect([...seen].filter(([, times]) => times > 1)).toEqual([])
    })
  })
}
