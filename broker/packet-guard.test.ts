import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import mqttPacket from 'mqtt-packet'
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { FrameScanner, guardConnection, TokenBucket } from './packet-guard.ts'

const publish = (bytes: number) =>
  mqttPacket.generate({ cmd: 'publish', topic: 'a/b', payload: Buffer.alloc(bytes), qos: 0, dup: false, retain: false })
const ping = mqttPacket.generate({ cmd: 'pingreq' })

describe('the frame scanner', () => {
  test('counts the same messages however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(3000), fc.constant(-1)), { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 50 }),
        (sizes, cuts) => {
          const stream = Buffer.concat(sizes.map((size) => (size < 0 ? ping : publish(size))))
          const scanner = new FrameScanner(10_000)
          let count = 0
          let at = 0
          for (let i = 0; at < stream.length; i++) {
            const end = at + (cuts[i % cuts.length] as number)
            count += scanner.scan(stream.subarray(at, end))
            at = end
          }
          expect(count).toBe(sizes.filter((size) => size >= 0).length)
        },
      ),
    )
  })

  test('knows an oversized packet by its header, one byte at a time as well', () => {
    const scanner = new FrameScanner(1000)
    const bytes = publish(2000)
    expect([
      scanner.scan(bytes.subarray(0, 1)),
      scanner.scan(bytes.subarray(1, 2)),
      scanner.scan(bytes.subarray(2, 3)),
    ]).toEqual([1, 0, -1])
    expect(new FrameScanner(1000).scan(publish(900))).toBe(1)
  })
})

describe('the token bucket', () => {
  test('lets a burst pass, then holds the rate, also when the clock steps back', () => {
    const bucket = new TokenBucket(10, 5, 1000)
    expect(bucket.take(5, 1000)).toBe(0)
    expect(bucket.take(1, 1000)).toBe(100)
    expect(bucket.take(1, 1200)).toBe(0)
    expect(bucket.take(1, 0)).toBeCloseTo(100)
    expect(bucket.take(0, 100)).toBe(0)
  })
})

describe('the guard', () => {
  function guarded(full: () => boolean = () => false) {
    const clock = new VirtualClock(0)
    const conn = new PassThrough()
    const seen: string[] = []
    const bucket = new TokenBucket(10, 5, 0)
    const guard = guardConnection(conn, {
      clock,
      maxPacketBytes: 1000,
      maxDelayMs: 300,
      maxThrottledMs: 1000,
      bucket: () => bucket,
      full,
      onOversize: () => seen.push('oversize'),
      onThrottle: (ms) => seen.push(`throttle ${ms}`),
      onOverrun: () => seen.push('overrun'),
    })
    return { clock, conn, seen, guard }
  }

  test('delays reading by what the rate demands, at most by its bound, and cuts who never pauses', () => {
    const { clock, conn, seen } = guarded()
    conn.write(Buffer.concat(Array.from({ length: 7 }, () => publish(1))))
    expect(conn.read()).not.toBeNull()
    expect(seen).toEqual(['throttle 200'])
    conn.write(Buffer.concat(Array.from({ length: 100 }, () => publish(1))))
    expect(conn.read()).toBeNull()
    clock.advanceTo(200)
    expect(conn.read()).not.toBeNull()
    expect(seen.at(-1)).toBe('throttle 300')
    clock.advanceTo(1500)
    conn.write(publish(1))
    expect(conn.read()).toBeNull()
    expect(seen.at(-1)).toBe('overrun')
    expect(conn.destroyed).toBe(true)
  })

  test('reads nothing while the journal is full and goes on when woken', () => {
    let full = true
    const { conn, guard } = guarded(() => full)
    let woken = 0
    conn.on('readable', () => woken++)
    conn.write(ping)
    expect(conn.read()).toBeNull()
    full = false
    guard.wake()
    expect(woken).toBeGreaterThan(0)
    expect(conn.read()).toEqual(ping)
  })

  test('destroys the connection at an oversized header', () => {
    const { conn, seen } = guarded()
    conn.write(publish(2000))
    expect(conn.read()).toBeNull()
    expect(seen).toEqual(['oversize'])
    expect(conn.destroyed).toBe(true)
  })
})
